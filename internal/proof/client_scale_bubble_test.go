package proof_test

import (
	"bytes"
	"fmt"
	"math"
	"net"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults"
	"github.com/troupe-go/troupe/faults/fakeserver"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/protocol"
)

// mute sends no greeting.
func mute(int) fakeserver.Greeting { return fakeserver.Greeting{Silent: true} }

// babel greets with what is no NATS.
func babel(int) fakeserver.Greeting { return fakeserver.Greeting{Raw: []byte("220 mail\r\n")} }

// strict rejects every client.
func strict(*fakeserver.Client, protocol.Connect) string { return "Authorization Violation" }

// TestC13TenThousandFailedConnects: refused, cut, left without a word, answered with
// nonsense, and not let in. G11: each fails with its typed error; G10: none leaves a
// goroutine, an actor, a socket or memory, and none dials more than once.
func TestC13TenThousandFailedConnects(t *testing.T) {
	rounds := sized(2000, 2000, 100) // of five connects
	servers := map[string]fakeserver.Options{"refusing": {}, "cutting": {}, "mute": {Greeting: mute}, "babel": {Greeting: babel}, "strict": {Auth: strict}}
	faults.Bubble(t, func(b *faults.Env) {
		for name, options := range servers {
			options.DontListen, options.ConnectionsMax, options.TranscriptMax = true, 100, 1<<10
			b.Attach(name, fakeserver.Run(b.T, options))
		}
		b.Dialer("c")
		b.Inject("link(c, refusing) refuse\nlink(c, cutting) when op(INFO) reset")
		fail := func(n int) {
			for range n {
				for name := range servers {
					nc, err := api.Connect(b.URL(name), entry(b, "c", api.Timeout(time.Second))...)
					if err == nil || nc != nil || !typed(err) {
						b.T.Fatalf("%s: %v, %v", name, nc, err)
					}
				}
			}
			time.Sleep(time.Minute)
			synctest.Wait()
		}
		fail(rounds / 10)
		actors, goroutines, heap := b.System.Actors(), runtime.NumGoroutine(), inUse()
		fail(rounds - rounds/10)
		if n := b.System.Actors(); n != actors {
			b.T.Errorf("%d actors are left", n-actors)
		}
		if n := runtime.NumGoroutine(); n > goroutines+5 { // the runtime has some of its own
			b.T.Errorf("%d goroutines are left", n-goroutines)
		}
		// A fake server remembers each client, with less than a KiB.
		if grown := inUse() - heap; grown > max(4<<20, int64(rounds*len(servers))<<10) {
			b.T.Errorf("%d bytes are left", grown)
		}
		for name := range servers {
			if s := b.Link("c", name).Stats(); s.Open != 0 || s.Connections > rounds {
				b.T.Errorf("%s: %d of %d connections are open, want %d in all", name, s.Open, s.Connections, rounds)
			}
		}
	}, faults.NoServer())
}

// inUse returns how much of the heap is reachable, in bytes.
func inUse() int64 {
	var m runtime.MemStats
	runtime.GC()
	runtime.GC() // what finalizers and pools held
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc)
}

// gauge dials connections and notes the largest write.
type gauge struct {
	api.CustomDialer
	most atomic.Int64
}

// Dial connects.
func (g *gauge) Dial(network, address string) (net.Conn, error) {
	conn, err := g.CustomDialer.Dial(network, address)
	if err != nil {
		return nil, err
	}
	return &gauged{Conn: conn, gauge: g}, nil
}

type gauged struct {
	net.Conn
	gauge *gauge
}

// Write writes.
func (c *gauged) Write(data []byte) (int, error) {
	c.gauge.most.Store(max(c.gauge.most.Load(), int64(len(data)))) // one writer at a time
	return c.Conn.Write(data)
}

