package api_test

import (
	"crypto/tls"
	"crypto/x509"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/errortest"
	"github.com/troupe-go/troupe/internal/must"
)

// TestErrorSecureConnRequired: TLS is forbidden here, and required there.
func TestErrorSecureConnRequired(t *testing.T) {
	a := newAuthority(t)
	s := secured(t, &tls.Config{Certificates: []tls.Certificate{a.issue()}})
	_, err := api.Connect(unsaid(s), api.NoTLS())
	failedTLS(t, err, "offer", api.ErrSecureConnRequired, api.ErrNoServers)
	for _, option := range []api.Option{api.Secure(), api.RootCAs(a.file), api.TLSHandshakeFirst()} {
		_, err = api.Connect(unsaid(s), api.NoTLS(), option)
		kinds(t, err, api.ErrInvalidArg)
	}
	_, err = api.Connect(s.URL(), api.NoTLS())
	kinds(t, err, api.ErrInvalidArg)
	plain := dial(t, start(t), api.NoTLS())
	_, err = plain.TLSConnectionState()
	kinds(t, err, api.ErrConnectionNotTLS)
}

// TestErrorSecureConnWanted: not the CONNECT with the password,
// nor anything else.
func TestErrorSecureConnWanted(t *testing.T) {
	sent := make(chan string, 1)
	address := tlsPeer(t, func(conn net.Conn) {
		_, _ = io.WriteString(conn, `INFO {"max_payload":100,"auth_required":true}`+"\r\n")
		all, _ := io.ReadAll(conn)
		sent <- string(all)
	})
	a := newAuthority(t)
	for name, c := range map[string]struct {
		url     string
		options []api.Option
	}{
		"tls in the address":  {"tls://u:pw@" + address, nil},
		"tls in another":      {"nats://u:pw@" + address + ",tls://127.0.0.1:1", []api.Option{api.DontRandomize()}},
		"Secure":              {"nats://u:pw@" + address, []api.Option{api.Secure()}},
		"RootCAs":             {"nats://u:pw@" + address, []api.Option{api.RootCAs(a.file)}},
		"ClientTLSConfig":     {"u:pw@" + address, []api.Option{api.ClientTLSConfig(nil, func() (*x509.CertPool, error) { return a.pool(), nil })}},
		"Secure and a dialer": {"u:pw@" + address, []api.Option{api.Secure(), api.SetCustomDialer(new(countingDialer))}},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := api.Connect(c.url, c.options...)
			failedTLS(t, err, "offer", api.ErrSecureConnWanted)
			if got := await(t, sent, "the end of what was sent"); got != "" {
				t.Errorf("sent %q", got)
			}
		})
	}
}

// TestErrorSecureConnFailed: certificates are verified.
func TestErrorSecureConnFailed(t *testing.T) {
	a, other := newAuthority(t), newAuthority(t)
	past := func(c *x509.Certificate) {
		c.NotBefore, c.NotAfter = time.Now().Add(-2*time.Hour), time.Now().Add(-time.Hour)
	}
	elsewhere := func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"nats.example"} }
	for name, c := range map[string]struct {
		server tls.Certificate
		option api.Option
		check  func(*testing.T, error)
	}{
		"trusted":           {a.issue(), api.RootCAs(a.file), nil},
		"one of several":    {a.issue(), api.RootCAs(other.file, a.file), nil},
		"by callback":       {a.issue(), api.ClientTLSConfig(nil, func() (*x509.CertPool, error) { return a.pool(), nil }), nil},
		"by configuration":  {a.issue(), api.Secure(&tls.Config{RootCAs: a.pool()}), nil},
		"not looked at":     {a.issue(), api.Secure(&tls.Config{InsecureSkipVerify: true}), nil},
		"unknown authority": {a.issue(), api.RootCAs(other.file), func(t *testing.T, err error) { holds[x509.UnknownAuthorityError](t, err) }},
		"unknown, default":  {a.issue(), api.Secure(), func(t *testing.T, err error) { holds[x509.UnknownAuthorityError](t, err) }},
		"unknown, required": {a.issue(), nil, func(t *testing.T, err error) { holds[x509.UnknownAuthorityError](t, err) }},
		"another host":      {a.issue(elsewhere), api.RootCAs(a.file), func(t *testing.T, err error) { holds[x509.HostnameError](t, err) }},
		"expired": {a.issue(past), api.RootCAs(a.file), func(t *testing.T, err error) {
			if invalid := holds[x509.CertificateInvalidError](t, err); invalid.Reason != x509.Expired {
				t.Errorf("reason %v", invalid.Reason)
			}
		}},
	} {
		t.Run(name, func(t *testing.T) {
			s := secured(t, &tls.Config{Certificates: []tls.Certificate{c.server}})
			nc, err := api.Connect(unsaid(s), c.option)
			if c.check == nil {
				must.Do(t, err)
				defer nc.Close()
				state := must.Get(nc.TLSConnectionState())(t)
				if !state.HandshakeComplete || len(state.PeerCertificates) != 1 {
					t.Errorf("state %+v", state)
				}
				return
			}
			failedTLS(t, err, "verify", api.ErrSecureConnFailed, api.ErrTLS, api.ErrNoServers)
			holds[*tls.CertificateVerificationError](t, err)
			c.check(t, err)
		})
	}
}

