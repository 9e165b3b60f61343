package api_test

import (
	"context"
	"crypto/tls"
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
)

func TestDefaultsAreThoseOfNatsGo(t *testing.T) {
	o := api.GetDefaultOptions()
	if !o.AllowReconnect || o.MaxReconnect != 60 || o.ReconnectWait != 2*time.Second || o.ReconnectJitter != 100*time.Millisecond ||
		o.ReconnectJitterTLS != time.Second || o.Timeout != 2*time.Second || o.PingInterval != 2*time.Minute || o.MaxPingsOut != 2 ||
		o.SubChanLen != 65536 || o.ReconnectBufSize != 8<<20 || o.DrainTimeout != 30*time.Second || o.FlusherTimeout != time.Minute {
		t.Errorf("defaults %+v", o)
	}
	s, nc := both(t)
	sub := must.Get(nc.Subscribe("a", func(*api.Msg) {}))(t)
	if msgs, bytes, _ := sub.PendingLimits(); msgs != 500_000 || bytes != 64<<20 {
		t.Errorf("limits with a handler: %d, %d", msgs, bytes)
	}
	sync := must.Get(nc.SubscribeSync("a"))(t)
	if msgs, bytes, _ := sync.PendingLimits(); msgs != 65536 || bytes != 64<<20 {
		t.Errorf("limits without: %d, %d", msgs, bytes)
	}
	if sub.Type() != api.AsyncSubscription || sync.Type() != api.SyncSubscription {
		t.Errorf("types %v, %v", sub.Type(), sync.Type())
	}
	few := dial(t, s, api.SyncQueueLen(7))
	if msgs, _, _ := must.Get(few.SubscribeSync("a"))(t).PendingLimits(); msgs != 7 {
		t.Errorf("limit %d under SyncQueueLen(7)", msgs)
	}
	bare := must.Get(api.Options{Servers: []string{s.URL()}}.Connect())(t)
	defer bare.Close()
	if o := bare.Opts; o.AllowReconnect || o.MaxPingsOut != 2 || o.Timeout != 2*time.Second || o.DrainTimeout != 30*time.Second {
		t.Errorf("bare options became %+v", o)
	}
}

func TestConnectionKnowsItsServer(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{Name: "alpha", MaxPayload: 4096, User: "derek", Password: "secret"})
	address := strings.Replace(s.URL(), "://", "://derek:secret@", 1)
	nc := must.Get(api.Connect(address, api.Name("me")))(t)
	defer nc.Close()
	if got := nc.ConnectedUrl(); got != address {
		t.Errorf("ConnectedUrl %q", got)
	}
	if got := nc.ConnectedUrlRedacted(); got != strings.Replace(address, "secret", "xxxxx", 1) {
		t.Errorf("ConnectedUrlRedacted %q", got)
	}
	if got := nc.ConnectedAddr(); got != strings.TrimPrefix(s.URL(), "nats://") {
		t.Errorf("ConnectedAddr %q", got)
	}
	if nc.ConnectedServerName() != "alpha" || nc.ConnectedServerId() != s.Server().ID() || nc.ConnectedServerVersion() != server.VERSION ||
		nc.LocalAddr() == "" || nc.ConnectedClusterName() != "" {
		t.Errorf("server %q %q %q", nc.ConnectedServerName(), nc.ConnectedServerId(), nc.ConnectedServerVersion())
	}
	if nc.MaxPayload() != 4096 || !nc.HeadersSupported() || !nc.AuthRequired() || nc.TLSRequired() {
		t.Error("what the server allows")
	}
	id, err := nc.GetClientID()
	if client := s.Server().GetClient(id); err != nil || client == nil || client.GetName() != "me" {
		t.Errorf("client %d: %v, %v", id, client, err)
	}
	if ip, err := nc.GetClientIP(); err != nil || !ip.Equal(net.ParseIP("127.0.0.1")) {
		t.Errorf("client IP %v, %v", ip, err)
	}
	if got := nc.Servers(); len(got) != 1 || got[0] != s.URL() {
		t.Errorf("Servers %q", got)
	}
	if got := nc.DiscoveredServers(); len(got) != 0 {
		t.Errorf("DiscoveredServers %q", got)
	}
	if nc.Status() != api.CONNECTED || !nc.IsConnected() || nc.Health() != nil || nc.LastError() != nil {
		t.Errorf("status %v, health %v, last error %v", nc.Status(), nc.Health(), nc.LastError())
	}
	if rtt, err := nc.RTT(); err != nil || rtt <= 0 {
		t.Errorf("RTT %v, %v", rtt, err)
	}
}

