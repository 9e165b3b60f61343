package jetstream

import (
	"cmp"
	"errors"
	"fmt"
	"math/rand/v2"
	"strconv"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/supervisor"
)

// puller.go - the actor that keeps messages coming from one consumer.
//
//	       link                       messages
//	idle ─────────► pulling ◄──────────────────► delivering
//	  ▲ link lost     │  ▲
//	  │      two signs│  │ a sign of life, or
//	  │        of life│  │ the consumer's info
//	  │       missing ▼  │
//	  └─────────── suspect ──────────► recovering: wait for it, or create it again
//	                  │  it is gone        │
//	                  ▼                    ▼
//	               stopped: no pull can succeed, or a policy wants it
//
// Its subscription's goroutines deliver messages without the actor; see handover.go.

// Messages to a puller, in the order of Receive.
type (
	// refillDue says that enough messages were delivered to ask for more, or that a caller waits
	// for one.
	refillDue struct{}

	// busy says that a message came after a quiet time.
	busy struct{}

	// lifeSign says that something came from the server while it was in doubt.
	lifeSign struct{}

	// tell is a call of one of the user's callbacks.
	tell struct{ f func() }

	// tickDue is the periodic check of signs of life and of the age of queued messages.
	tickDue struct{ turn uint64 }

	// pullDue ends a pause between pulls.
	pullDue struct{ turn uint64 }

	// recoverDue is the next step towards a consumer that is gone.
	recoverDue struct{}

	// probed is the server's answer about the consumer.
	probed struct {
		info *ConsumerInfo
		err  error
	}

	// remade is the result of an attempt to create the consumer again.
	remade struct{ err error }

	// subEnded follows the last message.
	subEnded struct{ err error }

	// endWanted says that the user ends consuming: messages that have arrived may still be
	// handled. It also removes a failed puller that is kept for Health.
	endWanted struct{}
)

// The states of a puller.
const (
	stateIdle       = "idle"
	statePulling    = "pulling"
	stateDelivering = "delivering"
	stateSuspect    = "suspect"
	stateRecovering = "recovering"
	stateStopped    = "stopped"
)

// remainsFor is how long a failed puller stays in the tree, unless it is stopped.
const remainsFor = 5 * time.Minute

// puller keeps messages coming from one consumer. It outlives its incarnations; only the actor
// uses the fields from link on.
type puller struct {
	handover
	consumer    *pullConsumer
	opts        *consumeOpts
	withContext HandlerFunc // of ConsumeFunc; nil for others
	buffer      *iterator   // of Messages; nil for others
	inbox       string      // reply subject of pulls, followed by a number
	subject     string      // of pulls
	byBytes     bool
	acked       bool          // the consumer wants acknowledgements
	ackWait     time.Duration // 0 for none
	maxDeliver  int           // 0 or less for any number
	deliveredAt int           // where ack subjects have the number of deliveries
	sub         *api.Subscription
	self        atomic.Pointer[api.ActorRef]
	troubled    atomic.Bool // any sign of life must be reported at once
	stopping    atomic.Bool
	failure     atomic.Pointer[error] // what ended it; nil for no error
	closed      chan struct{}
	closeOnce   sync.Once
	unacked     unacked     // with MissingRecreate
	ordered     *orderedRun // of an ordered consumer; nil for others

	l         leases
	beat      pulse
	state     string
	reason    string
	offline   bool
	leaving   bool // a drain or the end has begun: no more pulls
	over      bool // stopped for good
	held      bool // there is a pause between pulls
	wanted    bool // a caller waits for a message
	probing   bool
	missing   bool
	tries     int    // pauses in a row
	turn      uint64 // of the current tick
	pauseTurn uint64
	history   supervisor.History // of heartbeat losses
	age       ageWatch
	counted   struct {
		taken, bytes int64
		overdue      uint64
	}
	received  uint64
	callbacks *api.ActorRef

	pulls, resets, recreated, misses atomic.Uint64 // read by Progress
	owed                             atomic.Int64  // l.left, for Progress
	lastSeq                          atomic.Uint64
	ackedSeq                         atomic.Uint64
}

// Receive handles one message.
func (p *puller) Receive(c *api.ActorContext, m any) {
	now := time.Now()
	p.count()
	switch m := m.(type) {
	case refillDue:
		p.wanted = true
	case busy:
		p.watch(c, now)
	case lifeSign:
		p.onLife(c, now)
	case tell:
		p.tell(c, m.f)
	case tickDue:
		p.onTick(c, m, now)
	case pullDue:
		p.onPullDue(m)
	case pullWord:
		p.onStatus(c, m, now)
	case api.LinkChange:
		p.onLink(c, m, now)
	case recoverDue:
		p.onRecoverDue(c)
	case probed:
		p.onProbed(c, m, now)
	case remade:
		p.onRemade(c, m, now)
	case subEnded:
		p.onSubEnded(c, m)
	case endWanted:
		p.onEndWanted(c)
	case gapFound:
		p.onGap(c, m, now)
	case renewed:
		p.onRenewed(c, m, now)
	default:
		panic(fmt.Sprintf("puller: unhandled message %T", m))
	}
	p.refill(c, now)
}

