package bucket

import (
	"strconv"
	"strings"

	"github.com/troupe-go/troupe/internal/kind"
	"github.com/troupe-go/troupe/jetstream"
)

// The kinds of errors about buckets. Package kv and package objectstore show them as theirs.
var (
	// ErrNotFound: there is no bucket of that name.
	ErrNotFound error = kind.New("bucket not found", jetstream.ErrStreamNotFound).In(kind.NotFound)
	// ErrExists: there is a bucket of that name with another config.
	ErrExists error = kind.New("bucket name already in use", jetstream.ErrStreamNameAlreadyInUse).In(kind.Conflict)
	// ErrInvalidName: no bucket can have that name.
	ErrInvalidName error = kind.New("invalid bucket name", jetstream.ErrInvalidName).In(kind.Input)
	// ErrBad: the stream of that name is none that a bucket can be.
	ErrBad error = kind.New("bucket not valid key-value store", jetstream.ErrJetStream).In(kind.Input)
	// ErrConfigRequired: there is no config.
	ErrConfigRequired error = kind.New("config required", jetstream.ErrInvalidConfig).In(kind.Input)
)

// Error says which call about which bucket went wrong, and how. errors.Is asks its kind, and
// what the server said.
type Error struct {
	// Op is what was tried: "create".
	Op string
	// Store is what kind of bucket it is about: "key-value" or "object".
	Store string
	// Bucket is its name, without the prefix of the stream.
	Bucket string
	// Reason says what is wrong; empty where the kind says it all.
	Reason string
	// Requested is what was asked for of a number that is at most Max, as for ErrKeyHistoryTooLarge; both
	// are 0 otherwise.
	Requested, Max int64
	// Kind is the kind that the error belongs to; nil if Err says it all.
	Kind error
	// Err is what it comes from; nil if nothing was sent.
	Err error
}

// Error says what was tried, and what was wrong.
func (e *Error) Error() string {
	text := "troupe: " + e.Op + " " + e.Store + " bucket " + strconv.Quote(e.Bucket)
	switch {
	case e.Reason != "":
		return text + ": " + e.Reason
	case e.Kind != nil:
		return text + ": " + e.Kind.Error()
	case e.Err != nil:
		return text + ": " + Plain(e.Err)
	}
	return text
}

// Unwrap returns the kind, and what it comes from.
func (e *Error) Unwrap() []error { return []error{e.Kind, e.Err} }

// Plain returns the text of an error within that of another, once with the module's name.
func Plain(err error) string { return strings.TrimPrefix(err.Error(), "troupe: ") }
