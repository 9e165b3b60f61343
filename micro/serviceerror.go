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

// Header fields of a response that is an error.
const (
	// ErrorHeader has the description.
	ErrorHeader = "Nats-Service-Error"
	// ErrorCodeHeader has the code.
	ErrorCodeHeader = "Nats-Service-Error-Code"
	// SymbolHeader has the symbolic code if ErrorCodeHeader has its number. Only a Client reads
	// it.
	SymbolHeader = "Troupe-Service-Error-Symbol"
	// InstanceHeader has the id of the instance that answered with an error.
	InstanceHeader = "Troupe-Service-Id"
	// RefusedHeader is set if the endpoint itself refused the request, so that no handler was
	// called and nothing was done. No handler can send it or pass it on.
	RefusedHeader = "Troupe-Service-Refused"
)

// Codes of this package's own answers, which are sent as the numbers in parentheses, with the
// symbol in SymbolHeader; if no handler was called, with RefusedHeader as well. A handler may
// send the same codes, to which these descriptions then do not apply.
const (
	// CodeInternal (500): the handler failed, or panicked.
	CodeInternal = "INTERNAL_ERROR"
	// CodeDeadlineExceeded (504): the handler ran, but did not finish in time.
	CodeDeadlineExceeded = "DEADLINE_EXCEEDED"
	// CodeExpired (504): the requester's deadline had passed before the handler was called.
	CodeExpired = "EXPIRED"
	// CodeOverloaded (429): there was no room for the request, and no handler was called.
	CodeOverloaded = "OVERLOADED"
	// CodeUnavailable (503): the endpoint is stopping, and no handler was called.
	CodeUnavailable = "UNAVAILABLE"
	// CodeInterrupted (503): the handler was called, and ended with its endpoint.
	CodeInterrupted = "INTERRUPTED"
	// CodeBadRequest (400): the header cannot be read, and no handler was called.
	CodeBadRequest = "BAD_REQUEST"
)

// Common codes of services, whose numbers Config.NumericCodes need not list.
const (
	CodeValidation    = "VALIDATION_ERROR"     // 400
	CodeUnauthorized  = "UNAUTHORIZED"         // 401
	CodeBusinessLogic = "BUSINESS_LOGIC_ERROR" // 422
	CodeRateLimited   = "RATE_LIMITED"         // 429
)

// numberOf returns the number of a known symbolic code, or 0.
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

