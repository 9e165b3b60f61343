package main

import (
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httputil"
	"net/url"
	"os"
	"strings"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
)

const (
	pass     = "Bearer of good news"
	patience = 30 * time.Second
)

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Println("websocket: FAILED:", err)
		os.Exit(1)
	}
	fmt.Println("websocket: ok")
}

// run is the program: it prints to out.
func run(out io.Writer) error {
	server, err := natsserver.Start(natsserver.Options{Name: "websocket", WebSocket: true})
	if err != nil {
		return err
	}
	defer server.Shutdown()
	gateway, address, err := openGateway(server.WebSocketURL())
	if err != nil {
		return err
	}
	defer gateway.Close()

	direct, err := api.Connect(server.URL())
	if err != nil {
		return err
	}
	defer direct.Close()
	greet := func(m *api.Msg) { _ = m.Respond([]byte("hello, " + string(m.Data))) }
	if _, err := direct.Subscribe("greet", greet); err != nil {
		return err
	}
	if err := direct.Flush(); err != nil { // the server has the subscription
		return err
	}

	path := api.ProxyPath("nats")
	_, err = api.Connect(address, path)
	var refused *api.WebSocketUpgradeError
	if !errors.As(err, &refused) {
		return fmt.Errorf("without a pass: %w", err)
	}
	fmt.Fprintf(out, "without a pass the gateway answers %d\n", refused.Status)

	nc, err := api.Connect(address, path, api.Compression(true), api.ReconnectWait(50*time.Millisecond),
		api.WebSocketConnectionHeaders(http.Header{"Authorization": {pass}}))
	if err != nil {
		return err
	}
	defer nc.Close()
	return talk(out, nc, direct, server)
}

// talk sends requests through the gateway, which direct answers, before and after the
// server is killed.
func talk(out io.Writer, nc, direct *api.Conn, server *natsserver.Server) error {
	answer, err := nc.Request("greet", []byte("through the gateway"), patience)
	if err != nil {
		return err
	}
	fmt.Fprintf(out, "with it: %s\n", answer.Data)
	large := strings.Repeat("tell me more ", 10_000)
	if answer, err = nc.Request("greet", []byte(large), patience); err != nil {
		return err
	}
	fmt.Fprintf(out, "and %d bytes, compressed in transit\n", len(answer.Data))

	back := []chan api.Status{nc.StatusChanged(api.CONNECTED), direct.StatusChanged(api.CONNECTED)}
	server.Kill()
	if err := server.Restart(); err != nil {
		return err
	}
	for _, connected := range back {
		select {
		case <-connected:
		case <-time.After(patience):
			return fmt.Errorf("not connected again: %w", errors.Join(nc.LastError(), direct.LastError()))
		}
	}
	if err := direct.Flush(); err != nil { // the server has its subscription again
		return err
	}
	if answer, err = nc.Request("greet", []byte("again"), patience); err != nil {
		return err
	}
	fmt.Fprintf(out, "back after the server was killed: %s\n", answer.Data)
	return nil
}

// openGateway starts a gateway to the server, and returns the address for its clients:
// requests to /nats with the pass are let through.
func openGateway(target string) (*http.Server, string, error) {
	to, err := url.Parse(strings.Replace(target, "ws://", "http://", 1))
	if err != nil {
		return nil, "", err
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, "", err
	}
	forward := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(to)
			r.Out.URL.Path = "/"
		},
		ErrorLog: log.New(io.Discard, "", 0), // it would log that the server is down
	}
	gateway := &http.Server{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path != "/nats" || r.Header.Get("Authorization") != pass {
			http.Error(w, "who are you?", http.StatusUnauthorized)
			return
		}
		forward.ServeHTTP(w, r)
	})}
	go func() { _ = gateway.Serve(listener) }() // ends with Close
	return gateway, "ws://" + listener.Addr().String(), nil
}
