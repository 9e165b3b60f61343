package api

import (
	"context"
	"errors"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/actors"
)

// SubscriptionType says how a subscription delivers messages.
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
	// PullSubscription is not used by this package; in nats.go it is JetStream's.
	PullSubscription
)

// Subscription is interest in a subject. It survives the loss of servers and is restored on
// each new one. It is safe for concurrent use. Methods of a nil Subscription return
// ErrBadSubscription, as do those of an ended one unless they say otherwise.
type Subscription struct {
	// Subject is what was subscribed to. Read only.
	Subject string
	// Queue is the queue group, empty for none. Read only.
	Queue string

	nc      *Conn
	typ     SubscriptionType
	handler MsgHandler                 // nil unless asynchronous
	failing *failing                   // of Handle, in place of handler; nil otherwise
	channel chan *Msg                  // of ChanSubscribe, owned by the program; nil otherwise
	core    atomic.Pointer[actors.Sub] // set by bind, before the first message

	events   eventListeners
	observer func(Event) // may be nil

	mu      sync.Mutex
	ended   bool                           // subscriptionEnded has run
	onEnded func(subject string)           // guarded by mu
	status  SubStatus                      // guarded by mu
	changes map[chan SubStatus][]SubStatus // of StatusChanged, guarded by mu
}

// bind sets the runtime's part, once.
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

// usable returns the runtime's part of a subscription that has not ended.
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

// bound returns the runtime's part, nil for a nil Subscription.
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

// IsDraining reports whether the subscription is being drained.
func (s *Subscription) IsDraining() bool {
	core := s.bound()
	return core != nil && core.Draining()
}

// Unsubscribe ends the subscription at once. Waiting messages are discarded, and it does not
// wait for a running handler. After Unsubscribe has returned, no call of the handler begins,
// except one that had already been decided on when Unsubscribe was called. Errors:
// ErrConnectionClosed, ErrConnectionDraining, ErrBadSubscription.
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

// AutoUnsubscribe ends the subscription when the server has sent max messages, counted from
// its beginning and including those dropped here. Zero is the same as Unsubscribe; negative
// is an ErrInvalidArg. It may be called again with another number; once that many have been
// sent, a higher number has no effect. Errors: ErrConnectionClosed; ErrBadSubscription;
// ErrInvalidArg.
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

// whyNot prefers the error of a closed connection to that of the subscription.
func (s *Subscription) whyNot(err error) error {
	if core := s.bound(); core == nil {
		return err
	}
	if closed := s.nc.open(); closed != nil {
		return closed
	}
	return err
}

// Drain ends the subscription in order: no new messages arrive, and those that wait are still
// delivered. It returns at once; SetClosedHandler reports the end. For a subscription that
// has already ended it returns nil. Errors: ErrBadSubscription for nil, ErrConnectionClosed.
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
		// It ends with the subscription or with the connection; the error is reported elsewhere.
		_ = core.FinishDrain(context.Background())
	}()
	return nil
}

// DrainContext is Drain that returns when the subscription has ended, or when ctx is done. In
// the latter case the error is ErrTimeout if the deadline has passed, and otherwise
// context.Canceled; the context of a ContextHandler is cancelled, but waiting messages are
// still delivered and the drain continues. It is ErrInvalidContext for nil. Inside the
// subscription's own handler use Drain, because the handler would wait for itself.
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

// SetClosedHandler sets a callback that is called once, with the subject, when the
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

// queueCounts is counts for methods about waiting messages, which a channel does not count.
func (s *Subscription) queueCounts() (actors.Counts, error) {
	n, err := s.counts()
	if err == nil && s.typ == ChanSubscription {
		err = ErrTypeSubscription
	}
	return n, err
}

// Pending returns how many messages wait, and their bytes of header and data. The message in
// the handler counts. It returns (-1, -1, ErrBadSubscription) when ended. For ChanSubscribe
// it returns (-1, -1, ErrTypeSubscription), as do the other methods about waiting messages.
func (s *Subscription) Pending() (msgs, bytes int, err error) {
	n, err := s.queueCounts()
	if err != nil {
		return -1, -1, err
	}
	return n.PendingMsgs, int(n.PendingBytes), nil
}

// MaxPending returns the highest values of Pending so far, including messages that did
// not fit. It returns (-1, -1, ErrBadSubscription) when ended.
func (s *Subscription) MaxPending() (msgs, bytes int, err error) {
	n, err := s.queueCounts()
	if err != nil {
		return -1, -1, err
	}
	return n.PeakMsgs, int(n.PeakBytes), nil
}

// ClearMaxPending resets MaxPending.
func (s *Subscription) ClearMaxPending() error {
	if _, err := s.queueCounts(); err != nil {
		return err
	}
	s.bound().ClearPeak()
	return nil
}

// PendingLimits returns the limits on waiting messages and bytes; negative means none. It
// returns (-1, -1, ErrBadSubscription) when ended.
func (s *Subscription) PendingLimits() (msgs, bytes int, err error) {
	n, err := s.queueCounts()
	if err != nil {
		return -1, -1, err
	}
	return n.Limits.Msgs, n.Limits.Bytes, nil
}

// SetPendingLimits changes the limits on waiting messages and bytes; negative means none,
// zero is an ErrInvalidArg. The option PendingLimits applies from the first message on.
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

// Delivered returns how many messages have been passed to the handler or the channel, or returned by
// NextMsg. It returns (-1, ErrBadSubscription) when ended.
func (s *Subscription) Delivered() (int64, error) {
	n, err := s.counts()
	if err != nil {
		return -1, err
	}
	return int64(n.Delivered), nil
}

// Received returns how many messages the server has sent, delivered, waiting and dropped
// ones together, and how many were dropped because they did not fit. It returns (0, 0,
// ErrBadSubscription) when ended.
func (s *Subscription) Received() (all, dropped uint64, err error) {
	n, err := s.counts()
	if err != nil {
		return 0, 0, err
	}
	return n.Received, n.Dropped, nil
}

// Dropped returns how many messages were dropped because they did not fit. It returns
// (-1, ErrBadSubscription) when ended.
func (s *Subscription) Dropped() (int, error) {
	n, err := s.counts()
	if err != nil {
		return -1, err
	}
	return int(n.Dropped), nil
}

// DroppedBytes returns the bytes of header and data of the messages that Dropped counts.
// It returns (-1, ErrBadSubscription) when ended.
func (s *Subscription) DroppedBytes() (int, error) {
	n, err := s.counts()
	if err != nil {
		return -1, err
	}
	return int(n.DroppedBytes), nil
}
