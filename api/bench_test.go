package api

import (
	"testing"

	"github.com/troupe-go/troupe/actors"
)

// runLen is how many messages the runtime hands to a consumer at once.
const runLen = 128

func message(size, headers int) *Msg {
	m := &Msg{Subject: "orders.new.europe", Data: make([]byte, size)}
	for _, key := range []string{"Nats-Msg-Id", "Content-Type", "Trace"}[:headers] {
		if m.Header == nil {
			m.Header = Header{}
		}
		m.Header.Set(key, "0123456789abcdef")
	}
	return m
}

// BenchmarkConsumer measures Build and Call, a message each iteration.
func BenchmarkConsumer(b *testing.B) {
	for _, c := range []struct {
		name string
		m    *Msg
	}{
		{"16B", message(16, 0)}, {"1KiB", message(1024, 0)}, {"128B+3headers", message(128, 3)},
	} {
		at := cursorAt(b, 2*runLen, c.m)
		sub := &Subscription{Subject: c.m.Subject, handler: func(*Msg) {}}
		b.Run(c.name+"/owned", func(b *testing.B) { consume(b, at, sub.ownedConsumer()) })
		b.Run(c.name+"/borrowed", func(b *testing.B) { consume(b, at, sub.borrowedConsumer()) })
	}
}

func consume(b *testing.B, first actors.Cursor, c actors.Consumer) {
	b.ReportAllocs()
	for done := 0; done < b.N; {
		at := first
		for left := min(runLen, b.N-done); left > 0; {
			built := c.Build(&at, left)
			for k := range built {
				c.Call(k)
			}
			left -= built
			done += built
		}
	}
}

// BenchmarkPublish measures publishing into a socket that takes everything.
func BenchmarkPublish(b *testing.B) {
	for _, c := range []struct {
		name string
		m    *Msg
	}{
		{"16B", message(16, 0)}, {"1KiB", message(1024, 0)}, {"128B+3headers", message(128, 3)},
	} {
		b.Run(c.name, func(b *testing.B) {
			nc := dialFake(b, newFake())
			b.ReportAllocs()
			b.ResetTimer()
			for b.Loop() {
				if err := nc.PublishMsg(c.m); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

// BenchmarkDelivery measures the whole way from the socket to the handler.
func BenchmarkDelivery(b *testing.B) {
	for _, c := range []struct {
		name    string
		m       *Msg
		options []SubOption
	}{
		{"16B/owned", message(16, 0), nil}, {"16B/borrowed", message(16, 0), []SubOption{Borrow()}},
		{"1KiB/owned", message(1024, 0), nil}, {"1KiB/borrowed", message(1024, 0), []SubOption{Borrow()}},
		{"128B+3headers/owned", message(128, 3), nil}, {"128B+3headers/borrowed", message(128, 3), []SubOption{Borrow()}},
	} {
		b.Run(c.name, func(b *testing.B) { deliver(b, c.m, c.options) })
	}
}

func deliver(b *testing.B, m *Msg, options []SubOption) {
	f := newFake()
	nc := dialFake(b, f)
	done, n := make(chan struct{}), 0
	handler := func(*Msg) {
		if n++; n == b.N {
			close(done)
		}
	}
	sub, err := nc.Subscribe(m.Subject, handler, append(options, PendingLimits(-1, -1))...)
	if err != nil {
		b.Fatal(err)
	}
	var frames []byte
	sid := sub.bound().SID()
	for range 1000 {
		frames = appendFrame(b, frames, sid, m)
	}
	b.ReportAllocs()
	b.ResetTimer()
	f.repeat(frames)
	<-done
	b.StopTimer()
	f.repeat(nil)
}

// BenchmarkReplyMsg measures what a request costs beyond the runtime.
func BenchmarkReplyMsg(b *testing.B) {
	nc := dialFake(b, newFake())
	data := append([]byte("_INBOX.abcdefghijklmnopqrstuv.000000000001"), make([]byte, 16)...)
	reply := actors.Reply{Data: data, SubjectLen: len(data) - 16}
	b.ReportAllocs()
	for b.Loop() {
		if _, err := nc.replyMsg(&reply); err != nil {
			b.Fatal(err)
		}
	}
}
