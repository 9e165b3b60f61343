package api_test

import (
	"bytes"
	"context"
	"crypto/rand"
	"crypto/tls"
	"errors"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/coder/websocket"
	"github.com/nats-io/nats-server/v2/server"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
)

// webSocketServer starts a server for WebSockets.
func webSocketServer(t *testing.T, edit func(*natsserver.Options)) *natsserver.Server {
	t.Helper()
	o := natsserver.Options{WebSocket: true}
	if edit != nil {
		edit(&o)
	}
	return natsserver.Run(t, o)
}

// TestWebSockets does everything that a connection is for over each kind of them,
// before and after the server was killed.
func TestWebSockets(t *testing.T) {
	a := newAuthority(t)
	inTLS := func(o *natsserver.Options) { o.WebSocketTLS = &tls.Config{Certificates: []tls.Certificate{a.issue()}} }
	ws := func(u string) string { return strings.Replace(u, "wss://", "ws://", 1) }
	for name, c := range map[string]struct {
		server  func(*natsserver.Options)
		url     func(string) string
		options []api.Option
	}{
		"plain":                     {nil, ws, nil},
		"compressed":                {nil, ws, []api.Option{api.Compression(true)}},
		"compression is turned off": {func(o *natsserver.Options) { o.Edit = func(o *server.Options) { o.Websocket.Compression = false } }, ws, []api.Option{api.Compression(true)}},
		"wss":                       {inTLS, strings.Clone, []api.Option{api.RootCAs(a.file)}},
		"wss compressed":            {inTLS, strings.Clone, []api.Option{api.RootCAs(a.file), api.Compression(true)}},
		"secure ws":                 {inTLS, ws, []api.Option{api.Secure(&tls.Config{RootCAs: a.pool()})}},
		"ws with a tls.Config": {inTLS, ws, []api.Option{func(o *api.Options) error {
			o.TLSConfig = &tls.Config{RootCAs: a.pool()}
			return nil
		}}},
		"TLS first": {inTLS, strings.Clone, []api.Option{api.RootCAs(a.file), api.TLSHandshakeFirst()}},
	} {
		t.Run(name, func(t *testing.T) {
			s := webSocketServer(t, c.server)
			again := make(chan *api.Conn, 1)
			nc := must.Get(api.Connect(c.url(s.WebSocketURL()), append(c.options, api.ReconnectWait(10*time.Millisecond),
				api.MaxReconnects(-1), api.ReconnectHandler(func(nc *api.Conn) { again <- nc }))...))(t)
			defer nc.Close()
			handler, got := collect(100)
			must.Get(nc.Subscribe("data", handler))(t)
			must.Get(nc.Subscribe("echo", func(m *api.Msg) { _ = m.Respond(m.Data) }))(t)
			exercise(t, nc, got)
			must.Do(t, s.Restart())
			await(t, again, "the reconnect")
			exercise(t, nc, got)
		})
	}
}

// exercise publishes and requests messages from none to 1 MiB, some of which cannot
// be compressed.
func exercise(t *testing.T, nc *api.Conn, got <-chan *api.Msg) {
	t.Helper()
	random := make([]byte, 1<<20)
	must.Get(rand.Read(random))(t)
	for _, data := range [][]byte{{}, []byte("small"), bytes.Repeat([]byte("abc"), 1000), random[:70_000], random, bytes.Repeat([]byte{0}, 1<<20)} {
		sent := bytes.Clone(data)
		must.Do(t, nc.Publish("data", data))
		if m := await(t, got, "a message"); !bytes.Equal(m.Data, sent) || !bytes.Equal(data, sent) {
			t.Fatalf("%d bytes came, %d were sent", len(m.Data), len(sent))
		}
		if m := must.Get(nc.RequestWithContext(must.Within(t, patience), "echo", data))(t); !bytes.Equal(m.Data, sent) {
			t.Fatalf("%d bytes came back, %d were sent", len(m.Data), len(sent))
		}
	}
	for i := range 1000 {
		if i >= 50 {
			sameData(t, await(t, got, "a message"), number(i-50))
		}
		must.Do(t, nc.Publish("data", number(i)))
	}
	for i := 950; i < 1000; i++ {
		sameData(t, await(t, got, "a message"), number(i))
	}
}

