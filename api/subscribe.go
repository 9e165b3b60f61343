package api

import (
	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/protocol"
)

// Subscribe calls handler for each message on subject, which may have wildcards. A handler
// that panics, blocks or is slow affects only its own subscription. While there is no server,
// the subscription waits for the next one.
//
// Errors: ErrInvalidConnection; ErrBadSubject; ErrBadSubscription (and ErrInvalidCallback)
// for a nil handler; those of options; ErrConnectionDraining; ErrConnectionClosed.
func (nc *Conn) Subscribe(subject string, handler MsgHandler, options ...SubOption) (*Subscription, error) {
	return nc.subscribe(subject, "", handler, options)
}

// QueueSubscribe is Subscribe as a member of a queue group: each message goes to one member.
// An empty queue means no group. An invalid name is an ErrBadQueueName.
func (nc *Conn) QueueSubscribe(subject, queue string, handler MsgHandler, options ...SubOption) (*Subscription, error) {
	return nc.subscribe(subject, queue, handler, options)
}

func (nc *Conn) subscribe(subject, queue string, handler MsgHandler, options []SubOption) (*Subscription, error) {
	if err := nc.checkSubscribe(subject, queue); err != nil {
		return nil, err
	}
	if handler == nil {
		return nil, nc.refuseNil("Subscribe", "")
	}
	sub := &Subscription{Subject: subject, Queue: queue, nc: nc, typ: AsyncSubscription, handler: handler}
	return nc.enlistHandler(sub, options)
}

// enlistHandler is enlist for a subscription with a handler.
func (nc *Conn) enlistHandler(sub *Subscription, options []SubOption) (*Subscription, error) {
	o := subOptions{
		typ:    AsyncSubscription,
		limits: actors.Limits{Msgs: DefaultSubPendingMsgsLimit, Bytes: DefaultSubPendingBytesLimit},
		policy: defaultPolicy(),
	}
	return nc.enlist(sub, &o, options)
}

// SubscribeSync subscribes without a handler: messages wait until NextMsg or Msgs takes them.
// The options PendingLimits, OnOverflow, OnRefused and OverlapOnMove apply. Errors are those
// of Subscribe, and ErrTypeSubscription for an option that needs a handler.
func (nc *Conn) SubscribeSync(subject string, options ...SubOption) (*Subscription, error) {
	return nc.subscribeSync(subject, "", options)
}

// QueueSubscribeSync is SubscribeSync as a member of a queue group.
func (nc *Conn) QueueSubscribeSync(subject, queue string, options ...SubOption) (*Subscription, error) {
	return nc.subscribeSync(subject, queue, options)
}

func (nc *Conn) subscribeSync(subject, queue string, options []SubOption) (*Subscription, error) {
	if err := nc.checkSubscribe(subject, queue); err != nil {
		return nil, err
	}
	o := subOptions{
		typ:    SyncSubscription,
		limits: actors.Limits{Msgs: nc.Opts.SubChanLen, Bytes: DefaultSubPendingBytesLimit},
	}
	return nc.enlist(&Subscription{Subject: subject, Queue: queue, nc: nc, typ: SyncSubscription}, &o, options)
}

// ChanSubscribe sends messages to channel as they arrive. A message that does not fit is
// dropped at once: the capacity of the channel is the only limit. Messages in it are not
// bounded in bytes and do not count as pending.
//
// The channel is not closed when the subscription ends. The receiver should not close it
// before; if it does, the subscription ends, and its SubscriptionStopped has ErrChannelClosed
// as the cause. Errors are those of Subscribe; for a nil channel ErrBadSubscription (and
// ErrInvalidCallback); and ErrTypeSubscription for an option that needs a handler or a queue.
func (nc *Conn) ChanSubscribe(subject string, channel chan *Msg, options ...SubOption) (*Subscription, error) {
	return nc.chanSubscribe(subject, "", channel, options)
}

