package actors

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/protocol"
)

// liveOutbox is an outbox with a socket that the test plays.
func liveOutbox(report func(loss)) *outbox {
	if report == nil {
		report = func(loss) {}
	}
	o := newOutbox(1<<20, report)
	o.attach(testSocket(1), noSubscriptions)
	o.begin(1) // the writer has looked and found nothing
	return o
}

func testSocket(link uint32) socket {
	return socket{link: link, info: &protocol.Info{MaxPayload: 1 << 20, Headers: true}, kick: func() {}}
}

func noSubscriptions(dst []byte) []byte { return dst }

// draft is a message for publishOn and requestOn, the tests' way into an outbox.
type draft struct {
	subject, reply string
	block, payload []byte
}

func publishOn(o *outbox, d draft) error {
	return o.publish(d.subject, d.reply, d.block, d.payload)
}

func requestOn(o *outbox, d draft) (pub uint64, err error) {
	return o.request(d.subject, &message{reply: d.reply, block: d.block, payload: d.payload})
}

func put(t testing.TB, o *outbox, payload string) {
	t.Helper()
	if err := publishOn(o, draft{subject: "s", payload: []byte(payload)}); err != nil {
		t.Fatal("publish:", err)
	}
}

// TestOutboxDownAtItsLimit: the buffer takes a message as long as it is not full.
func TestOutboxDownAtItsLimit(t *testing.T) {
	const frame = len("PUB s 4\r\nabcd\r\n")
	for limit, fit := range map[int]int{-1: 0, 0: 0, 1: 1, frame - 1: 1, frame: 1, frame + 1: 2, 3 * frame: 3} {
		o := newOutbox(limit, nil)
		for range fit {
			put(t, o, "abcd")
		}
		err := publishOn(o, draft{subject: "s", payload: []byte("abcd")})
		var full *OutboundBufferLimitError
		if !errors.As(err, &full) || !errors.Is(err, ErrOutboundBufferLimit) || full.Limit != limit || full.Buffered != fit*frame {
			t.Errorf("limit %d after %d messages: %v", limit, fit, err)
		}
		if o.accepted != uint64(fit) || len(o.buf) != fit*frame {
			t.Errorf("limit %d: %d accepted, %d bytes", limit, o.accepted, len(o.buf))
		}
	}
}

// TestPublishRefusals: each state and limit has its error, and nothing is kept.
func TestPublishRefusals(t *testing.T) {
	live := func() *outbox { return liveOutbox(nil) }
	why := errors.New("closed by the test")
	cases := map[string]struct {
		make    func() *outbox
		block   string
		payload int
		want    error
	}{
		"at the server's limit":         {make: live, payload: 1 << 20},
		"above the server's limit":      {make: live, payload: 1<<20 + 1, want: protocol.ErrMaxPayload},
		"header and payload at limit":   {make: live, block: "0123456789", payload: 1<<20 - 10},
		"header and payload above":      {make: live, block: "0123456789", payload: 1<<20 - 9, want: protocol.ErrMaxPayload},
		"before any server: no limit":   {make: func() *outbox { return newOutbox(64<<20, nil) }, payload: 2 << 20},
		"closed":                        {make: func() *outbox { o := live(); o.close(why); return o }, want: why},
		"draining":                      {make: func() *outbox { o := live(); o.state = outDrained; return o }, want: ErrConnectionDraining},
		"server without headers":        {make: func() *outbox { o := live(); o.headers = false; return o }, block: "x", want: ErrHeadersNotSupported},
		"server without headers, plain": {make: func() *outbox { o := live(); o.headers = false; return o }},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			o := c.make()
			var block []byte
			if c.block != "" {
				block = []byte(c.block)
			}
			err := publishOn(o, draft{subject: "s", block: block, payload: make([]byte, c.payload)})
			if !errors.Is(err, c.want) {
				t.Fatalf("got %v, want %v", err, c.want)
			}
			if kept := len(o.buf) > 0; kept != (c.want == nil) || (o.accepted == 1) != kept {
				t.Errorf("kept %v, accepted %d", kept, o.accepted)
			}
		})
	}
}