// Kinds of errors of services. A handler may have done something before it answered with any of
// these: see ServiceError.MaybeSent.
var (
	// ErrService: a service answered with an error. See ServiceError.
	ErrService error = kind.New("troupe: service error").In(kind.Server, kind.MaybeSent)
	// ErrBadRequest: the service rejected the request (400, and each 4xx without a kind of its
	// own).
	ErrBadRequest error = kind.New("troupe: bad request", ErrService).In(kind.Input, kind.MaybeSent)
	// ErrUnauthorized: the requester is not authenticated or not authorized (401, 403).
	ErrUnauthorized error = kind.New("troupe: unauthorized", ErrService).In(kind.Permission, kind.MaybeSent)
	// ErrNotFound: what was asked for does not exist (404).
	ErrNotFound error = kind.New("troupe: not found", ErrService).In(kind.NotFound, kind.MaybeSent)
	// ErrConflict: the request conflicts with the current state (409).
	ErrConflict error = kind.New("troupe: conflict", ErrService).In(kind.Conflict, kind.MaybeSent)
	// ErrOverloaded: the service has too many requests (429).
	ErrOverloaded error = kind.New("troupe: service is overloaded", ErrService).In(kind.Limit, kind.Retry, kind.MaybeSent)
	// ErrInternal: the service failed (500, and each 5xx without a kind of its own).
	ErrInternal error = kind.New("troupe: internal service error", ErrService).In(kind.Server, kind.MaybeSent)
	// ErrUnavailable: the service cannot answer now (503).
	ErrUnavailable error = kind.New("troupe: service is unavailable", ErrService).In(kind.Unavailable, kind.Retry, kind.MaybeSent)
	// ErrInterrupted: the service ended while it handled the request. It is an ErrUnavailable,
	// and something may have been done.
	ErrInterrupted error = kind.New("troupe: request was interrupted", ErrUnavailable).In(kind.Unavailable, kind.Retry, kind.MaybeSent)
	// ErrDeadlineExceeded: the service reported that it could not answer in time (504).
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

// ServiceError is an error answer of a service: a handler returns it to send it, and a Client
// returns it to the requester. errors.Is finds another *ServiceError with the same Code,
// ErrService, and the kind of its number, such as ErrBadRequest for 400.
type ServiceError struct {
	// Code identifies the error: a number such as "404", as other clients expect, or a symbol
	// such as "VALIDATION_ERROR". It is printable, has no colons, line breaks, or blanks at its
	// ends, and at most 64 bytes.
	Code string
	// Description is for people. It must not be empty. Line breaks in it are sent as blanks.
	Description string
	// Data is the data of the response; nil for none.
	Data []byte
	// Header is the header of the response; nil for none. The fields that make the response an
	// error are set from the fields above.
	Header api.Header
	// Subject is the subject of the request; empty in an error of a handler.
	Subject string
	// ServiceID is the id of the instance that answered; empty if it is not known, and in an
	// error of a handler.
	ServiceID string

	number  int  // the number that came with a symbol; 0 for none
	refused bool // refused by the endpoint: no handler was called
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

// NumericCode returns the code as a number, and whether it is one. For an answer whose code is a
// symbol, it returns the number that came with it.
func (e *ServiceError) NumericCode() (int, bool) {
	if n, err := strconv.Atoi(e.Code); err == nil {
		return n, true
	}
	return e.number, e.number != 0
}

// MaybeSent reports whether something may have been done. It is false only if the answer has
// RefusedHeader: after any answer of a handler, the handler has run.
func (e *ServiceError) MaybeSent() bool { return e == nil || !e.refused }

// Answered reports whether the service works and has handled the request: it is false if the
// number of the code is 429 or 5xx. A code without a number counts as answered. Circuit breakers
// use it.
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

// class returns the number that a code is, came with, or stands for; 0 for none.
func (e *ServiceError) class() int {
	n, numeric := e.NumericCode()
	switch {
	case numeric:
		return n
	case e.Code == CodeExpired:
		return 0 // a code of the program that has nothing to do with deadlines
	}
	return numberOf(e.Code)
}

// codeBytesMax bounds a code.
const codeBytesMax = 64

// Validate returns why the error cannot be sent, or nil. Errors: ErrArgRequired without a code
// or description; ErrInvalidCode.
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
		return &CodeError{Code: e.Code, Reason: "has a colon or an unprintable character", Err: ErrInvalidCode}
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

// passedOn returns the error as the handler's own: a refusal by another service does not mean
// that this handler has done nothing.
func (e *ServiceError) passedOn() *ServiceError {
	if !e.refused {
		return e
	}
	passed := *e
	passed.refused = false
	return &passed
}

// outcomeOf returns what the requester gets for a handler's error: the *ServiceError in its
// tree, if that can be sent, and otherwise an error without its text. told says that the error
// holds nothing more to report.
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
// that was retried, only the final error counts: see api.RetryError.
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

// code returns the code and the symbol to send; the symbol is empty for none. Symbols other than
// this package's become numbers only if there is a table.
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
	h.Del(RefusedHeader) // from an answer that is passed on
	if e.refused {
		h.Set(RefusedHeader, "true")
	}
	if symbol != "" {
		h.Set(SymbolHeader, symbol)
	}
	m.Header = h
}

// oneLine returns text in a form that is valid in a header.
func oneLine(text string) string {
	return strings.TrimSpace(strings.Map(func(r rune) rune {
		if unicode.IsControl(r) {
			return ' '
		}
		return r
	}, strings.ReplaceAll(text, "\r\n", " ")))
}

// lastError is the text of an error in STATS: code and description of one that was sent.
func lastError(err error, numbers map[string]int) string {
	se, ok := err.(*ServiceError)
	if !ok {
		return plain(err)
	}
	code, _ := se.code(numbers)
	return code + ":" + se.Description
}

// plain returns the text of an error without the name of the module.
func plain(err error) string { return strings.TrimPrefix(err.Error(), "troupe: ") }
