package micro_test

import (
	"testing"

	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/internal/must"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(must.Settled(m, func() error { return goleak.Find() }))
}
