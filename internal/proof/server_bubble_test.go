package proof_test

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/fakeserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/protocol"
)

// plainInfo is what a server of the first days says: no headers, no later INFO.
func plainInfo() protocol.Info {
	return protocol.Info{ServerID: "OLD", Version: "1.4.1", GoVersion: "go1.11", Host: "0.0.0.0", Port: 4222, MaxPayload: 1 << 20}
}

// TestS18OlderServers: what a server cannot do is refused with a type before anything is
// sent (G11); everything else works.
func TestS18OlderServers(t *testing.T) {
	header := api.Header{"K": {"v"}}
	for name, change := range map[string]func(info *protocol.Info){
		"of the first days":          func(*protocol.Info) {},
		"with later INFO":            func(info *protocol.Info) { info.Proto, info.Version = 1, "2.1.9" },
		"with headers switched off":  func(info *protocol.Info) { info.Proto, info.Version = 1, "2.15.2" },
		"without a version":          func(info *protocol.Info) { info.Version = "" },
		"with a version that is odd": func(info *protocol.Info) { info.Version = "v99.x-β" },
	} {
		t.Run(name, func(t *testing.T) {
			info := plainInfo()
			change(&info)
			greeting := fakeserver.Greeting{Raw: protocol.AppendInfo(nil, &info)} // no client_id in it
			fake(t, fakeserver.Options{Info: info, Greeting: func(int) fakeserver.Greeting { return greeting }},
				func(t *testing.T, s *fakeserver.Server) {
					bare(s)
					nc, events := observed(t, s)
					if connect := s.Client(1).Connect(); connect.Headers || connect.NoResponders || nc.HeadersSupported() {
						t.Errorf("the client said %+v", connect)
					}
					m := &api.Msg{Subject: "a", Header: header}
					kinds(t, nc.PublishMsg(m), api.ErrHeadersNotSupported)
					_, err := nc.RequestMsg(m, time.Second)
					kinds(t, err, api.ErrHeadersNotSupported)
					_, err = nc.GetClientID()
					kinds(t, err, api.ErrClientIDNotSupported)
					_, err = nc.GetClientIP()
					kinds(t, err, api.ErrClientIPNotSupported)
					_, err = nc.Request("nobody", nil, 3*time.Second) // such a server does not tell
					kinds(t, err, api.ErrTimeout)

					answers := must.Get(nc.Subscribe("service", func(m *api.Msg) { _ = m.Respond(m.Data) }))(t)
					if m := must.Get(nc.Request("service", []byte("x"), time.Second))(t); string(m.Data) != "x" {
						t.Errorf("answered %q", m.Data)
					}
					s.Client(1).Reset()
					events.await(t, api.LinkRestored, 2)
					must.Get(nc.Request("service", nil, time.Second))(t)
					must.Do(t, answers.Drain())
					must.Do(t, nc.Flush())
					for _, f := range s.Client(1).Frames() {
						if f.Op == protocol.OpHPub {
							t.Errorf("sent %q", f)
						}
					}
					nc.Close()
				})
		})
	}
}

// TestS18NoEcho: a server that cannot keep the echo back is not connected to by one who
// asks for that, and the others are tried.
func TestS18NoEcho(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		old := fakeserver.Run(t, fakeserver.Options{DontListen: true, Info: plainInfo()})
		h := &hosts{servers: map[string]provider{"old": old}}
		_, err := api.Connect("old", h.options(api.NoEcho())...)
		kinds(t, err, api.ErrNoEchoNotSupported, api.ErrNoServers)
		h.set("new", fakeserver.Run(t, fakeserver.Options{DontListen: true}))
		nc := must.Get(api.Connect("old,new", h.options(api.NoEcho())...))(t)
		must.Do(t, nc.Flush())
		if old.Client(1).Connect() != nil {
			t.Error("the old server was sent a CONNECT")
		}
		nc.Close()
	})
}

// TestS18FromNewToOld: what waited with a header for a server that turns out to know none
// is taken out and told, and its request ended. What waited without one arrives, and the
// connection is not lost over it.
func TestS18FromNewToOld(t *testing.T) {
	fake(t, fakeserver.Options{}, func(t *testing.T, s *fakeserver.Server) {
		p := &gate{provider: s}
		events := newTape()
		nc := join(t, p, events.option(), api.NeverGiveUp())
		sub := must.Get(nc.SubscribeSync("a"))(t)
		must.Do(t, nc.Flush())
		p.down.Store(true)
		s.Client(1).Reset()
		events.await(t, api.LinkLost, 1)
		s.Announce(plainInfo())
		m := &api.Msg{Subject: "a", Header: api.Header{"K": {"v"}}}
		for i := range 5 {
			must.Do(t, nc.Publish("a", fmt.Append(nil, i)))
			must.Do(t, nc.PublishMsg(m))
		}
		requested := make(chan error, 1)
		go func() {
			_, err := nc.RequestMsg(m, time.Hour)
			requested <- err
		}()
		synctest.Wait()
		p.down.Store(false)
		events.await(t, api.LinkRestored, 2)
		kinds(t, <-requested, api.ErrHeadersNotSupported)
		for i := range 5 {
			if m := must.Get(sub.NextMsg(time.Second))(t); string(m.Data) != fmt.Sprint(i) {
				t.Errorf("message %d is %q", i, m.Data)
			}
		}
		synctest.Wait()
		told := events.of(api.MessagesDropped)
		if len(told) != 6 {
			t.Errorf("told of %d", len(told))
		}
		for _, e := range told {
			kinds(t, e.Cause, api.ErrHeadersNotSupported)
		}
		if n := len(events.of(api.LinkLost)); n != 1 || nc.Stats().Uncertain != 0 {
			t.Errorf("lost %d times, %d are uncertain", n, nc.Stats().Uncertain)
		}
		nc.Close()
	})
}

