package api_test

import (
	"crypto/tls"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
)

// secrets of one test, and what may show them.
type secrets struct {
	all     []string
	options map[string]attempt
}

// attempt is a connection that cannot be made.
type attempt struct {
	url    string
	option api.Option
}

// attempts are all ways to hold a secret, and failures of all kinds with it.
func attempts(t *testing.T) secrets {
	t.Helper()
	op := newOperator(t)
	u := op.user(0)
	dead := op.user(-time.Minute)
	accountSeed := string(must.Get(op.account.Seed())(t))
	byUser := natsserver.Run(t, natsserver.Options{User: "someone", Password: "something", WebSocket: true})
	byJWT := natsserver.Run(t, newOperator(t).options())
	at := func(who string) string { return strings.Replace(byUser.URL(), "://", "://"+who+"@", 1) }
	with := func(set func(*api.Options)) api.Option {
		return func(o *api.Options) error { set(o); return nil }
	}
	sign := func([]byte) ([]byte, error) { panic("no signature with " + u.seed) }
	headers := http.Header{"Authorization": {"Bearer t0k3n"}}
	return secrets{
		all: []string{"p4ssw0rd", "t0k3n", u.jwt[:30], u.jwt[60:90], u.seed, dead.jwt[60:90], dead.seed, accountSeed},
		options: map[string]attempt{
			"user":                {byUser.URL(), api.UserInfo("u", "p4ssw0rd")},
			"user callback":       {byUser.URL(), api.UserInfoHandler(func() (string, string) { return "u", "p4ssw0rd" })},
			"user panics":         {byUser.URL(), api.UserInfoHandler(func() (string, string) { panic("p4ssw0rd") })},
			"token":               {byUser.URL(), api.Token("t0k3n")},
			"token callback":      {byUser.URL(), api.TokenHandler(func() string { return "t0k3n" })},
			"token panics":        {byUser.URL(), api.TokenHandler(func() string { panic(errors.New("no t0k3n")) })},
			"token panics badly":  {byUser.URL(), api.TokenHandler(func() string { panic(struct{ Token string }{"t0k3n"}) })},
			"not UTF-8":           {byUser.URL(), api.Token("t0k3n\xff")},
			"user in the address": {at("u:p4ssw0rd"), nil},
			"token in it":         {at("t0k3n"), nil},
			"nobody there":        {"nats://u:p4ssw0rd@127.0.0.1:1", nil},
			"nobody of that name": {"nats://t0k3n@server.invalid:1", nil},
			"dialer fails":        {at("u:p4ssw0rd"), api.SetCustomDialer(speaker(""))},
			"garbage":             {"nats://u:p4ssw0rd@127.0.0.1:4222", api.SetCustomDialer(speaker("garbage\r\n"))},
			"TLS wanted":          {at("u:p4ssw0rd"), api.Secure()},
			"TLS first":           {at("u:p4ssw0rd"), api.TLSHandshakeFirst()},
			"certificate panics": {at("u:p4ssw0rd"), with(func(o *api.Options) {
				o.Secure, o.TLSHandshakeFirst, o.TLSCertCB = true, true, func() (tls.Certificate, error) { panic("p4ssw0rd") }
			})},
			"query of a WebSocket": {strings.Replace(byUser.WebSocketURL(), "://", "://u:p4ssw0rd@", 1) + "/?token=t0k3n", nil},
			"no WebSocket":         {"ws://u:p4ssw0rd@" + strings.TrimPrefix(byUser.URL(), "nats://") + "/?token=t0k3n", nil},
			"headers":              {byUser.WebSocketURL(), with(func(o *api.Options) { o.WebSocketConnectionHeaders = headers })},
			"headers panic": {byUser.WebSocketURL(), with(func(o *api.Options) {
				o.WebSocketConnectionHeadersHandler = func() (http.Header, error) { panic(headers) }
			})},
			"strings":             {byJWT.URL(), api.UserJWTAndSeed(u.jwt, u.seed)},
			"bytes":               {byJWT.URL(), api.UserCredentialBytes(u.file(t))},
			"file":                {byJWT.URL(), api.UserCredentials(u.saved(t))},
			"expired file":        {byJWT.URL(), api.UserCredentials(dead.saved(t))},
			"nkey":                {byJWT.URL(), must.Get(api.NkeyOptionFromSeed(u.saved(t)))(t)},
			"no JWT":              {byJWT.URL(), with(func(o *api.Options) { o.UserJWT, o.SignatureCB = answering(u.jwt+" "+u.seed), u.key.Sign })},
			"signed by another":   {byJWT.URL(), with(func(o *api.Options) { o.UserJWT, o.SignatureCB = answering(u.jwt), dead.key.Sign })},
			"signature panics":    {byJWT.URL(), with(func(o *api.Options) { o.UserJWT, o.SignatureCB = answering(u.jwt), sign })},
			"JWT panics":          {byJWT.URL(), with(func(o *api.Options) { o.UserJWT, o.SignatureCB = func() (string, error) { panic(u.jwt) }, sign })},
			"not made by options": {at("u:p4ssw0rd"), with(func(o *api.Options) { o.Password, o.Token, o.Url = "p4ssw0rd", "t0k3n", at("t0k3n") })},
			// These end Connect before anything is tried.
			"no JWT in it":      {"", api.UserJWTAndSeed(u.seed, u.seed)},
			"no seed in it":     {"", api.UserJWTAndSeed(u.jwt, u.jwt)},
			"typo in the seed":  {"", api.UserJWTAndSeed(u.jwt, u.seed[:50]+flipped(u.seed[50])+u.seed[51:])},
			"another's seed":    {"", api.UserJWTAndSeed(u.jwt, dead.seed)},
			"account's seed":    {"", api.UserJWTAndSeed(u.jwt, accountSeed)},
			"public key":        {"", api.Nkey(accountSeed, sign)},
			"JWT at once":       {"", api.UserJWT(answering(u.jwt+"\n"), sign)},
			"JWT panics first":  {"", api.UserJWT(func() (string, error) { panic(u.jwt) }, sign)},
			"malformed address": {"nats://u:p4ssw0rd@[::1", nil},
			"no port":           {"nats://u:p4ssw0rd@host:port", nil},
			"bad escape":        {"nats://t0k3n%zz@host", nil},
			"no scheme":         {"p4ssw0rd://t0k3n@host", nil},
			"two schemes":       {"nats://u:p4ssw0rd@host,ws://t0k3n@host", nil},
			"two tokens":        {at("t0k3n"), api.TokenHandler(func() string { return "t0k3n" })},
			"two passwords":     {"", with(func(o *api.Options) { o.Password, o.UserInfo = "p4ssw0rd", func() (string, string) { return "", "" } })},
		},
	}
}

