package api_test

import (
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net/url"
	"runtime"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nkeys"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
)

// changing is a server whose credentials are those of the moment of its start.
func changing(t *testing.T, secret *atomic.Value, edit func(*server.Options, string)) *natsserver.Server {
	t.Helper()
	return natsserver.Run(t, natsserver.Options{Edit: func(o *server.Options) { edit(o, secret.Load().(string)) }})
}

// TestCallbacksAreAskedAtEveryAttempt: the server comes back with another secret.
func TestCallbacksAreAskedAtEveryAttempt(t *testing.T) {
	key := func() string { return string(must.Get(must.Get(nkeys.CreateUser())(t).Seed())(t)) }
	of := func(seed string) nkeys.KeyPair { return must.Get(nkeys.FromSeed([]byte(seed)))(t) }
	for name, c := range map[string]struct {
		first, second string
		edit          func(o *server.Options, secret string)
		option        func(secret *atomic.Value) api.Option
	}{
		"UserInfoHandler": {"one", "two", func(o *server.Options, secret string) { o.Username, o.Password = "u", secret },
			func(secret *atomic.Value) api.Option {
				return api.UserInfoHandler(func() (string, string) { return "u", secret.Load().(string) })
			}},
		"TokenHandler": {"one", "two", func(o *server.Options, secret string) { o.Authorization = secret },
			func(secret *atomic.Value) api.Option {
				return api.TokenHandler(func() string { return secret.Load().(string) })
			}},
		"the same token": {"one", "one", func(o *server.Options, secret string) { o.Authorization = secret },
			func(*atomic.Value) api.Option { return api.Token("one") }},
		"the same nkey": {key(), "", func(o *server.Options, secret string) {
			o.Nkeys = []*server.NkeyUser{{Nkey: publicKey(t, of(secret))}}
		}, func(secret *atomic.Value) api.Option {
			pair := of(secret.Load().(string))
			return api.Nkey(publicKey(t, pair), pair.Sign)
		}},
	} {
		t.Run(name, func(t *testing.T) {
			secret := new(atomic.Value)
			secret.Store(c.first)
			s := changing(t, secret, c.edit)
			nc := dial(t, s, append(quickly, c.option(secret))...)
			outage(t, s, nc, func() {
				if c.second != "" {
					secret.Store(c.second)
				}
			})
			flushed(t, nc)
		})
	}
}

func TestNkeySeedFile(t *testing.T) {
	u := newOperator(t).user(0)
	s := natsserver.Run(t, natsserver.Options{Edit: func(o *server.Options) { o.Nkeys = []*server.NkeyUser{{Nkey: u.public}} }})
	flushed(t, dial(t, s, must.Get(api.NkeyOptionFromSeed(u.saved(t)))(t)))
	_, err := api.Connect(start(t).URL(), api.Nkey(u.public, u.key.Sign))
	kinds(t, err, api.ErrNkeysNotSupported, api.ErrNoServers)
}

// TestPrecedenceOfCredentials: it is that of nats.go.
func TestPrecedenceOfCredentials(t *testing.T) {
	op := newOperator(t)
	u := op.user(0)
	byUser := natsserver.Run(t, natsserver.Options{User: "u", Password: "pw"})
	byToken := natsserver.Run(t, natsserver.Options{Token: "tok"})
	byJWT := natsserver.Run(t, op.options())
	right := api.UserInfoHandler(func() (string, string) { return "u", "pw" })
	wrong := api.UserInfoHandler(func() (string, string) { return "u", "no" })
	for name, c := range map[string]struct {
		server  *natsserver.Server
		who     string
		options []api.Option
		ok      bool
	}{
		"callback":                        {byUser, "", []api.Option{right}, true},
		"address over callback":           {byUser, "u:pw@", []api.Option{wrong}, true},
		"wrong address over callback":     {byUser, "u:no@", []api.Option{right}, false},
		"address over nkey":               {byUser, "u:pw@", []api.Option{api.Nkey(u.public, u.key.Sign)}, true},
		"callback beside address's user":  {byToken, "u:pw@", []api.Option{api.TokenHandler(func() string { return "tok" })}, true},
		"token callback beside user info": {byToken, "", []api.Option{api.TokenHandler(func() string { return "tok" })}, true},
		"JWT beside address's user":       {byJWT, "u:pw@", []api.Option{api.UserJWTAndSeed(u.jwt, u.seed)}, true},
		"the last callback":               {byUser, "", []api.Option{wrong, right}, true},
		"removed callback":                {byUser, "", []api.Option{wrong, api.UserInfoHandler(nil), api.UserInfo("u", "pw")}, true},
	} {
		t.Run(name, func(t *testing.T) {
			nc, err := api.Connect(strings.Replace(c.server.URL(), "://", "://"+c.who, 1), c.options...)
			if c.ok {
				must.Do(t, err)
				nc.Close()
				return
			}
			kinds(t, err, api.ErrAuthorization)
		})
	}
}

