package api

import (
	"fmt"
	"time"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/protocol"
	"github.com/troupe-go/troupe/supervisor"
)

// Overflow says what happens to messages that a subscription has no room for.
type Overflow = actors.Overflow

// The overflow policies.
const (
	// DropNewest drops the message that does not fit. The default.
	DropNewest = actors.DropNewest
	// DropOldest drops the messages that wait longest.
	DropOldest = actors.DropOldest
	// Block makes the whole connection wait for room, up to a bound.
	Block = actors.Block
	// RestartEmpty drops everything that waits and restarts the subscription's actor.
	RestartEmpty = actors.RestartEmpty
	// StopSubscription ends the subscription.
	StopSubscription = actors.StopSubscription
	// EscalateOverflow closes the connection.
	EscalateOverflow = actors.EscalateOverflow
)

// DefaultBlockBound is how long Block waits if OnOverflow names no bound.
const DefaultBlockBound = time.Second

// Directive says what happens after a handler's panic.
type Directive = supervisor.Directive

// The directives.
const (
	// Resume goes on with the next message.
	Resume = supervisor.Resume
	// Restart replaces the subscription's actor and goes on with the next message.
	Restart = supervisor.Restart
	// Stop ends the subscription.
	Stop = supervisor.Stop
	// Escalate closes the connection, with the failure as the cause.
	Escalate = supervisor.Escalate
	// Crash ends the process.
	Crash = supervisor.Crash
)

// Policy is a Directive with limits and delays; see supervisor.Policy.
type Policy = supervisor.Policy

// panicsMax and panicsWithin are the default limit on restarts after panics.
const (
	panicsMax    = 100
	panicsWithin = time.Second
)

// subOptions collects what the SubOptions of one subscription say.
type subOptions struct {
	typ      SubscriptionType
	borrow   bool
	limits   actors.Limits
	overflow Overflow
	policy   Policy
	workers  int
	key      func(*Msg) string
}

// SubOption changes how one subscription works. Options stand behind the
// handler. An error ends the call, and nothing is subscribed. A nil SubOption is
// skipped.
type SubOption func(*subOptions) error

// Borrow hands messages to the handler without a copy: the message, its strings
// and its data are valid until the handler returns. Nothing is allocated.
// Msg.Clone keeps one. For handlers only.
func Borrow() SubOption {
	return func(o *subOptions) error {
		if err := o.async("Borrow"); err != nil {
			return err
		}
		o.borrow = true
		return nil
	}
}

// async refuses an option on a subscription without a handler.
func (o *subOptions) async(option string) error {
	if o.typ == AsyncSubscription {
		return nil
	}
	return &InvalidArgError{Kind: ErrTypeSubscription, What: "option " + option, Reason: "needs a handler"}
}

// PendingLimits bounds the messages, and their bytes of header and data, that may
// wait; the one in the handler counts. Negative means no bound, zero is an
// ErrInvalidArg. Defaults: 500,000 with a handler, SyncQueueLen (65,536) without,
// and 64 MiB.
func PendingLimits(msgs, bytes int) SubOption {
	return func(o *subOptions) error {
		if msgs == 0 || bytes == 0 {
			return badArg("option PendingLimits", "is zero")
		}
		o.limits.Msgs, o.limits.Bytes = msgs, bytes
		return nil
	}
}

// OnOverflow says what happens to messages that find no room. bound is for Block
// alone: how long the connection may stand still for one read; default 1 s.
func OnOverflow(policy Overflow, bound ...time.Duration) SubOption {
	return func(o *subOptions) error {
		if policy > EscalateOverflow {
			return badArg("option OnOverflow", fmt.Sprintf("policy %d is unknown", policy))
		}
		if len(bound) > 1 || len(bound) == 1 && policy != Block {
			return badArg("option OnOverflow", "takes one bound, with Block")
		}
		o.overflow = policy
		o.limits.BlockFor = DefaultBlockBound
		if len(bound) == 1 {
			if bound[0] <= 0 {
				return &BadTimeoutError{Op: "option OnOverflow", Value: bound[0]}
			}
			o.limits.BlockFor = bound[0]
		}
		return nil
	}
}

// OnPanic says what happens when the handler panics or ends its goroutine: a
// Directive, or a Policy with limits and delays of its own. The message is not
// delivered again. Default: Restart at once, and Stop at the 101st within one
// second. ErrBadPolicy for a policy that cannot be meant as written.
func OnPanic[P Directive | Policy](answer P) SubOption {
	return func(o *subOptions) error {
		if err := o.async("OnPanic"); err != nil {
			return err
		}
		policy := defaultPolicy()
		switch p := any(answer).(type) {
		case Directive:
			policy.Directive = p
		case Policy:
			policy = p
		}
		if err := policy.Validate(); err != nil {
			return err
		}
		o.policy = policy
		return nil
	}
}

