package actors

import (
	"bytes"
	"testing"

	"pgregory.net/rapid"

	"github.com/troupe-go/troupe/protocol"
)

// parsed fills a chunk from frames as the reader does, all for one lane.
func parsed(t testing.TB, frames []byte) segment {
	t.Helper()
	c := &chunk{buf: frames}
	c.refs.Store(1)
	p := protocol.NewServerParser(protocol.Limits{})
	var f protocol.Frame
	s := segment{chunk: c}
	for at := 0; at < len(frames); {
		n, err := p.Next(frames[at:], &f)
		if n == 0 || err != nil {
			t.Fatalf("at %d: %v", at, err)
		}
		index := c.add(&f, uint32(at))
		c.views[index].next = index + 1
		s.n++
		s.bytes += c.views[index].size()
		at += n
	}
	return s
}

type wanted struct{ subject, reply, header, payload string }

func checkMessages(t rapid.TB, s segment, want []wanted) {
	t.Helper()
	if int(s.n) != len(want) {
		t.Fatalf("%d messages, want %d", s.n, len(want))
	}
	at := Cursor{chunk: s.chunk, at: s.head}
	size := int64(0)
	for i, w := range want {
		var m Raw
		at.Next(&m)
		got := wanted{string(m.Subject), string(m.Reply), string(m.Header), string(m.Payload)}
		if got != w {
			t.Fatalf("message %d is %q, want %q", i, got, w)
		}
		for _, part := range [][]byte{m.Subject, m.Reply, m.Header, m.Payload} {
			if len(part) != cap(part) {
				t.Fatalf("message %d: appending to a slice would overwrite its neighbour", i)
			}
		}
		size += int64(len(w.header) + len(w.payload))
	}
	if s.bytes != size {
		t.Fatalf("%d bytes, want %d", s.bytes, size)
	}
}

// TestViewsShowTheirMessages, whatever they contain, in the read buffer and in a copy.
func TestViewsShowTheirMessages(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		name := rapid.StringMatching(`[a-z.]{1,20}`)
		var frames []byte
		var want []wanted
		for range rapid.IntRange(1, 20).Draw(rt, "messages") {
			w := wanted{subject: name.Draw(rt, "subject"), payload: string(rapid.SliceOfN(rapid.Byte(), 0, 50).Draw(rt, "payload"))}
			if rapid.Bool().Draw(rt, "with reply") {
				w.reply = name.Draw(rt, "reply")
			}
			if rapid.Bool().Draw(rt, "with header") {
				w.header = "NATS/1.0\r\nA: " + name.Draw(rt, "value") + "\r\n\r\n"
				frames = protocol.AppendHMsg(frames, w.subject, 7, w.reply, []byte(w.header), []byte(w.payload))
			} else {
				frames = protocol.AppendMsg(frames, w.subject, 7, w.reply, []byte(w.payload))
			}
			want = append(want, w)
		}
		s := parsed(t, frames)
		checkMessages(rt, s, want)
		shared := s.chunk
		private := s.copied()
		if shared.refs.Load() != 0 || private.chunk.refs.Load() != 1 {
			rt.Fatalf("references: %d to the old chunk, %d to the new", shared.refs.Load(), private.chunk.refs.Load())
		}
		for i := range frames {
			frames[i] = 'X' // the buffer is read into again
		}
		checkMessages(rt, private, want)
		k := rapid.IntRange(0, len(want)).Draw(rt, "first")
		checkMessages(rt, private.first(k), want[:k])
		rest := private
		for range k {
			rest = rest.behind(1)
		}
		checkMessages(rt, rest, want[k:])
	})
}

// TestPoolUsesBuffersAgain, a bounded number of them, and drops those of a wrong size.
func TestPoolUsesBuffersAgain(t *testing.T) {
	var p chunkPool
	c := p.get(chunkBytesMin)
	if p.shared != chunkBytesMin || len(c.buf) != chunkBytesMin {
		t.Fatalf("%d bytes out, buffer of %d", p.shared, len(c.buf))
	}
	c.buf[0] = 'x'
	c.views = append(c.views, view{})
	c.refs.Add(1)
	c.release()
	if p.shared == 0 {
		t.Error("given back while somebody held it")
	}
	c.release()
	if again := p.get(chunkBytesMin); again != c || len(again.views) != 0 || again.refs.Load() != 1 {
		t.Error("the buffer was not used again, or not cleared")
	}
	c.release()
	if big := p.get(chunkBytesMax); len(big.buf) < chunkBytesMax {
		t.Errorf("asked for %d, got %d", chunkBytesMax, len(big.buf))
	}
	var out []*chunk
	for range 100 {
		out = append(out, p.get(chunkBytesMin))
	}
	for _, c := range out {
		c.release()
	}
	if len(p.free) > chunksFree {
		t.Errorf("%d buffers kept", len(p.free))
	}
	if p.drop(); len(p.free) != 0 {
		t.Error("buffers kept after the end")
	}
}

// TestCrowdedPool counts what lanes hold, to the byte: of buffers that are full, and of those
// that are nearly empty.
func TestCrowdedPool(t *testing.T) {
	const quarter = chunkBytesMin / 4
	for filled, most := range map[int]int{chunkBytesMin: sharedBytesMax, quarter: sharedBytesMax, quarter - 1: sparseBytesMax} {
		var p chunkPool
		var out []*chunk
		for range most / chunkBytesMax {
			out = append(out, p.get(chunkBytesMax))
		}
		if p.crowded(filled, chunkBytesMin) {
			t.Errorf("%d bytes: crowded at the limit", filled)
		}
		out = append(out, p.get(chunkBytesMin))
		if !p.crowded(filled, chunkBytesMin) {
			t.Errorf("%d bytes: not crowded above the limit", filled)
		}
		for _, c := range out {
			c.release()
		}
		if p.crowded(filled, chunkBytesMin) || p.shared != 0 {
			t.Errorf("%d bytes are out after all came back", p.shared)
		}
	}
}

// TestHeaderAndPayloadAreNeighbours: a view finds the payload after the header.
func TestHeaderAndPayloadAreNeighbours(t *testing.T) {
	block := []byte("NATS/1.0 503\r\n\r\n")
	s := parsed(t, protocol.AppendHMsg(nil, "a", 1, "", block, nil))
	at := Cursor{chunk: s.chunk}
	var m Raw
	at.Next(&m)
	if !bytes.Equal(m.Header, block) || len(m.Payload) != 0 || len(m.Reply) != 0 {
		t.Errorf("got %q", m)
	}
}
