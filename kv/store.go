package kv

import (
	"context"
	"strings"

	"github.com/troupe-go/troupe/jetstream"
)

// Reader is what can be read of a bucket. It is safe for concurrent use.
type Reader interface {
	// Bucket returns the name of the bucket.
	Bucket() string
	// Get returns the value of a key. Errors: ErrKeyNotFound, and among it ErrKeyDeleted;
	// ErrInvalidKey.
	Get(ctx context.Context, key string) (Entry, error)
}

// Store is a bucket. It is safe for concurrent use, and goes on to be one when the bucket is
// removed and made anew. It is an interface so that a program's tests can put something in its
// place.
type Store interface {
	Reader

	// Put gives a key a value, whatever it had, and returns the revision. Errors: ErrInvalidKey;
	// those of jetstream.Publisher.
	Put(ctx context.Context, key string, value []byte) (uint64, error)
}

// store implements Store.
type store struct {
	js     jetstream.JetStream
	stream jetstream.Stream
	bucket string
	read   string // what the subjects of its keys begin with in its stream
	write  string // what a publish to a key begins with
}

func newStore(js jetstream.JetStream, s jetstream.Stream) *store {
	bucket := strings.TrimPrefix(s.CachedInfo().Config.Name, string(stores))
	prefix := "$KV." + bucket + "."
	return &store{js: js, stream: s, bucket: bucket, read: prefix, write: prefix}
}

// Bucket implements Reader.
func (s *store) Bucket() string { return s.bucket }

// check returns an error for a key that cannot be.
func (s *store) check(op, key string) error {
	if reason, pos := badKey(key); reason != "" {
		return &KeyError{Op: op, Bucket: s.bucket, Key: key, Reason: reason, Pos: pos, Kind: ErrInvalidKey}
	}
	return nil
}

// Get implements Reader.
func (s *store) Get(ctx context.Context, key string) (Entry, error) {
	if err := s.check("get", key); err != nil {
		return nil, err
	}
	m, err := s.stream.GetLastMsgForSubject(ctx, s.read+key)
	if err != nil {
		return nil, s.failed("get", key, err)
	}
	op, expired := operation(m.Header)
	e := &entry{bucket: s.bucket, key: key, value: m.Data, revision: m.Sequence, created: m.Time, op: op, expired: expired, header: m.Header}
	if op != OpPut {
		return nil, &KeyError{Op: "get", Bucket: s.bucket, Key: key, Revision: e.revision, Entry: e, Kind: ErrKeyDeleted}
	}
	return e, nil
}

// Put implements Store.
func (s *store) Put(ctx context.Context, key string, value []byte) (uint64, error) {
	if err := s.check("put", key); err != nil {
		return 0, err
	}
	ack, err := s.js.Publish(ctx, s.write+key, value)
	if err != nil {
		return 0, s.failed("put", key, err)
	}
	return ack.Sequence, nil
}
