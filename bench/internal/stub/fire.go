package stub

import (
	"bytes"
	"fmt"
	"net"
	"strconv"
)

const (
	// blockBytes is the minimum size of the prepared frames, and so of one write.
	blockBytes = 256 << 10
	// windowsAhead is how many windows may be under way without a credit.
	windowsAhead = 2
)

// burst is the argument of fire.
type burst struct{ count, window, size, headers int }

// block is a sequence of prepared frames, in whole rounds over the subscriptions.
type block struct {
	bytes []byte
	ends  []int // ends[i] is where frame i ends
}

// Payload returns the payload of all messages of a burst.
func Payload(size int) []byte { return bytes.Repeat([]byte{'x'}, size) }

// HeaderName returns the name of the i-th header of a message, from 0.
func HeaderName(i int) string { return "Bench-Header-" + strconv.Itoa(i) }

// HeaderValue is the value of every header.
const HeaderValue = "a value of usual length"

// HeaderBlock returns the encoded header block of a message with n headers, nil for none.
func HeaderBlock(n int) []byte {
	if n == 0 {
		return nil
	}
	b := []byte("NATS/1.0\r\n")
	for i := range n {
		b = fmt.Appendf(b, "%s: %s\r\n", HeaderName(i), HeaderValue)
	}
	return append(b, "\r\n"...)
}

// appendFrame appends the MSG, or the HMSG if there is a header block.
func appendFrame(dst []byte, s subscription, head, payload []byte) []byte {
	if head == nil {
		dst = fmt.Appendf(dst, "MSG %s %s %d\r\n", s.subject, s.sid, len(payload))
	} else {
		dst = fmt.Appendf(dst, "HMSG %s %s %d %d\r\n", s.subject, s.sid, len(head), len(head)+len(payload))
	}
	dst = append(append(dst, head...), payload...)
	return append(dst, "\r\n"...)
}

// prepare creates a block of at least blockBytes.
func prepare(subs []subscription, b burst) block {
	head, payload := HeaderBlock(b.headers), Payload(b.size)
	var out block
	for len(out.bytes) < blockBytes {
		for _, s := range subs {
			out.bytes = appendFrame(out.bytes, s, head, payload)
			out.ends = append(out.ends, len(out.bytes))
		}
	}
	return out
}

// start returns where frame i begins.
func (b block) start(i int) int {
	if i == 0 {
		return 0
	}
	return b.ends[i-1]
}

// size returns the size of the first count frames of the endlessly repeated block.
func (b block) size(count int) int64 {
	whole, part := count/len(b.ends), count%len(b.ends)
	return int64(whole)*int64(len(b.bytes)) + int64(b.start(part))
}

// fire sends one burst.
func (s *session) fire(b burst) error {
	conn, subs := s.current()
	if conn == nil || len(subs) == 0 || b.count <= 0 || b.window <= 0 {
		return errCommand
	}
	frames := prepare(subs, b)
	if err := s.answer(frames.size(b.count), 0); err != nil {
		return err
	}
	windows := 0
	for at, left := 0, b.count; left > 0; windows++ {
		if windows >= windowsAhead && !s.takeCredit() {
			return net.ErrClosed
		}
		n := min(b.window, left)
		if err := frames.send(conn, at, n); err != nil {
			return err
		}
		at, left = (at+n)%len(frames.ends), left-n
	}
	// The receiver grants one credit for each window; unused ones must not carry over
	// into the next burst.
	for range min(windows, windowsAhead) {
		s.takeCredit()
	}
	return nil
}

// send writes n frames, beginning with frame at of the repeated block.
func (b block) send(conn net.Conn, at, n int) error {
	for n > 0 {
		k := min(n, len(b.ends)-at)
		if _, err := conn.Write(b.bytes[b.start(at):b.ends[at+k-1]]); err != nil {
			return err
		}
		at, n = 0, n-k
	}
	return nil
}
