package actors

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/supervisor"
)

// user.go - a user's actor in the tree of a connection.
//
//	Send ─► letters ──────────┐
//	                          ├─► turn ─► Behavior.Receive, one message at a time
//	reader ─► lane, lane … ───┘
//
// Messages of its subscriptions stay in their lanes, under their own limits, until the
// actor takes them in runs; letters are the messages of Send. Both outlive incarnations,
// as does the position in a run: the next incarnation goes on with the message after the
// one that failed.

// Messages, in the order of userTurn.Receive.
type (
	userMsg interface{ isUserMsg() }

	// begin is the first message of every incarnation.
	begin struct{}

	// work says that letters or lanes wait.
	work struct{}

	// admit asks the supervisor of an actor to start it.
	admit struct{ user *userActor }

	// dismiss asks the supervisor of an actor to stop it.
	dismiss struct{ user *userActor }

	// feedEnded follows the end of a subscription that the actor reads.
	feedEnded struct{ sub *Sub }

	// feedOverflowed asks for a restart, as the overflow policy requires.
	feedOverflowed struct{ sub *Sub }
)

func (begin) isUserMsg()          {}
func (work) isUserMsg()           {}
func (admit) isUserMsg()          {}
func (dismiss) isUserMsg()        {}
func (feedEnded) isUserMsg()      {}
func (feedOverflowed) isUserMsg() {}

// discard is for an actor whose supervisor stopped before starting it: it ends with what
// is above it. A restarted supervisor finds it among the actors to start.
func (m admit) discard() {
	if m.user.parent != nil || m.user.above.Err() != nil {
		m.user.end(nil)
	}
}

func (m feedEnded) discard() { m.sub.ended() }

// userActor holds what outlives the incarnations of a user's actor: its messages, its
// subscriptions, its place in the tree.
type userActor struct {
	conn   *Conn
	spec   ActorSpec
	path   string
	parent *userActor // nil for an actor directly below the supervisor of its group
	group  *group
	above  context.Context // of the parent's incarnation, or of the tree

	mu       sync.Mutex
	box      *mailbox // of the current host, or of the next
	spawned  bool     // there is a host
	letters  fifo
	refused  uint64
	ready    fifo // subscriptions with messages, each at most once; some may have ended
	feeds    map[*Sub]struct{}
	life     *Incarnation // the present one
	busy     bool
	since    time.Time // of busy, or of not being it
	stopping bool      // asked to stop, or failed for good
	over     bool
	why      error      // what stopped it; set with over
	says     standing   // of the present incarnation
	link     LinkChange // as of the last LinkChange that was taken
	children siblings

	moved   nextWaiters // signalled when there is room again and when it becomes idle; closed at the end
	telling sync.Mutex  // orders the events of Become; comes before mu
	lives   atomic.Int64
	handled atomic.Uint64

	turn    *userTurn // the current incarnation; this and what follows in its own turn only
	serving *Sub      // subscription whose run was begun
	letter  any       // being handled
}

// userTurn is the actor that runs one incarnation.
type userTurn struct {
	user     *userActor
	host     *host
	life     *Incarnation
	behavior Behavior
	begun    bool
	inRow    int // letters since the last run of a subscription
}

// Receive handles one message; it takes as long as the user's code does.
func (a *userTurn) Receive(c *Context, m userMsg) {
	switch m := m.(type) {
	case begin:
		a.onBegin(c)
	case work:
		a.onWork(c)
	case admit:
		m.user.onAdmit(c)
	case dismiss:
		m.user.onDismiss(c)
	case feedEnded:
		a.onFeedEnded(m)
	case feedOverflowed:
		a.onFeedOverflowed(c, m)
	default:
		panic(fmt.Sprintf("user: unhandled message %T", m))
	}
}

func (a *userTurn) onBegin(c *Context) {
	a.host = c.host
	a.user.turn = a
	a.begin()
}

// begin makes the Behavior of this incarnation.
func (a *userTurn) begin() {
	u := a.user
	a.life = u.live()
	a.behavior = u.spec.New(a.life)
	if a.behavior.Started != nil {
		a.behavior.Started()
	}
	a.begun = true
	a.host.become("ready", "")
	if a.life.restarts == 0 {
		a.host.observe(supervisor.Event{Kind: supervisor.ActorStarted, Path: u.path, After: "ready"})
	}
	a.catchUp()
}

