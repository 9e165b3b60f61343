package actors

import (
	"errors"
	"runtime"
	"slices"
	"testing"

	"github.com/asynkron/protoactor-go/actor"
	"pgregory.net/rapid"

	"github.com/troupe-go/troupe/supervisor"
)

// invoked records what a mailbox hands to its actor.
type invoked struct {
	got   []any
	on    func(message any) // nil for nothing
	fails []*failure
}

func (i *invoked) InvokeSystemMessage(m any) { i.invoke(m) }
func (i *invoked) InvokeUserMessage(m any)   { i.invoke(m) }
func (i *invoked) EscalateFailure(reason any, _ any) {
	i.fails = append(i.fails, reason.(*failure))
}

func (i *invoked) invoke(m any) {
	i.got = append(i.got, m)
	if i.on != nil {
		i.on(m)
	}
}

// bareMailbox is a mailbox without an executor: the test calls run. It counts
// how often it was scheduled.
func bareMailbox(controlMax int, data any) (*mailbox, *invoked, *int) {
	scheduled := 0
	m := &mailbox{controlMax: controlMax, data: data, schedule: func(*mailbox) { scheduled++ }}
	i := &invoked{}
	m.host = &host{box: m, parent: &host{}, path: "test", spec: Spec{Kind: "test"}}
	m.RegisterHandlers(i, nil)
	return m, i, &scheduled
}

// TestControlLaneAtItsLimit accepts one below and exactly its limit, but not one above.
func TestControlLaneAtItsLimit(t *testing.T) {
	const limit = 5
	m, i, scheduled := bareMailbox(limit, nil)
	for n := range limit {
		if err := m.post(n); err != nil {
			t.Errorf("message %d of %d: %v", n+1, limit, err)
		}
	}
	if err := m.post("one too many"); !errors.Is(err, ErrMailboxFull) || m.refused != 1 {
		t.Errorf("above the limit: %v, %d refused", err, m.refused)
	}
	if *scheduled != 1 {
		t.Errorf("woken %d times for one busy period", *scheduled)
	}
	m.run()
	if want := []any{0, 1, 2, 3, 4}; !slices.Equal(i.got, want) {
		t.Errorf("handled %v, want %v", i.got, want)
	}
	if err := m.post("there is room again"); err != nil {
		t.Error(err)
	}
}

// TestLanesInTheirOrder: system before control before data.
func TestLanesInTheirOrder(t *testing.T) {
	m, i, _ := bareMailbox(10, "data")
	if !m.offerData() {
		t.Error("an idle mailbox was not to be queued")
	}
	_ = m.post("control 1")
	_ = m.post("control 2")
	m.PostSystemMessage("system 1")
	m.PostSystemMessage("system 2")
	m.run()
	if want := []any{"system 1", "system 2", "control 1", "control 2", "data"}; !slices.Equal(i.got, want) {
		t.Errorf("handled %v, want %v", i.got, want)
	}
}

// TestSuspendedMailbox handles system messages only, and goes on where it was.
func TestSuspendedMailbox(t *testing.T) {
	m, i, _ := bareMailbox(10, "data")
	m.PostSystemMessage(&actor.SuspendMailbox{})
	_ = m.post("control")
	m.offerData()
	m.PostSystemMessage("system")
	m.run()
	if want := []any{"system"}; !slices.Equal(i.got, want) {
		t.Errorf("handled %v while suspended", i.got)
	}
	m.PostSystemMessage(&actor.ResumeMailbox{})
	m.run()
	if want := []any{"system", "control", "data"}; !slices.Equal(i.got, want) {
		t.Errorf("handled %v, want %v", i.got, want)
	}
}

// TestStoppingMailbox closes the control and data lanes.
func TestStoppingMailbox(t *testing.T) {
	m, i, _ := bareMailbox(10, "data")
	m.setStopping(true)
	_ = m.post("control")
	if m.offerData() {
		t.Error("data is to be queued while stopping")
	}
	m.PostSystemMessage("system")
	m.run()
	if want := []any{"system"}; !slices.Equal(i.got, want) {
		t.Errorf("handled %v while stopping", i.got)
	}
	if left := m.terminate(); !slices.Equal(left, []any{"control"}) {
		t.Errorf("left over: %v", left)
	}
	if err := m.post("late"); !errors.Is(err, ErrActorStopped) {
		t.Errorf("a message for a dead actor: %v", err)
	}
	m.PostSystemMessage("late, too")
	if m.offerData() {
		t.Error("data for a dead actor")
	}
	m.run()
	if len(i.got) != 1 {
		t.Errorf("a dead actor handled %v", i.got[1:])
	}
}

// TestTurnsAreBounded: after turnMax messages other mailboxes get the runner.
func TestTurnsAreBounded(t *testing.T) {
	m, i, scheduled := bareMailbox(1000, nil)
	for n := range turnMax + 1 {
		_ = m.post(n)
	}
	m.run()
	if len(i.got) != turnMax || *scheduled != 2 {
		t.Errorf("handled %d in a turn and was scheduled %d times, want %d and 2", len(i.got), *scheduled, turnMax)
	}
	m.run()
	if len(i.got) != turnMax+1 {
		t.Errorf("handled %d of %d", len(i.got), turnMax+1)
	}
}

