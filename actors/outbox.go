package actors

import (
	"runtime"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/troupe-go/troupe/protocol"
)

// outboxLiveMax is how many bytes may wait while the socket takes them; above it Publish
// waits for the writer. The bound keeps both buffers in the cache.
const outboxLiveMax = 256 << 10

// outboxUrgentMax is how many bytes must wait for a request to be refused: it does not
// wait for room, since that could exceed its timeout.
const outboxUrgentMax = 8 << 20

// confirmBytes is how much is written before the writer asks the server to
// confirm it with a PING, so that little is uncertain when a connection is lost.
const confirmBytes = 512 << 10

type outState uint8

const (
	outDown    outState = iota // no socket: frames wait for the next one
	outLive                    // a writer takes the frames
	outMoving                  // sealed frames are written; the rest waits for the next socket
	outDrained                 // nothing more is accepted, what waits is written
	outClosed                  // nothing is accepted or written
)

// outbox holds the frames on their way out, in wire form. It outlives sockets.
//
//	publish ─► buf ─► (swap) ─► one write ─► confirmed by a PONG
//
// Two buffers alternate: callers append to one while the other is written. A buffer holds
// whole frames only. One goroutine at a time writes: the writer actor, or a requester on
// its own goroutine while the writer is idle.
//
// Counts of publishes, under mu: accepted >= written >= confirmed; written
// but not confirmed is what a lost connection leaves uncertain.
type outbox struct {
	mu    sync.Mutex
	state outState
	why   error // when outClosed: the reason

	buf     []byte // accepted, not yet taken by a write
	pubs    uint64 // publishes in buf
	spare   []byte // the other buffer; nil while it is being written
	writing int    // bytes of the write in progress; 0 for none
	kicked  bool   // the writer was woken and has not run yet

	gathering bool   // a stream is in progress: the writer sleeps, publishers write
	streamed  bool   // a publisher has written since the last call of streaming
	inline    func() // writeStream, made once

	kick    func()                  // wakes the writer; set while live
	try     func(frames []byte) int // writes without blocking; nil where that is not possible
	partial write                   // rest of a try, which the writer completes
	watch   func()                  // tells the heartbeat that something was written; nil for none
	watched bool                    // the heartbeat watches, see quits
	takes   uint64                  // writes begun, ever
	ends    uint64                  // of these, completed
	report  func(loss)              // gets the loss after a lost socket; called without mu
	cause   error                   // why the socket was lost
	link    uint32                  // attempt of the socket, to recognise late calls
	room    *sync.Cond
	blocked int // publishers that wait for room

	owned      []string // prefixes of the reply subjects of Outlets
	loose      bool     // subjects are checked only for what breaks a frame
	downMax    int      // bound on buf while down; negative: nothing is accepted
	payloadMax int
	headers    bool
	everLive   bool   // there was a server, so its limits are known
	ponging    bool   // a PONG waits in buf
	owes       uint32 // the next socket, if its server waits for a PONG; 0 for none
	noSubs     bool   // the connection drains: no new subscriptions

	sealed     int    // bytes at the front of buf for the current socket; while moving
	sealedPubs uint64 // publishes among them

	head atomic.Pointer[head]

	accepted  uint64
	written   uint64
	confirmed uint64
	sinceMark int    // bytes written since the last mark
	marks     []mark // PINGs on their way, oldest first
	waiting   []mark // PINGs to send with the next socket

	lastSub      uint64 // highest number of a SUB
	confirmedSub uint64 // no more -ERR can come for SUBs up to this one

	outBytes uint64
}

func newOutbox(downMax int, report func(loss)) *outbox {
	o := &outbox{downMax: downMax, report: report}
	o.room = sync.NewCond(&o.mu)
	o.inline = o.writeStream
	return o
}

// message is one publish without its subject. Errors keep the subject; everything else
// can stay on the caller's stack.
type message struct {
	reply   string // already checked; empty for none
	block   []byte // encoded header block; nil for none
	payload []byte
	urgent  bool  // a request: its timeout is running, so it does not wait for room
	crowd   bool  // a request: other goroutines are about to make one too
	owned   bool  // of an Outlet: it waits neither for room nor for the next socket
	head    *head // of an earlier frame to the same subject; nil for none
}

func (m *message) size() int { return len(m.block) + len(m.payload) }

// publish checks the subject and appends one message. Everything is copied
// before it returns.
func (o *outbox) publish(subject, reply string, block, payload []byte) error {
	if h := o.head.Load(); h != nil && block == nil && reply == "" && h.size == len(payload) && h.subject == subject && o.again(h, payload) {
		return nil
	}
	_, kick, err := o.put(subject, &message{reply: reply, block: block, payload: payload})
	if kick != nil {
		kick()
	}
	return err
}

