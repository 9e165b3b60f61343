package micro_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/micro"
)

// TestOverload: what finds no room is answered at once, counted and seen; the rest is
// handled when the handler comes to it.
func TestOverload(t *testing.T) {
	inBubble(t, micro.Config{}, func(p *place) {
		gate := make(chan struct{})
		p.add("e", micro.HandlerFunc(func(r micro.Request) { <-gate; _ = r.Respond(r.Data()) }), micro.WithEndpointPendingLimits(3, -1))
		var asked []chan string
		for i := range 10 {
			asked = append(asked, p.asking("e", fmt.Sprint(i), time.Hour))
			time.Sleep(time.Second)
		}
		for i, outcome := range asked[3:] {
			select {
			case got := <-outcome:
				if got != "OVERLOADED: there is no room for the request" {
					t.Errorf("%d: %s", i+3, got)
				}
			default:
				t.Errorf("%d is not answered", i+3)
			}
		}
		p.expectState("e", "overloaded", api.Degraded)
		s, m := p.stats("e")
		if s.NumRequests != 0 || s.NumErrors != 1 || m.Shed != 7 || m.InFlight != 1 || m.Waiting != 2 || p.counter("e", "shed") != 7 || p.counter("e", "in flight") != 1 {
			t.Errorf("%+v %+v", s, m)
		}
		p.expectErrors(api.ErrSlowConsumer)
		close(gate)
		for i, outcome := range asked[:3] {
			if got := <-outcome; got != fmt.Sprint(i) {
				t.Errorf("%d: %s", i, got)
			}
		}
		p.expectState("e", "serving", api.Well)
		if _, m := p.stats("e"); m.InFlight != 0 || m.Waiting != 0 {
			t.Errorf("%+v", m)
		}
	})
}

// TestLimits: the number of requests that may wait is exact; zero is the default, negative none.
func TestLimits(t *testing.T) {
	for name, c := range map[string]struct {
		msgs, bytes  int
		asked, roomy int
	}{
		"one below":  {3, -1, 2, 2},
		"as many":    {3, -1, 3, 3},
		"one above":  {3, -1, 4, 3},
		"bytes":      {-1, 25, 4, 2},
		"only bytes": {0, 25, 4, 2},
		"only msgs":  {2, 0, 4, 2},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, micro.Config{}, func(p *place) {
				gate := make(chan struct{})
				p.add("e", micro.HandlerFunc(func(r micro.Request) { <-gate; _ = r.Respond(r.Data()) }), micro.WithEndpointPendingLimits(c.msgs, c.bytes))
				answers := make(chan *api.Msg, 10)
				must.Get(p.other.ChanSubscribe("answers", answers))(t)
				for range c.asked { // without a deadline: the header counts, too
					must.Do(t, p.other.PublishRequest("e", "answers", []byte("0123456789")))
					must.Do(t, p.other.Flush())
					synctest.Wait()
				}
				refused := len(answers)
				close(gate)
				synctest.Wait()
				if refused != c.asked-c.roomy || len(answers) != c.asked {
					t.Errorf("%d of %d refused, want %d; %d answered", refused, c.asked, c.asked-c.roomy, len(answers))
				}
			})
		})
	}
}

// TestConcurrency: as many at once as the option says, and one without it.
func TestConcurrency(t *testing.T) {
	for _, n := range []int{0, 1, 4} {
		inBubble(t, micro.Config{}, func(p *place) {
			var running, most atomic.Int32
			var options []micro.EndpointOpt
			if n > 0 {
				options = append(options, micro.WithEndpointConcurrency(n))
			}
			p.add("e", micro.HandlerFunc(func(r micro.Request) {
				if now := running.Add(1); now > most.Load() {
					most.Store(now)
				}
				time.Sleep(time.Second)
				running.Add(-1)
				_ = r.Respond(nil)
			}), options...)
			began := time.Now()
			var asked []chan string
			for range 12 {
				asked = append(asked, p.asking("e", "", time.Hour))
			}
			for _, outcome := range asked {
				if got := <-outcome; got != "" {
					t.Error(got)
				}
			}
			if took, want := time.Since(began), 12*time.Second/time.Duration(max(n, 1)); int(most.Load()) != max(n, 1) || took < want || took > want+time.Second {
				t.Errorf("%d: %d at once, took %v", n, most.Load(), took)
			}
		})
	}
}