// TestErrorAuthorization of a Connect; see also those about expiry and revocation.
func TestErrorAuthorization(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{User: "u", Password: "pw"})
	for name, options := range map[string][]api.Option{
		"wrong password": {api.UserInfo("u", "wrong")},
		"no credentials": nil,
		"wrong kind":     {api.Token("pw")},
	} {
		_, err := api.Connect(s.URL(), options...)
		errortest.Says(err, api.CategoryAuthorization, "", api.ErrAuthorization, api.ErrNoServers).Check(t)
		refused := holds[*api.AuthorizationError](t, err)
		if refused.URL != s.URL() || refused.Reason != "Authorization Violation" || refused.During != "connect" {
			t.Errorf("%s: %+v", name, refused)
		}
		holds[*api.DialError](t, err)
		holds[*api.ServerError](t, err)
	}
}

// TestErrorNoServers knows why each of them is none.
func TestErrorNoServers(t *testing.T) {
	s := start(t)
	s.Kill()
	_, err := api.Connect(s.URL()+",nats://u:pw@"+strings.Replace(s.URL(), "nats://127.0.0.1", "localhost", 1), api.DontRandomize())
	errortest.Says(err, api.CategoryConnection, "retry", api.ErrNoServers, syscall.ECONNREFUSED).Check(t)
	none := holds[*api.NoServersError](t, err)
	if len(none.Attempts) != 2 || none.Attempts[0].URL != s.URL() || none.Attempts[1].At.IsZero() || strings.Contains(none.Attempts[1].URL, "pw") {
		t.Errorf("attempts %+v", none)
	}
	_, err = api.Connect("nats://server.invalid:4222")
	errortest.Says(err, api.CategoryConnection, "retry", api.ErrNoServers).Check(t)
	if failed := holds[*api.DialError](t, err); failed.Phase != "dial" || failed.URL != "nats://server.invalid:4222" {
		t.Errorf("%+v", failed)
	}
	holds[*net.DNSError](t, err)
}

// TestErrorNoServersAfterAll attempts to reconnect is why the connection is closed.
func TestErrorNoServersAfterAll(t *testing.T) {
	s := start(t)
	nc := dial(t, s, api.MaxReconnects(3), api.ReconnectWait(time.Millisecond), api.ReconnectJitter(0, 0))
	sub := must.Get(nc.SubscribeSync("a"))(t)
	over := nc.StatusChanged(api.CLOSED)
	s.Kill()
	await(t, over, "the end")
	errortest.Says(nc.Publish("a", nil), api.CategoryClosed, "", api.ErrConnectionClosed, api.ErrNoServers, syscall.ECONNREFUSED).Check(t)
	_, err := sub.NextMsg(time.Hour)
	errortest.Says(err, api.CategoryClosed, "", api.ErrConnectionClosed, api.ErrNoServers).Check(t)
	if sub.IsValid() {
		t.Error("the subscription is valid")
	}
}

