package natsserver_test

import (
	"bufio"
	"encoding/json"
	"errors"
	"net"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/faults/proxy"
	"github.com/troupe-go/troupe/internal/must"
)

// notice is what a server tells its clients about itself and the other servers.
type notice struct {
	ConnectURLs []string `json:"connect_urls"`
	LameDuck    bool     `json:"ldm"`
}

// notices connects to a server and returns its notices, beginning with the greeting. The
// channel is closed when the connection ends.
func notices(t *testing.T, s *natsserver.Server) <-chan notice {
	t.Helper()
	conn, err := net.Dial("tcp", strings.TrimPrefix(s.URL(), "nats://"))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	told := make(chan notice, 64)
	r := bufio.NewReader(conn)
	greeting, err := r.ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	if _, err := conn.Write([]byte("CONNECT {\"verbose\":false,\"protocol\":1}\r\nPING\r\n")); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(told)
		for line := greeting; err == nil; line, err = r.ReadString('\n') {
			var n notice
			if info, ok := strings.CutPrefix(line, "INFO "); ok && json.Unmarshal([]byte(info), &n) == nil {
				told <- n
			}
		}
	}()
	return told
}

// toldOf waits until a server advertises exactly these addresses.
func toldOf(t *testing.T, told <-chan notice, urls ...string) {
	t.Helper()
	var want []string
	for _, url := range urls {
		want = append(want, strings.TrimPrefix(url, "nats://"))
	}
	slices.Sort(want)
	for {
		n := receive(t, told, "notice of "+strings.Join(want, ", "))
		slices.Sort(n.ConnectURLs)
		if slices.Equal(n.ConnectURLs, want) {
			return
		}
	}
}

// crosses checks that a request from one member to another is answered.
func crosses(t *testing.T, from, to *natsserver.Server) {
	t.Helper()
	responder, requester := client(t, to), client(t, from)
	defer responder.Close()
	defer requester.Close()
	subject := nats.NewInbox()
	if _, err := responder.Subscribe(subject, func(m *nats.Msg) { _ = m.Respond(nil) }); err != nil {
		t.Fatal(err)
	}
	if err := responder.Flush(); err != nil {
		t.Fatal(err)
	}
	for deadline := time.Now().Add(wait); ; {
		// The subscription is still being propagated, and until it arrives the answer at
		// once is that there are no responders.
		_, err := requester.Request(subject, nil, wait)
		if err == nil {
			return
		}
		if !errors.Is(err, nats.ErrNoResponders) || time.Now().After(deadline) {
			t.Fatalf("from %s to %s: %v", from.URL(), to.URL(), err)
		}
	}
}

func TestMembersOfAClusterKnowEachOther(t *testing.T) {
	for _, n := range []int{2, 3, 5} {
		c := natsserver.RunCluster(t, n, natsserver.Options{Name: "anchor"})
		for _, m := range c.Members() {
			toldOf(t, notices(t, m), c.URLs()...)
		}
		first, last := c.Members()[0], c.Members()[n-1]
		crosses(t, first, last)
		crosses(t, last, first)
		if name := first.Server().Name(); name != "anchor1" {
			t.Errorf("the first member is called %q", name)
		}
	}
}

func TestAMemberThatComesBackIsAMemberAgain(t *testing.T) {
	c := natsserver.RunCluster(t, 3, natsserver.Options{})
	for i, m := range c.Members() {
		other := c.Members()[(i+1)%3]
		told := notices(t, other)
		toldOf(t, told, c.URLs()...)
		before, url := m.Server().ClusterAddr().String(), m.URL()
		m.Kill()
		toldOf(t, told, slices.DeleteFunc(c.URLs(), func(u string) bool { return u == url })...)
		if err := m.Restart(); err != nil {
			t.Fatal(err)
		}
		toldOf(t, told, c.URLs()...)
		if after := m.Server().ClusterAddr().String(); after != before || m.URL() != url {
			t.Errorf("member %d was at %s and %s, and is at %s and %s", i+1, url, before, m.URL(), after)
		}
		crosses(t, m, other)
		crosses(t, other, m)
	}
}

