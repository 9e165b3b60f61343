package micro

import (
	"context"
	"errors"
	"strconv"
	"strings"
	"unicode"
	"unicode/utf8"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/kind"
)

// Fields of a response that is an error.
const (
	// ErrorHeader has the description.
	ErrorHeader = "Nats-Service-Error"
	// ErrorCodeHeader has the code.
	ErrorCodeHeader = "Nats-Service-Error-Code"
	// SymbolHeader has the symbolic code where ErrorCodeHeader has the number that stands
	// for it. Clients other than NewClient's leave it alone.
	SymbolHeader = "Troupe-Service-Error-Symbol"
	// InstanceHeader has the id of the instance that answers with an error.
	InstanceHeader = "Troupe-Service-Id"
	// RefusedHeader is there when the endpoint itself has refused the request, so that no
	// handler was called and nothing was done. No handler can send it, nor pass it on.
	RefusedHeader = "Troupe-Service-Refused"
)

// Codes of this package's own answers, which are sent as the numbers behind them, with the
// symbol in SymbolHeader. What is said of handlers here holds for those answers: with
// RefusedHeader where no handler was called. A handler may send the same codes, as any others.
const (
	// CodeInternal (500): the handler failed, or panicked.
	CodeInternal = "INTERNAL_ERROR"
	// CodeDeadlineExceeded (504): the handler ran, and not to its end in time.
	CodeDeadlineExceeded = "DEADLINE_EXCEEDED"
	// CodeExpired (504): the requester's deadline had passed before the handler was called.
	CodeExpired = "EXPIRED"
	// CodeOverloaded (429): there was no room for the request, and no handler was called.
	CodeOverloaded = "OVERLOADED"
	// CodeUnavailable (503): the endpoint stops, and no handler was called.
	CodeUnavailable = "UNAVAILABLE"
	// CodeInterrupted (503): the handler was called, and ended with its endpoint.
	CodeInterrupted = "INTERRUPTED"
	// CodeBadRequest (400): what the header says cannot be read, and no handler was called.
	CodeBadRequest = "BAD_REQUEST"
)

// Codes that services usually have, and that Config.NumericCodes knows.
const (
	CodeValidation    = "VALIDATION_ERROR"     // 400
	CodeUnauthorized  = "UNAUTHORIZED"         // 401
	CodeBusinessLogic = "BUSINESS_LOGIC_ERROR" // 422
	CodeRateLimited   = "RATE_LIMITED"         // 429
)

// numberOf returns the number of a symbolic code that is known, or 0.
func numberOf(symbol string) int {
	switch symbol {
	case CodeValidation, CodeBadRequest:
		return 400
	case CodeUnauthorized:
		return 401
	case CodeBusinessLogic:
		return 422
	case CodeRateLimited, CodeOverloaded:
		return 429
	case CodeInternal:
		return 500
	case CodeUnavailable, CodeInterrupted:
		return 503
	case CodeDeadlineExceeded, CodeExpired:
		return 504
	}
	return 0
}

// Kinds of errors of services. A handler may have done something before it answered with
// any of them; see ServiceError.MaybeSent.
var (
	// ErrService: a service answered with an error. See ServiceError.
	ErrService error = kind.New("troupe: service error").In(kind.Server, kind.MaybeSent)
	// ErrBadRequest: the service does not take the request as it is (400, and each 4xx that
	// has no kind of its own).
	ErrBadRequest error = kind.New("troupe: bad request", ErrService).In(kind.Input, kind.MaybeSent)
	// ErrUnauthorized: the service does not know who asks, or does not let them (401, 403).
	ErrUnauthorized error = kind.New("troupe: unauthorized", ErrService).In(kind.Permission, kind.MaybeSent)
	// ErrNotFound: what was asked for is not there (404).
	ErrNotFound error = kind.New("troupe: not found", ErrService).In(kind.NotFound, kind.MaybeSent)
	// ErrConflict: what was asked for does not fit what there is (409).
	ErrConflict error = kind.New("troupe: conflict", ErrService).In(kind.Conflict, kind.MaybeSent)
	// ErrOverloaded: the service has more to do than it takes (429).
	ErrOverloaded error = kind.New("troupe: service is overloaded", ErrService).In(kind.Limit, kind.Retry, kind.MaybeSent)
	// ErrInternal: the service failed (500, and each 5xx that has no kind of its own).
	ErrInternal error = kind.New("troupe: internal service error", ErrService).In(kind.Server, kind.MaybeSent)
	// ErrUnavailable: the service cannot answer now (503).
	ErrUnavailable error = kind.New("troupe: service is unavailable", ErrService).In(kind.Unavailable, kind.Retry, kind.MaybeSent)
	// ErrInterrupted: the service ended while it was about to answer. It is an
	// ErrUnavailable, and something may have been done.
	ErrInterrupted error = kind.New("troupe: request was interrupted", ErrUnavailable).In(kind.Unavailable, kind.Retry, kind.MaybeSent)
	// ErrDeadlineExceeded: the service did not answer in time, and said so (504).
	ErrDeadlineExceeded error = kind.New("troupe: service deadline exceeded", ErrService).In(kind.Timeout, kind.Retry, kind.MaybeSent)
	// ErrExpired: the requester's deadline had passed before the handler was called. It is
	// an ErrDeadlineExceeded, and nothing was done.
	ErrExpired error = kind.New("troupe: request had expired", ErrDeadlineExceeded).In(kind.Timeout, kind.Retry)
)

