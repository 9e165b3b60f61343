package api_test

import (
	"context"
	"crypto/tls"
	"crypto/x509"
	"errors"
	"fmt"
	"net"
	"net/http"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
)

// world holds the servers for the visits.
type world struct {
	t                              *testing.T
	open, users, tokens, jwts, tls *natsserver.Server
	authority                      *authority
	user                           user
}

func newWorld(t *testing.T) *world {
	a, op := newAuthority(t), newOperator(t)
	return &world{t: t, authority: a, user: op.user(0),
		open:   natsserver.Run(t, natsserver.Options{WebSocket: true}),
		users:  natsserver.Run(t, natsserver.Options{User: "ann", Password: "secret"}),
		tokens: natsserver.Run(t, natsserver.Options{Token: "secret"}),
		jwts:   natsserver.Run(t, op.options()),
		tls:    natsserver.Run(t, natsserver.Options{TLS: &tls.Config{Certificates: []tls.Certificate{a.issue()}}}),
	}
}

// in is the world for one visit of a test.
func (w *world) in(t *testing.T) *world {
	inner := *w
	inner.t = t
	return &inner
}

// connect connects, and comes back quickly.
func (w *world) connect(url string, set func(*api.Options)) *api.Conn {
	w.t.Helper()
	nc := must.Get(api.Connect(url, append(quickly, api.Timeout(patience), func(o *api.Options) error {
		set(o)
		return nil
	})...))(w.t)
	w.t.Cleanup(nc.Close)
	return nc
}

func (w *world) plain() *api.Conn { return w.connect(w.open.URL(), func(*api.Options) {}) }

// own is a subject, and a queue, of one connection alone: all share the servers.
func own(nc *api.Conn) string { return fmt.Sprintf("own.%p", nc) }

// handled subscribes with a handler that comes here when the message comes.
func handled(subscribe func(nc *api.Conn, f api.MsgHandler) (*api.Subscription, error)) func(*world, func(*visit)) {
	return func(w *world, inside func(*visit)) {
		nc := w.plain()
		must.Get(subscribe(nc, func(m *api.Msg) { inside(&visit{nc: nc, own: m.Sub}) }))(w.t)
		must.Do(w.t, nc.Publish(own(nc), nil))
	}
}

// inAttempt connects with a callback that every attempt to connect calls. The visit is in
// the second attempt, as there is no connection before. An attempt in which a callback waits
// for the connection is given up soon; so may be the first one, on a busy machine.
func inAttempt(url func(*world) string, set func(w *world, o *api.Options, here func())) func(*world, func(*visit)) {
	return func(w *world, inside func(*visit)) {
		var armed atomic.Pointer[api.Conn]
		nc := w.connect(url(w), func(o *api.Options) {
			o.Timeout, o.RetryOnFailedConnect = time.Second, true
			set(w, o, func() {
				if nc := armed.Load(); nc != nil {
					inside(&visit{nc: nc})
				}
			})
		})
		flushed(w.t, nc)
		armed.Store(nc)
		must.Do(w.t, nc.ForceReconnect())
	}
}

// told connects with a callback of the connection, and gives cause for it.
func told(set func(o *api.Options, here api.ConnHandler), cause func(w *world, nc *api.Conn)) func(*world, func(*visit)) {
	return func(w *world, inside func(*visit)) {
		cause(w, w.connect(w.open.URL(), func(o *api.Options) { set(o, func(nc *api.Conn) { inside(&visit{nc: nc}) }) }))
	}
}

func toOpen(w *world) string   { return w.open.URL() }
func toUsers(w *world) string  { return w.users.URL() }
func toTokens(w *world) string { return w.tokens.URL() }
func toJWTs(w *world) string   { return w.jwts.URL() }
func toTLS(w *world) string    { return w.tls.URL() }
func toWS(w *world) string     { return w.open.WebSocketURL() }

func reconnects(w *world, nc *api.Conn) { must.Do(w.t, nc.ForceReconnect()) }
func isThere(*world, *api.Conn)         {}

func panics(w *world, nc *api.Conn) {
	must.Get(nc.Subscribe(own(nc), func(*api.Msg) { panic("boom") }))(w.t)
	must.Do(w.t, nc.Publish(own(nc), nil))
}

// opening is a server, or a dialer, of the user's.
type opening func() (net.Conn, error)

// InProcessConn opens a connection.
func (f opening) InProcessConn() (net.Conn, error) { return f() }

// Dial opens a connection.
func (f opening) Dial(string, string) (net.Conn, error) { return f() }

