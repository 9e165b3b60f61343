package micro_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/micro"
)

// slowly answers after a minute, and leaves when its context ends.
var slowly = micro.Func(func(ctx context.Context, r micro.Request) error {
	select {
	case <-time.After(time.Minute):
		return r.Respond(r.Data())
	case <-ctx.Done():
		return ctx.Err()
	}
})

// TestStopContext waits for what has come, and for nothing else.
func TestStopContext(t *testing.T) {
	inBubble(t, micro.Config{}, func(p *place) {
		p.add("e", slowly)
		asked := []chan string{p.asking("e", "x", time.Hour), p.asking("e", "x", time.Hour)}
		time.Sleep(time.Second)
		began := time.Now()
		report, err := p.svc.StopContext(must.Within(p.t, time.Hour))
		if took := time.Since(began); err != nil || len(report.Unfinished) != 0 || took != 119*time.Second {
			t.Errorf("%v, %v after %v", report, err, took)
		}
		for _, outcome := range asked {
			if got := <-outcome; got != "x" {
				t.Error(got)
			}
		}
		<-p.svc.Done()
		if report, err := p.svc.StopContext(p.t.Context()); err != nil || len(report.Unfinished) != 0 {
			t.Errorf("again: %v, %v", report, err)
		}
		if s := p.svc.Stats(); len(s.Endpoints) != 1 || s.Endpoints[0].NumRequests != 2 {
			t.Errorf("%+v", s)
		}
		synctest.Wait()
		if n, _ := p.nc.Tree().Find("consumers"); len(n.Children) != 0 {
			t.Errorf("left:\n%v", n)
		}
	})
}

// TestStopContextOfAServiceThatHasEnded leaves nothing, even if the context has ended.
func TestStopContextOfAServiceThatHasEnded(t *testing.T) {
	inBubble(t, micro.Config{}, func(p *place) {
		p.add("e", echo)
		must.Do(p.t, p.svc.Stop())
		<-p.svc.Done()
		over, cancel := context.WithCancel(p.t.Context())
		cancel()
		for range 200 {
			if report, err := p.svc.StopContext(over); err != nil || len(report.Unfinished) != 0 {
				p.t.Fatalf("%v, %v", report, err)
			}
		}
	})
}

// TestStopContextEnds: what was in flight is reported, handlers are told to leave, what waits
// is answered.
func TestStopContextEnds(t *testing.T) {
	cancel := func(ctx context.Context) (context.Context, context.CancelFunc) {
		ctx, cancel := context.WithCancel(ctx)
		time.AfterFunc(10*time.Second, cancel)
		return ctx, cancel
	}
	deadline := func(ctx context.Context) (context.Context, context.CancelFunc) {
		return context.WithTimeout(ctx, 10*time.Second)
	}
	for name, c := range map[string]struct {
		within func(context.Context) (context.Context, context.CancelFunc)
		check  func(err error, want micro.StopReport) bool
	}{
		"by its deadline": {deadline, func(err error, want micro.StopReport) bool {
			var timeout *micro.StopTimeoutError
			return errors.Is(err, micro.ErrStopTimeout) && errors.Is(err, context.DeadlineExceeded) && errors.Is(err, api.ErrTimeout) &&
				errors.As(err, &timeout) && cmp.Equal(timeout.Report, want)
		}},
		"by its cancelling": {cancel, func(err error, _ micro.StopReport) bool {
			return errors.Is(err, context.Canceled) && !errors.Is(err, api.ErrTimeout)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, micro.Config{}, func(p *place) {
				p.add("e", slowly)
				p.add("idle", echo)
				var asked []chan string
				for range 4 {
					asked = append(asked, p.asking("e", "x", time.Hour))
				}
				time.Sleep(time.Second)
				ctx, cancel := c.within(p.t.Context())
				defer cancel()
				began := time.Now()
				report, err := p.svc.StopContext(ctx)
				want := micro.StopReport{Unfinished: []micro.UnfinishedEndpoint{{Name: "e", Subject: "e", InFlight: 1, Waiting: 3}}}
				if diff := cmp.Diff(want, report); diff != "" || time.Since(began) != 10*time.Second || !c.check(err, want) {
					t.Errorf("%v after %v: %s", err, time.Since(began), diff)
				}
				outcomes := map[string]int{}
				for _, outcome := range asked {
					outcomes[<-outcome]++
				}
				if outcomes["INTERRUPTED: the endpoint has ended"] != 1 || outcomes["UNAVAILABLE: the endpoint stops"] != 3 {
					t.Errorf("%v", outcomes)
				}
				<-p.svc.Done()
				p.expectErrors()
			})
		})
	}
}

