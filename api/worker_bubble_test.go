package api_test

import (
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
)

// TestARestartForgetsNoWorker: workers have failed and wait for their restart, each with an
// unfinished message, when overflow restarts all of them. The new ones finish those messages,
// although no others arrive.
func TestARestartForgetsNoWorker(t *testing.T) {
	bubble(t, func(t *testing.T, _ *natsserver.Server, nc *api.Conn) {
		longer := api.Backoff{Initial: time.Millisecond, Factor: 1e6, Max: time.Hour} // the second pause is long
		sub := must.Get(nc.Subscribe("a", func(*api.Msg) { panic("of the test") }, api.Concurrency(2), api.PendingLimits(2, -1),
			api.OnOverflow(api.RestartEmpty), api.OnPanic(api.Policy{Directive: api.Restart,
				Intensity: api.Intensity{Max: 100, Within: time.Second}, Exceeded: api.Stop, Backoff: longer})))(t)
		for dropped := 0; dropped == 0; dropped, _ = sub.Dropped() {
			must.Do(t, nc.Publish("a", nil))
			flushed(t, nc)
			time.Sleep(10 * time.Millisecond)
		}
		must.Do(t, sub.DrainContext(must.Within(t, patience)))
	})
}
