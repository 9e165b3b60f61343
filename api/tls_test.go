package api_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
)

// secured starts a server that requires TLS.
func secured(t *testing.T, config *tls.Config) *natsserver.Server {
	t.Helper()
	return natsserver.Run(t, natsserver.Options{TLS: config})
}

// unsaid is the address of a server with TLS that does not tell of it.
func unsaid(s *natsserver.Server) string { return strings.Replace(s.URL(), "tls://", "nats://", 1) }

// failedTLS checks that err holds a TLSError of a stage, and the kinds.
func failedTLS(t *testing.T, err error, stage string, wanted ...error) *api.TLSError {
	t.Helper()
	kinds(t, err, wanted...)
	var failed *api.TLSError
	if !errors.As(err, &failed) {
		t.Fatalf("%v has no TLSError", err)
	}
	if failed.Stage != stage || !strings.Contains(failed.URL, "://") {
		t.Errorf("stage %q at %q, want %q: %v", failed.Stage, failed.URL, stage, err)
	}
	if api.CategoryOf(failed) != api.CategoryTLS || api.MaybeSent(err) {
		t.Errorf("category %v, maybe sent %v", api.CategoryOf(failed), api.MaybeSent(err))
	}
	if (stage == "offer" || stage == "verify") && api.Retryable(failed) {
		t.Errorf("%v may succeed later", failed)
	}
	return failed
}

// holds reports whether the tree of err holds a T.
func holds[T error](t *testing.T, err error) T {
	t.Helper()
	var found T
	if !errors.As(err, &found) {
		t.Fatalf("%v holds no %T", err, found)
	}
	return found
}

func TestServerNames(t *testing.T) {
	a := newAuthority(t)
	s := secured(t, &tls.Config{Certificates: []tls.Certificate{a.issue(func(c *x509.Certificate) {
		c.IPAddresses, c.DNSNames = nil, []string{"nats.example"}
	})}})
	dial(t, s, api.RootCAs(a.file), api.TLSServerName("nats.example"))
	dial(t, s, api.Secure(&tls.Config{RootCAs: a.pool(), ServerName: "nats.example"}))
	dial(t, s, api.Secure(&tls.Config{RootCAs: a.pool(), ServerName: "overruled"}), api.TLSServerName("nats.example"))
	_, err := api.Connect(s.URL(), api.RootCAs(a.file), api.TLSServerName("other.example"))
	failedTLS(t, err, "verify", api.ErrTLS)
}

func TestClientCertificates(t *testing.T) {
	a, other := newAuthority(t), newAuthority(t)
	dir := t.TempDir()
	cert, key := filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	a.keyPair(cert, key)
	wrongCert, wrongKey := filepath.Join(dir, "wrong.pem"), filepath.Join(dir, "wrongkey.pem")
	other.keyPair(wrongCert, wrongKey)
	for version, max := range map[string]uint16{"TLS 1.2": tls.VersionTLS12, "TLS 1.3": tls.VersionTLS13} {
		t.Run(version, func(t *testing.T) {
			s := secured(t, &tls.Config{Certificates: []tls.Certificate{a.issue()}, ClientCAs: a.pool(),
				ClientAuth: tls.RequireAndVerifyClientCert, MaxVersion: max})
			dial(t, s, api.RootCAs(a.file), api.ClientCert(cert, key))
			dial(t, s, api.RootCAs(a.file), api.ClientTLSConfig(func() (tls.Certificate, error) { return a.issue(), nil },
				func() (*x509.CertPool, error) { return a.pool(), nil }))
			for name, options := range map[string][]api.Option{
				"none":  {api.RootCAs(a.file)},
				"wrong": {api.RootCAs(a.file), api.ClientCert(wrongCert, wrongKey)},
			} {
				_, err := api.Connect(s.URL(), options...)
				failedTLS(t, err, "handshake", api.ErrSecureConnFailed)
				if api.Retryable(err) {
					t.Errorf("%s: a certificate that was refused may be taken later: %v", name, err)
				}
				if alert := holds[tls.AlertError](t, err); !strings.Contains(err.Error(), strings.TrimPrefix(alert.Error(), "tls: ")) {
					t.Errorf("%s: alert %v in %v", name, alert, err)
				}
			}
		})
	}
}