// TestPanicBecomesAFailure with what it was about; what waits stays.
func TestPanicBecomesAFailure(t *testing.T) {
	m, i, _ := bareMailbox(10, nil)
	i.on = func(message any) {
		if message == "bad" {
			panic("as told")
		}
	}
	_ = m.post("bad")
	_ = m.post("good")
	m.run()
	if want := []any{"bad", "good"}; !slices.Equal(i.got, want) {
		t.Errorf("handled %v, want %v", i.got, want)
	}
	if len(i.fails) != 1 {
		t.Fatalf("%d failures, want 1", len(i.fails))
	}
	var p *supervisor.PanicError
	if f := i.fails[0]; !errors.As(f.cause, &p) || p.Value != "as told" || !p.Internal || f.text != "string" || len(f.stack) == 0 {
		t.Errorf("failure %+v", f)
	}
}

// TestGoexitBecomesAFailure and leaves the mailbox usable for another goroutine.
func TestGoexitBecomesAFailure(t *testing.T) {
	m, i, _ := bareMailbox(10, "data")
	i.on = func(message any) {
		if message == "data" && len(i.fails) == 0 {
			runtime.Goexit()
		}
	}
	m.offerData()
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		m.run()
	}()
	<-ended
	var e *supervisor.GoexitError
	if len(i.fails) != 1 || !errors.As(i.fails[0].cause, &e) {
		t.Fatalf("failures %v", i.fails)
	}
	m.reschedule() // the executor's part
	m.run()
	if want := []any{"data", "data"}; !slices.Equal(i.got, want) {
		t.Errorf("handled %v, want the data lane again", i.got)
	}
}

// TestMailboxKeepsItsPromises posts, offers, suspends and runs in any order:
// each accepted message is handled once and in order, none is forgotten, and
// a mailbox with work is always scheduled.
func TestMailboxKeepsItsPromises(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		limit := rapid.IntRange(1, 40).Draw(t, "limit")
		m, i, scheduled := bareMailbox(limit, "data")
		runs, next, waiting := 0, 0, []any{}
		offered, suspended := false, false
		t.Repeat(map[string]func(*rapid.T){
			"post": func(t *rapid.T) {
				err := m.post(next)
				if full := len(waiting) >= limit; full != (err != nil) {
					t.Fatalf("%d of %d wait: %v", len(waiting), limit, err)
				}
				if err == nil {
					waiting = append(waiting, next)
				}
				next++
			},
			"offer data": func(*rapid.T) {
				if m.offerData() {
					*scheduled++
				}
				offered = true
			},
			"suspend or resume": func(*rapid.T) {
				suspended = !suspended
				if suspended {
					m.PostSystemMessage(&actor.SuspendMailbox{})
				} else {
					m.PostSystemMessage(&actor.ResumeMailbox{})
				}
			},
			"run": func(t *rapid.T) {
				if *scheduled == runs {
					return // nobody asked
				}
				runs++
				i.got = nil
				m.run()
				for _, g := range i.got {
					if g == "data" {
						offered = false
						continue
					}
					if len(waiting) == 0 || waiting[0] != g {
						t.Fatalf("handled %v, want the first of %v", g, waiting)
					}
					waiting = waiting[1:]
				}
			},
			"": func(t *rapid.T) {
				if *scheduled == runs && !suspended && (len(waiting) > 0 || offered) {
					t.Fatalf("idle with %d messages and data %v", len(waiting), offered)
				}
				if *scheduled > runs+1 {
					t.Fatalf("in the run queue %d times", *scheduled-runs)
				}
				if m.UserMessageCount() != len(waiting) {
					t.Fatalf("counts %d messages, want %d", m.UserMessageCount(), len(waiting))
				}
			},
		})
	})
}

// TestQueuesThatAreNeverEmpty do not grow without bound.
func TestQueuesThatAreNeverEmpty(t *testing.T) {
	var q fifo
	l := newLane(DropOldest, Limits{Msgs: 10, Bytes: -1})
	e := &eventLog{}
	for i := range 100_000 {
		q.push(i)
		l.push(segmentOf("x"))
		e.push(Notice{})
		if i < 10 {
			continue
		}
		if got := q.pop(); got != i-10 {
			t.Fatalf("got %v, want %d", got, i-10)
		}
		if n, ok := e.pop(); !ok || n.Seq != uint64(i-9) {
			t.Fatalf("got event %d, want %d", n.Seq, i-9)
		}
	}
	if cap(q.items) > 100 || cap(l.segs) > 100 || cap(e.queue) > 100 {
		t.Errorf("ten wait, with room for %d messages, %d segments, %d events", cap(q.items), cap(l.segs), cap(e.queue))
	}
}

// TestFifoGivesItsMemoryBack after a burst.
func TestFifoGivesItsMemoryBack(t *testing.T) {
	var q fifo
	for i := range 1000 {
		q.push(i)
	}
	for i := range 1000 {
		if got := q.pop(); got != i {
			t.Fatalf("got %v, want %d", got, i)
		}
	}
	if cap(q.items) != 0 || q.len() != 0 {
		t.Errorf("keeps room for %d", cap(q.items))
	}
}
