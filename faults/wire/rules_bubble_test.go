package wire_test

import (
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/faults/plan"
	"github.com/troupe-go/troupe/faults/wire"
)

func TestRulesAreCheckedBeforeAnythingStarts(t *testing.T) {
	l := wire.New(plan.Link("client", "s1"), wire.Options{})
	var syntax *plan.SyntaxError
	if _, err := l.Inject("latency(10"); !errors.As(err, &syntax) {
		t.Errorf("an unfinished rule: %v", err)
	}
	var bad *plan.RangeError
	if _, err := l.Inject("latency(-1s)"); !errors.As(err, &bad) && !errors.As(err, &syntax) {
		t.Errorf("a negative latency: %v", err)
	}
	if _, err := l.Add(plan.Rule{Fault: plan.Fault{Kind: plan.Drop}}); !errors.As(err, &bad) {
		t.Errorf("a drop of nothing: %v", err)
	}
	for _, rule := range []string{"link(client, s2) reset", "link(other, s1) reset", "server(s1) kill", "actor(reader) panic"} {
		var target *wire.TargetError
		if _, err := l.Inject(rule); !errors.As(err, &target) || target.Link != l.Name() || target.Rule.String() != rule {
			t.Errorf("%s: %v", rule, err)
		} else if !strings.Contains(err.Error(), rule) || !strings.Contains(err.Error(), "link(client, s1)") {
			t.Errorf("the error says %q", err)
		}
	}
	if n := len(l.Injections()); n != 0 {
		t.Errorf("%d rules were added", n)
	}
	for _, rule := range []string{"link(client, s1) reset", "link(client, *) reset", "link(*, *) reset", "reset"} {
		if _, err := l.Inject(rule); err != nil {
			t.Errorf("%s: %v", rule, err)
		}
	}
	nameless := wire.New(plan.Target{}, wire.Options{})
	if _, err := nameless.Inject("link(a, b) reset"); err != nil {
		t.Errorf("a link without a name: %v", err)
	}
	l.Close()
	if _, err := l.Inject("reset"); !errors.Is(err, wire.ErrClosed) || !errors.Is(err, net.ErrClosed) {
		t.Errorf("after Close: %v", err)
	}
	if err := l.Admit(); !errors.Is(err, wire.ErrClosed) {
		t.Errorf("a connection after Close: %v", err)
	}
}

func TestWaitingForHits(t *testing.T) {
	bubble(t, wire.Options{}, nil, func(r *rig) {
		i := inject(t, r.link, "when op(PING) drop")
		var waits sync.WaitGroup
		for n := range 4 {
			waits.Go(func() {
				if err := i.Wait(r.t.Context(), n); err != nil {
					t.Errorf("%d hits: %v", n, err)
				}
			})
		}
		r.send("PING\r\nPING\r\nPONG\r\nPING\r\n")
		waits.Wait()
		ctx, cancel := context.WithTimeout(r.t.Context(), time.Second)
		defer cancel()
		var wait *wire.WaitError
		if err := i.Wait(ctx, 4); !errors.As(err, &wait) || wait.Hits != 3 || wait.Want != 4 || !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("the fourth: %v", err)
		}
		waits.Go(func() {
			if err := i.Wait(r.t.Context(), 4); !errors.Is(err, wire.ErrEnded) {
				t.Errorf("of a rule that is lifted: %v", err)
			}
		})
		synctest.Wait()
		i.Lift()
		waits.Wait()
		if err := i.Wait(r.t.Context(), 3); err != nil {
			t.Errorf("what has happened before: %v", err)
		}
		if err := i.Wait(r.t.Context(), 4); !errors.Is(err, wire.ErrEnded) {
			t.Errorf("of a lifted rule: %v", err)
		}
		if i.Hits() != 3 || i.Rule().String() != i.String() {
			t.Errorf("%v: %d hits", i, i.Hits())
		}
		i.Lift()
		if len(r.link.Injections()) != 0 {
			t.Errorf("the link has %v", r.link.Injections())
		}
	})
}

