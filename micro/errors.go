package micro

import (
	"fmt"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/kind"
)

// Kinds of what the program has to change. Nothing was sent.
var (
	// ErrConfigValidation: a service or an endpoint cannot be as it is described. See
	// ConfigError.
	ErrConfigValidation error = kind.New("troupe: validation", api.ErrInvalidArg).In(kind.Input)
	// ErrInvalidName: the name of a service or an endpoint is empty, or has other
	// characters than letters, digits, dashes and underscores.
	ErrInvalidName error = kind.New("troupe: invalid service or endpoint name", ErrConfigValidation)
	// ErrInvalidVersion: the version of a service is not a semantic version.
	ErrInvalidVersion error = kind.New("troupe: invalid service version", ErrConfigValidation)
	// ErrInvalidSubject: an endpoint cannot have that subject, or that queue group. It is
	// an api.ErrBadSubject.
	ErrInvalidSubject error = kind.New("troupe: invalid endpoint subject", ErrConfigValidation, api.ErrBadSubject)
	// ErrHandlerRequired: a handler, or a part of its chain, is nil. It is an
	// api.ErrInvalidCallback.
	ErrHandlerRequired error = kind.New("troupe: endpoint handler is required", ErrConfigValidation, api.ErrInvalidCallback)
	// ErrEndpointExists: the service has an endpoint of that name in that group, or one that
	// shares its requests.
	ErrEndpointExists error = kind.New("troupe: endpoint exists", ErrConfigValidation)
	// ErrVerbNotSupported: a verb is none of PING, INFO and STATS.
	ErrVerbNotSupported error = kind.New("troupe: unsupported verb", api.ErrInvalidArg).In(kind.Input)
	// ErrServiceNameRequired: the subject of an instance needs the name of its service.
	ErrServiceNameRequired error = kind.New("troupe: service name is required to generate id control subject", api.ErrInvalidArg).In(kind.Input)
	// ErrArgRequired: an error response lacks its code or its description.
	ErrArgRequired error = kind.New("troupe: argument required", api.ErrInvalidArg).In(kind.Input)
	// ErrInvalidCode: the code of an error response has a colon, or what cannot be printed,
	// or is too long. See CodeError.
	ErrInvalidCode error = kind.New("troupe: invalid error code", api.ErrInvalidArg).In(kind.Input)
	// ErrMarshalResponse: a response cannot be written as JSON.
	ErrMarshalResponse error = kind.New("troupe: marshaling response", api.ErrInvalidArg).In(kind.Input)
	// ErrAlreadyResponded: the request has its answer.
	ErrAlreadyResponded error = kind.New("troupe: request was already responded to").In(kind.Input)
)

// Kinds of what became of a call.
var (
	// ErrRespond: a response was not sent. Its cause is in the error as well.
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

// respondError is an ErrRespond with its cause, which knows best what to do about it.
type respondError struct{ cause error }

func (e *respondError) Error() string { return ErrRespond.Error() + ": " + plain(e.cause) }

// Unwrap returns the cause before the kind, so that it is asked first.
func (e *respondError) Unwrap() []error { return []error{e.cause, ErrRespond} }

// NATSError is what Config.ErrorHandler gets: what went wrong, and on which subject.
type NATSError struct {
	// Subject is that of the subscription; of a handler that failed, that of the request.
	Subject string
	// Description is the text of what is wrong.
	Description string

	err error
}

// Error says where, and what.
func (e *NATSError) Error() string { return fmt.Sprintf("%q: %s", e.Subject, e.Description) }

// Unwrap returns what is wrong, nil for a NATSError of the program's own.
func (e *NATSError) Unwrap() error { return e.err }

// Is reports whether target is a *NATSError with the same subject and description. Any
// other target is looked for in what is wrong.
func (e *NATSError) Is(target error) bool {
	other, ok := target.(*NATSError)
	return ok && e != nil && other != nil && e.Subject == other.Subject && e.Description == other.Description
}
