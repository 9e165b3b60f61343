package actors

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"time"
	"unsafe"

	"github.com/nats-io/nuid"

	"github.com/troupe-go/troupe/protocol"
)

// requests.go - correlates replies with the callers that wait for them.
//
//	Request ─► slot, token ─► PUB subject prefix.token ─► wait
//	reader ─► token ─► slot ─► the waiting caller, nothing in between
//
// All replies come to one wildcard subscription. A token names a slot and the
// use of the slot, so a late reply finds nobody. The actor ends requests that
// no reply can come for.

// Messages, in the order of requestsActor.Receive.
type (
	requestsMsg interface{ isRequestsMsg() }

	// failSent ends the requests that were on a link when it was lost.
	failSent struct {
		upTo  uint64 // publishes that may have left
		cause error
	}
)

func (failSent) isRequestsMsg() {}

type requestsActor struct{ conn *Conn }

// Receive handles one message.
func (a *requestsActor) Receive(_ *Context, m requestsMsg) {
	switch m := m.(type) {
	case failSent:
		a.onFailSent(m)
	default:
		panic(fmt.Sprintf("requests: unhandled message %T", m))
	}
}

func (a *requestsActor) onFailSent(m failSent) { a.conn.reqs.failUpTo(m.upTo, m.cause) }

// tokenLen is the length of a token: slot and use, 4 and 8 base-64 digits.
const tokenLen = 12

const tokenDigits = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZ_abcdefghijklmnopqrstuvwxyz-"

// tokenValue maps a digit to its value, 255 for what is none.
var tokenValue = func() (v [256]byte) {
	for i := range v {
		v[i] = 255
	}
	for i := range len(tokenDigits) {
		v[tokenDigits[i]] = byte(i)
	}
	return v
}()

// slotsMax bounds how many requests may wait at once; 4 digits name them.
const slotsMax = 1 << 24

// Reply is the answer to a request. The caller owns it.
type Reply struct {
	// Data holds subject, reply subject, header block and payload one behind
	// the other.
	Data       []byte
	SubjectLen int
	ReplyLen   int
	HeaderLen  int
	err        error
}

// slot is a place for one waiting request, used again and again.
type slot struct {
	index uint32
	use   uint64 // guarded by requests.mu; a reply for another use is late
	busy  bool
	pub   uint64      // number of its publish; see outbox.accepted
	reply chan Reply  // capacity 1
	timer *time.Timer // may run on between requests; nil before the first
	fires time.Time   // when timer does, or did
}

type requests struct {
	conn   *Conn
	mu     sync.Mutex
	slots  []*slot
	free   []*slot
	prefix string // "_INBOX.<nuid>." once the inbox is subscribed
	late   atomic.Uint64
	why    error // set when the connection has ended

	lostUpTo uint64 // publishes up to this number may have left on a lost link
	lostBy   error  // with which their requests end
}

func (r *requests) init(c *Conn) { r.conn = c }

// inbox returns the subject prefix of replies, ending in a dot, subscribing
// to it at the first call.
func (r *requests) inbox() (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.prefix != "" {
		return r.prefix, nil
	}
	prefix := r.conn.cfg.InboxPrefix + "." + nuid.Next() + "."
	s := &Sub{Subject: prefix + "*", conn: r.conn, mux: true, spec: &SubSpec{}}
	if err := r.conn.enlist(s); err != nil {
		return "", err
	}
	r.prefix = prefix
	return prefix, nil
}

// take reserves a slot and returns it with its token.
func (r *requests) take(token *[tokenLen]byte) (*slot, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.why != nil {
		return nil, r.why
	}
	var s *slot
	switch n := len(r.free); {
	case n > 0:
		s = r.free[n-1]
		r.free = r.free[:n-1]
	case len(r.slots) < slotsMax:
		s = &slot{index: uint32(len(r.slots)), reply: make(chan Reply, 1)}
		r.slots = append(r.slots, s)
	default:
		return nil, ErrTooManyRequests
	}
	s.use++
	s.busy = true
	s.pub = ^uint64(0)
	index, use := uint64(s.index), s.use
	for i := 3; i >= 0; i-- {
		token[i] = tokenDigits[index&63]
		index >>= 6
	}
	for i := tokenLen - 1; i >= 4; i-- {
		token[i] = tokenDigits[use&63]
		use >>= 6
	}
	return s, nil
}

// giveBack frees a slot, with or without a reply in it.
func (r *requests) giveBack(s *slot) {
	r.mu.Lock()
	if !s.busy {
		<-s.reply // it came, or is just being copied, while the caller gave up
	}
	s.busy = false
	r.freeLocked(s)
	r.mu.Unlock()
}

// done frees a slot whose reply has been taken.
func (r *requests) done(s *slot) {
	r.mu.Lock()
	r.freeLocked(s)
	r.mu.Unlock()
}

func (r *requests) freeLocked(s *slot) {
	r.free = append(r.free, s)
	if r.why != nil {
		s.stop()
	}
}