func sameData(t *testing.T, m *api.Msg, want []byte) {
	t.Helper()
	if !bytes.Equal(m.Data, want) {
		t.Fatalf("got %.20q, want %q", m.Data, want)
	}
}

func TestACloseOfAWebSocketIsTold(t *testing.T) {
	lines := make(chan string, 1000)
	s := webSocketServer(t, func(o *natsserver.Options) {
		o.Edit = func(o *server.Options) { o.Debug = true }
		o.Log = func(_, line string) {
			select {
			case lines <- line:
			default:
			}
		}
	})
	nc := must.Get(api.Connect(s.WebSocketURL()))(t)
	flushed(t, nc)
	nc.Close()
	for {
		line := await(t, lines, "the server's line about the close")
		if strings.Contains(line, "connection closed: ") {
			if !strings.Contains(line, "Client Closed") {
				t.Errorf("the server says %q", line)
			}
			return
		}
	}
}

// TestServersOfAWebSocketFail: their -ERR and their close frames have the kinds
// that they have over TCP.
func TestServersOfAWebSocketFail(t *testing.T) {
	s := webSocketServer(t, func(o *natsserver.Options) { o.User, o.Password = "u", "p" })
	_, err := api.Connect(s.WebSocketURL(), api.UserInfo("u", "wrong"))
	kinds(t, err, api.ErrAuthorization)
	lost := make(chan error, 1)
	nc := must.Get(api.Connect(strings.Replace(s.WebSocketURL(), "ws://", "ws://u:p@", 1), api.NoReconnect(),
		api.DisconnectErrHandler(func(_ *api.Conn, err error) { lost <- err })))(t)
	defer nc.Close()
	s.Kill()
	err = await(t, lost, "the loss")
	kinds(t, err, io.EOF, api.ErrStaleConnection)
	if end := holds[*api.WebSocketCloseError](t, err); end.Code != 1001 {
		t.Errorf("closed with %v", end)
	}
}

// TestTLSAndWebSocketsDisagree: neither end mistakes the other's bytes for its own protocol.
func TestTLSAndWebSocketsDisagree(t *testing.T) {
	a := newAuthority(t)
	inTLS := webSocketServer(t, func(o *natsserver.Options) {
		o.WebSocketTLS = &tls.Config{Certificates: []tls.Certificate{a.issue()}}
	})
	plain := webSocketServer(t, nil)
	_, err := api.Connect(strings.Replace(inTLS.WebSocketURL(), "wss", "ws", 1))
	kinds(t, err, api.ErrWebSocketUpgrade)
	_, err = api.Connect(inTLS.WebSocketURL())
	failedTLS(t, err, "verify", api.ErrSecureConnFailed)
	_, err = api.Connect(strings.Replace(plain.WebSocketURL(), "ws", "wss", 1))
	failedTLS(t, err, "handshake", api.ErrSecureConnFailed)
	_, err = api.Connect(inTLS.WebSocketURL(), api.NoTLS())
	kinds(t, err, api.ErrInvalidArg)
	_, err = api.Connect(strings.Replace(plain.URL(), "nats", "ws", 1))
	kinds(t, err, api.ErrWebSocketUpgrade)
}

