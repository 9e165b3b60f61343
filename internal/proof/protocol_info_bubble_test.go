package proof_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults"
	"github.com/troupe-go/troupe/faults/fakeserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/protocol"
)

// TestP09WhatAFlushHasSeenIsKnown: an INFO counts for callers that ask after the next PONG,
// however long our own actor takes to look at it. G8.
func TestP09WhatAFlushHasSeenIsKnown(t *testing.T) {
	faults.Bubble(t, func(b *faults.Env) {
		s := fakeserver.Run(b.T, fakeserver.Options{DontListen: true})
		b.Attach("fake", s)
		b.Actors.Delay("link", time.Second)
		nc := must.Get(api.Connect(b.URL("fake"), api.System(b.System), api.SetCustomDialer(b.Dialer("client"))))(b.T)
		defer nc.Close()
		info := s.Info()
		for n := int64(1); n < 10; n++ {
			info.MaxPayload = 1000 * n
			s.Announce(info)
			must.Do(b.T, nc.Flush())
			if got := nc.MaxPayload(); got != 1000*n {
				b.T.Errorf("after INFO %d the largest payload is %d", n, got)
			}
		}
		time.Sleep(time.Minute)
		if got := nc.MaxPayload(); got != 9000 {
			b.T.Errorf("in the end the largest payload is %d", got)
		}
	}, faults.NoServer())
}

// TestP09Servers: the list grows, shrinks, has odd and repeated entries, and goes. The
// pool follows each INFO as a whole (G9, G8): what was learnt and is announced no more
// is not dialed.
func TestP09Servers(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		s := fakeserver.Run(t, fakeserver.Options{DontListen: true})
		h := &hosts{servers: map[string]provider{"seed": s}}
		events := newTape()
		nc := must.Get(api.Connect("seed", h.options(events.option(), api.NeverGiveUp())...))(t)
		defer nc.Close()
		for _, c := range []struct{ announced, want []string }{
			{nil, nil},
			{[]string{"a:1"}, []string{"a:1"}},
			{[]string{"a:1", "b:1", "c:1"}, []string{"a:1", "b:1", "c:1"}},
			{[]string{"b:1"}, []string{"b:1"}},
			{[]string{"b:1", "b:1", "b:1"}, []string{"b:1"}},
			{[]string{"", " ", "d:1", "\t"}, []string{"d:1"}},
			{[]string{"[::1]:4222", "e:1"}, []string{"[::1]:4222", "e:1"}},
			{[]string{"seed:4222", "e:1"}, []string{"e:1"}},
			{[]string{}, []string{"e:1"}}, // as nats.go: no list is no news
		} {
			info := s.Info()
			info.ConnectURLs = c.announced
			s.Announce(info)
			must.Do(t, nc.Flush())
			synctest.Wait()
			var got []string
			for _, url := range nc.DiscoveredServers() {
				got = append(got, strings.TrimPrefix(url, "nats://"))
			}
			slices.Sort(got)
			if !slices.Equal(got, c.want) {
				t.Errorf("announced %q, the pool has %q", c.announced, got)
			}
		}
		h.set("seed", nil) // first: the client comes back at once
		s.Client(1).Reset()
		time.Sleep(time.Minute)
		for _, host := range h.dials() {
			if host != "seed" && host != "e" {
				t.Errorf("dialed %s", host)
			}
		}
		h.set("e", s)
		events.await(t, api.LinkRestored, 2)
	})
}

// TestP09ServersComeAndGo while the client is on its way between them: each connection
// is told another list (the failure is that of a pool that shrinks in a loop over it).
// G8: it always comes back.
func TestP09ServersComeAndGo(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		lists := [][]string{{"a:1", "b:1"}, {"c:1"}, nil, {"a:1"}, {"b:1", "c:1", "d:1"}, {"seed:4222"}, {"gone:1"}}
		info := fakeserver.DefaultInfo()
		s := fakeserver.Run(t, fakeserver.Options{DontListen: true, Greeting: func(n int) fakeserver.Greeting {
			now := info
			now.ConnectURLs = lists[n%len(lists)]
			greeting := fakeserver.Greeting{Raw: protocol.AppendInfo(nil, &now)}
			if n%3 == 0 { // an attempt that fails behind the INFO
				greeting.Raw = append(greeting.Raw, "-ERR 'maximum connections exceeded'\r\n"...)
			}
			return greeting
		}})
		h := &hosts{servers: map[string]provider{"seed": s, "a": s, "b": s, "c": s, "d": s}}
		nc := must.Get(api.Connect("seed", h.options(api.NeverGiveUp())...))(t)
		defer nc.Close()
		for round := range 50 {
			for _, c := range s.Clients() {
				c.Reset()
			}
			time.Sleep(30 * time.Second)
			must.Do(t, nc.Flush())
			if n := len(nc.Servers()); n == 0 || n > 5 {
				t.Fatalf("round %d: the pool has %d servers", round, n)
			}
		}
	})
}

