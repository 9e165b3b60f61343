package api

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"runtime"
	"strings"
	"sync"
	"testing"
	"unsafe"

	"github.com/google/go-cmp/cmp"

	"github.com/troupe-go/troupe/actors"
	"github.com/troupe-go/troupe/protocol"
)

// buildAll runs a consumer over n messages and checks that every slab is within
// its bounds.
func buildAll(t *testing.T, at actors.Cursor, n int, c *owned) {
	t.Helper()
	for n > 0 {
		built := c.Build(&at, n)
		if built < 1 || built > n {
			t.Fatalf("built %d of %d", built, n)
		}
		checkSlab(t, c.msgs[:built])
		for k := range built {
			c.Call(k)
		}
		n -= built
	}
	if c.msgs != nil {
		t.Error("the consumer holds on to its last slab")
	}
}

// checkSlab computes what one kept message of a slab keeps in memory.
func checkSlab(t *testing.T, msgs []Msg) {
	t.Helper()
	pinned, smallest := len(msgs)*int(unsafe.Sizeof(Msg{})), 1<<30
	subject := ""
	for i := range msgs {
		m := &msgs[i]
		own := len(m.Reply) + len(m.Data) + protocol.HeaderSize(m.Header)
		if unsafe.StringData(m.Subject) != unsafe.StringData(subject) && unsafe.StringData(m.Subject) != unsafe.StringData(m.Sub.Subject) {
			subject = m.Subject
			own += len(subject)
		}
		pinned += own
		smallest = min(smallest, own)
		for range m.Header {
			pinned += 64 // of the map and the values
		}
		if cap(m.Data) != len(m.Data) {
			t.Errorf("data can grow into what follows: %d of %d bytes", len(m.Data), cap(m.Data))
		}
	}
	if bound := max(2048, 8*smallest); len(msgs) > 1 && pinned > bound {
		t.Errorf("%d messages pin %d bytes, the bound is %d", len(msgs), pinned, bound)
	}
}

func TestSlabsStayWithinTheirBounds(t *testing.T) {
	for _, size := range []int{0, 1, 16, 100, 255, 256, 257, 1000, 2048, 5000, 70_000} {
		for _, headers := range []int{0, 3} {
			// With a subject of its own, and with the subscription's.
			slabsOf(t, "a.*", message(size, headers))
			slabsOf(t, "a.b", message(size, headers))
		}
	}
}

func slabsOf(t *testing.T, subscribed string, m *Msg) {
	t.Helper()
	m.Subject, m.Reply = "a.b", "inbox"
	n := 60
	if len(m.Data) > 10_000 {
		n = 5
	}
	count := 0
	sub := &Subscription{Subject: subscribed, handler: func(got *Msg) {
		count++
		if !got.Equal(m) {
			t.Errorf("got %+v", got)
		}
	}}
	buildAll(t, cursorAt(t, n, m), n, sub.ownedConsumer().(*owned))
	if count != n {
		t.Errorf("%d calls for %d messages", count, n)
	}
}

// TestKeptMessagesStayAsTheyWere keeps 10,000 owned messages of mixed sizes while
// the read buffers are used again, and compares them at the end.
func TestKeptMessagesStayAsTheyWere(t *testing.T) {
	const count = 10_000
	f := newFake()
	nc := dialFake(t, f)
	var kept []*Msg
	done := make(chan struct{})
	sub, err := nc.Subscribe("k.>", func(m *Msg) {
		kept = append(kept, m)
		if len(kept) == count {
			close(done)
		}
	})
	if err != nil {
		t.Fatal(err)
	}
	random := rand.New(rand.NewPCG(1, 2))
	var want []*Msg
	for i := range count {
		m := &Msg{Subject: fmt.Sprintf("k.%d", i%7), Data: bytes.Repeat([]byte{byte(i)}, random.IntN(400))}
		if i%3 == 0 {
			m.Reply = fmt.Sprintf("re.%d", i)
		}
		if i%5 == 0 {
			m.Header = Header{"N": {fmt.Sprint(i)}, "M": {"x", "y"}}
		}
		want = append(want, m)
		f.send(appendFrame(t, nil, sub.bound().SID(), m))
	}
	<-done
	for i, m := range kept {
		if !m.Equal(want[i]) || m.Sub != sub {
			t.Fatalf("message %d is %+v, was %+v", i, m, want[i])
		}
	}
}

