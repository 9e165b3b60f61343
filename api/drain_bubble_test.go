package api_test

import (
	"testing"
	"testing/synctest"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
)

// TestDrainWaitsForThoseThatLeave: subscriptions that the server has ended, but whose
// handlers have not finished.
func TestDrainWaitsForThoseThatLeave(t *testing.T) {
	const count = 10
	for name, leave := range map[string]func(*testing.T, *api.Subscription){
		"at their limit": func(t *testing.T, sub *api.Subscription) { must.Do(t, sub.AutoUnsubscribe(count)) },
		"drained before": func(t *testing.T, sub *api.Subscription) { must.Do(t, sub.Drain()) },
	} {
		t.Run(name, func(t *testing.T) {
			bubble(t, func(t *testing.T, _ *natsserver.Server, nc *api.Conn) {
				gate, handled := make(chan struct{}), make(chan struct{}, 2*count)
				sub := must.Get(nc.Subscribe("a", func(*api.Msg) { <-gate; handled <- struct{}{} }))(t)
				for range count {
					must.Do(t, nc.Publish("a", nil))
				}
				flushed(t, nc)
				leave(t, sub)
				for range count {
					must.Do(t, nc.Publish("a", nil)) // these are too late
				}
				flushed(t, nc)
				drained := make(chan api.Report, 1)
				go func() { drained <- must.Get(nc.DrainContext(must.Within(t, patience)))(t) }()
				synctest.Wait()
				if !nc.IsDraining() || len(drained) > 0 {
					t.Errorf("the drain has not waited: %v", nc.Status())
				}
				close(gate)
				if report := <-drained; len(handled) != count || report.Undelivered != 0 {
					t.Errorf("%d handled, want %d; report %+v", len(handled), count, report)
				}
			})
		})
	}
}
