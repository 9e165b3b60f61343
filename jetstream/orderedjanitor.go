package jetstream

import (
	"context"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/kind"
	"github.com/troupe-go/troupe/supervisor"
)

// orderedjanitor.go - the actor that removes the consumers which an ordered consumer has
// left behind.
//
//	           all confirmed
//	removing ─────────────────► gone; the next name brings another one
//	  ▲   │
//	  │   │ no answer
//	  └───┴─ pause
//
// It works beside the puller, and outlives it: the last consumer is left by a Stop. What
// it cannot have removed before the connection ends is removed by InactiveThreshold.

// Letters to a janitor, in the order of Receive.
type (
	// tidied says how many consumers are still to be removed.
	tidied struct{ left int }

	// tidyDue ends a pause.
	tidyDue struct{}
)

// removalMax bounds one attempt to remove a consumer.
const removalMax = 2 * time.Second

// janitor removes the consumers of one source.
type janitor struct {
	source *orderedSource
	tries  int // in a row that left something
}

// Started makes the first attempt.
func (j *janitor) Started(c *api.ActorContext) { j.tidy(c) }

// Receive handles one letter.
func (j *janitor) Receive(c *api.ActorContext, m any) {
	switch m := m.(type) {
	case tidied:
		j.onTidied(c, m)
	case tidyDue:
		j.tidy(c)
	default:
		panic(fmt.Sprintf("janitor: unhandled message %T", m))
	}
}

func (j *janitor) tidy(c *api.ActorContext) {
	c.Become("removing", api.Well, "")
	ctx, self, s := c.Context(), c.Self(), j.source
	go func() { _ = self.Send(tidied{left: s.tidy(ctx)}) }() // refused: the connection ends
}

func (j *janitor) onTidied(c *api.ActorContext, m tidied) {
	if m.left > 0 {
		j.tries++
		pause := supervisor.Backoff{Initial: pauseInitial, Max: pauseMax}.Ceiling(j.tries)
		c.Become("waiting", api.Well, fmt.Sprintf("nobody confirms that %d consumers are removed", m.left))
		c.After(pause, tidyDue{})
		return
	}
	j.tries = 0
	if j.source.cleaned() {
		_ = c.Self().Stop(c.Context()) // itself: it is not waited for
		return
	}
	j.tidy(c)
}

// clean has a janitor remove what nobody wants any more, if there is anything. Without one,
// as the connection ends, the server removes it.
func (s *orderedSource) clean() {
	s.mu.Lock()
	wanted := !s.cleaning && len(s.oldLocked()) > 0
	if wanted {
		s.cleaning = true
	}
	s.mu.Unlock()
	if !wanted {
		return
	}
	_, err := s.js.nc.Spawn(api.Spec{Name: pullerName(s.stream, "janitor", s.js.nc.NewInbox()), Group: consumersGroup, Policy: keepGoing(),
		New: func() api.Actor { return &janitor{source: s} }})
	if err != nil {
		s.mu.Lock()
		s.cleaning = false
		s.mu.Unlock()
	}
}

// cleaned reports whether there is nothing to remove; then the janitor ends.
func (s *orderedSource) cleaned() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cleaning = len(s.oldLocked()) > 0
	return !s.cleaning
}

// tidy removes consumers until one of them is not confirmed, and returns how many are left.
// What the server refuses to remove is not asked for again.
func (s *orderedSource) tidy(ctx context.Context) (left int) {
	s.mu.Lock()
	names := s.oldLocked()
	s.mu.Unlock()
	for i, name := range names {
		once, cancel := context.WithTimeout(ctx, removalMax)
		err := s.js.DeleteConsumer(once, s.stream, name)
		cancel()
		if err != nil && kind.CanRetry(err) {
			return len(names) - i
		}
		s.mu.Lock()
		s.forgetLocked(name)
		s.mu.Unlock()
	}
	return 0
}
