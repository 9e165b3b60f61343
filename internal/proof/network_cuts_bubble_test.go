package proof_test

import (
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"os"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults"
	"github.com/troupe-go/troupe/faults/check"
	"github.com/troupe-go/troupe/faults/fakeserver"
	"github.com/troupe-go/troupe/internal/must"
)

// cut is one way to end a connection in the middle of a dialogue.
type cut struct {
	rule  string               // with the number of the connection and the byte
	bytes func(tr *trip) int64 // so far, of the direction that it is about
	cause func(err error) bool // whether this is a cause for the loss of a link
}

// everyByte ends a connection after each byte of a dialogue, and judges what became of its
// messages and calls. Behind byte 0 is nowhere.
func everyByte(t *testing.T, c cut) {
	kit(t, func(b *faults.Env) {
		t := b.T
		s := watching(b)
		total := 1
		for k := 0; k <= total; k += stride() {
			tr := depart(b, s, label("t", k), check.Options{})
			if k > 0 {
				inject(b, "c", fmt.Sprintf(c.rule, tr.link.Stats().Connections+1, k))
			}
			what := fmt.Sprintf("byte %d of %d", k, total)
			before := c.bytes(tr)
			if err := tr.talk(what); err != nil {
				if dial := as[*api.DialError](t, err); dial.Phase != "info" && dial.Phase != "connect" || !c.cause(err) {
					t.Errorf("%s: not connected: %v", what, err)
				}
				tr.leave()
				continue
			}
			if k == 0 {
				total = int(c.bytes(tr) - before)
			}
			lost := tr.events.of(api.LinkLost)
			if len(lost) > 1 || len(lost) == 0 && k > 0 && k < total {
				t.Errorf("%s: the link was lost %d times", what, len(lost))
			}
			for _, e := range lost {
				if link := as[*api.LinkError](t, e.Cause); !link.MaybeSent() || !c.cause(link) {
					t.Errorf("%s: lost by %v", what, e.Cause)
				}
			}
			tr.arrive(what, core()...)
		}
		if total < 500 {
			t.Errorf("the dialogue has %d bytes", total)
		}
	})
}

// talk is a dialogue of about two kilobytes. Its error is that of connecting.
func (tr *trip) talk(what string) error {
	if err := tr.connect(); err != nil {
		return err
	}
	tr.subscribe()
	tr.publish(5)
	_ = tr.flush(5 * time.Second)
	_ = tr.request(5 * time.Second)
	tr.publish(5)
	_ = tr.flush(5 * time.Second)
	time.Sleep(time.Second)
	for _, err := range tr.gone {
		if !errors.Is(err, api.ErrDisconnected) || !api.MaybeSent(err) {
			tr.b.T.Errorf("%s: a call ended with %v", what, err)
		}
	}
	return nil
}

func bytesOut(tr *trip) int64 { return tr.link.Stats().Out.Read }
func bytesIn(tr *trip) int64  { return tr.link.Stats().In.Read }

// TestN04ResetAtEveryByte: the connection is reset after byte k, in each direction. G2: each
// call ends once, at once, and says that it may have had its effect. G3, G4, G6: nothing comes
// twice, or out of order, and what may be lost is reported. G5: the subscriptions on the server
// are those that are wanted. G8, G11.
func TestN04ResetAtEveryByte(t *testing.T) {
	reset := func(err error) bool { return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE) }
	t.Run("out", func(t *testing.T) { everyByte(t, cut{"when conn(%d) bytes(%d) reset(out)", bytesOut, reset}) })
	t.Run("in", func(t *testing.T) { everyByte(t, cut{"when conn(%d) bytes(%d) reset(in)", bytesIn, reset}) })
}

// TestN08EndAtEveryByte: the connection ends in good order after byte k, that of our side or
// that of the server. As N04.
func TestN08EndAtEveryByte(t *testing.T) {
	end := func(err error) bool { return errors.Is(err, api.ErrUnexpectedEOF) || errors.Is(err, syscall.EPIPE) }
	t.Run("out", func(t *testing.T) { everyByte(t, cut{"when conn(%d) bytes(%d) fin(out)", bytesOut, end}) })
	t.Run("in", func(t *testing.T) { everyByte(t, cut{"when conn(%d) bytes(%d) fin(in)", bytesIn, end}) })
}

