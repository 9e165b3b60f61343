package natsserver_test

import (
	"bufio"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"math/big"
	"net"
	"os"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
)

func TestMain(m *testing.M) {
	playRole()
	clock := goleak.IgnoreAnyFunction(natsserver.StoreClock)
	goleak.VerifyTestMain(must.Settled(m, func() error { return goleak.Find(clock) }), clock)
}

// wait bounds every wait of a test; it is reached only by a failing one.
const wait = time.Minute

// client connects with nats.go and closes with the test.
func client(t *testing.T, s *natsserver.Server, opts ...nats.Option) *nats.Conn {
	t.Helper()
	nc, err := nats.Connect(s.URL(), opts...)
	if err != nil {
		t.Fatalf("connect: %v", err)
	}
	t.Cleanup(nc.Close)
	return nc
}

// receive waits for one value, or fails the test.
func receive[T any](t *testing.T, c <-chan T, what string) T {
	t.Helper()
	select {
	case v := <-c:
		return v
	case <-time.After(wait):
		t.Fatalf("no %s within %v", what, wait)
		panic("unreachable")
	}
}

func TestAServerServesAMessage(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{})
	nc := client(t, s)
	sub, err := nc.SubscribeSync("greet")
	if err != nil {
		t.Fatal(err)
	}
	if err := nc.Publish("greet", []byte("hello")); err != nil {
		t.Fatal(err)
	}
	m, err := sub.NextMsg(wait)
	if err != nil {
		t.Fatal(err)
	}
	if got := string(m.Data); got != "hello" {
		t.Errorf("received %q, want hello", got)
	}
	if !s.Running() {
		t.Error("a server with a client says that it is not running")
	}
}

func TestTwoServersHavePortsOfTheirOwn(t *testing.T) {
	a, b := natsserver.Run(t, natsserver.Options{}), natsserver.Run(t, natsserver.Options{})
	if a.Port() == 0 || a.Port() == b.Port() {
		t.Errorf("ports are %d and %d", a.Port(), b.Port())
	}
}

func TestAKilledServerCutsWithoutAFarewellAndComesBackOnItsPort(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{})
	url := s.URL()
	conn, err := net.Dial("tcp", strings.TrimPrefix(url, "nats://"))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	r := bufio.NewReader(conn)
	if line, err := r.ReadString('\n'); err != nil || !strings.HasPrefix(line, "INFO ") {
		t.Fatalf("greeting %q, %v", line, err)
	}
	s.Kill()
	rest, err := io.ReadAll(r)
	if len(rest) != 0 {
		t.Errorf("the server said %q before the cut (%v)", rest, err)
	}
	if s.Running() {
		t.Error("a killed server says that it is running")
	}
	if _, err := net.Dial("tcp", conn.RemoteAddr().String()); err == nil {
		t.Error("a killed server accepts connections")
	}
	for range 3 {
		if err := s.Restart(); err != nil {
			t.Fatalf("restart: %v", err)
		}
		if s.URL() != url {
			t.Fatalf("after the restart the address is %s, before it was %s", s.URL(), url)
		}
		client(t, s).Close()
	}
}

func TestAClientSurvivesARestart(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{})
	back := make(chan struct{}, 1)
	nc := client(t, s, nats.ReconnectWait(time.Millisecond), nats.ReconnectJitter(0, 0), nats.MaxReconnects(-1),
		nats.ReconnectHandler(func(*nats.Conn) { back <- struct{}{} }))
	got := make(chan string, 1)
	if _, err := nc.Subscribe("news", func(m *nats.Msg) { got <- string(m.Data) }); err != nil {
		t.Fatal(err)
	}
	if err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	receive(t, back, "reconnect")
	if err := nc.Publish("news", []byte("after")); err != nil {
		t.Fatal(err)
	}
	if m := receive(t, got, "message after the restart"); m != "after" {
		t.Errorf("received %q", m)
	}
}