// TestP09Limits: a smaller limit holds from the INFO on, for the next call; a larger one,
// too; headers can go and come back. An INFO that leaves a limit out takes none away.
func TestP09Limits(t *testing.T) {
	fake(t, fakeserver.Options{}, func(t *testing.T, s *fakeserver.Server) {
		nc, events := observed(t, s)
		publish := func(size int, withHeader bool) error {
			m := &api.Msg{Subject: "a", Data: make([]byte, size)}
			if withHeader {
				m.Header = api.Header{"K": {"v"}}
			}
			return nc.PublishMsg(m)
		}
		for _, c := range []struct {
			change  func(info *protocol.Info)
			limit   int
			headers bool
		}{
			{func(*protocol.Info) {}, 1 << 20, true},
			{func(info *protocol.Info) { info.MaxPayload = 100 }, 100, true},
			{func(info *protocol.Info) { info.Headers = false }, 100, false},
			{func(info *protocol.Info) { info.MaxPayload, info.Headers = 5000, true }, 5000, true},
		} {
			info := s.Info()
			c.change(&info)
			s.Announce(info)
			must.Do(t, nc.Flush())
			synctest.Wait()
			must.Do(t, publish(c.limit, false))
			kinds(t, publish(c.limit+1, false), api.ErrMaxPayload)
			if err := publish(1, true); (err == nil) != c.headers || err != nil && !errors.Is(err, api.ErrHeadersNotSupported) {
				t.Errorf("headers %v: %v", c.headers, err)
			}
			must.Do(t, nc.Flush())
		}
		must.Do(t, s.Client(1).Send([]byte("INFO {\"server_id\":\"x\",\"headers\":true}\r\nINFO {}\r\nINFO {\"max_payload\":0}\r\nINFO {\"max_payload\":-5}\r\n")))
		must.Do(t, nc.Flush())
		synctest.Wait()
		if n := nc.MaxPayload(); n != 5000 || !nc.HeadersSupported() {
			t.Errorf("the limit is %d, headers %v", n, nc.HeadersSupported())
		}
		events.none(t, api.LinkLost, api.ServerErrorReported)
		nc.Close()
	})
}

// TestP09LameDuck: the server is about to stop. It is left before it does, with everything
// that it owes.
func TestP09LameDuck(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old, fresh, nc, events := betweenTwo(t)
		defer nc.Close()
		sub := must.Get(nc.SubscribeSync("a"))(t)
		must.Do(t, nc.Flush())
		info := old.Info()
		info.LameDuckMode = true
		old.Announce(info)
		events.await(t, api.LinkMoved, 1)
		events.await(t, api.LameDuck, 1)
		must.Do(t, nc.Publish("a", []byte("x")))
		must.Get(sub.NextMsg(time.Second))(t)
		events.none(t, api.LinkLost, api.PublishUncertain)
		time.Sleep(time.Minute)
		if len(old.Clients()) != 0 || len(fresh.Clients()) != 1 {
			t.Errorf("%d and %d clients", len(old.Clients()), len(fresh.Clients()))
		}
	})
}