// TestStopFromAnywhere: from a handler, from the ErrorHandler, and with a context that is
// done or nil.
func TestStopFromAnywhere(t *testing.T) {
	inBubble(t, micro.Config{}, func(p *place) {
		p.add("e", micro.HandlerFunc(func(r micro.Request) {
			_ = r.Respond(nil)
			must.Do(t, p.svc.Stop())
		}))
		if got := sprint(p.ask("e", "", time.Minute)); got != "" {
			t.Error(got)
		}
		<-p.svc.Done()
	})
	inBubble(t, micro.Config{}, func(p *place) {
		p.add("e", slowly)
		outcome := p.asking("e", "x", time.Hour)
		time.Sleep(time.Second)
		ctx, cancel := context.WithCancel(p.t.Context())
		cancel()
		if _, err := p.svc.StopContext(ctx); !errors.Is(err, context.Canceled) {
			t.Errorf("done: %v", err)
		}
		var none context.Context
		if _, err := p.svc.StopContext(none); !errors.Is(err, api.ErrInvalidContext) {
			t.Errorf("nil: %v", err)
		}
		<-outcome
		<-p.svc.Done()
	})
	stopped := make(chan error, 10)
	faulty := micro.HandlerFunc(func(micro.Request) { panic("no") })
	var svc micro.Service
	nc := connected(t)
	svc = must.Get(micro.AddService(nc, micro.Config{Name: "a", Version: "1.0.0", Endpoint: &micro.EndpointConfig{Handler: faulty},
		ErrorHandler: func(svc micro.Service, _ *micro.NATSError) {
			_, err := svc.StopContext(must.Within(t, patience))
			stopped <- err
		}}))(t)
	if _, err := nc.Request("default", nil, patience); err != nil {
		t.Error(err)
	}
	if err := <-stopped; err != nil {
		t.Errorf("from the ErrorHandler: %v", err)
	}
	<-svc.Done()
}

// TestStopWithoutALink: it ends when there is one.
func TestStopWithoutALink(t *testing.T) {
	inBubble(t, micro.Config{}, func(p *place) {
		p.add("e", echo)
		run := p.b.Inject("at 0s for 1m server(s1) kill")
		time.Sleep(10 * time.Second)
		if _, err := p.svc.StopContext(must.Within(p.t, time.Second)); !errors.Is(err, micro.ErrStopTimeout) {
			t.Errorf("%v", err)
		}
		must.Do(t, run.Wait(p.t.Context()))
		<-p.svc.Done()
		synctest.Wait()
		if n := p.nc.NumSubscriptions(); n != 0 {
			t.Errorf("%d subscriptions", n)
		}
	})
}

// TestEndpointsComeAndGo at run time, with what they have been asked.
func TestEndpointsComeAndGo(t *testing.T) {
	inBubble(t, micro.Config{}, func(p *place) {
		g := p.svc.AddGroup("g")
		must.Do(t, g.AddEndpoint("e", slowly))
		p.add("e", echo)
		var asked []chan string
		for range 3 {
			asked = append(asked, p.asking("g.e", "x", time.Hour))
		}
		time.Sleep(time.Second)
		must.Do(t, g.RemoveEndpoint("e"))
		p.expectDraining()
		if err := g.RemoveEndpoint("e"); !errors.Is(err, micro.ErrEndpointNotFound) {
			t.Errorf("again: %v", err)
		}
		must.Do(t, g.AddEndpoint("e", echo)) // a new one, while the old one finishes
		must.Do(t, p.nc.Flush())
		if got := sprint(p.ask("g.e", "new", time.Minute)); got != "new" {
			t.Error(got)
		}
		for _, outcome := range asked {
			if got := <-outcome; got != "x" {
				t.Error(got)
			}
		}
		synctest.Wait()
		if infos := p.svc.Info().Endpoints; len(infos) != 2 {
			t.Errorf("%+v", infos)
		}
		must.Do(t, p.svc.RemoveEndpoint("e"))
		must.Do(t, g.RemoveEndpoint("e"))
		synctest.Wait()
		if _, err := p.ask("e", "", time.Minute); !errors.Is(err, api.ErrNoResponders) {
			t.Errorf("%v", err)
		}
		if n := p.node(""); len(n.Children) != 0 || len(p.svc.Info().Endpoints) != 0 || p.svc.Stopped() {
			t.Errorf("left:\n%v", n)
		}
		for i := range 50 {
			p.add("e", echo)
			if got := sprint(p.ask("e", fmt.Sprint(i), time.Minute)); got != fmt.Sprint(i) {
				t.Error(got)
			}
			must.Do(t, p.svc.RemoveEndpoint("e"))
		}
		synctest.Wait()
		if n := p.nc.NumSubscriptions(); n != 9 {
			t.Errorf("%d subscriptions, not those of the verbs", n)
		}
		p.expectErrors()
	})
}

// expectDraining looks for an endpoint that finishes.
func (p *place) expectDraining() {
	p.t.Helper()
	synctest.Wait()
	n, _ := p.nc.Tree().Find("consumers")
	for _, e := range n.Children[0].Children {
		if e.State == "draining" {
			return
		}
	}
	p.t.Errorf("nobody drains:\n%v", n)
}

// TestStopWhileEndpointsAreAdded: what was added is either refused or ends with the others.
func TestStopWhileEndpointsAreAdded(t *testing.T) {
	nc := connected(t)
	for range 20 {
		svc := must.Get(micro.AddService(nc, micro.Config{Name: "a", Version: "1.0.0"}))(t)
		over := make(chan error, 1)
		go func() {
			var err error
			for i := 0; i < 100 && err == nil; i++ {
				err = svc.AddEndpoint(fmt.Sprintf("e%d", i), echo)
			}
			over <- err
		}()
		must.Do(t, svc.Stop())
		if err := <-over; err != nil && !errors.Is(err, micro.ErrServiceStopped) {
			t.Error(err)
		}
		<-svc.Done()
		if n := nc.NumSubscriptions(); n != 0 {
			t.Errorf("%d subscriptions are left", n)
		}
	}
}
