package micro_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/micro"
)

// TestHedge: a slow instance is not waited for, one that takes nothing is passed over at once,
// and a final answer ends it.
func TestHedge(t *testing.T) {
	inBubble(t, micro.Config{QueueGroupDisabled: true}, func(p *place) {
		var calls atomic.Int32
		p.add("e", micro.Func(func(ctx context.Context, r micro.Request) error {
			n := calls.Add(1)
			switch string(r.Data()) {
			case "slow first":
				if n == 1 {
					<-ctx.Done()
				}
			case "always slow":
				<-ctx.Done()
			case "slow first, then trouble":
				if n > 1 {
					return micro.NewServiceErrorCode(500, "no")
				}
				time.Sleep(2500 * time.Millisecond)
			case "trouble":
				time.Sleep(1500 * time.Millisecond)
				return micro.NewServiceErrorCode(500, fmt.Sprint(n))
			case "final":
				return micro.NewServiceErrorCode(404, "no")
			}
			return r.Respond(fmt.Append(nil, n))
		}), micro.WithEndpointConcurrency(10))
		must.Get(p.nc.Subscribe("full", func(m *api.Msg) { // instances that have no room
			if n := calls.Add(1); n == 2 && string(m.Data) == "full first" {
				_ = m.Respond([]byte("2"))
				return
			}
			_ = m.RespondMsg(&api.Msg{Header: api.Header{micro.ErrorHeader: {"full"}, micro.ErrorCodeHeader: {"429"},
				micro.InstanceHeader: {"other"}, micro.RefusedHeader: {"true"}}})
		}))(t)
		must.Do(t, p.nc.Flush())
		for data, want := range map[string]struct {
			answer string
			took   time.Duration
			calls  int32
		}{
			"fast":                     {"1", 0, 1},
			"slow first":               {"2", time.Second, 2},
			"full":                     {"429: full", 0, 4},
			"full first":               {"2", 0, 2},
			"final":                    {"404: no", 0, 1},
			"slow first, then trouble": {"1", 2500 * time.Millisecond, 3},
			"trouble":                  {"500: 1", 4500 * time.Millisecond, 4},
			"always slow":              {"DEADLINE_EXCEEDED: the deadline has passed", time.Minute, 4},
		} {
			calls.Store(0)
			subject := "e"
			if strings.HasPrefix(data, "full") {
				subject = "full"
			}
			began := time.Now()
			got := sprint(p.ask(subject, data, time.Minute, micro.Hedge(time.Second, 3)))
			if data == "always slow" { // its own deadline may come first
				got = want.answer
			}
			// Handlers that are found to block cost a moment.
			if took := time.Since(began).Round(100 * time.Millisecond); got != want.answer || took != want.took || calls.Load() != want.calls {
				t.Errorf("%s: %s after %v and %d calls", data, got, took, calls.Load())
			}
			synctest.Wait()
		}
		for _, opt := range []micro.RequestOpt{micro.Hedge(0, 1), micro.Hedge(time.Second, 0)} {
			if _, err := p.ask("e", "", time.Minute, nil, opt); !errors.Is(err, micro.ErrConfigValidation) {
				t.Errorf("%v", err)
			}
		}
	})
}