// TestErrorProtocolInTheHandshake is told of each server, and the next one is tried.
func TestErrorProtocolInTheHandshake(t *testing.T) {
	for name, c := range map[string]struct {
		says     string
		kind     error
		category api.Category
		traits   string
	}{
		"no INFO":            {"PING\r\n", api.ErrNoInfoReceived, api.CategoryProtocol, "retry"},
		"not NATS":           {"HTTP/1.1 400 Bad Request\r\n\r\n", api.ErrNotNATS, api.CategoryProtocol, ""},
		"nothing at all":     {"", api.ErrUnexpectedEOF, api.CategoryConnection, "retry"},
		"wrong port":         {"-ERR 'attempted to connect to route port'\r\n", api.ErrWrongPort, api.CategoryProtocol, ""},
		"no more":            {"INFO {\"max_payload\":1}\r\n-ERR 'maximum connections exceeded'\r\n", api.ErrMaxConnections, api.CategoryLimit, "retry"},
		"garbage after INFO": {"INFO {\"max_payload\":1}\r\nGARBAGE\r\n", api.ErrProtocol, api.CategoryProtocol, "retry"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := api.Connect("", api.SetCustomDialer(speaker(c.says)))
			errortest.Says(err, c.category, c.traits, c.kind, api.ErrNoServers).Check(t)
		})
	}
	_, err := api.Connect("", api.NoEcho(), api.SetCustomDialer(speaker("INFO {\"max_payload\":1}\r\n")))
	errortest.Says(err, api.CategoryServer, "", api.ErrNoEchoNotSupported).Check(t)
}

func TestErrorJsonParse(t *testing.T) {
	_, err := api.Connect("", api.SetCustomDialer(speaker("INFO {bad\r\n")))
	errortest.Says(err, api.CategoryProtocol, "retry", api.ErrJSONParse, api.ErrJsonParse, api.ErrProtocol).Check(t)
	if bad := holds[*api.JSONParseError](t, err); bad.What != "INFO" || bad.Snippet != "{bad" {
		t.Errorf("%+v", bad)
	}
	holds[*json.SyntaxError](t, err)
	_, err = api.Connect("", api.TokenHandler(func() string { return "\xff" }), api.SetCustomDialer(speaker("INFO {\"max_payload\":1}\r\n")))
	errortest.Says(err, api.CategoryInput, "", api.ErrJSONParse).Check(t)
}

// meddler is a server to which a test adds words.
type meddler struct {
	*natsserver.Server
	far chan net.Conn // capacity 1: where a test may write to the client
}

func (m *meddler) InProcessConn() (net.Conn, error) {
	conn, err := m.Server.InProcessConn()
	if err != nil {
		return nil, err
	}
	near, far := net.Pipe()
	join := func(to, from net.Conn) {
		_, _ = io.Copy(to, from)
		to.Close()
		from.Close()
	}
	go join(far, conn)
	go join(conn, far)
	select {
	case <-m.far:
	default:
	}
	m.far <- far
	return near, nil
}

// meddled connects through a meddler; lost gets what links were lost by.
func meddled(t *testing.T, opts natsserver.Options) (m *meddler, nc *api.Conn, lost <-chan error) {
	t.Helper()
	m = &meddler{Server: natsserver.Run(t, opts), far: make(chan net.Conn, 1)}
	causes := make(chan error, 100)
	nc = dial(t, m.Server, append(quickly, api.InProcessServer(m), api.DisconnectErrHandler(func(_ *api.Conn, err error) {
		if err != nil {
			causes <- err
		}
	}))...)
	return m, nc, causes
}

// TestErrorProtocol costs the link, and no more.
func TestErrorProtocol(t *testing.T) {
	for says, kind := range map[string]error{
		"GARBAGE\r\n":          api.ErrUnknownOp,
		"MSG a b c\r\n":        api.ErrBadArguments,
		"HMSG a 1 20 10\r\n":   api.ErrBadArguments,
		"MSG a 1 3\r\nab\r\nx": api.ErrBadFrameEnd,
	} {
		t.Run(says, func(t *testing.T) {
			m, nc, lost := meddled(t, natsserver.Options{})
			sub := must.Get(nc.SubscribeSync("a"))(t)
			flushed(t, nc)
			up := nc.StatusChanged(api.CONNECTED)
			_, _ = io.WriteString(<-m.far, says)
			err := await(t, lost, "the loss")
			errortest.Says(err, api.CategoryProtocol, "retry sent", kind, api.ErrProtocol).Check(t)
			if bad := holds[*api.ProtocolError](t, err); bad.Kind != kind || !strings.HasPrefix(says, bad.Snippet) || bad.Snippet == "" {
				t.Errorf("%+v", bad)
			}
			await(t, up, "the reconnect")
			flushed(t, nc)
			unharmed(t, nc, sub)
		})
	}
}