// answering is a callback for a JWT.
func answering(token string) api.UserJWTHandler { return func() (string, error) { return token, nil } }

// TestNoSecretIsShown in an error or its causes, an event, a log line, the tree, the health,
// or printed options and connections.
func TestNoSecretIsShown(t *testing.T) {
	secret := attempts(t)
	for name, c := range secret.options {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			core, lines := observer.New(zap.DebugLevel)
			shown := new(shows)
			enough := make(chan struct{}, 1000)
			nc, err := api.Connect(c.url, append(quickly, c.option, api.RetryOnFailedConnect(true), api.IgnoreAuthErrorAbort(),
				api.Logger(zap.New(core)),
				api.OnEvent(func(e api.Event) { shown.add(e, e.String(), e.Message, e.Cause) }),
				api.ErrorHandler(func(_ *api.Conn, _ *api.Subscription, err error) { shown.add(err) }),
				api.ReconnectErrHandler(func(_ *api.Conn, err error) {
					shown.add(err)
					enough <- struct{}{}
				}))...)
			if err == nil {
				for range 3 {
					await(t, enough, "a failed attempt")
				}
				shown.add(nc, nc.Opts, &nc.Opts, nc.ServerPool(), nc.LastError(), nc.Health(), nc.Tree(), nc.Tree().String())
				nc.Close()
				shown.add(nc, nc.LastError(), nc.Health(), nc.Tree(), nc.Publish("a", nil))
				_, err = api.Connect(c.url, c.option)
			}
			kinds(t, err)
			shown.add(err)
			for _, line := range lines.All() {
				shown.add(line.Message, line.ContextMap())
			}
			for _, s := range secret.all {
				if at := strings.Index(shown.String(), s); at >= 0 {
					t.Errorf("%q in …%.300s", s, shown.String()[max(0, at-200):])
				}
			}
		})
	}
}

// TestOptionsAndConnectionsArePrinted with useful content.
func TestOptionsAndConnectionsArePrinted(t *testing.T) {
	s, nc := both(t)
	for _, format := range []string{"%v", "%+v", "%s", "%#v"} {
		if text := fmt.Sprintf(format, nc); !strings.Contains(text, "connection-") || !strings.Contains(text, s.URL()) || !strings.Contains(text, "CONNECTED") {
			t.Errorf("%s: %q", format, text)
		}
		if text := fmt.Sprintf(format, nc.Opts); !strings.Contains(text, s.URL()) || !strings.Contains(text, "MaxReconnect:60") {
			t.Errorf("%s: %q", format, text)
		}
	}
	var none *api.Conn
	if text := fmt.Sprint(none, new(api.Conn)); text != "no connection no connection" {
		t.Errorf("%q", text)
	}
	o := api.Options{Url: "nats://u:pw@h, nats://tok@h:1", Servers: []string{"x://secret"}, User: "u", Password: "pw"}
	if text := o.String(); !strings.Contains(text, "nats://u:xxxxx@h:4222,nats://xxxxx@h:1") || strings.Contains(text, "pw") || strings.Contains(text, "secret") {
		t.Errorf("%q", text)
	}
	pool := []api.Server{{URL: must.Get(url.Parse("nats://u:pw@h:1"))(t), Reconnects: 2}, {}}
	if text := fmt.Sprint(pool); text != "[nats://u:xxxxx@h:1 (2 failed) no address (0 failed)]" {
		t.Errorf("%q", text)
	}
	if o.Password != "pw" || o.Servers[0] != "x://secret" {
		t.Error("printing has changed them")
	}
}

// shows is everything that a user could see.
type shows struct {
	mu   sync.Mutex
	text strings.Builder
}

// add adds values, in every form, and of errors their causes as well.
func (s *shows) add(all ...any) {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, v := range all {
		s.print(v)
	}
}

func (s *shows) print(v any) {
	fmt.Fprintf(&s.text, "%v\n%+v\n%#v\n", v, v, v)
	switch e := v.(type) {
	case interface{ Unwrap() error }:
		s.print(e.Unwrap())
	case interface{ Unwrap() []error }:
		for _, cause := range e.Unwrap() {
			s.print(cause)
		}
	}
}

func (s *shows) String() string {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.text.String()
}
