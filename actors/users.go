package actors

import (
	"context"
	"fmt"
	"slices"
	"time"

	"github.com/troupe-go/troupe/supervisor"
)

// users.go - the supervisor of one group of users' actors, one-for-one. It is started
// with the first of them: a connection without actors has no such node.
//
//	SpawnActor ─► enrolled ── admit ──► spawned ──► over
//	                  ▲                    │
//	                  └────────────────────┘   this supervisor was restarted

// Messages, in the order of users.Receive; admit and dismiss are those of user.go.
type (
	usersMsg interface{ isUsersMsg() }

	// rejoin is the first message of every incarnation: the actors of the previous one
	// are gone, but their userActors are not.
	rejoin struct{}
)

func (rejoin) isUsersMsg()  {}
func (admit) isUsersMsg()   {}
func (dismiss) isUsersMsg() {}

type users struct{ group *group }

// Receive handles one message.
func (a *users) Receive(c *Context, m usersMsg) {
	switch m := m.(type) {
	case rejoin:
		a.onRejoin(c)
	case admit:
		m.user.onAdmit(c)
	case dismiss:
		m.user.onDismiss(c)
	default:
		panic(fmt.Sprintf("users: unhandled message %T", m))
	}
}

func (a *users) onRejoin(c *Context) {
	for _, u := range a.group.all() {
		u.onAdmit(c)
	}
}

// onAdmit starts the actor unless it runs; in the turn of its supervisor. An actor that
// was asked to stop before it had a supervisor is stopped instead.
func (u *userActor) onAdmit(c *Context) {
	u.mu.Lock()
	running, over, never := u.spawned, u.over, u.stopping || u.above.Err() != nil
	u.spawned = running || !never
	box := u.box
	u.mu.Unlock()
	switch {
	case over || running && !never:
		return
	case never:
		u.onDismiss(c)
		return
	}
	spawn(c, Spec{Name: u.spec.Name, id: u.spec.Name + "~" + decimal(u.conn.company.ids.Add(1)), Kind: "actor", Policy: u.spec.Policy,
		user: true, member: u, begins: "ready", first: userMsg(begin{}), data: userMsg(work{}), about: u.about,
		adopted: box, OnStopped: u.hostStopped},
		func() Actor[userMsg] { return &userTurn{user: u} })
}

// onDismiss stops the actor; in the turn of its supervisor.
func (u *userActor) onDismiss(c *Context) {
	u.mu.Lock()
	spawned, box := u.spawned, u.box
	u.mu.Unlock()
	if !spawned {
		u.end(nil)
		return
	}
	c.stop(box, nil)
}

// newBox makes the mailbox of the next host, which begins with what waits.
func (u *userActor) newBox() *mailbox {
	box := newMailbox(u.conn.sys, Spec{MailboxMax: MailboxDefault, data: userMsg(work{})})
	box.dataReady = true
	return box
}

// hostStopped distinguishes a final end from one that a restart above has caused.
func (u *userActor) hostStopped(reason error) {
	u.mu.Lock()
	u.spawned = false
	again := u.parent == nil && reason == nil && !u.stopping && u.above.Err() == nil
	if again {
		u.box = u.newBox()
	}
	u.mu.Unlock()
	if again {
		u.tellSupervisor(admit{u})
		return
	}
	u.end(reason)
}

// stop asks for the end of the actor. From here on it accepts nothing new.
func (u *userActor) stop() {
	u.mu.Lock()
	before, life := u.stopping, u.life
	u.stopping = true
	u.mu.Unlock()
	if before {
		return
	}
	if life != nil {
		life.cancel()
	}
	u.endFeeds()
	u.tellSupervisor(dismiss{u})
}

