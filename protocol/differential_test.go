package protocol

import (
	"errors"
	"fmt"
	"io"
	"math"
	"net"
	"os"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats-server/v2/server/gsl"
	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"
)

// FuzzHeaderDifferential compares ParseHeader with the reference client. The intended
// differences, all of which refuse what the protocol does not allow, or decide what it
// leaves open:
//
//   - NATS/1.0 must be followed by a blank, a tab or the end of the line.
//   - A status must be three digits; the reference takes any three bytes.
//   - A CR may stand only in front of LF.
//   - Only blanks and tabs are trimmed around status and description; the
//     reference trims all that Unicode calls a space.
//   - The status of the first line comes before that of a field named Status, so
//     that Get returns it; likewise the description.
//   - There is a limit on the number of fields.
func FuzzHeaderDifferential(f *testing.F) {
	for _, block := range headerBlocks {
		f.Add([]byte(block))
	}
	f.Fuzz(func(t *testing.T, block []byte) {
		want, wantErr := nats.DecodeHeadersMsg(block)
		got, err := ParseHeader(block)
		if meansToDiffer(block) {
			return
		}
		if (err == nil) != (wantErr == nil) {
			t.Fatalf("%q: got %v, the reference %v", block, err, wantErr)
		}
		if diff := cmp.Diff(Header(want), got); diff != "" {
			t.Fatalf("%q (-reference +got):\n%s", block, diff)
		}
	})
}

// meansToDiffer reports whether one of the differences listed at FuzzHeaderDifferential
// applies to a block.
func meansToDiffer(block []byte) bool {
	text := strings.ReplaceAll(string(block), "\r\n", "\n")
	first, fields, _ := strings.Cut(text, "\n")
	rest, ok := strings.CutPrefix(first, "NATS/1.0")
	switch {
	case strings.Contains(text, "\r"), strings.Count(text, "\n") > HeaderFieldsMax:
		return true
	case !ok || rest == "":
		return false
	case rest[0] != ' ' && rest[0] != '\t', strings.TrimSpace(rest) != strings.Trim(rest, " \t"):
		return true
	}
	status := strings.Trim(rest, " \t")
	for i := range min(len(status), 3) {
		if status[i] < '0' || status[i] > '9' {
			return true
		}
	}
	if len(status) > 3 && strings.TrimSpace(status[3:]) != strings.Trim(status[3:], " \t") {
		return true
	}
	fields = "\n" + fields
	return strings.Contains(fields, "\nStatus:") || strings.Contains(fields, "\nDescription:")
}

// FuzzSubject compares the checks of subjects with the server's, and Match with the lists by
// which a server finds who gets a message. (Its SubjectsCollide takes each token that begins
// with * or > for a wildcard.) The one intended difference: control characters, of which the
// server allows all but tab, LF, FF and CR.
func FuzzSubject(f *testing.F) {
	for _, s := range []string{"", "a", "a.b", "a..b", ".a", "a.", "a b", "*", ">", "a.*.b", "a.>", "a.>.b", "a*", "*.>", "a\tb", "a\x00", "ä.ö", ">.", "*."} {
		f.Add(s, "a.b.c")
		f.Add("a.*.>", s)
	}
	f.Add("*0.>", "0.0")
	f.Add(">0.*", "0.0")
	f.Fuzz(func(t *testing.T, s, other string) {
		for i := range len(s) {
			if s[i] < ' ' && !strings.ContainsRune("\t\n\f\r", rune(s[i])) {
				s = strings.ReplaceAll(s, s[i:i+1], "x") // of the same length
			}
		}
		if got, want := CheckSubscribeSubject(s) == nil, server.IsValidSubject(s); got != want {
			t.Fatalf("subscribe to %q: allowed %v, by the server %v", s, got, want)
		}
		if got, want := CheckPublishSubject(s) == nil, server.IsValidPublishSubject(s); got != want {
			t.Fatalf("publish to %q: allowed %v, by the server %v", s, got, want)
		}
		if (CheckPublishSubject(s) == nil) != (CheckReplySubject(s) == nil) {
			t.Fatalf("%q: a reply subject differs from a publish subject", s)
		}
		if valid := CheckSubscribeSubject(s) == nil; valid && HasWildcard(s) == (CheckPublishSubject(s) == nil) {
			t.Fatalf("%q: has a wildcard: %v", s, HasWildcard(s))
		}
		if CheckSubscribeSubject(s) == nil && CheckPublishSubject(other) == nil {
			routed := gsl.NewSimpleSublist()
			if err := routed.Insert(s, struct{}{}); err != nil {
				t.Fatal(err)
			}
			if got, want := Match(s, other), routed.HasInterest(other); got != want {
				t.Fatalf("pattern %q, subject %q: match %v, by the server %v", s, other, got, want)
			}
		}
		tokens := strings.Split(s, ".")
		for i, token := range tokens {
			if TokenAt(s, i) != token {
				t.Fatalf("%q: token %d is %q", s, i, TokenAt(s, i))
			}
		}
		if s != "" && TokenCount(s) != len(tokens) {
			t.Fatalf("%q: %d tokens", s, TokenCount(s))
		}
	})
}