func TestContradictingCredentials(t *testing.T) {
	u := newOperator(t).user(0)
	userJWT := func() (string, error) { return u.jwt, nil }
	token := api.TokenHandler(func() string { return "t" })
	login := api.UserInfoHandler(func() (string, string) { return "u", "p" })
	for name, c := range map[string]struct {
		url     string
		options []api.Option
		kind    error
		option  string
	}{
		"token and handler":          {"", []api.Option{api.Token("t"), token}, api.ErrTokenAlreadySet, "TokenHandler"},
		"handler and token":          {"", []api.Option{token, api.Token("t")}, api.ErrTokenAlreadySet, "TokenHandler"},
		"token in the address":       {"nats://t@127.0.0.1:1", []api.Option{token}, api.ErrTokenAlreadySet, "TokenHandler"},
		"user and handler":           {"", []api.Option{api.UserInfo("u", ""), login}, api.ErrUserInfoAlreadySet, "UserInfoHandler"},
		"handler and password":       {"", []api.Option{login, api.UserInfo("", "p")}, api.ErrUserInfoAlreadySet, "UserInfoHandler"},
		"nkey and JWT":               {"", []api.Option{api.UserJWT(userJWT, u.key.Sign), api.Nkey(u.public, u.key.Sign)}, api.ErrNkeyAndUser, "Nkey"},
		"nkey and credentials":       {"", []api.Option{api.Nkey(u.public, u.key.Sign), api.UserJWTAndSeed(u.jwt, u.seed)}, api.ErrNkeyAndUser, "Nkey"},
		"nkey without signature":     {"", []api.Option{api.Nkey(u.public, nil)}, api.ErrNkeyButNoSigCB, "Nkey"},
		"JWT without signature":      {"", []api.Option{api.UserJWT(userJWT, nil)}, api.ErrUserButNoSigCB, "UserJWT"},
		"JWT field alone":            {"", []api.Option{func(o *api.Options) error { o.UserJWT = userJWT; return nil }}, api.ErrUserButNoSigCB, "UserJWT"},
		"no JWT":                     {"", []api.Option{api.UserJWT(nil, u.key.Sign)}, api.ErrNoUserCB, "UserJWT"},
		"nkey that is none":          {"", []api.Option{api.Nkey("UNKEY", u.key.Sign)}, api.ErrInvalidArg, "Nkey"},
		"seed in place of the nkey":  {"", []api.Option{api.Nkey(u.seed, u.key.Sign)}, api.ErrInvalidArg, "Nkey"},
		"account in place of a user": {"", []api.Option{api.Nkey(publicKey(t, newOperator(t).account), u.key.Sign)}, api.ErrInvalidArg, "Nkey"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := api.Connect(c.url, c.options...)
			kinds(t, err, c.kind, api.ErrInvalidArg)
			if what := holds[*api.InvalidArgError](t, err).What; what != "option "+c.option {
				t.Errorf("it names %q", what)
			}
			if errors.Is(err, api.ErrNoServers) || strings.Contains(err.Error(), u.seed) {
				t.Errorf("error %v", err)
			}
		})
	}
}