// Started begins an incarnation: earlier pulls are not relied on.
func (p *puller) Started(c *api.ActorContext) {
	now := time.Now()
	p.self.Store(c.Self())
	p.callbacks = nil
	p.count()
	p.l.reset(p.waiting())
	p.probing, p.held = false, false
	p.beat.start(now)
	p.quiet.Store(p.age.ackWait > 0 || p.opts.more.extend > 0)
	p.become(c, statePulling, api.Well, "")
	if p.ordered != nil {
		p.ordered.since = now
	}
	if p.missing {
		p.onRecoverDue(c) // timers have ended with the previous incarnation
	}
	p.tick(c, now)
	p.refill(c, now)
}

// count adds what was delivered since the last call.
func (p *puller) count() {
	bytes, taken, overdue := p.bytes.Load(), p.taken.Load(), p.overdue.Load()
	p.l.take(int(taken-p.counted.taken), int(bytes-p.counted.bytes))
	p.l.dropped += overdue - p.counted.overdue
	p.counted.taken, p.counted.bytes, p.counted.overdue = taken, bytes, overdue
}

// waiting returns how much has arrived but is not delivered yet, in the unit of the leases.
func (p *puller) waiting() int {
	msgs, bytes, err := p.sub.Pending()
	if err != nil {
		msgs, bytes = 0, 0
	}
	if p.byBytes {
		return bytes
	}
	if p.buffer != nil {
		msgs += p.buffer.len()
	}
	return msgs
}

// refill asks for more, if it is time.
func (p *puller) refill(c *api.ActorContext, now time.Time) {
	for p.askOnce(c, now) {
		// Handlers may have passed the mark before it was set.
		if n := p.progress(); n < p.mark.Load() {
			return
		}
		p.count()
	}
}

// progress is how much has been delivered, in the unit of the leases.
func (p *puller) progress() int64 {
	if p.byBytes {
		return p.bytes.Load()
	}
	return p.taken.Load()
}

// askOnce asks once, and sets the mark for the next time. It reports whether it asked.
func (p *puller) askOnce(c *api.ActorContext, now time.Time) bool {
	asked := false
	if !p.offline && !p.leaving && !p.over && !p.held && !p.missing && p.demanded() {
		p.l.settle(p.waiting())
		p.l.expire(now, p.waiting())
		if ask, due := p.l.ask(now); due {
			asked = p.send(c, ask, now)
		}
	}
	p.owed.Store(int64(p.l.left))
	counted := p.counted.taken
	if p.byBytes {
		counted = p.counted.bytes
	}
	p.mark.Store(counted + int64(p.l.slack()))
	p.posted.Store(false)
	return asked
}

// demanded reports whether messages are wanted. An iterator wants none while no call of Next
// waits.
func (p *puller) demanded() bool {
	if p.buffer == nil {
		return true
	}
	wanted := p.wanted || p.buffer.waiters.Load() > 0
	p.wanted = false
	p.buffer.parked.Store(!wanted)
	// A caller that began to wait meanwhile has found the iterator not parked.
	return wanted || p.buffer.waiters.Load() > 0 && p.buffer.parked.CompareAndSwap(true, false)
}

// send publishes a pull. If that fails, it tries again after a pause.
func (p *puller) send(c *api.ActorContext, ask pull, now time.Time) bool {
	r := pullRequest{expires: p.opts.expires, heartbeat: p.opts.heartbeat, batch: ask.msgs, maxBytes: ask.bytes,
		pullPriority: p.opts.priority}
	if pin := p.pin.Load(); pin != nil {
		r.pin = *pin
	}
	if len(p.l.open) == 1 {
		p.beat.seen = now // the first sign of life is expected from now on
	}
	reply := p.inbox + "." + strconv.FormatUint(ask.id, 10)
	if err := c.Conn().PublishRequest(p.subject, reply, r.append(make([]byte, 0, pullBytes))); err != nil {
		p.l.close(ask.id, -1, -1)
		if !errors.Is(err, api.ErrConnectionClosed) {
			p.report(c, err)
			p.pause(c)
		}
		return false
	}
	p.pulls.Add(1)
	return true
}

// pause waits before the next pull, longer each time.
func (p *puller) pause(c *api.ActorContext) time.Duration {
	p.tries++
	p.held = true
	p.pauseTurn++
	// Unlike a restart, even the first retry is not immediate: what refused a pull now would
	// refuse it a moment later, too.
	d := supervisor.Backoff{Initial: pauseInitial, Max: pauseMax}.Delay(p.tries, pauseLeast+(1-pauseLeast)*rand.Float64())
	c.After(d, pullDue{turn: p.pauseTurn})
	return d
}

// The pauses between pulls that are refused.
const (
	pauseInitial = 100 * time.Millisecond
	pauseMax     = 10 * time.Second
	pauseLeast   = 0.5 // fraction of each that is not random
)

func (p *puller) onPullDue(m pullDue) {
	if m.turn == p.pauseTurn {
		p.held = false
	}
}