// TestOwnersMayChangeTheirMessages writes into and behind every message's data.
func TestOwnersMayChangeTheirMessages(t *testing.T) {
	const n = 100
	m := message(20, 1)
	at := cursorAt(t, n, m)
	var kept []*Msg
	sub := &Subscription{Subject: "other", handler: func(m *Msg) { kept = append(kept, m) }}
	buildAll(t, at, n, sub.ownedConsumer().(*owned))
	for i, got := range kept {
		if !got.Equal(m) {
			t.Fatalf("message %d was changed by another's owner: %+v", i, got)
		}
		for j := range got.Data {
			got.Data[j] = 0xFF
		}
		got.Data = append(got.Data, "more"...)
		got.Header.Set("Nats-Msg-Id", "changed")
		if got.Subject != m.Subject {
			t.Fatalf("message %d has changed its own subject: %q", i, got.Subject)
		}
	}
}

func TestDeliveryAllocatesWhatItSays(t *testing.T) {
	for name, c := range map[string]struct {
		m    *Msg
		most float64 // allocations an owned message
	}{
		"16 B": {message(16, 0), 0.1}, "1 KiB": {message(1024, 0), 0.5}, "128 B with headers": {message(128, 3), 4.5},
	} {
		withContext := &failing{ctx: t.Context(), handler: func(context.Context, *Msg) error { return nil }}
		for _, sub := range []*Subscription{
			{Subject: c.m.Subject, handler: func(*Msg) {}}, {Subject: c.m.Subject, failing: withContext},
		} {
			if got := allocations(t, c.m, sub.ownedConsumer()); got > c.most {
				t.Errorf("%s: %.2f allocations an owned message, want at most %.2f", name, got, c.most)
			}
			if poisoning {
				continue // borrowed data is invalid after the first run
			}
			if got := allocations(t, c.m, sub.borrowedConsumer()); got > 0 {
				t.Errorf("%s: %.2f allocations a borrowed message", name, got)
			}
		}
	}
}

// allocations returns those of one message.
func allocations(t *testing.T, m *Msg, c actors.Consumer) float64 {
	t.Helper()
	const n = 100
	first := cursorAt(t, n, m)
	at := new(actors.Cursor)
	return testing.AllocsPerRun(10, func() {
		*at = first
		for left := n; left > 0; {
			built := c.Build(at, left)
			for k := range built {
				c.Call(k)
			}
			left -= built
		}
	}) / n
}

func TestPublishAllocatesNothing(t *testing.T) {
	nc := dialFake(t, newFake())
	for name, m := range map[string]*Msg{"plain": message(16, 0), "1 KiB": message(1024, 0), "headers": message(128, 3)} {
		publish := func() {
			if err := nc.PublishMsg(m); err != nil {
				t.Error(err)
			}
		}
		for range 2000 { // the buffers grow to their size
			publish()
		}
		if got := testing.AllocsPerRun(1000, publish); got > 0 {
			t.Errorf("%s: %v allocations a message", name, got)
		}
	}
}

// TestBorrowedMessagesAreReused shows what Borrow promises, and no more.
func TestBorrowedMessagesAreReused(t *testing.T) {
	f := newFake()
	nc := dialFake(t, f)
	var mu sync.Mutex
	var lent, kept []*Msg
	done := make(chan struct{})
	sub, err := nc.Subscribe("a", func(m *Msg) {
		mu.Lock()
		defer mu.Unlock()
		lent, kept = append(lent, m), append(kept, m.Clone())
		if len(kept) == 3 {
			close(done)
		}
	}, Borrow())
	if err != nil {
		t.Fatal(err)
	}
	var frames []byte
	for i := range 3 {
		m := &Msg{Subject: "a", Data: fmt.Append(nil, i), Header: Header{"N": {fmt.Sprint(i)}}}
		if i == 2 {
			m.Header = nil
		}
		frames = appendFrame(t, frames, sub.bound().SID(), m)
	}
	f.send(frames)
	<-done
	mu.Lock()
	defer mu.Unlock()
	if lent[0] != lent[1] || lent[1] != lent[2] {
		t.Error("a borrowed message is not reused")
	}
	for i, m := range kept {
		if string(m.Data) != fmt.Sprint(i) || i < 2 && m.Header.Get("N") != fmt.Sprint(i) || i == 2 && m.Header != nil {
			t.Errorf("the clone of message %d is %+v", i, m)
		}
	}
}

// TestBadHeadersAreReported: the message is delivered although its header block cannot be
// read.
func TestBadHeadersAreReported(t *testing.T) {
	for mode, options := range map[string][]SubOption{"owned": nil, "borrowed": {Borrow()}, "sync": nil} {
		t.Run(mode, func(t *testing.T) {
			f := newFake()
			failures := make(chan error, 1)
			nc := dialFake(t, f, ErrorHandler(func(_ *Conn, sub *Subscription, err error) {
				if sub == nil || sub.Subject != "a" {
					t.Errorf("reported for %+v", sub)
				}
				failures <- err
			}))
			got := make(chan *Msg, 1)
			var sub *Subscription
			if mode == "sync" {
				sub, _ = nc.SubscribeSync("a")
				go func() {
					m, _ := sub.NextMsg(flushTimeout)
					got <- m
				}()
			} else {
				sub, _ = nc.Subscribe("a", func(m *Msg) { got <- m.Clone() }, options...)
			}
			f.send(protocol.AppendHMsg(nil, "a", sub.bound().SID(), "", []byte("NATS/1.0\r\nno colon\r\n\r\n"), []byte("data")))
			if m := <-got; m == nil || string(m.Data) != "data" || m.Header != nil {
				t.Errorf("got %+v", m)
			}
			if err := <-failures; !strings.Contains(err.Error(), "headers") {
				t.Errorf("reported %v", err)
			}
		})
	}
}

