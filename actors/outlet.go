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

// outlet.go - publishing for an owner that keeps its messages until they are answered.
//
//	Put ─► outbox ─► socket
//	         │ link lost: what waits is discarded
//	         ▼
//	       Lost{Sent, Accepted} ─► the owner knows what may have been sent and what was not,
//	                               and sends again what it still wants to send
//
// What Conn.Publish accepts outlives the link, even if its caller has given up meanwhile.
// An owner with deadlines of its own does not want that.

// Kinds of errors of an Outlet. In both cases nothing was kept or sent.
var (
	// ErrOutletDown: there is no link at the moment.
	ErrOutletDown error = kind.New("troupe: no link to publish on", ErrDisconnected)
	// ErrOutletFull: there is no room until the socket has taken more; see
	// Outlet.AwaitRoom.
	ErrOutletFull error = kind.New("troupe: no room to publish", ErrOutboundBufferLimit)
)

// OutletLoss says what a lost link means to the publishes of an Outlet, by their numbers:
// those up to Sent may have reached the server; those after it, up to Accepted, have not
// and never will.
type OutletLoss struct {
	Sent, Accepted uint64
	Cause          error
}

// OutletSpec holds the callbacks of an owner. They are called on actors of the
// connection, in the order of what they report. They must not block and must not call the
// Outlet.
type OutletSpec struct {
	// Lost is called for each lost link, once it is known what may have been sent.
	Lost func(OutletLoss)
	// Linked is called for each new link, after the Lost of the one before.
	Linked func()
	// Refused is called for publishes that a server does not accept: the one with that
	// reply subject or, if it is empty, all on that subject that may have been sent.
	Refused func(subject, reply string, err error)
}

// Outlet publishes for an owner that keeps its messages until they are answered. It is
// safe for concurrent use.
type Outlet struct {
	conn    *Conn
	spec    OutletSpec
	replies string
}

// outlets holds the callbacks. Its lock comes before the owners'.
type outlets struct {
	mu  sync.Mutex
	all []*Outlet
}

// outletIDLen is how many characters of a nuid make the reply prefix of an outlet unique:
// its random part.
const outletIDLen = 12

// NewOutlet returns an outlet, which lives until Close. All functions of spec must be
// set.
func (c *Conn) NewOutlet(spec OutletSpec) *Outlet {
	t := &Outlet{conn: c, spec: spec, replies: c.cfg.InboxPrefix + "." + nuid.New().Next()[:outletIDLen] + "."}
	c.outlets.mu.Lock()
	c.outlets.all = append(c.outlets.all, t)
	c.outlets.mu.Unlock()
	c.out.own(t.replies, true)
	return t
}

// Close ends the outlet: its callbacks are no longer called, and Put must not be called
// any more. Messages already put are still sent.
func (t *Outlet) Close() {
	t.conn.outlets.mu.Lock()
	t.conn.outlets.all = slices.DeleteFunc(t.conn.outlets.all, func(other *Outlet) bool { return other == t })
	t.conn.outlets.mu.Unlock()
	t.conn.out.own(t.replies, false)
}

// Replies returns the prefix that the reply subject of each publish of this outlet, and
// of no other publish, must have. It is unique to the outlet and ends in a dot.
func (t *Outlet) Replies() string { return t.replies }

// Put publishes without waiting. It returns the number of the publish, and kick, which if
// not nil the caller must call, without holding a lock, to have it written. Subject and
// payload are copied. Errors: ErrOutletDown, ErrOutletFull, and those of Conn.Publish.
func (t *Outlet) Put(subject, reply string, block, payload []byte) (number uint64, kick func(), err error) {
	return t.conn.out.put(subject, &message{reply: reply, block: block, payload: payload, owned: true})
}

// AwaitRoom waits until Put may succeed, or until ctx is done; its error is the
// context's.
func (t *Outlet) AwaitRoom(ctx context.Context) error { return t.conn.out.awaitRoom(ctx) }

// Sent returns the number of the last publish that may have been sent.
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

// denied passes on a server's refusal of publishes.
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

// misfit passes on that the next server would not accept a publish.
func (l *outlets) misfit(m misfit) {
	l.tell(func(spec *OutletSpec) { spec.Refused(m.subject, m.reply, m.err) })
}

// own adds or removes a reply prefix whose publishes their owner keeps.
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

// admitOwnedLocked is the first check of admit for a publish that an owner keeps.
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
		o.mu.Lock() // else the wake-up may come between the check of ctx and the wait
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