// TestCallbacksThatMisbehave fail the attempt with an error that names the option; the next
// attempt follows.
func TestCallbacksThatMisbehave(t *testing.T) {
	u := newOperator(t).user(0)
	refused := errors.New("refused by the test")
	var blocked chan struct{} // of the bubble
	signing := func(o *api.Options, cb api.SignatureHandler) {
		o.UserJWT, o.SignatureCB = func() (string, error) { return u.jwt, nil }, cb
	}
	withJWT := func(o *api.Options, token string, err error) {
		o.UserJWT, o.SignatureCB = func() (string, error) { return token, err }, u.key.Sign
	}
	for name, c := range map[string]struct {
		set    func(o *api.Options)
		option string
		kind   error
	}{
		"token: empty":          {func(o *api.Options) { o.TokenHandler = func() string { return "" } }, "TokenHandler", nil},
		"token: panic":          {func(o *api.Options) { o.TokenHandler = func() string { panic("no") } }, "TokenHandler", api.ErrHandlerPanic},
		"token: exit":           {func(o *api.Options) { o.TokenHandler = func() string { runtime.Goexit(); return "" } }, "TokenHandler", api.ErrHandlerExit},
		"token: block":          {func(o *api.Options) { o.TokenHandler = func() string { <-blocked; return "" } }, "TokenHandler", api.ErrTimeout},
		"user: empty":           {func(o *api.Options) { o.UserInfo = func() (string, string) { return "", "" } }, "UserInfo", nil},
		"user: panic":           {func(o *api.Options) { o.UserInfo = func() (string, string) { panic(refused) } }, "UserInfo", api.ErrHandlerPanic},
		"user: block":           {func(o *api.Options) { o.UserInfo = func() (string, string) { <-blocked; return "", "" } }, "UserInfo", api.ErrTimeout},
		"JWT: error":            {func(o *api.Options) { withJWT(o, u.jwt, refused) }, "UserJWT", refused},
		"JWT: empty":            {func(o *api.Options) { withJWT(o, "", nil) }, "UserJWT", nil},
		"JWT: blank":            {func(o *api.Options) { withJWT(o, u.jwt+" ", nil) }, "UserJWT", nil},
		"JWT: line end":         {func(o *api.Options) { withJWT(o, u.jwt+"\r\n", nil) }, "UserJWT", nil},
		"JWT: injection":        {func(o *api.Options) { withJWT(o, "a.b.c\r\nPUB x 0\r\n\r\n", nil) }, "UserJWT", nil},
		"JWT: credentials file": {func(o *api.Options) { withJWT(o, string(u.file(t)), nil) }, "UserJWT", nil},
		"JWT: two parts":        {func(o *api.Options) { withJWT(o, "a.b", nil) }, "UserJWT", nil},
		"signature: error":      {func(o *api.Options) { signing(o, func([]byte) ([]byte, error) { return nil, refused }) }, "SignatureCB", refused},
		"signature: panic":      {func(o *api.Options) { signing(o, func([]byte) ([]byte, error) { panic("no") }) }, "SignatureCB", api.ErrHandlerPanic},
		"signature: block":      {func(o *api.Options) { signing(o, func([]byte) ([]byte, error) { <-blocked; return nil, nil }) }, "SignatureCB", api.ErrTimeout},
		"nkey: no signature": {func(o *api.Options) {
			o.Nkey, o.SignatureCB = u.public, func([]byte) ([]byte, error) { return nil, nil }
		}, "SignatureCB", nil},
	} {
		t.Run(name, func(t *testing.T) {
			natsserver.Bubble(t, func(t *testing.T) {
				blocked = make(chan struct{})
				defer close(blocked)
				s := natsserver.Run(t, natsserver.Options{DontListen: true, Edit: func(o *server.Options) { o.Nkeys = []*server.NkeyUser{{Nkey: u.public}} }})
				o := api.GetDefaultOptions()
				for _, option := range append(inBubble(s), api.Timeout(100*time.Millisecond)) {
					must.Do(t, option(&o))
				}
				c.set(&o)
				_, err := o.Connect()
				kinds(t, err, api.ErrCallbackFailed, api.ErrNoServers)
				if c.kind != nil {
					kinds(t, err, c.kind)
				}
				if option := holds[*api.CallbackError](t, err).Option; option != c.option {
					t.Errorf("it names %q", option)
				}
				if strings.Contains(err.Error(), u.jwt[:40]) {
					t.Errorf("it shows the JWT: %v", err)
				}
			})
		})
	}
}