// TestP09BadInfo: once connected, an INFO that cannot be read is an event (G11) and
// changes nothing; the largest that may be is read.
func TestP09BadInfo(t *testing.T) {
	for name, c := range map[string]struct {
		json string
		bad  bool
	}{
		"half":            {`{"max_payload":1`, true},
		"no object":       {`[1]`, true},
		"null":            {`null`, true},
		"text":            {`hello`, true},
		"wrong types":     {`{"max_payload":"many"}`, true},
		"number too big":  {`{"max_payload":99999999999999999999}`, true},
		"nested":          {`{"connect_urls":` + strings.Repeat("[", 20_000) + `}`, true},
		"not UTF-8":       {"{\"server_name\":\"\xff\xfe\"}", false},
		"repeated keys":   {`{"server_name":"a","server_name":"b"}`, false},
		"unknown keys":    {`{"never_heard_of":{"a":[1,2,3]}}`, false},
		"blanks":          {"   {  }   ", false},
		"a megabyte":      {`{"server_name":"` + strings.Repeat("x", protocol.InfoMax-100) + `"}`, false},
		"case of keys":    {`{"SERVER_NAME":"x"}`, false},
		"null in a field": {`{"connect_urls":null,"server_name":null}`, false},
	} {
		t.Run(name, func(t *testing.T) {
			fake(t, fakeserver.Options{}, func(t *testing.T, s *fakeserver.Server) {
				nc, events := observed(t, s)
				must.Do(t, nc.Flush())
				must.Do(t, s.Client(1).Send([]byte("INFO "+c.json+"\r\n")))
				must.Do(t, nc.Flush())
				synctest.Wait()
				told := events.of(api.ServerErrorReported)
				if (len(told) == 1) != c.bad {
					t.Errorf("told %d times", len(told))
				}
				if c.bad && len(told) == 1 {
					kinds(t, told[0].Cause, api.ErrJSONParse)
				}
				if n := nc.MaxPayload(); n != 1<<20 {
					t.Errorf("the limit is %d", n)
				}
				events.none(t, api.LinkLost)
				nc.Close()
			})
		})
	}
}

// TestP16MessagesForNobody: for a subscription that never was, one that has ended, and
// beyond its count. G6: no handler is called; each is counted; G8: the link stays.
func TestP16MessagesForNobody(t *testing.T) {
	fake(t, fakeserver.Options{}, func(t *testing.T, s *fakeserver.Server) {
		nc, events := observed(t, s)
		calls := 0
		handler := func(*api.Msg) { calls++ }
		ended := must.Get(nc.Subscribe("ended", handler))(t)
		limited := must.Get(nc.Subscribe("limited", handler))(t)
		must.Do(t, limited.AutoUnsubscribe(2))
		other := must.Get(nc.SubscribeSync("other"))(t)
		must.Do(t, nc.Flush())
		sids := map[string]uint64{}
		for _, sub := range s.Client(1).Subscriptions() {
			sids[sub.Subject] = sub.SID
		}
		message := func(sid uint64, n int) {
			t.Helper()
			must.Do(t, s.Client(1).Send([]byte(strings.Repeat(fmt.Sprintf("MSG x %d 1\r\nx\r\n", sid), n))))
			must.Do(t, nc.Flush())
			synctest.Wait()
		}
		for _, c := range []struct {
			name   string
			do     func()
			calls  int
			strays uint64
		}{
			{"to one that is there", func() { message(sids["ended"], 3) }, 3, 0},
			{"to one that has ended", func() {
				must.Do(t, ended.Unsubscribe())
				message(sids["ended"], 5)
			}, 3, 5},
			{"up to the count and beyond it", func() { message(sids["limited"], 10) }, 5, 13},
			{"beyond the count", func() { message(sids["limited"], 10) }, 5, 23},
			{"to nobody ever", func() { message(1<<40, 1); message(0, 1); message(1<<63, 1) }, 5, 26},
			{"to a new one under another number", func() {
				must.Get(nc.Subscribe("ended", handler))(t)
				message(sids["ended"], 4)
			}, 5, 30},
		} {
			if c.do(); calls != c.calls || nc.Stats().Strays != c.strays {
				t.Errorf("%s: %d calls and %d strays, want %d and %d", c.name, calls, nc.Stats().Strays, c.calls, c.strays)
			}
		}
		message(sids["other"], 1)
		must.Get(other.NextMsg(time.Second))(t)
		events.none(t, api.LinkLost)
		nc.Close()
	})
}

