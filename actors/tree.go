package actors

import (
	"context"
	"slices"
	"sync"
	"time"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-go/troupe/supervisor"
)

// tree is the actor tree of one connection: it connects hosts to their system, lists them
// for snapshots, and counts them, to know when all have ended.
type tree struct {
	system  *System
	observe func(supervisor.Event, *Sub) // publishes an event about a subscription, or none; must not block
	ended   func()                       // runs once, when the root has stopped
	giveUp  func(error)                  // ends the connection because a policy requires it; must not block
	epoch   time.Time                    // of the clock: just before the tree was made
	ctx     context.Context              // cancelled when the tree is asked to stop
	cancel  context.CancelFunc

	mu    sync.Mutex
	root  *host
	left  []*host       // given up by their supervisors, not yet stopped
	live  int           // number of actors that have not stopped
	tasks int           // number of goroutines of dedicated actors and of Context.Go
	moved chan struct{} // closed and replaced whenever live or tasks falls
}

func newTree(s *System, observe func(supervisor.Event, *Sub), ended func()) *tree {
	t := &tree{system: s, observe: observe, ended: ended, epoch: time.Now().Add(-1), moved: make(chan struct{})}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	return t
}

// clock returns the time since the epoch in ns, which is above 0. It costs half as much
// as time.Now.
func (t *tree) clock() int64 { return int64(time.Since(t.epoch)) }

// at converts a time of the clock into a time.Time.
func (t *tree) at(clock int64) time.Time { return t.epoch.Add(time.Duration(clock)) }

// leave records that only those that wait for the end of the tree still wait for h.
func (t *tree) leave(h *host) {
	h.parent.drop(h)
	t.mu.Lock()
	t.left = append(t.left, h)
	t.mu.Unlock()
}

// alone reports whether only the tree waits for h.
func (t *tree) alone(h *host) bool {
	t.mu.Lock()
	defer t.mu.Unlock()
	return slices.Contains(t.left, h)
}

// drop removes a child from the list of children.
func (h *host) drop(child *host) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.children = slices.DeleteFunc(h.children, func(c *host) bool { return c == child })
}

func (t *tree) add(h *host) {
	t.mu.Lock()
	t.live++
	if h.parent == nil {
		t.root = h
	}
	t.mu.Unlock()
	if h.parent != nil {
		h.parent.mu.Lock()
		h.parent.children = append(h.parent.children, h)
		h.parent.mu.Unlock()
	}
}

func (t *tree) remove(h *host) {
	if h.parent != nil {
		h.parent.drop(h)
	}
	t.mu.Lock()
	t.left = slices.DeleteFunc(t.left, func(l *host) bool { return l == h })
	t.live--
	t.movedLocked()
	t.mu.Unlock()
	if h.parent == nil {
		t.ended()
	}
}

func (t *tree) movedLocked() {
	close(t.moved)
	t.moved = make(chan struct{})
}

func (t *tree) taskBegan() {
	t.mu.Lock()
	t.tasks++
	t.mu.Unlock()
}

func (t *tree) taskEnded() {
	t.mu.Lock()
	t.tasks--
	t.movedLocked()
	t.mu.Unlock()
}

// spawnRoot starts the root actor of the tree.
func spawnRoot[M any](t *tree, spec Spec, produce func() Actor[M]) {
	spec.id = t.system.rootID(spec.Name)
	h := newHost(t, nil, spec)
	h.produce = adapt(produce)
	h.start(t.system.proto.Root)
}

// stop asks the root to stop, and with it everything below, top down.
func (t *tree) stop() {
	t.cancel()
	t.mu.Lock()
	root := t.root
	t.mu.Unlock()
	if root != nil {
		root.box.PostSystemMessage(&actor.Stop{})
	}
}

// rootFailed stands in for the supervisor that a root does not have. It runs
// in the failing turn of the root.
func (t *tree) rootFailed(f *failure) {
	d := t.decide(f, f.host.spec.Policy)
	box := f.host.box
	switch d.Directive {
	case supervisor.Resume:
		return
	case supervisor.Crash:
		crash(f)
	case supervisor.Restart:
		box.setStopping(true)
		f.host.mu.Lock()
		f.host.restarts++
		f.host.mu.Unlock()
		box.PostSystemMessage(&actor.Restart{})
	default:
		f.host.reason = d.Event.Cause
		t.stop()
	}
}

// await waits until at most n actors and no goroutines are left, or ctx is done.
func (t *tree) await(ctx context.Context, n int) error {
	for {
		t.mu.Lock()
		done, moved := t.live <= n && t.tasks == 0, t.moved
		t.mu.Unlock()
		if done {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// unfinished lists the leaves that are busy, for the report of a Close.
func (t *tree) unfinished() []string {
	t.mu.Lock()
	root, left := t.root, slices.Clone(t.left)
	t.mu.Unlock()
	var paths []string
	var walk func(h *host)
	walk = func(h *host) {
		h.mu.Lock()
		children := append([]*host(nil), h.children...)
		h.mu.Unlock()
		if (len(children) == 0 || h.spec.member != nil) && h.box.busy() {
			paths = append(paths, h.path)
		}
		for _, c := range children {
			walk(c)
		}
	}
	if root != nil {
		walk(root)
	}
	for _, h := range left {
		walk(h)
	}
	return paths
}