// TestLeastLoaded: the instance with the least to do is asked, what this client waits for
// included; those that are gone or full are passed over.
func TestLeastLoaded(t *testing.T) {
	inBubble(t, micro.Config{}, func(p *place) {
		gate := make(chan struct{})
		var services []micro.Service
		handled := map[string]*atomic.Int32{}
		for range 3 {
			svc := must.Get(micro.AddService(p.nc, micro.Config{Name: "Fleet", Version: "1.0.0"}))(t)
			services = append(services, svc)
			n := &atomic.Int32{}
			handled[svc.Info().ID] = n
			must.Do(t, svc.AddEndpoint("e", micro.HandlerFunc(func(r micro.Request) {
				n.Add(1)
				if string(r.Data()) == "stay" {
					<-gate
				}
				_ = r.Respond([]byte(svc.Info().ID))
			}), micro.WithEndpointDirect(), micro.WithEndpointPendingLimits(4, -1)))
			if infos := svc.Info().Endpoints; len(infos) != 2 || infos[0].Subject != "e."+svc.Info().ID || infos[0].QueueGroup != "" ||
				infos[0].Metadata[micro.DirectKey] != "e" || infos[1].Subject != "e" || infos[1].QueueGroup != "q" {
				t.Errorf("%+v", infos)
			}
		}
		must.Do(t, p.nc.Flush())
		least := func(data string) string {
			return sprint(text(p.client.RequestLeastLoaded(must.Within(p.t, time.Hour), micro.Target{Service: "Fleet", Endpoint: "e"}, []byte(data))))
		}
		busy := services[0].Info().ID
		for range 3 { // of somebody else
			must.Do(t, p.nc.PublishRequest("e."+busy, "nowhere", []byte("stay")))
		}
		must.Do(t, p.nc.Flush())
		synctest.Wait()
		for range 20 {
			if got := least(""); got == busy || handled[got] == nil {
				t.Errorf("asked %s", got)
			}
		}
		for range 4 { // two for each of the others
			go least("stay")
			synctest.Wait()
		}
		time.Sleep(time.Millisecond * 100) // the handlers of others are found to block
		if a, b := handled[services[1].Info().ID], handled[services[2].Info().ID]; a.Load()+b.Load() != 22 || p.inHand(services[1]) != 2 || p.inHand(services[2]) != 2 {
			t.Errorf("%d and %d handled; %d and %d in hand", a.Load(), b.Load(), p.inHand(services[1]), p.inHand(services[2]))
		}
		close(gate)
		synctest.Wait()
		for _, svc := range services[1:] {
			must.Do(t, svc.Stop())
		}
		synctest.Wait()
		for range 5 {
			if got := least(""); got != busy {
				t.Errorf("asked %s, who is gone", got)
			}
		}
		must.Do(t, services[0].RemoveEndpoint("e"))
		synctest.Wait()
		if n := len(services[0].Info().Endpoints); n != 0 {
			t.Errorf("%d endpoints", n)
		}
		time.Sleep(time.Hour)
		for _, name := range []string{"Fleet", "Test", "Nobody"} {
			_, err := p.client.RequestLeastLoaded(p.t.Context(), micro.Target{Service: name, Endpoint: "e"}, nil)
			if !errors.Is(err, micro.ErrEndpointNotFound) && !errors.Is(err, api.ErrNoResponders) {
				t.Errorf("%s: %v", name, err)
			}
		}
		var none context.Context
		if _, err := p.client.RequestLeastLoaded(none, micro.Target{Service: "Fleet", Endpoint: "e"}, nil); !errors.Is(err, api.ErrInvalidContext) {
			t.Errorf("%v", err)
		}
		if _, err := p.client.RequestLeastLoaded(p.t.Context(), micro.Target{Service: "a.b", Endpoint: "e"}, nil); !errors.Is(err, micro.ErrInvalidName) {
			t.Errorf("%v", err)
		}
		if err := p.svc.AddEndpoint("star", echo, micro.WithEndpointSubject("a.*"), micro.WithEndpointDirect()); !errors.Is(err, micro.ErrInvalidSubject) {
			t.Errorf("%v", err)
		}
	})
}

// TestDirectHasWorkersOfItsOwn: one request by each of the two ways is one at a time.
func TestDirectHasWorkersOfItsOwn(t *testing.T) {
	inBubble(t, micro.Config{}, func(p *place) {
		p.add("e", micro.HandlerFunc(func(r micro.Request) { time.Sleep(time.Second); _ = r.Respond(nil) }), micro.WithEndpointDirect())
		began := time.Now()
		var asked []chan string
		for _, subject := range []string{"e", "e", "e." + p.svc.Info().ID} {
			asked = append(asked, p.asking(subject, "", time.Minute))
		}
		for i, outcome := range asked {
			if got := <-outcome; got != "" {
				t.Errorf("%d: %s", i, got)
			}
		}
		if took := time.Since(began).Round(time.Second); took != 2*time.Second {
			t.Errorf("three took %v", took)
		}
	})
}

