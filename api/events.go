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
// without gaps; Time; the Path of the actor; Kind; the states Before and After; the error
// Cause, nil if nothing was wrong; Attempt, from 1, and the Delay until the next one; the
// Directive after a failure; Count and Bytes of messages; the Stack of a panic; and Message,
// the subject concerned. Fields that do not apply to the Kind are zero. An Event may be kept.
// Its String is one line without secrets.
type Event = supervisor.Event

// EventKind says what an Event reports.
type EventKind = supervisor.EventKind

// The kinds of events, with the fields that they use.
const (
	// EventUnknown is the zero value; no event has it.
	EventUnknown = supervisor.EventUnknown
	// ActorStarted: an actor was started for the first time.
	ActorStarted = supervisor.ActorStarted
	// ActorFailed: an actor failed; Directive says what is done about it.
	ActorFailed = supervisor.ActorFailed
	// ActorRestarted: an actor was restarted after a failure.
	ActorRestarted = supervisor.ActorRestarted
	// ActorStopped: an actor ended; Cause is nil if it was stopped on request.
	ActorStopped = supervisor.ActorStopped
	// StateChanged: an actor went from state Before to state After.
	StateChanged = supervisor.StateChanged
	// LinkLost: the connection lost its socket; Cause says why.
	LinkLost = supervisor.LinkLost
	// LinkRestored: the connection has a server, after Attempt attempts; also the first one.
	LinkRestored = supervisor.LinkRestored
	// LinkMoved: the connection moved from server Before to server After without losing the link.
	LinkMoved = supervisor.LinkMoved
	// ConnectAttemptFailed: an attempt failed with Cause; the next one follows after Delay.
	ConnectAttemptFailed = supervisor.ConnectAttemptFailed
	// ServersDiscovered: the server announced Count new servers.
	ServersDiscovered = supervisor.ServersDiscovered
	// LameDuck: the server is about to stop.
	LameDuck = supervisor.LameDuck
	// ServerErrorReported: the server sent an error that does not end the link.
	ServerErrorReported = supervisor.ServerErrorReported
	// PermissionDenied: the server refused a publish or a subscription; Cause
	// is a *PermissionError.
	PermissionDenied = supervisor.PermissionDenied
	// AuthenticationFailed: the server refused the credentials.
	AuthenticationFailed = supervisor.AuthenticationFailed
	// ConnectionClosed: the connection ended for good; Cause is nil if the program
	// closed it.
	ConnectionClosed = supervisor.ConnectionClosed
	// SlowConsumerBegan: the queue of a subscription is full, and its Overflow applies.
	SlowConsumerBegan = supervisor.SlowConsumerBegan
	// SlowConsumerEnded: the queue has room again; Count messages of Bytes bytes were
	// dropped in between.
	SlowConsumerEnded = supervisor.SlowConsumerEnded
	// PublishUncertain: Count messages of Bytes bytes may or may not have reached
	// the server before the link was lost.
	PublishUncertain = supervisor.PublishUncertain
	// MessagesDropped: Count messages of Bytes bytes were discarded, because of Cause.
	MessagesDropped = supervisor.MessagesDropped
	// HandlerPanicked: a handler panicked or ended its goroutine; Message is the
	// subject, Stack the place.
	HandlerPanicked = supervisor.HandlerPanicked
	// HandlerFailed: handlers returned Count errors; Cause is the last.
	HandlerFailed = supervisor.HandlerFailed
	// HandlerBlocked: a handler has been running for longer than its limit.
	HandlerBlocked = supervisor.HandlerBlocked
	// HandlerUnblocked: a handler that was reported as blocked has returned.
	HandlerUnblocked = supervisor.HandlerUnblocked
	// SubscriptionRestored: a subscription was restored on a new link.
	SubscriptionRestored = supervisor.SubscriptionRestored
	// SubscriptionStopped: a subscription ended for good; Cause is nil if the program
	// ended it.
	SubscriptionStopped = supervisor.SubscriptionStopped
	// CallRetried: a call of Retry that failed with Cause is made again after Delay; Attempt is
	// the one that failed, Message the policy's Name. In each second the first 100 have an
	// event each, and the others share one with their Count.
	CallRetried = supervisor.CallRetried
	// DrainTimedOut: a drain or close did not finish in time; Cause says what is unfinished.
	DrainTimedOut = supervisor.DrainTimedOut
	// EventsDropped: Count events were dropped because their receiver was too slow.
	EventsDropped = supervisor.EventsDropped
)