// golden are frames of a server in every form that is read, for subscriptions 1 and 2.
// Those that carry a message carry its number.
func golden() (frames []string, messages int) {
	const block = "NATS/1.0\r\nA: b\r\n\r\n" // 18 bytes; with the text 25
	for _, form := range []string{
		"MSG a 1 7\r\nTEXT\r\n", "PING\r\n", "MSG a 1 reply.to 7\r\nTEXT\r\n", "+OK\r\n",
		"msg \t a\t1 \t 7  \r\nTEXT\r\n", "HMSG a 1 18 25\r\n" + block + "TEXT\r\n", "ping\n",
		"HMSG a 1 r 18 25\r\n" + block + "TEXT\r\n", "-ERR 'Slow Down'\r\n", "MSG a 1 7\nTEXT\r\n", "+ok fine\r\n",
		"PONG\r\n", "MSG größe.ß 2 007\r\nTEXT\r\n", "MSG a 1 12 7\r\nTEXT\r\n", "hMsg\ta  1 18\t25 \n" + block + "TEXT\r\n",
	} {
		if strings.Contains(form, "TEXT") {
			messages++
		}
		frames = append(frames, strings.ReplaceAll(form, "TEXT", fmt.Sprintf("%07d", messages)))
	}
	return frames, messages
}

// TestN03EveryCut of a stream gives the same messages: in two after each byte, byte by byte, in
// random slices, and gathered. In the other direction, too. G6.
func TestN03EveryCut(t *testing.T) {
	frames, messages := golden()
	stream := strings.Join(frames, "")
	onFake(t, fakeserver.Options{}, func(b *faults.Env, s *fakeserver.Server) {
		events := newTape()
		nc := enter(b, "c", events.option())
		got, other := &notes[string]{}, &notes[string]{}
		must.Get(nc.Subscribe("a", texts(got)))(b.T)
		must.Get(nc.Subscribe("größe.ß", texts(other)))(b.T)
		must.Do(b.T, nc.Flush())
		rounds := 0
		round := func(rules ...string) {
			rounds++
			for _, rule := range rules {
				inject(b, "c", rule)
			}
			must.Do(b.T, s.Client(1).Send([]byte(stream)))
			time.Sleep(time.Second)
			must.Do(b.T, nc.Flush())
			b.Link("c", "s1").Clear()
			if n := len(got.read()) + len(other.read()); n != rounds*messages {
				b.T.Fatalf("%v: %d messages, want %d", rules, n-(rounds-1)*messages, messages)
			}
		}
		for k := 1; k < len(stream); k += stride() {
			round(fmt.Sprintf("for 1ms when bytes(%d) blackhole(in)", k))
		}
		for n := 1; n < 100; n += 1 + n/3 {
			round(fmt.Sprintf("slice(%d)", n))
		}
		random := rand.New(rand.NewPCG(3, 0))
		for range 100 {
			var rules []string
			for range 1 + random.IntN(6) {
				rules = append(rules, fmt.Sprintf("for %dus when bytes(%d) blackhole(in)", 1+random.IntN(2000), 1+random.IntN(len(stream))))
			}
			round(rules...)
		}
		round("coalesce(50ms)")
		want := strings.Repeat("000000100000020000003000000400000050000006"+"00000080000009", rounds)
		if strings.Join(got.read(), "") != want || strings.Join(other.read(), "") != strings.Repeat("0000007", rounds) {
			b.T.Error("other messages came, or in another order")
		}
		if n := len(events.of(api.ServerErrorReported)); n != rounds {
			b.T.Errorf("%d errors of the server in %d rounds", n, rounds)
		}
		events.none(b.T, api.LinkLost)
	})
}

