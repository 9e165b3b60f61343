package actors

import (
	"slices"
	"sync"
	"sync/atomic"

	"github.com/troupe-go/troupe/protocol"
)

// Sizes of the reader's buffer. It grows while reads fill it, because with many
// subscriptions only a large buffer yields batches, and shrinks when they don't.
const (
	chunkBytesMin = 32 << 10
	chunkBytesMax = 1 << 20
)

// Bounds of the buffers that slow subscriptions keep from being reused. Above one, the reader
// copies for a subscription that uses only a small part of a buffer.
const (
	sharedBytesMax = 16 << 20 // of any buffer
	sparseBytesMax = 4 << 20  // of one that a read has left nearly empty, so that messages that come alone do not keep one each
)

// chunksFree is how many buffers a connection keeps for the next reads.
const chunksFree = 8

// view is one message in a chunk: offsets into chunk.buf, no pointers. The
// payload follows the header.
type view struct {
	subject    uint32
	reply      uint32
	header     uint32
	headerLen  uint32
	payloadLen uint32
	next       uint32 // index of the same subscription's next view in the chunk
	subjectLen uint16 // control lines are far below 64 KiB
	replyLen   uint16
}

// size is how many bytes the message counts against pending limits.
func (v *view) size() int64 { return int64(v.headerLen) + int64(v.payloadLen) }

// chunk is one socket read with the views of the messages in it. The reader fills it;
// once it is published to lanes it is immutable and shared, and the last holder to
// release it returns it to its pool.
type chunk struct {
	buf   []byte
	views []view
	refs  atomic.Int32
	pool  *chunkPool // nil for a private copy
}

func (c *chunk) release() {
	if c.refs.Add(-1) == 0 && c.pool != nil {
		c.pool.put(c)
	}
}

// chunkPool keeps the buffers of one connection. It is shared by the reader, which takes
// chunks, and by the lanes, which release them.
type chunkPool struct {
	mu     sync.Mutex
	free   []*chunk
	shared int64 // bytes of chunks that are out

	viewsHint int // messages in a chunk that came back lately
}

// get returns an empty chunk of at least size bytes, owned by the caller.
func (p *chunkPool) get(size int) *chunk {
	p.mu.Lock()
	defer p.mu.Unlock()
	for len(p.free) > 0 {
		c := p.free[len(p.free)-1]
		p.free = p.free[:len(p.free)-1]
		if cap(c.buf) < size || cap(c.buf) > 4*size {
			continue // the reader's size has changed: let this one go
		}
		c.buf = c.buf[:cap(c.buf)]
		c.views = c.views[:0]
		c.refs.Store(1)
		p.shared += int64(cap(c.buf))
		return c
	}
	c := &chunk{buf: make([]byte, size), views: make([]view, 0, p.viewsHint), pool: p}
	c.refs.Store(1)
	p.shared += int64(size)
	return c
}

func (p *chunkPool) put(c *chunk) {
	p.mu.Lock()
	p.viewsHint = len(c.views)
	p.shared -= int64(cap(c.buf))
	if len(p.free) < chunksFree {
		p.free = append(p.free, c)
	}
	p.mu.Unlock()
}

// crowded reports whether so many bytes are out that lanes should get copies of small parts
// of a buffer of which so many bytes are filled.
func (p *chunkPool) crowded(filled, size int) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.shared > sharedBytesMax || p.shared > sparseBytesMax && filled < size/4
}

// drop forgets the free buffers when the connection closes.
func (p *chunkPool) drop() {
	p.mu.Lock()
	p.free = nil
	p.mu.Unlock()
}

// segment is the part of a chunk that belongs to one lane: n views linked from
// head. It holds one reference to the chunk.
type segment struct {
	chunk *chunk
	head  uint32
	n     uint32
	bytes int64  // sum of view.size
	seq   uint64 // number of the first message among all that the subscription received
}

// copied returns the segment with its messages in a private chunk that keeps nothing else
// alive, and releases the shared one.
func (s segment) copied() segment {
	total := 0
	for i, at := uint32(0), s.head; i < s.n; i++ {
		v := &s.chunk.views[at]
		total += int(v.subjectLen) + int(v.replyLen) + int(v.size())
		at = v.next
	}
	c := &chunk{buf: make([]byte, 0, total), views: make([]view, 0, s.n)}
	c.refs.Store(1)
	for i, at := uint32(0), s.head; i < s.n; i++ {
		v := s.chunk.views[at]
		at = v.next
		v.next = i + 1
		v.subject = c.keep(s.chunk.buf[v.subject:], int(v.subjectLen))
		v.reply = c.keep(s.chunk.buf[v.reply:], int(v.replyLen))
		v.header = c.keep(s.chunk.buf[v.header:], int(v.size()))
		c.views = append(c.views, v)
	}
	s.chunk.release()
	return segment{chunk: c, n: s.n, bytes: s.bytes}
}

// keep appends the first n bytes of b and returns their offset.
func (c *chunk) keep(b []byte, n int) uint32 {
	at := len(c.buf)
	c.buf = append(c.buf, b[:n]...)
	return uint32(at)
}

// add records a message frame that was parsed at offset base of the chunk and returns its
// index. It writes field by field into the slot: a literal would be built separately and
// copied.
func (c *chunk) add(f *protocol.Frame, base uint32) uint32 {
	at := len(c.views)
	if at == cap(c.views) {
		c.views = slices.Grow(c.views, max(64, at))
	}
	c.views = c.views[:at+1]
	v := &c.views[at]
	v.next = uint32(at) // until another follows: a stale index must not be followed
	header := f.Header.Start
	if f.Header.End == 0 {
		header = f.Payload.Start
	}
	v.subject, v.subjectLen = base+f.Subject.Start, uint16(f.Subject.End-f.Subject.Start)
	v.reply, v.replyLen = base+f.Reply.Start, uint16(f.Reply.End-f.Reply.Start)
	v.header, v.headerLen = base+header, f.Header.End-f.Header.Start
	v.payloadLen = f.Payload.End - f.Payload.Start
	return uint32(at)
}

// Raw is one message as it came from the wire. All slices are borrowed from the read
// buffer: valid until the delivery for which they were handed out ends.
type Raw struct {
	Subject []byte
	Reply   []byte // empty without a reply subject
	Header  []byte // encoded block; empty without headers
	Payload []byte
}

// Cursor iterates over the messages of a run. A copy is independent.
type Cursor struct {
	chunk *chunk
	at    uint32
}

// Next fills m with the message at the cursor and advances past it. The caller must know
// how many there are.
func (c *Cursor) Next(m *Raw) {
	v := &c.chunk.views[c.at]
	buf := c.chunk.buf
	m.Subject = buf[v.subject : v.subject+uint32(v.subjectLen) : v.subject+uint32(v.subjectLen)]
	m.Reply = buf[v.reply : v.reply+uint32(v.replyLen) : v.reply+uint32(v.replyLen)]
	payload := v.header + v.headerLen
	m.Header = buf[v.header:payload:payload]
	end := payload + v.payloadLen
	m.Payload = buf[payload:end:end]
	c.at = v.next
}
