package supervisor

import (
	"fmt"
	"strings"
	"time"

	"github.com/troupe-go/troupe/internal/kind"
)

// The kinds of failure that this package defines. Compare with errors.Is.
var (
	// ErrActorFailed is a failure of an actor without a known cause.
	ErrActorFailed error = kind.New("troupe: actor failed").In(kind.Internal, kind.MaybeSent)
	// ErrActorPanic is a panic in code of the library itself.
	ErrActorPanic error = kind.New("troupe: actor panicked", ErrActorFailed)
	// ErrHandlerFailed is the parent kind of all failures of a user's handler. An error
	// that a handler returned is a HandlerError.
	ErrHandlerFailed error = kind.New("troupe: handler failed").In(kind.Handler)
	// ErrHandlerPanic is a panic in a user's handler; see PanicError.
	ErrHandlerPanic error = kind.New("troupe: handler panicked", ErrHandlerFailed)
	// ErrHandlerExit is a handler that ended its goroutine with runtime.Goexit,
	// as t.FailNow does; see GoexitError.
	ErrHandlerExit error = kind.New("troupe: handler exited its goroutine", ErrHandlerFailed)
	// ErrHandlerBlocked is a handler that did not return in time; see BlockedError.
	ErrHandlerBlocked error = kind.New("troupe: handler blocked", ErrHandlerFailed)
	// ErrRestartLimit is an actor that failed more often than its policy
	// allows; see IntensityError.
	ErrRestartLimit error = kind.New("troupe: restart limit reached").In(kind.Handler)
	// ErrEscalated is a failure that came from below; see EscalatedError.
	ErrEscalated error = kind.New("troupe: failure escalated").In(kind.Handler)
	// ErrUnhealthy is a tree with a part that is not well; see HealthError.
	ErrUnhealthy error = kind.New("troupe: unhealthy").In(kind.Unavailable, kind.Retry)
	// ErrBadPolicy is an invalid policy; see PolicyError.
	ErrBadPolicy error = kind.New("troupe: bad policy").In(kind.Input)
)

// PanicError is a recovered panic. It matches ErrHandlerPanic, or ErrActorPanic if it is
// Internal; if the value is an error, it matches that as well.
type PanicError struct {
	// Value is what was passed to panic, or a placeholder if that may have been a secret.
	Value any
	// Stack is the stack of the panicking goroutine, as runtime/debug.Stack
	// returns it. Error does not print it.
	Stack []byte
	// Message says what was being handled: a subject, never a payload.
	Message string
	// Internal says that the library's own code panicked, not the user's.
	Internal bool
}

// Error returns the value of the panic and what was being handled. Of a value that is
// neither an error, a Stringer nor of a basic kind it prints the type alone: printing a
// structure could race with other goroutines that write it, and could reveal secrets.
func (e *PanicError) Error() string {
	who := ErrHandlerPanic
	if e.Internal {
		who = ErrActorPanic
	}
	return withMessage(who.Error()+": "+panicText(e.Value), e.Message)
}

// Unwrap returns the kind and, if it is an error, the value.
func (e *PanicError) Unwrap() []error {
	who := ErrHandlerPanic
	if e.Internal {
		who = ErrActorPanic
	}
	if err, ok := e.Value.(error); ok {
		return []error{who, err}
	}
	return []error{who}
}

// GoexitError reports a handler that ended its goroutine with runtime.Goexit.
type GoexitError struct {
	// Message says what was being handled: a subject, never a payload.
	Message string
}

// Error says that the handler exited its goroutine, and what was being handled.
func (e *GoexitError) Error() string { return withMessage(ErrHandlerExit.Error(), e.Message) }

// Unwrap returns ErrHandlerExit.
func (e *GoexitError) Unwrap() error { return ErrHandlerExit }

// HandlerError is an error that a handler returned. It matches ErrHandlerFailed, and
// whatever the handler's error matches.
type HandlerError struct {
	// Subject is the subject of the message that was being handled.
	Subject string
	// Err is what the handler returned.
	Err error
}

