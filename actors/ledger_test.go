package actors

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/troupe-go/troupe/protocol"
)

// TestEveryCutOfAWrite fails a write after each number of bytes: publishes whose first
// byte was sent are uncertain, later ones are sent again, and other frames are dropped.
func TestEveryCutOfAWrite(t *testing.T) {
	frames := []struct {
		text    string
		publish bool
	}{
		{"SUB a q 1\r\n", false},
		{"PUB a 3\r\nabc\r\n", true},
		{"PING\r\n", false},
		{"PUB a.b reply 0\r\n\r\n", true},
		{"HPUB h 16 18\r\nNATS/1.0\r\nA:\r\n\r\nxy\r\n", true},
		{"UNSUB 1 5\r\n", false},
		{"PUB z 9\r\nPUB z 1\r\n\r\n", true}, // a payload that looks like a frame
		{"PONG\r\n", false},
	}
	var all string
	for _, f := range frames {
		all += f.text
	}
	for n := range len(all) + 1 {
		var got loss
		o := liveOutbox(func(l loss) { got = l })
		o.buf, o.pubs, o.accepted = []byte(all), 4, 4
		w := o.begin(1)
		w.n = n
		o.abort(w)
		o.detach(1, ErrDisconnected)
		want, began, at := "", uint64(0), 0
		for _, f := range frames {
			if f.publish && at >= n {
				want += f.text
			} else if f.publish {
				began++
			}
			at += len(f.text)
		}
		if string(o.buf) != want {
			t.Errorf("cut at %d: %q waits, want %q", n, o.buf, want)
		}
		if got.uncertain != began || got.resent != 4-began || got.written != began || o.pubs != 4-began {
			t.Errorf("cut at %d: loss %+v and %d waiting, want %d uncertain", n, got, o.pubs, began)
		}
	}
}

// TestALossDuringAWrite is reported by the write's end, whichever it is.
func TestALossDuringAWrite(t *testing.T) {
	const frame = "PUB s 1\r\nx\r\n"
	for n := 0; n <= len(frame)+1; n++ {
		var losses []loss
		o := liveOutbox(func(l loss) { losses = append(losses, l) })
		put(t, o, "x")
		w := o.begin(1)
		o.detach(1, ErrDisconnected)
		if len(losses) != 0 {
			t.Fatal("reported before the write ended")
		}
		if w.n = n; n <= len(frame) {
			o.abort(w)
		} else {
			w.n = len(frame)
			o.end(w)
		}
		if len(losses) != 1 || losses[0].cause != ErrDisconnected {
			t.Fatalf("n=%d: %+v", n, losses)
		}
		if want := uint64(min(n, 1)); losses[0].uncertain != want || losses[0].resent != 1-want {
			t.Errorf("n=%d: %+v", n, losses[0])
		}
		o.detach(1, ErrDisconnected)
		if len(losses) != 1 {
			t.Errorf("n=%d: reported twice", n)
		}
	}
}

// TestTooLargeForTheNextServer: the other publishes are sent, and this one is counted.
func TestTooLargeForTheNextServer(t *testing.T) {
	o := newOutbox(1<<20, func(loss) {})
	for i, size := range []int{10, 11, 5, 100, 0} {
		if err := publishOn(o, draft{subject: "s", payload: []byte(strings.Repeat(fmt.Sprint(i), size))}); err != nil {
			t.Fatal(err)
		}
	}
	s := testSocket(1)
	s.info = &protocol.Info{MaxPayload: 10}
	if tooLarge := o.attach(s, noSubscriptions); len(tooLarge) != 2 || tooLarge[0].subject != "s" || tooLarge[0].size != 11 || tooLarge[1].size != 100 || !errors.Is(tooLarge[1].err, protocol.ErrMaxPayload) {
		t.Errorf("too large: %v, want those of 11 and 100 bytes", tooLarge)
	}
	want := "PUB s 10\r\n0000000000\r\nPUB s 5\r\n22222\r\nPUB s 0\r\n\r\n"
	if got := string(o.begin(1).frames); got != want {
		t.Errorf("sent %q, want %q", got, want)
	}
	if o.accepted != 5 || o.accepted != o.written+o.pubs {
		t.Errorf("accepted %d, written %d, waiting %d", o.accepted, o.written, o.pubs)
	}
}