// TestN03EveryCutOfOurs: what we send is whole for the server, however it is cut.
func TestN03EveryCutOfOurs(t *testing.T) {
	kit(t, func(b *faults.Env) {
		s := watching(b)
		events := newTape()
		nc := enter(b, "c", events.option(), api.Name("c"))
		got := &notes[string]{}
		must.Get(s.nc.Subscribe("out.*", texts(got)))(b.T)
		must.Do(b.T, s.nc.Flush())
		link := b.Link("c", "s1")
		rounds := 0
		round := func(rule string) (bytes int) {
			rounds++
			inject(b, "c", rule)
			before := link.Stats().Out.Read
			must.Do(b.T, nc.Publish("out.a", []byte("1")))
			must.Do(b.T, nc.PublishMsg(&api.Msg{Subject: "out.b", Header: api.Header{"K": {"v"}}, Data: []byte("2")}))
			must.Do(b.T, nc.PublishRequest("out.c", "reply", []byte("3")))
			sub := must.Get(nc.QueueSubscribeSync("in.*", "q"))(b.T)
			must.Do(b.T, sub.AutoUnsubscribe(3))
			must.Do(b.T, nc.Publish("in.x", nil))
			must.Do(b.T, nc.Flush())
			must.Get(sub.NextMsg(time.Second))(b.T)
			must.Do(b.T, sub.Unsubscribe())
			must.Do(b.T, nc.Flush())
			link.Clear()
			if known := serverView(b.T, b.Server, "c"); len(known) > 0 {
				b.T.Errorf("%s: the server knows of %v", rule, known)
			}
			return int(link.Stats().Out.Read - before)
		}
		total := round("slice(1)")
		for k := 1; k < total; k += stride() {
			round(fmt.Sprintf("for 1ms when bytes(%d) blackhole(out)", k))
		}
		round("coalesce(50ms)")
		must.Do(b.T, s.nc.Flush())
		synctest.Wait()
		if diff := cmp.Diff(strings.Repeat("123", rounds), strings.Join(got.read(), "")); diff != "" {
			b.T.Errorf("the messages (-want +got):\n%s", diff)
		}
		events.none(b.T, api.LinkLost, api.ServerErrorReported)
	})
}

// onFake runs f in a bubble with a fake server as "s1".
func onFake(t *testing.T, options fakeserver.Options, f func(b *faults.Env, s *fakeserver.Server)) {
	t.Helper()
	options.DontListen = true
	faults.Bubble(t, func(b *faults.Env) {
		s := fakeserver.Run(b.T, options)
		b.Attach("s1", s)
		f(b, s)
	}, faults.NoServer())
}

// TestN05EndOfStream at the end of a frame, and in the middle of one, after each byte. G11: the
// causes differ. G5, G8: recovery does not.
func TestN05EndOfStream(t *testing.T) {
	frames, _ := golden()
	stream := strings.Join(frames, "")
	ends := []int{}
	for i := range frames {
		ends = append(ends, len(strings.Join(frames[:i+1], "")))
	}
	onFake(t, fakeserver.Options{}, func(b *faults.Env, s *fakeserver.Server) {
		for k := 1; k <= len(stream); k += stride() {
			events := newTape()
			nc := enter(b, "c", events.option())
			must.Get(nc.QueueSubscribeSync("a", "q"))(b.T)
			must.Do(b.T, nc.Flush())
			inject(b, "c", fmt.Sprintf("when conn(%d) bytes(%d) fin(in)", s.Accepted(), k))
			must.Do(b.T, s.Client(s.Accepted()).Send([]byte(stream)))
			cause := events.await(b.T, api.LinkLost, 1).Cause
			kinds(b.T, cause, api.ErrUnexpectedEOF)
			atEnd := slices.Contains(ends, k)
			if errors.Is(cause, io.EOF) != atEnd {
				b.T.Errorf("behind byte %d, at the end of a frame: %v: %v", k, atEnd, cause)
			}
			events.await(b.T, api.LinkRestored, 2)
			must.Do(b.T, nc.Flush())
			want := []fakeserver.Subscription{{Subject: "a", Queue: "q", SID: 1}}
			if diff := cmp.Diff(want, s.Client(s.Accepted()).Subscriptions()); diff != "" {
				b.T.Errorf("behind byte %d the server knows of (-want +got):\n%s", k, diff)
			}
			b.Link("c", "s1").Clear()
			nc.Close()
		}
	})
}

// stump dials in place of another dialer. Once it is told to, the next write of a
// connection takes some bytes only, and fails.
type stump struct {
	api.CustomDialer
	next atomic.Pointer[stop] // nil: nothing happens
}

