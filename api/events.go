package api

import (
	"context"
	"iter"
	"sync"
	"sync/atomic"

	"go.uber.org/zap"
	"go.uber.org/zap/zapcore"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/supervisor"
)

// Event is one thing that happened to one actor of a connection: its number Seq, from 1
// without gaps; Time, Path of the actor, and Kind; the states Before and After; the
// error Cause, nil if nothing was wrong; Attempt, from 1, and Delay until the next; the
// Directive on a failure; Count and Bytes of messages; Stack of a panic; and Message,
// the subject at hand. What does not belong to the Kind is zero. It may be kept. Its
// String is a line without secrets.
type Event = supervisor.Event

// EventKind says what an Event reports.
type EventKind = supervisor.EventKind

// The kinds of events, with the fields that tell more.
const (
	// ActorStarted: an actor was started for the first time.
	ActorStarted = supervisor.ActorStarted
	// ActorFailed: an actor failed; Directive says what is done about it.
	ActorFailed = supervisor.ActorFailed
	// ActorRestarted: the restart that was decided has happened.
	ActorRestarted = supervisor.ActorRestarted
	// ActorStopped: an actor ended; Cause is nil if it was asked to.
	ActorStopped = supervisor.ActorStopped
	// StateChanged: an actor went from state Before to state After.
	StateChanged = supervisor.StateChanged
	// LinkLost: the connection lost its socket; Cause says why.
	LinkLost = supervisor.LinkLost
	// LinkRestored: it is connected, after Attempt attempts; the first time, too.
	LinkRestored = supervisor.LinkRestored
	// LinkMoved: it went from server Before to server After without a loss.
	LinkMoved = supervisor.LinkMoved
	// ConnectAttemptFailed: one attempt failed by Cause; the next is after Delay.
	ConnectAttemptFailed = supervisor.ConnectAttemptFailed
	// ServersDiscovered: the server told of Count servers unknown before.
	ServersDiscovered = supervisor.ServersDiscovered
	// LameDuck: the server is about to stop.
	LameDuck = supervisor.LameDuck
	// ServerErrorReported: the server sent an error that ends nothing.
	ServerErrorReported = supervisor.ServerErrorReported
	// PermissionDenied: the server refused a publish or a subscription; Cause
	// is a *PermissionError.
	PermissionDenied = supervisor.PermissionDenied
	// AuthenticationFailed: the server refused the credentials.
	AuthenticationFailed = supervisor.AuthenticationFailed
	// ConnectionClosed: the connection ended for good; Cause is nil if it was
	// asked to.
	ConnectionClosed = supervisor.ConnectionClosed
	// SlowConsumerBegan: a queue is full, and its Overflow applies.
	SlowConsumerBegan = supervisor.SlowConsumerBegan
	// SlowConsumerEnded: it has room again; Count messages of Bytes bytes were
	// dropped in between.
	SlowConsumerEnded = supervisor.SlowConsumerEnded
	// PublishUncertain: Count messages of Bytes bytes may or may not have reached
	// the server before the link was lost.
	PublishUncertain = supervisor.PublishUncertain
	// MessagesDropped: Count messages of Bytes bytes were given up, for Cause.
	MessagesDropped = supervisor.MessagesDropped
	// HandlerPanicked: a handler panicked or ended its goroutine; Message is the
	// subject, Stack where.
	HandlerPanicked = supervisor.HandlerPanicked
	// HandlerFailed: handlers returned Count errors; Cause is the last.
	HandlerFailed = supervisor.HandlerFailed
	// HandlerBlocked: a handler has been running for longer than its limit.
	HandlerBlocked = supervisor.HandlerBlocked
	// HandlerUnblocked: it has returned after all.
	HandlerUnblocked = supervisor.HandlerUnblocked
	// SubscriptionRestored: the server knows a subscription again.
	SubscriptionRestored = supervisor.SubscriptionRestored
	// SubscriptionStopped: a subscription ended for good; Cause is nil if it was
	// asked to.
	SubscriptionStopped = supervisor.SubscriptionStopped
	// CallRetried: a call of Retry that failed by Cause is made again after Delay; Attempt is
	// the one that failed, Message the policy's Name. Of each second the first 100 are told
	// one by one, and those behind them by one event with their Count.
	CallRetried = supervisor.CallRetried
	// DrainTimedOut: a drain or close did not finish in time; Cause says who.
	DrainTimedOut = supervisor.DrainTimedOut
	// EventsDropped: Count events found no room on their way to who listens.
	EventsDropped = supervisor.EventsDropped
)

