package kv

import (
	"context"
	"errors"
	"iter"

	"github.com/nats-io/nuid"
	"github.com/troupe-go/troupe/internal/watch"
	"github.com/troupe-go/troupe/jetstream"
)

// election.go - leaders are holders of a lock whose value says who they are.
//
//	Campaign ──► Lease, to Unlock by who resigns
//	Observe  ──► Leader, none, Leader, ...

// Election elects one leader at a time among those who Campaign, all clients of a bucket. It is a
// Mutex whose value is the leader's name, and all that is said there holds for it. It is
// safe for concurrent use.
type Election struct{ m *Mutex }

// Leader is who was elected.
type Leader struct {
	// Candidate is the name that it has campaigned with. Empty: there is no leader.
	Candidate string
	// Term is the token of its Lease: it rises with each election.
	Term uint64
}

// NewElection returns the election that a key is. Options and errors: as NewMutex, but
// LockValue is set by Campaign.
func NewElection(s Store, key string, opts ...LockOpt) (*Election, error) {
	m, err := NewMutex(s, key, opts...)
	if err != nil {
		return nil, err
	}
	m.campaign = true
	return &Election{m: m}, nil
}

// Campaign waits until the candidate is elected. It leads until Lease.Context ends, and resigns
// with Lease.Unlock. Errors: those of Mutex.Lock; ErrInvalidOption for a candidate
// without a name.
func (e *Election) Campaign(ctx context.Context, candidate string) (*Lease, error) {
	if candidate == "" {
		return nil, e.m.failed("campaign", refusedOption("Campaign", "needs the name of the candidate"))
	}
	own := *e.m
	own.o.value = []byte(candidate)
	return own.Lock(ctx)
}

// Leader asks for the leader of this moment. Errors: ErrNoLeader; those of Store.Get.
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

// leaderOf returns the leader that an entry of the key says.
func leaderOf(e *entry) Leader {
	if e.op != OpPut {
		return Leader{}
	}
	return Leader{Candidate: string(e.value), Term: e.token()}
}

// Observe yields the leader, and then each change: a Leader without a Candidate while there is
// none. Changes that nobody takes in time are left out, never the last one. It waits for a bucket that is
// gone, and ends with ctx or the connection: the error is last.
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

// observed is what somebody knows of an election. It is pure.
type observed struct {
	leader  Leader
	known   bool // leader was handed on
	loading bool // the sync is not ready
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
		if !o.known || o.loading { // the sync tells whether it is the last
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
