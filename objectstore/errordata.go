package objectstore

import (
	"errors"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/internal/bucket"
	"github.com/troupe-go/troupe/internal/kind"
	"github.com/troupe-go/troupe/jetstream"
)

// BucketError says which call about which bucket failed, and why.
type BucketError = bucket.Error

// ObjectError says which call about which object failed, and why. errors.Is finds its kind and
// its cause.
type ObjectError struct {
	// Op is what was tried: "get".
	Op string
	// Bucket and Name are what it was about.
	Bucket, Name string
	// Revision is that of the unreadable info, for ErrBadObjectMeta; 0 otherwise.
	Revision uint64
	// LinkBucket is the bucket that the link points to, for ErrLinkIsABucket; empty otherwise.
	LinkBucket string
	// DeletedAt is when the object was deleted, for ErrObjectDeleted; zero otherwise.
	DeletedAt time.Time
	// Reason says what is wrong; empty where the kind says it all.
	Reason string
	// Kind is the kind that the error belongs to; nil if Err says it all.
	Kind error
	// Err is the cause; nil if there is none.
	Err error
}

// Error says what was tried, and what was wrong.
func (e *ObjectError) Error() string {
	text := fmt.Sprintf("troupe: %s object %q in bucket %q", e.Op, e.Name, e.Bucket)
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

// Unwrap returns the kind and the cause; without a kind, the cause and ErrObjectStore.
func (e *ObjectError) Unwrap() []error {
	if e.Kind == nil {
		return []error{e.Err, ErrObjectStore}
	}
	return []error{e.Kind, e.Err}
}

// failed wraps an error of the stream in an error about an object.
func (s *store) failed(op, name string, err error) error {
	if _, is := errors.AsType[*ObjectError](err); is || err == nil {
		return err
	}
	if _, is := errors.AsType[*DigestMismatchError](err); is {
		return err
	}
	e := &ObjectError{Op: op, Bucket: s.bucket, Name: name, Err: err}
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		e.Kind = ErrObjectNotFound
	case errors.Is(err, jetstream.ErrStreamNotFound):
		e.Kind = ErrBucketNotFound
	case errors.Is(err, jetstream.ErrWrongLastSequence):
		e.Kind = ErrObjectChanged
	}
	return e
}

// refused returns an error about an object that has no other cause.
func (s *store) refused(op, name string, of error, reason string) error {
	return &ObjectError{Op: op, Bucket: s.bucket, Name: name, Kind: of, Reason: reason}
}

// bucketFailed wraps an error of the stream in an error about the bucket.
func (s *store) bucketFailed(op string, err error) error { return stores.Failed(op, s.bucket, err) }
