package actors

import (
	"bytes"
	"runtime"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/protocol"
)

// streamOutbox is an outbox in a stream, with a socket that takes at most take
// bytes a write, or everything for a negative take.
func streamOutbox(t *testing.T, take int) (o *outbox, out *bytes.Buffer, kicks *int) {
	t.Helper()
	out, kicks = new(bytes.Buffer), new(int)
	s := testSocket(1)
	s.kick = func() { *kicks++ }
	s.try = func(frames []byte) int {
		n := len(frames)
		if take >= 0 {
			n = min(n, take)
		}
		out.Write(frames[:n])
		return n
	}
	o = newOutbox(1<<20, func(loss) {})
	o.attach(s, noSubscriptions)
	o.begin(1)
	*kicks = 0
	if !o.gather() {
		t.Fatal("an empty outbox does not begin a stream")
	}
	return o, out, kicks
}

// publishUntil publishes until something was written or the writer was woken.
func publishUntil(t *testing.T, o *outbox, out *bytes.Buffer, kicks *int) (published int) {
	t.Helper()
	for out.Len() == 0 && *kicks == 0 {
		if err := o.publish("s", "", nil, []byte(decimal(uint64(published)))); err != nil {
			t.Fatal(err)
		}
		published++
	}
	return published
}

func TestAStreamIsWrittenByItsPublishers(t *testing.T) {
	o, out, kicks := streamOutbox(t, -1)
	n := publishUntil(t, o, out, kicks)
	if out.Len() < gatherBytes || *kicks != 0 {
		t.Fatalf("%d bytes were written and the writer was woken %d times", out.Len(), *kicks)
	}
	if got := strings.Count(out.String(), "PUB "); got != n || len(o.buf) != 0 || o.writing > 0 {
		t.Fatalf("%d of %d frames left, %d bytes wait, %d are being written", got, n, len(o.buf), o.writing)
	}
	if !o.streaming() {
		t.Error("the stream is not seen")
	}
	if o.streaming() {
		t.Error("a stream that paused is still seen")
	}
}

func TestASocketThatIsFullEndsTheStream(t *testing.T) {
	o, out, kicks := streamOutbox(t, 1000)
	n := publishUntil(t, o, out, kicks)
	if out.Len() != 1000 || *kicks != 1 || o.gathering || o.writing == 0 {
		t.Fatalf("%d bytes written, %d wake-ups, gathering %v, %d being written", out.Len(), *kicks, o.gathering, o.writing)
	}
	w := o.begin(1)
	out.Write(w.frames[w.n:])
	o.end(w)
	if got := strings.Count(out.String(), "PUB "); got != n {
		t.Fatalf("%d of %d frames left", got, n)
	}
	if o.begin(1).frames != nil {
		t.Error("something is written twice")
	}
}

// TestControlFramesEndAStreamsSleep: a caller that waits for an answer does not wait for
// the stream.
func TestControlFramesEndAStreamsSleep(t *testing.T) {
	o, _, kicks := streamOutbox(t, -1)
	if err := o.publish("s", "", nil, []byte("x")); err != nil || *kicks != 0 {
		t.Fatalf("a small publish of a stream woke the writer %d times (%v)", *kicks, err)
	}
	o.control(protocol.AppendPong)
	if *kicks != 1 {
		t.Fatalf("a PONG woke the writer %d times", *kicks)
	}
}

// TestRequestsDoNotWaitForAStream: a request is written at once, with what waits.
func TestRequestsDoNotWaitForAStream(t *testing.T) {
	o, out, kicks := streamOutbox(t, -1)
	_ = o.publish("s", "", nil, []byte("before"))
	if _, err := o.request("q", &message{reply: "r", payload: []byte("?")}); err != nil {
		t.Fatal(err)
	}
	if want := "PUB s 6\r\nbefore\r\nPUB q r 1\r\n?\r\n"; out.String() != want || *kicks != 0 {
		t.Fatalf("got %q and %d wake-ups", out.String(), *kicks)
	}
}

// TestRequestsOfACrowd that has one processor leave with one write.
func TestRequestsOfACrowd(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	const rounds = 100
	together := 0
	for range rounds {
		o, out, _ := streamOutbox(t, -1)
		first := 0
		try := o.try
		o.try = func(frames []byte) int {
			if first == 0 {
				first = len(frames)
			}
			return try(frames)
		}
		var both sync.WaitGroup
		for range 2 {
			both.Go(func() { _, _ = o.request("q", &message{reply: "r", payload: []byte("?"), crowd: true}) })
		}
		both.Wait()
		if want := strings.Repeat("PUB q r 1\r\n?\r\n", 2); out.String() != want {
			t.Fatalf("got %q", out)
		}
		if first == out.Len() {
			together++
		}
	}
	if together < rounds/2 {
		t.Errorf("together %d times of %d", together, rounds)
	}
}

// TestTheTailOfAStream is sent without another publish, over a socket that can be tried
// and over one that can't.
func TestTheTailOfAStream(t *testing.T) {
	const n = 200_000
	s := natsserver.Run(t, natsserver.Options{})
	c := connect(t, config(t, s.URL()))
	next, end := 0, make(chan struct{})
	subscribe(t, c, SubSpec{Subject: "stream", Limits: Limits{Msgs: -1, Bytes: -1}, Consumer: handle(func(_, payload string) {
		if payload != decimal(uint64(next)) {
			t.Errorf("got %s, want %d", payload, next)
		}
		if next++; next == n {
			close(end)
		}
	})})
	for i := range n {
		mustPublish(t, c, "stream", decimal(uint64(i)))
	}
	select {
	case <-end:
	case <-must.Within(t, patience).Done():
		t.Fatalf("the tail did not come: %d of %d", next, n)
	}
}

func TestTheTailOfAStreamOverAPipe(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ready := make(chan *peer, 1)
		cfg := config(t, "nats://pipe:4222")
		peers(t, &cfg, func(p *peer) {
			if !p.greet(protocol.Info{MaxPayload: 1 << 20}) {
				return
			}
			ready <- p
			p.serve()
		})
		c := connect(t, cfg)
		<-ready
		const n = 5000
		for i := range n {
			mustPublish(t, c, "stream", strings.Repeat("x", 100)+decimal(uint64(i)))
		}
		time.Sleep(time.Second)
		c.out.mu.Lock()
		waiting, written := len(c.out.buf), c.out.written
		c.out.mu.Unlock()
		if waiting != 0 || written != n {
			t.Fatalf("%d bytes wait, %d of %d publishes were written", waiting, written, n)
		}
	})
}