// TestDeadlines: the handler's context has that of the requester, what comes too late is
// not handled, and both sides agree about it.
func TestDeadlines(t *testing.T) {
	inBubble(t, micro.Config{}, func(p *place) {
		var calls atomic.Int32
		p.add("e", micro.Func(func(ctx context.Context, r micro.Request) error {
			calls.Add(1)
			at, ok := ctx.Deadline()
			if string(r.Data()) == "when" {
				left := fmt.Sprint(ok)
				if ok {
					left = time.Until(at).String()
				}
				return r.Respond([]byte(left))
			}
			if ctx != r.Context() {
				t.Error("the request has another context")
			}
			<-ctx.Done()
			return ctx.Err()
		}))
		if got := sprint(p.ask("e", "when", time.Minute)); got != "1m0s" {
			t.Error(got)
		}
		if got := string(must.Get(p.other.Request("e", []byte("when"), time.Minute))(t).Data); got != "false" {
			t.Error(got)
		}
		first := p.asking("e", "", 2*time.Second)
		synctest.Wait()
		second := p.asking("e", "", time.Second)
		if got := <-second; got == "" || calls.Load() != 3 {
			t.Errorf("%s after %d calls", got, calls.Load())
		}
		<-first
		s, m := p.stats("e")
		if m.Expired != 1 || s.NumErrors != 2 || s.NumRequests != 4 || calls.Load() != 3 || p.counter("e", "expired") != 1 {
			t.Errorf("%+v %+v after %d calls", s, m, calls.Load())
		}
		p.expectErrors()
		late := api.NewMsg("e")
		for at, want := range map[string]string{
			time.Now().Add(-time.Nanosecond).UTC().Format(time.RFC3339Nano): micro.CodeExpired,
			time.Now().UTC().Format(time.RFC3339Nano):                       micro.CodeExpired,
			"tomorrow": micro.CodeBadRequest,
		} {
			late.Header.Set(micro.DeadlineHeader, at)
			err := micro.ErrorOf(must.Get(p.other.RequestMsg(late, time.Minute))(t))
			if !errors.Is(err, &micro.ServiceError{Code: want}) || api.MaybeSent(err) {
				t.Errorf("%s: %v", at, err)
			}
		}
		if calls.Load() != 3 {
			t.Errorf("%d calls", calls.Load())
		}
	})
}

// TestClocksThatDiffer: what a service takes for expired, and is not, is asked once more.
func TestClocksThatDiffer(t *testing.T) {
	inBubble(t, micro.Config{}, func(p *place) {
		asked := make(chan string, 10)
		must.Get(p.nc.Subscribe("e", func(m *api.Msg) { // a service in another time
			asked <- m.Header.Get(micro.DeadlineHeader)
			if m.Header.Get(micro.DeadlineHeader) == "" {
				must.Do(t, m.Respond([]byte("yes")))
				return
			}
			must.Do(t, m.RespondMsg(&api.Msg{Header: api.Header{micro.ErrorHeader: {"too late"}, micro.ErrorCodeHeader: {"504"},
				micro.SymbolHeader: {micro.CodeExpired}, micro.InstanceHeader: {"other"}, micro.RefusedHeader: {"true"}}}))
		}))(t)
		p.add("well", micro.Func(func(ctx context.Context, r micro.Request) error {
			_, dated := ctx.Deadline()
			return r.Respond(fmt.Append(nil, dated))
		}))
		must.Do(t, p.nc.Flush())
		count := func(want int) {
			t.Helper()
			if got := sprint(p.ask("e", "", time.Hour)); got != "yes" {
				t.Error(got)
			}
			if len(asked) != want {
				t.Errorf("asked %d times, want %d", len(asked), want)
			}
			for len(asked) > 0 {
				<-asked
			}
		}
		count(2)
		count(1)
		if got := sprint(p.ask("well", "", time.Hour)); got != "true" {
			t.Errorf("a deadline for another: %s", got)
		}
		time.Sleep(time.Minute)
		count(2)
	})
}

// TestDeadlinesOfMany: a request for several answers has a deadline, too, and a header. Nobody
// is asked twice, whatever the clocks say.
func TestDeadlinesOfMany(t *testing.T) {
	inBubble(t, micro.Config{}, func(p *place) {
		p.add("e", micro.Func(func(ctx context.Context, r micro.Request) error {
			at, ok := ctx.Deadline()
			return r.Respond(fmt.Append(nil, ok, time.Until(at).Round(time.Second), r.Headers().Get("Who")))
		}))
		var calls atomic.Int32
		must.Get(p.nc.Subscribe("other", func(m *api.Msg) { // a service in another time
			calls.Add(1)
			if m.Header.Get(micro.DeadlineHeader) == "" {
				must.Do(t, m.Respond([]byte("yes")))
				return
			}
			must.Do(t, m.RespondMsg(&api.Msg{Header: api.Header{micro.ErrorHeader: {"too late"}, micro.ErrorCodeHeader: {"504"},
				micro.SymbolHeader: {micro.CodeExpired}, micro.InstanceHeader: {"other"}, micro.RefusedHeader: {"true"}}}))
		}))(t)
		must.Do(t, p.nc.Flush())
		ask := func(subject string) (got []string) {
			m := &api.Msg{Subject: subject, Header: api.Header{"Who": {"ann"}}}
			for answer, err := range p.client.RequestManyMsg(must.Within(p.t, time.Minute), m, api.RequestManyMaxMessages(1)) {
				got = append(got, sprint(text(answer, err)))
			}
			if len(m.Header) != 1 {
				t.Errorf("the message was changed: %v", m.Header)
			}
			return got
		}
		if got := ask("e"); !slices.Equal(got, []string{"true 1m0sann"}) {
			t.Errorf("%q", got)
		}
		for i, want := range []string{"EXPIRED: too late", "yes"} {
			if got := ask("other"); !slices.Equal(got, []string{want}) || int(calls.Load()) != i+1 {
				t.Errorf("%q after %d calls", got, calls.Load())
			}
		}
		for _, err := range p.client.RequestManyMsg(p.t.Context(), nil) {
			if !errors.Is(err, api.ErrInvalidMsg) {
				t.Errorf("nil: %v", err)
			}
		}
	})
}

