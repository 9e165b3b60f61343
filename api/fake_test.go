package api

import (
	"bytes"
	"context"
	"io"
	"net"
	"sync"
	"testing"
	"time"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/protocol"
)

// fake is a server at the other end of a socket that costs nothing: it discards what is
// written, answers PINGs, and reads as fast as it can copy.
type fake struct {
	mu     sync.Mutex
	cond   *sync.Cond
	out    []byte // bytes for the client to read
	feed   []byte // repeated after out; nil for nothing
	closed bool
	info   protocol.Info
}

func newFake() *fake {
	f := &fake{info: protocol.Info{ServerID: "FAKE", Version: "2.15.2", Proto: 1, Headers: true, MaxPayload: 1 << 20}}
	f.cond = sync.NewCond(&f.mu)
	f.out = protocol.AppendInfo(nil, &f.info)
	return f
}

// InProcessConn makes a fake its own provider, for one connection.
func (f *fake) InProcessConn() (net.Conn, error) { return f, nil }

func (f *fake) send(frames []byte) {
	f.mu.Lock()
	f.out = append(f.out, frames...)
	f.mu.Unlock()
	f.cond.Broadcast()
}

// repeat makes the client read frames again and again, as fast as it can; nil
// ends that.
func (f *fake) repeat(frames []byte) {
	f.mu.Lock()
	f.feed = frames
	f.mu.Unlock()
	f.cond.Broadcast()
}

func (f *fake) Read(p []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for len(f.out) == 0 && f.feed == nil && !f.closed {
		f.cond.Wait()
	}
	switch {
	case f.closed:
		return 0, io.EOF
	case len(f.out) > 0:
		n := copy(p, f.out)
		f.out = f.out[n:]
		return n, nil
	default:
		n := copy(p, f.feed)
		f.out = f.feed[n:]
		return n, nil
	}
}

func (f *fake) Write(p []byte) (int, error) {
	// Our own client puts a PING at the end of what it writes.
	if bytes.HasSuffix(p, []byte("PING\r\n")) {
		f.send(protocol.AppendPong(nil))
	}
	return len(p), nil
}

func (f *fake) Close() error {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.cond.Broadcast()
	return nil
}

func (f *fake) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (f *fake) RemoteAddr() net.Addr             { return &net.TCPAddr{} }
func (f *fake) SetDeadline(time.Time) error      { return nil }
func (f *fake) SetReadDeadline(time.Time) error  { return nil }
func (f *fake) SetWriteDeadline(time.Time) error { return nil }

// dialFake connects to f until the test ends.
func dialFake(t testing.TB, f *fake, options ...Option) *Conn {
	t.Helper()
	nc, err := Connect("", append([]Option{InProcessServer(f), NoReconnect(), Timeout(time.Minute)}, options...)...)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// holder is a consumer that blocks in Build, so that the messages at its cursor stay where
// they are.
type holder struct {
	at    chan actors.Cursor
	leave chan struct{}
}

func (h *holder) Build(at *actors.Cursor, n int) int {
	select {
	case h.at <- *at:
	default:
	}
	<-h.leave
	return n
}

func (h *holder) Call(int) {}

// cursorAt returns a cursor at n copies of a message on subject, which stay
// where they are until the test ends.
func cursorAt(t testing.TB, n int, m *Msg) actors.Cursor {
	t.Helper()
	f := newFake()
	nc := dialFake(t, f)
	h := &holder{at: make(chan actors.Cursor, 1), leave: make(chan struct{})}
	t.Cleanup(func() { close(h.leave) })
	sub, err := nc.core.Subscribe(&actors.SubSpec{Subject: ">", Limits: actors.Limits{Msgs: -1, Bytes: -1},
		Consumer: func() actors.Consumer { return h }})
	if err != nil {
		t.Fatal(err)
	}
	var frames []byte
	for range n {
		frames = appendFrame(t, frames, sub.SID(), m)
	}
	f.send(frames)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
	defer cancel()
	select {
	case at := <-h.at:
		return at
	case <-ctx.Done():
		t.Fatal("the message did not arrive")
		panic("unreachable")
	}
}

// appendFrame appends a message as a server sends it.
func appendFrame(t testing.TB, dst []byte, sid uint64, m *Msg) []byte {
	t.Helper()
	if m.Header == nil {
		return protocol.AppendMsg(dst, m.Subject, sid, m.Reply, m.Data)
	}
	block, err := protocol.AppendHeader(nil, m.Header)
	if err != nil {
		t.Fatal(err)
	}
	return protocol.AppendHMsg(dst, m.Subject, sid, m.Reply, block, m.Data)
}
