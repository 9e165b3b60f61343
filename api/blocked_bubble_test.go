package api_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
)

// blockedAfter is the limit in these tests.
const blockedAfter = 10 * time.Second

// script is a handler whose calls do what the message says, and what is known of them.
type script struct {
	release chan struct{} // closed: calls that block return
	once    sync.Once

	mu     sync.Mutex
	begun  []string
	ended  []string
	events []api.Event
	told   []error // the ErrorHandler
}

func newScript() *script { return &script{release: make(chan struct{})} }

// let lets blocked calls return.
func (s *script) let() { s.once.Do(func() { close(s.release) }) }

// options records the events, and what the ErrorHandler gets.
func (s *script) options() []api.Option {
	return []api.Option{api.OnEvent(func(e api.Event) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.events = append(s.events, e)
	}), api.ErrorHandler(func(_ *api.Conn, _ *api.Subscription, err error) {
		s.mu.Lock()
		defer s.mu.Unlock()
		s.told = append(s.told, err)
	})}
}

// handle blocks at messages that begin with "block", and then panics or exits if they
// say so.
func (s *script) handle(m *api.Msg) {
	text := string(m.Data)
	s.note(&s.begun, text)
	if strings.HasPrefix(text, "block") {
		<-s.release
	}
	s.note(&s.ended, string(m.Data))
	switch {
	case strings.HasSuffix(text, "panic"):
		panic("late")
	case strings.HasSuffix(text, "exit"):
		runtime.Goexit()
	}
}

func (s *script) note(list *[]string, text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	*list = append(*list, text)
}

// calls returns the messages whose calls have begun, and ended.
func (s *script) calls() (begun, ended []string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.begun), slices.Clone(s.ended)
}

// all returns the events of a kind.
func (s *script) all(kind api.EventKind) (found []api.Event) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.events {
		if e.Kind == kind {
			found = append(found, e)
		}
	}
	return found
}

// saw fails unless there were as many events of a kind, and returns the last.
func (s *script) saw(t *testing.T, n int, kind api.EventKind) (last api.Event) {
	t.Helper()
	found := s.all(kind)
	if len(found) != n {
		t.Fatalf("%d events %v, want %d: %v", len(found), kind, n, found)
	}
	if n > 0 {
		last = found[n-1]
	}
	return last
}

// send publishes texts on "a.b".
func send(t *testing.T, nc *api.Conn, texts ...string) {
	t.Helper()
	for _, text := range texts {
		must.Do(t, nc.Publish("a.b", []byte(text)))
	}
	must.Do(t, nc.Flush())
}

// blockedModes are those in which a blocked call holds up the ones behind it.
var blockedModes = map[string][]api.SubOption{
	"owned":    nil,
	"borrowed": {api.Borrow()},
	"by key":   {api.Concurrency(3), api.OrderedBy(func(m *api.Msg) string { return m.Subject })},
	"block":    {api.OnOverflow(api.Block)},
}

// TestBlockedHandlers: a call that takes too long is handled exactly when it exceeds the
// limit.
func TestBlockedHandlers(t *testing.T) {
	for name, c := range map[string]struct {
		answer  api.Directive
		meant   string // what the handler has begun at the limit
		begun   string // what it has in the end
		stopped error  // why the subscription has ended
		closed  bool   // the connection
	}{
		"resume":   {answer: api.Resume, meant: "block", begun: "block 1 2 3"},
		"restart":  {answer: api.Restart, meant: "block 1 2 3", begun: "block 1 2 3"},
		"stop":     {answer: api.Stop, meant: "block", begun: "block", stopped: api.ErrHandlerBlocked},
		"escalate": {answer: api.Escalate, meant: "block", begun: "block", closed: true},
	} {
		for mode, options := range blockedModes {
			t.Run(name+"/"+mode, func(t *testing.T) {
				blocked(t, append(options, api.OnBlocked(blockedAfter, c.answer)), func(t *testing.T, s *script, nc *api.Conn, sub *api.Subscription) {
					send(t, nc, "block", "1", "2", "3")
					later(blockedAfter - time.Millisecond)
					s.saw(t, 0, api.HandlerBlocked)
					later(time.Millisecond)
					e := s.saw(t, 1, api.HandlerBlocked)
					var cause *api.BlockedError
					if !errors.As(e.Cause, &cause) || cause.For != blockedAfter || cause.Message != "a.b" || e.Message != "a.b" || e.Directive != c.answer {
						t.Errorf("event %+v", e)
					}
					if begun, _ := s.calls(); strings.Join(begun, " ") != c.meant {
						t.Errorf("begun %q, want %q", begun, c.meant)
					}
					if sub.IsValid() != (c.stopped == nil && !c.closed) || nc.IsClosed() != c.closed {
						t.Errorf("valid %v, closed %v", sub.IsValid(), nc.IsClosed())
					}
					if c.stopped != nil {
						kinds(t, s.saw(t, 1, api.SubscriptionStopped).Cause, c.stopped)
					}
					if c.closed {
						kinds(t, nc.LastError(), api.ErrHandlerBlocked, api.ErrEscalated)
					}
					later(time.Hour)
					s.saw(t, 1, api.HandlerBlocked)
					s.let()
					later(time.Second)
					if begun, ended := s.calls(); strings.Join(begun, " ") != c.begun || len(ended) != len(begun) {
						t.Errorf("begun %q, ended %q, want %q", begun, ended, c.begun)
					}
					if !c.closed {
						s.saw(t, 1, api.HandlerUnblocked)
					}
					s.saw(t, 0, api.HandlerPanicked)
				})
			})
		}
	}
}