func TestAFailingCallbackFailsOneAttempt(t *testing.T) {
	var calls atomic.Int32
	s := natsserver.Run(t, natsserver.Options{Token: "tok"})
	failed := make(chan error, 100)
	nc := dial(t, s, append(quickly, api.ReconnectErrHandler(func(_ *api.Conn, err error) { failed <- err }),
		api.TokenHandler(func() string {
			if n := calls.Add(1); n > 1 && n < 5 {
				panic(fmt.Sprint("call ", n))
			}
			return "tok"
		}))...)
	up := nc.StatusChanged(api.CONNECTED)
	must.Do(t, nc.ForceReconnect())
	for range 3 {
		kinds(t, await(t, failed, "a failed attempt"), api.ErrCallbackFailed, api.ErrHandlerPanic)
	}
	await(t, up, "the reconnect")
	flushed(t, nc)
}

// TestCloseDoesNotWaitForCallbacks that block.
func TestCloseDoesNotWaitForCallbacks(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{Token: "tok"})
	blocked, called := make(chan struct{}), make(chan struct{}, 100)
	defer close(blocked)
	var calls atomic.Int32
	nc := dial(t, s, api.Timeout(time.Hour), api.TokenHandler(func() string {
		if calls.Add(1) > 1 {
			called <- struct{}{}
			<-blocked
		}
		return "tok"
	}))
	must.Do(t, nc.ForceReconnect())
	await(t, called, "the call")
	over := make(chan struct{})
	go func() {
		nc.Close()
		close(over)
	}()
	closed(t, over, "Close")
}

// TestTheFirstCallOfUserJWT is made when the option is applied.
func TestTheFirstCallOfUserJWT(t *testing.T) {
	u := newOperator(t).user(0)
	refused := errors.New("refused by the test")
	blocked := make(chan struct{})
	defer close(blocked)
	for name, cb := range map[string]api.UserJWTHandler{
		"error": func() (string, error) { return "", refused },
		"empty": func() (string, error) { return "", nil },
		"panic": func() (string, error) { panic(refused) },
		"block": func() (string, error) { <-blocked; return u.jwt, nil },
	} {
		_, err := api.Connect("nats://127.0.0.1:1", api.Timeout(20*time.Millisecond), api.UserJWT(cb, u.key.Sign))
		kinds(t, err, api.ErrCallbackFailed)
		if errors.Is(err, api.ErrNoServers) {
			t.Errorf("%s: something was tried", name)
		}
	}
	// A bearer JWT needs no signature, and a JWT that the server itself cannot use may be
	// meant for a service that the server asks.
	s := start(t)
	flushed(t, dial(t, s, api.UserJWT(func() (string, error) { return "e30.e30.c2ln", nil }, func([]byte) ([]byte, error) { return nil, nil })))
}

// refusals records what the ErrorHandler is told of refused credentials.
func refusals() (api.Option, <-chan *api.AuthorizationError) {
	ch := make(chan *api.AuthorizationError, 1000)
	return api.ErrorHandler(func(_ *api.Conn, _ *api.Subscription, err error) {
		var refused *api.AuthorizationError
		if errors.As(err, &refused) {
			ch <- refused
		}
	}), ch
}

