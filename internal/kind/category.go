package kind

import (
	"context"
	"errors"
	"io"
	"net"
	"slices"
)

// Category says what an error is about, and so who has to act.
type Category uint8

// The categories. The comment says what each means to the program.
const (
	None          Category = iota // no error
	Unknown                       // neither of this module nor of the standard library
	Input                         // an argument or option: the program must be corrected
	Closed                        // the object of the call has ended, or is about to
	Connection                    // there is no server, or it was lost: the library reconnects
	TLS                           // the connection cannot be secured
	Authorization                 // a server refused the credentials
	Permission                    // a server does not allow that subject
	Timeout                       // it did not happen in time
	Canceled                      // the caller's context was cancelled
	Limit                         // something is full: send less at once, or later
	Unavailable                   // there is a server, but nothing that answers
	NotFound                      // what was asked for does not exist
	Conflict                      // it was changed meanwhile: read it again, then decide
	Server                        // the server does not support the request, or failed
	Protocol                      // a peer broke the protocol
	Handler                       // the program's own code, called by the library, failed
	Internal                      // a defect of the library
)

// names are in the order of the categories.
var names = [...]string{"none", "unknown", "input", "closed", "connection", "tls", "authorization", "permission",
	"timeout", "canceled", "limit", "unavailable", "notfound", "conflict", "server", "protocol", "handler", "internal"}

// String returns the category in lower case, for a label of a metric.
func (c Category) String() string {
	if int(c) < len(names) {
		return names[c]
	}
	return names[Unknown]
}

// Trait is a property of an error.
type Trait uint8

// The traits.
const (
	Retry     Trait = 1 << iota // the same call may succeed later
	MaybeSent                   // the call may have had its effect
)

// Error is an error with all three answers.
type Error interface {
	error
	// Category returns what the error is about.
	Category() Category
	// Retryable reports whether the same call may succeed later.
	Retryable() bool
	// MaybeSent reports whether the call may have had its effect.
	MaybeSent() bool
}

// CategoryOf returns what err is about.
func CategoryOf(err error) Category {
	if err == nil {
		return None
	}
	if says, ok := errors.AsType[interface {
		error
		Category() Category
	}](err); ok {
		return says.Category()
	}
	return foreign(err)
}

// CanRetry reports whether the call that failed with err may succeed later.
func CanRetry(err error) bool {
	if err == nil {
		return false
	}
	if says, ok := errors.AsType[interface {
		error
		Retryable() bool
	}](err); ok {
		return says.Retryable()
	}
	switch foreign(err) {
	case Timeout, Connection:
		return true
	default:
		return false
	}
}

// MayHaveSent reports whether the call that failed with err may have had its effect. If in
// doubt, it reports true.
func MayHaveSent(err error) bool {
	if err == nil {
		return false
	}
	if says, ok := errors.AsType[interface {
		error
		MaybeSent() bool
	}](err); ok {
		return says.MaybeSent()
	}
	return true
}

// foreign returns the category of an error of the standard library.
func foreign(err error) Category {
	var late interface {
		error
		Timeout() bool
	}
	switch {
	case errors.Is(err, context.Canceled):
		return Canceled
	case errors.Is(err, context.DeadlineExceeded), errors.As(err, &late) && late.Timeout():
		return Timeout
	case errors.Is(err, net.ErrClosed):
		return Closed
	case isConnection(err):
		return Connection
	default:
		return Unknown
	}
}

// isConnection reports whether err is about a socket, or the end of a stream.
func isConnection(err error) bool {
	for _, end := range []error{io.EOF, io.ErrUnexpectedEOF, io.ErrClosedPipe} {
		if errors.Is(err, end) {
			return true
		}
	}
	var op *net.OpError
	var name *net.DNSError
	return errors.As(err, &op) || errors.As(err, &name)
}

// About returns the errors in all that are about one of the categories; without categories, all
// of them.
func About(these []Category, all []error) []error {
	if len(these) == 0 {
		return all
	}
	return slices.DeleteFunc(all, func(err error) bool { return !slices.Contains(these, CategoryOf(err)) })
}