// catchUp sends a new incarnation the state of the link, if it is not the one to be
// assumed.
func (a *userTurn) catchUp() {
	u := a.user
	u.mu.Lock()
	now := u.link
	u.mu.Unlock()
	if u.spec.LinkChanges && now.late() {
		now.Moved = false
		u.letter = now
		u.receive(now)
	}
}

// onWork alternates between letters and runs, so that neither starves the other.
func (a *userTurn) onWork(c *Context) {
	u := a.user
	u.turn, a.host = a, c.host
	for done := 0; done < messagesPerTurn; {
		// Asked to stop: do not begin what waits.
		if u.above.Err() != nil || a.life != nil && a.life.ctx.Err() != nil || !u.pick(a) {
			return
		}
		if u.serving != nil {
			done += u.serve()
			continue
		}
		a.deliver()
		done++
	}
	c.host.box.offerData()
}

// deliver hands the current letter to the user's code, unless it is from a timer of an
// incarnation that has ended.
func (a *userTurn) deliver() {
	u := a.user
	if d, timer := u.letter.(due); timer {
		u.letter = d.m
		if d.life != a.life {
			return
		}
	}
	u.receive(u.letter)
}

func (a *userTurn) onFeedEnded(m feedEnded) {
	if a.user.serving == m.sub {
		a.user.serving = nil
	}
	m.sub.ended()
}

func (a *userTurn) onFeedOverflowed(c *Context, m feedOverflowed) {
	if !m.sub.Closed() {
		c.Fail(m.sub.SlowConsumer())
	}
}

// Stopping ends the incarnation. The user's code runs on a goroutine of its own, so that
// ending its goroutine does not end the stop.
func (a *userTurn) Stopping(c *Context) {
	if a.life == nil {
		return
	}
	u := a.user
	a.life.end()
	if a.behavior.Stopping == nil {
		return
	}
	c.host.tree.system.exec.aside(c.host.box, func() {
		returned := false
		defer func() {
			if !returned {
				c.host.observe(supervisor.Event{Kind: supervisor.HandlerPanicked, Path: u.path, Message: "Stopping",
					Cause: taskFailure(recover())})
			}
		}()
		a.behavior.Stopping()
		returned = true
	})
}

// pick chooses what comes next, a letter or the lane of a subscription, and
// reports false when nothing waits.
func (u *userActor) pick(a *userTurn) bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	waiting := u.letters.len()
	u.letter = nil
	if u.serving == nil && u.ready.len() > 0 && (waiting == 0 || a.inRow >= runMax) {
		u.serving = u.ready.pop().(*Sub)
		a.inRow = 0
	}
	idle := u.serving == nil && waiting == 0
	if u.busy == idle {
		u.busy, u.since = !idle, time.Now()
	}
	if idle {
		u.moved.signal()
		return false
	}
	if u.serving == nil {
		u.letter = u.letters.pop()
		if change, ok := u.letter.(LinkChange); ok && u.spec.LinkChanges {
			u.link = change
		}
		a.inRow++
		if waiting == u.spec.MailboxMax {
			u.moved.signal()
		}
	}
	return true
}

// receive hands one message to the user's code; in the actor's turn only. An incarnation
// that failed to begin, and was resumed, tries to begin again with each message.
func (u *userActor) receive(m any) {
	u.handled.Add(1)
	if !u.turn.begun {
		u.turn.begin()
	}
	u.turn.behavior.Receive(m)
}

// serve handles one run of the subscription in service. The lane must be read until it is
// empty: only then does it announce the next message.
func (u *userActor) serve() (handled int) {
	s := u.serving
	d := s.delivery.Load()
	if s.lane.closed.Load() || !d.unfinished() && !s.lane.take(&d.run, d.most) {
		u.serving = nil
		return 0
	}
	handled = d.run.n
	d.work()
	u.mu.Lock()
	u.ready.push(s)
	u.mu.Unlock()
	u.serving = nil
	return handled
}

// about names the current message, for the report of a failure.
func (u *userActor) about() string {
	switch {
	case u.turn == nil || !u.turn.begun:
		return "its start"
	case u.serving != nil:
		return u.serving.delivery.Load().about()
	default:
		return fmt.Sprintf("%T", u.letter)
	}
}