// TestErrorMaxPayload counts the header, and is found before anything is sent.
func TestErrorMaxPayload(t *testing.T) {
	_, nc, lost := meddled(t, natsserver.Options{MaxPayload: 1000})
	sub := must.Get(nc.SubscribeSync("a"))(t)
	large := &api.Msg{Subject: "a", Data: make([]byte, 990), Header: api.Header{"Key": {strings.Repeat("x", 100)}}}
	for name, call := range map[string]func() error{
		"publish": func() error { return nc.Publish("a", make([]byte, 1001)) },
		"header":  func() error { return nc.PublishMsg(large) },
		"request": func() error { _, err := nc.Request("a", make([]byte, 1001), time.Hour); return err },
		"message": func() error { _, err := nc.RequestMsg(large, time.Hour); return err },
	} {
		err := call()
		errortest.Says(err, api.CategoryInput, "", api.ErrMaxPayload).Check(t)
		if bad := holds[*api.MaxPayloadError](t, err); bad.Subject != "a" || bad.Size <= 1000 || bad.Limit != 1000 || bad.ByServer {
			t.Errorf("%s: %+v", name, bad)
		}
	}
	must.Do(t, nc.Publish("a", make([]byte, 1000)))
	must.Get(sub.NextMsgWithContext(must.Within(t, patience)))(t)
	unharmed(t, nc, sub)
	if len(lost) > 0 {
		t.Errorf("lost by %v", <-lost)
	}
}

// TestErrorMaxPayloadByServer: we were told of a larger limit than there is.
func TestErrorMaxPayloadByServer(t *testing.T) {
	m, nc, lost := meddled(t, natsserver.Options{MaxPayload: 1000})
	sub := must.Get(nc.SubscribeSync("a"))(t)
	var err error
	for tries := 0; tries < 5 && !errors.Is(err, api.ErrMaxPayload); tries++ { // the server closes without a reason if it is not read at once
		far := <-m.far
		flushed(t, nc) // after the server's own INFO about its limit
		_, _ = io.WriteString(far, "INFO {\"max_payload\":5000,\"headers\":true}\r\n")
		for nc.MaxPayload() != 5000 {
			flushed(t, nc)
		}
		up := nc.StatusChanged(api.CONNECTED)
		must.Do(t, nc.Publish("a", make([]byte, 2000)))
		err = await(t, lost, "the loss")
		await(t, up, "the reconnect")
	}
	errortest.Says(err, api.CategoryInput, "sent", api.ErrMaxPayload).Check(t) // other messages may be lost with the link
	bad := holds[*api.MaxPayloadError](t, err)
	if !bad.ByServer || bad.Limit != 5000 || bad.Err == nil {
		t.Errorf("%+v", bad)
	}
	if said := holds[*api.ServerError](t, err); said.Text != "Maximum Payload Violation" {
		t.Errorf("%+v", said)
	}
	flushed(t, nc)
	unharmed(t, nc, sub) // and the message that was too large is not sent again
}

// TestErrorMaxPayloadOfTheNextServer: what waited for it is reported and dropped.
func TestErrorMaxPayloadOfTheNextServer(t *testing.T) {
	limit := new(atomic.Int32)
	limit.Store(2000)
	s := natsserver.Run(t, natsserver.Options{Edit: func(o *server.Options) { o.MaxPayload = limit.Load() }})
	failed := make(chan error, 100)
	nc := dial(t, s, append(quickly, api.ErrorHandler(func(_ *api.Conn, _ *api.Subscription, err error) { failed <- err }))...)
	sub := must.Get(nc.SubscribeSync("a"))(t)
	flushed(t, nc)
	outage(t, s, nc, func() {
		limit.Store(1000)
		must.Do(t, nc.Publish("a", []byte("first")))
		must.Do(t, nc.Publish("a", make([]byte, 1500)))
		must.Do(t, nc.Publish("a", []byte("last")))
	})
	err := await(t, failed, "the report")
	errortest.Says(err, api.CategoryInput, "", api.ErrMaxPayload).Check(t)
	if bad := holds[*api.MaxPayloadError](t, err); bad.Subject != "a" || bad.Size != 1500 || bad.Limit != 1000 || bad.ByServer {
		t.Errorf("%+v", bad)
	}
	for _, want := range []string{"first", "last"} {
		if m := must.Get(sub.NextMsgWithContext(must.Within(t, patience)))(t); string(m.Data) != want {
			t.Errorf("got %.10q", m.Data)
		}
	}
	unharmed(t, nc, sub)
}

