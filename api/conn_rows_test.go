package api_test

import (
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
)

// publishes is what publishing says.
func publishes(c connection) string {
	return list("publish", c.Publish("a", nil), c.Publish("", nil), "request", c.PublishRequest("a", "b", nil), c.PublishRequest("a", "", nil))
}

// asked is what the calls that need an answer of the server say.
func asked(c connection) string {
	rtt, err := c.RTT()
	return list("flush", c.FlushTimeout(patience), c.FlushTimeout(0), c.FlushTimeout(-1), "rtt", rtt > 0, err)
}

// about is what the connection says of its server, whether it has one or not.
func about(c connection) string {
	id, err := c.GetClientID()
	return list("now", c.ConnectedUrl() != "", c.ConnectedUrlRedacted() != "", c.ConnectedAddr() != "", c.ConnectedServerId() != "",
		c.ConnectedServerName() != "", c.ConnectedServerVersion() != "", c.ConnectedClusterName() != "",
		"last", c.MaxPayload() > 0, c.HeadersSupported(), c.AuthRequired(), c.TLSRequired(), "id", id > 0, err,
		"servers", len(c.Servers()), len(c.DiscoveredServers()))
}

// state is what the questions about the state say.
func state(c connection) string {
	return list(c.IsConnected(), c.IsReconnecting(), c.IsDraining(), c.IsClosed())
}

// TestConnRows calls everything in the states that need no lost server.
func TestConnRows(t *testing.T) {
	runRows(t, []row{
		{name: "connected", run: func(p *peer) string {
			n, err := p.conn.Buffered()
			return list(state(p.conn), publishes(p.conn), asked(p.conn), about(p.conn), "buffered", n >= 0, err, p.conn.LastError())
		}, want: "true false false false publish ok BadSubject request ok BadSubject flush ok BadTimeout BadTimeout rtt true ok" +
			" now true true true true true true false last true true false false id true ok servers 1 0 buffered true ok ok"},
		{name: "nil", run: func(p *peer) string {
			return list(p.nilConn.Publish("a", nil), p.nilConn.FlushTimeout(1), p.nilConn.LastError(), p.nilConn.ConnectedUrl() == "")
		}, want: "InvalidConnection InvalidConnection InvalidConnection true"},
		{name: "nil of everything else", run: func(p *peer) string {
			c := p.nilConn
			n, err := c.Buffered()
			_, rtt := c.RTT()
			c.Close()
			return list(state(c), about(c), n, err, rtt, c.Drain(), c.ForceReconnect(), c.PublishRequest("a", "b", nil), c.Barrier(func() {}), c.NumSubscriptions())
		}, want: "false false false false now false false false false false false false last false false false false" +
			" id false InvalidConnection servers 0 0 -1" + strings.Repeat(" InvalidConnection", 6) + " 0",
			theirs: "-", why: "much of it panics"},
		{name: "closed", run: func(p *peer) string {
			p.conn.Close()
			p.conn.Close()
			n, err := p.conn.Buffered()
			return list(state(p.conn), p.conn.Publish("a", nil), p.conn.Publish("", nil), p.conn.PublishRequest("a", "b", nil),
				asked(p.conn), about(p.conn), "buffered", n, err,
				p.conn.Drain(), p.conn.ForceReconnect(), p.attempt("a"), p.attempt(""), p.request("a"), p.conn.Barrier(func() {}))
		}, want: "false false false true ConnectionClosed BadSubject ConnectionClosed" +
			" flush ConnectionClosed BadTimeout BadTimeout rtt false ConnectionClosed" +
			" now false false false false false false false last true true false false id false ConnectionClosed servers 1 0" +
			" buffered -1 ConnectionClosed ConnectionClosed ConnectionClosed ConnectionClosed BadSubject ConnectionClosed ConnectionClosed"},
		{name: "draining", run: func(p *peer) string {
			begun, gate := make(chan string, 10), make(chan struct{})
			p.async("a", func(data string) { begun <- data; <-gate })
			p.send("a", 1, 1)
			await(p.t, begun, "the message")
			must.Do(p.t, p.conn.Drain())
			defer close(gate)
			return list(state(p.conn), publishes(p.conn), asked(p.conn), "subscribe", p.attempt("b"), p.request("a"),
				"drain", p.conn.Drain(), "now", p.conn.ConnectedUrl() != "", p.conn.MaxPayload() > 0)
		}, want: "true false true false publish ok BadSubject request ok BadSubject flush ok BadTimeout BadTimeout rtt true ok" +
			" subscribe ConnectionDraining ConnectionDraining drain ok now false true"},
		{name: "messages that are too large", run: func(p *peer) string {
			most := int(p.conn.MaxPayload())
			return list(p.conn.Publish("a", make([]byte, most)), p.conn.Publish("a", make([]byte, most+1)),
				p.conn.PublishRequest("a", "b", make([]byte, most+1)), p.conn.FlushTimeout(patience))
		}, want: "ok MaxPayload MaxPayload ok"},
		{name: "subjects", run: func(p *peer) string {
			var said []string
			for _, subject := range []string{"", "a b", "a\tb", "a\r\n", "a.b", "a..b", ".a", "a.", "a.*", "a.>"} {
				said = append(said, name(p.conn.Publish(subject, nil)))
			}
			return fmt.Sprint(said)
		}, want: "[BadSubject BadSubject BadSubject BadSubject ok BadSubject BadSubject BadSubject BadSubject BadSubject]",
			theirs: "[BadSubject BadSubject BadSubject BadSubject ok ok ok ok ok ok]",
			why:    "nobody could get such a message, and a pedantic server ends the connection; SkipSubjectValidation lets it through"},
		{name: "a reconnect that is asked for ten times", run: func(p *peer) string {
			before, _ := p.conn.GetClientID()
			var said []string
			for range 10 {
				said = append(said, name(p.conn.ForceReconnect()))
			}
			p.again()
			after, err := p.conn.GetClientID()
			return list(said[0], said[9], after > before, err)
		}, want: "ok ok true ok"},
	})
}

