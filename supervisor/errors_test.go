package supervisor

import (
	"errors"
	"io"
	"strings"
	"testing"
	"time"
)

// secretive has a secret field that printing would show.
type secretive struct{ Password string }

// rude panics when it is printed.
type rude struct{}

func (rude) Error() string { panic("no") }

// polite has a text of its own.
type polite struct{}

func (polite) String() string { return "good day" }

func TestErrorsAreOfTheirKinds(t *testing.T) {
	boom := &PanicError{Value: io.ErrUnexpectedEOF}
	tests := []struct {
		name string
		err  error
		is   []error
		not  []error
	}{
		{"a handler's panic", boom, []error{ErrHandlerPanic, ErrHandlerFailed, io.ErrUnexpectedEOF}, []error{ErrActorPanic, ErrHandlerExit}},
		{"our own panic", &PanicError{Value: io.EOF, Internal: true}, []error{ErrActorPanic, ErrActorFailed, io.EOF}, []error{ErrHandlerFailed}},
		{"a panic with a word", &PanicError{Value: "no"}, []error{ErrHandlerPanic}, []error{ErrActorPanic}},
		{"a handler that exits", &GoexitError{}, []error{ErrHandlerExit, ErrHandlerFailed}, []error{ErrHandlerPanic}},
		{"a handler that blocks", &BlockedError{}, []error{ErrHandlerBlocked, ErrHandlerFailed}, []error{ErrHandlerPanic}},
		{"a handler that fails", &HandlerError{Err: io.EOF}, []error{ErrHandlerFailed, io.EOF}, []error{ErrHandlerPanic, ErrHandlerBlocked}},
		{"a handler that fails with nothing", &HandlerError{}, []error{ErrHandlerFailed}, nil},
		{"a limit", &IntensityError{Cause: boom}, []error{ErrRestartLimit, ErrHandlerPanic, io.ErrUnexpectedEOF}, nil},
		{"a limit without a cause", &IntensityError{}, []error{ErrRestartLimit}, []error{ErrHandlerPanic}},
		{"an escalated failure", &EscalatedError{Cause: boom}, []error{ErrEscalated, ErrHandlerPanic}, []error{ErrRestartLimit}},
		{"an escalated nothing", &EscalatedError{}, []error{ErrEscalated}, []error{ErrRestartLimit}},
		{"a policy", &PolicyError{}, []error{ErrBadPolicy}, nil},
		{"a tree", &HealthError{}, []error{ErrUnhealthy}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			for _, kind := range test.is {
				if !errors.Is(test.err, kind) {
					t.Errorf("%v is not %v", test.err, kind)
				}
			}
			for _, kind := range test.not {
				if errors.Is(test.err, kind) {
					t.Errorf("%v is %v", test.err, kind)
				}
			}
		})
	}
}

func TestErrorsInWords(t *testing.T) {
	tests := []struct {
		want string
		err  error
	}{
		{"troupe: handler panicked: boom (handling orders.new)", &PanicError{Value: "boom", Message: "orders.new", Stack: []byte("stack")}},
		{"troupe: handler panicked: nil", &PanicError{}},
		{"troupe: handler panicked: EOF", &PanicError{Value: io.EOF}},
		{"troupe: handler panicked: good day", &PanicError{Value: polite{}}},
		{"troupe: handler panicked: 42", &PanicError{Value: 42}},
		{"troupe: handler panicked: a value of type supervisor.secretive", &PanicError{Value: secretive{"hunter2"}}},
		{"troupe: handler panicked: a value of type map[string]int", &PanicError{Value: map[string]int{"a": 1}}},
		{"troupe: actor panicked: boom", &PanicError{Value: "boom", Internal: true}},
		{"troupe: handler exited its goroutine (handling orders.new)", &GoexitError{Message: "orders.new"}},
		{"troupe: handler blocked for 5s (handling orders.new)", &BlockedError{For: 5 * time.Second, Message: "orders.new"}},
		{"troupe: handler failed: EOF (handling orders.new)", &HandlerError{Subject: "orders.new", Err: io.EOF}},
		{
			"troupe: restart limit reached: conn-1/link: 3 restarts within 10s, the last failure: EOF",
			&IntensityError{Path: "conn-1/link", Intensity: Intensity{Max: 3, Within: 10 * time.Second}, Cause: io.EOF},
		},
		{"troupe: restart limit reached: 3 restarts in a row", &IntensityError{Intensity: Intensity{Max: 3}}},
		{"troupe: failure escalated by conn-1/link: EOF", &EscalatedError{Path: "conn-1/link", Cause: io.EOF}},
		{"troupe: failure escalated", &EscalatedError{}},
		{"troupe: bad policy: Exceeded is odd", &PolicyError{Field: "Exceeded", Reason: "is odd"}},
	}
	for _, test := range tests {
		if got := test.err.Error(); got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}
}

func TestAPanicValueThatPanicsWhenPrinted(t *testing.T) {
	if got := (&PanicError{Value: rude{}}).Error(); !strings.Contains(got, "PANIC") {
		t.Errorf("got %q", got)
	}
	if got := (&HandlerError{Err: rude{}}).Error(); !strings.Contains(got, "PANIC") {
		t.Errorf("got %q", got)
	}
	var nobody *PolicyError
	if got := (&PanicError{Value: nobody}).Error(); !strings.Contains(got, "<nil>") {
		t.Errorf("a nil error reads %q", got)
	}
}
