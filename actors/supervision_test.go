package actors

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/supervisor"
)

// noDelay restarts at once, so that tests need not wait.
var noDelay = supervisor.Policy{Backoff: supervisor.Backoff{Initial: supervisor.NoDelay}}

func about(s *Sub, kind supervisor.EventKind) func(Notice) bool {
	return func(n Notice) bool { return n.Kind == kind && n.Sub == s }
}

// TestIntensityStopsTheSubscriptionLoudly: one failure too many ends it, reported with a
// typed cause, and leaves other subscriptions alone.
func TestIntensityStopsTheSubscriptionLoudly(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{})
	for _, limit := range []int{1, 2, 5} {
		t.Run(fmt.Sprint(limit), func(t *testing.T) {
			cfg := config(t, s.URL())
			tape := record(&cfg)
			c := connect(t, cfg)
			policy := noDelay
			policy.Intensity = supervisor.Intensity{Max: limit, Within: time.Minute}
			ended := make(chan error, 2)
			var calls atomic.Int32
			all := make(chan struct{}) // messages are there: none comes in the middle of the end
			bad := subscribe(t, c, SubSpec{Subject: "i.bad", Policy: policy,
				Ended:    func(_ *Sub, cause error) { ended <- cause },
				Consumer: handle(func(_, _ string) { <-all; calls.Add(1); panic("again") })})
			good := make(chan string, 100)
			subscribe(t, c, SubSpec{Subject: "i.good", Consumer: handle(func(_, p string) { good <- p })})
			for range 10 {
				mustPublish(t, c, "i.bad", "x")
			}
			must.Do(t, c.Flush(must.Within(t, patience)))
			close(all)
			stop := tape.await(t, 1, "stop", about(bad, supervisor.SubscriptionStopped))
			var exceeded *supervisor.IntensityError
			if !errors.As(stop.Cause, &exceeded) || !errors.Is(stop.Cause, supervisor.ErrRestartLimit) || !errors.Is(stop.Cause, supervisor.ErrHandlerPanic) {
				t.Errorf("stopped with %v", stop.Cause)
			}
			if got := calls.Load(); got != int32(limit+1) {
				t.Errorf("%d calls, want %d restarts and one more", got, limit)
			}
			if got := bad.undelivered(); stop.Count > 9 || stop.Count != got {
				t.Errorf("the event counts %d undelivered, the subscription %d", stop.Count, got)
			}
			if n := len(tape.all(about(bad, supervisor.ActorRestarted))); n != limit {
				t.Errorf("%d restarts were told, want %d", n, limit)
			}
			if cause := <-ended; cause != stop.Cause {
				t.Errorf("Ended got %v", cause)
			}
			if !bad.Closed() || !errors.Is(bad.Unsubscribe(), ErrBadSubscription) {
				t.Error("still usable")
			}
			mustPublish(t, c, "i.good", "fine")
			receiveAll(t, good, "fine")
			if len(ended) != 0 {
				t.Error("Ended ran twice")
			}
		})
	}
}

// TestDirectivesOfAHandlerPanic: what each directive does with the messages after it.
func TestDirectivesOfAHandlerPanic(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{})
	cases := []struct {
		directive supervisor.Directive
		goesOn    bool
		restarted string // the actor that was
	}{
		{supervisor.Resume, true, ""},
		{supervisor.Restart, true, "dispatcher"},
		{supervisor.Stop, false, ""},
	}
	for _, k := range cases {
		t.Run(k.directive.String(), func(t *testing.T) {
			cfg := config(t, s.URL())
			tape := record(&cfg)
			c := connect(t, cfg)
			policy := noDelay
			policy.Directive = k.directive
			got := make(chan string, 10)
			sub := subscribe(t, c, SubSpec{Subject: "p", Policy: policy, Consumer: handle(func(_, p string) {
				if p == "1" {
					panic(errKilled)
				}
				got <- p
			})})
			neighbour := make(chan string, 10)
			subscribe(t, c, SubSpec{Subject: "n", Consumer: handle(func(_, p string) { neighbour <- p })})
			for i := range 3 {
				mustPublish(t, c, "p", decimal(uint64(i)))
			}
			failed := tape.await(t, 1, "panic", about(sub, supervisor.HandlerPanicked))
			if failed.Directive != k.directive || !errors.Is(failed.Cause, errKilled) || len(failed.Stack) == 0 || failed.Message != "p" {
				t.Errorf("told %v: %v about %q", failed.Directive, failed.Cause, failed.Message)
			}
			receiveAll(t, got, "0")
			if k.goesOn {
				receiveAll(t, got, "2")
			} else {
				tape.await(t, 1, "stop", about(sub, supervisor.SubscriptionStopped))
			}
			mustPublish(t, c, "n", "still here")
			receiveAll(t, neighbour, "still here")
			if k.restarted != "" {
				tape.await(t, 1, "restart", func(n Notice) bool {
					return n.Kind == supervisor.ActorRestarted && (n.Path == c.name+"/"+k.restarted || n.Sub == sub)
				})
			}
		})
	}
}

