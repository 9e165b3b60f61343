package api

import (
	"fmt"
	"time"

	"github.com/troupe-go/troupe/actors"
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

// Directive says what happens when a handler has panicked or blocks.
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

// Policies and what they are made of.
type (
	// Policy is a Directive with limits and delays. Unset, Directive is Restart,
	// Intensity no limit, Exceeded Stop, Backoff its own zero, StableAfter
	// supervisor.DefaultStableAfter, and Decide nobody. Scope must be unset.
	Policy = supervisor.Policy
	// Intensity bounds restarts: at most Max of them Within a time.
	Intensity = supervisor.Intensity
	// Backoff paces restarts with random delays up to Initial, which grows by Factor
	// up to Max. Unset they are 50 ms, 2 and 10 s.
	Backoff = supervisor.Backoff
	// Failure is what Policy.Decide is asked about: Path, Kind, Cause, Message.
	Failure = supervisor.Failure
)

// NoDelay as Backoff.Initial restarts at once.
const NoDelay = supervisor.NoDelay

// panicsMax and panicsWithin are the default limit on restarts after panics.
const (
	panicsMax    = 100
	panicsWithin = time.Second
)

// subOptions collects what the SubOptions of one subscription say.
type subOptions struct {
	typ      SubscriptionType
	general  bool // these are SubscriptionDefaults: what is not for typ is skipped
	borrow   bool
	limits   actors.Limits
	overflow Overflow
	policy   Policy
	panics   bool // policy is one that somebody has chosen
	refused  Directive
	blocked  Directive
	limit    time.Duration // of one call; zero for none
	workers  int
	key      func(*Msg) string
	overlap  bool
	actor    *ActorRef // who gets the messages; nil for a handler
	observer func(Event)
	lost     func(m *Msg, why error)
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
		if err := o.single("Borrow"); err != nil {
			return err
		}
		o.borrow = true
		return nil
	}
}

// takes reports whether an option applies: it is for subscriptions with a
// handler only. As a default it is skipped for others, else refused.
func (o *subOptions) takes(option string) (bool, error) {
	switch {
	case o.actor != nil && (option != "Borrow" || o.actor.IsPID()):
		if o.general {
			return false, nil
		}
		return false, badArg("option "+option, "is not for an actor")
	case o.typ == AsyncSubscription:
		return true, nil
	case o.general:
		return false, nil
	}
	return false, &InvalidArgError{Kind: ErrTypeSubscription, What: "option " + option, Reason: "needs a handler"}
}

// queues reports whether messages wait with us, and not in a channel of the user's.
func (o *subOptions) queues(option string) (bool, error) {
	if o.typ != ChanSubscription {
		return true, nil
	}
	if o.general {
		return false, nil
	}
	return false, &InvalidArgError{Kind: ErrTypeSubscription, What: "option " + option, Reason: "is not for what waits in a channel"}
}

// single refuses an option that is no policy as one of SubscriptionDefaults.
func (o *subOptions) single(option string) error {
	if o.general {
		return badArg("option "+option, "is for one subscription, not for all")
	}
	_, err := o.takes(option)
	return err
}

// SubscriptionDefaults sets limits and policies for all subscriptions of the
// connection: PendingLimits, OnOverflow, OnPanic, OnBlocked, OnRefused and
// OverlapOnMove. An option of a subscription's own wins. Where an option cannot apply, as OnPanic
// without a handler, it is skipped. Borrow, Concurrency and OrderedBy change what a
// handler may rely on: they are an ErrInvalidArg here, as is what an option refuses.
func SubscriptionDefaults(options ...SubOption) Option {
	return func(o *Options) error {
		for _, typ := range []SubscriptionType{AsyncSubscription, SyncSubscription, ChanSubscription} {
			if err := (&subOptions{typ: typ, general: true}).apply(options); err != nil {
				return err
			}
		}
		o.SubDefaults = append(o.SubDefaults, options...)
		return nil
	}
}

// apply applies options in order.
func (o *subOptions) apply(options []SubOption) error {
	for _, option := range options {
		if option == nil {
			continue
		}
		if err := option(o); err != nil {
			return err
		}
	}
	return nil
}

// PendingLimits bounds the messages, and their bytes of header and data, that may
// wait; the one in the handler counts. Negative means no bound, zero is an
// ErrInvalidArg. Defaults: 500,000 with a handler, SyncQueueLen (65,536) without,
// and 64 MiB. PendingBudget bounds all subscriptions together. What waits in a channel of ChanSubscribe is bounded by its capacity.
func PendingLimits(msgs, bytes int) SubOption {
	return func(o *subOptions) error {
		if msgs == 0 || bytes == 0 {
			return badArg("option PendingLimits", "is zero")
		}
		if ok, err := o.queues("PendingLimits"); !ok {
			return err
		}
		o.limits.Msgs, o.limits.Bytes = msgs, bytes
		return nil
	}
}

