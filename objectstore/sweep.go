package objectstore

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/supervisor"
)

// sweep.go - removes chunks that belong to no object.
//
//	sweep ──► at once ──► done
//	            │ failed
//	            ▼
//	        sweeping ──► waiting ──► sweeping … done, or gave up: the rest is an orphan
//
// If the info of an object may have been stored, that is found out first. If that is impossible,
// nothing is removed. Chunks that may still be under way, on a lost link for instance, are replaced
// first: empty messages with their ids are stored, so that the stream drops what arrives after the
// purge as a duplicate.

// sweep is the removal of chunks with one id.
type sweep struct {
	chunks string   // id of the chunks; empty for none
	late   []string // ids of their messages that may still be under way
	to     string   // the subject of those messages
	doubt  *doubt   // the info of the chunks may have been stored; nil if it was not
	old    string   // id of the chunks to remove instead if it was; empty for none
}

// sweep removes chunks: now if it can, otherwise an actor continues. It waits for the first try,
// unless ctx is done.
func (s *store) sweep(ctx context.Context, w *sweep) {
	if w.chunks == "" {
		return
	}
	err := context.Cause(ctx)
	if err == nil {
		bound, cancel := s.bound(ctx)
		err = s.sweepOnce(bound, w)
		cancel()
	}
	if err == nil || endOf(s.js.Conn()) != nil || ctx.Err() == nil && !passes(err) {
		return
	}
	_, _ = s.js.Conn().Spawn(api.Spec{Name: transferName("sweeper", s.bucket), Group: transferGroup, Policy: transferPolicy(), LinkChanges: true,
		New: func() api.Actor { return &sweeper{s: s, w: w, linked: true} }}) // refused: the connection ends
}

// sweepOnce removes chunks, or returns why it could not.
func (s *store) sweepOnce(ctx context.Context, w *sweep) error {
	if w.doubt != nil {
		w.doubt.over = true
		revision, err := s.fate(ctx, w.doubt)
		if err != nil {
			return err
		}
		if revision != 0 {
			w.chunks = w.old
		}
	}
	w.doubt = nil
	if err := s.forestall(ctx, w); err != nil {
		return err
	}
	if w.chunks == "" {
		return nil
	}
	return s.stream.Purge(ctx, jetstream.WithPurgeSubject(s.chunksOf(w.chunks)))
}

// forestall makes the stream know the ids of messages that may still be under way. If it refuses
// one because the bucket is full, it has refused the chunk as well.
func (s *store) forestall(ctx context.Context, w *sweep) error {
	errs := make([]error, len(w.late))
	var all sync.WaitGroup
	for i, id := range w.late {
		all.Go(func() {
			_, errs[i] = s.js.Publish(ctx, w.to, nil, jetstream.WithMsgID(id), jetstream.WithExpectStream(stores.Stream(s.bucket)))
		})
	}
	all.Wait()
	var left []string
	var failed error
	for i, err := range errs {
		if err != nil && !denied(err) {
			left, failed = append(left, w.late[i]), err
		}
	}
	w.late = left
	return failed
}

const (
	// sweepTriesMax is how often a sweeper fails, while there is a link, before it gives up.
	sweepTriesMax = 20
	// sweepPauseMax bounds the pause between two tries.
	sweepPauseMax = 30 * time.Second
)

// Letters to a sweeper.
type (
	// swept is the result of a try.
	swept struct{ err error }

	// sweepDue ends a pause.
	sweepDue struct{}
)

// sweeper is the actor that continues a sweep.
type sweeper struct {
	s      *store
	w      *sweep
	linked bool
	busy   bool
	tries  int
}

// Started makes the first try.
func (a *sweeper) Started(c *api.ActorContext) { a.try(c) }

// Receive handles one letter.
func (a *sweeper) Receive(c *api.ActorContext, m any) {
	switch m := m.(type) {
	case swept:
		a.onSwept(c, m)
	case sweepDue:
		a.try(c)
	case api.LinkChange:
		a.onLinkChange(c, m)
	default:
		panic(fmt.Sprintf("sweeper: unhandled message %T", m))
	}
}

func (a *sweeper) try(c *api.ActorContext) {
	if a.busy || !a.linked {
		return
	}
	a.busy = true
	c.Become("sweeping", api.Well, "")
	ctx, self := c.Context(), c.Self()
	go func() {
		bound, cancel := context.WithTimeout(ctx, a.s.js.Options().DefaultTimeout)
		defer cancel()
		_ = self.Send(swept{a.s.sweepOnce(bound, a.w)}) // refused: the connection ends
	}()
}

func (a *sweeper) onSwept(c *api.ActorContext, m swept) {
	a.busy = false
	switch {
	case m.err == nil:
		c.Become("swept", api.Well, "")
		dismiss(c.Self())
		return
	case a.linked:
		a.tries++
	}
	if a.tries == sweepTriesMax || !passes(m.err) {
		c.Become("gave up", api.Degraded, "chunks of no object stay in the bucket: "+m.err.Error())
		dismiss(c.Self())
		return
	}
	c.Become("waiting", api.Well, m.err.Error())
	c.After(supervisor.Backoff{Initial: linePause, Max: sweepPauseMax}.Ceiling(a.tries), sweepDue{})
}

func (a *sweeper) onLinkChange(c *api.ActorContext, m api.LinkChange) {
	a.linked = m.Connected
	a.try(c)
}
