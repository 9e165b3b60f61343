package actors

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

	"github.com/google/go-cmp/cmp"

	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/protocol"
	"github.com/troupe-go/troupe/supervisor"
)

// TestOverflowPolicies sends messages to a handler that is in the middle of the first, up
// to one below, exactly, and one above the limit: what is delivered, what is reported,
// and what happens to the subscription.
func TestOverflowPolicies(t *testing.T) {
	const limit = 5 // one in the handler and four that wait
	cases := []struct {
		policy Overflow
		above  []string // delivered of six messages
		closed bool     // the subscription
	}{
		{DropNewest, []string{"0", "1", "2", "3", "4"}, false},
		{DropOldest, []string{"0", "2", "3", "4", "5"}, false},
		{Block, []string{"0", "1", "2", "3", "4"}, false}, // the handler blocks for longer than the bound
		{RestartEmpty, []string{"0"}, false},
		{StopSubscription, []string{"0"}, true},
		{EscalateOverflow, []string{"0"}, true},
	}
	for _, k := range cases {
		for _, sent := range []int{limit - 1, limit, limit + 1} {
			want := k.above
			if sent <= limit {
				want = strings.Fields("0 1 2 3 4")[:sent]
			}
			o := overflow{policy: k.policy, limit: limit, sent: sent, want: want, closed: k.closed && sent > limit}
			t.Run(fmt.Sprintf("%v/%d", k.policy, sent), func(t *testing.T) { onStage(t, o.play) })
		}
	}
}

// overflow is one case of TestOverflowPolicies.
type overflow struct {
	policy      Overflow
	limit, sent int
	want        []string // delivered
	closed      bool     // the subscription, by its policy
	sub         *Sub
}

func (o *overflow) slow() bool { return o.sent > o.limit }

func (o *overflow) play(t *testing.T, s *stage) {
	release, got := make(chan struct{}), make(chan string, 100)
	o.sub = subscribe(t, s.c, SubSpec{Subject: "x", Overflow: o.policy, Policy: noDelay,
		Limits: Limits{Msgs: o.limit, Bytes: -1, BlockFor: time.Second},
		Consumer: handle(func(_, p string) {
			got <- p
			<-release
		})})
	s.p.expect("SUB x 1")
	first, rest, _ := strings.Cut(messages(1, o.sent), "0\r\n")
	s.p.send(first + "0\r\n")
	synctest.Wait() // the first is in the handler
	s.p.send(rest)
	pass(2 * time.Second)
	o.checkEpisode(t, s)
	close(release)
	pass(5 * time.Second)
	if diff := cmp.Diff(o.want, drained(got)); diff != "" {
		t.Errorf("delivered (-want +got):\n%s", diff)
	}
	if closed := o.sub.Closed(); closed != o.closed {
		t.Errorf("closed: %v", closed)
	}
	o.checkEnd(t, s)
}

// checkEpisode looks at the subscription while its handler still blocks.
func (o *overflow) checkEpisode(t *testing.T, s *stage) {
	t.Helper()
	began := s.tape.all(about(o.sub, supervisor.SlowConsumerBegan))
	if !o.slow() {
		if len(began) != 0 || o.sub.Slow() {
			t.Errorf("slow within the limit: %v", began)
		}
		return
	}
	if len(began) != 1 || !errors.Is(began[0].Cause, ErrSlowConsumer) || began[0].Count == 0 {
		t.Fatalf("the episode's beginning was told as %v", began)
	}
	lost := uint64(o.sent - len(o.want))
	if o.closed {
		lost = 1 // the others were discarded with the subscription
	}
	if n := o.sub.Counts(); n.Dropped != lost || n.DroppedBytes != lost {
		t.Errorf("%d dropped, %d bytes, want %d", n.Dropped, n.DroppedBytes, lost)
	}
}

