package kv

import (
	"context"
	"errors"
	"iter"
	"math/big"

	"github.com/troupe-go/troupe/internal/kind"
	"github.com/troupe-go/troupe/jetstream"
)

// counters.go - buckets whose keys hold numbers that the server adds to.

// Kinds of errors of counters.
var (
	// ErrCounterBucket: the bucket has Config.Counters: it takes additions, but no values or
	// markers.
	ErrCounterBucket error = kind.New("troupe: bucket holds counters", ErrKeyValue, jetstream.ErrCounter).In(kind.Input)
	// ErrNoCounterBucket: the bucket does not have Config.Counters.
	ErrNoCounterBucket error = kind.New("troupe: bucket holds no counters", ErrKeyValue, jetstream.ErrCounterNotEnabled).In(kind.Input)
)

// Count is a counter with its key.
type Count struct {
	// Key is the counter's.
	Key string
	// Value is the total.
	Value *big.Int
	// Revision is that of the last addition.
	Revision uint64
}

// Counters are the keys of a bucket with Config.Counters. Each holds a number of any size, which
// the server adds to, so that concurrent additions are never lost. It is safe for concurrent
// use. Its errors are those of Store.
type Counters interface {
	// Incr adds by, which may be negative or 0, and returns the new total. A key that has no
	// number starts at 0. With an ErrPublishUnknown, for an answer that was lost, the addition
	// may have been made.
	Incr(ctx context.Context, key string, by int64) (*big.Int, error)
	// Decr subtracts by, and is otherwise like Incr.
	Decr(ctx context.Context, key string, by int64) (*big.Int, error)
	// Add is Incr for a number of any size. ErrInvalidCounterValue for nil.
	Add(ctx context.Context, key string, by *big.Int) (*big.Int, error)
	// Load returns the total. Errors: ErrKeyNotFound if nothing was added.
	Load(ctx context.Context, key string) (*big.Int, error)
	// LoadMany yields the counters of keys and patterns, as of one moment if there are no more
	// than a server finds at a time. Keys without a counter are left out.
	LoadMany(ctx context.Context, keys ...string) iter.Seq2[Count, error]
	// Remove removes a counter: the next addition starts at 0. To remove one that does not exist
	// is not an error.
	Remove(ctx context.Context, key string) error
}

// counters implements Counters.
type counters struct {
	s    *store
	adds jetstream.Counter
}

// Counters implements Store.
func (s *store) Counters() (Counters, error) {
	adds, err := jetstream.NewCounterFromStream(s.js, s.stream)
	switch {
	case errors.Is(err, jetstream.ErrCounterNotEnabled):
		return nil, s.wrapped("count in", ErrNoCounterBucket, err)
	case err != nil:
		return nil, stores.Failed("count in", s.bucket, err)
	}
	return &counters{s, adds}, nil
}

func (c *counters) Incr(ctx context.Context, key string, by int64) (*big.Int, error) {
	return c.Add(ctx, key, big.NewInt(by))
}

func (c *counters) Decr(ctx context.Context, key string, by int64) (*big.Int, error) {
	less := big.NewInt(by)
	return c.Add(ctx, key, less.Neg(less))
}

func (c *counters) Add(ctx context.Context, key string, by *big.Int) (*big.Int, error) {
	in, err := c.s.stored("add", key)
	if err != nil {
		return nil, err
	}
	total, err := c.adds.Add(ctx, c.s.write+in, by)
	if err != nil {
		return nil, c.s.failed("add", key, 0, err)
	}
	return total, nil
}

func (c *counters) Load(ctx context.Context, key string) (*big.Int, error) {
	in, err := c.s.stored("load", key)
	if err != nil {
		return nil, err
	}
	m, err := c.s.lastMsg(ctx, c.s.read+in)
	if err != nil {
		return nil, c.s.failed("load", key, 0, err)
	}
	e, err := jetstream.DecodeCounter(m)
	if err != nil {
		return nil, c.s.failed("load", key, m.Sequence, err)
	}
	return e.Value, nil
}

func (c *counters) LoadMany(ctx context.Context, keys ...string) iter.Seq2[Count, error] {
	return func(yield func(Count, error) bool) {
		more := true
		err := c.s.eachLast(ctx, "load many", keys, func(m *jetstream.RawStreamMsg) bool {
			more = yield(c.count(m))
			return more
		})
		if err != nil && more {
			yield(Count{}, err)
		}
	}
}

// count returns what a message says of a counter.
func (c *counters) count(m *jetstream.RawStreamMsg) (Count, error) {
	key, err := c.s.named(m.Subject)
	if err != nil {
		return Count{}, c.s.undecoded("load many", m.Subject, m.Sequence, err)
	}
	e, err := jetstream.DecodeCounter(m)
	if err != nil {
		return Count{}, c.s.failed("load many", key, m.Sequence, err)
	}
	return Count{Key: key, Value: e.Value, Revision: m.Sequence}, nil
}

func (c *counters) Remove(ctx context.Context, key string) error {
	in, err := c.s.stored("remove", key)
	if err != nil {
		return err
	}
	if err := c.s.stream.Purge(ctx, jetstream.WithPurgeSubject(c.s.read+in)); err != nil {
		return c.s.failed("remove", key, 0, err)
	}
	return nil
}