// TestIdleSubscriptionsCostLittle measures the memory and goroutines of many.
func TestIdleSubscriptionsCostLittle(t *testing.T) {
	const n = 5000
	nc := dialFake(t, newFake())
	handler := func(*Msg) {}
	subs := make([]*Subscription, n)
	before, goroutines := heap(), runtime.NumGoroutine()
	for i := range subs {
		sub, err := nc.Subscribe("orders.new.europe", handler)
		if err != nil {
			t.Fatal(err)
		}
		subs[i] = sub
	}
	if each := (heap() - before) / n; each > 1200 {
		t.Errorf("%d bytes a subscription", each)
	} else {
		t.Logf("%d bytes a subscription", each)
	}
	if more := runtime.NumGoroutine() - goroutines; more > 5 {
		t.Errorf("%d more goroutines", more)
	}
	runtime.KeepAlive(subs)
}

// heap returns the bytes that live on the heap.
func heap() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// TestServersTellOfOthers in an INFO that is sent later.
func TestServersTellOfOthers(t *testing.T) {
	for name, c := range map[string]struct {
		change  func(*protocol.Info)
		options func(ConnHandler) []Option
		want    []string
		called  bool
	}{
		"others": {func(i *protocol.Info) { i.ConnectURLs = []string{"10.0.0.1:4222", "10.0.0.2:4222"} },
			func(cb ConnHandler) []Option { return []Option{DiscoveredServersHandler(cb), DontRandomize()} },
			[]string{"nats://10.0.0.1:4222", "nats://10.0.0.2:4222"}, true},
		"others, ignored": {func(i *protocol.Info) { i.ConnectURLs = []string{"10.0.0.1:4222"} },
			func(cb ConnHandler) []Option {
				return []Option{DiscoveredServersHandler(cb), IgnoreDiscoveredServers()}
			},
			[]string{}, false},
		"farewell": {func(i *protocol.Info) { i.LameDuckMode = true },
			func(cb ConnHandler) []Option { return []Option{LameDuckModeHandler(cb)} }, []string{}, true},
	} {
		t.Run(name, func(t *testing.T) {
			f := newFake()
			calls := make(chan *Conn, 1)
			nc := dialFake(t, f, c.options(func(nc *Conn) { calls <- nc })...)
			c.change(&f.info)
			f.send(protocol.AppendInfo(nil, &f.info))
			if err := nc.Flush(); err != nil { // the reader has passed the INFO
				t.Fatal(err)
			}
			if c.called && <-calls != nc {
				t.Error("called with another connection")
			}
			if diff := cmp.Diff(c.want, nc.DiscoveredServers()); diff != "" {
				t.Error(diff)
			}
			nc.Close()
			if len(calls) > 0 {
				t.Error("called in vain")
			}
		})
	}
}

// TestErrorTextsSayEnough checks the texts of the errors of this package.
func TestErrorTextsSayEnough(t *testing.T) {
	for err, want := range map[error]string{
		&BadTimeoutError{Op: "flush", Value: -1}:                             "flush",
		&InvalidCallbackError{Where: "Subscribe"}:                            "Subscribe",
		&NoRespondersError{}:                                                 "no responders",
		&NoRespondersError{Subject: "a"}:                                     `"a"`,
		&FlushTimeoutError{Op: "rtt", After: flushTimeout, Buffered: 7}:      "7 bytes",
		&ConnectionStateError{Op: "rtt", State: RECONNECTING}:                "RECONNECTING",
		&CloseTimeoutError{Report: Report{Unfinished: []string{"the last"}}}: "the last",
		&URLError{Position: 3, Reason: "why"}:                                "address 3: why",
		badArg("option X", "is odd"):                                         "option X is odd",
	} {
		if text := err.Error(); !strings.Contains(text, want) || !strings.HasPrefix(text, "troupe: ") {
			t.Errorf("%T says %q", err, text)
		}
	}
	var timeout interface{ Timeout() bool }
	if !errors.As(&FlushTimeoutError{}, &timeout) || !timeout.Timeout() {
		t.Error("a flush timeout is no timeout")
	}
}