// blocked plays with a subscription on "a.*" in a bubble.
func blocked(t *testing.T, options []api.SubOption, play func(t *testing.T, s *script, nc *api.Conn, sub *api.Subscription)) {
	t.Helper()
	natsserver.Bubble(t, func(t *testing.T) {
		server := natsserver.Run(t, natsserver.Options{DontListen: true})
		s := newScript()
		t.Cleanup(s.let)
		nc := dial(t, server, append(inBubble(server), s.options()...)...)
		sub := must.Get(nc.Subscribe("a.*", s.handle, options...))(t)
		play(t, s, nc, sub)
		nc.Close()
	})
}

// TestCallsWithinTheLimitAreNotBlocked, however many follow each other, and neither are calls
// that have returned.
func TestCallsWithinTheLimitAreNotBlocked(t *testing.T) {
	for mode, options := range blockedModes {
		t.Run(mode, func(t *testing.T) {
			bubble(t, func(t *testing.T, _ *natsserver.Server, nc *api.Conn) {
				s := newScript()
				nc.SetErrorHandler(func(_ *api.Conn, _ *api.Subscription, err error) {
					s.mu.Lock()
					s.told = append(s.told, err)
					s.mu.Unlock()
				})
				must.Get(nc.Subscribe("a.*", func(m *api.Msg) {
					d := must.Get(time.ParseDuration(string(m.Data)))(t)
					time.Sleep(d)
					s.note(&s.ended, string(m.Data))
					if d == time.Second {
						panic("in time")
					}
				}, append(options, api.OnBlocked(blockedAfter, api.Restart))...))(t)
				for range 20 {
					send(t, nc, "7s", "9.999s", "1s", "0s")
				}
				later(time.Hour)
				began := time.Now()
				send(t, nc, "3s", "4s", "11s", "2s")
				later(17 * time.Second)
				if _, ended := s.calls(); len(ended) != 82 || len(s.told) != 21 {
					t.Errorf("at the limit of the last call %d have ended, told %v", len(ended), s.told)
				}
				later(2 * time.Second)
				if _, ended := s.calls(); len(ended) != 84 || len(s.told) != 21 || time.Since(began) != 19*time.Second {
					t.Errorf("%d have ended, told %v", len(ended), s.told)
				}
			})
		})
	}
}

// TestAbandonedCallsHarmNothing, however they end.
func TestAbandonedCallsHarmNothing(t *testing.T) {
	for _, end := range []string{"", "panic", "exit"} {
		for mode, options := range blockedModes {
			t.Run(end+"/"+mode, func(t *testing.T) {
				blocked(t, append(options, api.OnBlocked(blockedAfter, api.Restart)), func(t *testing.T, s *script, nc *api.Conn, sub *api.Subscription) {
					send(t, nc, "0", "block "+end, "1")
					later(blockedAfter)
					if n := s.saw(t, 1, api.ActorRestarted).Attempt; n != 1 {
						t.Errorf("restart %d", n)
					}
					if err := nc.Health(); err == nil || !strings.Contains(err.Error(), "given up") {
						t.Errorf("health %v", err)
					}
					s.let()
					later(time.Second)
					e := s.saw(t, 1, api.HandlerUnblocked)
					if (e.Cause != nil) != (end != "") || e.Message != "a.b" {
						t.Errorf("event %+v", e)
					}
					if end != "" {
						kinds(t, e.Cause, api.ErrHandlerFailed)
						kinds(t, s.told[len(s.told)-1], api.ErrHandlerFailed)
					}
					send(t, nc, "2", "3")
					later(time.Second)
					s.saw(t, 0, api.HandlerPanicked)
					s.saw(t, 1, api.ActorRestarted)
					if begun, _ := s.calls(); strings.Join(begun, ",") != "0,block "+end+",1,2,3" {
						t.Errorf("begun %q", begun)
					}
					must.Do(t, nc.Health())
					if n := must.Get(sub.Delivered())(t); n != 5 {
						t.Errorf("delivered %d", n)
					}
					if msgs, size, err := sub.Pending(); msgs != 0 || size != 0 || err != nil {
						t.Errorf("pending %d, %d, %v", msgs, size, err)
					}
				})
			})
		}
	}
}

