package bucket

import (
	"strconv"

	"github.com/troupe-go/troupe/internal/kind"
	"github.com/troupe-go/troupe/jetstream"
)

// The kinds of errors about buckets. Packages kv and objectstore export them as their own.
var (
	// ErrNotFound: there is no bucket of that name.
	ErrNotFound error = kind.New("troupe: bucket not found", jetstream.ErrStreamNotFound).In(kind.NotFound)
	// ErrExists: there is a bucket of that name with another config.
	ErrExists error = kind.New("troupe: bucket name already in use", jetstream.ErrStreamNameAlreadyInUse).In(kind.Conflict)
	// ErrInvalidName: no bucket can have that name.
	ErrInvalidName error = kind.New("troupe: invalid bucket name", jetstream.ErrInvalidName).In(kind.Input)
	// ErrBad: the stream of that name is not configured as a bucket.
	ErrBad error = kind.New("troupe: bucket not valid key-value store", jetstream.ErrJetStream).In(kind.Input)
	// ErrConfigRequired: no config was given.
	ErrConfigRequired error = kind.New("troupe: config required", jetstream.ErrInvalidConfig).In(kind.Input)
)

// Error says which call about which bucket failed, and why. errors.Is finds its kind and its
// cause.
type Error struct {
	// Op is what was tried: "create".
	Op string
	// Store is the type of the bucket: "key-value" or "object".
	Store string
	// Bucket is its name, without the prefix of the stream.
	Bucket string
	// Reason says what is wrong; empty if the kind says it all.
	Reason string
	// Requested is a requested number that exceeds Max, as for ErrKeyHistoryTooLarge; both are 0
	// otherwise.
	Requested, Max int64
	// Kind is the kind that the error belongs to; nil if Err says it all.
	Kind error
	// Err is the cause; nil if nothing was sent.
	Err error
}

// Error says what was tried, and what was wrong.
func (e *Error) Error() string {
	text := "troupe: " + e.Op + " " + e.Store + " bucket " + strconv.Quote(e.Bucket)
	switch {
	case e.Reason != "":
		return text + ": " + e.Reason
	case e.Kind != nil:
		return text + ": " + kind.Plain(e.Kind)
	case e.Err != nil:
		return text + ": " + kind.Plain(e.Err)
	}
	return text
}

// Unwrap returns the kind and the cause.
func (e *Error) Unwrap() []error { return []error{e.Kind, e.Err} }
