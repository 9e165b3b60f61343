package main

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"log"
	"net"
	neturl "net/url"
	"os"
	"strings"
	"syscall"
	"time"

	"github.com/nats-io/nats.go"
)

// differences prints, in one line each, what is not the same in both clients.
func differences(url string) error {
	nc, err := nats.Connect(url)
	if err != nil {
		return err
	}
	defer nc.Close()
	for _, difference := range []struct {
		name string
		show func(nc *nats.Conn, url string) string
	}{
		{"an error compared with ==", comparedDirectly},
		{"the text of an error", func(*nats.Conn, string) string { return strings.SplitAfter(nats.ErrTimeout.Error(), ":")[0] }},
		{"an error without ErrorHandler", defaultHandler},
		{"a refused connection", refusedConnection},
		{"a request without time", requestWithoutTime},
		{"a publish to a.*", func(nc *nats.Conn, _ string) string { return kind(nc.Publish("a.*", nil)) }},
		{"a publish to a..b", func(nc *nats.Conn, _ string) string { return kind(nc.Publish("a..b", nil)) }},
		{"a line end in a header", lineEndInHeader},
		{"blanks around a header's value", blanksInHeader},
		{"an empty list of values", emptyValues},
		{"NextMsg of a channel's", nextOfChannel},
		{"AutoUnsubscribe(-1)", negativeMax},
		{"the end of a connection for its subscriptions' listeners", listenerAtTheEnd},
		{"the DrainTimeout of bare Options", bareOptions},
		{"an empty server pool", func(nc *nats.Conn, _ string) string { return kind(nc.SetServerPool(nil)) }},
		{"one server listed twice", listedTwice},
		{"headers before the first connect", headersBefore},
		{"a drain without server", drainWithoutServer},
		{"a lost link and its requests", lostRequest},
		{"a lost link and its flushes", lostFlush},
		{"the cause of an end without reconnect", causeOfTheEnd},
		{"a subscription that the server refuses", refusedSubject},
		{"an unknown error of a server", unknownError},
	} {
		fmt.Printf("%s: %s\n", difference.name, difference.show(nc, url))
	}
	return nil
}

func comparedDirectly(nc *nats.Conn, _ string) string {
	sub, err := nc.SubscribeSync("nothing")
	if err != nil {
		return kind(err)
	}
	_, err = sub.NextMsg(time.Millisecond)
	return fmt.Sprintf("== %v, errors.Is %v", err == nats.ErrTimeout, errors.Is(err, nats.ErrTimeout))
}

// defaultHandler looks whether a slow consumer is written to standard error.
func defaultHandler(_ *nats.Conn, url string) string {
	read, write, err := os.Pipe()
	if err != nil {
		return kind(err)
	}
	before := os.Stderr
	os.Stderr = write
	defer func() { os.Stderr = before }()
	closed := make(chan bool)
	nc, err := nats.Connect(url, nats.ClosedHandler(func(*nats.Conn) { close(closed) }))
	if err != nil {
		return kind(err)
	}
	sub, err := nc.ChanSubscribe(nats.NewInbox(), make(chan *nats.Msg))
	if err != nil {
		return kind(err)
	}
	if err := publish(nc, sub.Subject, "a"); err != nil {
		return kind(err)
	}
	nc.Close()
	await(closed, "the last callback")
	write.Close()
	printed, err := io.ReadAll(read)
	if err != nil {
		return kind(err)
	}
	return fmt.Sprint("printed ", len(printed) > 0)
}

func negativeMax(nc *nats.Conn, _ string) string {
	sub, err := nc.SubscribeSync(nats.NewInbox())
	if err != nil {
		return kind(err)
	}
	err = sub.AutoUnsubscribe(-1)
	return fmt.Sprintf("%s, valid %v", kind(err), sub.IsValid())
}

func listenerAtTheEnd(_ *nats.Conn, url string) string {
	nc, err := nats.Connect(url)
	if err != nil {
		return kind(err)
	}
	sub, err := nc.SubscribeSync("a")
	if err != nil {
		return kind(err)
	}
	ended := sub.StatusChanged(nats.SubscriptionClosed)
	nc.Close()
	select {
	case <-ended:
		return "is told"
	case <-time.After(time.Second):
		return "is not told"
	}
}

