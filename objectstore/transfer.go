package objectstore

import (
	"context"
	"strings"
	"time"

	"github.com/nats-io/nuid"

	"github.com/troupe-go/troupe/api"
)

// transfer.go - what the actors of puts and gets have in common.

// Progress is the progress of a transfer.
type Progress struct {
	// Bytes and Chunks are what the store has acknowledged, or what the reader has received.
	Bytes  uint64
	Chunks uint32
	// Size is the size of the object in bytes; 0 while that is not known.
	Size uint64
	// Resumed is how often the transfer was resumed after a new link, a new leader, or an answer
	// that did not come. A get that continues in the middle of a page of chunks does not count.
	Resumed uint64
}

// transferGroup is the node of the tree that has the transfers.
const transferGroup = "consumers"

// transferPolicy restarts a transfer whenever it fails, because its state outlives it.
func transferPolicy() api.Policy {
	return api.Policy{Directive: api.Restart, Backoff: api.Backoff{Initial: api.NoDelay, Max: time.Second}}
}

// transferName returns the name of an actor of a bucket.
func transferName(what, bucket string) string {
	const most, tail = 90, 6
	if len(bucket) > most {
		bucket = bucket[:most]
	}
	id := nuid.Next()
	return strings.Join([]string{what, bucket, id[len(id)-tail:]}, "-")
}

// stallMax is how many default timeouts a transfer may make no progress, while there is a link,
// before it gives up.
const stallMax = 6

// endOf returns why a connection has ended; nil if it has not.
func endOf(nc *api.Conn) error {
	switch {
	case nc.IsClosed():
		return api.ErrConnectionClosed
	case nc.IsDraining():
		return api.ErrConnectionDraining
	}
	return nil
}

// dismiss ends an actor without waiting for it.
func dismiss(ref *api.ActorRef) {
	ctx, cancel := context.WithCancel(context.Background())
	cancel()
	_ = ref.Stop(ctx)
}

// endurance bounds how long a call retries without progress: not while there is no link, and for
// a while with one. It is for one goroutine.
type endurance struct {
	s     *store
	since time.Time // when it last made progress, or there was no link
	tries int       // since it last made progress
}

func (s *store) endurance() *endurance { return &endurance{s: s, since: time.Now()} }

// gotOn notes that the call made progress.
func (e *endurance) gotOn() { e.since, e.tries = time.Now(), 0 }

// lasts reports whether the call may retry.
func (e *endurance) lasts() bool {
	nc := e.s.js.Conn()
	if !nc.IsConnected() {
		e.since = time.Now()
	}
	return endOf(nc) == nil && time.Since(e.since) < stallMax*e.s.js.Options().DefaultTimeout
}

// pause waits before the next try. It returns false if there is none.
func (e *endurance) pause(ctx context.Context) bool {
	e.tries++
	return e.lasts() && pause(ctx, min(linePause<<min(e.tries-1, 10), linePauseMax))
}

// patiently calls f until it succeeds, or fails for good. Each call has the default timeout,
// unless f sets its own.
func (s *store) patiently(ctx context.Context, f func(ctx context.Context) error) error {
	for e := s.endurance(); ; {
		once, cancel := context.WithTimeout(ctx, s.js.Options().DefaultTimeout)
		err := f(once)
		cancel()
		if err == nil || ctx.Err() != nil || !passes(err) || !e.pause(ctx) {
			return err
		}
	}
}
