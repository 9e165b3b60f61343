package faults_test

import (
	"context"
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/faults"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/faults/plan"
	"github.com/troupe-go/troupe/supervisor"
)

// failures returns the causes of the failures of a connection's actors.
func failures(c *actors.Conn) (causes []error) {
	for _, e := range c.Events() {
		if e.Kind == supervisor.ActorFailed || e.Kind == supervisor.HandlerPanicked {
			causes = append(causes, e.Cause)
		}
	}
	return causes
}

// spawned starts an actor.
func spawned(b *faults.Env, c *actors.Conn, receive func(m any)) *actors.ActorRef {
	b.T.Helper()
	ref, err := c.SpawnActor(actors.ActorSpec{New: func(*actors.Incarnation) actors.Behavior { return actors.Behavior{Receive: receive} }})
	if err != nil {
		b.T.Fatal(err)
	}
	return ref
}

// eachMinute gives an actor of one's own a number a minute, and returns those that it
// has taken.
func eachMinute(b *faults.Env, c *actors.Conn, n int) []int {
	b.T.Helper()
	var got []int
	ref := spawned(b, c, func(m any) { got = append(got, m.(int)) })
	for i := range n {
		if err := ref.Send(i + 1); err != nil {
			b.T.Fatal(err)
		}
		time.Sleep(time.Minute)
	}
	synctest.Wait() // a sleep does not order memory
	return got
}

// injected adds a rule.
func injected(rule string) func(*testing.T, *faults.ActorFaults) *faults.ActorFault {
	return func(t *testing.T, a *faults.ActorFaults) *faults.ActorFault {
		t.Helper()
		f, err := a.Inject(rule)
		if err != nil {
			t.Fatal(err)
		}
		return f
	}
}

// coreOnly are the options of a server without streams.
func coreOnly() faults.Option { return faults.ServerOptions(natsserver.Options{}) }

// TestActorsFailWhereTheyAreTold: at the message that is counted, once or as often as the
// rule says, in its time. The supervisor sees it, and nothing is lost by it.
func TestActorsFailWhereTheyAreTold(t *testing.T) {
	panics := func(kind string, nth int) func(*testing.T, *faults.ActorFaults) *faults.ActorFault {
		return func(_ *testing.T, a *faults.ActorFaults) *faults.ActorFault { return a.Panic(kind, nth) }
	}
	for name, c := range map[string]struct {
		add      func(*testing.T, *faults.ActorFaults) *faults.ActorFault
		hits     int
		failures int
		goexit   bool
	}{
		"panic at the 3rd":  {add: panics("actor", 3), hits: 1, failures: 1},
		"panic at the 1st":  {add: panics("actor", 1), hits: 1, failures: 1},
		"panic beyond":      {add: panics("actor", 100)},
		"goexit at the 2nd": {add: func(_ *testing.T, a *faults.ActorFaults) *faults.ActorFault { return a.Goexit("actor", 2) }, hits: 1, failures: 1, goexit: true},
		"another kind":      {add: panics("worker", 1)},
		"every 6th":         {add: injected("when every(6) actor(actor) panic"), hits: 2, failures: 2},
		"the next one":      {add: injected("at 30s actor(actor) panic"), hits: 1, failures: 1},
		"any actor":         {add: injected("at 30s when index(1) actor(*) panic"), hits: 1, failures: 1},
		"from 150 s on":     {add: injected("at 150s when index(2) actor(actor) panic"), hits: 1, failures: 1},
		"for 100 s":         {add: injected("at 30s for 100s actor(actor) delay(1ms)"), hits: 2},
		"none of them":      {add: injected("when prob(1e-12) actor(actor) panic")},
		"all of them":       {add: injected("at 30s for 100s when prob(1) actor(actor) delay(1ms)"), hits: 2},
	} {
		t.Run(name, func(t *testing.T) {
			faults.Bubble(t, func(b *faults.Env) {
				conn := own(b, "client")
				time.Sleep(time.Second)
				f := c.add(b.T, b.Actors)
				if diff := cmp.Diff([]int{1, 2, 3, 4, 5, 6, 7, 8, 9, 10}, eachMinute(b, conn, 10)); diff != "" {
					t.Errorf("what the actor got: want -, got +:\n%s", diff)
				}
				failed := failures(conn)
				if f.Hits() != c.hits || len(failed) != c.failures {
					t.Errorf("%d hits, want %d; failures %v", f.Hits(), c.hits, failed)
				}
				var exit *supervisor.GoexitError
				var thrown *faults.InjectedError
				for _, cause := range failed {
					if errors.As(cause, &exit) != c.goexit || errors.As(cause, &thrown) == c.goexit {
						t.Errorf("failed with %v", cause)
					}
				}
				if thrown != nil && (thrown.Rule != f.Rule() || thrown.Kind == "" || !strings.Contains(thrown.Error(), f.Rule().String())) {
					t.Errorf("it does not say what it was: %v", thrown)
				}
				if b.Actors.Messages("actor") < 10 || b.Actors.Messages("nobody") != 0 {
					t.Errorf("%d messages counted", b.Actors.Messages("actor"))
				}
			}, coreOnly())
		})
	}
}