// TestC14AHundredThousandSubscriptions, a fifth of them without -full, across the death of
// their server. G5: the next one
// has each of them exactly once, by its own list, within a second on a line of 10 ms; G9:
// they go out in pieces that are bounded; G3: each works, and gets its message once.
func TestC14AHundredThousandSubscriptions(t *testing.T) {
	const piece = 32 << 10
	count := sized(100_000, 20_000, 2_000)
	kit(t, func(b *faults.Env) {
		t := b.T
		dialer, events := &gauge{CustomDialer: b.Dialer("c")}, newTape()
		nc := enter(b, "c", api.Name("c"), api.SetCustomDialer(dialer), events.option())
		inject(b, "c", "latency(10ms)")
		hits, want := make([]atomic.Int32, count), make([]string, count)
		for i := range count {
			want[i] = label("a", i)
			must.Get(nc.Subscribe(want[i], func(*api.Msg) { hits[i].Add(1) }))(t)
		}
		must.Do(t, nc.FlushTimeout(time.Minute))
		b.Inject("for 1s server(s1) kill")
		back := events.await(t, api.LinkRestored, 2)
		must.Do(t, nc.FlushTimeout(time.Minute))
		if d := time.Since(back.Time); d > time.Second {
			t.Errorf("restored after %v", d)
		}
		var got []string
		for _, interest := range serverView(t, b.Server, "c") {
			got = append(got, interest.Subject)
		}
		slices.Sort(want)
		if !slices.Equal(want, got) {
			t.Errorf("the server lists %d subscriptions that are not the %d", len(got), count)
		}
		if n := dialer.most.Load(); n > piece {
			t.Errorf("a write of %d bytes, want %d at most", n, piece)
		}
		other := enter(b, "other")
		for _, subject := range want {
			must.Do(t, other.Publish(subject, nil))
		}
		must.Do(t, other.Flush())
		settled(t, nc, time.Second)
		for i := range hits {
			if n := hits[i].Load(); n != 1 {
				t.Fatalf("subscription %d got %d messages", i, n)
			}
		}
	}, coreOnly(natsserver.Options{Edit: func(o *server.Options) { o.MaxSubs = 0 }}))
}

// hooks are the callbacks for all events, each doing the same.
func hooks(f func()) []api.Option {
	told := func(*api.Conn) { f() }
	why := func(*api.Conn, error) { f() }
	return []api.Option{api.OnEvent(func(api.Event) { f() }), api.ErrorHandler(func(*api.Conn, *api.Subscription, error) { f() }),
		api.ConnectHandler(told), api.ReconnectHandler(told), api.DisconnectErrHandler(why), api.ReconnectErrHandler(why),
		api.DiscoveredServersHandler(told), api.ClosedHandler(told)}
}

// denial is an error of the server that ends nothing, and is reported.
const denial = "-ERR 'Permissions Violation for Publish to \"b\"'\r\n"

// TestC15HooksThatPanic, or end their goroutine, whenever they are called. G12: the connection
// does all that it does without them, and their outcomes can be read.
func TestC15HooksThatPanic(t *testing.T) {
	for _, name := range []string{"value", "nil map", "goexit"} {
		onFake(t, fakeserver.Options{}, func(b *faults.Env, s *fakeserver.Server) {
			t := b.T
			var calls, got atomic.Int32
			nc := enter(b, "c", hooks(func() { calls.Add(1); misdeeds[name]() })...)
			must.Get(nc.Subscribe("a", func(m *api.Msg) { got.Add(1); _ = m.Respond(m.Data) }))(t)
			for n := range 10 {
				must.Get(nc.Request("a", nil, 10*time.Second))(t)
				must.Do(t, s.Client(n+1).Send([]byte(denial)))
				synctest.Wait()
				inject(b, "c", fmt.Sprintf("when conn(%d) reset", n+1))
				time.Sleep(time.Second)
			}
			settled(t, nc, time.Second)
			if stats := nc.Stats(); got.Load() != 10 || stats.Reconnects != 10 || stats.EventsDropped != 0 || calls.Load() < 40 {
				t.Errorf("%s: %d requests, %d calls, %+v", name, got.Load(), calls.Load(), stats)
			}
			if !slices.ContainsFunc(nc.EventLog(), func(e api.Event) bool {
				return e.Kind == api.HandlerPanicked && strings.HasSuffix(e.Path, "callbacks")
			}) {
				t.Errorf("%s: nothing tells of it: %v", name, nc.EventLog())
			}
		})
	}
}

