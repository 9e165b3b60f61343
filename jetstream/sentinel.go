package jetstream

import "github.com/troupe-go/troupe/internal/kind"

// JetStreamError is what errors.As finds in every error of this package, but not in those of
// package api. APIError returns the answer of the server that the error stands for, nil if it
// does not come from a server.
type JetStreamError interface {
	error
	APIError() *APIError
}

// sentinel is a kind of error. It is immutable and compared by identity.
type sentinel struct {
	*kind.Kind
	answer *APIError   // the answer of a server for it; nil if it has no code of its own
	class  bool        // stands for more errors than those with the code of answer
	more   []ErrorCode // besides that of answer
}

// born returns a kind that this package raises, or that has no code of its own.
func born(text string, parents ...error) *sentinel {
	return &sentinel{Kind: kind.New("troupe: "+text, parents...)}
}

// sent returns a kind that servers send with a code and a status.
func sent(code ErrorCode, status int, text string, parents ...error) *sentinel {
	return &sentinel{
		Kind:   kind.New("troupe: "+text, parents...),
		answer: &APIError{Code: status, ErrorCode: code, Description: text},
	}
}

// refused returns a kind of bad requests, which servers send with status 400.
func refused(code ErrorCode, text string, parents ...error) *sentinel {
	return sent(code, 400, text, append(parents, ErrBadRequest)...)
}

// all makes the kind stand for further codes, or for a whole class of them.
func (s *sentinel) all(more ...ErrorCode) *sentinel {
	s.class, s.more = true, more
	return s
}

// codes returns the codes for which the kind is the most specific one.
func (s *sentinel) codes() []ErrorCode {
	if s.answer == nil {
		return s.more
	}
	return append([]ErrorCode{s.answer.ErrorCode}, s.more...)
}

// In sets the category and traits of the kind; see kind.Kind.
func (s *sentinel) In(c kind.Category, traits ...kind.Trait) *sentinel {
	s.Kind.In(c, traits...)
	return s
}

// APIError returns a copy of the answer of a server for it, nil for none.
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
