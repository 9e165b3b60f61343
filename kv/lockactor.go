package kv

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/nats-io/nuid"
	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/kind"
	"github.com/troupe-go/troupe/internal/watch"
	"github.com/troupe-go/troupe/jetstream"
)

// lockactor.go - the actor that gets a lock and keeps it.
//
//	results, watch, clock ─► machine ─► actor: one change at a time, on a goroutine
//	                            │
//	                            └─► Context: ends on the clock's own goroutine, whatever the actor does
//
// All that must outlive the actor is in the Lease. A letter only says that something has changed
// there, so losing one does no harm.

// Letters to a lock's actor, in the order of Receive.
type (
	// lockPoked says that the Lease has changed.
	lockPoked struct{}

	// lockDue says that the time has come that the machine asked for.
	lockDue struct{ turn uint64 }

	// lockLeave ends the time for which a lost lock is shown.
	lockLeave struct{}
)

// lockShown is how long a lost lock stays in the tree, unless it is unlocked.
const lockShown = 5 * time.Minute

// Lease is a lock that the program holds, or has held. Its methods are safe for concurrent use.
type Lease struct {
	m       *Mutex
	id      string // prefix of the ids of its changes
	ctx     context.Context
	end     context.CancelCauseFunc
	life    context.Context // of its goroutines
	kill    context.CancelFunc
	decided chan struct{} // closed when it is held, or never will be
	gone    chan struct{} // closed when it has ended
	once    sync.Once     // of follow

	mu      sync.Mutex
	ref     *api.ActorRef
	machine lockMachine
	settled bool        // decided is closed
	clock   *time.Timer // ends it in time; nil before it is held
	holder  string      // the holder that the watch showed last
	changes uint64
	renewal *change // a renewal that may be stored; nil for none
	counts  lockCounts
}

// lockCounts are shown in the tree.
type lockCounts struct{ tries, late, renewals, failures uint64 }

// spawn starts the actor, which tries to get the lock.
func (m *Mutex) spawn(ctx context.Context, once bool) (*Lease, error) {
	l := &Lease{m: m, id: nuid.Next(), decided: make(chan struct{}), gone: make(chan struct{})}
	l.ctx, l.end = context.WithCancelCause(context.WithoutCancel(ctx))
	l.life, l.kill = context.WithCancel(context.WithoutCancel(ctx))
	l.machine = lockMachine{ttl: m.o.ttl, margin: m.o.margin, once: once}
	role := "lock-"
	if m.campaign {
		role = "election-"
	}
	ref, err := m.s.js.Conn().Spawn(api.Spec{Name: role + m.s.bucket + "-" + l.id, Group: "consumers", LinkChanges: true,
		Progress: l.progress, New: func() api.Actor { return &locker{l: l} }})
	if err != nil {
		l.kill()
		l.end(err)
		return nil, err
	}
	l.mu.Lock()
	l.ref = ref
	l.mu.Unlock()
	l.poke()
	return l, nil
}

// progress is what the tree shows.
func (l *Lease) progress() []api.Counter {
	l.mu.Lock()
	defer l.mu.Unlock()
	return []api.Counter{
		{Name: "token", Value: l.machine.token}, {Name: "tries", Value: l.counts.tries}, {Name: "late", Value: l.counts.late},
		{Name: "renewals", Value: l.counts.renewals}, {Name: "failures", Value: l.counts.failures},
	}
}

// poke makes the actor look at the Lease.
func (l *Lease) poke() {
	l.mu.Lock()
	ref := l.ref
	l.mu.Unlock()
	if ref != nil {
		_ = ref.Send(lockPoked{}) // refused: it has ended, or has such letters already
	}
}