func TestRestartWaitsForAPortThatIsTakenForAMoment(t *testing.T) {
	s := natsserver.RunCluster(t, 2, natsserver.Options{}).Members()[0]
	for port, address := range map[string]string{
		"for clients": strings.TrimPrefix(s.URL(), "nats://"), "for routes": s.Server().ClusterAddr().String(),
	} {
		s.Kill()
		squatter, err := net.Listen("tcp", address)
		if err != nil {
			t.Fatal(err)
		}
		failed := make(chan struct{})
		var once sync.Once
		s.OnLog(func(level, _ string) {
			if level == "fatal" {
				once.Do(func() { close(failed) })
			}
		})
		done := make(chan error, 1)
		go func() { done <- s.Restart() }()
		receive(t, failed, "failed attempt to bind the port "+port)
		squatter.Close()
		if err := receive(t, done, "end of restart"); err != nil {
			t.Fatalf("restart after the port %s was taken: %v", port, err)
		}
		client(t, s)
	}
}

func TestAnImpossibleStartSaysWhy(t *testing.T) {
	other := natsserver.Run(t, natsserver.Options{})
	_, err := natsserver.Start(natsserver.Options{Edit: func(o *server.Options) { o.Port = other.Port() }})
	if err == nil || !strings.Contains(err.Error(), "address already in use") {
		t.Errorf("a start on a taken port returns %v", err)
	}
	_, err = natsserver.Start(natsserver.Options{MaxPayload: 1000, Edit: func(o *server.Options) { o.MaxPending = 10 }})
	if err == nil || !strings.Contains(err.Error(), "max_payload") {
		t.Errorf("a start with impossible options returns %v", err)
	}
	_, err = natsserver.Start(natsserver.Options{JetStream: true, StoreDir: "/dev/null/store"})
	if err == nil || !strings.Contains(err.Error(), "JetStream") {
		t.Errorf("a start with an impossible store returns %v", err)
	}
}

func TestCredentialsAreAskedFor(t *testing.T) {
	cases := map[string]struct {
		opts  natsserver.Options
		right nats.Option
	}{
		"user and password": {natsserver.Options{User: "ann", Password: "secret"}, nats.UserInfo("ann", "secret")},
		"token":             {natsserver.Options{Token: "secret"}, nats.Token("secret")},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s := natsserver.Run(t, c.opts)
			client(t, s, c.right)
			if _, err := nats.Connect(s.URL()); !errors.Is(err, nats.ErrAuthorization) {
				t.Errorf("without credentials: %v", err)
			}
		})
	}
}

func TestOptionsReachTheServer(t *testing.T) {
	lines := make(chan string, 100)
	s := natsserver.Run(t, natsserver.Options{
		Name: "anchor", MaxPayload: 1000, PingInterval: 7 * time.Second,
		Log:  func(level, line string) { lines <- level + " " + line },
		Edit: func(o *server.Options) { o.MaxConn = 3 },
	})
	nc := client(t, s)
	if nc.MaxPayload() != 1000 || nc.ConnectedServerName() != "anchor" {
		t.Errorf("server %q announces a limit of %d bytes", nc.ConnectedServerName(), nc.MaxPayload())
	}
	v, err := s.Server().Varz(nil)
	if err != nil {
		t.Fatal(err)
	}
	if v.PingInterval != 7*time.Second || v.MaxConn != 3 {
		t.Errorf("ping interval %v, connections %d", v.PingInterval, v.MaxConn)
	}
	if first := receive(t, lines, "log line"); !strings.HasPrefix(first, "notice ") {
		t.Errorf("first line of the log is %q", first)
	}
}

func TestStreamsSurviveAKillButNotAShutdown(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{JetStream: true, Name: "keeper"})
	nc := client(t, s)
	js, err := jetstream.New(nc)
	if err != nil {
		t.Fatal(err)
	}
	cfg := jetstream.StreamConfig{Name: "EVENTS", Subjects: []string{"events.>"}}
	if _, err := js.CreateStream(t.Context(), cfg); err != nil {
		t.Fatal(err)
	}
	if _, err := js.Publish(t.Context(), "events.one", []byte("1")); err != nil {
		t.Fatal(err)
	}
	nc.Close()
	if err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	if js, err = jetstream.New(client(t, s)); err != nil {
		t.Fatal(err)
	}
	stream, err := js.Stream(t.Context(), "EVENTS")
	if err != nil {
		t.Fatalf("after the kill: %v", err)
	}
	if n := stream.CachedInfo().State.Msgs; n != 1 {
		t.Errorf("after the kill the stream holds %d messages, want 1", n)
	}
	dir := s.StoreDir()
	s.Shutdown()
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the temporary store is still there: %v", err)
	}
}

