package stub

import (
	"bufio"
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"net"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"
	"pgregory.net/rapid"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// stage is a stub with a control connection and one bare client.
type stage struct {
	t       *testing.T
	stub    *Stub
	control *Control
	client  net.Conn
	r       *bufio.Reader
}

func newStage(t *testing.T) *stage {
	t.Helper()
	s, err := Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	control, err := Dial(s.Address().Control)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { control.Close() })
	st := &stage{t: t, stub: s, control: control}
	st.connect()
	return st
}

// connect opens a client connection in place of the last one.
func (s *stage) connect() {
	s.t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.stub.Address().URL, "nats://"))
	if err != nil {
		s.t.Fatal(err)
	}
	s.t.Cleanup(func() { conn.Close() })
	s.client, s.r = conn, bufio.NewReader(conn)
	if line := s.line(); !strings.HasPrefix(line, "INFO ") {
		s.t.Fatalf("greeting %q", line)
	}
}

// line reads one line from the stub.
func (s *stage) line() string {
	s.t.Helper()
	line, err := s.r.ReadString('\n')
	if err != nil {
		s.t.Fatalf("read: %v", err)
	}
	return strings.TrimRight(line, "\r\n")
}

// send writes frames and a PING, and waits for the PONG.
func (s *stage) send(frames string) {
	s.t.Helper()
	if _, err := s.client.Write([]byte(frames + "PING\r\n")); err != nil {
		s.t.Fatal(err)
	}
	if line := s.line(); line != "PONG" {
		s.t.Fatalf("answer to PING: %q", line)
	}
}

func TestABurstGoesOverTheSubscriptionsInTurn(t *testing.T) {
	s := newStage(t)
	s.send("CONNECT {}\r\nSUB a 1\r\nSUB b q 22\r\nSUB c 3\r\n")
	size, err := s.control.Fire(7, 7, 2, 0)
	if err != nil {
		t.Fatal(err)
	}
	want := "MSG a 1 2\r\nxx\r\nMSG b 22 2\r\nxx\r\nMSG c 3 2\r\nxx\r\n"
	want += want + "MSG a 1 2\r\nxx\r\n"
	if int(size) != len(want) {
		t.Errorf("the stub announces %d bytes, want %d", size, len(want))
	}
	got := make([]byte, len(want))
	if _, err := io.ReadFull(s.r, got); err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("received %q, want %q", got, want)
	}
}

func TestHeadersComeAsHMSG(t *testing.T) {
	s := newStage(t)
	s.send("SUB a 1\r\n")
	if _, err := s.control.Fire(1, 1, 3, 2); err != nil {
		t.Fatal(err)
	}
	head := HeaderBlock(2)
	want := fmt.Sprintf("HMSG a 1 %d %d\r\n%sxxx\r\n", len(head), len(head)+3, head)
	got := make([]byte, len(want))
	if _, err := io.ReadFull(s.r, got); err != nil {
		t.Fatal(err)
	}
	if string(got) != want {
		t.Errorf("received %q, want %q", got, want)
	}
}

func TestTheThirdWindowWaitsForACredit(t *testing.T) {
	s := newStage(t)
	s.send("SUB a 1\r\n")
	if _, err := s.control.Fire(4, 1, 0, 0); err != nil {
		t.Fatal(err)
	}
	const frame = "MSG a 1 0\r\n\r\n"
	two := make([]byte, 2*len(frame))
	if _, err := io.ReadFull(s.r, two); err != nil {
		t.Fatal(err)
	}
	// PINGs do not overtake messages: if the third message had been sent without a
	// credit, it would arrive before the PONG.
	s.send("")
	for range 2 {
		if err := s.control.Grant(); err != nil {
			t.Fatal(err)
		}
		if s.line(); s.line() != "" {
			t.Fatal("a message of another size")
		}
	}
}

func TestPublishedMessagesAreCountedHoweverTheyAreCut(t *testing.T) {
	frames := "CONNECT {}\r\n" + strings.Repeat("PUB a 3\r\nabc\r\n", 3) + "PUB a 0\r\n\r\nPUB a.b reply 5\r\nPUB a\r\n" +
		"HPUB a 12 14\r\nNATS/1.0\r\n\r\nhi\r\nSUB x 7\r\nUNSUB 7\r\nPONG\r\nPUB a 3\r\nabc\r\nPING\r\n"
	rapid.Check(t, func(t *rapid.T) {
		r := &reader{}
		var buf []byte
		for rest := []byte(frames); len(rest) > 0; {
			n := rapid.IntRange(1, len(rest)).Draw(t, "piece")
			buf, rest = append(buf, rest[:n]...), rest[n:]
			buf = buf[r.consume(buf):]
		}
		if r.pubs != 7 || r.pings != 1 || len(r.subs) != 1 || len(buf) != 0 {
			t.Fatalf("%d messages, %d PINGs, %d SUBs, %d bytes left; want 7, 1, 1, 0", r.pubs, r.pings, len(r.subs), len(buf))
		}
	})
}