func TestCredentials(t *testing.T) {
	byUser := natsserver.Run(t, natsserver.Options{User: "derek", Password: "s3cret"})
	byToken := natsserver.Run(t, natsserver.Options{Token: "t0ken"})
	at := func(s *natsserver.Server, who string) string {
		return strings.Replace(s.URL(), "://", "://"+who+"@", 1)
	}
	for name, c := range map[string]struct {
		url     string
		options []api.Option
		ok      bool
	}{
		"user in the URL":               {at(byUser, "derek:s3cret"), nil, true},
		"user as an option":             {byUser.URL(), []api.Option{api.UserInfo("derek", "s3cret")}, true},
		"the URL wins":                  {at(byUser, "derek:s3cret"), []api.Option{api.UserInfo("derek", "wrong")}, true},
		"the URL wins, even if wrong":   {at(byUser, "derek:wrong"), []api.Option{api.UserInfo("derek", "s3cret")}, false},
		"no credentials":                {byUser.URL(), nil, false},
		"wrong password":                {byUser.URL(), []api.Option{api.UserInfo("derek", "wrong")}, false},
		"token in the URL":              {at(byToken, "t0ken"), nil, true},
		"token as an option":            {byToken.URL(), []api.Option{api.Token("t0ken")}, true},
		"wrong token":                   {byToken.URL(), []api.Option{api.Token("wrong")}, false},
		"several servers, one is right": {byUser.URL() + ", " + at(byUser, "derek:s3cret"), nil, true},
	} {
		t.Run(name, func(t *testing.T) {
			nc, err := api.Connect(c.url, c.options...)
			if c.ok {
				must.Do(t, err)
				if text := nc.ConnectedUrlRedacted(); strings.Contains(text, "s3cret") || strings.Contains(text, "t0ken") {
					t.Errorf("redacted URL %q", text)
				}
				nc.Close()
				return
			}
			kinds(t, err, api.ErrAuthorization, api.ErrNoServers)
			if text := err.Error(); strings.Contains(text, "wrong") {
				t.Errorf("the error shows a secret: %q", text)
			}
		})
	}
}

func TestBadOptionsAreRefused(t *testing.T) {
	noCertificate := filepath.Join(t.TempDir(), "empty.pem")
	must.Do(t, os.WriteFile(noCertificate, []byte("nothing"), 0o600))
	for name, c := range map[string]struct {
		url    string
		option api.Option
		kinds  []error
	}{
		"negative timeout":        {"", api.Timeout(-1), []error{api.ErrBadTimeout, api.ErrInvalidArg}},
		"negative wait":           {"", api.ReconnectWait(-1), []error{api.ErrBadTimeout}},
		"negative jitter":         {"", api.ReconnectJitter(-1, 0), []error{api.ErrBadTimeout}},
		"negative TLS jitter":     {"", api.ReconnectJitter(0, -1), []error{api.ErrBadTimeout}},
		"negative drain":          {"", api.DrainTimeout(-1), []error{api.ErrBadTimeout}},
		"negative queue":          {"", api.SyncQueueLen(-1), []error{api.ErrInvalidArg}},
		"empty prefix":            {"", api.CustomInboxPrefix(""), []error{api.ErrInvalidArg}},
		"wildcard prefix":         {"", api.CustomInboxPrefix("a.*"), []error{api.ErrInvalidArg}},
		"wildcard inside prefix":  {"", api.CustomInboxPrefix("a*b"), []error{api.ErrInvalidArg}},
		"prefix with a dot":       {"", api.CustomInboxPrefix("a."), []error{api.ErrInvalidArg}},
		"prefix with a line end":  {"", api.CustomInboxPrefix("a\r\n"), []error{api.ErrInvalidArg}},
		"two TLS configurations":  {"", api.Secure(nil, nil), []error{api.ErrMultipleTLSConfigs, api.ErrInvalidArg}},
		"no such CA file":         {"", api.RootCAs("/does/not/exist"), []error{api.ErrInvalidArg, os.ErrNotExist}},
		"no certificate in it":    {"", api.RootCAs(noCertificate), []error{api.ErrInvalidArg}},
		"name not UTF-8":          {"", api.Name("\xff"), []error{api.ErrInvalidArg}},
		"user not UTF-8":          {"", api.UserInfo("\xff", "pass"), []error{api.ErrInvalidArg}},
		"password not UTF-8":      {"", api.UserInfo("u", "pass\xff"), []error{api.ErrInvalidArg}},
		"token not UTF-8":         {"", api.Token("pass\xff"), []error{api.ErrInvalidArg}},
		"address not UTF-8":       {"nats://u:pass%ff@host", nil, []error{api.ErrInvalidURL}},
		"token of it not UTF-8":   {"nats://pass%ff@host", nil, []error{api.ErrInvalidURL}},
		"blank in the host":       {"nats://a b:4222", nil, []error{api.ErrInvalidURL}},
		"line end in the host":    {"nats://a\r\nb:4222", nil, []error{api.ErrInvalidURL}},
		"negative port":           {"nats://host:-1", nil, []error{api.ErrInvalidURL}},
		"prefix as a field":       {"", func(o *api.Options) error { o.InboxPrefix = "a b"; return nil }, []error{api.ErrInvalidArg}},
		"defaults of no sense":    {"", api.SubscriptionDefaults(api.PendingLimits(0, 0)), []error{api.ErrInvalidArg}},
		"an option's own error":   {"", func(*api.Options) error { return errors.ErrUnsupported }, []error{errors.ErrUnsupported}},
		"malformed URL":           {"nats://user:pass word@[::1", nil, []error{api.ErrInvalidURL, api.ErrInvalidArg}},
		"malformed port":          {"nats://host:port", nil, []error{api.ErrInvalidURL}},
		"port out of range":       {"nats://host:65536", nil, []error{api.ErrInvalidURL}},
		"no host":                 {"nats://", nil, []error{api.ErrInvalidURL}},
		"unknown scheme":          {"http://host", nil, []error{api.ErrInvalidURL}},
		"second of two is broken": {"host,nats://pass%zz@host", nil, []error{api.ErrInvalidURL}},
	} {
		t.Run(name, func(t *testing.T) {
			nc, err := api.Connect(c.url, c.option)
			kinds(t, err, c.kinds...)
			if nc != nil {
				t.Error("there is a connection all the same")
			}
			if err != nil && strings.Contains(err.Error(), "pass") {
				t.Errorf("the error shows credentials: %v", err)
			}
		})
	}
	var noContext context.Context
	_, err := api.ConnectContext(noContext, "")
	kinds(t, err, api.ErrInvalidContext)
}