// TestConnRowsWithoutServer calls everything while there is no server.
func TestConnRowsWithoutServer(t *testing.T) {
	const want = "false true false false publish ok BadSubject request ok BadSubject rtt Disconnected buffered true ok subscribe ok" +
		" now false false false false false false false last true true false false id true ok servers 1 0 force ok"
	run := func(t *testing.T, p *peer, s *natsserver.Server) string {
		p.flush()
		s.Kill()
		for deadline := time.Now().Add(patience); !p.conn.IsReconnecting(); {
			if time.Now().After(deadline) {
				t.Fatal("not reconnecting")
			}
			_ = p.conn.FlushTimeout(time.Millisecond) // ends with the link, or in time
		}
		said := list(state(p.conn), publishes(p.conn))
		_, rtt := p.conn.RTT()
		n, err := p.conn.Buffered()
		said = list(said, "rtt", rtt, "buffered", n > 0, err, "subscribe", p.attempt("b"), about(p.conn))
		return list(said, "force", p.conn.ForceReconnect())
	}
	t.Run("ours", func(t *testing.T) {
		s := start(t)
		p := ours(t, s, api.ReconnectWait(time.Hour))
		want := strings.Replace(want, "rtt ", "rtt ConnectionReconnecting+", 1) // it says more
		if got := run(t, p, s); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if err := p.conn.Drain(); name(err) != "ConnectionReconnecting+Disconnected" || p.conn.IsClosed() {
			t.Errorf("drain: %v, closed %v", err, p.conn.IsClosed())
		}
	})
	t.Run("theirs", func(t *testing.T) {
		s := start(t)
		p := theirs(t, s, nats.ReconnectWait(time.Hour))
		if got := run(t, p, s); got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
		if err := p.conn.Drain(); name(err) != "ConnectionReconnecting" || !p.conn.IsClosed() { // they close what cannot be drained
			t.Errorf("drain: %v, closed %v", err, p.conn.IsClosed())
		}
	})
}