// TestS14ServerClock: the clock of the server is wrong by ten minutes, or years, in
// everything that it says. No timer of the client's uses it: every event has its exact
// time all the same.
func TestS14ServerClock(t *testing.T) {
	var want []string
	for _, skew := range []time.Duration{0, 10 * time.Minute, -10 * time.Minute, 20 * 365 * 24 * time.Hour, -20 * 365 * 24 * time.Hour} {
		synctest.Test(t, func(t *testing.T) {
			got := timeline(t, skew)
			if want == nil {
				want = got
			}
			if diff := cmp.Diff(want, got); diff != "" || len(got) < 8 {
				t.Errorf("with a skew of %v (-without +with):\n%s", skew, diff)
			}
		})
	}
}

// timeline is what happens to a client of a server with that skew, and when.
func timeline(t *testing.T, skew time.Duration) []string {
	t.Helper()
	began := time.Now()
	var mu sync.Mutex
	var happened []string
	note := func(what string) {
		mu.Lock()
		defer mu.Unlock()
		happened = append(happened, fmt.Sprintf("%15d %s", time.Since(began), what))
	}
	info := fakeserver.DefaultInfo()
	clock := func() string { return began.Add(time.Since(began) + skew).Format(time.RFC3339Nano) }
	say := func() string { // wherever a server could put its time
		json := strings.TrimSpace(string(protocol.AppendInfo(nil, &info)))
		return fmt.Sprintf(`%s,"time":%q,"start":%q,"now":%d,"expires":%[2]q}`+"\r\n", strings.TrimSuffix(json, "}"), clock(), clock(),
			began.Add(skew).UnixNano())
	}
	s := fakeserver.Run(t, fakeserver.Options{DontListen: true, Greeting: func(int) fakeserver.Greeting {
		return fakeserver.Greeting{Raw: []byte(say())}
	}})
	answering := bare(s)
	dialed := func() (net.Conn, error) {
		note("dialed")
		return s.InProcessConn()
	}
	events := newTape()
	nc := join(t, providing(dialed), events.option(), api.PingInterval(time.Minute), api.MaxPingsOutstanding(2),
		api.ReconnectWait(0), api.ReconnectJitter(0, 0))
	must.Do(t, s.Client(1).Send([]byte(say())))
	sub := must.Get(nc.SubscribeSync("a"))(t)
	_, err := sub.NextMsg(7 * time.Second)
	note(fmt.Sprint("next: ", err != nil))
	header := api.Header{"Nats-Time-Stamp": {clock()}, "Date": {clock()}}
	must.Do(t, nc.PublishMsg(&api.Msg{Subject: "a", Header: header}))
	must.Get(sub.NextMsg(time.Second))(t)
	note("got one")
	must.Get(nc.Subscribe("slow", func(*api.Msg) {}))(t)
	_, err = nc.Request("slow", nil, 11*time.Second)
	note(fmt.Sprint("request: ", err != nil))
	time.Sleep(time.Hour)
	must.Do(t, s.Client(1).Send([]byte(say())))
	synctest.Wait() // to be read is a sign of life, and no part of the silence
	answering.Lift()
	s.Control(protocol.OpPing, func(c *fakeserver.Client, _ fakeserver.Frame) fakeserver.Verdict {
		if c.Number() == 1 {
			return fakeserver.Drop()
		}
		return fakeserver.Answer("PONG\r\n")
	})
	f := flush(nc)
	kinds(t, events.await(t, api.LinkLost, 1).Cause, api.ErrStaleConnection)
	note("lost")
	kinds(t, <-f.ended, api.ErrDisconnected)
	events.await(t, api.LinkRestored, 2)
	note("restored")
	nc.Close()
	note("closed")
	slices.Sort(happened) // what happens at one time does so in any order
	return happened
}

// providing is a provider that is a function.
type providing func() (net.Conn, error)

// InProcessConn calls it.
func (p providing) InProcessConn() (net.Conn, error) { return p() }