// world is the outbox and its surroundings: sockets that took some bytes, and what their
// servers must have seen.
type world struct {
	o        *outbox
	link     uint32
	live     bool
	writing  write  // an unfinished write of the writer
	stream   string // what the current socket took
	streams  []string
	accepted int
	pongs    int // PONGs delivered of the current socket
	reported uint64
}

func newWorld() *world {
	w := &world{}
	w.o = newOutbox(1<<20, func(l loss) { w.reported += l.uncertain })
	return w
}

func (w *world) attach() {
	w.link++
	w.live, w.pongs = true, 0
	w.stream = ""
	s := testSocket(w.link)
	w.o.attach(s, func(dst []byte) []byte { return append(dst, "SUB keep 1\r\n"...) })
}

func (w *world) detach() {
	w.live = false
	w.streams = append(w.streams, w.stream)
	w.o.detach(w.link, ErrDisconnected)
}

// took records what the socket took of frames. A lone P is recorded with its next byte,
// so that begun can tell a PUB from a PING.
func (w *world) took(frames []byte, n int) {
	if n > 0 && n < len(frames) && frames[n-1] == 'P' && (n == 1 || frames[n-2] == '\n') {
		n++
	}
	w.stream += string(frames[:n])
}

// begun returns the numbers of the publishes of which a byte is in stream, -1 where the
// number was not sent, and how many come before the n-th PING.
func begun(stream string, pings int) (numbers []int, confirmed int) {
	const head, ping, sub = "PUB s 8\r\n", "PING\r\n", "SUB keep 1\r\n"
	seen := 0
	for len(stream) > 0 {
		switch {
		case strings.HasPrefix(stream, sub):
			stream = stream[len(sub):]
		case strings.HasPrefix(stream, ping):
			if seen++; seen <= pings {
				confirmed = len(numbers)
			}
			stream = stream[len(ping):]
		case strings.HasPrefix(stream, head):
			number, err := strconv.Atoi(stream[len(head):min(len(stream), len(head)+8)])
			if err != nil || len(stream) < len(head)+8 {
				number = -1
			}
			numbers = append(numbers, number)
			stream = stream[min(len(stream), len(head)+8+2):]
		default: // cut in its first line
			if strings.HasPrefix(head, stream) {
				numbers = append(numbers, -1)
			}
			return numbers, confirmed
		}
	}
	return numbers, confirmed
}