func TestAClusterComesBackAfterItWasDown(t *testing.T) {
	c := natsserver.RunCluster(t, 3, natsserver.Options{})
	for _, m := range c.Members() {
		m.Kill()
	}
	for _, m := range c.Members() {
		if err := m.Restart(); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range c.Members() {
		toldOf(t, notices(t, m), c.URLs()...)
	}
	crosses(t, c.Members()[2], c.Members()[0])
}

func TestMembersTellOfALameDuckAmongThem(t *testing.T) {
	c := natsserver.RunCluster(t, 3, natsserver.Options{LameDuck: time.Millisecond, LameDuckGrace: 10 * time.Millisecond})
	duck, other := c.Members()[0], c.Members()[1]
	rest := c.URLs()[1:]
	toDuck, toOther := notices(t, duck), notices(t, other)
	done := duck.LameDuck()
	for n := range toDuck {
		if !n.LameDuck {
			continue
		}
		if len(n.ConnectURLs) != 2 || slices.Contains(n.ConnectURLs, strings.TrimPrefix(duck.URL(), "nats://")) {
			t.Errorf("the lame duck sends its clients to %v", n.ConnectURLs)
		}
	}
	toldOf(t, toOther, c.URLs()...)
	toldOf(t, toOther, rest...)
	receive(t, done, "end of the lame duck")
	crosses(t, other, c.Members()[2])
	if err := duck.Restart(); err != nil {
		t.Fatal(err)
	}
	toldOf(t, toOther, c.URLs()...)
	crosses(t, duck, other)
}

func TestTheGracePeriodIsChosen(t *testing.T) {
	cases := map[string]struct {
		opts            natsserver.Options
		grace, duration time.Duration
	}{
		"neither":        {natsserver.Options{}, 50 * time.Millisecond, 2050 * time.Millisecond},
		"the duration":   {natsserver.Options{LameDuck: time.Second}, 50 * time.Millisecond, 1050 * time.Millisecond},
		"the grace":      {natsserver.Options{LameDuckGrace: time.Second}, time.Second, 3 * time.Second},
		"both of them":   {natsserver.Options{LameDuckGrace: time.Hour, LameDuck: time.Minute}, time.Hour, 61 * time.Minute},
		"hardly any":     {natsserver.Options{LameDuckGrace: 1, LameDuck: 1}, 1, 2},
		"a long goodbye": {natsserver.Options{LameDuck: time.Hour}, 50 * time.Millisecond, time.Hour + 50*time.Millisecond},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			c.opts.Edit = func(so *server.Options) {
				if so.LameDuckGracePeriod != c.grace || so.LameDuckDuration != c.duration {
					t.Errorf("grace %v of %v, want %v of %v", so.LameDuckGracePeriod, so.LameDuckDuration, c.grace, c.duration)
				}
			}
			natsserver.Run(t, c.opts)
		})
	}
}

// TestMembersAreParted cuts the routes of one member, and restores them: while it is
// partitioned, no other member advertises it, and none finds another way to it.
func TestMembersAreParted(t *testing.T) {
	routes := map[string]*proxy.Proxy{}
	c := natsserver.RunCluster(t, 3, natsserver.Options{Route: func(from, to, address string) (string, error) {
		p := proxy.Run(t, address, proxy.Options{})
		routes[from+"-"+to] = p
		return p.Addr(), nil
	}})
	if len(routes) != 3 {
		t.Fatalf("%d routes", len(routes))
	}
	apart, one, other := c.Members()[0], c.Members()[1], c.Members()[2]
	toApart, toOther := notices(t, apart), notices(t, other)
	toldOf(t, toApart, c.URLs()...)
	toldOf(t, toOther, c.URLs()...)
	for range 2 {
		for _, route := range []string{"node1-node2", "node1-node3"} {
			for _, rule := range []string{"refuse", "reset"} {
				must.Get(routes[route].Inject(rule))(t)
			}
		}
		toldOf(t, toApart, apart.URL())
		toldOf(t, toOther, one.URL(), other.URL())
		crosses(t, one, other)
		for _, p := range routes {
			p.Clear()
		}
		toldOf(t, toApart, c.URLs()...)
		toldOf(t, toOther, c.URLs()...)
		crosses(t, apart, one)
		crosses(t, other, apart)
	}
}

