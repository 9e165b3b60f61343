package micro_test

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/micro"
)

// stubbornly does not leave before its minute is over.
var stubbornly = micro.Func(func(_ context.Context, r micro.Request) error {
	time.Sleep(time.Minute)
	return r.Respond(r.Data())
})

// askingMany asks that many times, and returns a function that counts the outcomes.
func (p *place) askingMany(subject string, n int, patience time.Duration) (outcomes func() map[string]int) {
	var asked []chan string
	for range n {
		asked = append(asked, p.asking(subject, "x", patience))
	}
	return func() map[string]int {
		all := map[string]int{}
		for _, outcome := range asked {
			all[<-outcome]++
		}
		return all
	}
}

const (
	stops   = "UNAVAILABLE: the endpoint stops"
	leaves  = "INTERRUPTED: the endpoint has ended"
	waiting = 10
)

// TestCloseAnswersWhatWaits: what waits in a service when its connection closes is answered,
// and handlers that leave are.
func TestCloseAnswersWhatWaits(t *testing.T) {
	timeout := "" // whoever gets no answer
	within := func(d time.Duration) func(*place) {
		return func(p *place) { _, _ = p.nc.DrainContext(must.Within(p.t, d)) }
	}
	for name, c := range map[string]struct {
		handler micro.Func
		options []micro.EndpointOpt
		end     func(p *place)
		want    map[string]int
	}{
		"close":                    {slowly, nil, func(p *place) { p.nc.Close() }, map[string]int{leaves: 1, stops: 9}},
		"close, concurrent":        {slowly, []micro.EndpointOpt{micro.WithEndpointConcurrency(3)}, func(p *place) { p.nc.Close() }, map[string]int{leaves: 3, stops: 7}},
		"close, stubborn":          {stubbornly, nil, func(p *place) { p.nc.Close() }, map[string]int{timeout: 1, stops: 9}},
		"a drain that is too slow": {slowly, nil, within(time.Second), map[string]int{leaves: 1, stops: 9}},
		"and stubborn":             {stubbornly, nil, within(time.Second), map[string]int{timeout: 1, stops: 9}},
		"a stop that is too slow": {stubbornly, nil, func(p *place) {
			_, _ = p.svc.StopContext(must.Within(p.t, time.Second))
			p.nc.Close()
		}, map[string]int{timeout: 1, stops: 9}},
		"by a handler": {func(_ context.Context, r micro.Request) error {
			time.Sleep(time.Second)
			return r.Respond(r.Data())
		}, nil, func(p *place) {
			p.add("close", micro.Func(func(context.Context, micro.Request) error { p.nc.Close(); return nil }))
			_ = p.asking("close", "", time.Second)
		}, map[string]int{timeout: 1, stops: 9}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, micro.Config{}, func(p *place) {
				p.add("e", c.handler, c.options...)
				p.b.Inject("for 100ms link(service, s1) coalesce(50ms)") // they come in one read
				outcomes := p.askingMany("e", waiting, time.Hour)
				time.Sleep(500 * time.Millisecond)
				began := time.Now()
				c.end(p)
				if took := time.Since(began); took > 5*time.Second {
					t.Errorf("it took %v", took)
				}
				got := outcomes()
				for text, n := range got {
					if _, ok := c.want[text]; !ok { // its text says for how long it waited
						delete(got, text)
						got[timeout] += n
					}
				}
				if !maps.Equal(got, c.want) {
					t.Errorf("%v", got)
				}
			})
		})
	}
}

// TestWhatIsOnItsWayIsAnswered: requests that the server has sent before it knew of the end
// of an endpoint, by its policy or with the connection, find no handler and get an answer.
func TestWhatIsOnItsWayIsAnswered(t *testing.T) {
	for name, end := range map[string]func(p *place){
		"the policy's stop": func(p *place) { p.asking("e", "panic", time.Hour) },
		"a stop":            func(p *place) { _ = p.svc.Stop() },
		"a removal":         func(p *place) { _ = p.svc.RemoveEndpoint("e") },
		"a close":           func(p *place) { p.nc.Close() },
		"a drain":           func(p *place) { _, _ = p.nc.DrainContext(p.t.Context()) },
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, micro.Config{}, func(p *place) {
				p.add("e", micro.HandlerFunc(func(r micro.Request) {
					if string(r.Data()) == "panic" {
						panic("on purpose")
					}
					_ = r.Respond(r.Data())
				}), micro.WithEndpointOnPanic(api.Stop))
				run := p.b.Inject("for 5s link(service, s1) latency(100ms)")
				var asked []func() map[string]int
				for i := range 100 {
					if i == 50 {
						go end(p)
					}
					asked = append(asked, p.askingMany("e", 1, time.Hour))
					time.Sleep(10 * time.Millisecond)
				}
				outcomes := map[string]int{}
				for _, outcome := range asked {
					for text, n := range outcome() {
						outcomes[text] += n
					}
				}
				must.Do(t, run.Wait(p.t.Context()))
				nobody := fmt.Sprint(api.ErrNoResponders)
				for text := range outcomes {
					if !slices.Contains([]string{"x", stops}, text) && !isNobody(text, nobody) {
						t.Errorf("%v", outcomes)
						break
					}
				}
				if outcomes["x"] < 30 || name != "a stop" && name != "a removal" && name != "a drain" && outcomes[stops] == 0 {
					t.Errorf("%v", outcomes)
				}
			})
		})
	}
}

// isNobody reports whether an outcome says that there is no longer a service.
func isNobody(outcome, nobody string) bool {
	return len(outcome) >= len(nobody) && outcome[:len(nobody)] == nobody
}