// TestErrorMaxPayloadOfTheAccount comes with the INFO behind CONNECT.
func TestErrorMaxPayloadOfTheAccount(t *testing.T) {
	op := newOperator(t)
	op.claims.Limits.Payload = 50
	s := natsserver.Run(t, op.options())
	u := op.user(0)
	nc := dial(t, s, api.UserJWTAndSeed(u.jwt, u.seed))
	sub := must.Get(nc.SubscribeSync("a"))(t)
	for nc.MaxPayload() != 50 {
		flushed(t, nc)
	}
	errortest.Says(nc.Publish("a", make([]byte, 51)), api.CategoryInput, "", api.ErrMaxPayload).Check(t)
	must.Do(t, nc.Publish("a", make([]byte, 50)))
	must.Get(sub.NextMsgWithContext(must.Within(t, patience)))(t)
	unharmed(t, nc, sub)
}

// TestErrorMaxControlLine: a subject that the client takes and this server does not
// costs the link once, and is not sent again.
func TestErrorMaxControlLine(t *testing.T) {
	s := start(t)
	lost := make(chan error, 100)
	nc := dial(t, s, append(quickly, api.DisconnectErrHandler(func(_ *api.Conn, err error) {
		if err != nil {
			lost <- err
		}
	}))...)
	sub := must.Get(nc.SubscribeSync("a"))(t)
	flushed(t, nc)
	up := nc.StatusChanged(api.CONNECTED)
	must.Do(t, nc.Publish(strings.Repeat("a", 5000), nil))
	err := await(t, lost, "the loss")
	errortest.Says(err, api.CategoryProtocol, "retry sent", api.ErrMaxControlLine, api.ErrProtocol).Check(t)
	if said := holds[*api.ServerError](t, err); !strings.EqualFold(said.Text, "maximum control line exceeded") {
		t.Errorf("%+v", said)
	}
	await(t, up, "the reconnect")
	flushed(t, nc)
	unharmed(t, nc, sub)
	if n := nc.Stats(); n.Reconnects != 1 || len(lost) > 0 {
		t.Errorf("%d reconnects", n.Reconnects)
	}
}

// TestErrorMaxConnections of the server and of the account.
func TestErrorMaxConnections(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{Edit: func(o *server.Options) { o.MaxConn = 1 }})
	first := dial(t, s)
	for range 10 { // the server closes before it has our CONNECT
		_, err := api.Connect(s.URL())
		errortest.Says(err, api.CategoryLimit, "retry", api.ErrMaxConnectionsExceeded, api.ErrMaxConnections, api.ErrNoServers).Check(t)
		if said := holds[*api.ServerError](t, err); said.Text != "maximum connections exceeded" {
			t.Errorf("%+v", said)
		}
	}
	flushed(t, first)
	op := newOperator(t)
	op.claims.Limits.Conn = 1
	s = natsserver.Run(t, op.options())
	u := op.user(0)
	flushed(t, dial(t, s, api.UserJWTAndSeed(u.jwt, u.seed)))
	_, err := api.Connect(s.URL(), api.UserJWTAndSeed(u.jwt, u.seed))
	errortest.Says(err, api.CategoryLimit, "retry", api.ErrMaxAccountConnectionsExceeded, api.ErrNoServers).Check(t)
}