// listenerMax is how many events may wait for one listener.
const listenerMax = 1024

// statusBuffer is the capacity of the channels of StatusChanged.
const statusBuffer = 10

// eventListeners are the active calls of Events of a connection or of one
// subscription. The zero value is ready for use.
type eventListeners struct {
	mu    sync.Mutex
	all   map[*eventListener]struct{}
	ended bool // there are no more events
}

// statusListeners are the channels of StatusChanged. The zero value is ready for use.
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
	ended   bool          // nothing more is added
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

// take returns the queued events, and whether more may follow.
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

// Events returns the events from now on. The sequence ends when ctx is done, when the loop
// breaks, or after the connection's last event. It may be ranged over once. A loop that falls
// 1,024 events behind loses the newest ones and receives an EventsDropped with their count
// instead. For a nil ctx it is empty.
func (nc *Conn) Events(ctx context.Context) iter.Seq[Event] {
	if !nc.valid() {
		return func(func(Event) bool) {}
	}
	return nc.events.follow(ctx)
}

// Events returns the events of this subscription and of its workers from now on, with the
// same rules as Conn.Events. The last one is SubscriptionStopped, after the last call of the
// handler. For a nil subscription, and for one that has stopped, the sequence is empty. If an
// actor receives the messages, its events are not included.
func (s *Subscription) Events(ctx context.Context) iter.Seq[Event] {
	if s.bound() == nil {
		return func(func(Event) bool) {}
	}
	return s.events.follow(ctx)
}

// follow adds a listener, and returns the sequence of its events.
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
			<-l.wake // also when ctx is done, which removes the listener
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

// end ends all sequences after the queued events.
func (ls *eventListeners) end() {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.ended = true
	for l := range ls.all {
		l.end()
	}
	ls.all = nil
}

// StatusChanged returns a channel of capacity 10 that receives each new state of the
// connection if it is among statuses; if none are given, CONNECTED, RECONNECTING,
// DISCONNECTED and CLOSED. The current state is not sent, and neither is CONNECTING, which
// exists only before the first link. A state is dropped when the channel is full.
// RemoveStatusListener closes the channel; the end of the connection does not.
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

// RemoveStatusListener removes and closes a channel of StatusChanged. What is in it
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

// closeStatus closes ch, unless the program has closed it already.
func closeStatus(ch chan Status) {
	defer func() { _ = recover() }()
	close(ch)
}

// changed sends a state to the channels of StatusChanged.
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

// sendStatus sends without waiting, and returns false if the receiver has closed the
// channel.
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

// onNotice receives every event of the connection, on the callbacks actor.
func (nc *Conn) onNotice(n actors.Notice) {
	if n.Kind == ConnectionClosed {
		// Deferred, so that the loops of Events end even when a callback panics.
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

// told hands an event of the subscription to its listeners.
func (s *Subscription) told(e *Event) {
	if s == nil {
		return
	}
	s.events.tell(*e)
	if e.Kind == SubscriptionStopped {
		s.events.end()
	}
}

// inOrder runs the calls one after the other. If one panics or ends its goroutine, the
// rest still run.
func inOrder(calls []func()) {
	if len(calls) == 0 {
		return
	}
	defer inOrder(calls[1:])
	calls[0]()
}

// statusOf returns the state that an event stands for, and whether to report it. The
// state with which Connect returned is not reported, even if its event comes later.
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
