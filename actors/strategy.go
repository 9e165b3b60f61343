package actors

import (
	"math/rand/v2"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-go/troupe/supervisor"
)

// restartDue ends the delay before a restart. It goes to the supervisor.
type restartDue struct{ child *host }

// strategy executes what supervisor.Decide decides about the children of one
// actor. It runs in that actor's turn.
type strategy struct{ parent *host }

var _ actor.SupervisorStrategy = strategy{}

// HandleFailure is called by protoactor when a child failed and is suspended.
//
//style:allow params protoactor's interface
func (s strategy) HandleFailure(_ *actor.ActorSystem, sup actor.Supervisor, child *actor.PID,
	_ *actor.RestartStatistics, reason any, message any,
) {
	f, ok := reason.(*failure)
	if !ok {
		sup.StopChildren(child)
		return
	}
	s.answer(sup, f, message)
}

// answer decides about a failure of a child and executes the decision.
func (s strategy) answer(sup actor.Supervisor, f *failure, message any) {
	child := f.host.pid.Load()
	if s.parent.ending || f.host.told {
		// protoactor would let a restart undo a stop that is under way.
		sup.StopChildren(child)
		return
	}
	d := s.parent.tree.decide(f, f.host.spec.Policy)
	switch d.Directive {
	case supervisor.Resume:
		sup.ResumeChildren(child)
	case supervisor.Restart:
		s.restart(sup, f.host, d.Delay)
	case supervisor.Stop:
		f.host.reason, f.host.told = d.Event.Cause, true
		sup.StopChildren(child)
	case supervisor.Escalate:
		s.escalate(sup, f, &supervisor.EscalatedError{Path: f.host.path, Cause: d.Event.Cause}, message)
	case supervisor.Crash:
		crash(f)
	}
}

// escalate hands the failure of a child to the supervisor above.
func (s strategy) escalate(sup actor.Supervisor, f *failure, cause error, message any) {
	member := f.host.spec.member != nil
	if f.host.spec.sub != nil || member {
		// User code: whatever is decided above, this child has ended.
		f.host.reason, f.host.told = cause, true
		sup.StopChildren(f.host.pid.Load())
	}
	if f.host.spec.sub != nil || member && s.parent.spec.member == nil {
		// Restarting what is above it would have to wait for every other handler, and one
		// may be blocked, so the connection ends.
		s.parent.tree.giveUp(cause)
		return
	}
	s.parent.escalate(&failure{cause: cause, stack: f.stack, text: f.text}, message)
}

func (s strategy) restart(sup actor.Supervisor, child *host, delay time.Duration) {
	child.mu.Lock()
	child.restarts++
	child.mu.Unlock()
	if delay <= 0 {
		sup.RestartChildren(child.pid.Load())
		return
	}
	s.parent.after(delay, restartDue{child})
}

// crash ends the process the way an unrecovered panic would, for users who
// asked for it. A goroutine of its own keeps every recover out of the way.
func crash(f *failure) {
	go func() { panic(f.cause) }()
}

// decide asks the pure core what to do about a failure, and publishes it.
func (t *tree) decide(f *failure, policy supervisor.Policy) supervisor.Decision {
	h := f.host
	if h.history == nil {
		h.history = new(supervisor.History)
	}
	h.mu.Lock()
	state, began := h.state, h.began
	h.mu.Unlock()
	d := supervisor.Decide(policy, *h.history, supervisor.Failure{
		Path: h.path, Kind: h.spec.Kind, State: state, Cause: f.cause, Stack: f.stack, Message: f.text, Rand: rand.Float64(),
		Began: began, NeverBegan: h.spec.begins != "" && began.IsZero(),
	}, time.Now())
	*h.history = d.History
	h.observe(d.Event)
	return d
}