// TestErrorConnectionThrottled: the server says so in plain text where the handshake
// was to be, or has hung up before that can be read.
func TestErrorConnectionThrottled(t *testing.T) {
	a := newAuthority(t)
	cert, key := filepath.Join(t.TempDir(), "cert.pem"), filepath.Join(t.TempDir(), "key.pem")
	a.keyPair(cert, key)
	s := natsserver.Run(t, natsserver.Options{Edit: func(o *server.Options) {
		must.Do(t, o.ProcessConfigString(fmt.Sprintf("tls { cert_file: %q, key_file: %q, connection_rate_limit: 1 }", cert, key)))
	}})
	var err error
	for err == nil {
		var nc *api.Conn
		if nc, err = api.Connect(s.URL(), api.RootCAs(a.file)); err == nil {
			nc.Close()
		}
	}
	if failed := failedTLS(t, err, "handshake", api.ErrSecureConnFailed, api.ErrNoServers); !api.Retryable(failed) || !api.Retryable(err) {
		t.Errorf("%v is for good", err)
	}
	address := tlsPeer(t, func(conn net.Conn) {
		_, _ = io.WriteString(conn, `INFO {"max_payload":100,"tls_required":true}`+"\r\n")
		_, _ = conn.Read(make([]byte, 5))
		_, _ = io.WriteString(conn, "-ERR 'Connection throttling is active. Please try again later.'\r\n")
		_, _ = io.Copy(io.Discard, conn)
	})
	_, err = api.Connect(address)
	failed := failedTLS(t, err, "handshake", api.ErrConnectionThrottled, api.ErrMaxConnections, api.ErrSecureConnFailed)
	if said := holds[*api.ServerError](t, failed); !strings.HasPrefix(said.Text, "Connection throttling") || !api.Retryable(err) {
		t.Errorf("%+v", said)
	}
}

// TestErrorWrongPort: the address is taken out of the pool.
func TestErrorWrongPort(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{Name: "s", Edit: func(o *server.Options) {
		o.Cluster.Name, o.Cluster.Host, o.Cluster.Port = "c", "127.0.0.1", -1
		o.Gateway.Name, o.Gateway.Host, o.Gateway.Port = "c", "127.0.0.1", -1
	}})
	for name, address := range map[string]string{
		"route": s.Server().ClusterAddr().String(), "gateway": s.Server().GatewayAddr().String(),
	} {
		// A server on a port for servers announces the addresses for clients.
		nc, err := api.Connect("nats://" + address)
		if err == nil && nc.ConnectedUrl() != s.URL() {
			t.Errorf("connected to %s", nc.ConnectedUrl())
		}
		nc.Close()
		_, err = api.Connect("nats://"+address, api.IgnoreDiscoveredServers())
		errortest.Says(err, api.CategoryProtocol, "", api.ErrWrongPort, api.ErrProtocol, api.ErrNoServers).Check(t)
		if said := holds[*api.ServerError](t, err); !strings.Contains(said.Text, name+" port") {
			t.Errorf("%s: %+v", name, said)
		}
		nc = must.Get(api.Connect("nats://"+address+","+s.URL(), api.DontRandomize()))(t)
		if servers := nc.Servers(); slices.Contains(servers, "nats://"+address) {
			t.Errorf("still in the pool: %v", servers)
		}
		nc.Close()
	}
}

