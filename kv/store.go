package kv

import (
	"context"
	"iter"
	"strings"

	"github.com/troupe-go/troupe/internal/bucket"
	"github.com/troupe-go/troupe/jetstream"
)

// Reader reads a bucket. It is safe for concurrent use. A call whose context is nil or has no
// deadline is bounded by the JetStream's DefaultTimeout.
type Reader interface {
	// Bucket returns the name of the bucket.
	Bucket() string
	// Get returns the last value of a key. Any replica or mirror of the bucket may answer, so
	// the newest value may be missing: see LeaderReads. Errors, each a *KeyError:
	// ErrKeyNotFound, or its special case ErrKeyDeleted with the marker; ErrInvalidKey;
	// ErrBucketNotFound.
	Get(ctx context.Context, key string) (Entry, error)
	// GetRevision is Get for one revision of a key; 0 is the last. It returns ErrKeyNotFound
	// also if the revision belongs to another key.
	GetRevision(ctx context.Context, key string, revision uint64) (Entry, error)
	// GetMany yields the values of keys, and of all keys that patterns match, in as few round
	// trips as possible, usually oldest first. Keys without a value are left out, and each key
	// is yielded once. Nothing is sent before the range over it begins. The first error ends it,
	// except that a key or value which the codecs cannot decode is yielded as an error in place
	// of the entry. Errors: ErrInvalidKey; ErrBucketNotFound; those of jetstream.GetLastMsgsFor,
	// including ErrRequiredAPILevel before server 2.11.
	GetMany(ctx context.Context, keys ...string) iter.Seq2[Entry, error]
	// Snapshot yields the values of keys as of one revision (see SnapshotAt): of those that
	// match one of the patterns; without patterns, of all keys. Otherwise it is like GetMany. It
	// holds at most a page of values in memory, and the names of all keys if there are more than
	// a server finds at a time. Errors, besides those of GetMany: ErrSnapshotGone;
	// ErrSnapshotAhead.
	Snapshot(ctx context.Context, patterns []string, opts ...SnapshotOpt) iter.Seq2[Entry, error]
	// Watch delivers the last value of each key that matches a pattern, and then every change of
	// these keys. A pattern is a key in which any token may be '*', and the last one '>'. The
	// watcher ends with ctx, with Stop, and with the connection. Errors: ErrInvalidKey;
	// ErrInvalidOption; ErrBucketNotFound.
	Watch(ctx context.Context, keys string, opts ...WatchOpt) (Watcher, error)
	// WatchAll is Watch for all keys.
	WatchAll(ctx context.Context, opts ...WatchOpt) (Watcher, error)
	// WatchFiltered is Watch for the keys that match one of the patterns; without patterns, for
	// all keys. Two patterns must not have keys in common unless one covers the other:
	// ErrOverlappingFilterSubjects.
	WatchFiltered(ctx context.Context, keys []string, opts ...WatchOpt) (Watcher, error)
	// Events is WatchFiltered without a channel: it watches while the program ranges over it. It
	// yields what a channel cannot: that everything which was there has come, and that the
	// watcher starts over. The error comes last, and says why the watcher ended: see
	// Watcher.Err.
	Events(ctx context.Context, keys []string, opts ...WatchOpt) iter.Seq2[Event, error]
	// Keys returns the keys that have a value, sorted. It holds all of them in memory; AllKeys
	// does not return a slice. It returns ErrNoKeys if there are none.
	Keys(ctx context.Context, opts ...WatchOpt) ([]string, error)
	// ListKeys delivers the keys that have a value, in the order of their revisions. A key that
	// is given a value or deleted meanwhile may be among them. Like Keys, it ends with an error
	// if the bucket is created again meanwhile.
	ListKeys(ctx context.Context, opts ...WatchOpt) (KeyLister, error)
	// ListKeysFiltered is ListKeys for the keys that match one of the patterns; without
	// patterns, for all keys.
	ListKeysFiltered(ctx context.Context, filters ...string) (KeyLister, error)
	// AllKeys is ListKeysFiltered without a channel. That there are no keys is not an error. An
	// error comes last.
	AllKeys(ctx context.Context, patterns ...string) iter.Seq2[string, error]
	// History returns the values and markers of a key that are kept, oldest first. If there are
	// none it returns an ErrKeyNotFound that is an ErrNoKeys as well.
	History(ctx context.Context, key string, opts ...WatchOpt) ([]Entry, error)
	// Revisions is History without a slice. That there are no values is not an error. An error
	// comes last.
	Revisions(ctx context.Context, key string, opts ...WatchOpt) iter.Seq2[Entry, error]
	// Status asks for the state and the config of the bucket. Errors: ErrBucketNotFound.
	Status(ctx context.Context) (Status, error)
}