// checkEnd checks what was reported after the handler went on.
func (o *overflow) checkEnd(t *testing.T, s *stage) {
	t.Helper()
	sub := o.sub
	stopped := s.tape.all(about(sub, supervisor.SubscriptionStopped))
	ended := s.tape.all(about(sub, supervisor.SlowConsumerEnded))
	restarted := s.tape.all(about(sub, supervisor.ActorRestarted))
	switch {
	case !o.slow():
		if len(stopped)+len(ended)+len(restarted) != 0 || s.c.Status() != Connected {
			t.Errorf("within the limit: stopped %v, ended %v, restarted %v, %v", stopped, ended, restarted, s.c.Status())
		}
	case o.policy == StopSubscription:
		if len(stopped) != 1 || !errors.Is(stopped[0].Cause, ErrSlowConsumer) || stopped[0].Count != 4 || s.c.Status() != Connected {
			t.Errorf("stopped as %v with %v", stopped, s.c.Status())
		}
		s.p.expect("UNSUB 1")
	case o.policy == EscalateOverflow:
		if s.c.Status() != Closed || !errors.Is(s.c.closedError(), ErrSlowConsumer) {
			t.Errorf("connection %v: %v", s.c.Status(), s.c.closedError())
		}
	default:
		if len(ended) != 1 || ended[0].Count != sub.Counts().Dropped || ended[0].Bytes != sub.Counts().DroppedBytes || sub.Slow() {
			t.Errorf("the episode's end was told as %v, dropped %d", ended, sub.Counts().Dropped)
		}
		if (o.policy == RestartEmpty) != (len(restarted) == 1) {
			t.Errorf("%d restarts", len(restarted))
		}
	}
}

// TestAutoUnsubscribeCountsWhatWasSent: dropped messages count as the server
// counts them, and the subscription ends.
func TestAutoUnsubscribeCountsWhatWasSent(t *testing.T) {
	onStage(t, func(t *testing.T, s *stage) {
		release := make(chan struct{})
		ended := make(chan error, 1)
		sub := subscribe(t, s.c, SubSpec{Subject: "x", Limits: Limits{Msgs: 2, Bytes: -1},
			Ended:    func(_ *Sub, cause error) { ended <- cause },
			Consumer: handle(func(_, _ string) { <-release })})
		if err := sub.AutoUnsubscribe(5); err != nil {
			t.Fatal(err)
		}
		s.p.expect("SUB x 1")
		s.p.expect("UNSUB 1 5")
		s.p.send(messages(1, 5))
		synctest.Wait()
		if len(ended) != 0 {
			t.Error("ended before its handler was done")
		}
		close(release)
		if err := <-ended; err != nil {
			t.Errorf("ended with %v", err)
		}
		if n := sub.Counts(); n.Received != 5 || n.Delivered != 2 || n.Dropped != 3 {
			t.Errorf("%+v", n)
		}
		if s.c.SubscriptionCount() != 0 {
			t.Error("still in the table")
		}
	})
}

// TestAutoUnsubscribeFromInside: a handler that ends its subscription gets no more, even
// if more was read along with its message.
func TestAutoUnsubscribeFromInside(t *testing.T) {
	for want := 1; want <= 4; want++ {
		onStage(t, func(t *testing.T, s *stage) {
			got := make(chan string, 100)
			var sub *Sub
			sub = subscribe(t, s.c, SubSpec{Subject: "x", Consumer: handle(func(_, p string) {
				got <- p
				if p == "0" {
					if err := sub.AutoUnsubscribe(uint64(want)); err != nil {
						t.Error(err)
					}
				}
			})})
			s.p.expect("SUB x 1")
			s.p.send(messages(1, 10))
			synctest.Wait()
			if len(got) != want || !sub.Closed() {
				t.Errorf("%d delivered, want %d; closed %v", len(got), want, sub.Closed())
			}
			s.p.expect("UNSUB 1")
		})
	}
}