// TestAbandonedCallsKeepTheirMessage, even a borrowed one, while the buffers are reused.
func TestAbandonedCallsKeepTheirMessage(t *testing.T) {
	for mode, options := range blockedModes {
		t.Run(mode, func(t *testing.T) {
			bubble(t, func(t *testing.T, _ *natsserver.Server, nc *api.Conn) {
				release, seen := make(chan struct{}), make(chan *api.Msg, 1)
				var others int
				done := make(chan struct{})
				must.Get(nc.Subscribe("a.*", func(m *api.Msg) {
					if m.Header.Get("Block") == "" {
						if others++; others == 500 {
							close(done)
						}
						return
					}
					<-release
					seen <- m.Clone()
				}, append(options, api.OnBlocked(blockedAfter, api.Restart))...))(t)
				kept := &api.Msg{Subject: "a.kept", Reply: "inbox", Header: api.Header{"Block": {"yes"}}, Data: bytes.Repeat([]byte("kept"), 1000)}
				must.Do(t, nc.PublishMsg(kept))
				for i := range 500 {
					must.Do(t, nc.PublishMsg(&api.Msg{Subject: "a.kept", Data: bytes.Repeat([]byte{0xff}, 10_000)}))
					if i > 0 { // the first is in the same buffer, the others are read one by one
						must.Do(t, nc.Flush())
					}
				}
				<-done
				close(release)
				if m := <-seen; !m.Equal(kept) {
					t.Errorf("the message became %.200v", m)
				}
			}, api.ReconnectBufSize(64<<20))
		})
	}
}

// TestTooManyAbandonedCalls stop the subscription at one above the limit.
func TestTooManyAbandonedCalls(t *testing.T) {
	for mode, options := range map[string][]api.SubOption{"owned": nil, "concurrent": {api.Concurrency(5)}} {
		for _, calls := range []int{15, 16, 17} {
			t.Run(fmt.Sprint(mode, "/", calls), func(t *testing.T) {
				blocked(t, append(options, api.OnBlocked(blockedAfter, api.Restart)), func(t *testing.T, s *script, nc *api.Conn, sub *api.Subscription) {
					send(t, nc, slices.Repeat([]string{"block"}, calls)...)
					send(t, nc, "1")
					later(20 * blockedAfter)
					if sub.IsValid() != (calls <= 16) {
						t.Errorf("valid %v after %d calls", sub.IsValid(), calls)
					}
					if !sub.IsValid() {
						s.stoppedByTooMany(t)
					}
					closeUnfinished(t, nc, calls)
					s.saw(t, 1, api.SubscriptionStopped)
					s.let()
					took(t, 0, nc.Close)
				})
			})
		}
	}
}

func (s *script) stoppedByTooMany(t *testing.T) {
	cause := s.saw(t, 1, api.SubscriptionStopped).Cause
	kinds(t, cause, api.ErrTooManyBlocked, api.ErrHandlerBlocked)
	var many *api.TooManyBlockedError
	if !errors.As(cause, &many) || many.Calls != 16 || many.Subject != "a.*" {
		t.Errorf("stopped by %+v", cause)
	}
}

// closeUnfinished closes a connection that so many calls do not let end.
func closeUnfinished(t *testing.T, nc *api.Conn, calls int) {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	took(t, 5*time.Second, func() {
		report, err := nc.CloseContext(ctx)
		kinds(t, err, api.ErrCloseTimeout)
		if len(report.Unfinished) != calls || !strings.Contains(report.Unfinished[0], "/subscriptions/dispatcher-") {
			t.Errorf("unfinished %v", report.Unfinished)
		}
	})
}