// tellSupervisor passes a message to the supervisor. If there is none to accept it,
// nothing can run the actor, and the actor ends.
func (u *userActor) tellSupervisor(m any) {
	if u.parent != nil {
		u.parent.mu.Lock()
		err := u.parent.box.must(m)
		u.parent.mu.Unlock()
		if err != nil {
			u.end(nil)
		}
		return
	}
	if box := u.group.box.box.Load(); box != nil && box.must(m) == nil {
		return
	}
	if u.conn.root.must(startUsers{u.group}) != nil {
		u.end(nil)
	}
}

// end ends the actor for good, once; its host, if it had one, has stopped.
func (u *userActor) end(cause error) {
	u.mu.Lock()
	if u.over {
		u.mu.Unlock()
		return
	}
	u.over, u.stopping, u.why = true, true, cause
	left, box, life := u.letters.len(), u.box, u.life
	u.letters = fifo{}
	u.mu.Unlock()
	if life != nil {
		life.end()
	}
	for _, m := range box.terminate() {
		discard(m)
	}
	u.strike(cause) // first: callers that learn of the end find it in the tree
	u.endFeeds()
	u.conn.company.discarded.Add(uint64(left))
	u.observeEnd(cause, left)
	u.moved.close()
}

func (u *userActor) observeEnd(cause error, left int) {
	observe := func(e supervisor.Event) { u.conn.observe(Notice{Event: e}) }
	if left > 0 {
		observe(supervisor.Event{Kind: supervisor.MessagesDropped, Path: u.path, Count: uint64(left), Cause: u.stopped()})
	}
	observe(supervisor.Event{Kind: supervisor.ActorStopped, Path: u.path, After: "stopped", Cause: cause})
}

// endFeeds ends the subscriptions that the actor reads.
func (u *userActor) endFeeds() {
	u.mu.Lock()
	var feeds []*Sub
	for s := range u.feeds {
		feeds = append(feeds, s)
	}
	u.mu.Unlock()
	slices.SortFunc(feeds, func(a, b *Sub) int { return int(a.sid) - int(b.sid) })
	for _, s := range feeds {
		s.conn.unlist(s)
		s.end(u.stopped())
	}
}

// ended reports whether the actor has ended for good.
func (u *userActor) ended() bool {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.over
}

// stopped returns why the actor accepts nothing any more; nil if it does.
func (u *userActor) stopped() error {
	u.mu.Lock()
	defer u.mu.Unlock()
	return u.stoppedLocked()
}

func (u *userActor) stoppedLocked() error {
	why := u.why
	if why == nil && u.conn.isClosing() {
		why = u.conn.closedError()
	}
	return &ActorStoppedError{Path: u.path, Cause: why}
}

// SpawnActor starts an actor below the connection. It returns before the actor has begun;
// messages sent to it wait until then. Errors: ErrActorExists when the name is taken;
// ErrConnectionDraining; ErrConnectionClosed.
func (c *Conn) SpawnActor(spec ActorSpec) (*ActorRef, error) { return c.spawnUser(spec, nil) }

// spawnUser starts an actor below the connection, or below the actor of i.
func (c *Conn) spawnUser(spec ActorSpec, i *Incarnation) (*ActorRef, error) {
	if spec.MailboxMax == 0 {
		spec.MailboxMax = MailboxDefault
	}
	u := &userActor{conn: c, spec: spec, above: c.tree.ctx, since: time.Now()}
	if i != nil {
		u.parent, u.above, u.group = i.user, i.ctx, i.user.group
	}
	u.box = u.newBox()
	c.linkNews.join(u) // first: an enrolled actor may begin at once, with its group
	if err := u.enroll(); err != nil {
		c.linkNews.leave(u)
		return nil, err
	}
	u.tellSupervisor(admit{u})
	return &ActorRef{user: u}, nil
}

