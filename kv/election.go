package kv

import (
	"context"
	"errors"
	"iter"

	"github.com/nats-io/nuid"
	"github.com/troupe-go/troupe/internal/watch"
	"github.com/troupe-go/troupe/jetstream"
)

// election.go - a leader is the holder of a lock whose value names it.
//
//	Campaign ──► Lease, which the leader resigns with Unlock
//	Observe  ──► Leader, none, Leader, ...

// Election elects one leader at a time among the clients of a bucket that Campaign. It is a
// Mutex whose value is the leader's name, with all its guarantees and limits. It is safe for
// concurrent use.
type Election struct{ m *Mutex }

// Leader is the result of an election.
type Leader struct {
	// Candidate is the name that it campaigned with; empty if there is no leader.
	Candidate string
	// Term is the token of its Lease: it rises with each election.
	Term uint64
}

// NewElection returns the election of a key. Options and errors: as for NewMutex, but Campaign
// sets the LockValue.
func NewElection(s Store, key string, opts ...LockOpt) (*Election, error) {
	m, err := NewMutex(s, key, opts...)
	if err != nil {
		return nil, err
	}
	m.campaign = true
	return &Election{m: m}, nil
}

// Campaign waits until the candidate is elected. The candidate leads until Lease.Context ends,
// and resigns with Lease.Unlock. Errors: those of Mutex.Lock; ErrInvalidOption for an empty
// candidate.
func (e *Election) Campaign(ctx context.Context, candidate string) (*Lease, error) {
	if candidate == "" {
		return nil, e.m.failed("campaign", refusedOption("Campaign", "needs the name of the candidate"))
	}
	own := *e.m
	own.o.value = []byte(candidate)
	return own.Lock(ctx)
}

// Leader asks for the current leader. Errors: ErrNoLeader; those of Store.Get.
func (e *Election) Leader(ctx context.Context) (Leader, error) {
	s := *e.m.s
	s.leader = s.stream.CachedInfo().Config.Mirror == nil
	in, err := s.stored("elect", e.m.key)
	if err != nil {
		return Leader{}, err
	}
	found, err := s.read1(ctx, e.m.key, in, 0)
	switch {
	case errors.Is(err, ErrKeyNotFound), err == nil && found.op != OpPut:
		return Leader{}, &KeyError{Op: "elect", Bucket: s.bucket, Key: e.m.key, Kind: ErrNoLeader}
	case err != nil:
		return Leader{}, err
	}
	return leaderOf(found), nil
}

// leaderOf returns the leader that an entry of the key names.
func leaderOf(e *entry) Leader {
	if e.op != OpPut {
		return Leader{}
	}
	return Leader{Candidate: string(e.value), Term: e.token()}
}

// Observe yields the leader, and then each change; while there is no leader, a Leader without a
// Candidate. Changes that are not taken in time are skipped, but never the last one. It waits
// while the bucket is gone, and ends with ctx or the connection; an error comes last.
func (e *Election) Observe(ctx context.Context) iter.Seq2[Leader, error] {
	return func(yield func(Leader, error) bool) {
		s := e.m.s
		in, err := s.stored("observe", e.m.key)
		if err != nil {
			yield(Leader{}, err)
			return
		}
		w, err := watch.Start(ctx, watch.Config[*entry]{
			Name: "observe-" + s.bucket + "-" + nuid.Next(), JetStream: s.js, Stream: s.stream, Filters: []string{s.read + in},
			Deliver: jetstream.DeliverLastPerSubjectPolicy, Decode: s.decoder("watch", &watchOptions{}), Missing: jetstream.MissingWait,
			Slow: watch.Conflate,
		})
		if err != nil {
			yield(Leader{}, e.m.failed("observe", err))
			return
		}
		o := observed{}
		for event, err := range w.Events() {
			if err != nil {
				yield(Leader{}, e.m.failed("observe", err))
				return
			}
			if leader, changed := o.take(&event); changed && !yield(leader, nil) {
				return
			}
		}
	}
}

// observed is what an observer knows of an election. It is pure.
type observed struct {
	leader  Leader
	known   bool // leader was yielded
	loading bool // a sync is not complete
	next    Leader
}

// take takes an event, and reports whether there is another leader.
func (o *observed) take(e *watch.Event[*entry]) (leader Leader, changed bool) {
	switch e.Kind {
	case watch.Resync:
		o.loading, o.next = true, Leader{}
		return Leader{}, false
	case watch.Entry:
		o.next = leaderOf(e.Value)
		if !o.known || o.loading { // the end of the sync shows whether it is the last
			return Leader{}, false
		}
	case watch.Ready:
		o.loading = false
	default:
		return Leader{}, false
	}
	if o.known && o.leader == o.next {
		return Leader{}, false
	}
	o.leader, o.known = o.next, true
	return o.leader, true
}
