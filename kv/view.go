package kv

import (
	"github.com/troupe-go/troupe/internal/kind"
	"github.com/troupe-go/troupe/protocol"
)

// view.go - other handles to the same bucket.
//
//	store ── Sub("orders") ──────► keys below orders. only, without that prefix
//	  ├───── WithCodecs(k, v) ───► keys and values through codecs
//	  ├───── LeaderReads() ──────► reads through the leader
//	  └───── ReadOnly() ─────────► a Reader that is not a Store
//
// They can be combined in any order: each is made from the one before.

// ErrLeaderReadsNotSupported: the bucket is a mirror, whose leader lags behind its origin. Open
// the origin.
var ErrLeaderReadsNotSupported error = kind.New("troupe: leader reads not supported by a mirror", ErrKeyValue).In(kind.Input)

// Sub implements Store.
func (s *store) Sub(prefix string) (Store, error) {
	in, err := s.stored("sub", prefix)
	if err != nil {
		return nil, err
	}
	sub := *s
	sub.read += in + "."
	sub.write += in + "."
	return &sub, nil
}

// WithCodecs implements Store.
func (s *store) WithCodecs(keys KeyCodec, values ValueCodec) Store {
	other := *s
	if keys != nil {
		other.keys = KeyChain(keys, s.keys)
	}
	if values != nil {
		other.values = ValueChain(values, s.values)
	}
	return &other
}

// LeaderReads implements Store.
func (s *store) LeaderReads() (Store, error) {
	if s.stream.CachedInfo().Config.Mirror != nil {
		return nil, stores.Error("read through the leader of", s.bucket, ErrLeaderReadsNotSupported, "")
	}
	other := *s
	other.leader = true
	return &other, nil
}

// readable is Reader under a name that hides it when it is embedded.
type readable = Reader

// reader hides the methods of a Store that change it.
type reader struct{ readable }

// ReadOnly implements Store.
func (s *store) ReadOnly() Reader { return reader{s} }

// filtered returns a pattern, or a key, as it is in the bucket, without the prefix of its place.
func (s *store) filtered(op, pattern string) (string, error) {
	in := pattern
	if s.keys != nil && pattern != AllKeys {
		encoded, err := s.encodedFilter(pattern)
		if err != nil {
			return "", &KeyError{Op: op, Bucket: s.bucket, Key: pattern, Kind: ErrKeyEncodeFailed, Err: err}
		}
		in = encoded
	}
	if reason, pos := badPattern(in); reason != "" {
		return "", &KeyError{Op: op, Bucket: s.bucket, Key: pattern, Reason: reason, Pos: pos, Kind: ErrInvalidKey}
	}
	return in, nil
}

// encodedFilter has the codec encode a pattern. A codec that is not a FilterCodec takes only
// single keys.
func (s *store) encodedFilter(pattern string) (string, error) {
	if filters, can := s.keys.(FilterCodec); can {
		return filters.EncodeFilter(pattern)
	}
	if protocol.HasWildcard(pattern) {
		return "", ErrWildcardNotSupported
	}
	return s.keys.EncodeKey(pattern)
}