// reply hands a message of the inbox to its caller. f is relative to buf.
func (r *requests) reply(f *protocol.Frame, buf []byte) {
	subject := f.Subject.Of(buf)
	s := r.claim(subject)
	if s == nil {
		r.late.Add(1)
		return
	}
	reply, header, payload := f.Reply.Of(buf), f.Header.Of(buf), f.Payload.Of(buf)
	data := make([]byte, 0, len(subject)+len(reply)+len(header)+len(payload))
	data = append(append(append(append(data, subject...), reply...), header...), payload...)
	s.reply <- Reply{Data: data, SubjectLen: len(subject), ReplyLen: len(reply), HeaderLen: len(header)}
}

// claim returns the slot that waits for a reply to subject, nil if none does.
// The caller owes it exactly one reply.
func (r *requests) claim(subject []byte) *slot {
	index, use, ok := parseToken(subject)
	r.mu.Lock()
	defer r.mu.Unlock()
	if !ok || index >= uint64(len(r.slots)) {
		return nil
	}
	s := r.slots[index]
	if !s.busy || s.use&(1<<48-1) != use {
		return nil
	}
	s.busy = false
	return s
}

// parseToken reads slot and use from the end of a reply's subject.
func parseToken(subject []byte) (index, use uint64, ok bool) {
	if len(subject) < tokenLen {
		return 0, 0, false
	}
	token := subject[len(subject)-tokenLen:]
	for i, c := range token {
		v := tokenValue[c]
		if v == 255 {
			return 0, 0, false
		}
		if i < 4 {
			index = index<<6 | uint64(v)
		} else {
			use = use<<6 | uint64(v)
		}
	}
	return index, use, true
}

// numbered notes the number of a request's publish. The link may have been lost
// since: then the request ends now.
func (r *requests) numbered(s *slot, pub uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.pub = pub
	if s.busy && pub <= r.lostUpTo {
		s.busy = false
		s.reply <- Reply{err: r.lostBy}
	}
}

// failReply ends the request that waits for a reply to subject, if one does.
func (r *requests) failReply(subject string, err error) {
	if s := r.claim([]byte(subject)); s != nil {
		s.reply <- Reply{err: err}
	}
}

// failUpTo ends waiting requests whose publish may have left on a lost link.
func (r *requests) failUpTo(upTo uint64, cause error) {
	err := &RequestLostError{Cause: cause}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lostUpTo, r.lostBy = max(r.lostUpTo, upTo), err
	for _, s := range r.slots {
		if s.busy && s.pub <= upTo {
			s.busy = false
			s.reply <- Reply{err: err}
		}
	}
}

// failAll ends all waiting requests and refuses new ones.
func (r *requests) failAll(why error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.why = why
	for _, s := range r.slots {
		if s.busy {
			s.busy = false
			s.reply <- Reply{err: why}
		}
	}
	for _, s := range r.free {
		s.stop()
	}
}

func (s *slot) stop() {
	if s.timer != nil {
		s.timer.Stop()
	}
}

// NoTimeout as the timeout of a request leaves its end to the context.
const NoTimeout time.Duration = -1

// Request publishes a message with a reply subject of its own and waits for
// the first reply, for at most timeout and until ctx is done. It returns a
// *TimeoutError or ctx's error when none came, and what Publish returns.
//
//style:allow params the parts of a request; a struct would have to be filled for each
func (c *Conn) Request(ctx context.Context, subject string, block, payload []byte, timeout time.Duration) (Reply, error) {
	r := &c.reqs
	prefix, err := r.inbox()
	if err != nil {
		return Reply{}, err
	}
	var token [tokenLen]byte
	s, err := r.take(&token)
	if err != nil {
		return Reply{}, err
	}
	var buf [128]byte // on the stack: the frame is the only copy of the reply subject
	inbox := append(append(buf[:0], prefix...), token[:]...)
	pub, err := c.out.request(subject, unsafe.String(&inbox[0], len(inbox)), block, payload)
	if err != nil {
		r.giveBack(s)
		return Reply{}, err
	}
	r.numbered(s, pub)
	return r.await(ctx, s, timeout)
}

// await waits for the reply of a slot and frees it.
func (r *requests) await(ctx context.Context, s *slot, timeout time.Duration) (Reply, error) {
	var expired <-chan time.Time
	var deadline time.Time
	if timeout != NoTimeout {
		deadline = time.Now().Add(timeout)
		expired = s.arm(deadline, timeout)
	}
	for {
		select {
		case reply := <-s.reply:
			r.done(s)
			return reply, reply.err
		case <-expired:
			if left := time.Until(deadline); left > 0 {
				s.reset(deadline, left) // it was an earlier request's
				continue
			}
			r.giveBack(s)
			return Reply{}, &TimeoutError{Op: "request", After: timeout}
		case <-ctx.Done():
			r.giveBack(s)
			return Reply{}, ctx.Err()
		}
	}
}

// arm makes the slot's timer fire at the deadline or before it. A timer that an
// earlier request left running is left alone: to stop and start one for each
// request would wake the network poller each time.
func (s *slot) arm(deadline time.Time, left time.Duration) <-chan time.Time {
	if s.timer == nil {
		s.timer = time.NewTimer(left)
		s.fires = deadline
		return s.timer.C
	}
	if s.fires.After(deadline) || !s.fires.After(deadline.Add(-left)) {
		s.reset(deadline, left)
	}
	return s.timer.C
}

func (s *slot) reset(deadline time.Time, left time.Duration) {
	s.timer.Reset(left)
	s.fires = deadline
}