// tlsPeer serves each connection that it accepts until the test ends.
func tlsPeer(t *testing.T, serve func(net.Conn)) (address string) {
	t.Helper()
	l := must.Get(net.Listen("tcp", "127.0.0.1:0"))(t)
	over := make(chan struct{})
	go func() {
		defer close(over)
		for {
			conn, err := l.Accept()
			if err != nil {
				return
			}
			serve(conn)
			conn.Close()
		}
	}()
	t.Cleanup(func() {
		l.Close()
		<-over
	})
	return l.Addr().String()
}

func TestTLSConnectionState(t *testing.T) {
	a := newAuthority(t)
	s := secured(t, &tls.Config{Certificates: []tls.Certificate{a.issue()}})
	nc := dial(t, s, api.RootCAs(a.file))
	if state := must.Get(nc.TLSConnectionState())(t); !state.HandshakeComplete || state.Version != tls.VersionTLS13 {
		t.Errorf("state %+v", state)
	}
	down := nc.StatusChanged(api.RECONNECTING)
	s.Kill()
	await(t, down, "the loss")
	_, err := nc.TLSConnectionState()
	kinds(t, err, api.ErrDisconnected)
	var none *api.Conn
	_, err = none.TLSConnectionState()
	kinds(t, err, api.ErrInvalidConnection)
}

func TestHandshakeFirst(t *testing.T) {
	a := newAuthority(t)
	config := &tls.Config{Certificates: []tls.Certificate{a.issue()}}
	first := natsserver.Run(t, natsserver.Options{TLS: config, Edit: func(o *server.Options) { o.TLSHandshakeFirst = true }})
	later := secured(t, config)

	nc := dial(t, first, api.RootCAs(a.file), api.TLSHandshakeFirst())
	must.Get(nc.TLSConnectionState())(t)
	flushed(t, nc)

	_, err := api.Connect(later.URL(), api.RootCAs(a.file), api.TLSHandshakeFirst())
	failedTLS(t, err, "first", api.ErrSecureConnFailed)
	holds[tls.RecordHeaderError](t, err)

	// A server that waits for our handshake cannot be distinguished from one that is silent.
	_, err = api.Connect(first.URL(), api.RootCAs(a.file), api.Timeout(time.Second))
	kinds(t, err, api.ErrNoServers, os.ErrDeadlineExceeded)

	other := newAuthority(t)
	_, err = api.Connect(first.URL(), api.RootCAs(other.file), api.TLSHandshakeFirst())
	failedTLS(t, err, "verify", api.ErrSecureConnFailed)
}

// TestAnEndRightBehindTheHandshake is a failure of the handshake, whatever the server's
// reason was.
func TestAnEndRightBehindTheHandshake(t *testing.T) {
	a := newAuthority(t)
	config := &tls.Config{Certificates: []tls.Certificate{a.issue()}}
	for name, reset := range map[string]bool{"EOF": false, "reset": true} {
		t.Run(name, func(t *testing.T) {
			address := tlsPeer(t, func(conn net.Conn) {
				_, _ = io.WriteString(conn, `INFO {"max_payload":100,"tls_required":true}`+"\r\n")
				_ = tls.Server(conn, config).Handshake()
				if reset {
					_ = conn.(*net.TCPConn).SetLinger(0)
				}
			})
			_, err := api.Connect(address, api.RootCAs(a.file))
			if failed := failedTLS(t, err, "handshake", api.ErrSecureConnFailed); !api.Retryable(failed) {
				t.Errorf("%v is for good", failed)
			}
		})
	}
}

// wordless dials to a server that says one thing, in memory, and then only listens.
func wordless(says string) conjurer {
	return func() (net.Conn, error) {
		here, there := net.Pipe()
		go func() {
			defer there.Close()
			_, _ = io.WriteString(there, says)
			_, _ = io.Copy(io.Discard, there)
		}()
		return here, nil
	}
}

// tlsWanted is the INFO of a server that requires TLS.
const tlsWanted = `INFO {"max_payload":100,"tls_required":true}` + "\r\n"