// TestDrainsDoNotWaitForAbandonedCalls.
func TestDrainsDoNotWaitForAbandonedCalls(t *testing.T) {
	for mode, options := range blockedModes {
		t.Run(mode, func(t *testing.T) {
			blocked(t, append(options, api.OnBlocked(blockedAfter, api.Restart)), func(t *testing.T, s *script, nc *api.Conn, sub *api.Subscription) {
				send(t, nc, "block", "1", "block", "2")
				began := time.Now()
				must.Do(t, sub.DrainContext(context.Background()))
				if d := time.Since(began).Round(time.Millisecond); d != 2*blockedAfter {
					t.Errorf("the drain took %v", d)
				}
				synctest.Wait()
				if e := s.saw(t, 1, api.SubscriptionStopped); e.Cause != nil || e.Count != 0 {
					t.Errorf("event %+v", e)
				}
				s.let()
				later(time.Second)
				s.saw(t, 2, api.HandlerUnblocked)
			})
		})
	}
}

// TestWorkersAreAnsweredOneByOne: messages with other keys continue in order, and none is
// lost on its way to a worker that is restarted.
func TestWorkersAreAnsweredOneByOne(t *testing.T) {
	byKey := api.OrderedBy(func(m *api.Msg) string { return m.Header.Get("Key") })
	for _, trouble := range []string{"panic", "exit", "block", "block panic"} {
		t.Run(trouble, func(t *testing.T) {
			blocked(t, []api.SubOption{api.Concurrency(4), byKey, api.OnBlocked(blockedAfter, api.Restart)},
				func(t *testing.T, s *script, nc *api.Conn, sub *api.Subscription) {
					sent := sendKeys(t, nc, trouble)
					later(time.Second)
					begun, _ := s.calls()
					through := 0 // it is by chance whose worker that of key 0 is, too
					for key := range keysMax {
						if len(ofKey(begun, key, trouble)) == keyMsgs {
							through++
						}
					}
					if through == 0 {
						t.Errorf("no worker got through: begun %q", begun)
					}
					later(5 * blockedAfter)
					s.let()
					later(time.Second)
					begun, ended := s.calls()
					for key := range keysMax {
						if got, want := ofKey(begun, key, trouble), ofKey(sent, key, trouble); !slices.Equal(got, want) {
							t.Errorf("key %d: begun %q, want %q", key, got, want)
						}
					}
					if len(begun) != len(sent) || len(ended) != len(sent) || !sub.IsValid() {
						t.Errorf("%d calls have begun and %d ended", len(begun), len(ended))
					}
				})
		})
	}
}

// keyMsgs messages are sent with each of keysMax keys.
const keysMax, keyMsgs = 16, 30

// sendKeys makes trouble with key 0 now and then.
func sendKeys(t *testing.T, nc *api.Conn, trouble string) (sent []string) {
	for i := range keysMax * keyMsgs {
		key, n := i%keysMax, i/keysMax
		text := fmt.Sprintf("%d/%d", key, n)
		if key == 0 && n%10 == 5 {
			text = trouble
		}
		sent = append(sent, text)
		must.Do(t, nc.PublishMsg(&api.Msg{Subject: "a.b", Header: api.Header{"Key": {fmt.Sprint(key)}}, Data: []byte(text)}))
	}
	must.Do(t, nc.Flush())
	return sent
}

func ofKey(all []string, key int, trouble string) (some []string) {
	for _, text := range all {
		if strings.HasPrefix(text, fmt.Sprint(key, "/")) || key == 0 && text == trouble {
			some = append(some, text)
		}
	}
	return some
}

// TestAGivenUpCallIsTold by its context, and no other call is.
func TestAGivenUpCallIsTold(t *testing.T) {
	for mode, options := range blockedModes {
		t.Run(mode, func(t *testing.T) {
			bubble(t, func(t *testing.T, _ *natsserver.Server, nc *api.Conn) {
				causes, later := make(chan error, 10), make(chan context.Context, 10)
				failures := make(chan error, 10)
				nc.SetErrorHandler(func(_ *api.Conn, _ *api.Subscription, err error) { failures <- err })
				sub := must.Get(nc.Handle("a.*", func(ctx context.Context, m *api.Msg) error {
					if string(m.Data) != "block" {
						later <- ctx
						return nil
					}
					<-ctx.Done()
					causes <- context.Cause(ctx)
					return ctx.Err()
				}, append(options, api.OnBlocked(blockedAfter, api.Restart))...))(t)
				send(t, nc, "block", "1")
				took(t, blockedAfter, func() { kinds(t, <-causes, api.ErrHandlerBlocked) })
				ctx := <-later
				if ctx.Err() != nil {
					t.Errorf("the context of the next call: %v", ctx.Err())
				}
				kinds(t, <-failures, api.ErrHandlerBlocked)
				must.Do(t, sub.Unsubscribe())
				<-ctx.Done()
				synctest.Wait()
				if len(failures) > 0 {
					t.Errorf("told %v", <-failures)
				}
			})
		})
	}
}

