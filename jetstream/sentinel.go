package jetstream

import "github.com/troupe-go/troupe/internal/kind"

// JetStreamError is what every error of this package can be asked for with
// errors.As; errors of package api are not. APIError returns the answer of the
// server that it stands for, nil if it was born here.
type JetStreamError interface {
	error
	APIError() *APIError
}

// sentinel is a kind of error. It is immutable and compared by identity.
type sentinel struct {
	*kind.Kind
	answer *APIError   // what a server sends for it; nil if it has no code of its own
	class  bool        // stands for more errors than those with the code of answer
	more   []ErrorCode // beside that of answer
}

// born returns a kind of what goes wrong here, or that has no code of its own.
func born(text string, parents ...error) *sentinel {
	return &sentinel{Kind: kind.New("troupe: "+text, parents...)}
}

// sent returns a kind that a server sends, with the status that it sends with it.
func sent(code ErrorCode, status int, text string, parents ...error) *sentinel {
	return &sentinel{
		Kind:   kind.New("troupe: "+text, parents...),
		answer: &APIError{Code: status, ErrorCode: code, Description: text},
	}
}

// refused returns a kind of requests that a server refuses as they are.
func refused(code ErrorCode, text string, parents ...error) *sentinel {
	return sent(code, 400, text, append(parents, ErrBadRequest)...)
}

// all makes the kind stand for further codes, or for a whole class of them.
func (s *sentinel) all(more ...ErrorCode) *sentinel {
	s.class, s.more = true, more
	return s
}

// codes returns the codes that the kind is the nearest for.
func (s *sentinel) codes() []ErrorCode {
	if s.answer == nil {
		return s.more
	}
	return append([]ErrorCode{s.answer.ErrorCode}, s.more...)
}

// In gives the kind answers of its own; see kind.Kind.
func (s *sentinel) In(c kind.Category, traits ...kind.Trait) *sentinel {
	s.Kind.In(c, traits...)
	return s
}

// APIError returns a copy of what a server sends for it, nil for nothing.
func (s *sentinel) APIError() *APIError {
	if s.answer == nil {
		return nil
	}
	answer := *s.answer
	return &answer
}

// Is reports whether target is an *APIError with the same code.
func (s *sentinel) Is(target error) bool {
	other, ok := target.(*APIError)
	return ok && other != nil && s.answer != nil && !s.class && s.answer.ErrorCode == other.ErrorCode
}