// TestP17OneOutcome: what may come back for a request. G2: each call ends once, with the first
// that comes; everything later is counted and discarded.
func TestP17OneOutcome(t *testing.T) {
	const no = "NATS/1.0 503\r\n\r\n"
	reply := func(f fakeserver.Frame, sid uint64, data string) string {
		return string(protocol.AppendMsg(nil, f.Reply, sid, "", []byte(data)))
	}
	for name, c := range map[string]struct {
		answer func(f fakeserver.Frame, sid uint64) string
		want   string // the data; empty for err
		err    error
		late   uint64
		strays uint64
	}{
		"a reply":     {func(f fakeserver.Frame, sid uint64) string { return reply(f, sid, "1") }, "1", nil, 0, 0},
		"two replies": {func(f fakeserver.Frame, sid uint64) string { return reply(f, sid, "1") + reply(f, sid, "2") }, "1", nil, 1, 0},
		"a thousand replies": {func(f fakeserver.Frame, sid uint64) string { return strings.Repeat(reply(f, sid, "1"), 1000) },
			"1", nil, 999, 0},
		"no responders": {func(f fakeserver.Frame, sid uint64) string {
			return string(protocol.AppendHMsg(nil, f.Reply, sid, "", []byte(no), nil))
		}, "", api.ErrNoResponders, 0, 0},
		"no responders, and a reply": {func(f fakeserver.Frame, sid uint64) string {
			return string(protocol.AppendHMsg(nil, f.Reply, sid, "", []byte(no), nil)) + reply(f, sid, "1")
		}, "", api.ErrNoResponders, 1, 0},
		"a reply, and no responders": {func(f fakeserver.Frame, sid uint64) string {
			return reply(f, sid, "1") + string(protocol.AppendHMsg(nil, f.Reply, sid, "", []byte(no), nil))
		}, "1", nil, 1, 0},
		"503 with data is a reply": {func(f fakeserver.Frame, sid uint64) string {
			return string(protocol.AppendHMsg(nil, f.Reply, sid, "", []byte(no), []byte("1")))
		}, "1", nil, 0, 0},
		"a foreign token": {func(f fakeserver.Frame, sid uint64) string {
			f.Reply = f.Reply[:len(f.Reply)-1] + "*"
			return reply(f, sid, "1")
		}, "", api.ErrTimeout, 1, 0},
		"the token of another use": {func(f fakeserver.Frame, sid uint64) string {
			b := []byte(f.Reply)
			b[len(b)-2]++
			f.Reply = string(b)
			return reply(f, sid, "1")
		}, "", api.ErrTimeout, 1, 0},
		"the token of a place that is not": {func(f fakeserver.Frame, sid uint64) string {
			f.Reply = f.Reply[:len(f.Reply)-12] + "zzzz" + f.Reply[len(f.Reply)-8:]
			return reply(f, sid, "1")
		}, "", api.ErrTimeout, 1, 0},
		"no token": {func(f fakeserver.Frame, sid uint64) string {
			f.Reply = "x"
			return reply(f, sid, "1")
		}, "", api.ErrTimeout, 1, 0},
		"another subscription": {func(f fakeserver.Frame, sid uint64) string { return reply(f, sid+77, "1") }, "", api.ErrTimeout, 0, 1},
		"nothing":              {func(fakeserver.Frame, uint64) string { return "" }, "", api.ErrTimeout, 0, 0},
	} {
		t.Run(name, func(t *testing.T) {
			fake(t, fakeserver.Options{}, func(t *testing.T, s *fakeserver.Server) {
				nc := join(t, s)
				lie := s.Control(protocol.OpPub, func(client *fakeserver.Client, f fakeserver.Frame) fakeserver.Verdict {
					return fakeserver.Answer(c.answer(f, client.Subscriptions()[0].SID))
				})
				m, err := nc.Request("service", nil, 5*time.Second)
				if c.err != nil {
					kinds(t, err, c.err)
				} else if must.Do(t, err); string(m.Data) != c.want {
					t.Errorf("got %q", m.Data)
				}
				must.Do(t, nc.Flush())
				if got := nc.Stats(); got.LateReplies != c.late || got.Strays != c.strays {
					t.Errorf("%d late replies and %d strays, want %d and %d", got.LateReplies, got.Strays, c.late, c.strays)
				}
				lie.Lift()
				answers := must.Get(nc.Subscribe("service", func(m *api.Msg) { _ = m.Respond([]byte("now")) }))(t)
				if m := must.Get(nc.Request("service", nil, time.Second))(t); string(m.Data) != "now" {
					t.Errorf("the next request got %q", m.Data)
				}
				must.Do(t, answers.Unsubscribe())
				nc.Close()
			})
		})
	}
}

