package api

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/actors"
)

// SubscriptionType says how a subscription delivers.
type SubscriptionType int

// The types of subscriptions; the numbers are nats.go's.
const (
	// AsyncSubscription calls a handler.
	AsyncSubscription SubscriptionType = iota
	// SyncSubscription is read with NextMsg.
	SyncSubscription
	// ChanSubscription delivers to a channel.
	ChanSubscription
	// NilSubscription is the type of a nil Subscription.
	NilSubscription
	// PullSubscription is JetStream's.
	PullSubscription
)

// Subscription is interest in a subject. It survives the loss of servers and is
// told to each new one. It is safe for concurrent use. Methods of a nil Subscription
// return ErrBadSubscription, as do those of an ended one that do not say otherwise.
type Subscription struct {
	// Subject is what was subscribed to. Read only.
	Subject string
	// Queue is the queue group, empty for none. Read only.
	Queue string

	nc      *Conn
	typ     SubscriptionType
	handler MsgHandler                 // nil unless asynchronous
	failing *failing                   // of Handle, in the place of handler; nil otherwise
	channel chan *Msg                  // nil unless of ChanSubscribe; the user's
	core    atomic.Pointer[actors.Sub] // set by bind, before the first message

	events   eventListeners
	observer func(Event) // nil for nobody

	mu      sync.Mutex
	ended   bool                           // subscriptionEnded has run
	onEnded func(subject string)           // guarded by mu
	status  SubStatus                      // guarded by mu
	changes map[chan SubStatus][]SubStatus // of StatusChanged, guarded by mu
}

// bind sets the runtime's side, once.
func (s *Subscription) bind(core *actors.Sub) { s.core.Store(core) }

// subscriptionEnded runs once when a subscription has ended, after its last
// handler call.
func subscriptionEnded(core *actors.Sub, _ error) {
	s := subscriptionOf(core)
	s.mu.Lock()
	s.ended = true
	cb := s.onEnded
	s.mu.Unlock()
	if cb != nil {
		cb(s.Subject)
	}
}

// usable returns the runtime's side of a subscription that has not ended.
func (s *Subscription) usable() (*actors.Sub, error) {
	core := s.bound()
	if core == nil {
		return nil, ErrBadSubscription
	}
	if err := core.EndError(); err != nil {
		return nil, err
	}
	return core, nil
}

// bound returns the runtime's side, nil for a nil Subscription.
func (s *Subscription) bound() *actors.Sub {
	if s == nil {
		return nil
	}
	return s.core.Load()
}

// Type returns the type of the subscription.
func (s *Subscription) Type() SubscriptionType {
	if s == nil {
		return NilSubscription
	}
	return s.typ
}

// IsValid reports whether the subscription has not ended.
func (s *Subscription) IsValid() bool {
	_, err := s.usable()
	return err == nil
}

// IsDraining reports whether the subscription finishes what it has.
func (s *Subscription) IsDraining() bool {
	core := s.bound()
	return core != nil && core.Draining()
}

// Unsubscribe ends the subscription at once. What waits is discarded, and a
// handler that is running is not waited for. After Unsubscribe returned no call of
// the handler is begun, but for the one whose start had been decided when
// Unsubscribe was called: it counts as running.
// Errors: ErrConnectionClosed, ErrConnectionDraining, ErrBadSubscription.
func (s *Subscription) Unsubscribe() error {
	core := s.bound()
	if core == nil {
		return ErrBadSubscription
	}
	if s.nc.IsDraining() && !core.Closed() {
		return ErrConnectionDraining
	}
	return core.Unsubscribe()
}

// AutoUnsubscribe ends the subscription when the server has sent max messages,
// counted from its beginning, those that were dropped here included. With zero it
// is Unsubscribe; negative is an ErrInvalidArg. It may be called again with
// another number; once that many have been sent, a higher one changes nothing.
// Errors: ErrConnectionClosed; ErrBadSubscription; ErrInvalidArg.
func (s *Subscription) AutoUnsubscribe(max int) error {
	core, err := s.usable()
	if err != nil {
		return s.whyNot(err)
	}
	if max < 0 {
		return badArg("AutoUnsubscribe", "is negative")
	}
	if max == 0 {
		return core.Unsubscribe()
	}
	return core.AutoUnsubscribe(uint64(max))
}

// whyNot prefers the end of the connection to that of the subscription.
func (s *Subscription) whyNot(err error) error {
	if core := s.bound(); core == nil {
		return err
	}
	if closed := s.nc.open(); closed != nil {
		return closed
	}
	return err
}

// Drain ends the subscription in order: nothing new comes, what has come is
// still delivered. It returns at once; SetClosedHandler tells of the end. A
// subscription that has ended already returns nil. Errors: ErrBadSubscription
// for nil, ErrConnectionClosed.
func (s *Subscription) Drain() error {
	core := s.bound()
	if core == nil {
		return ErrBadSubscription
	}
	done, err := core.BeginDrain()
	if err != nil || done {
		return err
	}
	go func() {
		// It ends with the subscription or with the connection, whose error others get.
		_ = core.FinishDrain(context.Background())
	}()
	return nil
}

