package jetstream

import (
	"context"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/kind"
	"github.com/troupe-go/troupe/supervisor"
)

// orderedjanitor.go - the actor that removes the underlying consumers that an ordered consumer no
// longer uses.
//
//	           all confirmed
//	removing ─────────────────► gone; the next name starts another one
//	  ▲   │
//	  │   │ no answer
//	  └───┴─ pause
//
// It runs alongside the puller, and outlives it: Stop leaves the last consumer behind. Consumers
// that it cannot remove before the connection ends are removed by InactiveThreshold.

// Messages to a janitor, in the order of Receive.
type (
	// tidied says how many consumers remain to be removed.
	tidied struct{ left int }

	// tidyDue ends a pause.
	tidyDue struct{}
)

// removalMax bounds one attempt to remove a consumer.
const removalMax = 2 * time.Second

// janitor removes the consumers of one source.
type janitor struct {
	source *orderedSource
	tries  int // in a row after which consumers remained
}

// Started makes the first attempt.
func (j *janitor) Started(c *api.ActorContext) { j.tidy(c) }

// Receive handles one message.
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
		c.Become("waiting", api.Well, fmt.Sprintf("no server confirms that %d consumers were removed", m.left))
		c.After(pause, tidyDue{})
		return
	}
	j.tries = 0
	if j.source.cleaned() {
		_ = c.Self().Stop(c.Context()) // from within: it does not wait for the end
		return
	}
	j.tidy(c)
}

// clean starts a janitor if there are unused consumers. If it cannot, because the connection
// ends, the server removes them.
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

// tidy removes consumers until one removal is not confirmed, and returns how many remain. A
// refused removal is not repeated.
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
