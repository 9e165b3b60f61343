package bucket_test

import (
	"context"
	"errors"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/bucket"
)

// after returns whether a patience has ended when d has passed.
func after(p *bucket.Patience, d time.Duration) bool {
	time.Sleep(d)
	synctest.Wait()
	return p.Context.Err() != nil
}

func TestPatienceEndsWhenNothingComes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var none context.Context // allowed
		p := bucket.NewPatience(none, "list", time.Second)
		defer p.End()
		for range 3 {
			if after(p, 900*time.Millisecond) {
				t.Fatal("it has ended though something came")
			}
			p.Came()
			if after(p, time.Hour) {
				t.Fatal("it has ended while the program was at work")
			}
			p.Wait()
		}
		if !after(p, 1100*time.Millisecond) {
			t.Fatal("it waits on")
		}
		var late *api.TimeoutError
		if err := context.Cause(p.Context); !errors.As(err, &late) || late.Op != "list" || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("it has ended with %v", err)
		}
	})
}

func TestPatienceWithADeadline(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, cancel := context.WithTimeout(t.Context(), time.Hour)
		defer cancel()
		p := bucket.NewPatience(ctx, "list", time.Second)
		defer p.End()
		p.Came()
		p.Wait()
		if after(p, 59*time.Minute) || !after(p, 2*time.Minute) {
			t.Error("it has not ended with its context")
		}
	})
}