func TestOperationsAreMetForTheLengthOfTheRule(t *testing.T) {
	bubble(t, wire.Options{}, []string{"at 1s for 2s when op(PING) drop"}, func(r *rig) {
		for range 5 {
			time.Sleep(999 * time.Millisecond)
			r.send("PING\r\n")
			time.Sleep(time.Millisecond)
		}
		i := r.link.Injections()[0]
		r.atServer.expect(t, `999ms "PING\r\n"`, `3.999s "PING\r\n"`, `4.999s "PING\r\n"`)
		if err := i.Wait(r.t.Context(), 3); !errors.Is(err, wire.ErrEnded) || i.Hits() != 2 {
			t.Errorf("%v, %d hits", err, i.Hits())
		}
	})
}

// TestARuleIsLiftedBeforeItsTime: it never begins.
func TestARuleIsLiftedBeforeItsTime(t *testing.T) {
	bubble(t, wire.Options{}, []string{"at 1s blackhole", "at 1s reset"}, func(r *rig) {
		r.link.Clear()
		time.Sleep(time.Minute)
		r.send("a")
		synctest.Wait()
		r.atServer.expect(t, `1m0s "a"`)
	})
}

// TestLastingFaultsHoldForConnectionsThatComeLater.
func TestLastingFaultsHoldForConnectionsThatComeLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := wire.New(plan.Target{}, wire.Options{})
		all, second := inject(t, l, "latency(1s)"), inject(t, l, "when conn(2) latency(1s)")
		for k, want := range []string{`1s "a"`, `2s "a"`, `1s "a"`} {
			r := connect(t, l, net.Pipe)
			r.send("a")
			time.Sleep(time.Minute)
			r.atServer.expect(t, want)
			if all.Hits() != k+1 {
				t.Errorf("%d hits", all.Hits())
			}
		}
		if second.Hits() != 1 {
			t.Errorf("the rule for the second connection: %d hits", second.Hits())
		}
	})
}

// TestCloseLeavesNothing whatever is in progress; the bubble ends only when all
// goroutines do.
func TestCloseLeavesNothing(t *testing.T) {
	rules := []string{"latency(1h)", "blackhole", "bandwidth(1)", "coalesce(1h)", "halfopen", "slowclose(1h)",
		"when op(PING) delay(1h)", "at 1h reset", "for 1h latency(1s)", "for 1h when op(PING) blackhole"}
	for _, rule := range rules {
		bubble(t, wire.Options{Window: 10}, []string{rule}, func(r *rig) {
			r.client.SetWriteDeadline(time.Now().Add(time.Second))
			io.WriteString(r.client, "PING\r\nPING\r\nPING\r\n")
			r.link.Close()
			<-r.over
			for _, tp := range []*tape{r.atClient, r.atServer} {
				if <-tp.done; tp.err == nil {
					t.Errorf("%s: an end is open", rule)
				}
			}
			r.link.Close()
			if s := r.link.Stats(); s.Open != 0 || s.Connections != 1 {
				t.Errorf("%s: %+v", rule, s)
			}
			late := connect(r.t, r.link, net.Pipe)
			<-late.over
		})
	}
}

// TestRulesChangeWhileTrafficRuns from several goroutines: what the rules let through
// arrives complete and in order.
func TestRulesChangeWhileTrafficRuns(t *testing.T) {
	l := wire.New(plan.Target{}, wire.Options{})
	client, server := relayed(t, l)
	var sent strings.Builder
	for i := range 20_000 {
		sent.WriteString(msg("orders", strings.Repeat("x", i%50)))
	}
	go func() {
		io.WriteString(server, sent.String())
		server.Close()
	}()
	stop := make(chan struct{})
	var changes sync.WaitGroup
	rules := []string{"latency(1ms, 1ms)", "slice(100)", "coalesce(1ms)", "for 1ms blackhole", "when op(MSG) every(100) delay(100us)",
		`when op(MSG) subject("none") drop`, "bandwidth(100000000)", "for 1ms when op(MSG) index(3) blackhole"}
	for _, rule := range rules {
		changes.Go(func() {
			for {
				select {
				case <-stop:
					return
				default:
				}
				i, err := l.Inject(rule)
				if err != nil {
					t.Error(err)
					return
				}
				l.Stats()
				i.Lift()
			}
		})
	}
	got, err := io.ReadAll(client)
	close(stop)
	changes.Wait()
	if err != nil || string(got) != sent.String() {
		t.Errorf("%d of %d bytes came, %v", len(got), sent.Len(), err)
	}
}