func TestABudgetForTheHandshake(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		took(t, time.Second, func() {
			_, err := api.Connect("127.0.0.1", api.SetCustomDialer(wordless(tlsWanted)), api.System(api.NewActorSystem(nil)), api.Timeout(time.Second))
			failed := failedTLS(t, err, "handshake", api.ErrSecureConnFailed)
			var late interface{ Timeout() bool }
			if !errors.As(failed.Err, &late) || !late.Timeout() {
				t.Errorf("%v is no timeout", failed.Err)
			}
		})
	})
}

// TestRenewedFilesAreUsed at the next attempt: authority, certificate and key are all
// replaced while the server is down.
func TestRenewedFilesAreUsed(t *testing.T) {
	dir := t.TempDir()
	ca, cert, key := filepath.Join(dir, "ca.pem"), filepath.Join(dir, "cert.pem"), filepath.Join(dir, "key.pem")
	current := new(atomic.Pointer[authority])
	renew := func() {
		a := newAuthority(t)
		a.writeTo(ca)
		a.keyPair(cert, key)
		current.Store(a)
	}
	renew()
	s := natsserver.Run(t, natsserver.Options{Edit: func(o *server.Options) {
		a := current.Load()
		o.TLSConfig = &tls.Config{Certificates: []tls.Certificate{a.issue()}, ClientCAs: a.pool(), ClientAuth: tls.RequireAndVerifyClientCert}
		o.TLSTimeout = 2
	}})
	failed := make(chan error, 1000)
	nc := dial(t, s, append(quickly, api.RootCAs(ca), api.ClientCert(cert, key),
		api.ReconnectErrHandler(func(_ *api.Conn, err error) { failed <- err }))...)
	stale := newAuthority(t)
	current.Store(stale)
	must.Do(t, s.Restart()) // the files are those of the first authority
	for {
		err := await(t, failed, "a refusal")
		if errors.Is(err, api.ErrTLS) {
			failedTLS(t, err, "verify")
			break
		}
	}
	must.Do(t, os.Remove(ca)) // a moment without the file must not end anything either
	for {
		err := await(t, failed, "an attempt without the file")
		if errors.Is(err, os.ErrNotExist) {
			failedTLS(t, err, "config", api.ErrSecureConnFailed, api.ErrCallbackFailed)
			break
		}
	}
	up := nc.StatusChanged(api.CONNECTED)
	stale.writeTo(ca)
	stale.keyPair(cert, key)
	await(t, up, "the reconnect")
	flushed(t, nc)
}

func TestTLSCallbacksThatMisbehave(t *testing.T) {
	refused := errors.New("refused by the test")
	var blocked chan struct{} // of the bubble
	for name, c := range map[string]struct {
		cert  api.TLSCertHandler
		roots api.RootCAsHandler
		check func(*testing.T, error)
	}{
		"fails":          {nil, func() (*x509.CertPool, error) { return nil, refused }, func(t *testing.T, err error) { kinds(t, err, refused) }},
		"panics":         {nil, func() (*x509.CertPool, error) { panic(refused) }, func(t *testing.T, err error) { holds[*api.PanicError](t, err) }},
		"exits":          {nil, func() (*x509.CertPool, error) { runtime.Goexit(); return nil, nil }, nil},
		"blocks":         {nil, func() (*x509.CertPool, error) { <-blocked; return nil, nil }, func(t *testing.T, err error) { kinds(t, err, api.ErrTimeout) }},
		"none":           {nil, func() (*x509.CertPool, error) { return nil, nil }, nil},
		"cert fails":     {func() (tls.Certificate, error) { return tls.Certificate{}, refused }, nil, func(t *testing.T, err error) { kinds(t, err, refused) }},
		"cert panics":    {func() (tls.Certificate, error) { panic("no") }, nil, func(t *testing.T, err error) { holds[*api.PanicError](t, err) }},
		"no certificate": {func() (tls.Certificate, error) { return tls.Certificate{}, nil }, nil, nil},
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				blocked = make(chan struct{})
				defer close(blocked)
				private := api.System(api.NewActorSystem(nil))
				_, err := api.Connect("tls://127.0.0.1:1", private, api.ClientTLSConfig(c.cert, c.roots))
				kinds(t, err, api.ErrCallbackFailed)
				if want := holds[*api.CallbackError](t, err).Option; want != "RootCAsCB" && want != "TLSCertCB" {
					t.Errorf("option %q", want)
				}
				if errors.Is(err, api.ErrNoServers) {
					t.Error("it was not tried at once")
				}
				// Set directly in the options, like a rotation that fails later.
				o := api.GetDefaultOptions()
				must.Do(t, private(&o))
				o.Url, o.CustomDialer = "127.0.0.1", wordless(tlsWanted)
				o.Secure, o.TLSCertCB, o.RootCAsCB = true, c.cert, c.roots
				_, err = o.Connect()
				failedTLS(t, err, "config", api.ErrCallbackFailed, api.ErrSecureConnFailed, api.ErrNoServers)
				if c.check != nil {
					c.check(t, err)
				}
			})
		})
	}
}