// Error returns the handler's error and what was being handled.
func (e *HandlerError) Error() string {
	return withMessage(ErrHandlerFailed.Error()+": "+panicText(e.Err), e.Subject)
}

// Unwrap returns ErrHandlerFailed and the handler's error.
func (e *HandlerError) Unwrap() []error {
	if e.Err == nil {
		return []error{ErrHandlerFailed}
	}
	return []error{ErrHandlerFailed, e.Err}
}

// BlockedError reports a handler that did not return within its limit.
type BlockedError struct {
	// For is how long it had been running when that was noticed.
	For time.Duration
	// Message says what was being handled: a subject, never a payload.
	Message string
}

// Error says for how long.
func (e *BlockedError) Error() string {
	return withMessage(ErrHandlerBlocked.Error()+" for "+e.For.String(), e.Message)
}

// Unwrap returns ErrHandlerBlocked.
func (e *BlockedError) Unwrap() error { return ErrHandlerBlocked }

// IntensityError is a failure after which the policy did not allow another restart.
type IntensityError struct {
	// Path is the actor that failed.
	Path string
	// Intensity is the limit that was reached.
	Intensity Intensity
	// Cause is the last failure.
	Cause error
}

// Error returns the limit and the last cause.
func (e *IntensityError) Error() string {
	s := ErrRestartLimit.Error() + ": "
	if e.Path != "" {
		s += e.Path + ": "
	}
	s += e.Intensity.String()
	if e.Cause != nil {
		s += ", the last failure: " + kind.Plain(e.Cause)
	}
	return s
}

// Unwrap returns ErrRestartLimit and the last cause.
func (e *IntensityError) Unwrap() []error {
	if e.Cause == nil {
		return []error{ErrRestartLimit}
	}
	return []error{ErrRestartLimit, e.Cause}
}

// EscalatedError is the failure of a supervisor one of whose children escalated: the
// Cause to put into the supervisor's own Failure. It matches ErrEscalated and whatever
// the child's failure matches.
type EscalatedError struct {
	// Path is the child that failed.
	Path string
	// Cause is its failure.
	Cause error
}

// Error names the child and its failure.
func (e *EscalatedError) Error() string {
	s := ErrEscalated.Error()
	if e.Path != "" {
		s += " by " + e.Path
	}
	if e.Cause != nil {
		s += ": " + kind.Plain(e.Cause)
	}
	return s
}

// Unwrap returns ErrEscalated and the child's failure.
func (e *EscalatedError) Unwrap() []error {
	if e.Cause == nil {
		return []error{ErrEscalated}
	}
	return []error{ErrEscalated, e.Cause}
}

// PolicyError names a field of a policy whose value is invalid.
type PolicyError struct {
	// Field is the field's name, as in "Backoff.Max".
	Field string
	// Reason is what is wrong with it.
	Reason string
}

// Error names the field and the reason.
func (e *PolicyError) Error() string {
	return ErrBadPolicy.Error() + ": " + e.Field + " " + e.Reason
}

// Unwrap returns ErrBadPolicy.
func (e *PolicyError) Unwrap() error { return ErrBadPolicy }

// withMessage adds what was being handled to an error's text.
func withMessage(text, message string) string {
	if message == "" {
		return text
	}
	return text + " (handling " + message + ")"
}

// panicText returns the text for the value of a panic.
func panicText(v any) string {
	switch v.(type) {
	case nil:
		return "nil"
	case error, fmt.Stringer:
		return strings.TrimPrefix(fmt.Sprintf("%v", v), "troupe: ") // fmt survives a panic in their methods
	case string, bool, int, int8, int16, int32, int64, uint, uint8, uint16, uint32, uint64, uintptr,
		float32, float64, complex64, complex128:
		return fmt.Sprint(v)
	default:
		return fmt.Sprintf("a value of type %T", v)
	}
}