type stop struct {
	n   int
	err error
}

// Dial connects, and watches what is written.
func (s *stump) Dial(network, address string) (net.Conn, error) {
	conn, err := s.CustomDialer.Dial(network, address)
	if err != nil {
		return nil, err
	}
	return &stumpConn{Conn: conn, stump: s}, nil
}

type stumpConn struct {
	net.Conn
	stump *stump
	fails error
}

// Write writes what it may.
func (c *stumpConn) Write(data []byte) (int, error) {
	if c.fails != nil {
		return 0, c.fails
	}
	at := c.stump.next.Swap(nil)
	if at == nil {
		return c.Conn.Write(data)
	}
	c.fails = at.err
	n, err := c.Conn.Write(data[:min(at.n, len(data))])
	if err != nil {
		return n, err
	}
	return n, at.err
}

// TestN09ShortWrites: a write takes n bytes and then fails, or its time is over, for all
// n. G3: what is left of a frame is never sent on the next connection, and no frame that
// had begun is sent again; G2: it counts as perhaps sent.
func TestN09ShortWrites(t *testing.T) {
	for _, cause := range []error{os.ErrDeadlineExceeded, &net.OpError{Op: "write", Net: "sim", Err: syscall.EPIPE}} {
		kit(t, func(b *faults.Env) {
			s := watching(b)
			const size = 5 * len("PUB t-000.orders 16\r\n0123456789abcdef\r\n")
			for n := 0; n <= size; n += stride() {
				shortWrite(depart(b, s, label("t", n), check.Options{}), n, cause)
			}
		})
	}
}

// shortWrite makes the write of five messages fail after n bytes.
func shortWrite(tr *trip, n int, cause error) {
	t := tr.b.T
	st := &stump{CustomDialer: tr.b.Dialer("c")}
	must.Do(t, tr.connect(api.SetCustomDialer(st)))
	tr.subscribe()
	tr.publish(3)
	must.Do(t, tr.flush(time.Second))
	before := tr.link.Stats().Out.Read
	st.next.Store(&stop{n, cause})
	tr.publish(5) // in one write, or in two
	time.Sleep(3 * time.Second)
	what := fmt.Sprintf("%v behind %d bytes, %d on the line", cause, n, tr.link.Stats().Out.Read-before)
	lost := tr.events.of(api.LinkLost)
	if len(lost) != 1 {
		t.Errorf("%s: lost %d times", what, len(lost))
	}
	for _, e := range lost {
		if link := as[*api.LinkError](t, e.Cause); link.Phase != "write" || !errors.Is(link, cause) || !link.MaybeSent() {
			t.Errorf("%s: lost by %v", what, e.Cause)
		}
	}
	tr.events.none(t, api.ServerErrorReported)
	tr.arrive(what, core()...)
}

// TestN09WriteDeadline: the line takes a part of a frame and no more, until the time for
// a write is over. As above, at the exact time.
func TestN09WriteDeadline(t *testing.T) {
	const limit = 3 * time.Second
	kit(t, func(b *faults.Env) {
		tr := depart(b, watching(b), "t", check.Options{})
		tr.shop.Unordered() // what the line has taken comes last
		must.Do(b.T, tr.connect(api.FlusherTimeout(limit), api.PingInterval(time.Hour)))
		tr.subscribe()
		must.Do(b.T, tr.flush(time.Second))
		inject(b, "c", "blackhole(out)")
		began := time.Now()
		for range 2 { // more than all windows together
			o := tr.shop.Publish(0)
			must.Do(b.T, tr.nc.Publish("t.orders", o.Payload(3<<20/4)))
			o.Accepted()
		}
		tr.publish(3)
		lost := tr.events.await(b.T, api.LinkLost, 1)
		if d := time.Since(began); d != limit {
			b.T.Errorf("given up after %v", d)
		}
		kinds(b.T, lost.Cause, api.ErrWriteTimeout, api.ErrTimeout)
		if link := as[*api.LinkError](b.T, lost.Cause); link.Phase != "write" {
			b.T.Errorf("lost by %v", link)
		}
		tr.arrive("a deadline", check.G2, check.G3, check.G6)
	}, faults.Window(1<<10))
}