// TestDiscoveredServersOfAWebSocket are dialed with the scheme and the path of the
// connection.
func TestDiscoveredServersOfAWebSocket(t *testing.T) {
	asked := make(chan string, 10)
	proxy := reverseProxy(t, webSocketServer(t, nil), asked)
	first := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.String()
		ws := must.Get(websocket.Accept(w, r, nil))(t)
		defer ws.CloseNow()
		info := `INFO {"max_payload":1000,"connect_urls":["` + strings.TrimPrefix(proxy, "http://") + `"]}` + "\r\n"
		must.Do(t, ws.Write(r.Context(), websocket.MessageText, []byte(info)))
		_, _, _ = ws.Read(r.Context()) // CONNECT and PING
		must.Do(t, ws.Write(r.Context(), websocket.MessageText, []byte("PONG\r\n")))
	}))
	defer first.Close()
	again := make(chan *api.Conn, 1)
	nc := must.Get(api.Connect(strings.Replace(first.URL, "http", "ws", 1)+"/ignored?q=1", api.ProxyPath("nats/deep"),
		api.ReconnectWait(10*time.Millisecond), api.ReconnectHandler(func(nc *api.Conn) { again <- nc })))(t)
	defer nc.Close()
	await(t, again, "the reconnect")
	for _, want := range []string{"/nats/deep?q=1", "/nats/deep"} {
		if path := await(t, asked, "a request"); path != want {
			t.Errorf("asked for %q, want %q", path, want)
		}
	}
	if to := nc.ConnectedUrl(); to != strings.Replace(proxy, "http", "ws", 1) {
		t.Errorf("connected to %q, want %q", to, proxy)
	}
}

// reverseProxy stands before s below /nats/ and says what it is asked for.
func reverseProxy(t *testing.T, s *natsserver.Server, asked chan<- string) string {
	t.Helper()
	target := must.Get(url.Parse(strings.Replace(s.WebSocketURL(), "ws", "http", 1)))(t)
	forward := httputil.NewSingleHostReverseProxy(target)
	mux := http.NewServeMux()
	mux.HandleFunc("/nats/", func(w http.ResponseWriter, r *http.Request) {
		asked <- r.URL.String()
		r.URL.Path = ""
		forward.ServeHTTP(w, r)
	})
	proxy := httptest.NewServer(mux)
	t.Cleanup(proxy.Close)
	return proxy.URL
}

func TestProxyPathReplacesThePathAndKeepsTheQuery(t *testing.T) {
	s := webSocketServer(t, nil)
	asked := make(chan string, 1)
	proxy := strings.Replace(reverseProxy(t, s, asked), "http", "ws", 1)
	for address, c := range map[string]struct{ path, want string }{
		"/nats/a%20b?q=1&r=%2F": {"", "/nats/a%20b?q=1&r=%2F"},
		"/elsewhere?q=1":        {"/nats/x", "/nats/x?q=1"},
		"/elsewhere":            {"nats/", "/nats/"},
		"?q=1":                  {"nats/%2F/", "/nats/%2F/?q=1"},
		"/nats/?token=secret":   {"/nats/?a=b", "/nats/?a=b&token=secret"},
	} {
		nc := must.Get(api.Connect(proxy+address, api.ProxyPath(c.path)))(t)
		flushed(t, nc)
		nc.Close()
		if got := await(t, asked, "a request"); got != c.want {
			t.Errorf("%q with path %q asked for %q, want %q", address, c.path, got, c.want)
		}
	}
	for _, path := range []string{"%zz", "a#b", "a b\x00"} {
		_, err := api.Connect(proxy, api.ProxyPath(path))
		kinds(t, err, api.ErrInvalidArg)
	}
}

