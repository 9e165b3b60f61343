package kv

import (
	"errors"
	"fmt"

	"github.com/troupe-go/troupe/internal/bucket"
	"github.com/troupe-go/troupe/jetstream"
)

// BucketError says which call about which bucket went wrong, and how.
type BucketError = bucket.Error

// KeyError says which call about which key went wrong, and how. errors.Is asks its kind, and
// what it comes from.
type KeyError struct {
	// Op is what was tried: "get".
	Op string
	// Bucket and Key are what it was about.
	Bucket, Key string
	// Revision is the one that was asked for, or the one of Entry; 0 for none.
	Revision uint64
	// Entry is the marker that was found, for ErrKeyDeleted; nil otherwise.
	Entry Entry
	// Reason says what is wrong, and Pos where in Key; empty and 0 where the kind says it all.
	Reason string
	Pos    int
	// Kind is the kind that the error belongs to; nil if Err says it all.
	Kind error
	// Err is what it comes from; nil if there is nothing else.
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
		return text + ": " + e.Kind.Error()
	case e.Err != nil:
		return text + ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns the kind, and what it comes from.
func (e *KeyError) Unwrap() []error { return []error{e.Kind, e.Err} }

// failed makes what a stream said an error about a key.
func (s *store) failed(op, key string, err error) error {
	e := &KeyError{Op: op, Bucket: s.bucket, Key: key, Err: err}
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		e.Kind = ErrKeyNotFound
	}
	return e
}