// TestAutoUnsubscribeOverAnOutage: the new server gets the remaining count.
func TestAutoUnsubscribeOverAnOutage(t *testing.T) {
	onStage(t, func(t *testing.T, s *stage) {
		got := make(chan string, 100)
		sub := subscribe(t, s.c, SubSpec{Subject: "x", Consumer: handle(func(_, p string) { got <- p })})
		if err := sub.AutoUnsubscribe(5); err != nil {
			t.Fatal(err)
		}
		s.p.expect("SUB x 1")
		s.p.send(messages(1, 2))
		synctest.Wait()
		s.p.conn.Close()
		next := <-s.ready
		next.expect("SUB x 1")
		next.expect("UNSUB 1 3")
		next.send(messages(1, 7)) // a server that does not count
		synctest.Wait()
		if len(got) != 5 || !sub.Closed() {
			t.Errorf("%d delivered, closed %v", len(got), sub.Closed())
		}
	})
}

// TestSubscriptionsOverAnOutage: those from before and from during it are
// restored once and in order, those that ended during it are not.
func TestSubscriptionsOverAnOutage(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config(t)
		ready := make(chan *peer, 10)
		peers(t, &cfg, func(p *peer) {
			if p.nth > 1 {
				pass(time.Second)
			}
			playing(ready)(p)
		})
		c := connect(t, cfg)
		p := <-ready
		quiet := handle(func(_, _ string) {})
		subscribe(t, c, SubSpec{Subject: "a", Consumer: quiet})
		gone := subscribe(t, c, SubSpec{Subject: "b", Consumer: quiet})
		subscribe(t, c, SubSpec{Subject: "c", Queue: "q", Consumer: quiet})
		for _, f := range []string{"SUB a 1", "SUB b 2", "SUB c q 3"} {
			p.expect(f)
		}
		p.conn.Close()
		synctest.Wait()
		subscribe(t, c, SubSpec{Subject: "d", Consumer: quiet})
		if err := gone.Unsubscribe(); err != nil {
			t.Error(err)
		}
		short := subscribe(t, c, SubSpec{Subject: "e", Consumer: quiet})
		if err := short.Unsubscribe(); err != nil {
			t.Error(err)
		}
		mustPublish(t, c, "a", "kept")
		next := <-ready
		synctest.Wait()
		subscribe(t, c, SubSpec{Subject: "f", Consumer: quiet})
		for _, f := range []string{"SUB a 1", "SUB c q 3", "SUB d 4", "PUB a 4\r\nkept", "SUB f 6"} {
			next.expect(f)
		}
		synctest.Wait()
		if len(next.frames) != 0 {
			t.Errorf("then came %q", <-next.frames)
		}
	})
}

// TestNextTellsWhyNothingComes.
func TestNextTellsWhyNothingComes(t *testing.T) {
	nothing := func(*Raw) {}
	cases := map[string]struct {
		do   func(s *stage, sub *Sub)
		want error
	}{
		"its context":       {func(*stage, *Sub) {}, context.DeadlineExceeded},
		"unsubscribed":      {func(_ *stage, sub *Sub) { _ = sub.Unsubscribe() }, ErrBadSubscription},
		"connection closed": {func(s *stage, _ *Sub) { s.c.Close(context.Background()) }, ErrConnectionClosed},
		"last message": {func(s *stage, sub *Sub) {
			_ = sub.AutoUnsubscribe(1)
			s.p.send(messages(1, 1))
		}, ErrMaxMessages},
		"drained": {func(_ *stage, sub *Sub) { _ = sub.Drain(context.Background()) }, ErrBadSubscription},
	}
	for name, k := range cases {
		t.Run(name, func(t *testing.T) {
			onStage(t, func(t *testing.T, s *stage) {
				sub := subscribe(t, s.c, SubSpec{Subject: "x"})
				s.p.expect("SUB x 1")
				const callers = 3
				results := make(chan error, callers)
				ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
				defer cancel()
				for range callers {
					go func() {
						err := sub.Next(ctx, nothing)
						for err == nil {
							err = sub.Next(ctx, nothing)
						}
						results <- err
					}()
				}
				synctest.Wait()
				k.do(s, sub)
				for range callers {
					if err := <-results; !errors.Is(err, k.want) {
						t.Errorf("got %v, want %v", err, k.want)
					}
				}
			})
		})
	}
}

