package kv

import (
	"errors"
	"fmt"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/bucket"
	"github.com/troupe-go/troupe/internal/kind"
	"github.com/troupe-go/troupe/jetstream"
)

// BucketError says which call about which bucket failed, and why.
type BucketError = bucket.Error

// KeyError says which call about which key failed, and why. errors.Is finds its kind and its
// cause.
type KeyError struct {
	// Op is what was tried: "get".
	Op string
	// Bucket and Key are what it was about.
	Bucket, Key string
	// Revision is the revision that was asked for, or that of Entry; 0 for none.
	Revision uint64
	// Entry is the marker that was found, for ErrKeyDeleted; nil otherwise.
	Entry Entry
	// Operation is the marker's own word for how the key was removed: "DEL" and "PURGE" by a
	// client, "MaxAge", "Purge" and "Remove" by the server. Empty without Entry.
	Operation string
	// Reason says what is wrong, and Pos where in Key; empty and 0 if the kind says it all.
	Reason string
	Pos    int
	// Kind is the kind that the error belongs to; nil if Err says it all.
	Kind error
	// Err is the cause; nil if there is none.
	Err error
}

// Error says what was tried, and what was wrong.
func (e *KeyError) Error() string {
	text := fmt.Sprintf("troupe: %s key %q in bucket %q", e.Op, e.Key, e.Bucket)
	if e.Revision != 0 {
		text += fmt.Sprintf(" at revision %d", e.Revision)
	}
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
func (e *KeyError) Unwrap() []error {
	if e.Kind == nil {
		return []error{e.Err, ErrKeyValue} // the cause knows best
	}
	return []error{e.Kind, e.Err}
}

// failed wraps an error of the stream in an error about a key.
func (s *store) failed(op, key string, revision uint64, err error) error {
	e := &KeyError{Op: op, Bucket: s.bucket, Key: key, Revision: revision, Err: err}
	for _, k := range kindsOf {
		if errors.Is(err, k.cause) {
			e.Kind = k.kind
			break
		}
	}
	return e
}

// kindsOf maps errors of a stream to kinds of errors about keys.
var kindsOf = [...]struct{ cause, kind error }{
	{jetstream.ErrMsgNotFound, ErrKeyNotFound},
	{jetstream.ErrStreamNotFound, ErrBucketNotFound},
	{jetstream.ErrStreamMessageExceedsMaximum, ErrValueTooLarge},
	{api.ErrMaxPayload, ErrValueTooLarge},
	{jetstream.ErrMsgTTLDisabled, ErrKeyTTLNotSupported},
	{jetstream.ErrCounterIncrMissing, ErrCounterBucket},
}

// KeyWrongLastSequenceError says which revision a key was expected to have, and which one it
// has. Nothing was stored. It is an ErrKeyWrongLastSequence, and an ErrKeyExists if the key was
// expected to have no value.
type KeyWrongLastSequenceError struct {
	// Op is what was tried: "update".
	Op string
	// Bucket and Key are what it was about.
	Bucket, Key string
	// Expected is the revision that the key was expected to have; 0 for none.
	Expected uint64
	// Actual is the revision that it has; 0 for none. Valid if HasActual.
	Actual uint64
	// HasActual is false when another change of the key was under way.
	HasActual bool
	// Kind is ErrKeyWrongLastSequence, or ErrKeyExists.
	Kind error
	// Err is what the stream said.
	Err error
}

// Error says what was expected, and what was found.
func (e *KeyWrongLastSequenceError) Error() string {
	text := fmt.Sprintf("troupe: %s key %q in bucket %q: %s: expected revision %d", e.Op, e.Key, e.Bucket, kind.Plain(e.Kind), e.Expected)
	if e.HasActual {
		return fmt.Sprintf("%s, and it is %d", text, e.Actual)
	}
	return text + ", and another change is under way"
}

// Unwrap returns the kind, and what the stream said.
func (e *KeyWrongLastSequenceError) Unwrap() []error { return []error{e.Kind, e.Err} }
