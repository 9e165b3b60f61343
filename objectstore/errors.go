package objectstore

import (
	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/bucket"
	"github.com/troupe-go/troupe/internal/kind"
	"github.com/troupe-go/troupe/internal/watch"
	"github.com/troupe-go/troupe/jetstream"
)

// Kinds of errors about a bucket. See BucketError.
var (
	// ErrBucketNotFound: there is no bucket of that name. It is a jetstream.ErrStreamNotFound.
	ErrBucketNotFound = bucket.ErrNotFound
	// ErrBucketExists: there is a bucket of that name with another config.
	ErrBucketExists = bucket.ErrExists
	// ErrInvalidBucketName: no bucket can have that name: letters, digits, '-' and '_' only.
	ErrInvalidBucketName = bucket.ErrInvalidName
	// ErrBadBucket: the stream of that name is none that a bucket can be.
	ErrBadBucket error = kind.New("bucket not valid object store", bucket.ErrBad)
	// ErrConfigRequired: there is no config.
	ErrConfigRequired = bucket.ErrConfigRequired
	// ErrBucketRequired: a link needs the bucket that it points to.
	ErrBucketRequired error = kind.New("bucket required", ErrObjectStore).In(kind.Input)
	// ErrBucketNotWritable: the bucket can be read from here, and not be written to: nobody
	// takes what is published into it.
	ErrBucketNotWritable error = kind.New("bucket cannot be written to from here", ErrObjectStore).In(kind.Unavailable, kind.Retry)
	// ErrBucketAmbiguous: what is published into the bucket from here goes into another one, or
	// into several. It is an ErrBucketNotWritable.
	ErrBucketAmbiguous error = kind.New("bucket is not the only one of that name here", ErrBucketNotWritable).In(kind.Conflict)
	// ErrBucketMalformed: what a link is to point to has a name that no bucket has.
	ErrBucketMalformed error = kind.New("bucket malformed", ErrObjectStore).In(kind.Input)
)

// Kinds of errors about objects. Compare with errors.Is, the special kind before the
// general one.
var (
	// ErrObjectStore: everything that goes wrong with objects.
	ErrObjectStore error = kind.New("object store", jetstream.ErrJetStream).In(kind.Server, kind.MaybeSent)
	// ErrObjectNotFound: there is no object of that name.
	ErrObjectNotFound error = kind.New("object not found", ErrObjectStore, jetstream.ErrNotFound).In(kind.NotFound)
	// ErrObjectDeleted: the object was deleted. It is an ErrObjectNotFound.
	ErrObjectDeleted error = kind.New("object was deleted", ErrObjectNotFound)
	// ErrObjectAlreadyExists: there is an object of that name, or there has come one.
	ErrObjectAlreadyExists error = kind.New("object already exists", ErrObjectStore).In(kind.Conflict)
	// ErrObjectChanged: the object has changed meanwhile. Read its info again, then decide. It
	// is a jetstream.ErrWrongLastSequence.
	ErrObjectChanged error = kind.New("object has changed meanwhile", ErrObjectStore, jetstream.ErrWrongLastSequence).In(kind.Conflict)
	// ErrLinkCycle: links lead back to where they began, or through too many others.
	ErrLinkCycle error = kind.New("links lead nowhere", ErrObjectStore).In(kind.Conflict)
	// ErrInvalidObjectName: no object can have that name.
	ErrInvalidObjectName error = kind.New("invalid object name", ErrObjectStore).In(kind.Input)
	// ErrNameRequired: the name is empty. It is an ErrInvalidObjectName.
	ErrNameRequired error = kind.New("name is required", ErrInvalidObjectName)
	// ErrObjectRequired: a link needs the object that it points to.
	ErrObjectRequired error = kind.New("object required", ErrObjectStore).In(kind.Input)
	// ErrBadObjectMeta: what the store says of an object cannot be read, or cannot be.
	ErrBadObjectMeta error = kind.New("object-store meta information invalid", ErrObjectStore).In(kind.Protocol)
	// ErrDigestMismatch: the bytes of an object are not those that were put.
	ErrDigestMismatch error = kind.New("received a corrupt object, digests do not match", ErrObjectStore).In(kind.Protocol, kind.Retry)
	// ErrInvalidDigestFormat: a digest cannot be read.
	ErrInvalidDigestFormat error = kind.New("object digest hash is not of a known format", ErrObjectStore).In(kind.Protocol)
	// ErrNoObjectsFound: there is no object.
	ErrNoObjectsFound error = kind.New("no objects found", ErrObjectStore).In(kind.NotFound)
	// ErrSlowWatcher: as much waited to be taken from a watcher as SlowStop allows. It is
	// fatal for the watcher.
	ErrSlowWatcher error = watch.ErrSlow
	// ErrLinkIsABucket: the object is a link to a bucket, which has no bytes.
	ErrLinkIsABucket error = kind.New("link is a bucket", ErrObjectStore).In(kind.Input)
	// ErrLinkNotAllowed: a link cannot be put: AddLink makes it.
	ErrLinkNotAllowed error = kind.New("link cannot be set when putting the object in bucket", ErrObjectStore).In(kind.Input)
	// ErrNoLinkToDeleted: a link cannot point to an object that was deleted.
	ErrNoLinkToDeleted error = kind.New("not allowed to link to a deleted object", ErrObjectStore).In(kind.Input)
	// ErrNoLinkToLink: a link cannot point to a link.
	ErrNoLinkToLink error = kind.New("not allowed to link to another link", ErrObjectStore).In(kind.Input)
	// ErrUpdateMetaDeleted: an object that is not there cannot be changed. It is an
	// ErrObjectDeleted.
	ErrUpdateMetaDeleted error = kind.New("cannot update meta for a deleted object", ErrObjectDeleted).In(kind.NotFound)
)

