package micro_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/micro"
)

// misdeeds is a handler that does what its request says.
func misdeeds(ctx context.Context, r micro.Request) error {
	_, what, _ := strings.Cut(string(r.Data()), " ")
	switch what {
	case "panic":
		panic("on purpose")
	case "exit":
		runtime.Goexit()
	case "error":
		return errors.New("no")
	case "refuse":
		return micro.NewServiceErrorCode(404, "no")
	case "twice":
		_ = r.Respond(nil)
		_ = r.Respond(nil)
		_ = r.Error("500", "again", nil)
		return errors.New("and again")
	case "answer, then panic":
		_ = r.Respond(nil)
		panic("on purpose")
	case "nothing":
		return nil
	case "slow":
		time.Sleep(3 * time.Second)
	case "patient":
		<-ctx.Done()
		return ctx.Err()
	case "too large":
		return r.Respond(make([]byte, 2<<20))
	}
	return r.Respond(r.Data())
}

var allMisdeeds = []string{"panic", "exit", "error", "refuse", "twice", "answer, then panic", "nothing", "slow", "too large", "answer", "answer", "answer"}

// endings are what happens to the service in the middle of it all.
var endings = map[string]func(p *place, rng *rand.Rand){
	"nothing": func(*place, *rand.Rand) {},
	"stop":    func(p *place, _ *rand.Rand) { _ = p.svc.Stop() },
	"stop within": func(p *place, rng *rand.Rand) {
		_, _ = p.svc.StopContext(must.Within(p.t, time.Duration(rng.IntN(10000))*time.Millisecond))
	},
	"remove": func(p *place, _ *rand.Rand) { _ = p.svc.RemoveEndpoint("e") },
	"drain":  func(p *place, _ *rand.Rand) { _, _ = p.nc.DrainContext(p.t.Context()) },
	"move":   func(p *place, _ *rand.Rand) { _ = p.nc.Rotate(p.t.Context()) },
	"replace": func(p *place, _ *rand.Rand) {
		_ = p.svc.RemoveEndpoint("e")
		_ = p.svc.AddEndpoint("e", micro.Func(misdeeds))
	},
}

// chaotic adds an endpoint with limits of all sorts.
func (p *place) chaotic(rng *rand.Rand) {
	options := []micro.EndpointOpt{micro.WithEndpointConcurrency(1 + rng.IntN(4))}
	if rng.IntN(2) == 0 {
		options = append(options, micro.WithEndpointPendingLimits(1+rng.IntN(20), -1))
	}
	switch rng.IntN(4) {
	case 0:
		options = append(options, micro.WithEndpointOnBlocked(time.Second, api.Restart))
	case 1:
		options = append(options, micro.WithEndpointOrderedBy(func(m *api.Msg) string { return string(m.Data[:1]) }))
	}
	p.add("e", micro.Func(misdeeds), options...)
}

// requests is how many are sent in one run.
const requests = 150

// TestEachRequestIsAnsweredOnce, whatever its handler does, however full the endpoint is, and
// however it ends, as long as there is a connection.
func TestEachRequestIsAnsweredOnce(t *testing.T) {
	for name, end := range endings {
		for seed := range uint64(6) {
			t.Run(fmt.Sprint(name, "/", seed), func(t *testing.T) {
				inBubble(t, micro.Config{}, func(p *place) { p.answerOnce(seed, end) }, api.DrainTimeout(time.Hour))
			})
		}
	}
}

// answerOnce sends requests, lets something happen, and counts the answers to each.
func (p *place) answerOnce(seed uint64, end func(*place, *rand.Rand)) {
	rng := rand.New(rand.NewPCG(seed, 1))
	var mu sync.Mutex
	answers := map[string][]string{}
	must.Get(p.other.Subscribe("in.*", func(m *api.Msg) {
		mu.Lock()
		defer mu.Unlock()
		answers[m.Subject] = append(answers[m.Subject], fmt.Sprint(m.Header, string(m.Data)))
	}))(p.t)
	p.chaotic(rng)
	at := rng.IntN(requests)
	for i := range requests {
		if i == at {
			go end(p, rand.New(rand.NewPCG(seed, 2)))
		}
		what := allMisdeeds[rng.IntN(len(allMisdeeds))]
		must.Do(p.t, p.other.PublishRequest("e", fmt.Sprintf("in.%d", i), fmt.Append(nil, i, " ", what)))
		if rng.IntN(10) == 0 {
			time.Sleep(time.Duration(rng.IntN(2000)) * time.Millisecond)
		}
	}
	time.Sleep(time.Hour)
	synctest.Wait()
	mu.Lock()
	defer mu.Unlock()
	for i := range requests {
		if got := answers[fmt.Sprintf("in.%d", i)]; len(got) != 1 {
			p.t.Errorf("request %d was answered %d times: %v", i, len(got), got)
		}
	}
}

// TestEachRequestHasAnOutcome, also when the server is lost, on either side: an answer or an
// error, in its time, and no second answer. Then all is as before.
func TestEachRequestHasAnOutcome(t *testing.T) {
	for _, fault := range []string{
		"at 3s for 5s server(s1) kill",
		"at 3s link(service, s1) reset",
		"at 2s for 3s link(client, s1) blackhole",
		"at 2s for 30s link(service, s1) blackhole",
	} {
		for seed := range uint64(3) {
			t.Run(fmt.Sprint(fault, "/", seed), func(t *testing.T) {
				inBubble(t, micro.Config{}, func(p *place) { p.haveOutcomes(seed, fault) })
			})
		}
	}
}

func (p *place) haveOutcomes(seed uint64, fault string) {
	rng := rand.New(rand.NewPCG(seed, 3))
	p.chaotic(rng)
	var mu sync.Mutex
	answers := map[string]int{}
	must.Get(p.other.Subscribe("_INBOX.>", func(m *api.Msg) {
		mu.Lock()
		defer mu.Unlock()
		answers[m.Subject]++
	}))(p.t)
	run := p.b.Inject(fault)
	var all sync.WaitGroup
	for i := range requests {
		what := append(allMisdeeds, "patient")[rng.IntN(len(allMisdeeds)+1)]
		patience := time.Duration(1+rng.IntN(20)) * time.Second
		all.Go(func() {
			began := time.Now()
			_, _ = p.ask("e", fmt.Sprint(i, " ", what), patience)
			if took := time.Since(began); took > patience {
				p.t.Errorf("request %d took %v, not %v", i, took, patience)
			}
		})
		if rng.IntN(3) == 0 {
			time.Sleep(time.Duration(rng.IntN(500)) * time.Millisecond)
		}
	}
	all.Wait()
	must.Do(p.t, run.Wait(p.t.Context()))
	time.Sleep(time.Hour)
	mu.Lock()
	for to, n := range answers {
		if n > 1 {
			p.t.Errorf("%s got %d answers", to, n)
		}
	}
	if len(answers) < requests/15 {
		p.t.Errorf("only %d requests were answered", len(answers))
	}
	mu.Unlock()
	if _, m := p.stats("e"); m.InFlight != 0 || m.Waiting != 0 {
		p.t.Errorf("in hand yet: %+v", m)
	}
	if got := sprint(p.ask("e", "1 answer", time.Minute)); got != "1 answer" {
		p.t.Error(got)
	}
}
