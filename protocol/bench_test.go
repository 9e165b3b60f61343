package protocol

import (
	"bytes"
	"strings"
	"testing"

	"github.com/nats-io/nats.go"
)

// repeat fills a buffer of about 64 KiB with copies of a frame, as one socket
// read would.
func repeat(frame []byte) []byte {
	return bytes.Repeat(frame, max(1, 64<<10/len(frame)))
}

// mixed fills a buffer with messages whose subjects, numbers and payloads vary
// in length, as those of many subscriptions do.
func mixed() []byte {
	var buf []byte
	for i := 0; len(buf) < 64<<10; i++ {
		h := uint32(i) * 2654435761 >> 8 // scattered, but the same in each run
		subject := strings.Repeat("s", 1+int(h%5)) + "." + strings.Repeat("t", 1+int(h>>3%17))
		buf = AppendMsg(buf, subject, uint64(h>>7%10000), "", make([]byte, h>>5%120))
	}
	return buf
}

// benchmarkParse reads buf over and over; one operation is one frame.
func benchmarkParse(b *testing.B, p *Parser, buf []byte) {
	var f Frame
	b.ReportAllocs()
	rest := buf
	for b.Loop() {
		n, err := p.Next(rest, &f)
		if n == 0 {
			b.Fatal("frame not read: ", err)
		}
		if rest = rest[n:]; len(rest) == 0 {
			rest = buf
		}
	}
}

func BenchmarkParse(b *testing.B) {
	payload := []byte(strings.Repeat("x", 16))
	block := []byte("NATS/1.0\r\nTrace: 0123456789\r\nKind: order\r\nRegion: north\r\n\r\n")
	connect, _ := AppendConnect(nil, &Connect{Name: "bench"})
	for _, c := range []struct {
		name  string
		frame []byte
	}{
		{"MSG 16 B", AppendMsg(nil, "foo.bar", 1, "", payload)},
		{"MSG 16 B long subject", AppendMsg(nil, "orders.europe.north.1234567.created", 1234567, "", payload)},
		{"MSG 16 B reply", AppendMsg(nil, "foo.bar", 1, "_INBOX.0123456789abcdefghijkl.abcdefgh", payload)},
		{"MSG 1 KiB", AppendMsg(nil, "foo.bar", 1, "", make([]byte, 1024))},
		{"HMSG 128 B", AppendHMsg(nil, "foo.bar", 1, "", block, make([]byte, 128))},
		{"PING", AppendPing(nil)},
		{"PUB 16 B", AppendPubChecked(nil, "foo.bar", "", payload)},
		{"SUB", []byte("SUB foo.bar.* 12\r\n")},
		{"CONNECT", connect},
	} {
		b.Run(c.name, func(b *testing.B) {
			p := NewServerParser(Limits{})
			if _, err := p.Next(c.frame, new(Frame)); err != nil {
				p = NewClientParser(Limits{})
			}
			p.Reset()
			benchmarkParse(b, p, repeat(c.frame))
		})
	}
	b.Run("MSG mixed", func(b *testing.B) { benchmarkParse(b, NewServerParser(Limits{}), mixed()) })
}

// BenchmarkAppendPubChecked measures the hot path without the indirect call of
// BenchmarkAppend.
func BenchmarkAppendPubChecked(b *testing.B) {
	payload := make([]byte, 16)
	buf := make([]byte, 0, 64<<10)
	b.ReportAllocs()
	for b.Loop() {
		if cap(buf)-len(buf) < 4096 {
			buf = buf[:0]
		}
		buf = AppendPubChecked(buf, "foo.bar", "", payload)
	}
}

func BenchmarkAppend(b *testing.B) {
	payload := make([]byte, 16)
	large := make([]byte, 1024)
	block := []byte("NATS/1.0\r\nTrace: 0123456789\r\nKind: order\r\nRegion: north\r\n\r\n")
	header := Header{"Trace": {"0123456789"}, "Kind": {"order"}, "Region": {"north"}}
	for _, c := range []struct {
		name string
		add  func(dst []byte) []byte
	}{
		{"PUB checked 16 B", func(dst []byte) []byte { return AppendPubChecked(dst, "foo.bar", "", payload) }},
		{"PUB checked 16 B reply", func(dst []byte) []byte {
			return AppendPubChecked(dst, "foo.bar", "_INBOX.0123456789abcdefghijkl.abcdefgh", payload)
		}},
		{"PUB checked 1 KiB", func(dst []byte) []byte { return AppendPubChecked(dst, "foo.bar", "", large) }},
		{"PUB 16 B", func(dst []byte) []byte { dst, _ = AppendPub(dst, "foo.bar", "", payload); return dst }},
		{"HPUB checked 16 B", func(dst []byte) []byte { return AppendHPubChecked(dst, "foo.bar", "", block, payload) }},
		{"HPUB 16 B 3 headers", func(dst []byte) []byte { dst, _ = AppendHPub(dst, "foo.bar", "", header, payload); return dst }},
		{"SUB", func(dst []byte) []byte { dst, _ = AppendSub(dst, "foo.bar.*", "", 12); return dst }},
	} {
		b.Run(c.name, func(b *testing.B) {
			buf := make([]byte, 0, 64<<10)
			b.ReportAllocs()
			for b.Loop() {
				if cap(buf)-len(buf) < 4096 {
					buf = buf[:0]
				}
				buf = c.add(buf)
			}
		})
	}
}

func BenchmarkCheckSubject(b *testing.B) {
	for _, s := range []string{"foo.bar", "orders.europe.north.1234567.created", "_INBOX.0123456789abcdefghijkl.abcdefgh"} {
		b.Run(s, func(b *testing.B) {
			b.ReportAllocs()
			for b.Loop() {
				if err := CheckPublishSubject(s); err != nil {
					b.Fatal(err)
				}
			}
		})
	}
}

func BenchmarkHeader(b *testing.B) {
	block := []byte("NATS/1.0\r\nTrace: 0123456789\r\nKind: order\r\nRegion: north\r\n\r\n")
	status := []byte("NATS/1.0 100 Idle Heartbeat\r\nNats-Last-Consumer: 10\r\n\r\n")
	b.Run("parse 3 fields", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := ParseHeader(block); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("parse 3 fields by the reference", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, err := nats.DecodeHeadersMsg(block); err != nil {
				b.Fatal(err)
			}
		}
	})
	b.Run("status", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if code, _, _ := ParseStatus(status); code != 100 {
				b.Fatal(code)
			}
		}
	})
	b.Run("lookup", func(b *testing.B) {
		b.ReportAllocs()
		for b.Loop() {
			if _, ok := LookupHeader(block, "Region"); !ok {
				b.Fatal("field not found")
			}
		}
	})
}

func BenchmarkMatch(b *testing.B) {
	b.ReportAllocs()
	for b.Loop() {
		if !Match("orders.*.north.>", "orders.europe.north.1234567.created") {
			b.Fatal("no match")
		}
	}
}