// settle applies the state of the machine to the Lease. The lock is held.
func (l *Lease) settle() {
	m := &l.machine
	if m.phase != lockWanted && !l.settled {
		l.settled = true
		close(l.decided)
	}
	switch m.phase {
	case lockHeld:
		if left := time.Until(m.deadline()); l.clock == nil {
			l.clock = time.AfterFunc(left, l.onDeadline)
		} else {
			l.clock.Reset(left)
		}
	case lockReleasing:
		l.end(ErrUnlocked)
	case lockLost:
		l.end(l.lostLocked())
		l.kill()
	case lockEnded:
		l.end(ErrUnlocked)
		l.kill()
		select {
		case <-l.gone:
		default:
			close(l.gone)
		}
	}
	if m.phase != lockHeld && l.clock != nil {
		l.clock.Stop()
	}
}

// onDeadline loses the lock in time, whatever the actor is doing.
func (l *Lease) onDeadline() {
	l.mu.Lock()
	l.machine.expire(time.Now())
	l.settle()
	l.mu.Unlock()
	l.poke()
}

// lostLocked is the error for a lock that is lost.
func (l *Lease) lostLocked() error {
	return &KeyError{Op: "hold the lock of", Bucket: l.m.s.bucket, Key: l.m.key, Revision: l.machine.token, Reason: "it was lost: " + strings.TrimPrefix(l.machine.err.Error(), "troupe: "),
		Kind: ErrLockLost, Err: l.machine.err}
}

// refused returns why the lock will never be held; nil if it is.
func (l *Lease) refused() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.machine.token != 0 {
		return nil
	}
	return l.m.failed("lock", l.machine.err)
}

// giveUp stops trying to get the lock, and gives it back if it was taken meanwhile.
func (l *Lease) giveUp() {
	l.mu.Lock()
	l.machine.unlock(time.Now())
	l.settle()
	l.mu.Unlock()
	l.poke()
}

// unlock begins to give the lock back, and returns an error if it was lost.
func (l *Lease) unlock() (err error) {
	l.mu.Lock()
	l.machine.expire(time.Now())
	if l.machine.phase == lockLost {
		err = l.lostLocked()
		l.settle()
	}
	l.machine.unlock(time.Now())
	l.settle()
	l.mu.Unlock()
	l.poke()
	return err
}

// unlocked returns the outcome of giving it back.
func (l *Lease) unlocked() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.machine.err; errors.Is(err, errLockGone) || errors.Is(err, errLockTime) {
		return l.lostLocked()
	} else if err != nil {
		return l.m.failed("unlock", err)
	}
	return nil
}

// lose ends the lock, held or wanted, because the connection ends.
func (l *Lease) lose(err error) {
	l.mu.Lock()
	if l.machine.phase == lockReleasing {
		l.machine.end(err)
	}
	l.machine.lose(err)
	l.settle()
	l.mu.Unlock()
	l.poke()
}

// locker is the actor of a lock, in one incarnation.
type locker struct {
	l       *Lease
	turn    uint64
	stop    func() bool // what is due; nil for nothing
	leaving bool
}

// Started continues where an earlier incarnation ended.
func (k *locker) Started(c *api.ActorContext) { k.onPoked(c) }

// Receive handles one letter.
func (k *locker) Receive(c *api.ActorContext, m any) {
	switch m := m.(type) {
	case lockPoked:
		k.onPoked(c)
	case lockDue:
		k.onDue(c, m)
	case api.LinkChange:
		k.onLink(c, m)
	case lockLeave:
		k.leave(c)
	default:
		panic(fmt.Sprintf("locker: unhandled message %T", m))
	}
}

// Stopping ends the lock with the connection.
func (k *locker) Stopping(c *api.ActorContext) {
	if nc := c.Conn(); nc.IsClosed() || nc.IsDraining() {
		k.l.lose(errLockLinks)
	}
}

// onPoked does what the machine asks for, and shows its state.
func (k *locker) onPoked(c *api.ActorContext) {
	l := k.l
	l.mu.Lock()
	act, again := l.machine.next(time.Now())
	var do func() lockResult
	if act != lockNothing {
		do = l.prepare(act)
	}
	l.settle()
	phase := l.machine.phase
	state, level, reason := l.stateLocked()
	late := l.counts.late
	l.mu.Unlock()

	if do != nil {
		go l.perform(act, do)
	}
	k.await(c, again)
	if phase == lockHeld || late > 0 {
		l.once.Do(func() { go l.follow() })
	}
	c.Become(state, level, reason)
	k.close(c, phase)
}