// listenerMax is how many events one listener may be behind.
const listenerMax = 1024

// statusBuffer is the capacity of the channels of StatusChanged.
const statusBuffer = 10

// eventListeners are the calls of Events that go on, of a connection or of one
// subscription. The zero value is ready.
type eventListeners struct {
	mu    sync.Mutex
	all   map[*eventListener]struct{}
	ended bool // no event comes any more
}

// statusListeners are the channels of StatusChanged. The zero value is ready.
type statusListeners struct {
	mu  sync.Mutex
	all map[chan Status][]Status
}

// eventListener is the bounded queue of one call of Events.
type eventListener struct {
	mu      sync.Mutex
	queue   []Event
	dropped uint64        // since the last delivered event
	wake    chan struct{} // capacity 1
	ended   bool          // nothing is added any more
}

func (l *eventListener) push(e Event) {
	l.mu.Lock()
	switch {
	case l.ended:
	case len(l.queue) >= listenerMax:
		l.dropped++
	default:
		if l.dropped > 0 {
			l.queue = append(l.queue, Event{Kind: EventsDropped, Time: e.Time, Count: l.dropped})
			l.dropped = 0
		}
		l.queue = append(l.queue, e)
	}
	l.mu.Unlock()
	l.signal()
}

func (l *eventListener) signal() {
	select {
	case l.wake <- struct{}{}:
	default:
	}
}

func (l *eventListener) end() {
	l.mu.Lock()
	l.ended = true
	l.mu.Unlock()
	l.signal()
}

// take returns what is queued, and whether more can come.
func (l *eventListener) take() (events []Event, open bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	events, l.queue = l.queue, nil
	if l.ended && l.dropped > 0 {
		events = append(events, Event{Kind: EventsDropped, Count: l.dropped})
		l.dropped = 0
	}
	return events, !l.ended
}

// Events returns the events from this call on. The sequence ends when ctx is
// done, when the loop breaks, or after the connection's last event. It may be
// ranged over once. A loop that falls 1,024 events behind loses the newest, and
// gets an EventsDropped with their count instead. For a nil ctx it is empty.
func (nc *Conn) Events(ctx context.Context) iter.Seq[Event] {
	if !nc.valid() {
		return func(func(Event) bool) {}
	}
	return nc.events.follow(ctx)
}

// Events returns the events of this subscription and of its workers, by the rules of
// Conn.Events. The last one is its SubscriptionStopped, behind the last call of its
// handler; of a subscription that has stopped, or is nil, there are none. Those of an
// actor that reads the subscription are the actor's.
func (s *Subscription) Events(ctx context.Context) iter.Seq[Event] {
	if s.bound() == nil {
		return func(func(Event) bool) {}
	}
	return s.events.follow(ctx)
}

// follow begins to listen, and returns the sequence of what is heard.
func (ls *eventListeners) follow(ctx context.Context) iter.Seq[Event] {
	if ctx == nil {
		return func(func(Event) bool) {}
	}
	l := &eventListener{wake: make(chan struct{}, 1)}
	ls.add(l)
	stop := context.AfterFunc(ctx, func() { ls.remove(l) })
	var used atomic.Bool
	return func(yield func(Event) bool) {
		if used.Swap(true) {
			return
		}
		defer stop()
		defer ls.remove(l)
		for ctx.Err() == nil {
			events, open := l.take()
			for _, e := range events {
				if !yield(e) {
					return
				}
			}
			if len(events) > 0 {
				continue
			}
			if !open {
				return
			}
			<-l.wake // also when ctx is done, as that removes the listener
		}
	}
}

// EventLog returns the last 256 events, oldest first.
func (nc *Conn) EventLog() []Event {
	if !nc.valid() {
		return nil
	}
	return nc.core.Events()
}

func (ls *eventListeners) add(l *eventListener) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ls.ended {
		l.end()
		return
	}
	if ls.all == nil {
		ls.all = make(map[*eventListener]struct{})
	}
	ls.all[l] = struct{}{}
}

func (ls *eventListeners) remove(l *eventListener) {
	ls.mu.Lock()
	delete(ls.all, l)
	ls.mu.Unlock()
	l.end()
}

// tell hands an event to all listeners. It never blocks.
func (ls *eventListeners) tell(e Event) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for l := range ls.all {
		l.push(e)
	}
}

// end ends all sequences behind what is queued.
func (ls *eventListeners) end() {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.ended = true
	for l := range ls.all {
		l.end()
	}
	ls.all = nil
}