// ChanQueueSubscribe is ChanSubscribe as a member of a queue group.
func (nc *Conn) ChanQueueSubscribe(subject, queue string, channel chan *Msg, options ...SubOption) (*Subscription, error) {
	return nc.chanSubscribe(subject, queue, channel, options)
}

// QueueSubscribeSyncWithChan is nats.go's other name for ChanQueueSubscribe.
func (nc *Conn) QueueSubscribeSyncWithChan(subject, queue string, channel chan *Msg, options ...SubOption) (*Subscription, error) {
	return nc.chanSubscribe(subject, queue, channel, options)
}

func (nc *Conn) chanSubscribe(subject, queue string, channel chan *Msg, options []SubOption) (*Subscription, error) {
	if err := nc.checkSubscribe(subject, queue); err != nil {
		return nil, err
	}
	if channel == nil {
		return nil, nc.refuseNil("ChanSubscribe", "nil channel")
	}
	o := subOptions{typ: ChanSubscription, limits: actors.Limits{Msgs: cap(channel), Bytes: -1}}
	return nc.enlist(&Subscription{Subject: subject, Queue: queue, nc: nc, typ: ChanSubscription, channel: channel}, &o, options)
}

// handOver sends a message to the channel of the subscription, if it has room.
func (s *Subscription) handOver(raw *actors.Raw) (result actors.Handed) {
	if n := cap(s.channel); n > 0 && len(s.channel) == n {
		return actors.HandedNone
	}
	m := new(Msg)
	badHeader := copyMsg(m, raw)
	m.Sub = s
	defer func() {
		if recover() != nil {
			result = actors.HandedClosed
		}
	}()
	select {
	case s.channel <- m:
	default:
		return actors.HandedNone
	}
	if badHeader != nil {
		s.nc.reportBadHeader(s.nc.core, s.bound(), badHeader)
	}
	if len(s.channel) <= cap(s.channel)/2 {
		return actors.HandedEasily
	}
	return actors.HandedOver
}

// checkSubscribe checks arguments before anything is created.
func (nc *Conn) checkSubscribe(subject, queue string) error {
	if !nc.valid() {
		return ErrInvalidConnection
	}
	if err := protocol.CheckSubscribeSubject(subject); err != nil {
		return err
	}
	return protocol.CheckQueue(queue)
}

// refuseNil returns the error for a nil handler or channel. As in nats.go, the error of a
// connection that accepts no subscriptions takes precedence.
func (nc *Conn) refuseNil(where, got string) error {
	if err := nc.core.Subscribable(); err != nil {
		return err
	}
	return &InvalidCallbackError{Where: where, Got: got}
}

// enlist applies the options and hands the subscription to the runtime.
func (nc *Conn) enlist(sub *Subscription, o *subOptions, options []SubOption) (*Subscription, error) {
	o.general = true
	if err := o.apply(nc.Opts.SubDefaults); err != nil {
		return nil, err
	}
	o.general = false
	if err := o.apply(options); err != nil {
		return nil, err
	}
	if o.key != nil && o.workers == 0 {
		return nil, badArg("option OrderedBy", "needs the option Concurrency")
	}
	sub.observer = o.observer
	spec := &actors.SubSpec{
		Subject: sub.Subject, Queue: sub.Queue, Limits: o.limits, Overflow: o.overflow, Policy: o.policy,
		Blocked: o.blocked, BlockedAfter: o.limit, Refused: o.refused, Overlap: o.overlap, Workers: o.workers, Actor: o.actor,
		Changed: sub.changed, Ended: subscriptionEnded, Made: sub.bind, Tag: sub,
	}
	if o.key != nil {
		spec.Key = keyed(sub, o.key)
	}
	if o.lost != nil {
		spec.Lost = lost(sub, o.lost)
	}
	if sub.typ == AsyncSubscription {
		spec.Consumer = sub.ownedConsumer
		if o.borrow {
			spec.Consumer = sub.borrowedConsumer
		}
	}
	if sub.typ == ChanSubscription {
		spec.Deliver = sub.handOver
	}
	if _, err := nc.core.Subscribe(spec); err != nil {
		return nil, err
	}
	return sub, nil
}
