package micro_test

import (
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/micro"
)

// TestActorsMayDie: those of a service and its endpoints only show what there is. Whichever of
// their messages they fail at, requests are answered, those without room as well, and the
// tree is right again.
func TestActorsMayDie(t *testing.T) {
	for n := 1; n <= 25; n++ {
		t.Run(fmt.Sprint(n), func(t *testing.T) {
			inBubble(t, micro.Config{}, func(p *place) {
				run := p.b.Inject(fmt.Sprintf("when index(%d) actor(actor) panic", n))
				defer run.Stop()
				gate := make(chan struct{})
				p.add("full", micro.HandlerFunc(func(r micro.Request) { <-gate; _ = r.Respond(nil) }), micro.WithEndpointPendingLimits(1, -1))
				var asked []chan string
				for i := range 5 {
					p.add(fmt.Sprint("e", i), echo)
					asked = append(asked, p.asking("full", "", time.Hour))
					time.Sleep(time.Second)
					must.Do(t, p.svc.RemoveEndpoint(fmt.Sprint("e", i)))
				}
				close(gate)
				outcomes := map[string]int{}
				for _, outcome := range asked {
					outcomes[<-outcome]++
				}
				if outcomes[""] != 1 || outcomes["OVERLOADED: there is no room for the request"] != 4 {
					t.Errorf("%v", outcomes)
				}
				p.add("last", echo)
				synctest.Wait()
				if children := p.node("").Children; len(children) != 2 {
					t.Errorf("%v", p.node(""))
				}
				p.expectState("full", "serving", api.Well)
				p.expectState("last", "serving", api.Well)
			})
		})
	}
}
