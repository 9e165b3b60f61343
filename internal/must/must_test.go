package must_test

import (
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/internal/must"
)

// tests are those of a package.
type tests func() int

func (f tests) Run() int { return f() }

// TestSettled waits for what ends by itself, not for what stays, and for nothing behind tests
// that have failed.
func TestSettled(t *testing.T) {
	for name, c := range map[string]struct {
		code   int
		leaves time.Duration // that something of the tests lasts
		took   time.Duration
	}{
		"nothing is left":  {0, 0, 0},
		"slow":             {0, 3 * time.Second, 3 * time.Second},
		"for ever":         {0, time.Hour, 30 * time.Second},
		"failed, and slow": {1, 3 * time.Second, 0},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				began := time.Now()
				left := func() error {
					if time.Since(began) < c.leaves {
						return errors.New("something is left")
					}
					return nil
				}
				code := must.Settled(tests(func() int { return c.code }), left).Run()
				if took := time.Since(began); code != c.code || took != c.took {
					t.Errorf("code %d after %v, want %d after %v", code, took, c.code, c.took)
				}
			})
		})
	}
}