// TestPublishersWaitForTheWriter above the live limit, and go on when it is
// below, or when the link is lost or the connection closed.
func TestPublishersWaitForTheWriter(t *testing.T) {
	ends := map[string]struct {
		do   func(o *outbox)
		want error
	}{
		"the writer takes": {do: func(o *outbox) { o.begin(1) }},
		"the link is lost": {do: func(o *outbox) { o.detach(1, nil) }},
		"closed":           {do: func(o *outbox) { o.close(ErrConnectionClosed) }, want: ErrConnectionClosed},
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				o := liveOutbox(nil)
				for len(o.buf) <= outboxLiveMax {
					put(t, o, strings.Repeat("x", 1000))
				}
				results := make(chan error, 3)
				for range 3 {
					go func() { results <- publishOn(o, draft{subject: "s"}) }()
				}
				synctest.Wait()
				if o.blocked != 3 || len(results) != 0 {
					t.Fatalf("%d publishers wait, %d went through", o.blocked, len(results))
				}
				end.do(o)
				for range 3 {
					if err := <-results; !errors.Is(err, end.want) {
						t.Errorf("got %v, want %v", err, end.want)
					}
				}
			})
		})
	}
}

// TestOneWriterAtATime: only one goroutine gets frames to write.
func TestOneWriterAtATime(t *testing.T) {
	o := liveOutbox(nil)
	put(t, o, "1")
	first := o.begin(1)
	put(t, o, "2")
	if second := o.begin(1); second.frames != nil {
		t.Fatalf("a second write began: %q", second.frames)
	}
	if stale := o.begin(7); stale.frames != nil {
		t.Fatalf("a writer of another socket got %q", stale.frames)
	}
	o.end(first)
	if got := string(o.begin(1).frames); got != "PUB s 1\r\n2\r\n" {
		t.Errorf("then came %q", got)
	}
}

// TestWakesOnce: as long as the writer has not looked, nobody wakes it again.
func TestWakesOnce(t *testing.T) {
	woken := 0
	o := newOutbox(0, func(loss) {})
	s := testSocket(1)
	s.kick = func() { woken++ }
	o.attach(s, noSubscriptions)
	put(t, o, "1")
	put(t, o, "2")
	if woken != 1 {
		t.Errorf("woken %d times", woken)
	}
	w := o.begin(1)
	put(t, o, "3")
	if woken != 1 {
		t.Errorf("woken in the middle of its write")
	}
	o.end(w)
	o.end(o.begin(1))
	o.begin(1)
	put(t, o, "4")
	if woken < 2 {
		t.Error("not woken after it had gone to sleep")
	}
}

// TestARequesterWritesItself when the writer is idle, and leaves the rest of
// what the socket does not take to the writer.
func TestARequesterWritesItself(t *testing.T) {
	const frame = "PUB q r 1\r\nx\r\n"
	for took := range len(frame) + 1 {
		woken := 0
		s := testSocket(1)
		s.kick = func() { woken++ }
		s.try = func([]byte) int { return took }
		o := newOutbox(0, func(loss) {})
		o.attach(s, noSubscriptions)
		o.begin(1)
		woken = 0
		pub, err := requestOn(o, draft{subject: "q", reply: "r", payload: []byte("x")})
		if err != nil || pub != 1 {
			t.Fatalf("publish %d, %v", pub, err)
		}
		rest := o.begin(1)
		if took == len(frame) {
			if woken != 0 || rest.frames != nil {
				t.Errorf("all was written, and the writer woken %d times for %q", woken, rest.frames)
			}
			continue
		}
		if woken != 1 || string(rest.frames) != frame || rest.n != took {
			t.Errorf("%d bytes taken: writer woken %d times, goes on at %d of %q", took, woken, rest.n, rest.frames)
		}
	}
}