// Store is a bucket. It is safe for concurrent use, and remains usable when the bucket is
// removed and created again. It is an interface so that tests of a program can replace it.
//
// Errors of the methods that change a key: ErrInvalidKey, ErrValueTooLarge,
// ErrKeyTTLNotSupported, and ErrKeyWrongLastSequence, which is a *KeyWrongLastSequenceError,
// mean that nothing was stored. Any other is a *KeyError around a *jetstream.PublishError; if it
// is a jetstream.ErrPublishUnknown the change may have been stored.
type Store interface {
	Reader

	// Put gives a key a value, whatever it had before, and returns the revision.
	Put(ctx context.Context, key string, value []byte) (uint64, error)
	// PutString is Put for a text.
	PutString(ctx context.Context, key string, value string) (uint64, error)
	// Create gives a value to a key that has none: it never had one, was deleted or purged, or
	// has expired. It returns ErrKeyExists if the key has one. Otherwise it is like Update.
	Create(ctx context.Context, key string, value []byte, opts ...CreateOpt) (uint64, error)
	// Update gives a key a value if revision is the key's last one; 0 means a key without any.
	// If it is not, Update returns ErrKeyWrongLastSequence: read the key again, then decide. A
	// change whose acknowledgement does not come, or whose link is lost, is sent again, but
	// stored only once: it has an id, which the bucket remembers.
	Update(ctx context.Context, key string, value []byte, revision uint64) (uint64, error)
	// Delete stores a marker after the values of a key, which are kept. It may return
	// ErrKeyWrongLastSequence with LastRevision, and returns ErrTTLOnDeleteNotSupported with
	// PurgeTTL. To delete a key that does not exist is not an error.
	Delete(ctx context.Context, key string, opts ...DeleteOpt) error
	// Purge removes the values of a key, and leaves a marker. It takes the options of Delete,
	// and PurgeTTL.
	Purge(ctx context.Context, key string, opts ...DeleteOpt) error
	// Txn begins a transaction: changes of several keys that are stored together or not at all.
	// Nothing is sent before its Commit.
	Txn() *Txn
	// Counters returns the counters of a bucket with Config.Counters; for any other bucket,
	// ErrNoCounterBucket.
	Counters() (Counters, error)

	// Sub returns a handle to the keys below a prefix, which must be a valid key: with the
	// prefix "orders", its key "new" is "orders.new" in the bucket. It neither sees nor changes
	// other keys. Errors: ErrInvalidKey.
	Sub(prefix string) (Store, error)
	// WithCodecs returns a handle that encodes keys and values with these codecs, then with
	// those that this handle has; nil for none. Below a prefix of Sub, keys are encoded without
	// the prefix.
	WithCodecs(keys KeyCodec, values ValueCodec) Store
	// LeaderReads returns a handle that reads keys through the leader of the bucket instead of
	// any replica: it sees everything that was stored before the call, by any client. Such reads
	// take longer, and fail while there is no leader. They are used by Get, GetRevision, GetMany
	// and Counters; GetMany then reads key by key, not as of one moment. Other calls read as
	// before. Errors: ErrLeaderReadsNotSupported for a mirror.
	LeaderReads() (Store, error)
	// ReadOnly returns a Reader of this handle that cannot be converted back to a Store.
	ReadOnly() Reader
	// PurgeDeletes removes the values that the markers of deleted keys hide, and the markers
	// that are older than 30 minutes: see DeleteMarkersOlderThan. A key that is given a value
	// meanwhile keeps it. On a mirror it changes only the mirror.
	PurgeDeletes(ctx context.Context, opts ...PurgeOpt) error
}

// store implements Store. It is immutable, so a copy with another place or other codecs is a
// separate handle.
type store struct {
	js     jetstream.JetStream
	stream jetstream.Stream
	bucket string
	place
	codec
	leader bool // reads go through the leader
	opened opened
}

// opened is the state of the bucket when the handle was opened.
type opened struct {
	last    uint64 // its revision
	history int64  // how many values of a key it kept
}

// codec encodes keys and values for the bucket. Its zero value leaves them as they are.
type codec struct {
	keys   KeyCodec
	values ValueCodec
}

func newStore(js jetstream.JetStream, s jetstream.Stream) *store {
	info := s.CachedInfo()
	cfg := &info.Config
	return &store{
		js: js, stream: s, bucket: strings.TrimPrefix(cfg.Name, string(stores)),
		place:  placeOf(cfg, bucket.PublishPrefix(js)),
		opened: opened{last: info.State.LastSeq, history: cfg.MaxMsgsPerSubject},
	}
}

// Bucket implements Reader.
func (s *store) Bucket() string { return s.bucket }

// stored returns a key as it is in the bucket, without the prefix of its place.
func (s *store) stored(op, key string) (string, error) {
	in := key
	if s.keys != nil {
		encoded, err := s.keys.EncodeKey(key)
		if err != nil {
			return "", &KeyError{Op: op, Bucket: s.bucket, Key: key, Kind: ErrKeyEncodeFailed, Err: err}
		}
		in = encoded
	}
	if reason, pos := badKey(in); reason != "" {
		return "", &KeyError{Op: op, Bucket: s.bucket, Key: key, Reason: reason, Pos: pos, Kind: ErrInvalidKey}
	}
	return in, nil
}

// named returns the key of a subject of the bucket's stream.
func (s *store) named(subject string) (string, error) {
	in, own := strings.CutPrefix(subject, s.read)
	if !own || s.keys == nil {
		return in, nil
	}
	return s.keys.DecodeKey(in)
}

// encoded returns a value as it is in the bucket.
func (s *store) encoded(op, key string, value []byte) ([]byte, error) {
	if s.values == nil {
		return value, nil
	}
	in, err := s.values.EncodeValue(value)
	if err != nil {
		return nil, &KeyError{Op: op, Bucket: s.bucket, Key: key, Kind: ErrValueEncodeFailed, Err: err}
	}
	return in, nil
}

// bound gives a call of several steps the default timeout if its context has no deadline.
func (s *store) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if ctx == nil {
		ctx = context.Background()
	}
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, s.js.Options().DefaultTimeout)
}

// Status implements Reader.
func (s *store) Status(ctx context.Context) (Status, error) {
	info, err := s.stream.Info(ctx)
	if err != nil {
		return nil, stores.Failed("status", s.bucket, err)
	}
	return &status{info}, nil
}
