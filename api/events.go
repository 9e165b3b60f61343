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

// Event is one thing that happened to one actor of a connection. Its String is a
// line without secrets.
type Event = supervisor.Event

// EventKind says what an Event reports.
type EventKind = supervisor.EventKind

// The kinds of events; supervisor documents each.
const (
	ActorStarted         = supervisor.ActorStarted
	ActorFailed          = supervisor.ActorFailed
	ActorRestarted       = supervisor.ActorRestarted
	ActorStopped         = supervisor.ActorStopped
	StateChanged         = supervisor.StateChanged
	LinkLost             = supervisor.LinkLost
	LinkRestored         = supervisor.LinkRestored
	ConnectAttemptFailed = supervisor.ConnectAttemptFailed
	ServersDiscovered    = supervisor.ServersDiscovered
	LameDuck             = supervisor.LameDuck
	ServerErrorReported  = supervisor.ServerErrorReported
	PermissionDenied     = supervisor.PermissionDenied
	AuthenticationFailed = supervisor.AuthenticationFailed
	ConnectionClosed     = supervisor.ConnectionClosed
	SlowConsumerBegan    = supervisor.SlowConsumerBegan
	SlowConsumerEnded    = supervisor.SlowConsumerEnded
	PublishUncertain     = supervisor.PublishUncertain
	MessagesDropped      = supervisor.MessagesDropped
	HandlerPanicked      = supervisor.HandlerPanicked
	HandlerFailed        = supervisor.HandlerFailed
	HandlerBlocked       = supervisor.HandlerBlocked
	HandlerUnblocked     = supervisor.HandlerUnblocked
	SubscriptionRestored = supervisor.SubscriptionRestored
	SubscriptionStopped  = supervisor.SubscriptionStopped
	DrainTimedOut        = supervisor.DrainTimedOut
	EventsDropped        = supervisor.EventsDropped
)

// listenerMax is how many events one listener may be behind.
const listenerMax = 1024

// statusBuffer is the capacity of the channels of StatusChanged.
const statusBuffer = 10

// listeners are those who follow the events of a connection.
type listeners struct {
	mu      sync.Mutex
	events  map[*eventListener]struct{}
	changes map[chan Status][]Status
	ended   bool // no event comes any more
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
// gets an EventsDropped with their count instead.
func (nc *Conn) Events(ctx context.Context) iter.Seq[Event] {
	if !nc.valid() || ctx == nil {
		return func(func(Event) bool) {}
	}
	l := &eventListener{wake: make(chan struct{}, 1)}
	nc.listeners.add(l)
	stop := context.AfterFunc(ctx, func() { nc.listeners.remove(l) })
	var used atomic.Bool
	return func(yield func(Event) bool) {
		if used.Swap(true) {
			return
		}
		defer stop()
		defer nc.listeners.remove(l)
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

func (ls *listeners) add(l *eventListener) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ls.ended {
		l.end()
		return
	}
	if ls.events == nil {
		ls.events = make(map[*eventListener]struct{})
	}
	ls.events[l] = struct{}{}
}

func (ls *listeners) remove(l *eventListener) {
	ls.mu.Lock()
	delete(ls.events, l)
	ls.mu.Unlock()
	l.end()
}

// tell hands an event to all listeners. It never blocks.
func (ls *listeners) tell(e Event) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for l := range ls.events {
		l.push(e)
	}
}

// end ends all sequences behind what is queued.
func (ls *listeners) end() {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	ls.ended = true
	for l := range ls.events {
		l.end()
	}
	clear(ls.events)
}

// StatusChanged returns a channel, of capacity 10, that gets each new state of
// the connection that is listed; with none listed CONNECTED, RECONNECTING,
// DISCONNECTED and CLOSED. The current state is not repeated. A state that
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
	ls := &nc.listeners
	ls.mu.Lock()
	defer ls.mu.Unlock()
	if ls.changes == nil {
		ls.changes = make(map[chan Status][]Status)
	}
	ls.changes[ch] = statuses
	return ch
}

// RemoveStatusListener ends and closes a channel of StatusChanged. What is in it
// can still be received.
func (nc *Conn) RemoveStatusListener(ch chan Status) {
	if !nc.valid() {
		return
	}
	ls := &nc.listeners
	ls.mu.Lock()
	_, mine := ls.changes[ch]
	delete(ls.changes, ch)
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
func (ls *listeners) changed(s Status) {
	ls.mu.Lock()
	defer ls.mu.Unlock()
	for ch, wanted := range ls.changes {
		for _, w := range wanted {
			if w == s && !sendStatus(ch, s) {
				delete(ls.changes, ch)
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
		defer nc.listeners.end()
	}
	nc.adopt(n.Conn)
	nc.listeners.tell(n.Event)
	if s, ok := nc.statusOf(&n); ok {
		nc.listeners.changed(s)
	}
	if n.Kind == LinkRestored {
		nc.everUp = true
	}
	calls := make([]func(), 0, 4)
	if cb := nc.Opts.EventCB; cb != nil {
		calls = append(calls, func() { cb(n.Event) })
	}
	if log := nc.Opts.Log; log != nil {
		calls = append(calls, func() { writeLine(log, &n.Event) })
	}
	inOrder(nc.callsFor(calls, &n))
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
		return RECONNECTING, n.After == RECONNECTING.String()
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