// resume ends a pause at once, and resets the row of pauses.
func (p *puller) resume() {
	p.tries, p.held = 0, false
	p.pauseTurn++
}

// onLife ends the doubt about the consumer.
func (p *puller) onLife(c *api.ActorContext, now time.Time) {
	p.beat.beat(now)
	p.troubled.Store(false)
	p.tries = 0
	if p.state == stateSuspect {
		p.become(c, statePulling, api.Well, "the server responds")
	}
}

// onLink follows the link. Pulls are lost with it.
func (p *puller) onLink(c *api.ActorContext, m api.LinkChange, now time.Time) {
	if m.Draining {
		p.leaving = true
		p.become(c, stateIdle, api.Well, "the connection is being drained")
		return
	}
	if !m.Connected {
		if p.ordered != nil && !p.offline {
			p.ordered.silent(&p.beat)
		}
		p.offline, p.beat.paused = true, true
		if !p.over {
			p.become(c, stateIdle, api.Degraded, "no server is connected")
		}
		return
	}
	if !p.offline && !m.Moved {
		return
	}
	p.offline = false
	if p.ordered != nil {
		p.resumeOrdered(c, now)
		return
	}
	p.reset(now)
	p.resume()
	if !p.over && !p.missing {
		p.become(c, statePulling, api.Well, "a server is connected again")
	}
}

// reset forgets all pulls, and restarts the wait for signs of life.
func (p *puller) reset(now time.Time) {
	p.resets.Add(1)
	p.l.reset(p.waiting())
	p.beat.start(now)
}

// onStatus does what the table of statuses says.
func (p *puller) onStatus(c *api.ActorContext, w pullWord, now time.Time) {
	p.beat.beat(now)
	m := p.meaningNow(w)
	if m.ends && !p.l.close(w.id, w.msgs, w.bytes) || p.over || p.leaving {
		return // about a pull that is forgotten, or soon will be
	}
	if m.shown == statusWarning {
		p.report(c, p.statusError(w))
	}
	switch m.action {
	case statusAnew:
		p.reset(now)
		p.resume()
	case statusUnpin:
		p.unpin(c)
		p.reset(now)
	case statusHold:
		p.pause(c)
	case statusWait:
		d := p.pause(c)
		p.become(c, stateSuspect, api.Degraded, fmt.Sprintf("%d %s: next pull in %v", w.code, cmp.Or(w.text, "no server answers"), d.Round(time.Millisecond)))
		p.troubled.Store(true)
		if errors.Is(m.kind, api.ErrNoResponders) {
			p.inDoubt(c, now)
		}
	case statusFinish:
		p.onFinish(c, p.statusError(w))
	}
}

// meaningNow is what a status means for the pulls. If the next message is larger than the limit
// of bytes, no pull can bring it.
func (p *puller) meaningNow(w pullWord) statusMeaning {
	m := w.meaning
	if m.kind != ErrMaxBytesExceeded {
		return m
	}
	switch nothing, whole := p.l.fruitless(w.id, w.msgs); {
	case nothing && whole:
		m.shown, m.action = statusWarning, statusWait
	case nothing: // there will soon be room for it
		p.tries = 0
		m.action = statusHold
	}
	return m
}

func (p *puller) onFinish(c *api.ActorContext, err error) {
	if errors.Is(err, ErrNotFound) {
		p.onMissing(c, err)
		return
	}
	p.finish(c, err)
}

// statusError returns the error for a status.
func (p *puller) statusError(w pullWord) error {
	return &FetchError{Stream: p.consumer.stream, Consumer: p.consumer.name, Status: w.code, Description: w.text,
		PendingMsgs: max(w.msgs, 0), PendingBytes: max(w.bytes, 0), Received: int(p.handed.Load()), Err: w.meaning.kind}
}

// unpin forgets the pin: another client has it now.
func (p *puller) unpin(c *api.ActorContext) {
	if p.pin.Swap(nil) != nil && p.opts.more.unpinned != nil {
		p.tell(c, p.opts.more.unpinned)
	}
}

// become changes the state, as the tree shows it.
func (p *puller) become(c *api.ActorContext, state string, level api.Level, reason string) {
	if p.state == state && p.reason == reason || p.over && state != stateStopped {
		return
	}
	p.state, p.reason = state, reason
	c.Become(state, level, reason)
}

// report calls the user's error handler.
func (p *puller) report(c *api.ActorContext, err error) {
	if h := p.opts.errHandler; h != nil {
		p.tell(c, func() { h(p, err) })
	}
}

// tell queues a call of a user's callback, in order, on its own actor: it may block, and fail.
func (p *puller) tell(c *api.ActorContext, f func()) {
	if p.callbacks == nil {
		ref, err := c.Spawn(api.Spec{Name: "callbacks", New: func() api.Actor {
			return api.ActorFunc(func(_ *api.ActorContext, m any) { m.(tell).f() })
		}})
		if err != nil {
			return // the puller is ending
		}
		p.callbacks = ref
	}
	_ = p.callbacks.Send(tell{f: f}) // an actor that is 8,192 calls behind misses some
}
