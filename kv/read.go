package kv

import (
	"context"

	"github.com/troupe-go/troupe/jetstream"
)

// Get implements Reader.
func (s *store) Get(ctx context.Context, key string) (Entry, error) {
	return s.GetRevision(ctx, key, 0)
}

// GetRevision implements Reader.
func (s *store) GetRevision(ctx context.Context, key string, revision uint64) (Entry, error) {
	in, err := s.stored("get", key)
	if err != nil {
		return nil, err
	}
	e, err := s.read1(ctx, key, in, revision)
	if err != nil {
		return nil, err
	}
	if e.op != OpPut {
		return nil, &KeyError{Op: "get", Bucket: s.bucket, Key: key, Revision: e.revision, Entry: e, Operation: marking(e.header), Kind: ErrKeyDeleted}
	}
	return e, nil
}

// read1 reads one revision of a key, which may be a marker. in is the key as it is in the
// bucket; revision 0 is the last.
func (s *store) read1(ctx context.Context, key, in string, revision uint64) (*entry, error) {
	subject := s.read + in
	var m *jetstream.RawStreamMsg
	var err error
	if revision == 0 {
		m, err = s.lastMsg(ctx, subject)
	} else {
		m, err = s.msgAt(ctx, revision)
	}
	if err != nil {
		return nil, s.failed("get", key, revision, err)
	}
	if m.Subject != subject {
		return nil, &KeyError{Op: "get", Bucket: s.bucket, Key: key, Revision: revision, Reason: "the revision belongs to another key", Kind: ErrKeyNotFound}
	}
	return s.entry("get", key, m)
}

// entry makes an entry of a message of the bucket's stream.
func (s *store) entry(what, key string, m *jetstream.RawStreamMsg) (*entry, error) {
	op, expired := operation(m.Header)
	e := &entry{bucket: s.bucket, key: key, value: m.Data, revision: m.Sequence, created: m.Time, op: op, expired: expired, header: m.Header}
	if s.values == nil || op != OpPut {
		return e, nil
	}
	value, err := s.values.DecodeValue(m.Data)
	if err != nil {
		return nil, &KeyError{Op: what, Bucket: s.bucket, Key: key, Revision: m.Sequence, Kind: ErrValueDecodeFailed, Err: err}
	}
	e.value = value
	return e, nil
}
