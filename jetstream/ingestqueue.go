package jetstream

import (
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/protocol"
)

// ingestqueue.go - the messages that are not acknowledged yet, oldest first. Their bytes are
// stored one after another in chunks, which are reused.

const (
	keptChunkBytes = 64 << 10
	keptBytesMax   = 16 << 20 // of header and data; may be exceeded by one message
	keptSpareMax   = 32       // free chunks that are kept for reuse
)

// kept is a message that is not acknowledged yet.
type kept struct {
	subject     string
	block, data []byte
	put         uint64        // number that the outlet gave it; 0 before
	first       time.Duration // when it was put for the first time, since the machine began
	identified  bool          // has a Msg-Id
	commit      bool          // is the last one
}

// keptChunk is memory of several messages.
type keptChunk struct {
	bytes []byte
	last  uint64 // the last message in it
}

// ingestQueue holds messages in the order of their numbers. It begins with first at 1.
type ingestQueue struct {
	ring   []kept // the size is a power of two
	first  uint64 // number of the first one; those before are acknowledged
	last   uint64 // number of the last one, first-1 when it is empty
	size   int    // bytes of header and data
	chunks []keptChunk
	spare  [][]byte
}

// at returns a message that is in the queue. It is valid until the next push.
func (q *ingestQueue) at(number uint64) *kept { return &q.ring[number&uint64(len(q.ring)-1)] }

// push adds a message, of which everything but the subject is copied. With an error, which
// concerns its header, nothing was added.
func (q *ingestQueue) push(m *api.Msg, commit bool) error {
	k := kept{subject: m.Subject, commit: commit}
	room := len(m.Data)
	if len(m.Header) > 0 {
		room += protocol.HeaderSize(m.Header)
		k.identified = m.Header.Get(MsgIDHeader) != ""
	}
	c := q.chunk(room)
	if len(m.Header) > 0 {
		start := len(c.bytes)
		var err error
		if c.bytes, err = protocol.AppendHeader(c.bytes, m.Header); err != nil {
			return err
		}
		k.block = c.bytes[start:len(c.bytes):len(c.bytes)]
	}
	start := len(c.bytes)
	c.bytes = append(c.bytes, m.Data...)
	k.data = c.bytes[start:len(c.bytes):len(c.bytes)]
	if int(q.last-q.first+1) == len(q.ring) {
		q.grow()
	}
	q.last++
	c.last = q.last
	q.size += len(k.block) + len(k.data)
	*q.at(q.last) = k
	return nil
}

// chunk returns a chunk with that much room.
func (q *ingestQueue) chunk(room int) *keptChunk {
	if n := len(q.chunks); n > 0 {
		if c := &q.chunks[n-1]; cap(c.bytes)-len(c.bytes) >= room {
			return c
		}
	}
	var bytes []byte
	switch n := len(q.spare); {
	case room > keptChunkBytes:
		bytes = make([]byte, 0, room)
	case n > 0:
		bytes, q.spare = q.spare[n-1], q.spare[:n-1]
	default:
		bytes = make([]byte, 0, keptChunkBytes)
	}
	q.chunks = append(q.chunks, keptChunk{bytes: bytes, last: q.last})
	return &q.chunks[len(q.chunks)-1]
}

func (q *ingestQueue) grow() {
	ring := make([]kept, max(64, 2*len(q.ring)))
	for n := q.first; n <= q.last; n++ {
		ring[n&uint64(len(ring)-1)] = *q.at(n)
	}
	q.ring = ring
}

// drop forgets the messages up to a number.
func (q *ingestQueue) drop(number uint64) {
	for ; q.first <= number && q.first <= q.last; q.first++ {
		k := q.at(q.first)
		q.size -= len(k.block) + len(k.data)
		*k = kept{}
	}
	done := 0
	for ; done < len(q.chunks) && q.chunks[done].last < q.first; done++ {
		if c := q.chunks[done].bytes; cap(c) == keptChunkBytes && len(q.spare) < keptSpareMax {
			q.spare = append(q.spare, c[:0])
		}
	}
	if done > 0 {
		q.chunks = append(q.chunks[:0], q.chunks[done:]...)
	}
}

// full reports whether the limit of kept bytes is reached.
func (q *ingestQueue) full() bool { return q.size >= keptBytesMax }

// identified reports whether all messages in that range can be recognized by the stream.
func (q *ingestQueue) identified(first, last uint64) bool {
	for n := first; n <= last; n++ {
		if !q.at(n).identified {
			return false
		}
	}
	return true
}