// TestMain stops the embedded server and checks for leaked goroutines.
func TestMain(m *testing.M) {
	code := m.Run()
	if embeddedStarted.Load() {
		if s, err := embedded(); err == nil {
			s.Shutdown()
			s.WaitForShutdown()
		}
	}
	if err := goleak.Find(); err != nil && code == 0 {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}

// embeddedStarted is set once embedded has been called.
var embeddedStarted atomic.Bool

// embedded is a real server without a listener, shared by the runs of one test
// process.
var embedded = sync.OnceValues(func() (*server.Server, error) {
	embeddedStarted.Store(true)
	s, err := server.NewServer(&server.Options{DontListen: true, NoLog: true, NoSigs: true})
	if err != nil {
		return nil, err
	}
	s.Start()
	if !s.ReadyForConnections(10 * time.Second) {
		return nil, errors.New("the embedded server does not start")
	}
	return s, nil
})

// wire is a connection to the embedded server, read with our own parser.
type wire struct {
	t    *testing.T
	conn net.Conn
	p    *Parser
	buf  []byte
}

func dialEmbedded(t *testing.T) *wire {
	t.Helper()
	s, err := embedded()
	if err != nil {
		t.Fatal(err)
	}
	conn, err := s.InProcessConn()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	if err := conn.SetDeadline(time.Now().Add(10 * time.Second)); err != nil {
		t.Fatal(err)
	}
	w := &wire{t: t, conn: conn, p: NewServerParser(Limits{})}
	if _, err := w.read(); err != nil { // INFO, which the server writes first
		t.Fatal(err)
	}
	return w
}

// send writes in the background, as the pipe has no buffer and the server may be
// writing, too. A failure shows in what is read afterwards.
func (w *wire) send(b []byte) {
	go func() { _, _ = w.conn.Write(b) }()
}

// read returns the next frame.
func (w *wire) read() (reading, error) {
	room := make([]byte, 4096)
	for {
		var f Frame
		n, err := w.p.Next(w.buf, &f)
		if err != nil {
			return reading{}, err
		}
		if n > 0 {
			r := resolve(&f, w.buf[:n])
			w.buf = w.buf[n:]
			return r, nil
		}
		k, err := w.conn.Read(room)
		if err != nil {
			return reading{}, err
		}
		w.buf = append(w.buf, room[:k]...)
	}
}

// pongs reads until count PONGs have come and returns all else but INFO and PING.
func (w *wire) pongs(count int) (others []reading, err error) {
	for count > 0 {
		r, err := w.read()
		if err != nil {
			return others, err
		}
		switch r.Op {
		case OpPong:
			count--
		case OpInfo, OpPing:
		default:
			others = append(others, r)
		}
	}
	return others, nil
}

const connectQuietly = `CONNECT {"verbose":false,"pedantic":false,"headers":true,"protocol":1}` + "\r\n"

// FuzzClientFramesServer feeds a real server what our parser accepts as a client's
// frames: the server must accept it, too, and hand out each message with the same
// subject, reply, header and payload. The server may accept what our parser refuses: a
// subscription's number that is not a number, JSON without a blank in front, a CR within
// a line.
func FuzzClientFramesServer(f *testing.F) {
	addStreams(f, true, func(stream []byte) { f.Add(stream) })
	f.Add([]byte("HPUB a 0 1\r\nx\r\n"))
	f.Add([]byte("pUB * 1\r\n0\r\n"))
	f.Add([]byte("PUB a.>.b 1\r\n0\r\n"))
	f.Add([]byte("PUB a..b 1\r\n0\r\n"))
	f.Fuzz(func(t *testing.T, stream []byte) {
		got := readCut(t, NewClientParser(Limits{}), stream, nil)
		if got.Failure != nil || got.Consumed != len(stream) || !isPlain(stream, got.Readings) {
			return
		}
		spy := dialEmbedded(t)
		spy.send([]byte(connectQuietly + "SUB > 1\r\nPING\r\n"))
		if _, err := spy.pongs(1); err != nil {
			t.Fatal(err)
		}
		pings := 1
		for _, r := range got.Readings {
			if r.Op == OpPing {
				pings++
			}
		}
		client := dialEmbedded(t)
		client.send([]byte(connectQuietly + string(stream) + "PING\r\n"))
		if others, err := client.pongs(pings); err != nil {
			t.Fatalf("the server does not read %q to its end: %v, after %+v", stream, err, others)
		}
		spy.send([]byte("PING\r\n"))
		seen, err := spy.pongs(1)
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(delivered(got.Readings), seen); diff != "" {
			t.Fatalf("%q (-ours +the server's):\n%s", stream, diff)
		}
	})
}

// isPlain reports whether the server only delivers the frames: there is no handshake, no
// subject or reply with a special meaning, and no size of more than nine digits, the most
// that servers read.
func isPlain(stream []byte, readings []reading) bool {
	for _, r := range readings {
		special := strings.HasPrefix(r.Subject, "$") || strings.HasPrefix(r.Reply, "$") ||
			strings.HasPrefix(r.Subject, "_") || strings.HasPrefix(r.Reply, "_")
		if special || r.Op == OpConnect {
			return false
		}
	}
	digits := 0
	for _, c := range stream {
		if digits++; c < '0' || c > '9' {
			digits = 0
		}
		if digits > 9 {
			return false
		}
	}
	return true
}

// delivered turns what was published into what a subscriber to all subjects gets.
func delivered(published []reading) (messages []reading) {
	for _, r := range published {
		// Unless it is pedantic, a server checks only for empty tokens: in a subject to
		// publish to, a wildcard is a token like any other.
		if r.Op != OpPub && r.Op != OpHPub || slices.Contains(strings.Split(r.Subject, "."), "") {
			continue
		}
		r.SID = 1
		if r.Op = OpMsg; r.HasHeaderBlock { // to a server an empty block is no block
			r.Op = OpHMsg
		}
		messages = append(messages, r)
	}
	return messages
}

// pipeProvider hands nats.go one end of a pipe.
type pipeProvider struct{ conn net.Conn }

func (p pipeProvider) InProcessConn() (net.Conn, error) { return p.conn, nil }

// FuzzServerFramesClient feeds nats.go what our parser accepts as a server's
// messages: it must deliver the same ones.
func FuzzServerFramesClient(f *testing.F) {
	addStreams(f, false, func(stream []byte) { f.Add(stream) })
	f.Fuzz(func(t *testing.T, stream []byte) {
		got := readCut(t, NewServerParser(Limits{}), stream, nil)
		if got.Failure != nil || got.Consumed != len(stream) {
			return
		}
		var want []reading
		for _, r := range got.Readings {
			switch {
			case r.Op == OpErr || r.Op == OpInfo || r.Op == OpHMsg:
				return // has effects, or a header, which is compared elsewhere
			case r.Op == OpPong || r.SID > math.MaxInt64:
				return // ends the flush early, or is more than the reference reads
			case r.Op == OpMsg && r.SID == 1:
				want = append(want, r)
			}
		}
		seen := readWithReference(t, stream, len(want))
		if diff := cmp.Diff(want, seen); diff != "" {
			t.Fatalf("%q (-ours +the reference's):\n%s", stream, diff)
		}
	})
}

// readWithReference plays a server for nats.go and returns the messages that it
// makes of stream for its first subscription, count of them at most.
func readWithReference(t *testing.T, stream []byte, count int) (seen []reading) {
	t.Helper()
	ours, theirs := net.Pipe()
	defer ours.Close()
	go playServer(ours, stream)
	nc, err := nats.Connect("", nats.InProcessServer(pipeProvider{theirs}), nats.NoReconnect())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	sub, err := nc.SubscribeSync(">")
	if err != nil {
		t.Fatal(err)
	}
	// The flush is answered after the stream, so all of it has been read by then.
	if err := nc.FlushTimeout(5 * time.Second); err != nil {
		t.Fatalf("%q: %v, last error %v", stream, err, nc.LastError())
	}
	for range count + 1 {
		m, err := sub.NextMsg(0)
		if err != nil {
			break
		}
		seen = append(seen, complete(reading{Op: OpMsg, SID: 1, Subject: m.Subject, Reply: m.Reply, Payload: string(m.Data)}))
	}
	return seen
}

// playServer greets a client and answers its second PING with stream and a PONG.
func playServer(conn net.Conn, stream []byte) {
	_, _ = conn.Write(AppendInfo(nil, &Info{Headers: true, Proto: 1, MaxPayload: 1 << 20}))
	p := NewClientParser(Limits{})
	var buf []byte
	room := make([]byte, 4096)
	for pings := 0; ; {
		var f Frame
		n, err := p.Next(buf, &f)
		if err != nil {
			return
		}
		if n == 0 {
			k, err := conn.Read(room)
			if err != nil {
				return
			}
			buf = append(buf, room[:k]...)
			continue
		}
		buf = buf[n:]
		if f.Op != OpPing {
			continue
		}
		pings++
		switch pings {
		case 1:
			_, _ = conn.Write(AppendPong(nil))
		case 2:
			go func() { _, _ = io.Copy(io.Discard, conn) }() // PONGs to the stream's PINGs
			_, _ = conn.Write(append(stream[:len(stream):len(stream)], AppendPong(nil)...))
			return
		}
	}
}
