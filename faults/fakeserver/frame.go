package fakeserver

import (
	"slices"

	"github.com/troupe-go/troupe/protocol"
)

// Frame is one operation of a client. Fields that do not belong to its operation are
// zero. It owns its memory and is immutable: a control function sees the same bytes as
// the transcript.
type Frame struct {
	Op      protocol.Op
	Subject string // PUB, HPUB, SUB
	Reply   string // PUB, HPUB; empty for none
	Queue   string // SUB; empty for none
	SID     uint64 // SUB, UNSUB: the subscription's number
	Max     int    // UNSUB: messages after which to end; 0 is at once
	Header  []byte // HPUB: the block, encoded
	Payload []byte // PUB, HPUB: what follows the header
	Arg     []byte // CONNECT: the JSON
	Raw     []byte // the whole frame as received
}

// newFrame copies a frame out of the reader's buffer.
func newFrame(f *protocol.Frame, raw []byte) Frame {
	raw = slices.Clone(raw)
	return Frame{
		Op:      f.Op,
		Subject: string(f.Subject.Of(raw)),
		Reply:   string(f.Reply.Of(raw)),
		Queue:   string(f.Queue.Of(raw)),
		SID:     f.SID,
		Max:     f.Max,
		Header:  f.Header.Of(raw),
		Payload: f.Payload.Of(raw),
		Arg:     f.Arg.Of(raw),
		Raw:     raw,
	}
}

// String returns the frame as received.
func (f Frame) String() string { return string(f.Raw) }

// transcript stores the last frames of a client. The zero value is usable.
type transcript struct {
	frames []Frame // the oldest first
	bytes  int     // of all frames' Raw
	total  int     // frames received, including those no longer stored
}

// add appends a frame and drops the oldest ones above framesMax and transcriptBytesMax.
// The last one is kept whatever its size.
func (t *transcript) add(f Frame, framesMax int) {
	t.total++
	t.frames = append(t.frames, f)
	t.bytes += len(f.Raw)
	drop := 0
	for len(t.frames)-drop > 1 && (len(t.frames)-drop > framesMax || t.bytes > transcriptBytesMax) {
		t.bytes -= len(t.frames[drop].Raw)
		t.frames[drop] = Frame{}
		drop++
	}
	// append moves the rest to a new array from time to time, which frees what was cut
	// off here.
	t.frames = t.frames[drop:]
}