// again is the fast path of put for another message like the one that head remembers. It
// returns false when the slow path must decide.
func (o *outbox) again(h *head, payload []byte) bool {
	o.lock()
	if o.state != outLive || len(o.buf) > outboxLiveMax || len(payload) > o.payloadMax {
		o.mu.Unlock()
		return false
	}
	o.buf = h.appendTo(o.buf, payload)
	o.acceptLocked(len(payload))
	kick := o.kickLocked()
	o.mu.Unlock()
	if kick != nil {
		kick()
	}
	return true
}

// acceptLocked counts a publish of size bytes.
func (o *outbox) acceptLocked(size int) {
	o.pubs++
	o.accepted++
	o.outBytes += uint64(size)
}

// lockTries is how often a publisher that finds the outbox locked yields before it queues
// for the lock.
const lockTries = 4

// lock takes mu for a publish. It is held for some 20 ns, so many publishers often find
// it locked; queueing each time would cost two goroutine switches per message.
func (o *outbox) lock() {
	if !o.mu.TryLock() {
		o.lockSlow()
	}
}

func (o *outbox) lockSlow() {
	for range lockTries {
		runtime.Gosched()
		if o.mu.TryLock() {
			return
		}
	}
	o.mu.Lock()
}

// request is publish for a caller that will wait for an answer: if the writer is idle,
// the caller writes, which saves a goroutine switch. If others are about to make requests
// too, it yields to them, and the first to run again writes for all.
func (o *outbox) request(subject string, m *message) (pub uint64, err error) {
	m.urgent = true
	pub, kick, err := o.put(subject, m)
	if err != nil {
		return 0, err
	}
	if m.crowd {
		runtime.Gosched()
	}
	o.writeNow(kick)
	return pub, nil
}

// put appends one message and returns its number and, if not nil, the function that the
// caller must call to have it written.
func (o *outbox) put(subject string, m *message) (pub uint64, kick func(), err error) {
	if h := o.head.Load(); h != nil && h.subject == subject {
		m.head = h
	} else if err := o.checkSubject(subject); err != nil {
		return 0, nil, err
	}
	o.lock()
	if o.state != outLive || len(o.buf) > outboxLiveMax || m.size() > o.payloadMax || m.block != nil {
		if err := o.admit(subject, m); err != nil {
			o.mu.Unlock()
			return 0, nil, err
		}
	}
	switch {
	case m.block != nil:
		o.buf = protocol.AppendHPubChecked(o.buf, subject, m.reply, m.block, m.payload)
	case m.head != nil && m.reply == "" && m.head.size == len(m.payload):
		o.buf = m.head.appendTo(o.buf, m.payload)
	default:
		start := len(o.buf)
		o.buf = protocol.AppendPubChecked(o.buf, subject, m.reply, m.payload)
		o.learn(subject, m, o.buf[start:])
	}
	o.acceptLocked(m.size())
	pub = o.accepted
	kick = o.kickLocked()
	o.mu.Unlock()
	return pub, kick, nil
}

// apiSubject is the prefix of subjects of the JetStream API, which may contain the filter
// of a consumer, including wildcards.
const apiSubject = "$JS."

func (o *outbox) checkSubject(subject string) error {
	if o.loose {
		return protocol.CheckFrameSubject(subject)
	}
	err := protocol.CheckPublishSubject(subject)
	if err != nil && strings.HasPrefix(subject, apiSubject) && protocol.CheckSubscribeSubject(subject) == nil {
		return nil
	}
	return err
}

// kickLocked returns the function that the caller must call after releasing mu to have
// the frames written: the writer's wake-up or, in a stream, writeStream. It is nil when a
// write is in progress or there is no hurry.
func (o *outbox) kickLocked() func() {
	if o.writing > 0 || o.kicked || o.kick == nil || o.state == outMoving && o.sealed == 0 {
		return nil
	}
	if o.gathering && len(o.buf) < gatherBytes {
		return nil
	}
	if o.gathering && o.try != nil {
		return o.inline
	}
	o.kicked = true
	return o.kick
}