// TestErrorInvalidUserCredentials ends Connect before anything is tried, and quotes nothing.
func TestErrorInvalidUserCredentials(t *testing.T) {
	op := newOperator(t)
	u := op.user(0)
	accountSeed := string(must.Get(op.account.Seed())(t))
	accountJWT := must.Get(op.claims.Encode(op.key))(t)
	secrets := []string{u.jwt, u.seed, u.seed[:20], u.jwt[:40], accountSeed, accountJWT[:40]}
	path := filepath.Join(t.TempDir(), "bad.creds")
	for name, c := range map[string]struct {
		jwt, seed string
		reason    string
		kind      error
	}{
		"nothing":             {"", "", "no JWT", nil},
		"no JWT":              {u.seed, u.seed, "no JWT", nil},
		"no seed":             {u.jwt, "", "no seed", nkeys.ErrNoSeedFound},
		"JWT for a seed":      {u.jwt, u.jwt, "no seed", nkeys.ErrNoSeedFound},
		"JWT cut off":         {u.jwt[:len(u.jwt)-9], u.seed, "no JWT", nil},
		"JWT cut in half":     {u.jwt[:len(u.jwt)/2], u.seed, "no JWT", nil},
		"JWT with a blank":    {u.jwt[:20] + " " + u.jwt[20:], u.seed, "no JWT", nil},
		"JWT with a line end": {u.jwt[:20] + "\r\n" + u.jwt[20:], u.seed, "no JWT", nil},
		"seed cut off":        {u.jwt, u.seed[:len(u.seed)-3], "bad seed", nil},
		"seed with a typo":    {u.jwt, u.seed[:30] + flipped(u.seed[30]) + u.seed[31:], "bad seed", nkeys.ErrInvalidChecksum},
		"no base32":           {u.jwt, "SU0189", "bad seed", nil},
		"account's seed":      {u.jwt, accountSeed, "not a user key", nkeys.ErrInvalidUserSeed},
		"server's seed":       {u.jwt, seedOf(t, nkeys.PrefixByteServer), "not a user key", nkeys.ErrInvalidUserSeed},
		"cluster's seed":      {u.jwt, "-----BEGIN SEED-----\n" + seedOf(t, nkeys.PrefixByteCluster) + "\n", "not a user key", nkeys.ErrInvalidUserSeed},
		"curve seed":          {u.jwt, string(must.Get(must.Get(nkeys.CreateCurveKeys())(t).Seed())(t)), "not a user key", nkeys.ErrInvalidUserSeed},
		"account's JWT":       {accountJWT, u.seed, "not a user key", nil},
		"binary":              {"\x00\x01\xff", "\xff", "no JWT", nil},
	} {
		t.Run(name, func(t *testing.T) {
			must.Do(t, os.WriteFile(path, []byte(c.jwt), 0o600))
			seedPath := filepath.Join(t.TempDir(), "seed")
			must.Do(t, os.WriteFile(seedPath, []byte(c.seed), 0o600))
			for source, option := range map[string]api.Option{
				"inline": api.UserJWTAndSeed(c.jwt, c.seed),
				"bytes":  api.UserCredentialBytes([]byte(c.jwt), []byte(c.seed)),
				"file":   api.UserCredentials(path, seedPath),
			} {
				_, err := api.Connect("nats://127.0.0.1:1", option)
				errortest.Says(err, api.CategoryAuthorization, "", api.ErrInvalidUserCredentials).Check(t)
				if c.kind != nil {
					kinds(t, err, c.kind)
				}
				bad := holds[*api.UserCredentialsError](t, err)
				if bad.Reason != c.reason || errors.Is(err, api.ErrNoServers) {
					t.Errorf("%s: reason %q in %v", source, bad.Reason, err)
				}
				if want := source == "file"; want != (bad.Source == path || bad.Source == seedPath) {
					t.Errorf("%s: source %q", source, bad.Source)
				}
				hides(t, err, secrets)
			}
		})
	}
}

// seedOf is a seed of another kind than users have.
func seedOf(t *testing.T, prefix nkeys.PrefixByte) string {
	t.Helper()
	return string(must.Get(must.Get(nkeys.CreatePair(prefix))(t).Seed())(t))
}

// conjurer opens connections as a test likes, dialed or in the process.
type conjurer func() (net.Conn, error)

func (c conjurer) Dial(string, string) (net.Conn, error) { return c() }
func (c conjurer) InProcessConn() (net.Conn, error)      { return c() }

// TestErrorOfDialersThatMisbehave names the option.
func TestErrorOfDialersThatMisbehave(t *testing.T) {
	own := errors.New("the dialer's own")
	for name, c := range map[string]struct {
		dial conjurer
		kind error
	}{
		"panic":     {func() (net.Conn, error) { panic("p4ssw0rd of a proxy") }, api.ErrHandlerPanic},
		"exit":      {func() (net.Conn, error) { runtime.Goexit(); return nil, nil }, api.ErrHandlerExit},
		"nothing":   {func() (net.Conn, error) { return nil, nil }, api.ErrNoConnection},
		"typed nil": {func() (net.Conn, error) { return (*net.TCPConn)(nil), nil }, api.ErrNoConnection},
		"none":      {nil, api.ErrHandlerPanic},
		"error":     {func() (net.Conn, error) { return nil, own }, own},
	} {
		for option, set := range map[string]api.Option{"CustomDialer": api.SetCustomDialer(c.dial), "InProcessServer": api.InProcessServer(c.dial)} {
			_, err := api.Connect("127.0.0.1", set)
			kinds(t, err, c.kind, api.ErrNoServers)
			if c.kind == own {
				continue
			}
			errortest.Says(err, api.CategoryHandler, "", api.ErrCallbackFailed).Check(t)
			if failed := holds[*api.CallbackError](t, err); failed.Option != option || strings.Contains(err.Error(), "p4ssw0rd") {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
}