// DrainContext is Drain that returns when the subscription has ended, or when ctx is
// done: ErrTimeout when its deadline has passed, and otherwise context.Canceled. Then
// the context of a ContextHandler is cancelled; what waits is delivered all the same,
// and the drain goes on. ErrInvalidContext for nil. From inside the subscription's own handler use Drain: the
// handler would wait for itself.
func (s *Subscription) DrainContext(ctx context.Context) error {
	if ctx == nil {
		return ErrInvalidContext
	}
	core := s.bound()
	if core == nil {
		return ErrBadSubscription
	}
	began := time.Now()
	err := core.Drain(ctx)
	if err != nil && ctx.Err() != nil && errors.Is(err, ctx.Err()) {
		s.cancel(context.Cause(ctx))
		return actors.Interrupted(ctx, "drain", s.Subject, began)
	}
	return err
}

// QueuedMsgs returns how many messages wait.
//
// Deprecated: use Pending.
func (s *Subscription) QueuedMsgs() (int, error) {
	msgs, _, err := s.Pending()
	return msgs, err
}

// SetClosedHandler sets what is called with the subject once when the
// subscription has ended, after the last call of its handler. It runs with the
// connection's other callbacks. On an ended subscription it does nothing.
func (s *Subscription) SetClosedHandler(handler func(subject string)) {
	if s == nil {
		return
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.ended {
		s.onEnded = handler
	}
}

// counts returns the counters of a subscription that has not ended.
func (s *Subscription) counts() (actors.Counts, error) {
	core, err := s.usable()
	if err != nil {
		return actors.Counts{}, err
	}
	return core.Counts(), nil
}

// queueCounts is counts for those that are about what waits with us.
func (s *Subscription) queueCounts() (actors.Counts, error) {
	n, err := s.counts()
	if err == nil && s.typ == ChanSubscription {
		err = ErrTypeSubscription
	}
	return n, err
}

// Pending returns how many messages, and bytes of header and data, wait. The
// message in the handler counts. (-1, -1, ErrBadSubscription) when ended, and
// (-1, -1, ErrTypeSubscription) for ChanSubscribe, here and in the others that are
// about what waits.
func (s *Subscription) Pending() (msgs, bytes int, err error) {
	n, err := s.queueCounts()
	if err != nil {
		return -1, -1, err
	}
	return n.PendingMsgs, int(n.PendingBytes), nil
}

// MaxPending returns the most that ever waited, a message that found no room
// included. (-1, -1, ErrBadSubscription) when ended.
func (s *Subscription) MaxPending() (msgs, bytes int, err error) {
	n, err := s.queueCounts()
	if err != nil {
		return -1, -1, err
	}
	return n.PeakMsgs, int(n.PeakBytes), nil
}

// ClearMaxPending starts MaxPending anew.
func (s *Subscription) ClearMaxPending() error {
	if _, err := s.queueCounts(); err != nil {
		return err
	}
	s.bound().ClearPeak()
	return nil
}

// PendingLimits returns the limits on what waits; negative means none.
// (-1, -1, ErrBadSubscription) when ended.
func (s *Subscription) PendingLimits() (msgs, bytes int, err error) {
	n, err := s.queueCounts()
	if err != nil {
		return -1, -1, err
	}
	return n.Limits.Msgs, n.Limits.Bytes, nil
}

// SetPendingLimits changes the limits on what waits; negative means none, zero is
// an ErrInvalidArg. The option PendingLimits has no gap in which others apply.
func (s *Subscription) SetPendingLimits(msgs, bytes int) error {
	if _, err := s.queueCounts(); err != nil {
		return err
	}
	if msgs == 0 || bytes == 0 {
		return badArg("SetPendingLimits", "is zero")
	}
	s.bound().SetLimits(msgs, bytes)
	return nil
}

// Delivered returns how many messages the handler was called with, or NextMsg
// returned. (-1, ErrBadSubscription) when ended.
func (s *Subscription) Delivered() (int64, error) {
	n, err := s.counts()
	if err != nil {
		return -1, err
	}
	return int64(n.Delivered), nil
}

// Received returns how many messages the server has sent, and how many of them found no
// room: what was delivered, what waits and what was dropped. (0, 0,
// ErrBadSubscription) when ended.
func (s *Subscription) Received() (all, dropped uint64, err error) {
	n, err := s.counts()
	if err != nil {
		return 0, 0, err
	}
	return n.Received, n.Dropped, nil
}

// Dropped returns how many messages found no room. (-1, ErrBadSubscription) when
// ended.
func (s *Subscription) Dropped() (int, error) {
	n, err := s.counts()
	if err != nil {
		return -1, err
	}
	return int(n.Dropped), nil
}

// DroppedBytes returns the bytes of header and data of the messages that found
// no room. (-1, ErrBadSubscription) when ended.
func (s *Subscription) DroppedBytes() (int, error) {
	n, err := s.counts()
	if err != nil {
		return -1, err
	}
	return int(n.DroppedBytes), nil
}
