package micro

import (
	"fmt"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/kind"
)

// Kinds of errors that the program has to correct. Nothing was sent.
var (
	// ErrConfigValidation: the description of a service or an endpoint is not valid. See
	// ConfigError.
	ErrConfigValidation error = kind.New("troupe: validation", api.ErrInvalidArg).In(kind.Input)
	// ErrInvalidName: the name of a service or an endpoint is empty, or has characters other
	// than letters, digits, dashes and underscores.
	ErrInvalidName error = kind.New("troupe: invalid service or endpoint name", ErrConfigValidation)
	// ErrInvalidVersion: the version of a service is not a semantic version.
	ErrInvalidVersion error = kind.New("troupe: invalid service version", ErrConfigValidation)
	// ErrInvalidSubject: an endpoint cannot have that subject, or that queue group. It is
	// an api.ErrBadSubject.
	ErrInvalidSubject error = kind.New("troupe: invalid endpoint subject", ErrConfigValidation, api.ErrBadSubject)
	// ErrHandlerRequired: a handler, or a part of its middleware, is nil. It is an
	// api.ErrInvalidCallback.
	ErrHandlerRequired error = kind.New("troupe: endpoint handler is required", ErrConfigValidation, api.ErrInvalidCallback)
	// ErrEndpointExists: the service has an endpoint of that name in that group, or one that
	// shares its requests.
	ErrEndpointExists error = kind.New("troupe: endpoint exists", ErrConfigValidation)
	// ErrVerbNotSupported: a verb is not PING, INFO or STATS.
	ErrVerbNotSupported error = kind.New("troupe: unsupported verb", api.ErrInvalidArg).In(kind.Input)
	// ErrServiceNameRequired: the subject of an instance needs the name of its service.
	ErrServiceNameRequired error = kind.New("troupe: service name is required to generate id control subject", api.ErrInvalidArg).In(kind.Input)
	// ErrArgRequired: an error response lacks its code or its description.
	ErrArgRequired error = kind.New("troupe: argument required", api.ErrInvalidArg).In(kind.Input)
	// ErrInvalidCode: the code of an error response has a colon or an unprintable character,
	// begins or ends with a blank, or is too long. See CodeError.
	ErrInvalidCode error = kind.New("troupe: invalid error code", api.ErrInvalidArg).In(kind.Input)
	// ErrMarshalResponse: a response cannot be encoded as JSON.
	ErrMarshalResponse error = kind.New("troupe: marshaling response", api.ErrInvalidArg).In(kind.Input)
	// ErrAlreadyResponded: the request was already answered.
	ErrAlreadyResponded error = kind.New("troupe: request was already responded to").In(kind.Input)
)

// Kinds of errors of calls.
var (
	// ErrRespond: a response was not sent. The error also wraps the cause.
	ErrRespond error = kind.New("troupe: nats error when sending response").In(kind.Connection, kind.MaybeSent)
	// ErrServiceStopped: the service has stopped, or is about to. It is fatal for the service.
	ErrServiceStopped error = kind.New("troupe: service is stopped").In(kind.Closed)
	// ErrStopTimeout: a service did not stop in time. It is an api.ErrTimeout. See
	// StopTimeoutError. It is fatal for the service.
	ErrStopTimeout error = kind.New("troupe: service did not stop in time", api.ErrTimeout).In(kind.Timeout)
	// ErrEndpointNotFound: the service, or the group, has no endpoint of that name.
	ErrEndpointNotFound error = kind.New("troupe: no such endpoint").In(kind.NotFound)
)

// ConfigError says what is wrong with the description of a service or an endpoint.
type ConfigError struct {
	Field  string // "name", "version", "subject", "queue group", "handler"
	Value  string
	Reason string
	Err    error // the kind
}

// Error says which field, and why.
func (e *ConfigError) Error() string {
	return fmt.Sprintf("%v: %s %q %s", e.Err, e.Field, e.Value, e.Reason)
}

// Unwrap returns the kind.
func (e *ConfigError) Unwrap() error { return e.Err }

// respondError is an ErrRespond with its cause, which determines its category.
type respondError struct{ cause error }

func (e *respondError) Error() string { return ErrRespond.Error() + ": " + plain(e.cause) }

// Unwrap returns the cause before the kind, so that it is asked first.
func (e *respondError) Unwrap() []error { return []error{e.cause, ErrRespond} }

// NATSError is the error that Config.ErrorHandler gets, with its subject.
type NATSError struct {
	// Subject is the subject of the subscription; for a handler that failed, that of the
	// request.
	Subject string
	// Description is the text of the error.
	Description string

	err error
}

// Error returns the subject and the description.
func (e *NATSError) Error() string { return fmt.Sprintf("%q: %s", e.Subject, e.Description) }

// Unwrap returns the error; nil for a NATSError that the program made.
func (e *NATSError) Unwrap() error { return e.err }

// Is reports whether target is a *NATSError with the same subject and description. Any other
// target is looked for in the wrapped error.
func (e *NATSError) Is(target error) bool {
	other, ok := target.(*NATSError)
	return ok && e != nil && other != nil && e.Subject == other.Subject && e.Description == other.Description
}