func TestARouteThatCannotBeMade(t *testing.T) {
	errNone := errors.New("no way")
	_, err := natsserver.StartCluster(2, natsserver.Options{Route: func(_, _, _ string) (string, error) { return "", errNone }})
	if !errors.Is(err, errNone) {
		t.Error(err)
	}
}

func TestAReplicatedStreamSurvivesAMember(t *testing.T) {
	dir := t.TempDir()
	c := natsserver.RunCluster(t, 3, natsserver.Options{JetStream: true, StoreDir: dir})
	if got, want := c.Members()[1].StoreDir(), filepath.Join(dir, "node2"); got != want {
		t.Errorf("the second member keeps its streams in %s, want %s", got, want)
	}
	js, ctx := streams(t, c.Members()[0]), must.Within(t, wait)
	cfg := jetstream.StreamConfig{Name: "EVENTS", Subjects: []string{"events.>"}, Replicas: 3}
	if _, err := js.CreateStream(ctx, cfg); err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(ctx, "events.one", []byte("1")); err != nil {
		t.Fatal(err)
	}
	c.Members()[0].Kill()
	js = streams(t, c.Members()[1])
	if _, err := js.Publish(ctx, "events.two", []byte("2"), jetstream.WithRetryAttempts(200)); err != nil {
		t.Fatalf("while a member is down: %v", err)
	}
	if err := c.Members()[0].Restart(); err != nil {
		t.Fatal(err)
	}
	stream, err := streams(t, c.Members()[0]).Stream(ctx, "EVENTS")
	if err != nil {
		t.Fatal(err)
	}
	if n := stream.CachedInfo().State.Msgs; n != 2 {
		t.Errorf("the stream holds %d messages, want 2", n)
	}
}

// streams connects to the streams of a server.
func streams(t *testing.T, s *natsserver.Server) jetstream.JetStream {
	t.Helper()
	js, err := jetstream.New(client(t, s))
	if err != nil {
		t.Fatal(err)
	}
	return js
}

func TestMembersMayBeChangedFromManyGoroutines(t *testing.T) {
	c := natsserver.RunCluster(t, 3, natsserver.Options{})
	back := make(chan error, 3)
	for _, m := range c.Members() {
		go func() {
			m.Kill()
			back <- m.Restart()
		}()
	}
	for range c.Members() {
		if err := receive(t, back, "restart"); err != nil {
			t.Error(err)
		}
	}
	crosses(t, c.Members()[0], c.Members()[1])
}

func TestAnImpossibleClusterSaysWhy(t *testing.T) {
	cases := map[string]struct {
		n    int
		opts natsserver.Options
		want string
	}{
		"one member": {1, natsserver.Options{}, "at least two members"},
		"no socket":  {3, natsserver.Options{DontListen: true}, "they listen"},
		"bad options": {2, natsserver.Options{MaxPayload: 1000, Edit: func(o *server.Options) {
			if o.ServerName == "node2" {
				o.MaxPending = 10
			}
		}}, "max_payload"},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if _, err := natsserver.StartCluster(c.n, c.opts); err == nil || !strings.Contains(err.Error(), c.want) {
				t.Errorf("the start says %v, want %q", err, c.want)
			}
		})
	}
}