func TestPubsAreReported(t *testing.T) {
	s := newStage(t)
	s.send(strings.Repeat("PUB a 3\r\nabc\r\n", 1000))
	big := "PUB big " + fmt.Sprint(3<<20) + "\r\n" + strings.Repeat("y", 3<<20) + "\r\n"
	s.send(big)
	n, err := s.control.Pubs()
	if err != nil || n != 1001 {
		t.Errorf("published %d (%v), want 1001", n, err)
	}
}

func TestACutWaitsForTheSubscriptionsToComeBack(t *testing.T) {
	s := newStage(t)
	s.send("SUB a 1\r\nSUB b 2\r\n")
	type answer struct {
		total, after time.Duration
		err          error
	}
	done := make(chan answer, 1)
	go func() {
		var a answer
		a.total, a.after, a.err = s.control.Cut()
		done <- a
	}()
	if _, err := io.ReadAll(s.r); err != nil {
		t.Fatalf("the cut looks like %v", err)
	}
	s.connect()
	s.send("SUB a 1\r\n")
	select {
	case a := <-done:
		t.Fatalf("one of two subscriptions is enough: %+v", a)
	default:
	}
	s.send("SUB b 2\r\n")
	a := <-done
	if a.err != nil || a.after <= 0 || a.total < a.after {
		t.Errorf("the cut took %v, %v after accepting (%v)", a.total, a.after, a.err)
	}
}

func TestPacedMessagesCarryTheirIntendedTime(t *testing.T) {
	s := newStage(t)
	s.send("SUB busy 1\r\nSUB blocked 2\r\n")
	const count, batch = 8, 2
	if err := s.control.Pace(count, batch, time.Millisecond, 2); err != nil {
		t.Fatal(err)
	}
	// Batches 0 and 2 of 4 have a message for the second subscription in front.
	want := []string{"blocked", "busy", "busy", "busy", "busy", "blocked", "busy", "busy", "busy", "busy"}
	var times []time.Time
	for i, subject := range want {
		if line := s.line(); !strings.HasPrefix(line, "MSG "+subject+" ") {
			t.Fatalf("message %d is %q, want one for %s", i, line, subject)
		}
		payload := make([]byte, PacedSize+2)
		if _, err := io.ReadFull(s.r, payload); err != nil {
			t.Fatal(err)
		}
		times = append(times, time.Unix(0, int64(binary.LittleEndian.Uint64(payload))))
	}
	if d := times[len(times)-1].Sub(times[0]); d != 3*time.Millisecond {
		t.Errorf("first and last batch were meant to be %v apart, want exactly 3ms", d)
	}
}

func TestASessionForgetsTheOneBefore(t *testing.T) {
	s := newStage(t)
	s.send("SUB a 1\r\nPUB a 0\r\n\r\n")
	next, err := Dial(s.stub.Address().Control)
	if err != nil {
		t.Fatal(err)
	}
	defer next.Close()
	if _, err := io.ReadAll(s.r); err != nil {
		t.Errorf("the old client's connection: %v", err)
	}
	if n, err := next.Pubs(); err != nil || n != 0 {
		t.Errorf("a new session begins with %d messages (%v)", n, err)
	}
	if _, err := s.control.Pubs(); err == nil {
		t.Error("the old session answers")
	}
}

func TestImpossibleCommandsEndTheSession(t *testing.T) {
	cases := map[string]func(c *Control) error{
		"fire without subscriptions": func(c *Control) error { _, err := c.Fire(1, 1, 1, 0); return err },
		"pace without subscriptions": func(c *Control) error { return c.Pace(1, 1, 1, 0) },
		"an unknown command":         func(c *Control) error { _, _, err := c.do("dance"); return err },
	}
	for name, command := range cases {
		t.Run(name, func(t *testing.T) {
			if err := command(newStage(t).control); err == nil {
				t.Error("no error")
			}
		})
	}
}

func TestABlockHoldsWholeRounds(t *testing.T) {
	subs := []subscription{{"a", "1"}, {"b", "2"}, {"c", "3"}}
	b := prepare(subs, burst{size: 16})
	if len(b.bytes) < blockBytes || len(b.ends)%len(subs) != 0 || b.ends[len(b.ends)-1] != len(b.bytes) {
		t.Errorf("a block of %d bytes and %d frames", len(b.bytes), len(b.ends))
	}
	one := int64(len("MSG a 1 16\r\n") + 16 + 2)
	many := 2*len(b.ends) + 5
	if got := b.size(many); got != one*int64(many) {
		t.Errorf("%d frames have %d bytes, want %d", many, got, one*int64(many))
	}
}

// The stub has to be much faster than any client: counting a message costs about as much
// as comparing its first line.
func BenchmarkCount(b *testing.B) {
	frames := bytes.Repeat([]byte("PUB bench.0 16\r\n0123456789abcdef\r\n"), 10_000)
	r := &reader{}
	b.SetBytes(int64(len(frames)))
	for b.Loop() {
		r.consume(frames)
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(r.pubs), "ns/message")
}
