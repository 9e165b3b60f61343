package actors

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/troupe-go/troupe/supervisor"
)

// borrower hands out the payload in the read buffer, without a copy.
type borrower struct {
	at *Cursor
	f  func(payload []byte)
}

func (b *borrower) Build(at *Cursor, n int) int { b.at = at; return n }

func (b *borrower) Call(int) {
	var m Raw
	b.at.Next(&m)
	b.f(m.Payload)
}

// TestAGivenUpCallKeepsItsBuffer, although the rest of the run in it is delivered and
// given back before the call returns.
func TestAGivenUpCallKeepsItsBuffer(t *testing.T) {
	onStage(t, func(t *testing.T, s *stage) {
		release, seen, got := make(chan struct{}), make(chan string, 1), make(chan string, 1000)
		sub := subscribe(t, s.c, SubSpec{Subject: "x", Limits: Limits{Msgs: -1, Bytes: -1}, Policy: noDelay,
			BlockedAfter: time.Second, Blocked: supervisor.Restart,
			Consumer: func() Consumer {
				return &borrower{f: func(payload []byte) {
					if payload[0] == 'k' {
						<-release
						seen <- string(payload)
					}
					got <- string(payload[:1])
				}}
			}})
		s.p.expect("SUB x 1")
		frame := func(of string) string { return fmt.Sprintf("MSG x 1 10000\r\n%s\r\n", strings.Repeat(of, 10_000)) }
		s.p.send(frame("k") + frame("b"))
		pass(2 * time.Second)
		for range 100 {
			s.p.send(frame("c"))
			pass(time.Millisecond)
		}
		close(release)
		if want := strings.Repeat("k", 10_000); <-seen != want {
			t.Error("the message was overwritten")
		}
		pass(time.Second)
		if n := sub.Counts(); n.Delivered != 102 || n.PendingMsgs != 0 || n.PendingBytes != 0 || sub.abandoned.Load() != 0 {
			t.Errorf("%+v, %d abandoned", n, sub.abandoned.Load())
		}
		if n := s.c.chunks.shared; n > chunkBytesMin { // the one that the reader waits with
			t.Errorf("%d bytes of buffers are out", n)
		}
	})
}