func TestWebSocketHeadersAreSent(t *testing.T) {
	s := webSocketServer(t, nil)
	target := must.Get(url.Parse(strings.Replace(s.WebSocketURL(), "ws", "http", 1)))(t)
	seen := make(chan http.Header, 10)
	forward := httputil.NewSingleHostReverseProxy(target)
	front := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		seen <- r.Header.Clone()
		forward.ServeHTTP(w, r)
	}))
	defer front.Close()
	address := strings.Replace(front.URL, "http://", "ws://t0ken@", 1)

	headers := http.Header{"X-Tenant": {"a", "b"}, "Authorization": {"Bearer x"}, "X-Odd": {"\ta, ü", ""}}
	nc := must.Get(api.Connect(address, api.WebSocketConnectionHeaders(headers)))(t)
	nc.Close()
	got := await(t, seen, "a request")
	if len(got.Values("X-Tenant")) != 2 || got.Get("Authorization") != "Bearer x" {
		t.Errorf("the request has %v", got)
	}
	if _, changed := headers["Sec-Websocket-Key"]; changed || len(headers) != 3 {
		t.Errorf("the user's headers became %v", headers)
	}

	calls := 0
	again := make(chan *api.Conn, 1)
	nc = must.Get(api.Connect(address, api.WebSocketConnectionHeadersHandler(func() (http.Header, error) {
		calls++
		return http.Header{"X-Call": {string(number(calls))}}, nil
	}), api.ReconnectHandler(func(nc *api.Conn) { again <- nc })))(t)
	defer nc.Close()
	must.Do(t, nc.ForceReconnect())
	await(t, again, "the reconnect")
	for _, want := range []string{"1", "2"} {
		got := await(t, seen, "a request")
		if got.Get("X-Call") != want || got.Get("Authorization") != "" {
			t.Errorf("call %s: the request has %v", want, got)
		}
	}
}

var badHTTPHeaders = map[string]http.Header{
	"no name": {"": {"s3cr3t"}}, "blank": {"a b": {"s3cr3t"}}, "colon": {"a:b": nil}, "line end": {"a\r\nb": nil}, "not ASCII": {"ü": nil},
	"line end in a value": {"A": {"b", "s3cr3t\r\nInjected: y"}}, "NUL": {"A": {"\x00"}}, "DEL": {"A": {"\x7f"}},
	"key": {"Sec-WebSocket-Key": {"s3cr3t"}}, "upgrade": {"upgrade": {"h2c"}}, "connection": {"Connection": {"close"}},
}

func TestBadWebSocketHeadersAreRefused(t *testing.T) {
	for name, headers := range badHTTPHeaders {
		_, err := api.Connect("ws://127.0.0.1:1", api.WebSocketConnectionHeaders(headers))
		if refusedOption(t, err, "WebSocketConnectionHeaders"); strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%s: %v", name, err)
		}
		o := api.GetDefaultOptions()
		o.WebSocketConnectionHeaders = headers
		_, err = o.Connect()
		refusedOption(t, err, "WebSocketConnectionHeaders")
	}
}

func TestWebSocketHeadersHaveOneSource(t *testing.T) {
	static := api.WebSocketConnectionHeaders(http.Header{"A": {"b"}})
	handler := api.WebSocketConnectionHeadersHandler(func() (http.Header, error) { return nil, nil })
	for _, options := range [][]api.Option{{static, handler}, {handler, static}} {
		_, err := api.Connect("ws://127.0.0.1:1", options...)
		kinds(t, err, api.ErrWebSocketHeadersAlreadySet, api.ErrInvalidArg)
	}
	o := api.GetDefaultOptions()
	o.WebSocketConnectionHeaders = http.Header{"A": {"b"}}
	o.WebSocketConnectionHeadersHandler = func() (http.Header, error) { return nil, nil }
	_, err := o.Connect()
	kinds(t, err, api.ErrWebSocketHeadersAlreadySet)
}