func bareOptions(_ *nats.Conn, url string) string {
	nc, err := nats.Options{Url: url}.Connect()
	if err != nil {
		return kind(err)
	}
	defer nc.Close()
	return fmt.Sprint(nc.Opts.DrainTimeout)
}

func refusedConnection(*nats.Conn, string) string {
	_, err := nats.Connect("nats://" + nobody())
	return fmt.Sprintf("ErrNoServers %v, ECONNREFUSED %v", errors.Is(err, nats.ErrNoServers), errors.Is(err, syscall.ECONNREFUSED))
}

// nobody is an address at which nobody listens.
func nobody() string {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	defer listener.Close()
	return listener.Addr().String()
}

func requestWithoutTime(nc *nats.Conn, _ string) string {
	_, err := nc.Request("nothing", nil, 0)
	return fmt.Sprintf("ErrTimeout %v, ErrBadTimeout %v", errors.Is(err, nats.ErrTimeout), errors.Is(err, nats.ErrBadTimeout))
}

// sentHeader sends a value and returns how it comes.
func sentHeader(nc *nats.Conn, value string) string {
	sub, err := nc.SubscribeSync(nats.NewInbox())
	if err != nil {
		return kind(err)
	}
	if err := nc.PublishMsg(&nats.Msg{Subject: sub.Subject, Header: nats.Header{"A": {value}}}); err != nil {
		return "refused"
	}
	m, err := sub.NextMsg(patience)
	if err != nil {
		return kind(err)
	}
	return fmt.Sprintf("comes as %q", m.Header.Get("A"))
}

func lineEndInHeader(nc *nats.Conn, _ string) string { return sentHeader(nc, "a\r\nB: c") }

func blanksInHeader(nc *nats.Conn, _ string) string { return sentHeader(nc, " a ") }

func emptyValues(*nats.Conn, string) (text string) {
	defer func() {
		if recover() != nil {
			text = "panics"
		}
	}()
	return fmt.Sprintf("%q", nats.Header{"A": {}}.Get("A"))
}

func nextOfChannel(nc *nats.Conn, _ string) string {
	ch := make(chan *nats.Msg, 1)
	sub, err := nc.ChanSubscribe(nats.NewInbox(), ch)
	if err != nil {
		return kind(err)
	}
	if err := publish(nc, sub.Subject, "a"); err != nil {
		return kind(err)
	}
	_, err = sub.NextMsg(time.Second)
	return kind(err)
}

func listedTwice(_ *nats.Conn, url string) string {
	nc, err := nats.Connect(url + "," + url)
	if err != nil {
		return kind(err)
	}
	defer nc.Close()
	return fmt.Sprint(len(nc.Servers()))
}

// unconnected returns a connection that has not found a server yet.
func unconnected() *nats.Conn {
	nc, err := nats.Connect("nats://"+nobody(), nats.RetryOnFailedConnect(true), nats.ReconnectWait(time.Minute), nats.MaxReconnects(-1))
	if err != nil {
		log.Fatal(err)
	}
	return nc
}

func headersBefore(*nats.Conn, string) string {
	nc := unconnected()
	defer nc.Close()
	err := nc.PublishMsg(&nats.Msg{Subject: "a", Header: nats.Header{"A": {"b"}}})
	if errors.Is(err, nats.ErrHeadersNotSupported) {
		return "ErrHeadersNotSupported"
	}
	return kind(err)
}

func drainWithoutServer(*nats.Conn, string) string {
	nc := unconnected()
	defer nc.Close()
	err := nc.Drain()
	return fmt.Sprintf("ErrConnectionReconnecting %v, closed %v", errors.Is(err, nats.ErrConnectionReconnecting), nc.IsClosed())
}

// relay is between a client and a server, and can be cut.
type relay struct {
	url      string
	listener net.Listener
	conns    chan net.Conn // both ends
}

func newRelay(url string) *relay {
	parsed, err := neturl.Parse(url)
	if err != nil {
		log.Fatal(err)
	}
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	r := &relay{url: "nats://" + listener.Addr().String(), listener: listener, conns: make(chan net.Conn, 100)}
	go func() {
		for {
			client, err := listener.Accept()
			if err != nil {
				return
			}
			server, err := net.Dial("tcp", parsed.Host)
			if err != nil {
				log.Fatal(err)
			}
			r.conns <- client
			r.conns <- server
			go func() { _, _ = io.Copy(server, client) }()
			go func() { _, _ = io.Copy(client, server) }()
		}
	}()
	return r
}

