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
	// ErrBadBucket: the stream of that name is none that a bucket can be.
	ErrBadBucket = bucket.ErrBad
	// ErrConfigRequired: there is no config.
	ErrConfigRequired = bucket.ErrConfigRequired
)

// Kinds of errors about keys and their values. Compare with errors.Is, the special kind
// before the general one.
var (
	// ErrKeyValue: everything that goes wrong with keys.
	ErrKeyValue error = kind.New("key-value", jetstream.ErrJetStream).In(kind.Server, kind.MaybeSent)
	// ErrKeyNotFound: the key has no value.
	ErrKeyNotFound error = kind.New("key not found", ErrKeyValue, jetstream.ErrNotFound).In(kind.NotFound)
	// ErrKeyDeleted: the key has no value as it was deleted, or purged, or has expired. It is
	// an ErrKeyNotFound.
	ErrKeyDeleted error = kind.New("key was deleted", ErrKeyNotFound)
	// ErrKeyWrongLastSequence: the key has another revision than the call expects. Nothing
	// was stored.
	ErrKeyWrongLastSequence error = kind.New("wrong last revision", ErrKeyValue, jetstream.ErrWrongLastSequence).In(kind.Conflict)
	// ErrKeyExists: the key has a value already. It is an ErrKeyWrongLastSequence.
	ErrKeyExists error = kind.New("key exists", ErrKeyWrongLastSequence)
	// ErrInvalidKey: no key can be that. It is an api.ErrBadSubject.
	ErrInvalidKey error = kind.New("invalid key", ErrKeyValue, api.ErrBadSubject).In(kind.Input)
	// ErrValueTooLarge: the bucket's MaxValueSize, or the server, does not allow a value, with
	// its header, of that size.
	ErrValueTooLarge error = kind.New("value too large", ErrKeyValue).In(kind.Input)
	// ErrKeyTTLNotSupported: the bucket has no LimitMarkerTTL. It is a
	// jetstream.ErrMsgTTLDisabled.
	ErrKeyTTLNotSupported error = kind.New("key ttl not supported by the bucket", ErrKeyValue, jetstream.ErrMsgTTLDisabled).In(kind.Input)
	// ErrNoKeys: there is no key.
	ErrNoKeys error = kind.New("no keys found", ErrKeyValue).In(kind.NotFound)
	// ErrKeyHistoryTooLarge: a bucket keeps at most MaxHistory values of a key.
	ErrKeyHistoryTooLarge error = kind.New("history limited to a max of 64", ErrKeyValue, jetstream.ErrInvalidConfig).In(kind.Input)
	// ErrSlowWatcher: as much waited to be taken from a watcher as SlowStop allows. It is
	// fatal for the watcher.
	ErrSlowWatcher error = watch.ErrSlow
	// ErrKeyWatcherTimeout: not all that was asked for had come when the time was over. It is an
	// api.ErrTimeout.
	ErrKeyWatcherTimeout error = kind.New("timed out waiting for keys", ErrKeyValue, api.ErrTimeout).In(kind.Timeout, kind.Retry)
	// ErrTTLOnDeleteNotSupported: a deletion has no time to live, a purge has.
	ErrTTLOnDeleteNotSupported error = kind.New("ttl is not supported on delete", ErrKeyValue, jetstream.ErrInvalidOption).In(kind.Input)
	// ErrLimitMarkerTTLNotSupported: the server is too old for limit markers.
	ErrLimitMarkerTTLNotSupported error = kind.New("limit marker ttls not supported by server", ErrKeyValue, jetstream.ErrRequiredAPILevel).In(kind.Unavailable)
)

// Kinds of above under nats.go's names.
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