func TestAStoreOfTheCallersStays(t *testing.T) {
	dir := t.TempDir()
	natsserver.Run(t, natsserver.Options{JetStream: true, StoreDir: dir}).Shutdown()
	if _, err := os.Stat(dir); err != nil {
		t.Errorf("the caller's store: %v", err)
	}
}

func TestALameDuckSaysGoodbye(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{LameDuck: time.Millisecond})
	told := make(chan struct{}, 1)
	closed := make(chan struct{}, 1)
	client(t, s, nats.NoReconnect(), nats.LameDuckModeHandler(func(*nats.Conn) { told <- struct{}{} }),
		nats.ClosedHandler(func(*nats.Conn) { closed <- struct{}{} }))
	done := s.LameDuck()
	if again := s.LameDuck(); again != done {
		t.Error("a second call returns another channel")
	}
	receive(t, told, "notice of the lame duck")
	receive(t, closed, "end of the connection")
	receive(t, done, "end of the server")
	if s.Running() {
		t.Error("a lame duck that is gone says that it is running")
	}
	if err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	client(t, s)
}

func TestAKillCutsALameDuckShort(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{LameDuck: time.Hour})
	told := make(chan struct{}, 1)
	client(t, s, nats.NoReconnect(), nats.LameDuckModeHandler(func(*nats.Conn) { told <- struct{}{} }))
	done := s.LameDuck()
	receive(t, told, "notice of the lame duck")
	s.Kill()
	receive(t, done, "end of the lame duck")
}

func TestShutdownIsFinal(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{})
	s.Shutdown()
	s.Shutdown()
	s.Kill()
	receive(t, s.LameDuck(), "end of a lame duck that is already gone")
	if err := s.Restart(); !errors.Is(err, natsserver.ErrShutdown) {
		t.Errorf("restart after shutdown: %v", err)
	}
	if _, err := s.InProcessConn(); !errors.Is(err, natsserver.ErrDown) {
		t.Errorf("in-process dial after shutdown: %v", err)
	}
}

func TestInProcessDialsEveryIncarnation(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{DontListen: true})
	if s.Port() != 0 {
		t.Errorf("a server that does not listen has port %d", s.Port())
	}
	dial := s.InProcess()
	for range 2 {
		conn, err := dial()
		if err != nil {
			t.Fatal(err)
		}
		line, err := bufio.NewReader(conn).ReadString('\n')
		if err != nil || !strings.HasPrefix(line, "INFO ") {
			t.Errorf("greeting %q, %v", line, err)
		}
		conn.Close()
		s.Kill()
		if _, err := dial(); !errors.Is(err, natsserver.ErrDown) {
			t.Errorf("dial while down: %v", err)
		}
		if err := s.Restart(); err != nil {
			t.Fatal(err)
		}
	}
	nc, err := nats.Connect("", nats.InProcessServer(s))
	if err != nil {
		t.Fatal(err)
	}
	nc.Close()
}

func TestStateMayBeChangedFromManyGoroutines(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{})
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(s.Kill)
		wg.Go(func() {
			if err := s.Restart(); err != nil {
				t.Errorf("restart: %v", err)
			}
		})
		wg.Go(func() { s.Running() })
	}
	wg.Wait()
	if err := s.Restart(); err != nil {
		t.Fatal(err)
	}
	client(t, s)
}

// certificate creates a self-signed certificate for the loopback address and the pool
// that trusts it.
func certificate(t *testing.T) (tls.Certificate, *x509.CertPool) {
	t.Helper()
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	template := &x509.Certificate{
		SerialNumber: big.NewInt(1), NotAfter: time.Now().Add(time.Hour),
		IPAddresses: []net.IP{net.IPv4(127, 0, 0, 1)}, IsCA: true, BasicConstraintsValid: true,
	}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		t.Fatal(err)
	}
	cert, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	pool := x509.NewCertPool()
	pool.AddCert(cert)
	return tls.Certificate{Certificate: [][]byte{der}, PrivateKey: key}, pool
}

func TestTLSIsRequired(t *testing.T) {
	cert, pool := certificate(t)
	s := natsserver.Run(t, natsserver.Options{TLS: &tls.Config{Certificates: []tls.Certificate{cert}}})
	if !strings.HasPrefix(s.URL(), "tls://") {
		t.Errorf("address is %s", s.URL())
	}
	nc := client(t, s, nats.Secure(&tls.Config{RootCAs: pool}))
	if !nc.TLSRequired() {
		t.Error("the server does not ask for TLS")
	}
}