// TestLedgerIsExact does everything that can happen to an outbox, in any order, and
// checks the counts after each step:
//
//   - accepted is what was written plus what waits
//   - no publish reaches two sockets, and their order is the publisher's
//   - uncertain is exactly what began to be sent and was not confirmed
func TestLedgerIsExact(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := newWorld()
		t.Repeat(map[string]func(*rapid.T){
			"publish": func(t *rapid.T) {
				for range rapid.IntRange(1, 5).Draw(t, "n") {
					w.accepted++
					if err := publishOn(w.o, draft{subject: "s", payload: fmt.Appendf(nil, "%08d", w.accepted)}); err != nil {
						t.Fatal(err)
					}
				}
			},
			"ping": func(t *rapid.T) {
				if w.live {
					_, _ = w.o.ping(mark{done: make(chan error, 1)})
				}
			},
			"begin a write": func(*rapid.T) {
				if w.live && w.writing.frames == nil {
					w.writing = w.o.begin(w.link)
				}
			},
			"end the write": func(*rapid.T) {
				if w.writing.frames == nil || !w.live {
					return
				}
				w.took(w.writing.frames, len(w.writing.frames))
				w.o.end(w.writing)
				w.writing = write{}
			},
			"answer": func(*rapid.T) {
				if w.live && strings.Count(w.stream, "PING\r\n") > w.pongs {
					w.pongs++
					w.o.pong(w.link, time.Now())
				}
			},
			"fail the write": func(t *rapid.T) {
				if w.writing.frames == nil || !w.live {
					return
				}
				w.writing.n = rapid.IntRange(0, len(w.writing.frames)).Draw(t, "n")
				w.took(w.writing.frames, w.writing.n)
				early := rapid.Bool().Draw(t, "the link is lost first")
				if early {
					w.detach()
				}
				w.o.abort(w.writing)
				w.writing = write{}
				if !early {
					w.detach()
				}
			},
			"request": func(t *rapid.T) {
				if !w.live || w.writing.frames != nil {
					return
				}
				w.request(t)
			},
			"lose the link": func(*rapid.T) {
				if w.live && w.writing.frames == nil {
					w.detach()
				}
			},
			"find a server": func(*rapid.T) {
				if !w.live {
					w.attach()
				}
			},
			"": w.balance,
		})
		w.finish(t)
	})
}

// request is a publish that writes by itself; the socket takes some of it, and
// may be lost meanwhile.
func (w *world) request(t *rapid.T) {
	lost := rapid.Bool().Draw(t, "lost meanwhile")
	w.o.try = func(frames []byte) int {
		n := rapid.IntRange(0, len(frames)).Draw(t, "n")
		if !lost {
			w.took(frames, len(frames)) // the writer goes on with it below
			return n
		}
		w.took(frames, n)
		w.detach()
		return n
	}
	w.accepted++
	if _, err := requestOn(w.o, draft{subject: "s", payload: fmt.Appendf(nil, "%08d", w.accepted)}); err != nil {
		t.Fatal(err)
	}
	w.o.try = nil
	if rest := w.o.partial; rest.frames != nil {
		w.o.begin(w.link)
		w.o.end(rest)
	}
}

func (w *world) balance(t *rapid.T) {
	o := w.o
	if o.accepted != uint64(w.accepted) || o.accepted != o.written+o.pubs || o.confirmed > o.written {
		t.Fatalf("accepted %d (want %d), written %d, waiting %d, confirmed %d", o.accepted, w.accepted, o.written, o.pubs, o.confirmed)
	}
	var numbers []int
	for _, s := range w.streams {
		n, _ := begun(s, 0)
		numbers = append(numbers, n...)
	}
	if w.live {
		n, _ := begun(w.stream, 0)
		numbers = append(numbers, n...)
	}
	for i, n := range numbers {
		if n != -1 && n != i+1 {
			t.Fatalf("publish %d left as number %d of all: %v", n, i+1, numbers)
		}
	}
	if w.writing.frames == nil && o.written != uint64(len(numbers)) {
		t.Fatalf("%d were written, %d left", o.written, len(numbers))
	}
}

// finish ends everything and counts what was uncertain.
func (w *world) finish(t *rapid.T) {
	if !w.live {
		w.attach()
	}
	if w.writing.frames == nil {
		w.writing = w.o.begin(w.link)
	}
	for w.writing.frames != nil {
		w.took(w.writing.frames, len(w.writing.frames))
		w.o.end(w.writing)
		w.writing = w.o.begin(w.link)
	}
	w.balance(t)
	left, confirmed := begun(w.stream, w.pongs)
	before := w.reported
	w.detach()
	if got, want := w.reported-before, uint64(len(left)-confirmed); got != want {
		t.Fatalf("%d reported uncertain, want %d of %d", got, want, len(left))
	}
	if w.o.pubs != 0 || len(w.o.buf) != 0 || w.o.written != w.o.accepted {
		t.Fatalf("%d publishes wait after all was written", w.o.pubs)
	}
}
