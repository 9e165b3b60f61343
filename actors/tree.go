package actors

import (
	"context"
	"sync"

	"github.com/asynkron/protoactor-go/actor"

	"github.com/troupe-go/troupe/supervisor"
)

// tree is the actor tree of one connection: the way from a host to its system,
// the register for snapshots, and the count that tells when all is gone.
type tree struct {
	system  *System
	observe func(supervisor.Event) // publishes an event; must not block
	ended   func()                 // runs once, when the root has stopped
	giveUp  func(error)            // ends the whole, at the wish of a policy; must not block
	ctx     context.Context        // cancelled when the tree is told to stop
	cancel  context.CancelFunc

	mu    sync.Mutex
	root  *host
	live  int           // actors that have not stopped
	tasks int           // goroutines: of dedicated actors and of Context.Go
	moved chan struct{} // closed and replaced whenever live or tasks falls
}

func newTree(s *System, observe func(supervisor.Event), ended func()) *tree {
	t := &tree{system: s, observe: observe, ended: ended, moved: make(chan struct{})}
	t.ctx, t.cancel = context.WithCancel(context.Background())
	return t
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
	if p := h.parent; p != nil {
		p.mu.Lock()
		for i, c := range p.children {
			if c == h {
				p.children = append(p.children[:i], p.children[i+1:]...)
				break
			}
		}
		p.mu.Unlock()
	}
	t.mu.Lock()
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
	h := newHost(t, nil, spec)
	h.produce = adapt(produce)
	h.start(t.system.proto.Root)
}

// stop tells the root to stop, and with it everything below, top down.
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
	d := t.decide(f.host, f)
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
	root := t.root
	t.mu.Unlock()
	var paths []string
	var walk func(h *host)
	walk = func(h *host) {
		h.mu.Lock()
		children := append([]*host(nil), h.children...)
		h.mu.Unlock()
		if len(children) == 0 && h.box.busy() {
			paths = append(paths, h.path)
		}
		for _, c := range children {
			walk(c)
		}
	}
	if root != nil {
		walk(root)
	}
	return paths
}
