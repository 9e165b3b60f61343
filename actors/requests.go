package actors

import (
	"context"
	"fmt"
	"strings"
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
// All replies come to one wildcard subscription, or with InboxEach to one per request. A
// token names a slot and the use of the slot, so a late reply matches no request. The
// actor ends requests for which no reply can come.

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

// tokenValue maps a digit to its value, and other bytes to 255.
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
	// Data holds subject, reply subject, header block and payload one after the other.
	Data       []byte
	SubjectLen int
	ReplyLen   int
	HeaderLen  int
	Payload    []byte // in memory of GatherSpec.Memory, instead of in Data; or nil
	err        error
}

// slot is the state of one waiting request; slots are reused.
type slot struct {
	index   uint32
	use     uint64 // guarded by requests.mu; a reply for another use is late
	busy    bool
	crowd   bool        // other callers were about to take replies when it was taken
	subject string      // of the request; empty when free
	many    *replies    // where replies go when there may be many; nil for one
	alone   *Sub        // to the request's own reply subject; nil if the inbox serves
	pub     uint64      // number of its publish, see outbox.accepted; unnumbered before the publish
	reply   chan Reply  // capacity 1
	timer   *time.Timer // may keep running between requests; nil before the first
	fires   time.Time   // when timer fires or fired
}

// unnumbered stands for the number of a publish that has none yet.
const unnumbered = ^uint64(0)

type requests struct {
	conn   *Conn
	mu     sync.Mutex
	slots  []*slot
	free   []*slot
	ready  int    // slots with a reply that their caller is about to take
	prefix string // of the subjects of replies: "_INBOX.<nuid>."
	inbox  *Sub   // to prefix + "*"; nil before the first request
	late   atomic.Uint64
	why    error // set when the connection has ended

	refused  error  // why the server in use refuses the inbox; nil if it does not
	lostUpTo uint64 // publishes up to this number may have left on a lost link
	lostBy   error  // the error of their requests
}

func (r *requests) init(c *Conn) {
	r.conn = c
	r.prefix = c.cfg.InboxPrefix + "." + nuid.Next() + "."
}

// ReplyPrefix returns the prefix of the reply subjects of requests, which ends in a dot.
// It is unique to the connection.
func (c *Conn) ReplyPrefix() string { return c.reqs.prefix }

// newMux makes a subscription whose messages are replies.
func newMux(c *Conn, subject string) *Sub {
	s := &Sub{Subject: subject, conn: c, mux: true, spec: &SubSpec{}}
	s.gather[0].round, s.gather[1].round = muxRound, muxRound
	return s
}

// subscribeLocked subscribes to the inbox before the first request.
func (r *requests) subscribeLocked() error {
	s := newMux(r.conn, r.prefix+"*")
	if err := r.conn.enlist(s); err != nil {
		return err
	}
	r.inbox = s
	return nil
}