func defaultPolicy() Policy {
	return Policy{
		Directive: Restart,
		Intensity: supervisor.Intensity{Max: panicsMax, Within: panicsWithin},
		Exceeded:  Stop,
		Backoff:   supervisor.Backoff{Initial: supervisor.NoDelay},
	}
}

// Concurrency runs the handler on up to n messages at once, in any order unless
// OrderedBy says otherwise. Default: 1, in order. Below 1 is an ErrInvalidArg.
func Concurrency(n int) SubOption {
	return func(o *subOptions) error {
		if err := o.async("Concurrency"); err != nil {
			return err
		}
		if n < 1 {
			return badArg("option Concurrency", fmt.Sprintf("%d is less than 1", n))
		}
		o.workers = n
		return nil
	}
}

// OrderedBy keeps the order of messages with the same key under Concurrency.
// key must be quick and must not block; its message is valid until it returns.
func OrderedBy(key func(*Msg) string) SubOption {
	return func(o *subOptions) error {
		if err := o.async("OrderedBy"); err != nil {
			return err
		}
		if key == nil {
			return &InvalidCallbackError{Where: "option OrderedBy"}
		}
		o.key = key
		return nil
	}
}

// Subscribe calls handler for each message on subject, which may have
// wildcards. A handler that panics, blocks or is slow harms its own
// subscription only. While there is no server the subscription waits for it.
//
// Errors: ErrInvalidConnection; ErrBadSubject; ErrBadSubscription (and
// ErrInvalidCallback) for a nil handler; what an option refuses;
// ErrConnectionDraining; ErrConnectionClosed.
func (nc *Conn) Subscribe(subject string, handler MsgHandler, options ...SubOption) (*Subscription, error) {
	return nc.subscribe(subject, "", handler, options)
}

// QueueSubscribe is Subscribe as a member of a queue group: each message goes to
// one member. An empty queue is none. ErrBadQueueName for a bad name.
func (nc *Conn) QueueSubscribe(subject, queue string, handler MsgHandler, options ...SubOption) (*Subscription, error) {
	return nc.subscribe(subject, queue, handler, options)
}

func (nc *Conn) subscribe(subject, queue string, handler MsgHandler, options []SubOption) (*Subscription, error) {
	o := subOptions{
		typ:    AsyncSubscription,
		limits: actors.Limits{Msgs: DefaultSubPendingMsgsLimit, Bytes: DefaultSubPendingBytesLimit},
		policy: defaultPolicy(),
	}
	if err := nc.checkSubscribe(subject, queue); err != nil {
		return nil, err
	}
	if handler == nil {
		return nil, &InvalidCallbackError{Where: "Subscribe"}
	}
	sub := &Subscription{Subject: subject, Queue: queue, nc: nc, typ: AsyncSubscription, handler: handler}
	return nc.enlist(sub, &o, options)
}

// SubscribeSync subscribes without a handler: messages wait until NextMsg or Msgs
// takes them. Only PendingLimits and OnOverflow apply. Errors are those of
// Subscribe, and ErrTypeSubscription for an option that needs a handler.
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

// checkSubscribe refuses what can be refused before anything is made.
func (nc *Conn) checkSubscribe(subject, queue string) error {
	if !nc.valid() {
		return ErrInvalidConnection
	}
	if err := protocol.CheckSubscribeSubject(subject); err != nil {
		return err
	}
	return protocol.CheckQueue(queue)
}

// enlist applies the options and hands the subscription to the runtime.
func (nc *Conn) enlist(sub *Subscription, o *subOptions, options []SubOption) (*Subscription, error) {
	for _, option := range options {
		if option == nil {
			continue
		}
		if err := option(o); err != nil {
			return nil, err
		}
	}
	spec := &actors.SubSpec{
		Subject: sub.Subject, Queue: sub.Queue, Limits: o.limits, Overflow: o.overflow, Policy: o.policy,
		Workers: o.workers, Ended: subscriptionEnded, Tag: sub,
	}
	if o.key != nil {
		spec.Key = keyed(sub, o.key)
	}
	if sub.typ == AsyncSubscription {
		spec.Consumer = sub.ownedConsumer
		if o.borrow {
			spec.Consumer = sub.borrowedConsumer
		}
	}
	core, err := nc.core.Subscribe(spec)
	if err != nil {
		return nil, err
	}
	sub.bind(core)
	return sub, nil
}