// OnOverflow says what happens to messages that find no room. bound is for Block
// alone: how long the connection may stand still for one read; default 1 s. With
// ChanSubscribe it is DropNewest, StopSubscription or EscalateOverflow.
func OnOverflow(policy Overflow, bound ...time.Duration) SubOption {
	return func(o *subOptions) error {
		if policy > EscalateOverflow {
			return badArg("option OnOverflow", fmt.Sprintf("policy %d is unknown", policy))
		}
		if len(bound) > 1 || len(bound) == 1 && policy != Block {
			return badArg("option OnOverflow", "takes one bound, with Block")
		}
		if policy == DropOldest || policy == Block || policy == RestartEmpty {
			if ok, err := o.queues("OnOverflow"); !ok {
				return err
			}
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
// second; a Directive stands in place of that Restart. A Policy replaces all of it:
// what it leaves unset means what the type says, so that Policy{} restarts without
// a limit, after growing delays. ErrBadPolicy and ErrInvalidArg for a policy that cannot be meant as written.
func OnPanic[P Directive | Policy](answer P) SubOption {
	return func(o *subOptions) error {
		if ok, err := o.takes("OnPanic"); !ok {
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
			return badPolicy("option OnPanic", err)
		}
		o.policy, o.panics = policy, true
		return nil
	}
}

// OnPanicOr is OnPanic with that policy where nobody has chosen another: neither
// SubscriptionDefaults nor an option before this one. It is for layers above subscriptions,
// which have defaults of their own.
func OnPanicOr(policy Policy) SubOption {
	return func(o *subOptions) error {
		if o.panics {
			return nil
		}
		return OnPanic(policy)(o)
	}
}

// OnBlocked says what happens when one call of the handler takes longer than limit.
// Each such call is a HandlerBlocked with a *BlockedError, and a HandlerUnblocked when
// it has returned after all. Default: nothing. With Concurrency it is for each worker.
//
// Resume reports it and waits. Restart gives the call up and goes on with the next
// message on another goroutine. Stop gives it up and ends the subscription, Escalate
// closes the connection, both with the *BlockedError as the cause; Crash ends the
// process. A subscription 16 of whose calls have been given up and have not returned is
// stopped at the next one, with a *TooManyBlockedError.
//
// No call can be ended from outside. One that is given up keeps its goroutine and its
// message, under Borrow too, until it returns: after Restart it runs at the same time
// as the calls for later messages. The context of a ContextHandler ends when its call
// is given up. What fails in it is the Cause of the HandlerUnblocked, and harms nothing.
// A Close waits for it, and lists it in Report.Unfinished if it does not return.
//
// A limit that is not above zero is an ErrBadTimeout, another directive an
// ErrInvalidArg.
func OnBlocked(limit time.Duration, answer Directive) SubOption {
	return func(o *subOptions) error {
		if limit <= 0 {
			return &BadTimeoutError{Op: "option OnBlocked", Value: limit}
		}
		if answer < Resume || answer > Crash {
			return badArg("option OnBlocked", answer.String()+" is no answer to a blocked handler")
		}
		if ok, err := o.takes("OnBlocked"); !ok {
			return err
		}
		o.limit, o.blocked = limit, answer
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
		if err := o.single("Concurrency"); err != nil {
			return err
		}
		if n < 1 {
			return badArg("option Concurrency", fmt.Sprintf("%d is less than 1", n))
		}
		o.workers = n
		return nil
	}
}

// OrderedBy keeps the order of messages with the same key under Concurrency; alone
// it is an ErrInvalidArg. key must be quick and must not block; its message is valid
// until it returns.
func OrderedBy(key func(*Msg) string) SubOption {
	return func(o *subOptions) error {
		if err := o.single("OrderedBy"); err != nil {
			return err
		}
		if key == nil {
			return &InvalidCallbackError{Where: "option OrderedBy"}
		}
		o.key = key
		return nil
	}
}

// OnRefused says what happens when the server refuses the subscription, for lack
// of a permission or because it has too many: Resume keeps it, marked as refused,
// and tries it again on each new link; Stop ends it; Escalate closes the
// connection. Default: Resume. Other directives are an ErrInvalidArg.
func OnRefused(answer Directive) SubOption {
	return func(o *subOptions) error {
		switch answer {
		case Resume, Stop, Escalate:
			o.refused = answer
			return nil
		}
		return badArg("option OnRefused", answer.String()+" is no answer to a refusal")
	}
}

// OverlapOnMove has a subscription without a queue group known to both servers for a
// moment while the connection moves from one to the other: it misses nothing then, and
// may get messages twice. Queue groups overlap in any case. Without effect with NoEcho,
// and after AutoUnsubscribe. See StayOnLameDuck and Conn.Rotate.
func OverlapOnMove() SubOption {
	return func(o *subOptions) error {
		o.overlap = true
		return nil
	}
}

// Observe calls hear with each event of the subscription and of its workers, in order, from
// its first on; the last is its SubscriptionStopped, behind the last call of its handler.
// It runs with the connection's other callbacks. Nil is an ErrInvalidCallback.
func Observe(hear func(Event)) SubOption {
	return func(o *subOptions) error {
		if err := o.single("Observe"); err != nil {
			return err
		}
		if hear == nil {
			return &InvalidCallbackError{Where: "option Observe"}
		}
		o.observer = hear
		return nil
	}
}

// OnDropped calls hear with each message that the server sent and the handler will not get:
// it found no room, and why is ErrSlowConsumer, or it waited when the subscription ended, or
// came before the server knew of that, and why is ErrBadSubscription. What comes from one server
// while the connection moves to another is not told after the end. The message is valid until
// hear returns. With OnDropped the handler gets its messages one by one, which costs a little.
//
// It is called by whoever drops the message, which may be who reads from the socket, by
// several at once, and with locks held: it has to be quick, must not block, and must not use
// the subscription or its connection. For handlers only. Nil is an ErrInvalidCallback.
func OnDropped(hear func(m *Msg, why error)) SubOption {
	return func(o *subOptions) error {
		if err := o.single("OnDropped"); err != nil {
			return err
		}
		if hear == nil {
			return &InvalidCallbackError{Where: "option OnDropped"}
		}
		o.lost = hear
		return nil
	}
}