// cut ends the connection through the relay, and lets no other through.
func (r *relay) cut() {
	r.listener.Close()
	await(r.conns, "a connection").Close()
	await(r.conns, "its other end").Close()
}

func lostRequest(nc *nats.Conn, url string) string {
	asked := make(chan bool, 1)
	sub, err := nc.Subscribe("asked", func(*nats.Msg) { asked <- true })
	if err != nil {
		return kind(err)
	}
	defer sub.Unsubscribe()
	r := newRelay(url)
	through, err := nats.Connect(r.url)
	if err != nil {
		return kind(err)
	}
	defer through.Close()
	failed := make(chan error, 1)
	go func() {
		_, err := through.Request("asked", nil, time.Second)
		failed <- err
	}()
	await(asked, "the question")
	r.cut()
	err = await(failed, "the end of the request")
	return fmt.Sprintf("ErrDisconnected %v, ErrTimeout %v", errors.Is(err, nats.ErrDisconnected), errors.Is(err, nats.ErrTimeout))
}

// lostFlush connects to a server that never answers a second PING.
func lostFlush(*nats.Conn, string) string {
	mute := newMute("")
	defer mute.listener.Close()
	nc, err := nats.Connect("nats://"+mute.listener.Addr().String(), nats.ReconnectWait(time.Minute))
	if err != nil {
		return kind(err)
	}
	defer nc.Close()
	failed := make(chan error, 1)
	go func() { failed <- nc.FlushTimeout(patience) }()
	await(mute.pinged, "the PING of the flush")
	mute.listener.Close()
	await(mute.conns, "the connection").Close()
	err = await(failed, "the end of the flush")
	return fmt.Sprintf("ErrDisconnected %v, ErrConnectionClosed %v", errors.Is(err, nats.ErrDisconnected), errors.Is(err, nats.ErrConnectionClosed))
}

// muteServer greets its client, says something, and is silent then.
type muteServer struct {
	listener net.Listener
	conns    chan net.Conn
	pinged   chan bool // gets one for each PING after the first
}

func newMute(says string) *muteServer {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		log.Fatal(err)
	}
	m := &muteServer{listener: listener, conns: make(chan net.Conn, 10), pinged: make(chan bool, 10)}
	go func() {
		conn, err := listener.Accept()
		if err != nil {
			return
		}
		m.conns <- conn
		fmt.Fprint(conn, "INFO {\"max_payload\":1000,\"headers\":true}\r\n")
		pings := 0
		for lines := bufio.NewScanner(conn); lines.Scan(); {
			if lines.Text() != "PING" {
				continue
			}
			if pings++; pings > 1 {
				m.pinged <- true
				continue
			}
			fmt.Fprint(conn, "PONG\r\n"+says)
		}
	}()
	return m
}

func causeOfTheEnd(_ *nats.Conn, url string) string {
	r := newRelay(url)
	cause := make(chan error, 1)
	nc, err := nats.Connect(r.url, nats.NoReconnect(), nats.DisconnectErrHandler(func(_ *nats.Conn, err error) { cause <- err }))
	if err != nil {
		return kind(err)
	}
	defer nc.Close()
	r.cut()
	return fmt.Sprint("nil ", await(cause, "the disconnect") == nil)
}

func refusedSubject(_ *nats.Conn, url string) string {
	nc, err := nats.Connect(url, nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	if err != nil {
		return kind(err)
	}
	defer nc.Close()
	_, err = nc.SubscribeSync("a.>.b")
	_ = nc.FlushTimeout(patience)
	return fmt.Sprintf("ErrBadSubject %v, connected %v", errors.Is(err, nats.ErrBadSubject), nc.IsConnected())
}

func unknownError(*nats.Conn, string) string {
	mute := newMute("-ERR 'Never Heard Of'\r\n")
	defer mute.listener.Close()
	reported, closed := make(chan error, 1), make(chan bool, 1)
	nc, err := nats.Connect("nats://"+mute.listener.Addr().String(),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { reported <- err }),
		nats.ClosedHandler(func(*nats.Conn) { closed <- true }))
	if err != nil {
		return kind(err)
	}
	defer nc.Close()
	select {
	case <-reported:
		return "is reported"
	case <-closed:
		return "closes the connection"
	case <-time.After(patience):
		return "nothing"
	}
}
