package proxy_test

import (
	"errors"
	"io"
	"net"
	"net/url"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/faults/plan"
	"github.com/troupe-go/troupe/faults/proxy"
	"github.com/troupe-go/troupe/faults/wire"
	"github.com/troupe-go/troupe/internal/must"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(must.Settled(m, func() error { return goleak.Find() }))
}

// patience is how long a test waits for what has to happen.
const patience = 20 * time.Second

// inject gives a proxy a rule.
func inject(t testing.TB, p *proxy.Proxy, rule string) *wire.Injection {
	t.Helper()
	return must.Get(p.Inject(rule))(t)
}

// echo is a server that sends back what it gets, and its address.
func echo(t testing.TB) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				io.Copy(conn, conn)
				conn.Close()
			}()
		}
	}()
	t.Cleanup(func() {
		listener.Close()
		<-done
	})
	return listener.Addr().String()
}

// dial connects to a proxy by hand.
func dial(t testing.TB, p *proxy.Proxy) *net.TCPConn {
	t.Helper()
	conn, err := net.Dial("tcp", p.Addr())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	conn.SetDeadline(time.Now().Add(patience))
	return conn.(*net.TCPConn)
}

// answers reports whether the server echoes a text.
func answers(conn net.Conn, text string) error {
	if _, err := io.WriteString(conn, text); err != nil {
		return err
	}
	buf := make([]byte, len(text))
	if _, err := io.ReadFull(conn, buf); err != nil {
		return err
	}
	if string(buf) != text {
		return errors.New("another text: " + string(buf))
	}
	return nil
}

// connects reports whether a new connection answers. One that is refused may be reset
// before its dial returns.
func connects(p *proxy.Proxy) error {
	conn, err := net.Dial("tcp", p.Addr())
	if err != nil {
		return err
	}
	defer conn.Close()
	conn.SetDeadline(time.Now().Add(patience))
	return answers(conn, "hello")
}

func isReset(err error) bool {
	return errors.Is(err, syscall.ECONNRESET) || errors.Is(err, syscall.EPIPE)
}

func TestAddresses(t *testing.T) {
	for _, test := range []struct{ upstream, server, scheme string }{
		{"localhost", "localhost:4222", "nats://"},
		{"10.0.0.1:99", "10.0.0.1:99", "nats://"},
		{"nats://me:secret@10.0.0.1", "10.0.0.1:4222", "nats://me:secret@"},
		{"tls://[::1]:99", "[::1]:99", "tls://"},
		{"ws://h", "h:4222", "ws://"},
	} {
		p := proxy.Run(t, test.upstream, proxy.Options{})
		if p.Upstream() != test.server || p.URL() != test.scheme+p.Addr() || !strings.HasPrefix(p.Addr(), "127.0.0.1:") {
			t.Errorf("%s: upstream %s, URL %s", test.upstream, p.Upstream(), p.URL())
		}
	}
	for _, upstream := range []string{"", "nats://:99", "nats://h:port", "::bad::", "\x00"} {
		var address *net.AddrError
		var parse *url.Error
		if _, err := proxy.Start(upstream, proxy.Options{}); !errors.As(err, &address) && !errors.As(err, &parse) {
			t.Errorf("%q: %v", upstream, err)
		}
		p := proxy.Run(t, "h", proxy.Options{})
		if err := p.SetUpstream(upstream); err == nil || p.Upstream() != "h:4222" {
			t.Errorf("SetUpstream(%q): %v", upstream, err)
		}
		if _, err := proxy.StartCluster([]string{"h", upstream}, proxy.Options{}); err == nil {
			t.Errorf("a cluster with %q started", upstream)
		}
	}
}

func TestConnectionsPassUntilTheyAreReset(t *testing.T) {
	p := proxy.Run(t, echo(t), proxy.Options{})
	a, b := dial(t, p), dial(t, p)
	for _, conn := range []net.Conn{a, b} {
		if err := answers(conn, "hello"); err != nil {
			t.Fatal(err)
		}
	}
	must.Await(t, patience, "both are counted", func() bool { // what was written counts a moment after it
		s := p.Stats()
		return s.Open == 2 && s.Out.Read == 10 && s.In.Written == 10
	})
	fault := inject(t, p, "reset")
	for _, conn := range []net.Conn{a, b} {
		if _, err := conn.Read(make([]byte, 1)); !isReset(err) {
			t.Errorf("the client sees %v", err)
		}
	}
	if err := fault.Wait(must.Within(t, patience), 2); err != nil {
		t.Error(err)
	}
	if err := connects(p); err != nil {
		t.Error(err)
	}
}

func TestFinPassesByHalves(t *testing.T) {
	p := proxy.Run(t, echo(t), proxy.Options{})
	conn := dial(t, p)
	io.WriteString(conn, "last words")
	conn.CloseWrite()
	if got, err := io.ReadAll(conn); string(got) != "last words" || err != nil {
		t.Errorf("there came %q, %v", got, err)
	}
}

func TestRefusedConnectionsAreReset(t *testing.T) {
	p := proxy.Run(t, echo(t), proxy.Options{})
	refuse := inject(t, p, "refuse")
	if err := connects(p); err == nil {
		t.Error("a refused connection answers")
	}
	if err := refuse.Wait(must.Within(t, patience), 1); err != nil {
		t.Error(err)
	}
	p.Clear()
	limit := inject(t, p, "limit(1)")
	first := dial(t, p)
	if err := answers(first, "hello"); err != nil {
		t.Error(err)
	}
	if err := connects(p); err == nil {
		t.Error("a connection beyond the limit answers")
	}
	if err := limit.Wait(must.Within(t, patience), 1); err != nil {
		t.Error(err)
	}
	if s := p.Stats(); s.Refused != 2 || s.Connections != 1 {
		t.Errorf("%+v", s)
	}
}

