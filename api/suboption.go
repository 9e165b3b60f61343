package api

import (
	"fmt"
	"time"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/supervisor"
)

// Overflow says what happens to messages for which a subscription has no room.
type Overflow = actors.Overflow

// The overflow policies.
const (
	// DropNewest drops the message that does not fit. The default.
	DropNewest = actors.DropNewest
	// DropOldest drops the messages that have waited longest.
	DropOldest = actors.DropOldest
	// Block makes the whole connection wait for room, for a limited time.
	Block = actors.Block
	// RestartEmpty drops all waiting messages and restarts the subscription's actor.
	RestartEmpty = actors.RestartEmpty
	// StopSubscription ends the subscription.
	StopSubscription = actors.StopSubscription
	// EscalateOverflow closes the connection.
	EscalateOverflow = actors.EscalateOverflow
)

// DefaultBlockBound is how long Block waits if OnOverflow has no bound.
const DefaultBlockBound = time.Second

// Directive says what happens when a handler or actor has failed, or a handler blocks.
type Directive = supervisor.Directive

// The directives.
const (
	// Unset is the zero value: the default applies.
	Unset = supervisor.Unset
	// Resume continues with the next message.
	Resume = supervisor.Resume
	// Restart replaces the actor and continues with the next message.
	Restart = supervisor.Restart
	// Stop ends the subscription or actor.
	Stop = supervisor.Stop
	// Escalate closes the connection, with the failure as the cause.
	Escalate = supervisor.Escalate
	// Crash ends the process.
	Crash = supervisor.Crash
)

// Policies and their parts.
type (
	// Policy says what happens after a failure: a Directive; the Intensity, which limits
	// restarts; the directive when that limit is Exceeded; and the Backoff between restarts,
	// which starts again after StableAfter without a failure. Decide, if set, is asked first. The
	// zero Policy restarts without a limit, with the delays of the zero Backoff. If unset, Exceeded
	// is Stop and StableAfter is 30 s; a negative StableAfter means never. Scope must be unset.
	Policy = supervisor.Policy
	// Intensity bounds restarts: at most Max of them Within a time. Zero means no bound.
	Intensity = supervisor.Intensity
	// Backoff sets random delays between restarts, of up to Initial at first, growing by Factor
	// up to Max. If unset, these are 50 ms, 2 and 10 s. With Immediate, and for the zero Backoff,
	// the first restart comes at once; with NoDelay as Initial every restart does.
	Backoff = supervisor.Backoff
	// Failure is the argument of Policy.Decide: Path, Kind, Cause, Message.
	Failure = supervisor.Failure
)

// Scope says which actors are restarted together with one that failed. The actors of
// a program are always OneForOne.
type Scope = supervisor.Scope

// The scopes of a restart.
const (
	// OneForOne restarts the failed actor alone. It is the zero value.
	OneForOne = supervisor.OneForOne
	// RestForOne restarts the siblings that were started after it as well. The library's own
	// actors use it; a Policy of a program's is refused with it.
	RestForOne = supervisor.RestForOne
)

// NoDelay as Backoff.Initial makes every restart come at once.
const NoDelay = supervisor.NoDelay

// panicsMax and panicsWithin are the default limit on restarts after panics.
const (
	panicsMax    = 100
	panicsWithin = time.Second
)

// subOptions collects the options of one subscription.
type subOptions struct {
	typ      SubscriptionType
	general  bool // for SubscriptionDefaults: options that do not apply to typ are skipped
	borrow   bool
	limits   actors.Limits
	overflow Overflow
	policy   Policy
	panics   bool // policy was set by an option
	refused  Directive
	blocked  Directive
	limit    time.Duration // of one call, for blocked; zero for none
	workers  int
	key      func(*Msg) string
	overlap  bool
	actor    *ActorRef // receives the messages; nil for a handler
	observer func(Event)
	lost     func(m *Msg, why error)
}

// SubOption changes how one subscription works. If it returns an error, the call returns it,
// and nothing is subscribed. A nil SubOption is skipped.
type SubOption func(*subOptions) error

// Borrow passes messages to the handler without a copy: the message, its strings and its data
// are valid until the handler returns; Msg.Clone makes a copy to keep. Nothing is allocated.
// It applies to handlers only.
func Borrow() SubOption {
	return func(o *subOptions) error {
		if err := o.single("Borrow"); err != nil {
			return err
		}
		o.borrow = true
		return nil
	}
}

// takes reports whether an option that needs a handler applies. If it does not, it is
// skipped as one of SubscriptionDefaults, and otherwise refused.
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

// queues reports whether messages wait in our queue, and not in a channel of the program.
func (o *subOptions) queues(option string) (bool, error) {
	if o.typ != ChanSubscription {
		return true, nil
	}
	if o.general {
		return false, nil
	}
	return false, &InvalidArgError{Kind: ErrTypeSubscription, What: "option " + option, Reason: "does not apply to messages in a channel"}
}

// single refuses an option that must not be one of SubscriptionDefaults.
func (o *subOptions) single(option string) error {
	if o.general {
		return badArg("option "+option, "is for one subscription, not for all")
	}
	_, err := o.takes(option)
	return err
}

