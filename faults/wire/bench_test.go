package wire_test

import (
	"io"
	"net"
	"testing"

	"github.com/troupe-go/troupe/faults/plan"
	"github.com/troupe-go/troupe/faults/wire"
)

// tcpPair returns the two ends of a connection over loopback.
func tcpPair(t testing.TB) (a, b net.Conn) {
	t.Helper()
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer ln.Close()
	if a, err = net.Dial("tcp", ln.Addr().String()); err != nil {
		t.Fatal(err)
	}
	if b, err = ln.Accept(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { a.Close(); b.Close() })
	return a, b
}

// relayed returns the two ends of a connection through a link, over loopback.
func relayed(t testing.TB, l *wire.Link) (client, server net.Conn) {
	client, outer := tcpPair(t)
	inner, server := tcpPair(t)
	go l.Relay(outer, inner)
	t.Cleanup(l.Close)
	return client, server
}

func BenchmarkStream(b *testing.B) {
	frame := "PUB orders.new 16\r\n0123456789abcdef\r\n"
	var batch []byte
	for len(batch) < 64<<10 {
		batch = append(batch, frame...)
	}
	run := func(name string, rules []string, ends func(b *testing.B, rules []string) (client, server net.Conn)) {
		b.Run(name, func(b *testing.B) {
			client, server := ends(b, rules)
			b.SetBytes(int64(len(batch)))
			done := make(chan struct{})
			go func() {
				defer close(done)
				io.CopyN(io.Discard, struct{ io.Reader }{server}, int64(b.N)*int64(len(batch)))
			}()
			b.ResetTimer()
			for range b.N {
				client.Write(batch)
			}
			<-done
		})
	}
	direct := func(b *testing.B, _ []string) (client, server net.Conn) { return tcpPair(b) }
	through := func(b *testing.B, rules []string) (client, server net.Conn) {
		l := wire.New(plan.Target{}, wire.Options{})
		for _, rule := range rules {
			if _, err := l.Inject(rule); err != nil {
				b.Fatal(err)
			}
		}
		return relayed(b, l)
	}
	run("direct", nil, direct)
	run("no rules", nil, through)
	run("a rule that meets nothing", []string{"when op(SUB) drop"}, through)
	run("latency", []string{"latency(1ms)"}, through)
	run("each operation looked at", []string{`when op(PUB) subject("none") drop`}, through)
	run("corrupt", []string{`corrupt(0.000001)`}, through)
}

func BenchmarkRoundTrip(b *testing.B) {
	run := func(name string, ends func() (client, server net.Conn)) {
		b.Run(name, func(b *testing.B) {
			client, server := ends()
			go io.Copy(struct{ io.Writer }{server}, struct{ io.Reader }{server})
			buf := []byte("PING\r\n")
			for range b.N {
				client.Write(buf)
				io.ReadFull(client, buf)
			}
		})
	}
	run("direct", func() (net.Conn, net.Conn) { return tcpPair(b) })
	run("no rules", func() (net.Conn, net.Conn) { return relayed(b, wire.New(plan.Target{}, wire.Options{})) })
}
