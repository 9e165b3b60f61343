package api

import (
	"bytes"
	"reflect"
	"testing"
	"testing/quick"

	"github.com/google/go-cmp/cmp"

	"github.com/troupe-go/troupe/protocol"
)

func TestMessagesAreCompared(t *testing.T) {
	base := func() *Msg {
		return &Msg{Subject: "a", Reply: "b", Header: Header{"K": {"1", "2"}}, Data: []byte("data")}
	}
	for name, change := range map[string]func(*Msg){
		"subject": func(m *Msg) { m.Subject = "x" }, "reply": func(m *Msg) { m.Reply = "" }, "data": func(m *Msg) { m.Data = nil },
		"value": func(m *Msg) { m.Header["K"][0] = "x" }, "order of values": func(m *Msg) { m.Header["K"] = []string{"2", "1"} },
		"another key": func(m *Msg) { m.Header.Add("L", "1") }, "case of a key": func(m *Msg) { m.Header = Header{"k": {"1", "2"}} },
	} {
		other := base()
		change(other)
		if base().Equal(other) || other.Equal(base()) {
			t.Errorf("equal in spite of another %s", name)
		}
	}
	same := base()
	same.Sub = &Subscription{}
	if !base().Equal(same) || !same.Equal(same) || base().Equal(nil) {
		t.Error("Equal")
	}
}

func TestSizeIsWhatTheServerCounts(t *testing.T) {
	m := &Msg{Subject: "abc", Reply: "de", Data: make([]byte, 10)}
	if m.Size() != 15 {
		t.Errorf("size %d", m.Size())
	}
	m.Header = Header{"K": {"v"}}
	if block, _ := protocol.AppendHeader(nil, m.Header); m.Size() != 15+len(block) {
		t.Errorf("size %d with a header of %d", m.Size(), len(block))
	}
	if n := NewMsg("a"); n.Header == nil || n.Subject != "a" || n.Size() != 1 {
		t.Errorf("new message %+v", n)
	}
}

// TestClonesShareNothing changes everything of the original, borrowed strings included.
func TestClonesShareNothing(t *testing.T) {
	clones := func(parts [5][]byte) bool {
		subject, reply, key, value, data := parts[0], parts[1], parts[2], parts[3], parts[4]
		m := &Msg{Subject: stringOf(subject), Reply: stringOf(reply), Data: data, Sub: &Subscription{}}
		if len(key) > 0 {
			m.Header = Header{string(key): {stringOf(value)}}
		}
		want := &Msg{Subject: string(subject), Reply: string(reply), Data: bytes.Clone(data)}
		if len(key) > 0 {
			want.Header = Header{string(key): {string(value)}}
		}
		got := m.Clone()
		for _, b := range [][]byte{subject, reply, value, data} {
			for i := range b {
				b[i] ^= 0xFF
			}
		}
		return got.Equal(want) && got.Sub == m.Sub && (got.Header == nil) == (len(key) == 0)
	}
	if err := quick.Check(clones, nil); err != nil {
		t.Error(err)
	}
}

// blocks are header blocks of every kind: plain, with a status, odd, broken.
var blocks = []string{
	"NATS/1.0\r\n\r\n", "NATS/1.0\r\nA: 1\r\n\r\n", "NATS/1.0\r\nA:1\r\nB:  2 \r\n\r\n", "NATS/1.0\r\nA: 1\r\nB: 2\r\nA: 3\r\n\r\n",
	"NATS/1.0\r\nA:\r\n\r\n", "NATS/1.0\r\nA: b:c\r\n\r\n", "NATS/1.0\r\n: x\r\n\r\n", "NATS/1.0\nA: 1\n\n", "NATS/1.0\r\nA: 1\n\r\n",
	"NATS/1.0 503\r\n\r\n", "NATS/1.0 503 No Responders\r\nA: 1\r\n\r\n", "NATS/1.0 5\r\n\r\n", "NATS/1.0x\r\n\r\n", "HTTP/1.1\r\n\r\n",
	"NATS/1.0\r\nA\r\n\r\n", "NATS/1.0\r\nA: 1\r\n", "NATS/1.0\r\nA: 1", "NATS/1.0", "", "\r\n", "NATS/1.0\r\nA: 1\r2\r\n\r\n",
	"NATS/1.0\r\n\r\nA: 1\r\n\r\n", "NATS/1.0\r\nA: 1\r\n\r\nrest", "NATS/1.0\r\nA\n: 1\r\n\r\n", "NATS/1.0\r\n\t: 1\r\n\r\n",
	"NATS/1.0\r\nA: 1\r\n\r\n\r\n", "NATS/1.0\r\nA: 1\r\nA: 1\r\nA: 1\r\n\r\n", "NATS/1.0\r\n\rA: 1\r\n\r\n", "NATS/1.0\r\n\n\r\n",
}

// TestHeadersAreReadAsTheProtocolSays compares with protocol.ParseHeader, which decides. One
// reader reads all blocks, so that anything left over from one would show.
func TestHeadersAreReadAsTheProtocolSays(t *testing.T) {
	var reader headerReader
	for range 2 {
		for _, block := range blocks {
			sameHeader(t, &reader, block)
		}
	}
}

func sameHeader(t *testing.T, reader *headerReader, block string) {
	t.Helper()
	want, wantErr := protocol.ParseHeader([]byte(block))
	for name, read := range map[string]func() (Header, error){
		"reader": func() (Header, error) { return reader.read(block) },
		"owned":  func() (Header, error) { return ownedHeader([]byte(block)) },
	} {
		got, err := read()
		if !reflect.DeepEqual(want, got) || (err == nil) != (wantErr == nil) {
			t.Errorf("%s: block %q: errors %v and %v, difference\n%s", name, block, wantErr, err, cmp.Diff(want, got))
		}
	}
}

func FuzzHeaderReader(f *testing.F) {
	for _, block := range blocks {
		f.Add(block)
	}
	var reader headerReader
	f.Fuzz(func(t *testing.T, block string) { sameHeader(t, &reader, block) })
}

func TestValuesOfAHeaderDoNotOverlap(t *testing.T) {
	h, err := ownedHeader([]byte("NATS/1.0\r\nA: 1\r\nB: 2\r\n\r\n"))
	if err != nil {
		t.Fatal(err)
	}
	h.Add("A", "3")
	h["B"] = append(h["B"], "4")
	if diff := cmp.Diff(Header{"A": {"1", "3"}, "B": {"2", "4"}}, h); diff != "" {
		t.Error(diff)
	}
}