// TestC15HooksThatBlock, in one event of ten thousand, and a reader of Events that does. G12:
// nothing waits for them; G9: what waits is bounded; G11: what found no room is counted, in the
// statistics and by an event in its place, and the numbers add up.
func TestC15HooksThatBlock(t *testing.T) {
	const storm = 10_000
	onFake(t, fakeserver.Options{}, func(b *faults.Env, s *fakeserver.Server) {
		t := b.T
		gate, reported := make(chan struct{}), make(chan [2]uint64, 1)
		var seen, missed atomic.Uint64
		nc := enter(b, "c", api.OnEvent(func(e api.Event) {
			<-gate
			switch e.Kind {
			case api.PermissionDenied:
				seen.Add(1)
			case api.EventsDropped:
				missed.Add(e.Count)
			}
		}))
		status := nc.StatusChanged() // nobody ever reads it
		must.Get(nc.Subscribe("a", func(m *api.Msg) { _ = m.Respond(m.Data) }))(t)
		must.Do(t, nc.Flush())
		for range storm / 100 {
			must.Do(t, s.Client(1).Send([]byte(strings.Repeat(denial, 100))))
			synctest.Wait()
		}
		for n := range 2 * cap(status) {
			took(t, 0, "a request", func() { must.Get(nc.Request("a", nil, time.Second))(t) })
			inject(b, "c", fmt.Sprintf("when conn(%d) reset", n+1))
			time.Sleep(time.Second)
		}
		settled(t, nc, time.Second)
		dropped := nc.Stats().EventsDropped
		go func() {
			var sum [2]uint64
			for e := range nc.Events(t.Context()) {
				<-gate
				sum[0]++
				sum[1] += e.Count
			}
			reported <- sum
		}()
		synctest.Wait()
		close(gate)
		synctest.Wait() // there is room again
		must.Do(t, s.Client(s.Accepted()).Send([]byte(denial)))
		settled(t, nc, time.Second)
		if lost := missed.Load(); dropped == 0 || lost != nc.Stats().EventsDropped || lost < storm+1-seen.Load() {
			t.Errorf("%d seen of %d, %d said to be missed, %d counted", seen.Load(), storm+1, lost, dropped)
		}
		nc.Close()
		if sum := <-reported; sum[0] == 0 {
			t.Error("who ranges over the events has got none")
		}
	})
}

// TestC16BorrowedMessagesThatAreKept: a message that was lent is over with its handler.
// A clone stays what it is, and so does a message that was not lent, whatever the handler
// does to it. What was kept all the same is found to be destroyed with the build tag
// invariants.
func TestC16BorrowedMessagesThatAreKept(t *testing.T) {
	kit(t, func(b *faults.Env) {
		t := b.T
		nc := enter(b, "c")
		var kept [][]byte
		var texts []string // none is like another, wherever it begins
		for _, n := range numbers(1000) {
			texts = append(texts, "<message "+n+">")
		}
		var own, cloned []*api.Msg
		must.Get(nc.Subscribe("a", func(m *api.Msg) {
			kept, cloned = append(kept, m.Data), append(cloned, m.Clone())
		}, api.Borrow()))(t)
		must.Get(nc.Subscribe("a", func(m *api.Msg) { own = append(own, m) }))(t)
		for _, n := range texts {
			must.Do(t, nc.PublishMsg(&api.Msg{Subject: "a", Reply: "r", Data: []byte(n), Header: api.Header{"K": {n}}}))
		}
		settled(t, nc, time.Second)
		if len(kept) != 1000 || len(cloned) != 1000 || len(own) != 1000 {
			t.Fatalf("%d lent, %d cloned, %d owned", len(kept), len(cloned), len(own))
		}
		destroyed := 0
		for i, n := range texts {
			for _, m := range []*api.Msg{own[i], cloned[i]} {
				if string(m.Data) != n || m.Subject != "a" || m.Reply != "r" || m.Header.Get("K") != n {
					t.Fatalf("message %s has become %+v", n, m)
				}
			}
			// Destroyed, and by now other bytes may have come to the same place.
			if poisons && string(kept[i]) == n {
				t.Fatalf("what was kept of message %s is still there", n)
			}
			if bytes.Equal(kept[i], bytes.Repeat([]byte{0xDB}, len(n))) {
				destroyed++
			}
		}
		if poisons != (destroyed > 0) {
			t.Errorf("%d of those that were kept are destroyed", destroyed)
		}
	})
}

// TestC17CountersNearTheirWrap: numbers of subscriptions that differ in what 32, 63 or 64 bits
// don't hold are other numbers. G6: no subscription gets what was for another; G11: those that
// are no numbers any more break the protocol. Counts beyond what a server takes count.
func TestC17CountersNearTheirWrap(t *testing.T) {
	onFake(t, fakeserver.Options{}, func(b *faults.Env, s *fakeserver.Server) {
		t := b.T
		events, got := newTape(), &notes[string]{}
		nc := enter(b, "c", events.option())
		sub := must.Get(nc.Subscribe("a", texts(got)))(t)
		for _, limit := range []int{math.MaxInt32, math.MaxInt32 + 1, math.MaxUint32, math.MaxUint32 + 2, math.MaxInt} {
			must.Do(t, sub.AutoUnsubscribe(limit))
		}
		must.Do(t, nc.Flush())
		sid := s.Client(1).Subscriptions()[0].SID
		others := []uint64{0, sid + 1<<16, sid + 1<<31, sid + 1<<32, sid + 1<<48, sid + 1<<63, math.MaxUint32, math.MaxInt64, math.MaxUint64}
		for _, other := range others {
			must.Do(t, s.Client(1).Send(protocol.AppendMsg(nil, "a", other, "", []byte("astray"))))
		}
		must.Do(t, s.Client(1).Send(protocol.AppendMsg(nil, "a", sid, "", []byte("right"))))
		settled(t, nc, time.Second)
		if diff := cmp.Diff([]string{"right"}, got.read()); diff != "" || nc.Stats().Strays != uint64(len(others)) || !sub.IsValid() {
			t.Errorf("%d strays of %d, valid %v (-want +got):\n%s", nc.Stats().Strays, len(others), sub.IsValid(), diff)
		}
		events.none(t, api.LinkLost)
		for n, line := range []string{"MSG a 18446744073709551616 1\r\nx\r\n", "MSG a 1 18446744073709551617\r\nx\r\n", "MSG a 1 4294967297\r\nx\r\n"} {
			must.Do(t, s.Client(n+1).Send([]byte(line)))
			kinds(t, events.await(t, api.LinkLost, n+1).Cause, api.ErrProtocol)
			events.await(t, api.LinkRestored, n+2)
			settled(t, nc, 10*time.Second)
		}
		if diff := cmp.Diff([]string{"right"}, got.read()); diff != "" || !sub.IsValid() {
			t.Errorf("valid %v (-want +got):\n%s", sub.IsValid(), diff)
		}
	})
}

