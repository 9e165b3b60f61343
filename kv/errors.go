package kv

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
	ErrBadBucket = bucket.ErrBad
	// ErrConfigRequired: no config was given.
	ErrConfigRequired = bucket.ErrConfigRequired
)

// Kinds of errors about keys and their values. Compare with errors.Is, special kinds before
// general ones.
var (
	// ErrKeyValue: everything that goes wrong with keys.
	ErrKeyValue error = kind.New("troupe: key-value", jetstream.ErrJetStream).In(kind.Server, kind.MaybeSent)
	// ErrKeyNotFound: the key has no value.
	ErrKeyNotFound error = kind.New("troupe: key not found", ErrKeyValue, jetstream.ErrNotFound).In(kind.NotFound)
	// ErrKeyDeleted: the key has no value because it was deleted or purged, or has expired. It
	// is an ErrKeyNotFound.
	ErrKeyDeleted error = kind.New("troupe: key was deleted", ErrKeyNotFound)
	// ErrKeyWrongLastSequence: the key does not have the revision that the call expects. Nothing
	// was stored.
	ErrKeyWrongLastSequence error = kind.New("troupe: wrong last revision", ErrKeyValue, jetstream.ErrWrongLastSequence).In(kind.Conflict)
	// ErrKeyExists: the key has a value already. It is an ErrKeyWrongLastSequence.
	ErrKeyExists error = kind.New("troupe: key exists", ErrKeyWrongLastSequence)
	// ErrInvalidKey: no bucket can have that key. It is an api.ErrBadSubject.
	ErrInvalidKey error = kind.New("troupe: invalid key", ErrKeyValue, api.ErrBadSubject).In(kind.Input)
	// ErrValueTooLarge: the value with its header is larger than the bucket's MaxValueSize, or
	// the server, allows.
	ErrValueTooLarge error = kind.New("troupe: value too large", ErrKeyValue).In(kind.Input)
	// ErrKeyTTLNotSupported: the bucket has no LimitMarkerTTL. It is a
	// jetstream.ErrMsgTTLDisabled.
	ErrKeyTTLNotSupported error = kind.New("troupe: key ttl not supported by the bucket", ErrKeyValue, jetstream.ErrMsgTTLDisabled).In(kind.Input)
	// ErrNoKeys: there are no keys.
	ErrNoKeys error = kind.New("troupe: no keys found", ErrKeyValue).In(kind.NotFound)
	// ErrKeyHistoryTooLarge: a bucket keeps at most MaxHistory values of a key.
	ErrKeyHistoryTooLarge error = kind.New("troupe: history limited to a max of 64", ErrKeyValue, jetstream.ErrInvalidConfig).In(kind.Input)
	// ErrSlowWatcher: as many events waited in a watcher as SlowStop allows. It is fatal for the
	// watcher.
	ErrSlowWatcher error = watch.ErrSlow
	// ErrKeyWatcherTimeout: not everything that was asked for came in time. It is an
	// api.ErrTimeout.
	ErrKeyWatcherTimeout error = kind.New("troupe: timed out waiting for keys", ErrKeyValue, api.ErrTimeout).In(kind.Timeout, kind.Retry)
	// ErrTTLOnDeleteNotSupported: only a purge can have a time to live, a deletion cannot.
	ErrTTLOnDeleteNotSupported error = kind.New("troupe: ttl is not supported on delete", ErrKeyValue, jetstream.ErrInvalidOption).In(kind.Input)
	// ErrLimitMarkerTTLNotSupported: the server is too old for limit markers.
	ErrLimitMarkerTTLNotSupported error = kind.New("troupe: limit marker ttls not supported by server", ErrKeyValue, jetstream.ErrRequiredAPILevel).In(kind.Unavailable)
)

// The same kinds under nats.go's names.
var (
	// ErrKeyRevisionMismatch is ErrKeyWrongLastSequence.
	ErrKeyRevisionMismatch = ErrKeyWrongLastSequence
	// ErrNoKeysFound is ErrNoKeys.
	ErrNoKeysFound = ErrNoKeys
	// ErrHistoryTooLarge is ErrKeyHistoryTooLarge.
	ErrHistoryTooLarge = ErrKeyHistoryTooLarge
	// ErrKeyValueConfigRequired is ErrConfigRequired.
	ErrKeyValueConfigRequired = ErrConfigRequired
)