// places are where user code runs, those in the options by the name of the field.
// Each arranges for inside to be called.
var places = map[string]func(w *world, inside func(*visit)){
	"Subscribe": handled(func(nc *api.Conn, f api.MsgHandler) (*api.Subscription, error) { return nc.Subscribe(own(nc), f) }),
	"QueueSubscribe": handled(func(nc *api.Conn, f api.MsgHandler) (*api.Subscription, error) {
		return nc.QueueSubscribe(own(nc), "q", f)
	}),
	"Borrow": handled(func(nc *api.Conn, f api.MsgHandler) (*api.Subscription, error) {
		return nc.Subscribe(own(nc), f, api.Borrow())
	}),
	"Concurrency": handled(func(nc *api.Conn, f api.MsgHandler) (*api.Subscription, error) {
		return nc.Subscribe(own(nc), f, api.Concurrency(2))
	}),
	"OrderedBy": handled(func(nc *api.Conn, f api.MsgHandler) (*api.Subscription, error) {
		return nc.Subscribe(own(nc), func(*api.Msg) {}, api.Concurrency(2), api.OrderedBy(func(m *api.Msg) string { f(m); return "" }))
	}),
	"Handle": handled(func(nc *api.Conn, f api.MsgHandler) (*api.Subscription, error) {
		return nc.Handle(own(nc), func(_ context.Context, m *api.Msg) error { f(m); return nil })
	}),
	"QueueHandle": handled(func(nc *api.Conn, f api.MsgHandler) (*api.Subscription, error) {
		return nc.QueueHandle(own(nc), "q", func(_ context.Context, m *api.Msg) error { f(m); return nil })
	}),
	"RequestManySentinel": func(w *world, inside func(*visit)) {
		nc := w.plain()
		must.Get(nc.Subscribe(own(nc), func(m *api.Msg) { _ = m.Respond(nil) }))(w.t)
		go func() {
			for range nc.RequestMany(context.Background(), own(nc), nil, api.RequestManySentinel(func(*api.Msg) bool {
				inside(&visit{nc: nc})
				return true
			})) {
			}
		}()
	},
	"Barrier": func(w *world, inside func(*visit)) {
		nc := w.plain()
		must.Get(nc.Subscribe(own(nc), func(*api.Msg) {}))(w.t)
		must.Do(w.t, nc.Barrier(func() { inside(&visit{nc: nc}) }))
	},
	"SetClosedHandler of a subscription": func(w *world, inside func(*visit)) {
		nc := w.plain()
		sub := must.Get(nc.SubscribeSync("a"))(w.t)
		sub.SetClosedHandler(func(string) { inside(&visit{nc: nc, own: sub}) })
		must.Do(w.t, sub.Unsubscribe())
	},

	"Receive": func(w *world, inside func(*visit)) {
		ref := must.Get(w.plain().Spawn(doing("a", func(c *api.ActorContext, _ any) { inside(&visit{nc: c.Conn(), actor: c}) })))(w.t)
		must.Do(w.t, ref.Send("go"))
	},
	"Receive of a message": func(w *world, inside func(*visit)) {
		nc := w.plain()
		ref := must.Get(nc.Spawn(doing("a", func(c *api.ActorContext, m any) {
			inside(&visit{nc: c.Conn(), actor: c, own: m.(*api.Msg).Sub})
		})))(w.t)
		must.Get(nc.SubscribeActor(own(nc), ref))(w.t)
		must.Do(w.t, nc.Publish(own(nc), nil))
	},
	"Receive of a parent": func(w *world, inside func(*visit)) {
		must.Get(w.plain().Spawn(api.Spec{New: func() api.Actor { return &family{inside: inside} }}))(w.t)
	},
	"Started":  func(w *world, inside func(*visit)) { w.lives(&mortal{started: inside}) },
	"Stopping": func(w *world, inside func(*visit)) { w.lives(&mortal{stopping: inside}) },

	"TLSCertCB": inAttempt(toTLS, func(w *world, o *api.Options, here func()) {
		o.RootCAsCB = func() (*x509.CertPool, error) { return w.authority.pool(), nil }
		o.TLSCertCB = func() (tls.Certificate, error) { here(); return w.authority.issue(), nil }
	}),
	"RootCAsCB": inAttempt(toTLS, func(w *world, o *api.Options, here func()) {
		o.RootCAsCB = func() (*x509.CertPool, error) { here(); return w.authority.pool(), nil }
	}),
	"UserInfo": inAttempt(toUsers, func(_ *world, o *api.Options, here func()) {
		o.UserInfo = func() (user, password string) { here(); return "ann", "secret" }
	}),
	"TokenHandler": inAttempt(toTokens, func(_ *world, o *api.Options, here func()) {
		o.TokenHandler = func() string { here(); return "secret" }
	}),
	"UserJWT": inAttempt(toJWTs, func(w *world, o *api.Options, here func()) {
		o.SignatureCB = w.user.key.Sign
		o.UserJWT = func() (string, error) { here(); return w.user.jwt, nil }
	}),
	"SignatureCB": inAttempt(toJWTs, func(w *world, o *api.Options, here func()) {
		o.UserJWT = func() (string, error) { return w.user.jwt, nil }
		o.SignatureCB = func(nonce []byte) ([]byte, error) { here(); return w.user.key.Sign(nonce) }
	}),
	"CustomDialer": inAttempt(toOpen, func(w *world, o *api.Options, here func()) {
		o.CustomDialer = opening(func() (net.Conn, error) { here(); return w.open.InProcessConn() })
	}),
	"InProcessServer": inAttempt(toOpen, func(w *world, o *api.Options, here func()) {
		o.InProcessServer = opening(func() (net.Conn, error) { here(); return w.open.InProcessConn() })
	}),
	"WebSocketConnectionHeadersHandler": inAttempt(toWS, func(_ *world, o *api.Options, here func()) {
		o.WebSocketConnectionHeadersHandler = func() (http.Header, error) { here(); return nil, nil }
	}),
	"CustomReconnectDelayCB": inAttempt(toOpen, func(w *world, o *api.Options, here func()) {
		o.CustomDialer = w.failing(2)
		o.CustomReconnectDelayCB = func(int) time.Duration { here(); return time.Millisecond }
	}),
	"ReconnectToServerCB": inAttempt(toOpen, func(_ *world, o *api.Options, here func()) {
		o.ReconnectToServerCB = func(all []api.Server, _ api.ServerInfo) (*api.Server, time.Duration) { here(); return &all[0], 0 }
	}),

	"ConnectedCB":    told(func(o *api.Options, here api.ConnHandler) { o.ConnectedCB = here }, isThere),
	"ReconnectedCB":  told(func(o *api.Options, here api.ConnHandler) { o.ReconnectedCB = here }, reconnects),
	"DisconnectedCB": told(func(o *api.Options, here api.ConnHandler) { o.DisconnectedCB = here }, reconnects),
	"DisconnectedErrCB": told(func(o *api.Options, here api.ConnHandler) {
		o.DisconnectedErrCB = func(nc *api.Conn, _ error) { here(nc) }
	}, reconnects),
	"AsyncErrorCB": told(func(o *api.Options, here api.ConnHandler) {
		o.AsyncErrorCB = func(nc *api.Conn, _ *api.Subscription, _ error) { here(nc) }
	}, panics),
	"ClosedCB": told(func(o *api.Options, here api.ConnHandler) { o.ClosedCB = here }, func(_ *world, nc *api.Conn) { go nc.Close() }),
	"ReconnectErrCB": func(w *world, inside func(*visit)) {
		nc := w.connect(w.open.URL(), func(o *api.Options) {
			o.CustomDialer = w.failing(1)
			o.ReconnectErrCB = func(nc *api.Conn, _ error) { inside(&visit{nc: nc}) }
		})
		must.Do(w.t, nc.ForceReconnect())
	},
	"EventCB": func(w *world, inside func(*visit)) {
		inAttempt(toOpen, func(_ *world, o *api.Options, here func()) { o.EventCB = func(api.Event) { here() } })(w, inside)
	},
	"LameDuckModeHandler": func(w *world, inside func(*visit)) {
		s := natsserver.Run(w.t, natsserver.Options{LameDuckGrace: time.Hour})
		other := natsserver.Run(w.t, natsserver.Options{})
		nc := w.connect(s.URL(), func(o *api.Options) { o.LameDuckModeHandler = func(nc *api.Conn) { inside(&visit{nc: nc}) } })
		must.Do(w.t, nc.SetServerPool([]string{s.URL(), other.URL()}))
		s.LameDuck()
	},
	"DiscoveredServersCB": func(w *world, inside func(*visit)) {
		c := natsserver.RunCluster(w.t, 2, natsserver.Options{})
		first, second := c.Members()[0], c.Members()[1]
		second.Kill()
		until(w.t, "the first member is alone", func() bool { return first.Server().NumRoutes() == 0 })
		w.connect(first.URL(), func(o *api.Options) { o.DiscoveredServersCB = func(nc *api.Conn) { inside(&visit{nc: nc}) } })
		must.Do(w.t, second.Restart())
	},
}

