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
	// ErrBadBucket: the stream of that name is not configured as a bucket.
	ErrBadBucket error = kind.New("troupe: bucket not valid object store", bucket.ErrBad)
	// ErrConfigRequired: no config was given.
	ErrConfigRequired = bucket.ErrConfigRequired
	// ErrBucketRequired: the bucket that a link is to point to is missing.
	ErrBucketRequired error = kind.New("troupe: bucket required", ErrObjectStore).In(kind.Input)
	// ErrBucketNotWritable: the bucket can be read from here but not written to: no stream
	// receives what is published into it.
	ErrBucketNotWritable error = kind.New("troupe: bucket cannot be written to from here", ErrObjectStore).In(kind.Unavailable, kind.Retry)
	// ErrBucketAmbiguous: what is published into the bucket from here reaches another bucket, or
	// several. It is an ErrBucketNotWritable.
	ErrBucketAmbiguous error = kind.New("troupe: bucket is not the only one of that name here", ErrBucketNotWritable).In(kind.Conflict)
	// ErrBucketMalformed: no bucket can have the name of the one that a link is to point to.
	ErrBucketMalformed error = kind.New("troupe: bucket malformed", ErrObjectStore).In(kind.Input)
)

// Kinds of errors about objects. Compare with errors.Is, special kinds before general ones.
var (
	// ErrObjectStore: everything that goes wrong with objects.
	ErrObjectStore error = kind.New("troupe: object store", jetstream.ErrJetStream).In(kind.Server, kind.MaybeSent)
	// ErrObjectNotFound: there is no object of that name.
	ErrObjectNotFound error = kind.New("troupe: object not found", ErrObjectStore, jetstream.ErrNotFound).In(kind.NotFound)
	// ErrObjectDeleted: the object was deleted. It is an ErrObjectNotFound.
	ErrObjectDeleted error = kind.New("troupe: object was deleted", ErrObjectNotFound)
	// ErrObjectAlreadyExists: an object of that name exists, or was put meanwhile.
	ErrObjectAlreadyExists error = kind.New("troupe: object already exists", ErrObjectStore).In(kind.Conflict)
	// ErrObjectChanged: the object was changed meanwhile. Read its info again, then decide. It
	// is a jetstream.ErrWrongLastSequence.
	ErrObjectChanged error = kind.New("troupe: object has changed meanwhile", ErrObjectStore, jetstream.ErrWrongLastSequence).In(kind.Conflict)
	// ErrLinkCycle: the links form a cycle, or a chain that is too long.
	ErrLinkCycle error = kind.New("troupe: links lead nowhere", ErrObjectStore).In(kind.Conflict)
	// ErrInvalidObjectName: no object can have that name.
	ErrInvalidObjectName error = kind.New("troupe: invalid object name", ErrObjectStore).In(kind.Input)
	// ErrNameRequired: the name is empty. It is an ErrInvalidObjectName.
	ErrNameRequired error = kind.New("troupe: name is required", ErrInvalidObjectName)
	// ErrObjectRequired: the object that a link is to point to is missing.
	ErrObjectRequired error = kind.New("troupe: object required", ErrObjectStore).In(kind.Input)
	// ErrBadObjectMeta: the info of an object cannot be read, or contradicts itself.
	ErrBadObjectMeta error = kind.New("troupe: object-store meta information invalid", ErrObjectStore).In(kind.Protocol)
	// ErrDigestMismatch: the bytes of an object are not those that were put.
	ErrDigestMismatch error = kind.New("troupe: received a corrupt object, digests do not match", ErrObjectStore).In(kind.Protocol, kind.Retry)
	// ErrInvalidDigestFormat: a digest cannot be read.
	ErrInvalidDigestFormat error = kind.New("troupe: object digest hash is not of a known format", ErrObjectStore).In(kind.Protocol)
	// ErrNoObjectsFound: there are no objects.
	ErrNoObjectsFound error = kind.New("troupe: no objects found", ErrObjectStore).In(kind.NotFound)
	// ErrSlowWatcher: as many events waited in a watcher as SlowStop allows. It is fatal for the
	// watcher.
	ErrSlowWatcher error = watch.ErrSlow
	// ErrLinkIsABucket: the object is a link to a bucket, which has no bytes.
	ErrLinkIsABucket error = kind.New("troupe: link is a bucket", ErrObjectStore).In(kind.Input)
	// ErrLinkNotAllowed: a link cannot be put; use AddLink.
	ErrLinkNotAllowed error = kind.New("troupe: link cannot be set when putting the object in bucket", ErrObjectStore).In(kind.Input)
	// ErrNoLinkToDeleted: a link cannot point to an object that was deleted.
	ErrNoLinkToDeleted error = kind.New("troupe: not allowed to link to a deleted object", ErrObjectStore).In(kind.Input)
	// ErrNoLinkToLink: a link cannot point to a link.
	ErrNoLinkToLink error = kind.New("troupe: not allowed to link to another link", ErrObjectStore).In(kind.Input)
	// ErrUpdateMetaDeleted: an object that does not exist cannot be changed. It is an
	// ErrObjectDeleted.
	ErrUpdateMetaDeleted error = kind.New("troupe: cannot update meta for a deleted object", ErrObjectDeleted).In(kind.NotFound)
)

// Reasons of errors that have no name of their own.
var (
	errManyChunks = kind.New("the object has more chunks than can be counted", ErrObjectStore).In(kind.Limit)
	errLostChunks = kind.New("chunks that were stored are no longer there", ErrObjectStore).In(kind.Conflict, kind.Retry)
	errMoreChunks = kind.New("the store has more chunks than were put", ErrObjectStore).In(kind.Conflict, kind.Retry)
	errOutOfPlace = kind.New("a chunk was stored out of its place", ErrObjectStore).In(kind.Conflict, kind.Retry)
	errMoved      = kind.New("a chunk is no longer where it was", ErrObjectStore).In(kind.Conflict, kind.Retry)
	errBehind     = kind.New("a replica of the store lags", ErrObjectStore).In(kind.Unavailable, kind.Retry)
	errNoAnswer   = kind.New("the store does not answer", ErrObjectStore, api.ErrTimeout).In(kind.Timeout, kind.Retry, kind.MaybeSent)
	errAwaited    = kind.New("it may still be stored", ErrObjectStore).In(kind.Unavailable, kind.Retry, kind.MaybeSent)
	errForgotten  = kind.New("another info is stored there, and the bucket no longer knows whether this one was", ErrObjectStore).In(kind.Conflict, kind.MaybeSent)
	errTooLate    = kind.New("it took longer than the object's time to live", ErrObjectStore).In(kind.Limit)
	errBadCount   = kind.New("the reader returned an impossible count", ErrObjectStore).In(kind.Input)
	errBadSeek    = kind.New("no such position", ErrObjectStore, api.ErrInvalidArg).In(kind.Input)
)

// The same kinds under nats.go's names.
var (
	// ErrCantGetBucket is ErrLinkIsABucket.
	ErrCantGetBucket = ErrLinkIsABucket
	// ErrInvalidStoreName is ErrInvalidBucketName.
	ErrInvalidStoreName = ErrInvalidBucketName
	// ErrObjectConfigRequired is ErrConfigRequired.
	ErrObjectConfigRequired = ErrConfigRequired
)