// TestASocketLostUnderARequester: the rest of a frame that the old socket did not take
// must not go to the next one.
func TestASocketLostUnderARequester(t *testing.T) {
	const frame = "PUB q r 1\r\nx\r\n"
	for took := range len(frame) + 1 {
		var losses []loss
		o := newOutbox(1<<20, func(l loss) { losses = append(losses, l) })
		s := testSocket(1)
		s.try = func([]byte) int {
			o.detach(1, ErrDisconnected)
			return took
		}
		o.attach(s, noSubscriptions)
		o.begin(1)
		if _, err := requestOn(o, draft{subject: "q", reply: "r", payload: []byte("x")}); err != nil {
			t.Fatal(err)
		}
		if len(losses) != 1 {
			t.Fatalf("%d bytes taken: the loss was reported %d times", took, len(losses))
		}
		o.attach(testSocket(2), noSubscriptions)
		next := string(o.begin(2).frames)
		switch {
		case took == 0 && (next != frame || losses[0].uncertain != 0 || losses[0].resent != 1):
			t.Errorf("nothing was taken: %q goes to the next socket, loss %+v", next, losses[0])
		case took > 0 && (next != "" || losses[0].uncertain != 1 || losses[0].resent != 0):
			t.Errorf("%d bytes were taken: %q goes to the next socket, loss %+v", took, next, losses[0])
		}
	}
}

// TestTheNextSocketWaitsForARequester that is in the middle of a write.
func TestTheNextSocketWaitsForARequester(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutbox(1<<20, func(loss) {})
		s := testSocket(1)
		s.try = func([]byte) int {
			time.Sleep(time.Second) // virtual: a goroutine that was not scheduled
			return 3
		}
		o.attach(s, noSubscriptions)
		o.begin(1)
		var running sync.WaitGroup
		running.Go(func() { _, _ = requestOn(o, draft{subject: "q", reply: "r"}) })
		synctest.Wait()
		o.detach(1, ErrDisconnected)
		start := time.Now()
		o.attach(testSocket(2), noSubscriptions)
		if took := time.Since(start); took != time.Second {
			t.Errorf("attached after %v", took)
		}
		if w := o.begin(2); w.frames != nil {
			t.Errorf("the next socket got %q", w.frames)
		}
		running.Wait()
	})
}

// TestFlushers are answered in order, by their own PONG, by a loss, or by a close.
func TestFlushers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := liveOutbox(func(l loss) {
			for _, w := range l.waiters {
				w <- ErrDisconnected
			}
		})
		flush := func() chan error {
			done := make(chan error, 1)
			go func() { done <- o.flush(t.Context()) }()
			synctest.Wait()
			return done
		}
		first, second := flush(), flush()
		o.pong(o.link, time.Now())
		if err := <-first; err != nil {
			t.Error(err)
		}
		synctest.Wait()
		if len(second) != 0 {
			t.Error("one PONG answered two")
		}
		o.detach(1, ErrDisconnected)
		if err := <-second; !errors.Is(err, ErrDisconnected) {
			t.Errorf("lost with the link: %v", err)
		}
		third := flush()
		if o.attach(testSocket(2), noSubscriptions); string(o.begin(2).frames) != "PING\r\n" {
			t.Error("the PING that waited did not go to the new socket")
		}
		o.pong(o.link, time.Now())
		if err := <-third; err != nil {
			t.Error(err)
		}
		fourth := flush()
		for _, w := range o.close(ErrConnectionClosed) {
			w <- ErrConnectionClosed
		}
		if err := <-fourth; !errors.Is(err, ErrConnectionClosed) {
			t.Errorf("closed: %v", err)
		}
		if err := o.flush(t.Context()); !errors.Is(err, ErrConnectionClosed) {
			t.Errorf("after the close: %v", err)
		}
	})
}

