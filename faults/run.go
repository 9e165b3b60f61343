package faults

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/faults/plan"
	"github.com/troupe-go/troupe/faults/wire"
)

// Run is a plan that is being played. All methods are safe for concurrent use.
//
//	Play ──► rules of links and actors are handed over at once; those of servers wait
//	  │      for their time, each on a goroutine of its own
//	  ├──► Wait: all rules with a time have begun, and those with a length have ended
//	  └──► Stop: everything is lifted; servers that were to come back do so at once
type Run struct {
	played plan.Plan
	parts  []part // one for each rule

	stop    chan struct{} // closed by Stop
	once    sync.Once
	work    sync.WaitGroup
	pending atomic.Int64  // what Wait waits for; starts with one for Play itself
	done    chan struct{} // closed when pending is 0

	mu   sync.Mutex
	errs []error
}

// part is what a rule became. Exactly one of the three is used.
type part struct {
	links  []*wire.Injection
	actors *ActorFault
	server atomic.Int64 // hits
}

// Play begins to play a plan: the times of its rules count from now. If it returns an
// error, nothing has happened. The error says that a rule is invalid (*plan.RangeError),
// names what does not exist (*plan.UnknownTargetError), or asks something of a server
// that it can't do (*UnableError). A link that is closed refuses rules with
// wire.ErrClosed. The caller has to Stop the run.
func (s *Stage) Play(p plan.Plan) (*Run, error) {
	if err := s.check(p); err != nil {
		return nil, err
	}
	r := &Run{played: p, parts: make([]part, len(p.Rules)), stop: make(chan struct{}), done: make(chan struct{})}
	r.pending.Add(1)
	defer r.ended()
	for i, rule := range p.Rules {
		if err := r.inject(s, i, rule); err != nil {
			r.lift()
			return nil, err
		}
	}
	for i, rule := range p.Rules {
		for _, name := range s.matching(rule.Target) {
			server := s.Servers[name]
			r.begin(func() { r.punish(i, rule, name, server) })
		}
	}
	if last := lastEnd(p); last > 0 {
		// One instant later: in virtual time, links have by then done what is due at the
		// same time.
		r.begin(func() { r.pause(last + 1) })
	}
	return r, nil
}

// inject hands a rule to the links or actors that it names.
func (r *Run) inject(s *Stage, i int, rule plan.Rule) error {
	if rule.Target.Kind == plan.TargetActor {
		f, err := s.Actors.Add(rule)
		r.parts[i].actors = f
		return err
	}
	for _, l := range s.Links {
		if !rule.Target.Matches(l.Name()) {
			continue
		}
		injection, err := l.Add(rule)
		if err != nil {
			return err
		}
		r.parts[i].links = append(r.parts[i].links, injection)
	}
	return nil
}

// lastEnd is when the last rule has begun, and has ended if it has a length. What a
// server needs to come back is not part of it.
func lastEnd(p plan.Plan) time.Duration {
	last := time.Duration(0)
	for _, rule := range p.Rules {
		last = max(last, rule.At+rule.For)
	}
	return last
}

// begin runs f on a goroutine that Wait and Stop wait for.
func (r *Run) begin(f func()) {
	r.pending.Add(1)
	r.work.Go(func() {
		defer r.ended()
		f()
	})
}

func (r *Run) ended() {
	if r.pending.Add(-1) == 0 {
		close(r.done)
	}
}

// pause waits, and reports whether it ended before the run was stopped.
func (r *Run) pause(d time.Duration) bool {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-r.stop:
		return false
	}
}

// punish applies a rule to a server at the rule's time, and undoes it at its end.
func (r *Run) punish(i int, rule plan.Rule, name string, server Server) {
	if rule.At > 0 && !r.pause(rule.At) {
		return
	}
	r.parts[i].server.Add(1)
	r.note(name, rule, do(server, rule.Fault.Kind))
	if rule.For == 0 {
		return
	}
	r.pause(rule.For)
	r.note(name, rule, undo(server, rule.Fault.Kind))
}

func do(server Server, kind plan.Kind) error {
	switch kind {
	case plan.Kill:
		server.Kill()
	case plan.Restart:
		return server.Restart()
	case plan.Pause:
		return server.(pauser).Pause()
	case plan.LameDuck:
		server.(leaver).LameDuck()
	case plan.Kick:
		_, err := server.(kicker).KickAll()
		return err
	}
	return nil
}

func undo(server Server, kind plan.Kind) error {
	if kind == plan.Pause {
		return server.(pauser).Resume()
	}
	return server.Restart()
}

// note keeps an error of a server for Err.
func (r *Run) note(name string, rule plan.Rule, err error) {
	if err == nil {
		return
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.errs = append(r.errs, fmt.Errorf("faults: server %s, rule %s: %w", name, rule, err))
}

// Plan returns the plan.
func (r *Run) Plan() plan.Plan { return r.played }

// Hits returns how often each rule took effect, in the order of the plan: for a link as
// its injection counts, for an actor as its fault does, and for a server once each time.
func (r *Run) Hits() []int {
	hits := make([]int, len(r.parts))
	for i := range r.parts {
		p := &r.parts[i]
		hits[i] = int(p.server.Load())
		for _, l := range p.links {
			hits[i] += l.Hits()
		}
		if p.actors != nil {
			hits[i] += p.actors.Hits()
		}
	}
	return hits
}

// Err returns the errors of servers that were to be restarted, paused or resumed, joined;
// nil if there are none.
func (r *Run) Err() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	return errors.Join(r.errs...)
}

// Wait waits until every rule has begun, and every rule with a length has ended. Rules
// without an end are then still in force, and so may be faults that an operation or a
// number of bytes triggered later than the rule's time: their length counts from the
// trigger. Wait returns Err, or the cause of the context's end.
func (r *Run) Wait(ctx context.Context) error {
	select {
	case <-r.done: // even if ctx has ended
	default:
		select {
		case <-r.done:
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return r.Err()
}

// Stop ends the run: rules are lifted, those that have not begun do not begin, and
// servers that were taken away for a time come back at once. A server that was killed for
// good stays down. Stop returns when no activity of the run is left; a second call does
// nothing.
func (r *Run) Stop() {
	r.once.Do(func() { close(r.stop) })
	r.lift()
	r.work.Wait()
}

func (r *Run) lift() {
	for i := range r.parts {
		for _, l := range r.parts[i].links {
			l.Lift()
		}
		if f := r.parts[i].actors; f != nil {
			f.Lift()
		}
	}
}
