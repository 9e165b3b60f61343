package kv

import (
	"context"
	"iter"
	"strings"

	"github.com/troupe-go/troupe/internal/bucket"
	"github.com/troupe-go/troupe/jetstream"
)

// Reader is what can be read of a bucket. It is safe for concurrent use. A context without a
// deadline allows the JetStream's DefaultTimeout, and a nil one is one without.
type Reader interface {
	// Bucket returns the name of the bucket.
	Bucket() string
	// Get returns the last value of a key. Any replica of the bucket may answer, and a mirror
	// of it: the very last value may be missing. Errors, each a *KeyError: ErrKeyNotFound, and
	// among it ErrKeyDeleted with the marker; ErrInvalidKey; ErrBucketNotFound.
	Get(ctx context.Context, key string) (Entry, error)
	// GetRevision is Get for one revision of a key; 0 is the last. ErrKeyNotFound also for a
	// revision that is another key's.
	GetRevision(ctx context.Context, key string, revision uint64) (Entry, error)
	// GetMany yields the values of keys, and of all keys that patterns match, with as few round
	// trips as their number allows, the older ones before the newer ones as a rule. Keys without
	// a value are left out, and each key comes once. Nothing is sent before the range over it
	// begins. It ends with its first error, but for a value or a key that the codecs cannot
	// decode: that is an error in the place of the entry. Errors: ErrInvalidKey;
	// ErrBucketNotFound; those of jetstream.GetLastMsgsFor, and so an ErrRequiredAPILevel before
	// server 2.11.
	GetMany(ctx context.Context, keys ...string) iter.Seq2[Entry, error]
	// Snapshot yields the values that all keys had at one revision, those that patterns match,
	// all keys without any: see SnapshotAt. It is GetMany in everything else. No more than a page of them is
	// held in memory, though the names of the keys are if they are more than a server finds at a
	// time. Errors, beside those of GetMany: ErrSnapshotGone; ErrSnapshotAhead.
	Snapshot(ctx context.Context, patterns []string, opts ...SnapshotOpt) iter.Seq2[Entry, error]
	// Watch hands on the last value of each key that matches a pattern, and what becomes of
	// them: a key of which tokens may be '*', and the last one '>'. It ends with ctx, with Stop,
	// and with the connection. Errors: ErrInvalidKey; ErrInvalidOption; ErrBucketNotFound.
	Watch(ctx context.Context, keys string, opts ...WatchOpt) (Watcher, error)
	// WatchAll is Watch for all keys.
	WatchAll(ctx context.Context, opts ...WatchOpt) (Watcher, error)
	// WatchFiltered is Watch for the keys that match one of the patterns; all without any. They
	// must not have keys in common unless one covers the other: ErrOverlappingFilterSubjects.
	WatchFiltered(ctx context.Context, keys []string, opts ...WatchOpt) (Watcher, error)
	// Events is WatchFiltered without a channel: it begins to watch with the range over it, and
	// ends with that. It yields what a channel cannot: when all has come that was there, and when
	// all begins anew. The error is last, and says why the watcher has ended: see Watcher.Err.
	Events(ctx context.Context, keys []string, opts ...WatchOpt) iter.Seq2[Event, error]
	// Keys returns the keys that have a value, in their order. They are all in memory: see
	// AllKeys. ErrNoKeys if there are none.
	Keys(ctx context.Context, opts ...WatchOpt) ([]string, error)
	// ListKeys hands on the keys that have a value, in the order of their revisions. A key that
	// is given a value, or is deleted, meanwhile may be among them. It ends with an error, as Keys does,
	// when the bucket is made anew meanwhile.
	ListKeys(ctx context.Context, opts ...WatchOpt) (KeyLister, error)
	// ListKeysFiltered is ListKeys for the keys that match one of the patterns; all without any.
	ListKeysFiltered(ctx context.Context, filters ...string) (KeyLister, error)
	// AllKeys is ListKeysFiltered without a channel: no key is no error. The error is last.
	AllKeys(ctx context.Context, patterns ...string) iter.Seq2[string, error]
	// History returns the values and markers of a key that are kept, oldest first.
	// ErrKeyNotFound, which is an ErrNoKeys too, if there are none.
	History(ctx context.Context, key string, opts ...WatchOpt) ([]Entry, error)
	// Revisions is History without a slice: no value is no error. The error is last.
	Revisions(ctx context.Context, key string, opts ...WatchOpt) iter.Seq2[Entry, error]
	// Status asks for the state and the config of the bucket. Errors: ErrBucketNotFound.
	Status(ctx context.Context) (Status, error)
}