// Reasons of errors that have no name of their own.
var (
	errManyChunks = kind.New("the object has more chunks than can be counted", ErrObjectStore).In(kind.Limit)
	errLostChunks = kind.New("chunks that were stored are no longer there", ErrObjectStore).In(kind.Conflict, kind.Retry)
	errMoreChunks = kind.New("the store has more chunks than were put", ErrObjectStore).In(kind.Conflict, kind.Retry)
	errOutOfPlace = kind.New("a chunk was stored out of its place", ErrObjectStore).In(kind.Conflict, kind.Retry)
	errMoved      = kind.New("a chunk is no longer where it was", ErrObjectStore).In(kind.Conflict, kind.Retry)
	errBehind     = kind.New("a replica of the store is behind", ErrObjectStore).In(kind.Unavailable, kind.Retry)
	errNoAnswer   = kind.New("the store does not answer", ErrObjectStore, api.ErrTimeout).In(kind.Timeout, kind.Retry, kind.MaybeSent)
	errAwaited    = kind.New("it may still be stored", ErrObjectStore).In(kind.Unavailable, kind.Retry, kind.MaybeSent)
	errForgotten  = kind.New("another one stands there, and the bucket has forgotten whether this one did", ErrObjectStore).In(kind.Conflict, kind.MaybeSent)
	errTooLate    = kind.New("it has taken longer than the object was to live", ErrObjectStore).In(kind.Limit)
	errBadCount   = kind.New("the reader returned an impossible count", ErrObjectStore).In(kind.Input)
	errBadSeek    = kind.New("no such position", ErrObjectStore, api.ErrInvalidArg).In(kind.Input)
)

// Kinds of above under nats.go's names.
var (
	// ErrCantGetBucket is ErrLinkIsABucket.
	ErrCantGetBucket = ErrLinkIsABucket
	// ErrInvalidStoreName is ErrInvalidBucketName.
	ErrInvalidStoreName = ErrInvalidBucketName
	// ErrObjectConfigRequired is ErrConfigRequired.
	ErrObjectConfigRequired = ErrConfigRequired
)
