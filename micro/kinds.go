package micro

import (
	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/kind"
)

// Kinds returns the kinds of errors of this package that are about one of the categories; for
// no category, all of them. The slice is the caller's.
func Kinds(about ...api.Category) []error {
	return kind.About(about, []error{
		ErrBadResponse, ErrConfigValidation, ErrInvalidName, ErrInvalidVersion, ErrInvalidSubject,
		ErrHandlerRequired, ErrEndpointExists, ErrVerbNotSupported, ErrServiceNameRequired, ErrArgRequired,
		ErrInvalidCode, ErrMarshalResponse, ErrAlreadyResponded, ErrRespond, ErrServiceStopped, ErrStopTimeout,
		ErrEndpointNotFound, ErrService, ErrBadRequest, ErrUnauthorized, ErrNotFound, ErrConflict, ErrOverloaded,
		ErrInternal, ErrUnavailable, ErrInterrupted, ErrDeadlineExceeded, ErrExpired,
	})
}