func TestConnectTakesTheServerThatIsThere(t *testing.T) {
	down, up := start(t), start(t)
	down.Kill()
	nc := must.Get(api.Connect(" "+down.URL()+" ,, "+up.URL()+"/ ", api.DontRandomize(), nil))(t)
	defer nc.Close()
	if nc.ConnectedServerId() != up.Server().ID() || len(nc.Servers()) != 2 {
		t.Errorf("connected to %q of %q", nc.ConnectedUrl(), nc.Servers())
	}
}

func TestConnectGivesUpWithItsContext(t *testing.T) {
	silent := must.Get(net.Listen("tcp", "127.0.0.1:0"))(t)
	defer silent.Close()
	ctx, cancel := context.WithCancel(context.Background())
	events := make(chan api.Event, 100)
	go func() {
		for e := range events {
			if e.Kind == api.StateChanged && e.After == "dialing" {
				cancel()
			}
		}
	}()
	_, err := api.ConnectContext(ctx, silent.Addr().String(), api.Timeout(time.Hour), api.OnEvent(func(e api.Event) { events <- e }))
	close(events)
	kinds(t, err, context.Canceled)
	_, err = api.Connect(silent.Addr().String(), api.Timeout(time.Second))
	kinds(t, err, api.ErrNoServers, os.ErrDeadlineExceeded)
}

// speaker dials to somebody who says one thing and hangs up.
type speaker string

func (s speaker) Dial(network, address string) (net.Conn, error) {
	if network != "tcp" || address != "127.0.0.1:4222" {
		return nil, errors.ErrUnsupported
	}
	here, there := net.Pipe()
	go func() {
		defer there.Close()
		_, _ = there.Write([]byte(s))
		_ = there.SetReadDeadline(time.Now().Add(50 * time.Millisecond))
		_, _ = there.Read(make([]byte, 4096))
	}()
	return here, nil
}

// countingDialer dials and counts.
type countingDialer struct{ calls atomic.Int32 }

func (d *countingDialer) Dial(network, address string) (net.Conn, error) {
	return nil, errors.New("DialContext is preferred")
}

func (d *countingDialer) DialContext(ctx context.Context, network, address string) (net.Conn, error) {
	d.calls.Add(1)
	return new(net.Dialer).DialContext(ctx, network, address)
}

func TestCustomDialerAndInProcess(t *testing.T) {
	s := start(t)
	d := new(countingDialer)
	nc := dial(t, s, api.SetCustomDialer(d))
	flushed(t, nc)
	if d.calls.Load() != 1 {
		t.Errorf("%d dials", d.calls.Load())
	}
	memory := natsserver.Run(t, natsserver.Options{DontListen: true})
	inside := must.Get(api.Connect("", api.InProcessServer(memory)))(t)
	defer inside.Close()
	flushed(t, inside)
	memory.Kill()
	_, err := api.Connect("", api.InProcessServer(memory))
	kinds(t, err, natsserver.ErrDown, api.ErrNoServers)
}

