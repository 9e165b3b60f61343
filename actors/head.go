package actors

import (
	"bytes"
	"slices"
	"strings"
)

// headEvery is how often a frame replaces the remembered one: often enough to follow a
// change, too rarely to matter as an allocation.
const headEvery = 256

// head remembers how one frame began. Most programs publish to the same few subjects
// again and again: comparing a subject with one that passed the check is faster than
// checking each of its bytes, and copying the start of a frame is faster than formatting
// it. It is immutable.
type head struct {
	subject string
	frame   []byte // "PUB foo.bar 16\r\n"
	size    int    // of the payload
}

// appendTo appends the frame of another message to the same subject.
func (h *head) appendTo(dst, payload []byte) []byte {
	start, size := len(dst), len(h.frame)+len(payload)+2
	dst = slices.Grow(dst, size)[:start+size]
	frame := dst[start:]
	n := copy(frame, h.frame)
	n += copy(frame[n:], payload)
	frame[n], frame[n+1] = '\r', '\n'
	return dst
}

// learn remembers the head of every headEvery-th frame. It is called with mu held.
func (o *outbox) learn(subject string, m *message, frame []byte) {
	if m.reply != "" || o.head.Load() != nil && o.accepted%headEvery != 0 {
		return
	}
	o.head.Store(&head{
		subject: strings.Clone(subject), // the caller's may be borrowed
		frame:   bytes.Clone(frame[:len(frame)-len(m.payload)-2]),
		size:    len(m.payload),
	})
}
