package actors

import (
	"bytes"
	"context"
	"fmt"
	"net"
	"net/url"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-go/troupe/protocol"
)

// firehose is a connection to a server that greets and then, on command, sends the same
// block of frames again and again, as fast as it is read.
type firehose struct {
	net.Conn
	mu     sync.Mutex
	cond   *sync.Cond
	out    bytes.Buffer
	block  []byte
	at     int
	left   int // blocks still to send
	closed bool
}

func newFirehose() *firehose {
	f := &firehose{}
	f.cond = sync.NewCond(&f.mu)
	f.out.Write(protocol.AppendInfo(nil, &protocol.Info{ServerID: "X", Proto: 1, Headers: true, MaxPayload: 1 << 20}))
	return f
}

func (f *firehose) Read(b []byte) (int, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	for f.out.Len() == 0 && f.left == 0 && !f.closed {
		f.cond.Wait()
	}
	if f.closed {
		return 0, net.ErrClosed
	}
	if f.out.Len() > 0 {
		return f.out.Read(b)
	}
	n := 0
	for n < len(b) && f.left > 0 {
		k := copy(b[n:], f.block[f.at:])
		n += k
		f.at += k
		if f.at == len(f.block) {
			f.at = 0
			f.left--
		}
	}
	return n, nil
}

func (f *firehose) Write(b []byte) (int, error) {
	if bytes.HasSuffix(b, []byte("PING\r\n")) {
		f.mu.Lock()
		f.out.WriteString("PONG\r\n")
		f.mu.Unlock()
		f.cond.Broadcast()
	}
	return len(b), nil
}

func (f *firehose) Close() error {
	f.mu.Lock()
	f.closed = true
	f.mu.Unlock()
	f.cond.Broadcast()
	return nil
}

func (f *firehose) send(block []byte, times int) {
	f.mu.Lock()
	f.block, f.left = block, times
	f.mu.Unlock()
	f.cond.Broadcast()
}

func (f *firehose) LocalAddr() net.Addr              { return &net.TCPAddr{} }
func (f *firehose) SetDeadline(time.Time) error      { return nil }
func (f *firehose) SetWriteDeadline(time.Time) error { return nil }

// countingConsumer is the cheapest consumer: it looks at each message and
// counts it.
type countingConsumer struct {
	m     Raw
	bytes int
	done  func(n int)
	n     int
}

func (h *countingConsumer) Build(at *Cursor, _ int) int { at.Next(&h.m); return 1 }
func (h *countingConsumer) Call(int) {
	h.n++
	h.bytes += len(h.m.Payload)
	if h.n == 1000 {
		h.done(1000)
		h.n = 0
	}
}

func BenchmarkDispatch(b *testing.B) {
	for _, subs := range []int{1, 100, 1000, 10000} {
		b.Run(fmt.Sprintf("subs=%d", subs), func(b *testing.B) { benchmarkDispatch(b, subs) })
	}
}

func benchmarkDispatch(b *testing.B, subs int) {
	f := newFirehose()
	cfg := config(b)
	cfg.Servers = []*url.URL{{Scheme: "nats", Host: "bench"}}
	cfg.Dial = func(context.Context, *url.URL) (net.Conn, error) { return f, nil }
	c := connect(b, cfg)
	var total atomic.Int64
	var want atomic.Int64
	done := make(chan struct{}, 1)
	var block []byte
	for i := range subs {
		subject := fmt.Sprintf("bench.subject.%d", i)
		s := subscribe(b, c, SubSpec{Subject: subject, Limits: Limits{Msgs: -1, Bytes: -1}, Consumer: func() Consumer {
			return &countingConsumer{done: func(n int) {
				if total.Add(int64(n)) == want.Load() {
					done <- struct{}{}
				}
			}}
		}})
		_ = s
	}
	const perBlock = 10_000
	for i := range perBlock {
		k := i % subs
		block = protocol.AppendMsg(block, fmt.Sprintf("bench.subject.%d", k), uint64(k+1), "", []byte("0123456789abcdef"))
	}
	run := func(blocks int) {
		total.Store(0)
		want.Store(int64(blocks) * perBlock)
		f.send(block, blocks)
		<-done
	}
	// Each subscription reports every 1,000 messages: whole multiples only.
	unit := max(1, subs*1000/perBlock)
	run(unit)
	b.ResetTimer()
	blocks := max(1, b.N/perBlock/unit) * unit
	run(blocks)
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(blocks*perBlock), "ns/msg")
}

func BenchmarkPublish(b *testing.B) {
	f := newFirehose()
	cfg := config(b)
	cfg.Servers = []*url.URL{{Scheme: "nats", Host: "bench"}}
	cfg.Dial = func(context.Context, *url.URL) (net.Conn, error) { return f, nil }
	c := connect(b, cfg)
	payload := []byte("0123456789abcdef")
	b.ReportAllocs()
	for b.Loop() {
		if err := c.Publish("bench.subject", "", nil, payload); err != nil {
			b.Fatal(err)
		}
	}
}
