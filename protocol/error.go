package protocol

import (
	"strconv"

	"github.com/troupe-go/troupe/internal/kind"
)

// snippetMax is how many of the peer's bytes an error quotes.
const snippetMax = 32

// Error says what a peer did wrong, and where. It matches its Kind and [ErrProtocol]
// with errors.Is. After an Error no frame boundary of the stream is known any more; the
// parser repeats the error until it is reset.
type Error struct {
	Kind   error // one of the kinds of this package
	Op     Op    // operation being read, OpNone when it was not recognised
	Offset int64 // first byte of the offending frame, counted since Reset

	// Limit is the limit that was exceeded and Got what was announced, in bytes. Both
	// are zero unless the kind is about a limit. Got is capped: for a line it is
	// Limit+1, because the parser does not wait for the end of a line that is too long.
	Limit, Got int

	// Snippet holds at most 32 bytes from the front of the frame, an owned copy.
	// It is empty for CONNECT, which carries credentials.
	Snippet string
}

// Error names the kind, the operation, the offset and the limit, and quotes the
// snippet.
func (e *Error) Error() string {
	b := make([]byte, 0, 160)
	b = append(b, kindText(e.Kind)...)
	if e.Op != OpNone {
		b = append(b, " in "...)
		b = append(b, e.Op.String()...)
	}
	b = append(b, " at byte "...)
	b = strconv.AppendInt(b, e.Offset, 10)
	if e.Limit != 0 || e.Got != 0 {
		b = append(b, " (limit "...)
		b = strconv.AppendInt(b, int64(e.Limit), 10)
		b = append(b, ", got "...)
		b = strconv.AppendInt(b, int64(e.Got), 10)
		b = append(b, ')')
	}
	if e.Snippet != "" {
		b = append(b, ": "...)
		b = strconv.AppendQuote(b, e.Snippet)
	}
	return string(b)
}

// Unwrap returns the kind and ErrProtocol.
func (e *Error) Unwrap() []error { return []error{e.Kind, ErrProtocol} }

// kindText also accepts the nil kind of an Error that was built without one.
func kindText(kind error) string {
	if kind == nil {
		return ErrProtocol.Error()
	}
	return kind.Error()
}

// snippet returns an owned copy of the front of b.
func snippet(b []byte) string { return string(b[:min(len(b), snippetMax)]) }

// JSONParseError says which JSON could not be read or written. It matches
// [ErrJSONParse], [ErrProtocol] and its cause.
type JSONParseError struct {
	What    string // "INFO" or "CONNECT"
	Snippet string // at most 32 bytes of it; empty for CONNECT: credentials
	Err     error  // the cause, usually from encoding/json; may be nil
}

// Error names what could not be read, the cause and the snippet.
func (e *JSONParseError) Error() string {
	text := ErrJSONParse.Error() + " in " + e.What
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	if e.Snippet != "" {
		text += ": " + strconv.Quote(e.Snippet)
	}
	return text
}

// Unwrap returns ErrJSONParse and the cause.
func (e *JSONParseError) Unwrap() []error { return []error{ErrJSONParse, e.Err} }

// Category is Protocol for a peer's JSON, and Input for our own, which only bad options
// can break.
func (e *JSONParseError) Category() kind.Category {
	if e.What == "CONNECT" {
		return kind.Input
	}
	return kind.Protocol
}

// Retryable reports whether another server, or the same one later, may do better.
func (e *JSONParseError) Retryable() bool { return e.What != "CONNECT" }

// MaybeSent reports false: no message is sent before INFO and CONNECT have been
// exchanged.
func (e *JSONParseError) MaybeSent() bool { return false }

// Causes of a JSONParseError that encoding/json would not report.
var (
	errNotObject   error = kind.New("not a JSON object", ErrJSONParse)
	errInvalidUTF8 error = kind.New("a string is not valid UTF-8", ErrJSONParse)
	errNothing     error = kind.New("nothing to encode", ErrJSONParse)
)