// TestAnAbandonedCallMayClose the connection, and do everything else that it could before.
func TestAnAbandonedCallMayClose(t *testing.T) {
	for mode, options := range map[string][]api.SubOption{"alone": nil, "worker": {api.Concurrency(2)}} {
		t.Run(mode, func(t *testing.T) {
			bubble(t, func(t *testing.T, _ *natsserver.Server, nc *api.Conn) {
				over := make(chan struct{})
				must.Get(nc.Subscribe("a.*", func(*api.Msg) {
					time.Sleep(time.Minute)
					took(t, 0, nc.Close)
					close(over)
				}, append(options, api.OnBlocked(blockedAfter, api.Restart))...))(t)
				send(t, nc, "block")
				took(t, time.Minute, func() { <-over })
			})
		})
	}
}

// TestTheTreeShowsWhoIsBusy, since when, and with what.
func TestTheTreeShowsWhoIsBusy(t *testing.T) {
	for name, c := range map[string]struct {
		options []api.SubOption
		state   string
	}{
		"alone": {nil, "busy"}, "borrowed": {[]api.SubOption{api.Borrow()}, "busy"},
		"reported": {[]api.SubOption{api.OnBlocked(time.Second, api.Resume)}, "blocked"},
		"watched":  {[]api.SubOption{api.OnBlocked(time.Hour, api.Stop)}, "busy"},
		"by key":   {blockedModes["by key"], "busy"}, "workers": {[]api.SubOption{api.Concurrency(2)}, "busy"},
	} {
		t.Run(name, func(t *testing.T) {
			blocked(t, c.options, func(t *testing.T, s *script, nc *api.Conn, _ *api.Subscription) {
				for range 200 {
					must.Do(t, nc.Publish("a.before", nil))
				}
				must.Do(t, nc.Flush())
				later(time.Minute)
				since := time.Now()
				send(t, nc, "block", "behind")
				later(10 * time.Minute)
				busy := 0
				for n := range nc.Tree().All() {
					if n.Kind != "dispatcher" && n.Kind != "worker" || n.State == "idle" {
						continue
					}
					busy++
					if n.State != c.state || !n.Since.Equal(since) || !strings.Contains(n.Reason, "handling a.b") {
						t.Errorf("%s is %s since %v, %q; want %s since %v", n.Name, n.State, n.Since, n.Reason, c.state, since)
					}
				}
				if busy == 0 {
					t.Errorf("nobody is busy:\n%v", nc.Tree())
				}
				s.let()
				later(time.Second)
				for n := range nc.Tree().All() {
					if (n.Kind == "dispatcher" || n.Kind == "worker") && n.State != "idle" {
						t.Errorf("%s is %s afterwards", n.Name, n.State)
					}
				}
			})
		})
	}
}

// TestTheTreeTellsSlowCallsApart: the age of a call counts from its own beginning, not from
// that of its batch.
func TestTheTreeTellsSlowCallsApart(t *testing.T) {
	bubble(t, func(t *testing.T, _ *natsserver.Server, nc *api.Conn) {
		began := make(chan time.Time, 1000)
		must.Get(nc.Subscribe("a.*", func(*api.Msg) { began <- time.Now(); time.Sleep(10 * time.Second) }))(t)
		for range 400 {
			must.Do(t, nc.Publish("a.b", nil))
		}
		must.Do(t, nc.Flush())
		later(2005 * time.Second) // beyond the first run
		var last time.Time
		for len(began) > 0 {
			last = <-began
		}
		for n := range nc.Tree().All() {
			if n.Kind == "dispatcher" && (n.State != "busy" || !n.Since.Equal(last)) {
				t.Errorf("%s since %v, the call began at %v", n.State, n.Since, last)
			}
		}
		nc.Close()
		later(time.Minute)
	})
}
