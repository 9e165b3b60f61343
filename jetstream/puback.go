package jetstream

import (
	"encoding/json"
	"strconv"
	"unicode/utf8"
)

// puback.go - reads the answer of a stream to a message.
//
//	{"stream":"ORDERS", "seq":22}                        the usual answer
//	{"stream":"ORDERS", "seq":22,"duplicate": true}
//	{"error":{"code":400, …},"stream":"ORDERS","seq":0}  a refusal

// PubAck is a stream's acknowledgement that it has stored a message.
type PubAck struct {
	// Stream is the name of the stream.
	Stream string `json:"stream"`
	// Sequence of the message in the stream.
	Sequence uint64 `json:"seq"`
	// Duplicate says that the stream already had a message with the same MsgIDHeader, within the
	// window for duplicates. Sequence is then that of the first one; 0 while that one is still
	// being replicated.
	Duplicate bool `json:"duplicate,omitempty"`
	// Domain is the JetStream domain of the stream; empty for none.
	Domain string `json:"domain,omitempty"`
	// Value is the new total of a counter, a decimal number of any length; empty for other
	// messages.
	Value string `json:"val,omitempty"`
	// BatchID names the batch that the acknowledgement is for; empty for none.
	BatchID string `json:"batch,omitempty"`
	// Count is how many messages of the batch the stream has; 0 without a batch.
	Count int `json:"count,omitempty"`
}

// ReadPubAck reads the answer of a stream to a message that was not published by a Publisher, for
// example through an api.Outlet. Errors: the *APIError in it, if the stream has refused the
// message; ErrInvalidJSAck for data that is not an answer of a stream.
func ReadPubAck(data []byte) (PubAck, error) {
	var r ackReader
	return r.read(data)
}

// ackReader reads acknowledgements. It remembers the latest names, so that further messages of
// the same stream need no allocation. It is not safe for concurrent use; its zero value is ready.
type ackReader struct {
	stream, domain string
}

// read decodes an answer. A refusal is returned as the APIError in it; anything else is an
// ErrInvalidJSAck.
func (r *ackReader) read(data []byte) (PubAck, error) {
	if ack, ok := r.plain(data); ok {
		return ack, nil
	}
	var answer struct {
		PubAck
		Error *APIError `json:"error"`
	}
	switch err := json.Unmarshal(data, &answer); {
	case err != nil:
		return PubAck{}, &AckError{Data: shortened(data)}
	case answer.Error != nil:
		answer.Error.Op, answer.Error.Stream = "publish", answer.Stream
		return PubAck{}, apiError(answer.Error)
	case answer.Stream == "":
		return PubAck{}, &AckError{Data: shortened(data)}
	default:
		return answer.PubAck, nil
	}
}

// plain reads a flat acknowledgement without escapes and with known names only. What it does not
// accept may still be an acknowledgement.
func (r *ackReader) plain(data []byte) (ack PubAck, ok bool) {
	s := ackScanner{rest: data}
	if !s.next('{') {
		return ack, false
	}
	for more := true; more; more = s.next(',') {
		key, ok := s.text()
		if !ok || !s.next(':') || !r.field(&ack, &s, key) {
			return ack, false
		}
	}
	ok = s.next('}') && s.blank() && ack.Stream != ""
	return ack, ok
}

// field reads the value of one field.
func (r *ackReader) field(ack *PubAck, s *ackScanner, key []byte) (ok bool) {
	var text []byte
	switch string(key) {
	case "stream":
		text, ok = s.text()
		ack.Stream = remembered(&r.stream, text)
	case "domain":
		text, ok = s.text()
		ack.Domain = remembered(&r.domain, text)
	case "val":
		text, ok = s.text()
		ack.Value = string(text)
	case "batch":
		text, ok = s.text()
		ack.BatchID = string(text)
	case "seq":
		ack.Sequence, ok = s.number()
	case "count":
		var n uint64
		n, ok = s.number()
		ack.Count = int(n)
		ok = ok && ack.Count >= 0
	case "duplicate":
		ack.Duplicate, ok = s.truth()
	}
	return ok
}

// remembered returns text as a string: the previous string if it is the same.
func remembered(last *string, text []byte) string {
	if *last != string(text) {
		*last = string(text)
	}
	return *last
}

// ackScanner takes tokens from the front of a JSON text.
type ackScanner struct {
	rest []byte
}

func (s *ackScanner) blank() (all bool) {
	for len(s.rest) > 0 && (s.rest[0] == ' ' || s.rest[0] == '\t' || s.rest[0] == '\r' || s.rest[0] == '\n') {
		s.rest = s.rest[1:]
	}
	return len(s.rest) == 0
}

// next takes c, skipping blanks before it.
func (s *ackScanner) next(c byte) bool {
	if s.blank() || s.rest[0] != c {
		return false
	}
	s.rest = s.rest[1:]
	return true
}

// text takes a string without escapes. It is borrowed.
func (s *ackScanner) text() (text []byte, ok bool) {
	if !s.next('"') {
		return nil, false
	}
	for i, c := range s.rest {
		switch {
		case c == '"':
			text, s.rest = s.rest[:i], s.rest[i+1:]
			return text, utf8.Valid(text)
		case c == '\\' || c < ' ':
			return nil, false
		}
	}
	return nil, false
}

// number takes a whole number of at most 19 digits, which cannot overflow.
func (s *ackScanner) number() (n uint64, ok bool) {
	s.blank()
	i := 0
	for i < len(s.rest) && s.rest[i] >= '0' && s.rest[i] <= '9' {
		if i == 19 {
			return 0, false
		}
		n = n*10 + uint64(s.rest[i]-'0')
		i++
	}
	if i == 0 || i > 1 && s.rest[0] == '0' {
		return 0, false
	}
	s.rest = s.rest[i:]
	return n, true
}

// truth takes true or false.
func (s *ackScanner) truth() (value, ok bool) {
	if s.blank() {
		return false, false
	}
	word := "false"
	if s.rest[0] == 't' {
		word = "true"
	}
	if len(s.rest) < len(word) || string(s.rest[:len(word)]) != word {
		return false, false
	}
	s.rest = s.rest[len(word):]
	return word == "true", true
}

// AckError says what came instead of an acknowledgement. Whether a stream has the message is
// unknown: the answer may be from another subscriber of its subject.
type AckError struct {
	Data []byte // its beginning
}

// ackErrorBytesMax is how much of an answer an AckError holds.
const ackErrorBytesMax = 128

func shortened(data []byte) []byte {
	return append([]byte(nil), data[:min(len(data), ackErrorBytesMax)]...)
}

// Error quotes the answer.
func (e *AckError) Error() string {
	return ErrInvalidJSAck.Error() + ": " + strconv.Quote(string(e.Data))
}

// Unwrap returns ErrInvalidJSAck.
func (e *AckError) Unwrap() error { return ErrInvalidJSAck }