// TestP17LateReplies: a reply that comes when no caller waits any more, for one request of many.
// G2, G9: those that wait get theirs, and no place is used for ever.
func TestP17LateReplies(t *testing.T) {
	fake(t, fakeserver.Options{TranscriptMax: 10_000}, func(t *testing.T, s *fakeserver.Server) {
		nc := join(t, s)
		s.Control(protocol.OpPub, func(*fakeserver.Client, fakeserver.Frame) fakeserver.Verdict { return fakeserver.Drop() })
		var held []string // the reply subjects of all requests so far
		const rounds = 1000
		for i := range rounds {
			_, err := nc.Request("slow", nil, time.Second)
			kinds(t, err, api.ErrTimeout)
			if i%100 != 0 {
				continue
			}
			held = held[:0]
			for _, f := range s.Client(1).Frames() {
				if f.Op == protocol.OpPub {
					held = append(held, f.Reply)
				}
			}
			sid := s.Client(1).Subscriptions()[0].SID
			for _, subject := range held { // all that ever was, again
				must.Do(t, s.Client(1).Send(protocol.AppendMsg(nil, subject, sid, "", []byte("late"))))
			}
			must.Do(t, nc.Flush())
		}
		if n := nc.Stats().LateReplies; n != 10+100*(0+1+2+3+4+5+6+7+8+9) {
			t.Errorf("%d late replies", n)
		}
		if distinct := slices.Compact(slices.Sorted(slices.Values(held))); len(held) < 900 || len(distinct) != len(held) {
			t.Errorf("%d different reply subjects of %d", len(distinct), len(held))
		}
		nc.Close()
	})
}

// TestP18Numbers: a subscription's number is used once on a connection, and a message for
// an old number reaches no new subscription, also across reconnects (G6).
func TestP18Numbers(t *testing.T) {
	fake(t, fakeserver.Options{TranscriptMax: 10_000}, func(t *testing.T, s *fakeserver.Server) {
		nc, events := observed(t, s)
		kept := must.Get(nc.SubscribeSync("kept"))(t)
		ever := map[uint64]bool{} // numbers of subscriptions that have ended
		for round := range 5 {
			c := must.Get(s.Await(must.Within(t, patience), round+1))(t)
			for i := range 100 {
				sub := must.Get(nc.SubscribeSync(fmt.Sprint("s.", i)))(t)
				must.Do(t, nc.Flush())
				if i%2 == 0 {
					must.Do(t, sub.Unsubscribe())
				} else {
					must.Do(t, sub.AutoUnsubscribe(1))
					must.Do(t, nc.Publish(sub.Subject, nil))
					must.Get(sub.NextMsg(time.Second))(t)
				}
			}
			must.Do(t, nc.Flush())
			used := map[uint64]bool{}
			for _, f := range c.Frames() {
				switch {
				case f.Op != protocol.OpSub:
					continue
				case used[f.SID] || ever[f.SID]:
					t.Errorf("round %d: number %d of %s is used twice", round, f.SID, f.Subject)
				case f.Subject != "kept":
					ever[f.SID] = true
				}
				used[f.SID] = true
			}
			fresh := must.Get(nc.SubscribeSync("fresh"))(t)
			must.Do(t, nc.Flush())
			for sid := range ever {
				must.Do(t, c.Send(protocol.AppendMsg(nil, "stray", sid, "", nil)))
			}
			must.Do(t, nc.Flush())
			if n, _, err := fresh.Pending(); n != 0 || err != nil {
				t.Errorf("round %d: %d strays reached a new subscription, %v", round, n, err)
			}
			must.Do(t, fresh.Unsubscribe())
			must.Do(t, nc.Publish("kept", nil))
			must.Get(kept.NextMsg(time.Second))(t)
			c.Reset()
			events.await(t, api.LinkRestored, round+2)
		}
		nc.Close()
	})
}

// TestP18Echo: with NoEcho one's own messages do not come back, on each connection.
func TestP18Echo(t *testing.T) {
	fake(t, fakeserver.Options{}, func(t *testing.T, s *fakeserver.Server) {
		events := newTape()
		nc := join(t, s, events.option(), api.NoEcho())
		other := join(t, s)
		sub := must.Get(nc.SubscribeSync("a"))(t)
		for round := range 3 {
			must.Do(t, nc.Publish("a", []byte("mine")))
			must.Do(t, nc.Flush())
			must.Do(t, other.Publish("a", []byte("another's")))
			if m := must.Get(sub.NextMsg(time.Second))(t); string(m.Data) != "another's" {
				t.Errorf("round %d: got %q", round, m.Data)
			}
			for _, c := range s.Clients() {
				if c.Connect().Echo {
					continue
				}
				c.Reset()
			}
			events.await(t, api.LinkRestored, round+2)
		}
		nc.Close()
		other.Close()
	})
}