// await has the machine asked again at some time; zero for never.
func (k *locker) await(c *api.ActorContext, again time.Time) {
	if k.stop != nil {
		k.stop()
	}
	k.turn++
	if !again.IsZero() {
		k.stop = c.After(time.Until(again), lockDue{turn: k.turn})
	}
}

// close ends the actor of a lock that has ended.
func (k *locker) close(c *api.ActorContext, phase lockPhase) {
	switch {
	case phase == lockEnded:
		k.leave(c)
	case phase == lockLost && !k.leaving:
		k.leaving = true
		c.After(lockShown, lockLeave{})
	}
}

func (k *locker) onDue(c *api.ActorContext, m lockDue) {
	if m.turn == k.turn {
		k.onPoked(c)
	}
}

// onLink follows the link. A drain ends the lock, because its holder must stop.
func (k *locker) onLink(c *api.ActorContext, m api.LinkChange) {
	if m.Draining {
		k.l.lose(errLockLinks)
	}
	k.onPoked(c)
}

// leave ends the actor.
func (k *locker) leave(c *api.ActorContext) {
	k.l.kill()
	_ = c.Self().Stop(c.Context()) // it stops itself, and cannot wait for that
}

// stateLocked is what the tree shows. The lock is held.
func (l *Lease) stateLocked() (state string, level api.Level, reason string) {
	m := &l.machine
	states := [...]string{"waiting", "held", "releasing", "lost", "ended"}
	if l.m.campaign {
		states = [...]string{"candidate", "leader", "resigning", "lost", "ended"}
	}
	state = states[m.phase]
	switch {
	case m.phase == lockLost:
		return state, api.Down, m.err.Error()
	case m.fails > 0:
		return state, api.Degraded, fmt.Sprintf("%d changes in a row have failed", m.fails)
	case m.phase == lockWanted && m.seen.held:
		return state, api.Well, fmt.Sprintf("held by %q", l.holder)
	case m.phase == lockHeld:
		return state, api.Well, fmt.Sprintf("key %q, token %d", l.m.key, m.token)
	}
	return state, api.Well, ""
}

// prepare makes the change that the machine asks for. The lock is held.
func (l *Lease) prepare(act lockAct) func() lockResult {
	revision := l.machine.releases()
	switch act {
	case lockTry:
		l.counts.tries++
		w, err := l.change("lock")
		return func() lockResult { return l.store(w, err, (*change).create) }
	case lockRenew:
		if l.renewal == nil {
			var err error
			if l.renewal, err = l.change("lock"); err != nil {
				return func() lockResult { return lockResult{outcome: lockRefused, err: err} }
			}
			l.renewal.msg.Header[lockTokenHeader] = []string{fmt.Sprint(l.machine.token)}
			l.renewal.expected = revision
		}
		w := l.renewal
		return func() lockResult {
			return l.store(w, nil, func(w *change, ctx context.Context) (uint64, error) { return w.compared(ctx, w.expected) })
		}
	default:
		w, err := l.m.s.change("unlock", l.m.key)
		if err == nil {
			w.msg.Header = purgeHeader(l.m.s.stream.CachedInfo().Config.SubjectDeleteMarkerTTL)
		}
		return func() lockResult {
			return l.store(w, err, func(w *change, ctx context.Context) (uint64, error) { return w.compared(ctx, revision) })
		}
	}
}

// change makes a change of the key that is recognizable as this lease's. It replaces the history
// of the key, so that no older value reappears when it expires.
func (l *Lease) change(op string) (*change, error) {
	w, err := l.m.s.change(op, l.m.key)
	if err != nil {
		return nil, err
	}
	if w.msg.Data, err = l.m.s.encoded(op, l.m.key, l.m.o.value); err != nil {
		return nil, err
	}
	l.changes++
	w.id, w.began = fmt.Sprint(l.id, ".", l.changes), time.Now()
	w.msg.Header = api.Header{jetstream.MsgTTLHeader: {l.m.o.ttl.String()}, jetstream.MsgRollup: {jetstream.MsgRollupSubject}}
	return w, nil
}