// failing is a dialer that fails n times in a row after its first success.
func (w *world) failing(n int32) opening {
	var calls atomic.Int32
	return func() (net.Conn, error) {
		if at := calls.Add(1); at > 1 && at <= n+1 {
			return nil, errors.New("not now")
		}
		return w.open.InProcessConn()
	}
}

// family makes its visit when its child is there.
type family struct{ inside func(*visit) }

func (f *family) Started(c *api.ActorContext) {
	_, _ = c.Spawn(doing("child", func(*api.ActorContext, any) {}))
	_ = c.Self().Send("go")
}

func (f *family) Receive(c *api.ActorContext, _ any) { f.inside(&visit{nc: c.Conn(), actor: c}) }

// mortal makes its visit when it starts or stops.
type mortal struct{ started, stopping func(*visit) }

func (m *mortal) Started(c *api.ActorContext) {
	if m.started != nil {
		m.started(&visit{nc: c.Conn(), actor: c})
	}
}

func (m *mortal) Stopping(c *api.ActorContext) {
	if m.stopping != nil {
		m.stopping(&visit{nc: c.Conn(), actor: c})
	}
}

func (m *mortal) Receive(c *api.ActorContext, _ any) {
	go func() { _ = c.Self().Stop(context.Background()) }()
}

// lives starts an actor that is stopped at its first message. The visit may have ended
// the connection before.
func (w *world) lives(m *mortal) {
	ref, err := w.plain().Spawn(api.Spec{New: func() api.Actor { return m }})
	if err == nil {
		_ = ref.Send("go")
	}
}