// take reserves a slot for a request on subject and returns it with its token.
func (r *requests) take(subject string, many *replies, token *[tokenLen]byte) (*slot, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.why != nil {
		return nil, r.why
	}
	if r.refused != nil {
		return nil, r.refused
	}
	if r.inbox == nil && !r.conn.cfg.InboxEach {
		if err := r.subscribeLocked(); err != nil {
			return nil, err
		}
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
	s.busy, s.crowd = true, r.ready > 0
	s.subject, s.many = subject, many
	s.pub = unnumbered
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

// giveBack frees a slot, and returns the reply in it, or one with the error why if there
// is none.
func (r *requests) giveBack(s *slot, why error) Reply {
	r.leave(s)
	r.mu.Lock()
	defer r.mu.Unlock()
	reply := Reply{err: why}
	if !s.busy {
		reply = <-s.reply // it came, or is just being copied, as the caller gave up
		r.ready--
	}
	s.busy = false
	r.freeLocked(s)
	return reply
}

// done frees a slot whose reply has been taken.
func (r *requests) done(s *slot) {
	r.leave(s)
	r.mu.Lock()
	r.ready--
	r.freeLocked(s)
	r.mu.Unlock()
}

// leave ends the slot's own subscription, if it has one.
func (r *requests) leave(s *slot) {
	if s.alone != nil {
		r.conn.unlist(s.alone)
		s.alone = nil
	}
}

func (r *requests) freeLocked(s *slot) {
	s.subject, s.many = "", nil // the caller's memory
	r.free = append(r.free, s)
	if r.why != nil {
		s.stop()
	}
}

// reply hands a message of the inbox to its caller. f is relative to buf. While the
// connection moves, two servers send each reply: a request for one reply gets the first,
// a request for many gets those of the server in use.
func (r *requests) reply(f *protocol.Frame, buf []byte, from *line) {
	subject := f.Subject.Of(buf)
	s, many := r.claim(subject, false)
	if s == nil || many != nil && from.ahead.Load() {
		r.late.Add(1)
		return
	}
	reply, header, payload := f.Reply.Of(buf), f.Header.Of(buf), f.Payload.Of(buf)
	answer := Reply{SubjectLen: len(subject), ReplyLen: len(reply), HeaderLen: len(header), Payload: many.place(payload)}
	if answer.Payload != nil {
		payload = nil
	}
	data := make([]byte, 0, len(subject)+len(reply)+len(header)+len(payload))
	answer.Data = append(append(append(append(data, subject...), reply...), header...), payload...)
	if many == nil {
		s.reply <- answer
	} else if err := many.push(answer); err != nil {
		r.late.Add(1)
		r.fail(subject, err)
	}
}

// claim returns the slot that waits for a reply to subject, nil if none does. Unless many
// replies are possible and this is not the end, the caller must then put exactly one
// reply into the slot, and no other call finds it.
func (r *requests) claim(subject []byte, end bool) (s *slot, many *replies) {
	index, use, ok := parseToken(subject)
	r.mu.Lock()
	defer r.mu.Unlock()
	if !ok || index >= uint64(len(r.slots)) {
		return nil, nil
	}
	s = r.slots[index]
	if !s.busy || s.use&(1<<48-1) != use {
		return nil, nil
	}
	if s.many == nil || end {
		r.owedLocked(s)
	}
	return s, s.many
}

// owedLocked records that a reply will be put into s for certain.
func (r *requests) owedLocked(s *slot) {
	s.busy = false
	r.ready++
}

// fail ends the request that waits for a reply to subject, if one does.
func (r *requests) fail(subject []byte, err error) {
	if s, _ := r.claim(subject, true); s != nil {
		s.reply <- Reply{err: err}
	}
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

// numbered records the number of a request's publish. If its link was lost since, the
// request ends now.
func (r *requests) numbered(s *slot, pub uint64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	s.pub = pub
	if s.busy && pub <= r.lostUpTo {
		r.failLocked(s, r.lostBy)
	}
}

// failLocked ends the request that waits in s.
func (r *requests) failLocked(s *slot, err error) {
	r.owedLocked(s)
	s.reply <- Reply{err: err}
}

// failReply is fail for any reply subject, including ones that are not ours.
func (r *requests) failReply(subject string, err error) {
	if strings.HasPrefix(subject, r.prefix) {
		r.fail([]byte(subject), err)
	}
}

// failWhere ends the waiting requests for which where holds.
func (r *requests) failWhere(err error, where func(s *slot) bool) {
	for _, s := range r.slots {
		if s.busy && where(s) {
			r.failLocked(s, err)
		}
	}
}

// failUpTo ends waiting requests whose publish may have left on a lost link.
func (r *requests) failUpTo(upTo uint64, cause error) {
	err := &RequestLostError{Op: "request", Cause: cause}
	r.mu.Lock()
	defer r.mu.Unlock()
	r.lostUpTo, r.lostBy = max(r.lostUpTo, upTo), err
	r.failWhere(err, func(s *slot) bool { return s.pub <= upTo })
}

// waiting returns how many requests wait.
func (r *requests) waiting() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return len(r.slots) - len(r.free)
}

// denied ends the requests that the server's refusal is about: those on its subject that
// may have been sent, the one with its reply subject, or all, when it is about the inbox.
// In the last case new ones are refused, too, until the next link.
func (r *requests) denied(e *PermissionError) {
	switch e.Op {
	case protocol.RolePublish:
		written := r.conn.out.mayHaveLeft()
		r.mu.Lock()
		defer r.mu.Unlock()
		r.failWhere(e, func(s *slot) bool { return s.subject == e.Subject && (s.pub <= written || s.pub == unnumbered) })
	case protocol.RoleReply:
		r.failReply(e.Subject, e)
	case protocol.RoleSubscribe:
		r.failReply(e.Subject, e)
		r.mu.Lock()
		defer r.mu.Unlock()
		if r.inbox != nil && r.inbox.Subject == e.Subject {
			r.refused = e
			r.failWhere(e, func(*slot) bool { return true })
		}
	}
}

// linked begins a new link, whose server may not refuse the inbox.
func (r *requests) linked() {
	r.mu.Lock()
	r.refused = nil
	r.mu.Unlock()
}

// failAll ends all waiting requests, and refuses new ones, because the connection has
// ended.
func (r *requests) failAll(cause error) {
	written := r.conn.out.mayHaveLeft()
	r.mu.Lock()
	defer r.mu.Unlock()
	r.why = &ConnectionClosedError{Cause: cause}
	r.failWhere(r.why, func(s *slot) bool { return s.pub > written && s.pub != unnumbered })
	r.failWhere(&ConnectionClosedError{Cause: cause, Sent: true}, func(*slot) bool { return true })
	for _, s := range r.free {
		s.stop()
	}
}

func (s *slot) stop() {
	if s.timer != nil {
		s.timer.Stop()
	}
}

// NoTimeout, as the timeout of a request, means that only the context ends it.
const NoTimeout time.Duration = -1

// Request publishes a message with a reply subject of its own and waits for the first
// reply, for at most timeout and until ctx is done. It returns a *TimeoutError or a
// *CanceledError when none came, and the errors of Publish.
//
//style:allow params the parts of a request; a struct would have to be filled for each
func (c *Conn) Request(ctx context.Context, subject string, block, payload []byte, timeout time.Duration) (Reply, error) {
	s, err := c.reqs.begin(subject, block, payload, nil)
	if err != nil {
		return Reply{}, err
	}
	return c.reqs.await(ctx, s, timeout)
}

// begin publishes a request and returns the slot that waits for its reply, or for
// many.
func (r *requests) begin(subject string, block, payload []byte, many *replies) (*slot, error) {
	var token [tokenLen]byte
	s, err := r.take(subject, many, &token)
	if err != nil {
		return nil, err
	}
	var buf [128]byte // on the stack: the frame is the only copy of the reply subject
	inbox := append(append(buf[:0], r.prefix...), token[:]...)
	if r.conn.cfg.InboxEach {
		err = r.subscribeAlone(s, string(inbox))
	}
	var pub uint64
	if err == nil {
		pub, err = r.conn.out.request(subject, &message{reply: unsafe.String(&inbox[0], len(inbox)), block: block, payload: payload, crowd: s.crowd})
	}
	if err != nil {
		r.giveBack(s, err)
		return nil, err
	}
	r.numbered(s, pub)
	return s, nil
}

// subscribeAlone subscribes to the reply subject of one request.
func (r *requests) subscribeAlone(s *slot, subject string) error {
	sub := newMux(r.conn, subject)
	if err := r.conn.enlist(sub); err != nil {
		return err
	}
	s.alone = sub
	return nil
}

// await waits for the reply of a slot and frees it. A reply that has come counts, even if
// time or context has ended. A request that is given up while it waits for a server
// counts as sent: the next server will get it.
func (r *requests) await(ctx context.Context, s *slot, timeout time.Duration) (Reply, error) {
	began, subject := time.Now(), s.subject
	deadline := began.Add(timeout)
	var expired <-chan time.Time
	if timeout != NoTimeout {
		expired = s.arm(deadline, timeout)
	}
	for {
		var reply Reply
		select {
		case reply = <-s.reply:
			r.done(s)
		case <-expired:
			if left := time.Until(deadline); left > 0 {
				s.reset(deadline, left) // it fired for an earlier request
				continue
			}
			reply = r.giveBack(s, &TimeoutError{Op: "request", Subject: subject, After: timeout, Elapsed: time.Since(began), Sent: true})
		case <-ctx.Done():
			reply = r.giveBack(s, sent(Interrupted(ctx, "request", subject, began)))
		}
		return reply, reply.err
	}
}

// arm makes the slot's timer fire at the deadline or before it. A timer that an earlier
// request left running is not touched: stopping and starting one for each request would
// wake the network poller each time.
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