// StatusChanged returns a channel, of capacity 10, that gets each new state of
// the connection that is listed; with none listed CONNECTED, RECONNECTING,
// DISCONNECTED and CLOSED. The current state is not repeated, nor is CONNECTING
// told, which comes before the first link only. A state that
// finds the channel full is not waited with. RemoveStatusListener ends it; the
// end of the connection does not close it.
func (nc *Conn) StatusChanged(statuses ...Status) chan Status {
	ch := make(chan Status, statusBuffer)
	if !nc.valid() {
		return ch
	}
	if len(statuses) == 0 {
		statuses = []Status{CONNECTED, RECONNECTING, DISCONNECTED, CLOSED}
	}
	ls := &nc.statuses
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ls.all == nil {
		ls.all = make(map[chan Status][]Status)
	}
	ls.all[ch] = statuses
	return ch
}

// RemoveStatusListener ends and closes a channel of StatusChanged. What is in it
// can still be received.
func (nc *Conn) RemoveStatusListener(ch chan Status) {
	if !nc.valid() {
		return
	}
	ls := &nc.statuses
	ls.mu.Lock()
	_, mine := ls.all[ch]
	delete(ls.all, ch)
	ls.mu.Unlock()
	if mine {
		closeStatus(ch)
	}
}

// closeStatus closes ch unless the caller of StatusChanged has done that.
func closeStatus(ch chan Status) {
	defer func() { _ = recover() }()
	close(ch)
}

// changed tells the channels of StatusChanged.
func (ls *statusListeners) changed(s Status) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for ch, wanted := range ls.all {
		for _, w := range wanted {
			if w == s && !sendStatus(ch, s) {
				delete(ls.all, ch)
			}
		}
	}
}

// sendStatus sends without waiting, and reports false for a channel that its
// receiver has closed.
func sendStatus(ch chan Status, s Status) (open bool) {
	defer func() {
		if recover() != nil {
			open = false
		}
	}()
	select {
	case ch <- s:
	default:
	}
	return true
}

// onNotice gets every event of the connection on the callbacks actor.
func (nc *Conn) onNotice(n actors.Notice) {
	if n.Kind == ConnectionClosed {
		// Deferred: the loops of Events end also when a callback panics.
		defer nc.events.end()
	}
	nc.adopt(n.Conn)
	nc.events.tell(n.Event)
	sub := subscriptionOf(n.Sub)
	sub.told(&n.Event)
	if s, ok := nc.statusOf(&n); ok {
		nc.statuses.changed(s)
	}
	if n.Kind == LinkRestored {
		nc.everUp = true
	}
	calls := make([]func(), 0, 4)
	if sub != nil && sub.observer != nil {
		calls = append(calls, func() { sub.observer(n.Event) })
	}
	if cb := nc.Opts.EventCB; cb != nil {
		calls = append(calls, func() { cb(n.Event) })
	}
	if log := nc.Opts.Log; log != nil {
		calls = append(calls, func() { writeLine(log, &n.Event) })
	}
	inOrder(nc.callsFor(calls, &n))
}

// told hands an event of the subscription to those who follow it.
func (s *Subscription) told(e *Event) {
	if s == nil {
		return
	}
	s.events.tell(*e)
	if e.Kind == SubscriptionStopped {
		s.events.end()
	}
}

// inOrder runs the calls one after the other, the rest also when one panics or
// ends its goroutine.
func inOrder(calls []func()) {
	if len(calls) == 0 {
		return
	}
	defer inOrder(calls[1:])
	calls[0]()
}

// statusOf returns the state that an event stands for. What Connect has told by
// returning is no news, though its event may come later.
func (nc *Conn) statusOf(n *actors.Notice) (Status, bool) {
	switch n.Kind {
	case LinkRestored:
		return CONNECTED, n.Before == actors.AgainLink || nc.beganDown.Load()
	case LinkLost:
		if n.After == DISCONNECTED.String() {
			return DISCONNECTED, true
		}
		return RECONNECTING, n.After == RECONNECTING.String()
	case StateChanged:
		return DRAINING_PUBS, n.Sub == nil && n.After == DRAINING_PUBS.String()
	case ConnectionClosed:
		return CLOSED, true
	default:
		return 0, false
	}
}

func writeLine(log *zap.Logger, e *Event) {
	level := zapcore.DebugLevel
	if e.Cause != nil {
		level = zapcore.WarnLevel
	}
	log.Log(level, e.Kind.String(), zap.String("event", e.String()))
}