// TestExpiryIsSurvived: for a day, with a JWT that lives for an hour.
func TestExpiryIsSurvived(t *testing.T) {
	natsserver.Bubble(t, func(t *testing.T) {
		op := newOperator(t)
		options := op.options()
		options.DontListen = true
		s := natsserver.Run(t, options)
		report, refused := refusals()
		var mu sync.Mutex
		current := op.user(time.Hour)
		nc := dial(t, s, append(inBubble(s), report, api.UserJWT(func() (string, error) {
			mu.Lock()
			defer mu.Unlock()
			current = op.user(time.Hour)
			return current.jwt, nil
		}, func(nonce []byte) ([]byte, error) {
			mu.Lock()
			defer mu.Unlock()
			return current.key.Sign(nonce)
		}))...)
		time.Sleep(24*time.Hour + time.Minute)
		if n := nc.Stats().Reconnects; !nc.IsConnected() || n < 23 || n > 24 || len(refused) != int(n) {
			t.Errorf("%v after a day, %d reconnects, %d refusals", nc.Status(), n, len(refused))
		}
		first := <-refused
		kinds(t, first, api.ErrAuthExpired, api.ErrAuthorization)
		if first.During != "running" || first.Reason != "User Authentication Expired" {
			t.Errorf("%+v", first)
		}
		flushed(t, nc)
		nc.Close()
	})
}

// TestAnExpiredFileIsRenewedLater: with the defaults, attempts continue until the file is
// renewed.
func TestAnExpiredFileIsRenewedLater(t *testing.T) {
	natsserver.Bubble(t, func(t *testing.T) {
		op := newOperator(t)
		options := op.options()
		options.DontListen = true
		s := natsserver.Run(t, options)
		path := op.user(time.Hour).saved(t)
		nc := dial(t, s, append(inBubble(s), api.UserCredentials(path))...)
		time.Sleep(time.Hour + 30*time.Second)
		if nc.IsConnected() || nc.IsClosed() || nc.Health() == nil {
			t.Errorf("%v, %v with an expired file", nc.Status(), nc.Health())
		}
		kinds(t, nc.LastError(), api.ErrInvalidUserCredentials)
		op.user(time.Hour).save(t, path)
		time.Sleep(5 * time.Second)
		if !nc.IsConnected() || nc.Health() != nil {
			t.Errorf("%v, %v with a new file: %v", nc.Status(), nc.Health(), nc.LastError())
		}
		nc.Close()
	})
}

// TestRevocation: with new credentials the connection continues; without them it ends, and
// reports why.
func TestRevocation(t *testing.T) {
	for _, renewed := range []bool{true, false} {
		t.Run(fmt.Sprintf("renewed %v", renewed), func(t *testing.T) {
			op := newOperator(t)
			s := natsserver.Run(t, op.options())
			old := op.user(0)
			path := old.saved(t)
			fresh := op.user(0)
			over, seen, end := make(chan struct{}), make(chan *api.AuthorizationError, 100), make(chan error, 1)
			nc := dial(t, s, append(quickly, api.UserCredentials(path), api.ClosedHandler(func(*api.Conn) { close(over) }),
				api.OnEvent(func(e api.Event) {
					if e.Kind == api.ConnectionClosed {
						end <- e.Cause
					}
					var refused *api.AuthorizationError
					if e.Kind != api.AuthenticationFailed || !errors.As(e.Cause, &refused) {
						return
					}
					seen <- refused
				}))...)
			up := nc.StatusChanged(api.CONNECTED)
			if renewed {
				fresh.save(t, path) // before the attempt that follows at once
			}
			op.update(s, func(c *jwt.AccountClaims) { c.Revoke(old.public) })
			first := await(t, seen, "the revocation")
			kinds(t, first, api.ErrAuthRevoked, api.ErrAuthorization)
			if first.During != "running" {
				t.Errorf("%+v", first)
			}
			if renewed {
				await(t, up, "the reconnect")
				flushed(t, nc)
				return
			}
			closed(t, over, "the end")
			if second := await(t, seen, "the second refusal"); second.During != "reconnect" || second.Reason != "Authorization Violation" {
				t.Errorf("%+v", second)
			}
			holds[*api.AuthorizationError](t, await(t, end, "the event of the end"))
			kinds(t, nc.LastError(), api.ErrAuthorization)
			kinds(t, nc.Health(), api.ErrUnhealthy)
			if text := nc.Health().Error(); !strings.Contains(text, "credentials refused") {
				t.Errorf("health: %s", text)
			}
			kinds(t, nc.Publish("a", nil), api.ErrConnectionClosed, api.ErrAuthorization)
		})
	}
}