// enroll adds the actor to its siblings.
func (u *userActor) enroll() error {
	c := u.conn
	switch c.Status() {
	case Closed:
		return c.closedError()
	case DrainingSubs, DrainingPubs:
		return ErrConnectionDraining
	}
	var err error
	above := ""
	if p := u.parent; p != nil {
		above = p.path
		p.mu.Lock()
		defer p.mu.Unlock()
		if p.stopping || u.above.Err() != nil {
			return p.stoppedLocked()
		}
		err = p.children.add(u)
	} else {
		c.company.mu.Lock()
		defer c.company.mu.Unlock()
		if c.company.closed {
			return ErrConnectionDraining
		}
		if u.group = c.company.groupLocked(c, u.spec.Group); u.group == nil {
			return fmt.Errorf("%w: %s/%s", ErrActorExists, c.name, u.spec.Group)
		}
		above = c.name + "/" + u.group.name
		err = u.group.present.add(u)
	}
	u.path = above + "/" + u.spec.Name
	if err != nil {
		return fmt.Errorf("%w: %s", err, u.path)
	}
	return nil
}

// strike removes the actor from its siblings. If it ended with a cause, it stays in the
// tree.
func (u *userActor) strike(cause error) {
	c := &u.conn.company
	u.conn.linkNews.leave(u)
	if p := u.parent; p != nil {
		p.mu.Lock()
		p.children.remove(u)
		p.mu.Unlock()
	}
	n := supervisor.Node{Path: u.path, Name: u.spec.Name, Kind: "actor"}
	u.show(&n)
	n.State, n.Level, n.Since = "stopped", supervisor.Down, time.Now()
	c.mu.Lock()
	defer c.mu.Unlock()
	if u.parent == nil {
		u.group.present.remove(u)
	}
	if cause == nil {
		return
	}
	n.Reason = cause.Error()
	if len(c.stopped) == stoppedMax {
		c.stopped = slices.Delete(c.stopped, 0, 1)
	}
	c.stopped = append(c.stopped, n)
}

// show adds the state of the actor to its node.
func (u *userActor) show(n *supervisor.Node) {
	u.showState(n)
	if u.spec.Progress == nil {
		return
	}
	defer func() {
		if v := recover(); v != nil { // user code, on the goroutine of the caller
			n.Level, n.Reason = max(n.Level, supervisor.Degraded), fmt.Sprintf("Progress panicked: %v", v)
		}
	}()
	n.Counters = append(n.Counters, u.spec.Progress()...)
}

func (u *userActor) showState(n *supervisor.Node) {
	u.mu.Lock()
	defer u.mu.Unlock()
	n.Restarts = max(0, int(u.lives.Load())-1)
	n.State, n.Since = "idle", u.since
	if u.busy {
		n.State = "busy"
	}
	n.Level, n.Reason = u.says.level, u.says.reason
	if u.says.state != "" {
		n.State, n.Since = u.says.state, u.says.since
	}
	if u.box.paused() {
		n.State, n.Level = "restarting", supervisor.Degraded
	}
	if u.stopping {
		n.State = "stopping"
	}
	n.MailboxMsgs = int64(u.letters.len())
	n.Counters = []supervisor.Counter{
		{Name: "handled", Value: u.handled.Load()},
		{Name: "refused", Value: u.refused},
	}
}

func drainAll(ctx context.Context, all []*userActor) error {
	for _, u := range slices.Backward(all) {
		if err := u.drain(ctx); err != nil {
			return err
		}
	}
	return nil
}

// drain lets the actor finish what it has, drains its children, lets it finish what they
// sent to it, and stops it.
func (u *userActor) drain(ctx context.Context) error {
	if err := u.awaitIdle(ctx); err != nil {
		return err
	}
	u.mu.Lock()
	children := slices.Clone(u.children.order)
	u.mu.Unlock()
	if err := drainAll(ctx, children); err != nil {
		return err
	}
	if err := u.awaitIdle(ctx); err != nil {
		return err
	}
	u.stop()
	return u.moved.awaitClosed(ctx)
}

func (u *userActor) awaitIdle(ctx context.Context) error {
	for {
		moved := u.moved.channel()
		u.mu.Lock()
		idle := u.over || !u.busy && u.letters.len() == 0 && u.ready.len() == 0
		u.mu.Unlock()
		if idle {
			return nil
		}
		select {
		case <-moved:
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}