// TestAHeadersHandlerMayDoAnything: the attempt fails with an error, and leaves nothing
// behind.
func TestAHeadersHandlerMayDoAnything(t *testing.T) {
	s := webSocketServer(t, nil)
	failed := errors.New("the handler's reason")
	for name, headers := range badHTTPHeaders {
		_, err := api.Connect(s.WebSocketURL(), api.WebSocketConnectionHeadersHandler(func() (http.Header, error) { return headers, nil }))
		kinds(t, err, api.ErrCallbackFailed, api.ErrNoServers)
		if bad := holds[*api.CallbackError](t, err); bad.Option != "WebSocketConnectionHeadersHandler" || strings.Contains(err.Error(), "s3cr3t") {
			t.Errorf("%s: %v", name, err)
		}
	}
	for name, c := range map[string]struct {
		handler func(leave <-chan struct{}) api.WebSocketHeadersHandler
		kind    error
	}{
		"error": {func(<-chan struct{}) api.WebSocketHeadersHandler {
			return func() (http.Header, error) { return nil, failed }
		}, failed},
		"panic": {func(<-chan struct{}) api.WebSocketHeadersHandler {
			return func() (http.Header, error) { panic("oh") }
		}, api.ErrHandlerPanic},
		"block": {func(leave <-chan struct{}) api.WebSocketHeadersHandler {
			return func() (http.Header, error) { <-leave; return nil, nil }
		}, api.ErrTimeout},
	} {
		synctest.Test(t, func(t *testing.T) {
			leave := make(chan struct{})
			defer close(leave)
			_, err := api.Connect("ws://127.0.0.1", api.SetCustomDialer(wordless("")), api.System(api.NewActorSystem(nil)),
				api.WebSocketConnectionHeadersHandler(c.handler(leave)))
			kinds(t, err, c.kind, api.ErrNoServers)
			if d := holds[*api.DialError](t, err); d.Phase != "upgrade" {
				t.Errorf("%s: phase %q", name, d.Phase)
			}
		})
	}
}

func TestSchemesAreNotMixed(t *testing.T) {
	for list, position := range map[string]int{
		"ws://a,nats://b": 2, "nats://a,ws://b": 2, "a,b,wss://c": 3, "wss://a,b,tls://c": 3, "tls://a,wss://b": 2, "ws://a,tcp://b": 2,
	} {
		_, err := api.Connect(list)
		kinds(t, err, api.ErrMixingWebsocketSchemes, api.ErrInvalidURL, api.ErrInvalidArg)
		if e := holds[*api.URLError](t, err); e.Position != position {
			t.Errorf("%s: %v, want position %d", list, err, position)
		}
	}
	s := webSocketServer(t, nil)
	bare := strings.TrimPrefix(s.WebSocketURL(), "ws://")
	nc := must.Get(api.Connect("ws://127.0.0.1:1," + bare))(t)
	defer nc.Close()
	flushed(t, nc)
	kinds(t, nc.SetServerPool([]string{"ws://a", "nats://b"}), api.ErrMixingWebsocketSchemes)
	kinds(t, nc.SetServerPool([]string{"nats://b"}), api.ErrMixingWebsocketSchemes)
	must.Do(t, nc.SetServerPool([]string{bare}))
	if pool := nc.ServerPool(); pool[0].URL.Scheme != "ws" {
		t.Errorf("the pool is %v", pool)
	}
}