// TestNextSharesMessages: several callers get each message once.
func TestNextSharesMessages(t *testing.T) {
	onStage(t, func(t *testing.T, s *stage) {
		sub := subscribe(t, s.c, SubSpec{Subject: "x"})
		s.p.expect("SUB x 1")
		const total = 500
		var mu sync.Mutex
		seen := map[string]int{}
		var callers sync.WaitGroup
		for range 5 {
			callers.Go(func() {
				for {
					err := sub.Next(t.Context(), func(m *Raw) {
						mu.Lock()
						seen[string(m.Payload)]++
						mu.Unlock()
					})
					if err != nil {
						return
					}
				}
			})
		}
		_ = sub.AutoUnsubscribe(total)
		s.p.send(messages(1, total))
		callers.Wait()
		if len(seen) != total {
			t.Errorf("%d of %d messages came", len(seen), total)
		}
		for p, n := range seen {
			if n != 1 {
				t.Errorf("%s came %d times", p, n)
			}
		}
	})
}

// TestDrainEndsWithTheConnection: Close also ends a subscription whose drain waits for a
// slow handler.
func TestDrainEndsWithTheConnection(t *testing.T) {
	onStage(t, func(t *testing.T, s *stage) {
		release := make(chan struct{})
		sub := subscribe(t, s.c, SubSpec{Subject: "x", Consumer: handle(func(_, _ string) { <-release })})
		s.p.expect("SUB x 1")
		s.p.send(messages(1, 3))
		drained := make(chan error, 1)
		go func() { drained <- sub.Drain(context.Background()) }()
		synctest.Wait()
		time.AfterFunc(time.Second, func() { close(release) })
		if n, ok := s.c.Tree().Find(sub.Path()); !ok || n.State != "draining" {
			t.Errorf("in the tree: %v %+v", ok, n)
		}
		s.c.Close(context.Background())
		if err := <-drained; err != nil {
			t.Error(err)
		}
		if len(s.tape.all(about(sub, supervisor.SubscriptionStopped))) != 1 {
			t.Error("the end was not told once")
		}
	})
}

// TestOrderByKey runs many messages through concurrent workers: those of one
// key come in order and one at a time, all come once, and keys do overlap.
func TestOrderByKey(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{})
	c := connect(t, config(t, s.URL()))
	const total, keys, workers = 5000, 16, 4
	var mu sync.Mutex
	last, busy, sum := [keys]int{}, [keys]bool{}, 0
	inside, most := 0, 0
	done := make(chan struct{})
	seen := func(_, p string) {
		var key, n int
		fmt.Sscanf(p, "%d %d", &key, &n)
		mu.Lock()
		if n <= last[key] || busy[key] {
			t.Errorf("key %d: %d came after %d, one in the handler: %v", key, n, last[key], busy[key])
		}
		last[key], busy[key] = n, true
		inside++
		most = max(most, inside)
		mu.Unlock()
		for range rand.IntN(4) {
			runtime.Gosched()
		}
		mu.Lock()
		defer mu.Unlock()
		busy[key] = false
		inside--
		if sum++; sum == total {
			close(done)
		}
		if n%97 == 0 {
			panic(errKilled) // the worker is restarted
		}
	}
	sub := subscribe(t, c, SubSpec{Subject: "k", Workers: workers, Policy: noDelay, Consumer: handle(seen),
		Key: func(m *Raw) uint64 { return uint64(m.Payload[0])*10 + uint64(m.Payload[1]) }})
	for n := 1; n <= total; n++ {
		mustPublish(t, c, "k", fmt.Sprintf("%02d %d", rand.IntN(keys), n))
	}
	select {
	case <-done:
	case <-must.Within(t, patience).Done():
		t.Fatalf("%d of %d came: %+v\n%v", sum, total, sub.Counts(), c.Tree())
	}
	if most > workers {
		t.Errorf("%d at once with %d workers", most, workers)
	}
	if err := sub.Drain(must.Within(t, patience)); err != nil {
		t.Error(err)
	}
	if n := sub.Counts(); n.Delivered != total || n.Dropped != 0 || n.PendingMsgs != 0 {
		t.Errorf("%+v", n)
	}
}