// TestAnEscalatedHandlerEndsTheConnection with a report, and does not wait for another
// handler that is blocked.
func TestAnEscalatedHandlerEndsTheConnection(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{})
	cfg := config(t, s.URL())
	tape := record(&cfg)
	c := connect(t, cfg)
	hold, held := make(chan struct{}), make(chan struct{})
	defer close(hold)
	subscribe(t, c, SubSpec{Subject: "n", Consumer: handle(func(_, _ string) { close(held); <-hold })})
	policy := noDelay
	policy.Directive = supervisor.Escalate
	sub := subscribe(t, c, SubSpec{Subject: "p", Policy: policy, Consumer: handle(func(_, _ string) { panic(errKilled) })})
	mustPublish(t, c, "n", "block")
	<-held
	mustPublish(t, c, "p", "x")
	end := tape.await(t, 1, "end", func(n Notice) bool { return n.Kind == supervisor.ConnectionClosed })
	var from *supervisor.EscalatedError
	if !errors.As(end.Cause, &from) || from.Path != sub.Path() || !errors.Is(end.Cause, errKilled) {
		t.Errorf("ended with %v", end.Cause)
	}
	if err := c.Publish("p", "", nil, nil); !errors.Is(err, errKilled) || !errors.Is(err, ErrConnectionClosed) {
		t.Errorf("publish after the end: %v", err)
	}
}

// TestGoexitInAHandler costs its message and nothing else, again and again.
func TestGoexitInAHandler(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{})
	cfg := config(t, s.URL())
	tape := record(&cfg)
	c := connect(t, cfg)
	got := make(chan string, 100)
	sub := subscribe(t, c, SubSpec{Subject: "g", Policy: noDelay, Consumer: handle(func(_, p string) {
		if len(p)%2 == 0 {
			runtime.Goexit()
		}
		got <- p
	})})
	var want []string
	for i := range 40 {
		p := fmt.Sprintf("%0*d", 1+i%2, i%10)
		mustPublish(t, c, "g", p)
		if len(p) == 1 {
			want = append(want, p)
		}
	}
	receiveAll(t, got, want...)
	var exit *supervisor.GoexitError
	if e := tape.await(t, 20, "exit", about(sub, supervisor.HandlerPanicked)); !errors.As(e.Cause, &exit) || exit.Message != "g" {
		t.Errorf("told %v", e.Cause)
	}
}

// TestPanicInTheEventCallback counts as a failure of user code, and costs one event.
func TestPanicInTheEventCallback(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{})
	for name, fail := range map[string]func(){"panic": func() { panic("callback") }, "exit": runtime.Goexit} {
		t.Run(name, func(t *testing.T) {
			cfg := config(t, s.URL())
			stopped := make(chan *Sub, 10)
			cfg.OnEvent = func(n Notice) {
				if n.Kind == supervisor.SubscriptionStopped {
					stopped <- n.Sub
				}
				fail()
			}
			c := connect(t, cfg)
			for range 3 {
				ended := make(chan struct{})
				sub := subscribe(t, c, SubSpec{Subject: "x", Ended: func(*Sub, error) { close(ended) }})
				if err := sub.Unsubscribe(); err != nil {
					t.Fatal(err)
				}
				if got := <-stopped; got != sub {
					t.Errorf("event about %v", got.SID())
				}
				<-ended // runs although the callback before it failed
			}
			kinds := 0
			for _, e := range c.Events() {
				if e.Path == c.name+"/callbacks" && e.Kind == supervisor.HandlerPanicked {
					kinds++
				}
			}
			if kinds == 0 {
				t.Errorf("no event tells of the callback's failures: %v", c.Events())
			}
		})
	}
}