// selfSecuring is a dialer that does TLS by itself.
type selfSecuring struct{ config *tls.Config }

func (d selfSecuring) Dial(network, address string) (net.Conn, error) {
	return tls.Dial(network, address, d.config)
}

func (selfSecuring) SkipTLSHandshake() bool { return true }

func TestADialerThatSecures(t *testing.T) {
	a := newAuthority(t)
	s := natsserver.Run(t, natsserver.Options{TLS: &tls.Config{Certificates: []tls.Certificate{a.issue()}},
		Edit: func(o *server.Options) { o.TLSHandshakeFirst = true }})
	nc := dial(t, s, api.Secure(), api.SetCustomDialer(selfSecuring{&tls.Config{RootCAs: a.pool()}}))
	flushed(t, nc)
	if state := must.Get(nc.TLSConnectionState())(t); !state.HandshakeComplete {
		t.Error("no handshake")
	}
}

func TestBadTLSOptions(t *testing.T) {
	a := newAuthority(t)
	dir := t.TempDir()
	cert, key, other := filepath.Join(dir, "c"), filepath.Join(dir, "k"), filepath.Join(dir, "k2")
	a.keyPair(cert, key)
	a.keyPair(filepath.Join(dir, "c2"), other)
	empty := filepath.Join(dir, "empty")
	must.Do(t, os.WriteFile(empty, nil, 0o600))
	for name, c := range map[string]struct {
		option api.Option
		kinds  []error
	}{
		"two configurations":   {api.Secure(nil, nil), []error{api.ErrMultipleTLSConfigs, api.ErrInvalidArg}},
		"no callbacks":         {api.ClientTLSConfig(nil, nil), []error{api.ErrClientCertOrRootCAsRequired, api.ErrInvalidArg}},
		"no files":             {api.RootCAs(), []error{api.ErrInvalidArg}},
		"no such CA":           {api.RootCAs(a.file, filepath.Join(dir, "none")), []error{api.ErrInvalidArg, os.ErrNotExist}},
		"empty CA":             {api.RootCAs(empty), []error{api.ErrInvalidArg}},
		"a key for a CA":       {api.RootCAs(key), []error{api.ErrInvalidArg}},
		"a directory":          {api.RootCAs(dir), []error{api.ErrInvalidArg}},
		"no such cert":         {api.ClientCert(filepath.Join(dir, "none"), key), []error{api.ErrInvalidArg, os.ErrNotExist}},
		"no such key":          {api.ClientCert(cert, filepath.Join(dir, "none")), []error{api.ErrInvalidArg, os.ErrNotExist}},
		"key of another":       {api.ClientCert(cert, other), []error{api.ErrInvalidArg}},
		"exchanged":            {api.ClientCert(key, cert), []error{api.ErrInvalidArg}},
		"empty cert":           {api.ClientCert(empty, key), []error{api.ErrInvalidArg}},
		"TLS and none":         {func(o *api.Options) error { o.NoTLS, o.TLSHandshakeFirst = true, true; return nil }, []error{api.ErrInvalidArg}},
		"forbidden and wanted": {func(o *api.Options) error { o.NoTLS, o.Secure = true, true; return nil }, []error{api.ErrInvalidArg}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := api.Connect("nats://127.0.0.1:1", c.option)
			kinds(t, err, c.kinds...)
			if what := holds[*api.InvalidArgError](t, err).What; !strings.HasPrefix(what, "option ") {
				t.Errorf("it does not name the option: %v", err)
			}
			if errors.Is(err, api.ErrNoServers) {
				t.Error("something was tried")
			}
		})
	}
}