// TestKeyFunctionThatFails loses the message on which it fails, and no other.
func TestKeyFunctionThatFails(t *testing.T) {
	for name, fail := range map[string]func(){"panic": func() { panic("key") }, "exit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			onStage(t, func(t *testing.T, s *stage) {
				got := make(chan string, 1000)
				ended := make(chan struct{})
				sub := subscribe(t, s.c, SubSpec{Subject: "x", Workers: 3, Policy: noDelay,
					Ended: func(*Sub, error) { close(ended) },
					Key: func(m *Raw) uint64 {
						if m.Payload[len(m.Payload)-1] == '7' {
							fail()
						}
						return 0
					},
					Consumer: handle(func(_, p string) { got <- p })})
				_ = sub.AutoUnsubscribe(300)
				s.p.expect("SUB x 1")
				s.p.send(messages(1, 300))
				<-ended
				var want []string
				for i := range 300 {
					if i%10 != 7 {
						want = append(want, decimal(uint64(i)))
					}
				}
				if diff := cmp.Diff(want, drained(got)); diff != "" {
					t.Errorf("delivered (-want +got):\n%s", diff)
				}
				if n := sub.Counts(); n.Delivered != 300 || n.PendingMsgs != 0 {
					t.Errorf("%+v", n)
				}
			})
		})
	}
}

// TestWorkersRunAtOnce: as many handlers as workers, and never more.
func TestWorkersRunAtOnce(t *testing.T) {
	for _, workers := range []int{2, 5} {
		onStage(t, func(t *testing.T, s *stage) {
			var mu sync.Mutex
			inside, most, total := 0, 0, 0
			subscribe(t, s.c, SubSpec{Subject: "x", Workers: workers, Consumer: handle(func(_, _ string) {
				mu.Lock()
				inside++
				total++
				most = max(most, inside)
				mu.Unlock()
				pass(time.Second)
				mu.Lock()
				inside--
				mu.Unlock()
			})})
			s.p.expect("SUB x 1")
			start := time.Now()
			s.p.send(messages(1, 4*workers))
			for {
				mu.Lock()
				finished := total == 4*workers && inside == 0
				mu.Unlock()
				if finished {
					break
				}
				pass(time.Millisecond)
			}
			if most != workers {
				t.Errorf("%d at once, want %d", most, workers)
			}
			if took := time.Since(start).Round(10 * time.Millisecond); took > 4100*time.Millisecond {
				t.Errorf("four rounds of a second took %v", took)
			}
		})
	}
}

// TestPermissionEventKnowsItsSubscription by subject and queue.
func TestPermissionEventKnowsItsSubscription(t *testing.T) {
	onStage(t, func(t *testing.T, s *stage) {
		subscribe(t, s.c, SubSpec{Subject: "x"})
		queued := subscribe(t, s.c, SubSpec{Subject: "x", Queue: "q"})
		s.p.send("-ERR 'Permissions Violation for Subscription to \"x\" using queue \"q\"'\r\n")
		synctest.Wait()
		if n := s.tape.all(about(queued, supervisor.PermissionDenied)); len(n) != 1 || !errors.Is(n[0].Cause, protocol.ErrPermissionViolation) {
			t.Errorf("told %v", s.tape.all(isKind(supervisor.PermissionDenied)))
		}
	})
}

