package proof_test

import (
	"strings"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/check"
	"github.com/troupe-go/troupe/internal/must"
)

// TestC06ThePublisherOutlivesItsActors has the actor of a publisher panic, and the
// connection restart as a whole, while messages have no outcome yet, again and again. G1, G2, G3:
// all of them are acked, and there once. G16: there is one publisher, with one
// subscription, in the end.
func TestC06ThePublisherOutlivesItsActors(t *testing.T) {
	publish(t, func(t *testing.T, r *publishing) {
		for _, kind := range []string{"actor", "connection", "subscriptions", "actor"} {
			hold := must.Get(r.Link("client", "s1").Inject("blackhole"))(t)
			var all []underway
			for range 20 {
				all = append(all, r.send(t, true))
			}
			run := r.Inject("when index(1) actor(" + kind + ") panic\nat 1s link(client, s1) reset")
			time.Sleep(2 * time.Second)
			hold.Lift()
			for _, u := range all {
				if err := r.ends(t, u); err != nil {
					t.Errorf("%s: %v", kind, err)
				}
			}
			if run.Hits()[0] == 0 && kind == "actor" {
				t.Errorf("%s did not panic", kind)
			}
			run.Stop()
		}
		publishers, dispatchers := 0, 0
		r.nc.Tree().Walk(func(n api.Node, _ int) bool {
			if strings.Contains(n.Path, "/consumers/publisher-") {
				publishers++
			}
			if strings.Contains(n.Path, "/dispatcher-") {
				dispatchers++
			}
			return true
		})
		if publishers != 1 || dispatchers != 1 {
			t.Errorf("%d publishers and %d dispatchers:\n%v", publishers, dispatchers, r.nc.Tree())
		}
		r.judge(t)
		must.Do(t, r.history.Validate(check.G12))
	})
}