// classOf returns the kind of an error with that number.
func classOf(number int) error {
	switch number {
	case 401, 403:
		return ErrUnauthorized
	case 404:
		return ErrNotFound
	case 409:
		return ErrConflict
	case 429:
		return ErrOverloaded
	case 503:
		return ErrUnavailable
	case 504:
		return ErrDeadlineExceeded
	}
	switch number / 100 {
	case 4:
		return ErrBadRequest
	case 5:
		return ErrInternal
	}
	return ErrService
}

// ServiceError is the answer of a service that is an error: what a handler returns to send
// it, and what Client returns to who asked. errors.Is finds another *ServiceError with the
// same Code, ErrService, and the kind of its number, as ErrBadRequest for 400.
type ServiceError struct {
	// Code says which error it is: a number such as "404", as other clients expect it, or a
	// symbol such as "VALIDATION_ERROR". Printable, without colons, blanks at its ends and
	// line breaks, and 64 bytes at most.
	Code string
	// Description is for people. Not empty. Line breaks in it are sent as blanks.
	Description string
	// Data is the data of the response; nil for none.
	Data []byte
	// Header is that of the response; nil for none. What says that it is an error stands in
	// the fields above, and is written behind these.
	Header api.Header
	// Subject is where the request went. Empty in a handler's own.
	Subject string
	// ServiceID is the instance that answered; empty if it does not say, and in a handler's own.
	ServiceID string

	number  int  // that came with a symbol; 0 for none
	refused bool // by the endpoint: no handler was called
}

// NewServiceError returns an error for a handler to send. See ServiceError.Validate for what
// cannot be sent.
func NewServiceError(code, description string) *ServiceError {
	return &ServiceError{Code: code, Description: description}
}

// NewServiceErrorCode is NewServiceError with a number for a code.
func NewServiceErrorCode(code int, description string) *ServiceError {
	return NewServiceError(strconv.Itoa(code), description)
}

// Error returns the code and the description, with a colon between them.
func (e *ServiceError) Error() string {
	if e == nil {
		return "troupe: no service error"
	}
	return e.Code + ": " + e.Description
}

// NumericCode returns the code as a number, and whether it is one. Of an answer whose code
// is a symbol it is the number that came with it.
func (e *ServiceError) NumericCode() (int, bool) {
	if n, err := strconv.Atoi(e.Code); err == nil {
		return n, true
	}
	return e.number, e.number != 0
}

// MaybeSent reports whether something may have been done. It is false only where the endpoint
// says so, with RefusedHeader; whatever a handler answers with, it has been at work.
func (e *ServiceError) MaybeSent() bool { return e == nil || !e.refused }

// Answered reports whether the service works, and has answered what it was asked: it is false
// where the number of the code is 429, or 5xx. A code without a number is an answer of the
// program's. Circuit breakers ask.
func (e *ServiceError) Answered() bool {
	if e == nil {
		return false
	}
	number := e.class()
	return number != 429 && number/100 != 5
}

// Is reports whether target is a *ServiceError with the same code.
func (e *ServiceError) Is(target error) bool {
	other, ok := target.(*ServiceError)
	return ok && e != nil && other != nil && e.Code == other.Code
}

// Unwrap returns the kind.
func (e *ServiceError) Unwrap() error {
	if e == nil {
		return nil
	}
	switch {
	case e.Code == CodeExpired && e.refused:
		return ErrExpired
	case e.Code == CodeInterrupted:
		return ErrInterrupted
	}
	return classOf(e.class())
}

// class returns the number that a code has, came with, or stands for; 0 for none.
func (e *ServiceError) class() int {
	n, numeric := e.NumericCode()
	switch {
	case numeric:
		return n
	case e.Code == CodeExpired:
		return 0 // something of the program's, which has nothing to do with deadlines
	}
	return numberOf(e.Code)
}

// codeBytesMax bounds a code.
const codeBytesMax = 64