// Store is a bucket. It is safe for concurrent use, and goes on to be one when the bucket is
// removed and made anew. It is an interface so that a program's tests can put something in its
// place.
//
// What changes a key returns one of these. Nothing was stored with an ErrInvalidKey, an
// ErrValueTooLarge, an ErrKeyTTLNotSupported, and an ErrKeyWrongLastSequence, which is a
// *KeyWrongLastSequenceError; the others are a *KeyError around a *jetstream.PublishError.
// With a jetstream.ErrPublishUnknown the change may have been stored all the same.
type Store interface {
	Reader

	// Put gives a key a value, whatever it had, and returns the revision.
	Put(ctx context.Context, key string, value []byte) (uint64, error)
	// PutString is Put for a text.
	PutString(ctx context.Context, key string, value string) (uint64, error)
	// Create gives a value to a key that has none: there never was one, or it was deleted,
	// purged, or has expired. ErrKeyExists if it has one. It is Update in everything else.
	Create(ctx context.Context, key string, value []byte, opts ...CreateOpt) (uint64, error)
	// Update gives a key a value if revision is its last one; 0 for a key without any.
	// ErrKeyWrongLastSequence if not: read it again, then decide. The change is sent again
	// when its acknowledgement does not come or the link is lost, and stored once: it has an
	// id, which the bucket remembers.
	Update(ctx context.Context, key string, value []byte, revision uint64) (uint64, error)
	// Delete leaves a marker behind the values of a key, which stay. ErrKeyWrongLastSequence
	// with LastRevision; ErrTTLOnDeleteNotSupported with PurgeTTL. A key that is not there is
	// no matter.
	Delete(ctx context.Context, key string, opts ...DeleteOpt) error
	// Purge removes the values of a key, and leaves a marker. Its options are those of Delete,
	// and PurgeTTL.
	Purge(ctx context.Context, key string, opts ...DeleteOpt) error
	// Txn begins a transaction: changes of several keys that are stored all together, or not
	// at all. Nothing is sent before its Commit.
	Txn() *Txn
	// Counters returns the counters of a bucket with Config.Counters. ErrNoCounterBucket for
	// any other.
	Counters() (Counters, error)

	// Sub returns a handle to the keys below a prefix, a key by itself: what it calls "new" is
	// "orders.new" in the bucket when the prefix is "orders". It sees nothing else, and changes
	// nothing else. ErrInvalidKey.
	Sub(prefix string) (Store, error)
	// WithCodecs returns a handle whose keys and values go through codecs, before those
	// that this handle has; nil for none. Below a prefix keys are encoded without it.
	WithCodecs(keys KeyCodec, values ValueCodec) Store
	// LeaderReads returns a handle that reads keys through the leader of the bucket, who has
	// all that was stored, where any replica answers otherwise: it reads what was
	// written before, by whomever. It takes longer, and there are no answers while there
	// is no leader. Get, GetRevision, GetMany and Counters do so, GetMany key by
	// key and not as of one moment; the others read as they did. ErrLeaderReadsNotSupported for a mirror.
	LeaderReads() (Store, error)
	// ReadOnly returns a Reader of this handle that cannot be made a Store again.
	ReadOnly() Reader
	// PurgeDeletes removes what is behind the markers of deleted keys, and the markers that are
	// older than 30 minutes: see DeleteMarkersOlderThan. A key that is given a value meanwhile
	// keeps it. For a mirror that is the mirror alone.
	PurgeDeletes(ctx context.Context, opts ...PurgeOpt) error
}

// store implements Store. It is immutable, so that a copy with another place or other codecs
// is a handle of its own.
type store struct {
	js     jetstream.JetStream
	stream jetstream.Stream
	bucket string
	place
	codec
	leader bool // it reads through the leader
	opened opened
}

// opened is how the bucket was when the handle was opened.
type opened struct {
	last    uint64 // its revision
	history int64  // how many values of a key it kept
}

// codec is how keys and values stand in the bucket. Its zero value leaves them as they are.
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

// stored returns a key as it stands in the bucket, behind its place.
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

// named returns the key that a subject of the bucket's stream stands for.
func (s *store) named(subject string) (string, error) {
	in, own := strings.CutPrefix(subject, s.read)
	if !own || s.keys == nil {
		return in, nil
	}
	return s.keys.DecodeKey(in)
}

// encoded returns a value as it stands in the bucket.
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