// TestTimeout: a call's own limit, or the requester's if that is sooner.
func TestTimeout(t *testing.T) {
	inBubble(t, micro.Config{EndpointDefaults: []micro.EndpointOpt{micro.WithEndpointTimeout(10 * time.Second)}}, func(p *place) {
		if err := p.svc.AddEndpoint("bad", echo, micro.WithEndpointTimeout(0)); !errors.Is(err, micro.ErrConfigValidation) {
			t.Errorf("%v", err)
		}
		p.add("e", micro.Func(func(ctx context.Context, r micro.Request) error {
			<-ctx.Done()
			return fmt.Errorf("waiting: %w", ctx.Err())
		}))
		for _, patience := range []time.Duration{time.Hour, 5 * time.Second} {
			began := time.Now()
			_, err := p.ask("e", "", patience)
			if took := time.Since(began); took != min(patience, 10*time.Second) || !errors.Is(err, context.DeadlineExceeded) && !errors.Is(err, micro.ErrDeadlineExceeded) {
				t.Errorf("%v after %v", err, took)
			}
		}
		p.expectErrors()
	})
}

// TestBlocked: the requester of a call that is given up gets an error, and no second answer.
func TestBlocked(t *testing.T) {
	inBubble(t, micro.Config{}, func(p *place) {
		gate, late := make(chan struct{}), make(chan error, 1)
		p.add("e", micro.Func(func(ctx context.Context, r micro.Request) error {
			if string(r.Data()) == "stuck" {
				<-gate
				late <- r.Respond([]byte("late"))
			}
			return nil
		}), micro.WithEndpointOnBlocked(10*time.Second, api.Restart))
		began := time.Now()
		stuck, behind := p.asking("e", "stuck", time.Hour), p.asking("e", "", time.Hour)
		if got := <-stuck; got != "DEADLINE_EXCEEDED: the handler takes too long" || time.Since(began) != 10*time.Second {
			t.Errorf("%s after %v", got, time.Since(began))
		}
		if got := <-behind; got != "" {
			t.Error(got)
		}
		p.expectState("e", "blocked", api.Degraded)
		p.errors()
		close(gate)
		if err := <-late; !errors.Is(err, micro.ErrAlreadyResponded) {
			t.Errorf("late: %v", err)
		}
		p.expectState("e", "serving", api.Well)
		if s, m := p.stats("e"); s.NumErrors != 1 || m.InFlight != 0 {
			t.Errorf("%+v %+v", s, m)
		}
	})
}

// TestBlockedBehindItsDeadline: a call is given up also when its own deadline, or that of its
// requester, has passed long before.
func TestBlockedBehindItsDeadline(t *testing.T) {
	inBubble(t, micro.Config{}, func(p *place) {
		gate := make(chan struct{})
		defer close(gate)
		p.add("e", micro.Func(func(context.Context, micro.Request) error { <-gate; return nil }),
			micro.WithEndpointTimeout(10*time.Second), micro.WithEndpointOnBlocked(30*time.Second, api.Restart))
		for _, deadline := range []time.Duration{0, 5 * time.Second} {
			m := api.NewMsg("e")
			if deadline > 0 {
				m.Header.Set(micro.DeadlineHeader, time.Now().Add(deadline).UTC().Format(time.RFC3339Nano))
			}
			began := time.Now()
			answer := must.Get(p.other.RequestMsg(m, time.Hour))(t)
			if err := micro.ErrorOf(answer); !errors.Is(err, micro.ErrDeadlineExceeded) || time.Since(began).Round(time.Second) != 30*time.Second {
				t.Errorf("%v after %v", err, time.Since(began))
			}
		}
	})
}

// TestStates: how an endpoint stands is seen, and why.
func TestStates(t *testing.T) {
	inBubble(t, micro.Config{}, func(p *place) {
		p.add("e", echo)
		p.expectState("e", "serving", api.Well)
		if n := p.node(""); n.State != "serving" {
			t.Errorf("%+v", n)
		}
		run := p.b.Inject("at 0s for 1m server(s1) kill")
		time.Sleep(10 * time.Second)
		p.expectState("e", "waiting", api.Degraded)
		must.Do(t, run.Wait(p.t.Context()))
		time.Sleep(time.Minute)
		p.expectState("e", "serving", api.Well)
		if got := sprint(p.ask("e", "again", time.Minute)); got != "again" {
			t.Error(got)
		}
	})
}