// TestLeastLoadedBesideAStatsHandler: what instances have to do is known also when their data is
// the program's. Requests have headers.
func TestLeastLoadedBesideAStatsHandler(t *testing.T) {
	inBubble(t, micro.Config{}, func(p *place) {
		gate := make(chan struct{})
		defer close(gate)
		config := micro.Config{Name: "Fleet", Version: "1.0.0", StatsHandler: func(*micro.Endpoint) any { return "mine" }}
		var ids []string
		for range 2 {
			svc := must.Get(micro.AddService(p.nc, config))(t)
			ids = append(ids, svc.Info().ID)
			must.Do(t, svc.AddEndpoint("e", micro.HandlerFunc(func(r micro.Request) {
				if string(r.Data()) == "stay" {
					<-gate
				}
				_ = r.Respond([]byte(svc.Info().ID + r.Headers().Get("Who")))
			}), micro.WithEndpointDirect()))
		}
		for range 2 { // of somebody else
			must.Do(t, p.nc.PublishRequest("e."+ids[0], "nowhere", []byte("stay")))
		}
		must.Do(t, p.nc.Flush())
		synctest.Wait()
		m := &api.Msg{Subject: "ignored", Header: api.Header{"Who": {"ann"}}}
		for range 20 {
			got := sprint(text(p.client.RequestLeastLoadedMsg(must.Within(p.t, time.Minute), micro.Target{Service: "Fleet", Endpoint: "e"}, m)))
			if got != ids[1]+"ann" || len(m.Header) != 1 {
				t.Fatalf("asked %s, not %s; %v", got, ids[1], m.Header)
			}
		}
		if _, err := p.client.RequestLeastLoadedMsg(p.t.Context(), micro.Target{Service: "Fleet", Endpoint: "e"}, nil); !errors.Is(err, api.ErrInvalidMsg) {
			t.Errorf("%v", err)
		}
	})
}

// TestLeastLoadedDoesNotWait: instances are surveyed in the background. A request waits only if
// none is known, and no longer than its context allows.
func TestLeastLoadedDoesNotWait(t *testing.T) {
	inBubble(t, micro.Config{}, func(p *place) {
		for range 3 {
			svc := must.Get(micro.AddService(p.nc, micro.Config{Name: "Fleet", Version: "1.0.0"}))(t)
			must.Do(t, svc.AddEndpoint("e", echo, micro.WithEndpointDirect()))
		}
		must.Do(t, p.nc.Flush())
		ask := func(to micro.Target, patience time.Duration) (took time.Duration, err error) {
			ctx, cancel := context.WithTimeout(p.t.Context(), patience)
			defer cancel()
			began := time.Now()
			_, err = p.client.RequestLeastLoaded(ctx, to, []byte("x"))
			return time.Since(began), err
		}
		for i, pause := range []time.Duration{0, 300 * time.Millisecond, time.Second, time.Minute, 0} {
			time.Sleep(pause)
			if took, err := ask(micro.Target{Service: "Fleet", Endpoint: "e"}, 20*time.Millisecond); err != nil || took > 10*time.Millisecond {
				t.Errorf("%d: %v after %v", i, err, took)
			}
		}
		none := micro.Target{Service: "Fleet", Endpoint: "none"}
		if took, err := ask(none, 100*time.Millisecond); !errors.Is(err, api.ErrTimeout) || api.MaybeSent(err) || took != 100*time.Millisecond ||
			!strings.HasSuffix(err.Error(), "timeout after 100ms") {
			t.Errorf("short: %v after %v", err, took)
		}
		time.Sleep(time.Second)
		var waiting sync.WaitGroup
		for range 10 {
			waiting.Go(func() {
				if took, err := ask(none, time.Hour); !errors.Is(err, micro.ErrEndpointNotFound) || took > micro.DefaultStall+50*time.Millisecond {
					t.Errorf("together: %v after %v", err, took)
				}
			})
		}
		waiting.Wait()
		ctx, cancel := context.WithCancel(p.t.Context())
		time.AfterFunc(100*time.Millisecond, cancel)
		if _, err := p.client.RequestLeastLoaded(ctx, none, nil); !errors.Is(err, context.Canceled) || api.MaybeSent(err) {
			t.Errorf("cancelled: %v", err)
		}
	})
}

// inHand counts the requests in handlers and waiting.
func (p *place) inHand(svc micro.Service) (n int) {
	for _, s := range svc.Stats().Endpoints {
		m := unmarshal[micro.Metrics](p.t, s.Data)
		n += m.InFlight + m.Waiting
	}
	return n
}

func text(m *api.Msg, err error) (string, error) {
	if err != nil {
		return "", err
	}
	return string(m.Data), nil
}
