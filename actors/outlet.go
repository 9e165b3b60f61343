package actors

import (
	"bytes"
	"context"
	"errors"
	"slices"
	"sync"

	"github.com/nats-io/nuid"

	"github.com/troupe-go/troupe/internal/kind"
	"github.com/troupe-go/troupe/protocol"
)

// outlet.go - a way out for an owner who keeps what it publishes.
//
//	Put ─► outbox ─► socket
//	         │ link lost: what waits is thrown away
//	         ▼
//	       Lost{Sent, Accepted} ─► the owner knows what may have left and what has not,
//	                               and sends again what it still wants to send
//
// What Conn.Publish takes outlives the link, whoever has given up on it meanwhile. An
// owner with deadlines of its own does not want that.

// Kinds of errors of an Outlet. After both nothing was kept, and nothing sent.
var (
	// ErrOutletDown: there is no link at the moment.
	ErrOutletDown error = kind.New("troupe: no link to publish on", ErrDisconnected)
	// ErrOutletFull: the socket has to take something first; see Outlet.AwaitRoom.
	ErrOutletFull error = kind.New("troupe: no room to publish", ErrOutboundBufferLimit)
)

// OutletLoss says what a lost link means to the publishes of an Outlet, by their
// numbers: those up to Sent may have reached the server, those behind it up to Accepted
// have not and never will.
type OutletLoss struct {
	Sent, Accepted uint64
	Cause          error
}

// OutletSpec says what an owner wants to be told. The functions are called on
// actors of the connection, in the order of what they tell. They must not block and
// must not call the Outlet.
type OutletSpec struct {
	// Lost is told of each lost link, once what has left is known.
	Lost func(OutletLoss)
	// Linked is told of each new link, behind the Lost of the one before.
	Linked func()
	// Refused is told of publishes that a server does not take: the one with that reply
	// subject or, if it is empty, all on that subject which may have left.
	Refused func(subject, reply string, err error)
}

// Outlet publishes for an owner who keeps what it publishes until it is answered. It is
// safe for concurrent use.
type Outlet struct {
	conn    *Conn
	spec    OutletSpec
	replies string
}

// outlets is who is told. Its lock comes before the owners'.
type outlets struct {
	mu  sync.Mutex
	all []*Outlet
}

// outletIDLen is how much of a nuid makes the replies of an outlet its own: its random part.
const outletIDLen = 12

// NewOutlet returns an outlet, which lives until Close. Every function of spec is set.
func (c *Conn) NewOutlet(spec OutletSpec) *Outlet {
	t := &Outlet{conn: c, spec: spec, replies: c.cfg.InboxPrefix + "." + nuid.New().Next()[:outletIDLen] + "."}
	c.outlets.mu.Lock()
	c.outlets.all = append(c.outlets.all, t)
	c.outlets.mu.Unlock()
	c.out.own(t.replies, true)
	return t
}

// Close ends the outlet: its owner is told nothing more, and nothing more can be
// put. What was put is on its way.
func (t *Outlet) Close() {
	t.conn.outlets.mu.Lock()
	t.conn.outlets.all = slices.DeleteFunc(t.conn.outlets.all, func(other *Outlet) bool { return other == t })
	t.conn.outlets.mu.Unlock()
	t.conn.out.own(t.replies, false)
}

// Replies returns what the reply subject of each publish of the outlet has to begin
// with, and of nobody else's. It ends with a dot and is the outlet's own.
func (t *Outlet) Replies() string { return t.replies }

// Put publishes, without ever waiting. It returns the number of the publish, and
// what the caller has to call, when it holds no lock, to have it written; nil for
// nothing. Subject and payload are copied. ErrOutletDown, ErrOutletFull; otherwise
// the errors of Conn.Publish.
func (t *Outlet) Put(subject, reply string, block, payload []byte) (number uint64, kick func(), err error) {
	return t.conn.out.put(subject, &message{reply: reply, block: block, payload: payload, owned: true})
}

// AwaitRoom waits until Put may succeed, or until ctx is done; its error is the
// context's.
func (t *Outlet) AwaitRoom(ctx context.Context) error { return t.conn.out.awaitRoom(ctx) }

// Sent returns the number of the last publish that may have left.
func (t *Outlet) Sent() uint64 { return t.conn.out.mayHaveLeft() }

// tell calls f for each outlet.
func (l *outlets) tell(f func(spec *OutletSpec)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	for _, t := range l.all {
		f(&t.spec)
	}
}

func (l *outlets) lost(loss OutletLoss) { l.tell(func(spec *OutletSpec) { spec.Lost(loss) }) }

func (l *outlets) linked() { l.tell(func(spec *OutletSpec) { spec.Linked() }) }

// denied passes on what a server does not permit, as far as publishes are concerned.
func (l *outlets) denied(e *PermissionError) {
	l.tell(func(spec *OutletSpec) {
		switch e.Op {
		case protocol.RolePublish:
			spec.Refused(e.Subject, "", e)
		case protocol.RoleReply:
			spec.Refused("", e.Subject, e)
		}
	})
}

// misfit passes on that the next server would not take a publish.
func (l *outlets) misfit(m misfit) {
	l.tell(func(spec *OutletSpec) { spec.Refused(m.subject, m.reply, m.err) })
}

// own begins or ends that publishes with such replies are their owner's to keep.
func (o *outbox) own(replies string, begin bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	if begin {
		o.owned = append(slices.Clone(o.owned), replies)
		return
	}
	o.owned = slices.DeleteFunc(slices.Clone(o.owned), func(other string) bool { return other == replies })
}

// disown reports whether a publish is not kept for the next link.
func (o *outbox) disown(reply []byte) bool {
	return len(reply) > 0 && slices.ContainsFunc(o.owned, func(replies string) bool {
		return bytes.HasPrefix(reply, []byte(replies))
	})
}

// admitOwnedLocked is what admit begins with for a publish that is not kept.
func (o *outbox) admitOwnedLocked() error {
	switch {
	case o.state == outDown:
		return ErrOutletDown
	case o.flows() && len(o.buf) > outboxLiveMax:
		return ErrOutletFull
	default:
		return nil
	}
}

func (o *outbox) awaitRoom(ctx context.Context) error {
	stop := context.AfterFunc(ctx, func() {
		o.mu.Lock() // else it may fall between a look at ctx and the wait
		defer o.mu.Unlock()
		o.room.Broadcast()
	})
	defer stop()
	o.mu.Lock()
	defer o.mu.Unlock()
	for ctx.Err() == nil && errors.Is(o.admitOwnedLocked(), ErrOutletFull) {
		o.blocked++
		o.room.Wait()
		o.blocked--
	}
	return ctx.Err()
}
