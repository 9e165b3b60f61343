package objectstore

import (
	"context"
	"strings"
	"time"

	"github.com/nats-io/nuid"

	"github.com/troupe-go/troupe/api"
)

// transfer.go - what the actors of puts and gets have in common.

// Progress says how far a transfer is.
type Progress struct {
	// Bytes and Chunks are what the store has acknowledged, or what has been read.
	Bytes  uint64
	Chunks uint32
	// Size is how many bytes the object has; 0 while that is not known.
	Size uint64
	// Resumed is how often the transfer had to be taken up again: because of another link,
	// another leader, or an answer that did not come. A get that goes on in the middle of a page of
	// chunks does not count.
	Resumed uint64
}

// transferGroup is the node of the tree below which transfers stand.
const transferGroup = "consumers"

// transferPolicy restarts a transfer that fails, as often as it does: all that it knows
// outlives it.
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

// stallMax is how many default timeouts a transfer gets on without progress before it is
// given up, as long as there is a link.
const stallMax = 6

// endOf returns why a connection does nothing more, nil as long as it does.
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

// patiently calls f until it succeeds, or fails for good. It goes on while there is no link, and
// for a while with one. Each call has the default timeout, unless it takes its own.
func (s *store) patiently(ctx context.Context, f func(ctx context.Context) error) error {
	nc, timeout := s.js.Conn(), s.js.Options().DefaultTimeout
	since := time.Now()
	for try := 0; ; try++ {
		once, cancel := context.WithTimeout(ctx, timeout)
		err := f(once)
		cancel()
		switch {
		case err == nil || ctx.Err() != nil:
			return err
		case !nc.IsConnected():
			since = time.Now()
		}
		if !passes(err) || endOf(nc) != nil || time.Since(since) >= stallMax*timeout || !pause(ctx, min(linePause<<min(try, 10), linePauseMax)) {
			return err
		}
	}
}