// TestAFlushThatGaveUp does not leave its PONG to another flush.
func TestAFlushThatGaveUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		for _, live := range []bool{true, false} {
			o := liveOutbox(nil)
			if !live {
				o.detach(1, nil)
			}
			ctx, cancel := context.WithTimeout(t.Context(), time.Second)
			if err := o.flush(ctx); !errors.Is(err, context.DeadlineExceeded) {
				t.Errorf("live %v: %v", live, err)
			}
			cancel()
			done := make(chan error, 1)
			go func() { done <- o.flush(t.Context()) }()
			synctest.Wait()
			if !live {
				o.attach(testSocket(2), noSubscriptions)
			} else {
				o.pong(o.link, time.Now()) // of the one that gave up
			}
			synctest.Wait()
			if len(done) != 0 {
				t.Errorf("live %v: the wrong PONG answered", live)
			}
			o.pong(o.link, time.Now())
			if err := <-done; err != nil {
				t.Errorf("live %v: %v", live, err)
			}
		}
	})
}

// TestPongsNobodyAskedFor never confirm more than was written.
func TestPongsNobodyAskedFor(t *testing.T) {
	o := liveOutbox(nil)
	put(t, o, "x")
	for range 1000 {
		if o.pong(o.link, time.Now()).asked {
			t.Fatal("matched something")
		}
	}
	if o.confirmed != 0 || o.confirmed > o.written {
		t.Errorf("confirmed %d of %d", o.confirmed, o.written)
	}
}

// TestAPingFloodCostsOneAnswer while the writer cannot send it.
func TestAPingFloodCostsOneAnswer(t *testing.T) {
	o := liveOutbox(nil)
	for range 100_000 {
		o.answerPing(1)
	}
	w := o.begin(1)
	if string(w.frames) != "PONG\r\n" {
		t.Fatalf("%d bytes of answers", len(w.frames))
	}
	o.answerPing(1) // during the write: it may have left before this PING came
	o.end(w)
	next := o.begin(1)
	if string(next.frames) != "PONG\r\n" {
		t.Errorf("then %q", next.frames)
	}
	o.end(next)
	o.detach(1, nil)
	o.answerPing(1) // too late
	if o.attach(testSocket(2), noSubscriptions); o.begin(2).frames != nil {
		t.Error("answered the PING of another socket")
	}
	if o.answerPing(2); string(o.begin(2).frames) != "PONG\r\n" {
		t.Error("did not answer on the new socket")
	}
}

// TestTheOutboxAsksForConfirmation after each confirmBytes.
func TestTheOutboxAsksForConfirmation(t *testing.T) {
	o := liveOutbox(nil)
	bytes, pings := 0, 0
	for bytes < 3*confirmBytes {
		put(t, o, strings.Repeat("x", 10_000))
		w := o.begin(1)
		bytes += len(w.frames)
		pings += strings.Count(string(w.frames), "PING\r\n")
		o.end(w)
	}
	if pings < 2 || pings > 3 || len(o.marks) != pings {
		t.Errorf("%d PINGs and %d marks in %d bytes", pings, len(o.marks), bytes)
	}
	for range pings {
		o.pong(o.link, time.Now())
	}
	if o.confirmed == 0 || o.confirmed > o.written {
		t.Errorf("confirmed %d of %d", o.confirmed, o.written)
	}
}

// TestPublishersInParallel: every frame is whole, and each publisher's order is kept.
func TestPublishersInParallel(t *testing.T) {
	o := liveOutbox(nil)
	const publishers, each = 4, 2000
	var running sync.WaitGroup
	for p := range publishers {
		running.Go(func() {
			for i := range each {
				put(t, o, fmt.Sprintf("%d.%d", p, i))
			}
		})
	}
	done := make(chan struct{})
	go func() { running.Wait(); close(done) }()
	next, got := [publishers]int{}, 0
	for finished := false; ; {
		w := o.begin(1)
		if w.frames == nil && finished {
			break
		}
		walkFrames(w.frames, func(f *protocol.Frame, from, to int) bool {
			var p, i int
			fmt.Sscanf(string(f.Payload.Of(w.frames[from:to])), "%d.%d", &p, &i)
			if next[p] != i {
				t.Errorf("publisher %d: message %d came, want %d", p, i, next[p])
			}
			next[p] = i + 1
			got++
			return true
		})
		if w.frames != nil {
			o.end(w)
		}
		select {
		case <-done:
			finished = true
		default:
		}
	}
	if got != publishers*each {
		t.Errorf("%d of %d messages came", got, publishers*each)
	}
}