// admit is the slow path of publish: limits, states, back-pressure. It is called with mu
// held and may release it temporarily.
func (o *outbox) admit(subject string, m *message) error {
	if m.owned {
		if err := o.admitOwnedLocked(); err != nil {
			return err
		}
	}
	if m.urgent && o.flows() && len(o.buf) > outboxUrgentMax {
		return &OutboundBufferLimitError{Buffered: len(o.buf), Need: len(subject) + len(m.reply) + m.size(), Limit: outboxUrgentMax}
	}
	for o.flows() && len(o.buf) > outboxLiveMax && !m.urgent {
		o.blocked++
		o.room.Wait()
		o.blocked--
	}
	if o.state == outClosed {
		return o.why
	}
	if o.state == outDrained {
		return ErrConnectionDraining
	}
	if o.everLive && m.block != nil && !o.headers {
		return ErrHeadersNotSupported
	}
	if o.everLive && m.size() > o.payloadMax {
		return &MaxPayloadError{Subject: subject, Size: m.size(), HeaderSize: len(m.block), Limit: o.payloadMax}
	}
	if o.state == outDown && (o.downMax < 0 || len(o.buf) >= o.downMax) {
		need := len(subject) + len(m.reply) + m.size()
		return &OutboundBufferLimitError{Buffered: len(o.buf), Need: need, Limit: o.downMax}
	}
	return nil
}

// flows reports whether waiting frames will be written sooner or later.
func (o *outbox) flows() bool { return o.state == outLive || o.state == outMoving }

// mayHaveLeft returns the number of the last publish that was given to a socket.
func (o *outbox) mayHaveLeft() uint64 {
	o.mu.Lock()
	defer o.mu.Unlock()
	return o.written
}

// control appends frames that are not publishes, when live. What must outlive
// the socket is kept elsewhere (subscriptions in the table, marks here).
func (o *outbox) control(encode func(dst []byte) []byte) {
	o.mu.Lock()
	kick := o.controlLocked(encode)
	o.mu.Unlock()
	if kick != nil {
		kick()
	}
}

func (o *outbox) controlLocked(encode func(dst []byte) []byte) (kick func()) {
	if o.state != outLive && o.state != outDrained {
		return nil
	}
	o.buf = encode(o.buf)
	o.gathering = false // a caller waits for the answer
	return o.kickLocked()
}

// answerPing sends a PONG, unless one already waits: a server that sends PINGs and does
// not read gets one answer, and costs no memory. A socket that is not in use yet answers
// once it is.
func (o *outbox) answerPing(link uint32) {
	o.mu.Lock()
	var kick func()
	if o.link != link {
		o.owes = link
	} else if !o.ponging {
		kick = o.controlLocked(protocol.AppendPong)
		o.ponging = kick != nil || o.state == outLive || o.state == outDrained
	}
	o.mu.Unlock()
	if kick != nil {
		kick()
	}
}

// begin takes the frames to write. If there are none, the result is empty and the writer
// becomes idle. link guards against a writer of an older socket.
func (o *outbox) begin(link uint32) (w write) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.kicked, o.gathering = false, false
	if o.link != link {
		return write{}
	}
	if o.partial.frames != nil {
		w, o.partial = o.partial, write{}
		return w
	}
	return o.takeLocked()
}

// write is a buffer of frames on its way to the socket.
type write struct {
	frames []byte
	n      int // bytes of frames that the socket took
}

// takeLocked swaps the buffers. From then on only the caller writes.
func (o *outbox) takeLocked() write {
	if o.writing > 0 || len(o.buf) == 0 || o.state == outDown || o.state == outClosed {
		return write{}
	}
	if o.state == outMoving {
		return o.takeSealedLocked()
	}
	if o.sinceMark += len(o.buf); o.sinceMark >= confirmBytes {
		o.sinceMark = 0
		o.buf = protocol.AppendPing(o.buf)
		o.marks = append(o.marks, mark{pubs: o.accepted, sub: o.lastSub})
	}
	frames := o.buf
	o.buf, o.spare = o.spare[:0], nil
	return o.takenLocked(frames, o.pubs)
}

// takenLocked begins a write of frames with that many publishes.
func (o *outbox) takenLocked(frames []byte, pubs uint64) write {
	o.written += pubs
	o.pubs -= pubs
	o.ponging = false
	o.writing = len(frames)
	o.takes++
	if o.blocked > 0 {
		o.room.Broadcast() // publishers can fill the other buffer meanwhile
	}
	if !o.watched && o.watch != nil {
		o.watched = true
		o.watch()
	}
	return write{frames: frames}
}

// end returns the buffer of a completed write. It returns the function that wakes the
// writer if frames came meanwhile that nothing else will write.
func (o *outbox) end(w write) (kick func()) {
	o.mu.Lock()
	o.writing = 0
	o.ends = o.takes
	if cap(w.frames) <= 4*outboxLiveMax {
		o.spare = w.frames[:0]
	}
	if o.blocked > 0 {
		o.room.Broadcast()
	}
	if o.state == outDown {
		o.settle()
		return nil
	}
	if len(o.buf) > 0 && !o.gathering {
		kick = o.kickLocked()
	}
	o.mu.Unlock()
	return kick
}