// TestADelayedMailbox is slow to the nanosecond, until the delay is lifted.
func TestADelayedMailbox(t *testing.T) {
	faults.Bubble(t, func(b *faults.Env) {
		conn := own(b, "client")
		got := make(chan time.Time, 10)
		ref := spawned(b, conn, func(any) { got <- time.Now() })
		synctest.Wait()
		f := b.Actors.Delay("actor", time.Minute)
		began := time.Now()
		_ = ref.Send(nil)
		if passed := (<-got).Sub(began); passed != time.Minute {
			t.Errorf("after %v", passed)
		}
		synctest.Wait()
		began = time.Now()
		_ = ref.Send(nil)
		time.Sleep(10 * time.Second)
		b.Actors.Clear()
		if passed := (<-got).Sub(began); passed != 10*time.Second {
			t.Errorf("lifted after 10s, it came after %v", passed)
		}
		if f.Hits() != 2 {
			t.Errorf("%d hits", f.Hits())
		}
		f.Lift()
	}, coreOnly())
}

// TestWaitingForHits ends with them, with the fault, and with one's patience.
func TestWaitingForHits(t *testing.T) {
	faults.Bubble(t, func(b *faults.Env) {
		conn := own(b, "client")
		f := injected("actor(actor) delay(1ms)")(b.T, b.Actors)
		ref := spawned(b, conn, func(any) {})
		go func() {
			for range 10 {
				_ = ref.Send(nil)
				time.Sleep(time.Minute)
			}
		}()
		began := time.Now()
		if err := f.Wait(b.T.Context(), 5); err != nil || time.Since(began) < 2*time.Minute {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		short, cancel := context.WithTimeout(b.T.Context(), time.Minute)
		defer cancel()
		if err := f.Wait(short, 100); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		time.AfterFunc(time.Minute, f.Lift)
		if err := f.Wait(b.T.Context(), 100); !errors.Is(err, faults.ErrLifted) {
			t.Error(err)
		}
		if err := f.Wait(b.T.Context(), f.Hits()); err != nil {
			t.Error(err)
		}
		time.Sleep(time.Hour)
	}, coreOnly())
}

// TestRulesThatAreNotAboutActors are refused.
func TestRulesThatAreNotAboutActors(t *testing.T) {
	a := faults.Actors(actors.NewSystem(nil))
	for _, rule := range []string{"link(c, s) latency(1s)", "server(s1) kill", "latency(1s)", "for 1s actor(x) panic"} {
		r, err := plan.ParseRule(rule)
		if err == nil {
			_, err = a.Add(r)
		}
		var wrong *plan.RangeError
		if !errors.As(err, &wrong) {
			t.Errorf("%s: %v", rule, err)
		}
	}
	var syntax *plan.SyntaxError
	if _, err := a.Inject("actor(x) explode"); !errors.As(err, &syntax) {
		t.Error(err)
	}
}

// TestSharesAreDrawnFromTheSeed: the same seed hits the same messages.
func TestSharesAreDrawnFromTheSeed(t *testing.T) {
	run := func(seed uint64) (hits int) {
		faults.Bubble(t, func(b *faults.Env) {
			conn := own(b, "client")
			f := injected("when prob(0.5) actor(actor) delay(1ms)")(b.T, b.Actors)
			eachMinute(b, conn, 100)
			hits = f.Hits()
		}, coreOnly(), faults.Seed(seed))
		return hits
	}
	first, again, other := run(1), run(1), run(4)
	if first != again || first == other || first < 20 || first > 80 {
		t.Errorf("%d and %d hits of about 100 with one seed, %d with another", first, again, other)
	}
}

// TestAllKindsAreKnown: an actor of a kind that rules don't know could not be named.
func TestAllKindsAreKnown(t *testing.T) {
	faults.Bubble(t, func(b *faults.Env) {
		conn := own(b, "client")
		eachMinute(b, conn, 1)
		var walk func(n supervisor.Node)
		walk = func(n supervisor.Node) {
			if !slices.Contains(faults.ActorKinds(), n.Kind) {
				t.Errorf("%s is a %s", n.Path, n.Kind)
			}
			if b.Actors.Messages(n.Kind) == 0 && n.Kind != "callbacks" && n.Kind != "requests" {
				t.Errorf("%s got no message", n.Kind)
			}
			for _, child := range n.Children {
				walk(child)
			}
		}
		walk(conn.Tree())
	}, coreOnly())
}