// TestBlockedHandlersHarmNobody: with a thousand handlers blocked for good, another one
// still gets all of its messages, and the tree shows which are busy.
func TestBlockedHandlersHarmNobody(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{})
	c := connect(t, config(t, s.URL()))
	const blocked = 1000
	release := make(chan struct{})
	var inside sync.WaitGroup
	inside.Add(blocked)
	for range blocked {
		subscribe(t, c, SubSpec{Subject: "block", Consumer: handle(func(_, _ string) {
			inside.Done()
			<-release
		})})
	}
	got := make(chan string, 2000)
	free := subscribe(t, c, SubSpec{Subject: "free", Consumer: handle(func(_, p string) { got <- p })})
	mustPublish(t, c, "block", "x")
	var want []string
	for i := range 1000 {
		want = append(want, decimal(uint64(i)))
		mustPublish(t, c, "free", want[i])
	}
	receiveAll(t, got, want...)
	inside.Wait()
	for ctx := must.Within(t, patience); free.Counts().PendingMsgs > 0 && ctx.Err() == nil; {
		runtime.Gosched() // its last call may not have returned
	}
	busy := 0
	for n := range c.Tree().All() {
		if n.State == "busy" {
			busy++
		}
	}
	if busy != blocked {
		t.Errorf("%d dispatchers are shown busy, want %d", busy, blocked)
	}
	close(release)
	if r := c.Close(must.Within(t, patience)); len(r.Unfinished) > 0 {
		t.Errorf("%d unfinished", len(r.Unfinished))
	}
}

// TestCloseFromEverywhere: from handlers, callbacks, and several goroutines.
func TestCloseFromEverywhere(t *testing.T) {
	places := map[string]func(t *testing.T, c *Conn, cfgEvents chan func(Notice), done chan struct{}){
		"handler": func(t *testing.T, c *Conn, _ chan func(Notice), done chan struct{}) {
			subscribe(t, c, SubSpec{Subject: "x", Consumer: handle(func(_, _ string) {
				if r := c.Close(context.Background()); len(r.Unfinished) > 0 {
					t.Errorf("unfinished: %v", r.Unfinished)
				}
				close(done)
			})})
			mustPublish(t, c, "x", "x")
		},
		"worker": func(t *testing.T, c *Conn, _ chan func(Notice), done chan struct{}) {
			subscribe(t, c, SubSpec{Subject: "x", Workers: 3, Consumer: handle(func(_, _ string) {
				c.Close(context.Background())
				close(done)
			})})
			mustPublish(t, c, "x", "x")
		},
		"event callback": func(t *testing.T, c *Conn, on chan func(Notice), done chan struct{}) {
			on <- func(Notice) {
				if r := c.Close(context.Background()); len(r.Unfinished) > 0 {
					t.Errorf("unfinished: %v", r.Unfinished)
				}
				close(done)
			}
			c.Report(Notice{Event: supervisor.Event{Kind: supervisor.CallRetried}})
		},
		"end of a subscription": func(t *testing.T, c *Conn, _ chan func(Notice), done chan struct{}) {
			sub := subscribe(t, c, SubSpec{Subject: "x", Ended: func(*Sub, error) {
				c.Close(context.Background())
				close(done)
			}})
			if err := sub.Unsubscribe(); err != nil {
				t.Error(err)
			}
		},
		"four goroutines": func(t *testing.T, c *Conn, _ chan func(Notice), done chan struct{}) {
			var all sync.WaitGroup
			for range 4 {
				all.Go(func() { c.Close(context.Background()) })
			}
			all.Wait()
			close(done)
		},
	}
	for name, place := range places {
		t.Run(name, func(t *testing.T) {
			natsserver.Bubble(t, func(t *testing.T) {
				s := natsserver.Run(t, natsserver.Options{DontListen: true})
				cfg := config(t, "nats://inside")
				cfg.Dial = func(context.Context, *url.URL) (net.Conn, error) { return s.InProcessConn() }
				on := make(chan func(Notice), 1)
				cfg.OnEvent = func(n Notice) {
					if n.Kind == supervisor.CallRetried {
						(<-on)(n)
					}
				}
				c := connect(t, cfg)
				done := make(chan struct{})
				start := time.Now()
				place(t, c, on, done)
				<-done
				<-c.done
				if took := time.Since(start); took != 0 {
					t.Errorf("took %v", took)
				}
				if c.Status() != Closed {
					t.Errorf("status %v", c.Status())
				}
			})
		})
	}
}

