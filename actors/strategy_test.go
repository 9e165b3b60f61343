package actors

import (
	"testing"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-go/troupe/supervisor"
)

// orders counts what a strategy has protoactor do.
type orders struct{ stopped, restarted, resumed, escalated int }

func (o *orders) Children() []*actor.PID            { return nil }
func (o *orders) EscalateFailure(any, any)          { o.escalated++ }
func (o *orders) RestartChildren(pid ...*actor.PID) { o.restarted += len(pid) }
func (o *orders) StopChildren(pid ...*actor.PID)    { o.stopped += len(pid) }
func (o *orders) ResumeChildren(pid ...*actor.PID)  { o.resumed += len(pid) }

// TestAStopIsNotUndone: protoactor would revive an actor that fails after it was asked to
// stop, or while the one above it is stopping.
func TestAStopIsNotUndone(t *testing.T) {
	for _, c := range []struct {
		name         string
		told, ending bool
		want         orders
	}{
		{"working", false, false, orders{restarted: 1}},
		{"told to stop", true, false, orders{stopped: 1}},
		{"its supervisor ends", false, true, orders{stopped: 1}},
	} {
		t.Run(c.name, func(t *testing.T) {
			tree := newTree(NewSystem(nil), func(supervisor.Event, *Sub) {}, func() {})
			defer tree.cancel()
			parent := newHost(tree, nil, Spec{Name: "parent"})
			child := newHost(tree, parent, Spec{Name: "child", Policy: own})
			child.pid.Store(actor.NewPID("here", "parent/child"))
			child.told, parent.ending = c.told, c.ending
			var got orders
			strategy{parent}.answer(&got, &failure{host: child, cause: errKilled}, nil)
			if got != c.want {
				t.Errorf("ordered %+v, want %+v", got, c.want)
			}
		})
	}
}