// Validate returns why the error cannot be sent, or nil: ErrArgRequired without a code or a
// description, ErrInvalidCode for a code that is none.
func (e *ServiceError) Validate() error {
	switch {
	case e == nil || e.Code == "":
		return &CodeError{Reason: "is empty", Err: ErrArgRequired}
	case strings.TrimSpace(e.Description) == "":
		return &CodeError{Code: e.Code, Reason: "has no description", Err: ErrArgRequired}
	case len(e.Code) > codeBytesMax:
		return &CodeError{Code: e.Code[:codeBytesMax], Reason: "is too long", Err: ErrInvalidCode}
	case strings.TrimSpace(e.Code) != e.Code:
		return &CodeError{Code: e.Code, Reason: "begins or ends with a blank", Err: ErrInvalidCode}
	case !utf8.ValidString(e.Code) || strings.ContainsFunc(e.Code, uncodable):
		return &CodeError{Code: e.Code, Reason: "has a colon, or what cannot be printed", Err: ErrInvalidCode}
	}
	return nil
}

func uncodable(r rune) bool { return r == ':' || !unicode.IsPrint(r) }

// CodeError says why an error response cannot be sent.
type CodeError struct {
	Code   string
	Reason string
	Err    error // ErrArgRequired or ErrInvalidCode
}

// Error says which code, and why.
func (e *CodeError) Error() string {
	return e.Err.Error() + ": error code " + strconv.Quote(e.Code) + " " + e.Reason
}

// Unwrap returns the kind.
func (e *CodeError) Unwrap() error { return e.Err }

// own returns an error of this package's own.
func own(code, description string) *ServiceError {
	return &ServiceError{Code: code, Description: description, number: numberOf(code)}
}

// refusalOf returns an error of this package's own for a request that no handler gets.
func refusalOf(code, description string) *ServiceError {
	e := own(code, description)
	e.refused = true
	return e
}

// passedOn returns the error as a handler's own: that another service has refused a request
// says nothing of what the handler did.
func (e *ServiceError) passedOn() *ServiceError {
	if !e.refused {
		return e
	}
	passed := *e
	passed.refused = false
	return &passed
}

// outcomeOf returns what the requester gets of a handler's error: the *ServiceError in its
// tree, if that can be sent, and otherwise nothing of its text. told says that this is all
// that there is to be known.
func outcomeOf(ctx context.Context, err error) (se *ServiceError, told bool) {
	if se := sendable(err); se != nil {
		return se.passedOn(), true
	}
	ended := ctx.Err() != nil && errors.Is(err, ctx.Err())
	switch {
	case errors.Is(err, context.DeadlineExceeded):
		return own(CodeDeadlineExceeded, "the deadline has passed"), ended
	case ended:
		return own(CodeInterrupted, "the endpoint has ended"), true
	}
	return own(CodeInternal, "internal error"), false
}

// sendable returns the first *ServiceError in a tree that can be sent; nil for none. Of a call
// that was tried again only what counts in the end is looked at: see api.RetryError.
func sendable(err error) *ServiceError {
	switch e := err.(type) {
	case *ServiceError:
		if e.Validate() == nil {
			return e
		}
	case *api.RetryError:
		return sendable(e.Unwrap()[0])
	case interface{ Unwrap() error }:
		return sendable(e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, below := range e.Unwrap() {
			if se := sendable(below); se != nil {
				return se
			}
		}
	}
	return nil
}

// code returns what is sent as the code, and as the symbol behind it, which is empty for
// none: symbols of others become numbers if there is a table.
func (e *ServiceError) code(numbers map[string]int) (code, symbol string) {
	if e.number != 0 {
		return strconv.Itoa(e.number), e.Code
	}
	if _, numeric := e.NumericCode(); numeric || numbers == nil {
		return e.Code, ""
	}
	number, ok := numbers[e.Code]
	if !ok {
		number = numberOf(e.Code)
	}
	if number == 0 {
		number = 500
	}
	return strconv.Itoa(number), e.Code
}

// write writes a valid error into the header of a response of the endpoint, or of a verb.
func (e *ServiceError) write(m *api.Msg, from *Endpoint) {
	h := make(api.Header, len(m.Header)+len(e.Header)+4)
	for _, fields := range []api.Header{e.Header, m.Header} {
		for key, values := range fields {
			h[key] = values
		}
	}
	var numbers map[string]int
	if from != nil {
		numbers = from.service.config.NumericCodes
		h.Set(InstanceHeader, from.service.id)
	}
	code, symbol := e.code(numbers)
	h.Set(ErrorHeader, oneLine(e.Description))
	h.Set(ErrorCodeHeader, code)
	h.Del(RefusedHeader) // of an answer that is passed on
	if e.refused {
		h.Set(RefusedHeader, "true")
	}
	if symbol != "" {
		h.Set(SymbolHeader, symbol)
	}
	m.Header = h
}

// oneLine returns text as it can stand in a header.
func oneLine(text string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ReplaceAll(text, "\r\n", " ")))
}

// lastError is what STATS says of an error: code and description of one that was sent.
func lastError(err error, numbers map[string]int) string {
	se, ok := err.(*ServiceError)
	if !ok {
		return plain(err)
	}
	code, _ := se.code(numbers)
	return code + ":" + se.Description
}

// plain returns the text of an error without the name of the module in front.
func plain(err error) string { return strings.TrimPrefix(err.Error(), "troupe: ") }