// TestUnsubscribeInTheMiddleOfARun: messages after the one in the handler are no longer
// delivered.
func TestUnsubscribeInTheMiddleOfARun(t *testing.T) {
	for _, inside := range []bool{true, false} {
		synctest.Test(t, func(t *testing.T) {
			cfg := config(t)
			ready := make(chan *peer, 1)
			peers(t, &cfg, playing(ready))
			c := connect(t, cfg)
			release := make(chan struct{})
			var calls atomic.Int32
			var sub *Sub
			sub = subscribe(t, c, SubSpec{Subject: "u", Consumer: handle(func(_, _ string) {
				calls.Add(1)
				if inside {
					_ = sub.Unsubscribe()
					return
				}
				<-release
			})})
			p := <-ready
			p.expect("SUB u 1")
			burst := ""
			for range 50 {
				burst += "MSG u 1 1\r\nx\r\n"
			}
			p.send(burst)
			synctest.Wait()
			if !inside {
				if err := sub.Unsubscribe(); err != nil {
					t.Error(err)
				}
				close(release)
			}
			p.expect("UNSUB 1")
			p.send(burst) // what was in flight
			synctest.Wait()
			if n := calls.Load(); n != 1 {
				t.Errorf("inside %v: %d calls, want 1", inside, n)
			}
			if n := c.Stats().Strays; n != 50 {
				t.Errorf("inside %v: %d strays counted, want 50", inside, n)
			}
		})
	}
}

// TestWhatComesAfterTheEndIsTold, until the server has confirmed that it knows.
func TestWhatComesAfterTheEndIsTold(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		cfg := config(t)
		ready := make(chan *peer, 1)
		peers(t, &cfg, func(p *peer) {
			p.mute = true
			playing(ready)(p)
		})
		c := connect(t, cfg)
		var mu sync.Mutex
		told := ""
		sub := subscribe(t, c, SubSpec{Subject: "u", Consumer: handle(func(_, _ string) { t.Error("a call after the end") }), Lost: func(m *Raw, ended bool) {
			mu.Lock()
			defer mu.Unlock()
			told += fmt.Sprint(string(m.Payload), ended, " ")
		}})
		p := <-ready
		p.expect("SUB u 1")
		must.Do(t, sub.Unsubscribe())
		p.expect("UNSUB 1")
		p.expect("PING")
		p.send("MSG u 1 1\r\na\r\nMSG u 1 1\r\nb\r\nPONG\r\n")
		synctest.Wait()
		p.send("MSG u 1 1\r\nc\r\n")
		synctest.Wait()
		mu.Lock()
		defer mu.Unlock()
		if told != "atrue btrue " || c.Stats().Strays != 3 {
			t.Errorf("told %q, %d strays", told, c.Stats().Strays)
		}
		if len(c.roster.unheard) != 0 {
			t.Error("the subscription is kept")
		}
	})
}

// TestAPanicNamesItsMessage: with a wildcard the report has the actual subject.
func TestAPanicNamesItsMessage(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{})
	cfg := config(t, s.URL())
	said := make(chan string, 10)
	cfg.OnEvent = func(n Notice) {
		if n.Kind == supervisor.HandlerPanicked {
			said <- n.Message
		}
	}
	c := connect(t, cfg)
	subscribe(t, c, SubSpec{Subject: "orders.*", Consumer: handle(func(subject, _ string) {
		if subject == "orders.bad" || subject == "orders.worse" {
			panic("no")
		}
	})})
	for _, subject := range []string{"orders.1", "orders.2", "orders.bad", "orders.3", "orders.worse"} {
		mustPublish(t, c, subject, "x")
	}
	receiveAll(t, said, "orders.bad", "orders.worse")
}