// TestP19Sizes: nothing, exactly the limit, and one byte more, with and without a header.
func TestP19Sizes(t *testing.T) {
	info := fakeserver.DefaultInfo()
	info.MaxPayload = 1000
	header := api.Header{"K": {"v"}}
	fake(t, fakeserver.Options{Info: info}, func(t *testing.T, s *fakeserver.Server) {
		nc, events := observed(t, s)
		sub := must.Get(nc.SubscribeSync("a"))(t)
		headerSize := (&api.Msg{Header: header}).Size()
		for _, c := range []struct {
			header api.Header
			size   int
			fits   bool
		}{
			{nil, 0, true}, {nil, 1, true}, {nil, 999, true}, {nil, 1000, true}, {nil, 1001, false}, {nil, 1 << 20, false},
			{header, 0, true}, {header, 1000 - headerSize, true}, {header, 1001 - headerSize, false}, {header, 1000, false},
		} {
			m := &api.Msg{Subject: "a", Header: c.header, Data: make([]byte, c.size)}
			err := nc.PublishMsg(m)
			if !c.fits {
				large := as[*api.MaxPayloadError](t, err)
				if want := c.size + len(c.header)*headerSize; large.Size != want || large.Limit != 1000 {
					t.Errorf("%d bytes and %v: %+v", c.size, c.header, large)
				}
				_, err = nc.RequestMsg(m, time.Second)
				kinds(t, err, api.ErrMaxPayload)
				continue
			}
			must.Do(t, err)
			if got := must.Get(sub.NextMsg(time.Second))(t); len(got.Data) != c.size || got.Header.Get("K") != c.header.Get("K") {
				t.Errorf("%d bytes came as %d with %v", c.size, len(got.Data), got.Header)
			}
		}
		events.none(t, api.LinkLost, api.ServerErrorReported)
		nc.Close()
	})
}

// TestP20TooLargeForTheNextServer: what waited for a server that takes less than the one
// before is taken out, told, and its request ended; everything else that waited arrives
// in order, and the connection comes back at the first attempt.
func TestP20TooLargeForTheNextServer(t *testing.T) {
	fake(t, fakeserver.Options{}, func(t *testing.T, s *fakeserver.Server) {
		events := newTape()
		p := &gate{provider: s}
		nc := join(t, p, events.option(), api.NeverGiveUp())
		sub := must.Get(nc.SubscribeSync("a"))(t)
		must.Do(t, nc.Flush())
		info := s.Info()
		info.MaxPayload = 100
		p.down.Store(true)
		s.Client(1).Reset()
		events.await(t, api.LinkLost, 1)
		s.Announce(info)
		for i := range 10 {
			must.Do(t, nc.Publish("a", []byte(fmt.Sprint(i))))
			must.Do(t, nc.Publish("a", make([]byte, 101)))
		}
		requested := make(chan error, 1)
		go func() {
			_, err := nc.Request("a", make([]byte, 200), time.Hour)
			requested <- err
		}()
		synctest.Wait()
		p.down.Store(false)
		events.await(t, api.LinkRestored, 2)
		kinds(t, <-requested, api.ErrMaxPayload)
		for i := range 10 {
			if m := must.Get(sub.NextMsg(time.Second))(t); string(m.Data) != fmt.Sprint(i) {
				t.Errorf("message %d is %.20q", i, m.Data)
			}
		}
		synctest.Wait()
		told := events.of(api.MessagesDropped)
		if len(told) != 11 {
			t.Errorf("told of %d", len(told))
		}
		for _, e := range told {
			if large := as[*api.MaxPayloadError](t, e.Cause); large.Limit != 100 || large.Size < 101 || large.Subject != "a" {
				t.Errorf("told of %+v", large)
			}
		}
		if n := len(events.of(api.LinkLost)); n != 1 {
			t.Errorf("lost %d times", n)
		}
		nc.Close()
	})
}