func TestExpiryOfTheAccount(t *testing.T) {
	natsserver.Bubble(t, func(t *testing.T) {
		op := newOperator(t)
		op.claims.Expires = time.Now().Add(time.Hour).Unix()
		options := op.options()
		options.DontListen = true
		s := natsserver.Run(t, options)
		u := op.user(0)
		report, refused := refusals()
		nc := dial(t, s, append(inBubble(s), report, api.IgnoreAuthErrorAbort(), api.UserJWTAndSeed(u.jwt, u.seed))...)
		time.Sleep(time.Hour + 30*time.Second)
		kinds(t, <-refused, api.ErrAccountAuthExpired, api.ErrAuthorization)
		if nc.IsConnected() || nc.IsClosed() {
			t.Errorf("%v while the account has expired", nc.Status())
		}
		op.update(s, func(c *jwt.AccountClaims) { c.Expires = 0 })
		time.Sleep(5 * time.Second)
		if !nc.IsConnected() {
			t.Errorf("%v with the account renewed: %v", nc.Status(), nc.LastError())
		}
		nc.Close()
	})
}

// TestAuthenticationTimeout is not a refusal of the credentials, however often it occurs.
func TestAuthenticationTimeout(t *testing.T) {
	natsserver.Bubble(t, func(t *testing.T) {
		s := natsserver.Run(t, natsserver.Options{Token: "tok", DontListen: true, Edit: func(o *server.Options) { o.AuthTimeout = 1 }})
		report, refused := refusals()
		slow := 0
		nc := dial(t, s, append(inBubble(s), report, api.Timeout(5*time.Second), api.TokenHandler(func() string {
			if slow > 0 {
				slow--
				time.Sleep(2 * time.Second)
			}
			return "tok"
		}))...)
		slow = 6
		must.Do(t, nc.ForceReconnect())
		time.Sleep(time.Minute)
		if !nc.IsConnected() || len(refused) != 6 {
			t.Errorf("%v after %d refusals: %v", nc.Status(), len(refused), nc.LastError())
		}
		first := <-refused
		kinds(t, first, api.ErrAuthTimeout, api.ErrTimeout)
		if first.During != "reconnect" {
			t.Errorf("%+v", first)
		}
		nc.Close()
	})
}

// TestDiscoveredServersInherit the credentials in the address, and the name for
// the certificate.
func TestDiscoveredServersInherit(t *testing.T) {
	a := newAuthority(t)
	config := &tls.Config{Certificates: []tls.Certificate{a.issue(func(c *x509.Certificate) { c.IPAddresses, c.DNSNames = nil, []string{"localhost"} })}}
	clustered := func(change func(*server.Options)) *natsserver.Server {
		return natsserver.Run(t, natsserver.Options{User: "u", Password: "pw", TLS: config, Edit: func(o *server.Options) {
			o.Cluster.Name, o.Cluster.Host, o.Cluster.Port = "c", "127.0.0.1", -1
			change(o)
		}})
	}
	first := clustered(func(*server.Options) {})
	found := make(chan struct{}, 1)
	nc := must.Get(api.Connect(fmt.Sprintf("tls://u:pw@localhost:%d", first.Port()), append(quickly, api.RootCAs(a.file),
		api.DiscoveredServersHandler(func(*api.Conn) { found <- struct{}{} }))...))(t)
	defer nc.Close()
	second := clustered(func(o *server.Options) {
		o.Routes = []*url.URL{{Scheme: "nats", Host: first.Server().ClusterAddr().String()}}
	})
	await(t, found, "the discovery")
	up := nc.StatusChanged(api.CONNECTED)
	first.Kill()
	await(t, up, "the other server")
	if nc.ConnectedServerId() != second.Server().ID() {
		t.Errorf("connected to %s", nc.ConnectedUrlRedacted())
	}
}