// TestRestartWaitsItsDelay: the dispatcher comes back when its backoff is over.
func TestRestartWaitsItsDelay(t *testing.T) {
	onStage(t, func(t *testing.T, s *stage) {
		policy := supervisor.Policy{Backoff: supervisor.Backoff{Initial: time.Second, Max: time.Minute}}
		var at []time.Time
		sub := subscribe(t, s.c, SubSpec{Subject: "x", Policy: policy, Consumer: handle(func(_, _ string) {
			at = append(at, time.Now())
			panic(errKilled)
		})})
		s.p.expect("SUB x 1")
		s.p.send(messages(1, 6))
		pass(time.Hour)
		synctest.Wait()
		failed := s.tape.all(about(sub, supervisor.HandlerPanicked))
		if len(at) != 6 || len(failed) != 6 {
			t.Fatalf("%d calls, %d failures told", len(at), len(failed))
		}
		for i, n := range failed[:5] {
			if got := at[i+1].Sub(at[i]); got != n.Delay || n.Delay > policy.Backoff.Ceiling(n.Attempt) {
				t.Errorf("restart %d after %v, told %v, at most %v", n.Attempt, got, n.Delay, policy.Backoff.Ceiling(n.Attempt))
			}
		}
	})
}

// TestUnsubscribeDuringARestartDelay ends the subscription for good.
func TestUnsubscribeDuringARestartDelay(t *testing.T) {
	onStage(t, func(t *testing.T, s *stage) {
		policy := supervisor.Policy{Backoff: supervisor.Backoff{Initial: time.Hour, Max: time.Hour}}
		calls := make(chan string, 10)
		sub := subscribe(t, s.c, SubSpec{Subject: "x", Policy: policy, Consumer: handle(func(_, p string) {
			calls <- p
			panic(errKilled)
		})})
		s.p.expect("SUB x 1")
		s.p.send(messages(1, 3))
		synctest.Wait()
		if err := sub.Unsubscribe(); err != nil {
			t.Error(err)
		}
		pass(3 * time.Hour)
		if n := s.tape.all(about(sub, supervisor.SubscriptionStopped)); len(n) != 1 || n[0].Cause != nil || n[0].Count != 2 {
			t.Errorf("told %v", n)
		}
		if len(calls) != 1 {
			t.Errorf("%d calls", len(calls))
		}
	})
}

// TestAWorkerThatIsStopped ends its subscription, loudly.
func TestAWorkerThatIsStopped(t *testing.T) {
	onStage(t, func(t *testing.T, s *stage) {
		sub := subscribe(t, s.c, SubSpec{Subject: "x", Workers: 3, Policy: supervisor.Policy{Directive: supervisor.Stop},
			Consumer: handle(func(_, _ string) { panic(errKilled) })})
		s.p.expect("SUB x 1")
		s.p.send(messages(1, 1))
		synctest.Wait()
		n := s.tape.all(about(sub, supervisor.SubscriptionStopped))
		if len(n) != 1 || !errors.Is(n[0].Cause, errKilled) || !sub.Closed() {
			t.Errorf("told %v, closed %v", n, sub.Closed())
		}
		s.p.expect("UNSUB 1")
		if err := s.c.Health(); !errors.Is(err, supervisor.ErrUnhealthy) {
			t.Errorf("health: %v", err)
		}
	})
}

// TestLimitsAndPeaks can be changed and cleared while messages wait.
func TestLimitsAndPeaks(t *testing.T) {
	onStage(t, func(t *testing.T, s *stage) {
		sub := subscribe(t, s.c, SubSpec{Subject: "x", Limits: Limits{Msgs: 3, Bytes: -1}})
		s.p.expect("SUB x 1")
		s.p.send(messages(1, 5))
		synctest.Wait()
		if n := sub.Counts(); n.PendingMsgs != 3 || n.PendingBytes != 3 || n.Dropped != 2 || n.PeakMsgs < 3 {
			t.Errorf("%+v", n)
		}
		if !sub.TakeSlow() || sub.TakeSlow() {
			t.Error("the episode was not reported once")
		}
		sub.ClearPeak()
		sub.SetLimits(-1, -1)
		s.p.send(messages(1, 100))
		synctest.Wait()
		if n := sub.Counts(); n.PendingMsgs != 103 || n.Dropped != 2 || n.PeakMsgs != 103 || n.Limits.Msgs != -1 {
			t.Errorf("%+v", n)
		}
	})
}
