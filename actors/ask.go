package actors

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"time"

	"github.com/troupe-go/troupe/internal/kind"
	"github.com/troupe-go/troupe/supervisor"
)

// ErrCallbackFailed means that a callback among the options panicked, blocked,
// failed, or returned what cannot be used.
var ErrCallbackFailed error = kind.New("troupe: callback failed").In(kind.Handler)

// CallbackError says which callback among the options could not be used, and why. It does
// not quote the value that the callback returned or panicked with, which may be a secret;
// an error that it returned is kept as it is.
type CallbackError struct {
	Option string // the field of the options that holds it
	Err    error  // its error, a *supervisor.PanicError, a *TimeoutError, or what is wrong with its result
}

// Error names the option and the cause.
func (e *CallbackError) Error() string {
	return fmt.Sprintf("%v: option %s: %s", ErrCallbackFailed, e.Option, kind.Plain(e.Err))
}

// Unwrap returns ErrCallbackFailed and the cause.
func (e *CallbackError) Unwrap() []error { return []error{ErrCallbackFailed, e.Err} }

// Retryable reports whether the callback may succeed later, judging by its error.
func (e *CallbackError) Retryable() bool { return kind.CanRetry(e.Err) }

// Category is always Handler: the program's own code failed.
func (e *CallbackError) Category() kind.Category { return kind.Handler }

// MaybeSent reports false: callbacks are called before anything is sent.
func (e *CallbackError) MaybeSent() bool { return false }

// Ask calls a callback from the named option, and waits for its result until ctx is done.
// The error is a *CallbackError. A callback that does not return occupies a goroutine
// until it does.
func Ask[T any](ctx context.Context, option string, callback func() (T, error)) (T, error) {
	answer, err := askUser(ctx, option, callback, func(T) {})
	if err != nil {
		return answer, &CallbackError{Option: option, Err: conceal(err)}
	}
	return answer, nil
}

// concealed stands for the value of a panic that may hold a secret.
type concealed struct{ typ string }

// String names the type.
func (c concealed) String() string { return "a value of type " + c.typ }

// conceal removes the value from a panic, unless it is one of the runtime's: a callback
// that returns secrets may panic with one.
func conceal(err error) error {
	panicked, ok := errors.AsType[*supervisor.PanicError](err)
	if !ok {
		return err
	}
	if _, harmless := panicked.Value.(runtime.Error); !harmless {
		panicked.Value = concealed{fmt.Sprintf("%T", panicked.Value)}
	}
	return err
}

// askUser returns the result of ask, or why there is none: ask may panic, end its
// goroutine, or not return before ctx is done. In the last case its goroutine stays until
// ask returns, and late then gets the result, unless it is an error.
func askUser[T any](ctx context.Context, op string, ask func() (T, error), late func(T)) (T, error) {
	type answer struct {
		value T
		err   error
	}
	began := time.Now()
	answers := make(chan answer)
	go func() {
		defer func() { _ = recover() }() // a panic in late: there is nobody left to report it to
		var a answer
		returned := false
		defer func() {
			if !returned {
				a = answer{err: taskFailure(recover())}
			}
			select {
			case answers <- a:
				return
			case <-ctx.Done():
			}
			if a.err == nil {
				late(a.value)
			}
		}()
		a.value, a.err = ask()
		returned = true
	}()
	var none T
	select {
	case a := <-answers:
		if a.err != nil {
			return none, a.err
		}
		return a.value, nil
	case <-ctx.Done():
		return none, Interrupted(ctx, op, "", began)
	}
}
