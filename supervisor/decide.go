package supervisor

import (
	"errors"
	"time"
)

// Failure is what an executor knows about an actor that failed.
type Failure struct {
	// Path is the actor's place in the tree, as in Node.Path.
	Path string
	// Kind is the actor's role: "reader", "dispatcher".
	Kind string
	// State is the state in which it failed; Event.Before repeats it.
	State string
	// Cause is why. Nil counts as ErrActorFailed.
	Cause error
	// Stack is the stack of the failing goroutine, if there was one. A
	// *PanicError as Cause brings its own.
	Stack []byte
	// Message says what was being handled when it failed: the subject, say, and
	// never a payload.
	Message string
	// Began is when the failed incarnation began its work: for a link, when it went live.
	// Zero means the end of its restart delay.
	Began time.Time
	// NeverBegan says that it failed before it began its work, as a failed dial does.
	// However long that took, none of it counts as quiet time.
	NeverBegan bool
	// Rand is a fresh uniform number in [0,1) for the jitter.
	Rand float64
}

// Decision is the answer to one Failure, to be executed as it is.
type Decision struct {
	// Directive is what to do; never Unset.
	Directive Directive
	// Delay is how long to wait before the restart; zero for other directives.
	Delay time.Duration
	// Attempt numbers the restarts since the last quiet period. For Restart it is the
	// number of this restart, from 1; for other directives the number of restarts before.
	Attempt int
	// Exceeded says that Directive replaced a restart because Intensity allowed no more.
	Exceeded bool
	// History replaces the history that was passed in.
	History History
	// Event is to be numbered and published. Its Kind is ActorFailed or, for a handler,
	// HandlerPanicked, HandlerBlocked or HandlerFailed.
	Event Event
}

// Decide answers a failure. It is a pure function: it reads no clock, draws no
// random number and changes none of its arguments. It accepts every value of
// every argument, and a decision always has a directive and exactly one event.
//
// Order: Policy.Decide or else Policy.Directive gives the answer; if that is Restart,
// Intensity may turn it into Policy.Exceeded; if it is still Restart, Backoff gives the
// delay and the history counts it. Only granted restarts are counted, but every failure
// ends the quiet period.
func Decide(p Policy, h History, f Failure, now time.Time) Decision {
	if f.Cause == nil {
		f.Cause = ErrActorFailed
	}
	h.observe(p, f, now)
	directive, trouble := p.answer(f)
	if trouble != nil {
		f.Cause = errors.Join(f.Cause, trouble)
	}
	d := Decision{Directive: directive}
	if directive == Restart {
		if h.exceeded(p.Intensity) {
			d.Exceeded = true
			d.Directive = p.exceededAnswer()
			f.Cause = &IntensityError{Path: f.Path, Intensity: p.Intensity, Cause: f.Cause}
		} else {
			d.Delay = p.Backoff.Delay(h.next(), f.Rand)
			h.grant(p, d.Delay)
		}
	}
	d.Attempt = h.attempt
	d.History = h
	d.Event = failureEvent(f, &d, now)
	return d
}

// failureEvent returns the one event of a decision.
func failureEvent(f Failure, d *Decision, now time.Time) Event {
	return Event{
		Time:      now,
		Path:      f.Path,
		Kind:      failureKind(f.Cause),
		Before:    f.State,
		After:     stateAfter(d.Directive, f.State),
		Cause:     f.Cause,
		Attempt:   d.Attempt,
		Delay:     d.Delay,
		Directive: d.Directive,
		Stack:     stackOf(f),
		Message:   f.Message,
	}
}

// failureKind tells failures of a user's handler from those of an actor. A failure that
// was escalated to a supervisor is the supervisor's own, whatever it was below.
func failureKind(cause error) EventKind {
	switch {
	case errors.Is(cause, ErrEscalated):
		return ActorFailed
	case errors.Is(cause, ErrHandlerPanic), errors.Is(cause, ErrHandlerExit):
		return HandlerPanicked
	case errors.Is(cause, ErrHandlerBlocked):
		return HandlerBlocked
	case errors.Is(cause, ErrHandlerFailed):
		return HandlerFailed
	default:
		return ActorFailed
	}
}

// stateAfter returns the state an actor is in once the directive is executed.
func stateAfter(d Directive, before string) string {
	switch d {
	case Resume:
		return before
	case Restart:
		return "restarting"
	case Escalate:
		return "escalated"
	case Crash:
		return "crashed"
	default:
		return "stopped"
	}
}

// stackOf returns the stack of the failure, or that of the panic that caused it.
func stackOf(f Failure) []byte {
	if f.Stack != nil {
		return f.Stack
	}
	if p, ok := errors.AsType[*PanicError](f.Cause); ok {
		return p.Stack
	}
	return nil
}