// store stores a change.
func (l *Lease) store(w *change, err error, do func(*change, context.Context) (uint64, error)) lockResult {
	if err != nil {
		return lockResult{outcome: lockRefused, err: err}
	}
	r := lockResult{sent: time.Now(), chance: rand.Float64()}
	if !w.began.IsZero() {
		r.sent = w.began
	}
	ctx, cancel := context.WithTimeout(l.life, max(l.m.o.ttl/3, time.Second/2))
	defer cancel()
	r.revision, r.err = do(w, ctx)
	r.outcome = outcomeOf(&r)
	return r
}

// outcomeOf says what an error of a change means for a lock.
func outcomeOf(r *lockResult) lockOutcome {
	wrong, conflict := errors.AsType[*KeyWrongLastSequenceError](r.err)
	switch {
	case r.err == nil:
		return lockStored
	case conflict && wrong.HasActual:
		r.revision = wrong.Actual
		return lockTaken
	case conflict, kind.CanRetry(r.err), kind.MayHaveSent(r.err), errors.Is(r.err, api.ErrTimeout), errors.Is(r.err, context.DeadlineExceeded),
		errors.Is(r.err, jetstream.ErrNoStreamResponse):
		return lockTrouble
	default:
		return lockRefused
	}
}

// perform makes a change, and gives the outcome to the machine.
func (l *Lease) perform(act lockAct, do func() lockResult) {
	r := do()
	l.mu.Lock()
	switch {
	case r.outcome != lockStored && act == lockTry && r.outcome == lockTaken:
		l.counts.late++
	case r.outcome != lockStored:
		l.counts.failures++
	case act == lockRenew:
		l.counts.renewals++
	}
	if act == lockRenew && r.outcome != lockTrouble {
		l.renewal = nil
	}
	l.machine.done(time.Now(), act, r)
	l.settle()
	l.mu.Unlock()
	l.poke()
}

// follow watches the key while the lock is wanted or held.
func (l *Lease) follow() {
	for tries := 0; l.life.Err() == nil; tries++ {
		w, err := watch.Start(l.life, watch.Config[*entry]{
			Name: "lock-watch-" + l.m.s.bucket + "-" + nuid.Next(), JetStream: l.m.s.js, Stream: l.m.s.stream,
			Filters: []string{l.subject()}, Deliver: jetstream.DeliverLastPerSubjectPolicy,
			Decode: l.m.s.decoder("watch", &watchOptions{}), Missing: jetstream.MissingWait,
		})
		switch {
		case err == nil:
			l.listen(w)
		case errors.Is(err, api.ErrConnectionClosed), errors.Is(err, api.ErrConnectionDraining):
			l.lose(errLockLinks) // even if the actor has ended
			return
		default:
			sleep(l.life, lockPause<<min(tries, 5))
		}
	}
}

// subject is the key's in the bucket's stream.
func (l *Lease) subject() string {
	in, _ := l.m.s.stored("lock", l.m.key) // NewMutex has checked it
	return l.m.s.read + in
}

// listen gives the machine what the watch shows.
func (l *Lease) listen(w *watch.Watcher[*entry]) {
	shown := false // in this sync
	for e, err := range w.Events() {
		if err != nil || l.life.Err() != nil {
			return
		}
		l.mu.Lock()
		switch e.Kind {
		case watch.Entry, watch.Undecoded:
			shown = true
			seen := lockSeen{revision: e.Revision, held: true}
			if e.Kind == watch.Entry {
				l.holder = string(e.Value.value)
				seen.held = e.Value.op == OpPut
				seen.mine = seen.held && strings.HasPrefix(e.Value.header.Get(jetstream.MsgIDHeader), l.id+".")
			}
			l.machine.see(time.Now(), seen, rand.Float64())
		case watch.Resync:
			shown = false
		case watch.Ready:
			if !shown {
				l.machine.absent(time.Now(), rand.Float64())
			}
		}
		l.settle()
		l.mu.Unlock()
		l.poke()
	}
}