// SubscriptionDefaults sets limits and policies for all subscriptions of the connection:
// PendingLimits, OnOverflow, OnPanic, OnBlocked, OnRefused and OverlapOnMove. A
// subscription's own options take precedence. An option that cannot apply to a subscription,
// such as OnPanic without a handler, is skipped. Borrow, Concurrency and OrderedBy change
// what a handler may rely on: here they are an ErrInvalidArg. Other errors are those of the
// options.
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

// PendingLimits bounds the messages that may wait, and their bytes of header and data; the
// message in the handler counts. Negative means no bound; zero is an ErrInvalidArg.
// PendingBudget bounds all subscriptions together. Messages in a channel of ChanSubscribe are
// bounded by its capacity. Defaults: 500,000 messages with a handler, SyncQueueLen (65,536)
// without one, and 64 MiB.
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

// OnOverflow says what happens to messages that do not fit. bound is for Block only: how long
// the connection may wait per read from the socket; default 1 s. ChanSubscribe accepts
// DropNewest, StopSubscription and EscalateOverflow. Default: DropNewest.
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

// OnPanic says what happens when the handler panics or ends its goroutine: a Directive, or a
// Policy with limits and delays of its own. The message is not delivered again. Default:
// Restart at once, and Stop at the 101st failure within one second. A Directive replaces only
// that Restart. A Policy replaces everything: its unset fields have the meaning described
// there, so Policy{} restarts without a limit, with growing delays. An invalid policy is an
// ErrBadPolicy and an ErrInvalidArg.
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

// OnPanicOr is OnPanic, but has no effect if SubscriptionDefaults or an earlier option has
// set a policy. It is for layers above subscriptions that have defaults of their own.
func OnPanicOr(policy Policy) SubOption {
	return func(o *subOptions) error {
		if o.panics {
			return nil
		}
		return OnPanic(policy)(o)
	}
}

// OnBlocked says what happens when one call of the handler takes longer than limit. Each such
// call is reported by a HandlerBlocked event with a *BlockedError, and by a HandlerUnblocked
// when it returns. With Concurrency it applies to each worker. Default: nothing happens.
//
// Resume reports the call and waits. Restart gives the call up and continues with the next
// message on another goroutine. Stop gives it up and ends the subscription, Escalate gives it
// up and closes the connection, both with the *BlockedError as the cause. Crash ends the
// process. If 16 calls of a subscription have been given up and have not returned, the next
// one stops it with a *TooManyBlockedError.
//
// A call cannot be ended from outside. One that was given up keeps its goroutine and its
// message, even with Borrow, until it returns; after Restart it runs concurrently with calls
// for later messages. The context of a ContextHandler is cancelled when its call is given up.
// A failure in such a call becomes the Cause of the HandlerUnblocked and has no other effect.
// Close waits for the call, and lists it in Report.Unfinished if it does not return.
//
// A limit that is not positive is an ErrBadTimeout, any other directive an ErrInvalidArg.
func OnBlocked(limit time.Duration, answer Directive) SubOption {
	return func(o *subOptions) error {
		if limit <= 0 {
			return &BadTimeoutError{Op: "option OnBlocked", Value: limit}
		}
		if answer < Resume || answer > Crash {
			return badArg("option OnBlocked", answer.String()+" is not a valid answer to a blocked handler")
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

// Concurrency runs the handler on up to n messages at once, in any order unless OrderedBy is
// set. Below 1 is an ErrInvalidArg. Default: 1, in order.
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

// OrderedBy keeps messages with the same key in order under Concurrency; without Concurrency
// it is an ErrInvalidArg. key must be fast and must not block; its message is valid until it
// returns.
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

// OnRefused says what happens when the server refuses the subscription, for lack of a
// permission or because there are too many. Resume keeps it, marked as refused, and tries
// again on each new link; Stop ends it; Escalate closes the connection. Other directives are
// an ErrInvalidArg. Default: Resume.
func OnRefused(answer Directive) SubOption {
	return func(o *subOptions) error {
		switch answer {
		case Resume, Stop, Escalate:
			o.refused = answer
			return nil
		}
		return badArg("option OnRefused", answer.String()+" is not a valid answer to a refusal")
	}
}

// OverlapOnMove makes a subscription without a queue group known to both servers for a moment
// while the connection moves from one to the other. It then misses nothing, but may receive
// messages twice. Queue groups overlap in any case. It has no effect with NoEcho or after
// AutoUnsubscribe. See StayOnLameDuck and Conn.Rotate.
func OverlapOnMove() SubOption {
	return func(o *subOptions) error {
		o.overlap = true
		return nil
	}
}

// Observe calls hear with each event of the subscription and of its workers, in order, from
// the first one on. The last one is SubscriptionStopped, after the last call of the handler.
// hear runs with the connection's other callbacks. Nil is an ErrInvalidCallback.
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

// OnDropped calls hear with each message that the server sent and the handler will not
// receive. why is ErrSlowConsumer if the message did not fit, and ErrBadSubscription if it
// was waiting when the subscription ended, or arrived before the server knew about the end.
// Messages that arrive after the end from one server, while the connection moves to another
// one, are not reported. The message is valid until hear returns. With OnDropped the handler
// receives messages one by one, which costs a little.
//
// hear is called on the goroutine that drops the message, which may be the one that reads
// from the socket. Calls can be concurrent, and locks are held: it must be fast, must not
// block, and must not use the subscription or its connection. It applies to handlers only.
// Nil is an ErrInvalidCallback.
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