// TestC18ForgedReplies: replies to the subject of a request with any character of its
// token changed, cut off or added, and to the one of the request before. G2: only the true
// one counts, and once; the rest is counted as late.
func TestC18ForgedReplies(t *testing.T) {
	onFake(t, fakeserver.Options{}, func(b *faults.Env, s *fakeserver.Server) {
		t := b.T
		forged, before := 0, ""
		s.Control(protocol.OpPub, func(c *fakeserver.Client, f fakeserver.Frame) fakeserver.Verdict {
			subs, prefix := c.Subscriptions(), strings.LastIndexByte(f.Reply, '.')+1
			subjects := []string{f.Reply[:prefix], f.Reply[:len(f.Reply)-1], f.Reply[:prefix] + f.Reply[prefix+1:], f.Reply + "x", "x", before}
			for at := prefix; at < len(f.Reply); at++ {
				for _, r := range "019AZaz-_*\x7f" {
					subjects = append(subjects, f.Reply[:at]+string(r)+f.Reply[at+1:])
				}
			}
			for _, subject := range subjects {
				if subject != f.Reply && subject != "" {
					forged++
					_ = c.Send(protocol.AppendMsg(nil, subject, subs[0].SID, "", []byte("forged")))
				}
			}
			before = f.Reply
			for range 2 { // the second is late
				_ = c.Send(protocol.AppendMsg(nil, f.Reply, subs[0].SID, "", f.Payload))
			}
			forged++
			return fakeserver.Drop()
		})
		events := newTape()
		nc := enter(b, "c", events.option())
		for _, n := range numbers(100) {
			if m := must.Get(nc.Request("ask", []byte(n), time.Second))(t); string(m.Data) != n {
				t.Fatalf("request %s is answered %q", n, m.Data)
			}
			synctest.Wait()
		}
		if late := nc.Stats().LateReplies; late != uint64(forged) {
			t.Errorf("%d late replies, want %d", late, forged)
		}
		events.none(t, api.LinkLost)
	})
}

// TestC18Inboxes: no inbox comes twice, and connections whose inboxes begin alike by the
// user's choice don't get each other's replies.
func TestC18Inboxes(t *testing.T) {
	kit(t, func(b *faults.Env) {
		t := b.T
		s := watching(b)
		must.Get(s.nc.Subscribe("ask", func(m *api.Msg) { _ = m.Respond(m.Data) }))(t)
		must.Do(t, s.nc.Flush())
		conns := []*api.Conn{enter(b, "one", api.CustomInboxPrefix("same")), enter(b, "two", api.CustomInboxPrefix("same"))}
		var all sync.WaitGroup
		seen := map[string]bool{}
		for i, nc := range conns {
			for n := range 500 {
				all.Go(func() {
					want := fmt.Sprint(i, "-", n)
					if m, err := nc.Request("ask", []byte(want), time.Minute); err != nil || string(m.Data) != want {
						t.Errorf("request %s: %v, %v", want, m, err)
					}
				})
			}
			for range 50_000 {
				seen[nc.NewInbox()] = true
				seen[api.NewInbox()] = true
			}
		}
		all.Wait()
		if len(seen) != 200_000 {
			t.Errorf("%d inboxes of 200,000 are different", len(seen))
		}
		for _, nc := range conns {
			own := nc.NewRespInbox()
			if late := nc.Stats().LateReplies; late != 0 || !strings.HasPrefix(own, "same.") || len(own) < len("same.")+22 {
				t.Errorf("%d late replies; %s", late, own)
			}
		}
	})
}