// TestTheServerCanBeAnother: the new server is used for later connections, and need not
// be running.
func TestTheServerCanBeAnother(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	gone := listener.Addr().String()
	p := proxy.Run(t, gone, proxy.Options{})
	listener.Close() // only now, as the proxy must not get its port
	if err := connects(p); err == nil {
		t.Error("nobody answers")
	}
	if err := p.SetUpstream(echo(t)); err != nil {
		t.Fatal(err)
	}
	conn := dial(t, p)
	if err := answers(conn, "hello"); err != nil {
		t.Error(err)
	}
	if err := p.SetUpstream(gone); err != nil {
		t.Fatal(err)
	}
	if err := answers(conn, "still"); err != nil {
		t.Error(err)
	}
}

func TestCloseEndsEverything(t *testing.T) {
	p, err := proxy.Start(echo(t), proxy.Options{})
	if err != nil {
		t.Fatal(err)
	}
	conn := dial(t, p)
	if err := answers(conn, "hello"); err != nil {
		t.Error(err)
	}
	p.Close()
	p.Close()
	if _, err := conn.Read(make([]byte, 1)); err == nil {
		t.Error("the connection is open")
	}
	if _, err := net.Dial("tcp", p.Addr()); err == nil {
		t.Error("it listens")
	}
	if _, err := p.Inject("reset"); !errors.Is(err, wire.ErrClosed) {
		t.Errorf("Inject: %v", err)
	}
}

func TestRulesAreForTheNameOfTheProxy(t *testing.T) {
	p := proxy.Run(t, "h", proxy.Options{Name: plan.Link("client", "s1")})
	var target *wire.TargetError
	if _, err := p.Inject("link(client, s2) reset"); !errors.As(err, &target) {
		t.Errorf("a rule of another link: %v", err)
	}
	if _, err := p.Add(plan.Rule{Target: plan.Link(plan.Any, "s1"), Fault: plan.Fault{Kind: plan.Reset}}); err != nil {
		t.Error(err)
	}
}

// TestAnyClientStaysBehindTheProxies of a cluster when its server goes.
func TestAnyClientStaysBehindTheProxies(t *testing.T) {
	cluster := natsserver.RunCluster(t, 3, natsserver.Options{})
	proxies := proxy.RunCluster(t, cluster.URLs(), proxy.Options{})
	back := make(chan string, 10)
	nc, err := nats.Connect(proxies[0].URL(), nats.ReconnectWait(time.Millisecond), nats.MaxReconnects(-1),
		nats.ReconnectHandler(func(nc *nats.Conn) { back <- nc.ConnectedAddr() }))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	var addresses []string
	for _, p := range proxies {
		addresses = append(addresses, p.URL())
	}
	slices.Sort(addresses)
	if known := nc.Servers(); len(slices.Compact(append(slices.Sorted(slices.Values(known)), addresses...))) < 3 {
		t.Errorf("the client knows %v", known)
	}
	for _, server := range nc.Servers() {
		if !slices.Contains(addresses, server) {
			t.Errorf("the client was told of %s, the proxies are at %v", server, addresses)
		}
	}
	if len(nc.Servers()) != 3 {
		t.Errorf("the client knows %v", nc.Servers())
	}
	cluster.Members()[0].Kill()
	select {
	case addr := <-back:
		if !slices.Contains(addresses, "nats://"+addr) {
			t.Errorf("reconnected to %s", addr)
		}
	case <-must.Within(t, patience).Done():
		t.Fatal("not reconnected")
	}
	sub, err := nc.SubscribeSync("a")
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Publish("a", nil); err != nil {
		t.Fatal(err)
	}
	if _, err := sub.NextMsg(patience); err != nil {
		t.Error(err)
	}
}

func TestAdvertiseIsAskedFirst(t *testing.T) {
	cluster := natsserver.RunCluster(t, 2, natsserver.Options{})
	urls := cluster.URLs()
	second := strings.TrimPrefix(urls[1], "nats://")
	proxies := proxy.RunCluster(t, urls[:1], proxy.Options{Advertise: func(server string) string {
		if server == second {
			return "elsewhere:1"
		}
		return ""
	}})
	nc, err := nats.Connect(proxies[0].URL())
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	if got := nc.DiscoveredServers(); len(got) != 1 || got[0] != "nats://elsewhere:1" {
		t.Errorf("the client was told of %v", got)
	}
}

// TestFaultsMeetAClientOfNATS: by operation, over TCP, with another library.
func TestFaultsMeetAClientOfNATS(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{})
	p := proxy.Run(t, s.URL(), proxy.Options{})
	nc, err := nats.Connect(p.URL(), nats.ReconnectWait(time.Millisecond))
	if err != nil {
		t.Fatal(err)
	}
	defer nc.Close()
	sub, err := nc.SubscribeSync("orders.*")
	if err != nil {
		t.Fatal(err)
	}
	drop := inject(t, p, `when op(MSG) subject("orders.2") drop`)
	for _, subject := range []string{"orders.1", "orders.2", "orders.3"} {
		if err := nc.Publish(subject, nil); err != nil {
			t.Fatal(err)
		}
	}
	for _, want := range []string{"orders.1", "orders.3"} {
		if m, err := sub.NextMsg(patience); err != nil || m.Subject != want {
			t.Errorf("%v, %v, want %s", m, err, want)
		}
	}
	if drop.Hits() != 1 {
		t.Errorf("%d hits", drop.Hits())
	}
	reset := inject(t, p, "when op(PUB) reset")
	if err := nc.Publish("orders.4", nil); err != nil {
		t.Fatal(err)
	}
	if err := reset.Wait(must.Within(t, patience), 1); err != nil {
		t.Error(err)
	}
}