func TestNoEchoKeepsOwnMessagesAway(t *testing.T) {
	s, nc := both(t, api.NoEcho())
	sub := must.Get(nc.SubscribeSync("a"))(t)
	flushed(t, nc)
	must.Do(t, nc.Publish("a", []byte("own")))
	flushed(t, nc)
	other := dial(t, s)
	must.Do(t, other.Publish("a", []byte("other's")))
	if m := must.Get(sub.NextMsgWithContext(must.Within(t, patience)))(t); string(m.Data) != "other's" {
		t.Errorf("got %q", m.Data)
	}
}

func TestRetryOnFailedConnectKeepsEverythingForTheFirstServer(t *testing.T) {
	s := start(t)
	s.Kill()
	connected, reconnected, failed := make(chan *api.Conn, 1), make(chan *api.Conn, 1), make(chan error, 100)
	nc := must.Get(api.Connect(s.URL(), api.RetryOnFailedConnect(true), api.MaxReconnects(-1), api.ReconnectWait(10*time.Millisecond),
		api.ReconnectJitter(0, 0),
		api.ConnectHandler(func(nc *api.Conn) { connected <- nc }), api.ReconnectHandler(func(nc *api.Conn) { reconnected <- nc }),
		api.ReconnectErrHandler(func(_ *api.Conn, err error) {
			select {
			case failed <- err:
			default:
			}
		})))(t)
	defer nc.Close()
	kinds(t, await(t, failed, "the first failure"), syscall.ECONNREFUSED)
	if s := nc.Status(); s != api.RECONNECTING && s != api.CONNECTING {
		t.Errorf("status %v", s)
	}
	if nc.Health() == nil {
		t.Error("healthy without a server")
	}
	sub := must.Get(nc.SubscribeSync("a"))(t)
	must.Do(t, nc.PublishMsg(&api.Msg{Subject: "a", Data: []byte("early"), Header: api.Header{"K": {"v"}}}))
	must.Do(t, s.Restart())
	if await(t, connected, "ConnectHandler") != nc {
		t.Error("another connection")
	}
	m := must.Get(sub.NextMsgWithContext(must.Within(t, patience)))(t)
	if string(m.Data) != "early" || m.Header.Get("K") != "v" {
		t.Errorf("got %q %v", m.Data, m.Header)
	}
	if len(reconnected) != 0 || nc.Stats().Reconnects != 0 {
		t.Error("the first connect counts as a reconnect")
	}
}

func TestTLS(t *testing.T) {
	certificate, caFile := selfSigned(t)
	s := natsserver.Run(t, natsserver.Options{TLS: &tls.Config{Certificates: []tls.Certificate{certificate}}})
	nc := dial(t, s, api.RootCAs(caFile))
	flushed(t, nc)
	if !nc.TLSRequired() {
		t.Error("TLS is not required")
	}
	_, err := api.Connect(s.URL())
	kinds(t, err, api.ErrSecureConnFailed, api.ErrTLS)
	var unknown *tls.CertificateVerificationError
	if !errors.As(err, &unknown) {
		t.Errorf("error %v does not show the certificate's", err)
	}
	trusting := dial(t, s, api.Secure(&tls.Config{InsecureSkipVerify: true}))
	flushed(t, trusting)
}

// TestRefusedCredentialsEndReconnecting: at the same refusal twice in a row, unless
// IgnoreAuthErrorAbort is set.
func TestRefusedCredentialsEndReconnecting(t *testing.T) {
	for name, options := range map[string][]api.Option{"default": nil, "ignored": {api.IgnoreAuthErrorAbort()}} {
		t.Run(name, func(t *testing.T) {
			password := new(atomic.Pointer[string])
			right, wrong := "right", "wrong"
			password.Store(&right)
			s := natsserver.Run(t, natsserver.Options{User: "derek", Edit: func(o *server.Options) {
				o.Username, o.Password = "derek", *password.Load()
			}})
			failures, over := make(chan error, 1000), make(chan struct{})
			nc := dial(t, s, append(append(quickly, api.UserInfo("derek", "right"), api.FlusherTimeout(0),
				api.ErrorHandler(func(_ *api.Conn, _ *api.Subscription, err error) { failures <- err }),
				api.ClosedHandler(func(*api.Conn) { close(over) })), options...)...)
			password.Store(&wrong)
			must.Do(t, s.Restart())
			for range 2 {
				kinds(t, await(t, failures, "a refusal"), api.ErrAuthorization)
			}
			if options == nil {
				closed(t, over, "the end")
				kinds(t, nc.LastError(), api.ErrAuthorization)
				return
			}
			up := nc.StatusChanged(api.CONNECTED)
			password.Store(&right)
			must.Do(t, s.Restart())
			await(t, up, "the reconnect")
		})
	}
}