// TestAnswersThatAreNoUpgrade: the error contains the status, but no other text of the answer.
func TestAnswersThatAreNoUpgrade(t *testing.T) {
	const secret = "5ecret"
	elsewhere := httptest.NewServer(http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("a redirect was followed") }))
	defer elsewhere.Close()
	accept := "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
	for name, c := range map[string]struct {
		answer string
		status int
	}{
		"not found":            {"HTTP/1.1 404 5ecret\r\nContent-Length: 6\r\n\r\n5ecret", 404},
		"forbidden":            {"HTTP/1.1 403 Forbidden\r\nX: 5ecret\r\nContent-Length: 1000000\r\n\r\n5ecret", 403},
		"redirect":             {"HTTP/1.1 302 Found\r\nLocation: " + elsewhere.URL + "/5ecret\r\n\r\n", 302},
		"redirect nowhere":     {"HTTP/1.1 301 Moved\r\n\r\n", 301},
		"fine, but no upgrade": {"HTTP/1.1 200 OK\r\n\r\n5ecret", 200},
		"unknown status":       {"HTTP/1.1 999 5ecret\r\n\r\n", 999},
		"early hints":          {"HTTP/1.1 103 Early Hints\r\n\r\n", 103},
		"no key":               {accept + "\r\n5ecret", 101},
		"wrong key":            {accept + "Sec-WebSocket-Accept: 5ecret\r\n\r\n", 101},
		"other protocol":       {"HTTP/1.1 101 Switching Protocols\r\nUpgrade: h2c\r\nConnection: Upgrade\r\n\r\n", 101},
		"NATS":                 {"INFO {\"nonce\":\"5ecret\"}\r\n", 0},
		"head without end":     {"HTTP/1.1 101 x\r\nX: 5ecret" + strings.Repeat("x", 1<<20), 0},
		"garbage":              {"\x00\x01\x025ecret\r\n\r\n", 0},
		"nothing":              {"", 0},
		"half a head":          {"HTTP/1.1 101 Switching\r\nUpgr", 0},
	} {
		t.Run(name, func(t *testing.T) {
			address := saying(t, c.answer)
			_, err := api.Connect("ws://user:5ecret@" + address + "/5ecret?token=5ecret")
			kinds(t, err, api.ErrWebSocketUpgrade, api.ErrNoServers)
			e := holds[*api.WebSocketUpgradeError](t, err)
			if e.Status != c.status || strings.Contains(err.Error(), secret) {
				t.Errorf("status %d, want %d: %v", e.Status, c.status, err)
			}
			if c.answer == "" {
				kinds(t, err, api.ErrUnexpectedEOF)
			}
		})
	}
}

// saying listens for clients, waits for their request, says one thing, and hangs up
// when they do.
func saying(t *testing.T, answer string) (address string) {
	t.Helper()
	listener := must.Get(net.Listen("tcp", "127.0.0.1:0"))(t)
	var running sync.WaitGroup
	running.Go(func() {
		for {
			conn, err := listener.Accept()
			if err != nil {
				return
			}
			running.Go(func() {
				defer conn.Close()
				buf := make([]byte, 4096)
				for got := ""; !strings.HasSuffix(got, "\r\n\r\n"); {
					n, err := conn.Read(buf)
					if err != nil {
						return
					}
					got += string(buf[:n])
				}
				_, _ = conn.Write([]byte(answer))
				_ = conn.(*net.TCPConn).CloseWrite()
				_, _ = io.Copy(io.Discard, conn)
			})
		}
	})
	t.Cleanup(running.Wait)
	t.Cleanup(func() { listener.Close() })
	return listener.Addr().String()
}

// TestAnUpgradeIsBounded by Timeout and by the context, whatever the peer does.
func TestAnUpgradeIsBounded(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		silent := []api.Option{api.SetCustomDialer(wordless("")), api.System(api.NewActorSystem(nil))}
		took(t, time.Second, func() {
			_, err := api.Connect("ws://127.0.0.1", append(silent, api.Timeout(time.Second))...)
			kinds(t, err, api.ErrWebSocketUpgrade, api.ErrNoServers)
		})
		ctx, cancel := context.WithCancel(context.Background())
		time.AfterFunc(10*time.Millisecond, cancel)
		took(t, 10*time.Millisecond, func() {
			_, err := api.ConnectContext(ctx, "ws://127.0.0.1", append(silent, api.Timeout(time.Hour))...)
			kinds(t, err, context.Canceled)
		})
	})
}

// TestCompressedBatchesFitTheServer: many small messages that wait together are sent in
// pieces that a server with a small max_payload accepts.
func TestCompressedBatchesFitTheServer(t *testing.T) {
	s := webSocketServer(t, func(o *natsserver.Options) { o.MaxPayload = 1000 })
	nc := must.Get(api.Connect(s.WebSocketURL(), api.Compression(true), api.NoReconnect()))(t)
	defer nc.Close()
	sub := must.Get(nc.SubscribeSync("a"))(t)
	data := bytes.Repeat([]byte("x"), 900)
	for range 1000 {
		must.Do(t, nc.Publish("a", data))
	}
	for range 1000 {
		must.Get(sub.NextMsgWithContext(must.Within(t, patience)))(t)
	}
}
