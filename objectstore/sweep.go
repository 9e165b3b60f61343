package objectstore

import (
	"context"
	"fmt"
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
//	        sweeping ──► waiting ──► sweeping … done, or given up: what is left is an orphan
//
// An object whose info may have been stored is a question first. Where nobody can answer it,
// nothing is removed.

// sweep is one thing to be removed.
type sweep struct {
	chunks string // id of the chunks; empty for nothing
	fence  string // subject to publish before: behind it no chunk of the put comes; empty for none
	doubt  *doubt // the info of the chunks may have been stored; nil if it was not
	old    string // id of the chunks that are to be removed instead if it was; empty for none
}

// sweep removes chunks: now if it can, else an actor goes on with it. It waits for the first
// try, unless ctx is done.
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
	switch {
	case w.doubt != nil:
		w.doubt.over = true
		revision, err := s.fate(ctx, w.doubt)
		if err != nil {
			return err
		}
		if revision != 0 {
			w.chunks = w.old
		}
	case w.fence != "":
		// What refuses the fence has refused the chunks: the bucket is full.
		_, err := s.js.Publish(ctx, w.fence, nil, jetstream.WithMsgID(w.chunks+"-end"), jetstream.WithExpectStream(stores.Stream(s.bucket)))
		if err != nil && !denied(err) {
			return err
		}
	}
	w.doubt, w.fence = nil, ""
	if w.chunks == "" {
		return nil
	}
	return s.stream.Purge(ctx, jetstream.WithPurgeSubject(s.chunksOf(w.chunks)))
}

const (
	// sweepTriesMax is how often a sweeper fails, while there is a link, before it gives up.
	sweepTriesMax = 20
	// sweepPauseMax bounds the pause between two tries.
	sweepPauseMax = 30 * time.Second
)

// Letters to a sweeper.
type (
	// swept is what has become of a try.
	swept struct{ err error }

	// sweepDue ends a pause.
	sweepDue struct{}
)

// sweeper is the actor that goes on with a sweep.
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
