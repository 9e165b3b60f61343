package api_test

import (
	"errors"
	"fmt"
	"runtime"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/must"
)

// every calls all methods that can fail and returns what they say.
func every(h *held) string {
	_, next := h.next(time.Millisecond)
	pm, pb, pending := h.Pending()
	xm, xb, most := h.MaxPending()
	lm, lb, limits := h.PendingLimits()
	d, delivered := h.Delivered()
	r, dropped := h.Dropped()
	_, queued := h.QueuedMsgs()
	return list("next", next, "auto", h.AutoUnsubscribe(1), "limits", h.SetPendingLimits(1, 1), lm, lb, limits,
		"pending", pm, pb, pending, "most", xm, xb, most, h.ClearMaxPending(), "delivered", d, delivered, "dropped", r, dropped,
		"queued", queued, "drain", h.Drain(), "unsubscribe", h.Unsubscribe(), "valid", h.IsValid(), h.IsDraining())
}

// TestSubscriptionsThatHaveEnded answer every call in the same way.
func TestSubscriptionsThatHaveEnded(t *testing.T) {
	kinds := map[string]func(p *peer) *held{
		"sync":    func(p *peer) *held { return p.sync("a") },
		"async":   func(p *peer) *held { return p.async("a", func(string) {}) },
		"channel": func(p *peer) *held { return p.channel("a", 1) },
	}
	const bad = " limits BadSubscription -1 -1 BadSubscription pending -1 -1 BadSubscription" +
		" most -1 -1 BadSubscription BadSubscription delivered -1 BadSubscription dropped -1 BadSubscription queued BadSubscription"
	rows := []row{{name: "nil", run: func(p *peer) string { return every(p.nilSub()) },
		want: "next BadSubscription auto BadSubscription" + bad + " drain BadSubscription unsubscribe BadSubscription valid false false"}}
	for kind, subscribe := range kinds {
		rows = append(rows, row{name: kind + " unsubscribed", run: func(p *peer) string {
			h := subscribe(p)
			must.Do(p.t, h.Unsubscribe())
			return every(h)
		}, want: "next BadSubscription auto BadSubscription" + bad + " drain ok unsubscribe BadSubscription valid false false"},
			row{name: kind + " closed with the connection", run: func(p *peer) string {
				h := subscribe(p)
				p.conn.Close()
				return every(h)
			}, want: "next ConnectionClosed auto ConnectionClosed" + bad + " drain ConnectionClosed unsubscribe ConnectionClosed valid false false",
				theirs: "next ConnectionClosed auto BadSubscription" + bad + " drain ConnectionClosed unsubscribe ConnectionClosed valid false false",
				why:    "Unsubscribe and Drain say that the connection is closed, and so does this"})
	}
	runRows(t, rows)
}

func TestSubscriptionRows(t *testing.T) {
	runRows(t, []row{
		{name: "types", run: func(p *peer) string {
			return list(p.async("a", func(string) {}).typ(), p.sync("a").typ(), p.channel("a", 1).typ(), p.nilSub().typ())
		}, want: "0 1 2 3"},
		{name: "default limits", run: func(p *peer) string {
			am, ab, aerr := p.async("a", func(string) {}).PendingLimits()
			sm, sb, serr := p.sync("a").PendingLimits()
			return list(am, ab, aerr, sm, sb, serr)
		}, want: "500000 67108864 ok 65536 67108864 ok"},
		{name: "limits", run: func(p *peer) string {
			h := p.sync("a")
			said := list(h.SetPendingLimits(0, 1), h.SetPendingLimits(1, 0), h.SetPendingLimits(-1, -2), h.SetPendingLimits(7, 8))
			msgs, bytes, err := h.PendingLimits()
			return list(said, msgs, bytes, err)
		}, want: "InvalidArg InvalidArg ok ok 7 8 ok"},
		{name: "a channel's", run: func(p *peer) string {
			h := p.channel("a", 4)
			p.send("a", 1, 6)
			_, _, pending := h.Pending()
			_, _, most := h.MaxPending()
			_, _, limits := h.PendingLimits()
			_, queued := h.QueuedMsgs()
			delivered, err := h.Delivered()
			dropped, derr := h.Dropped()
			return list(pending, most, h.ClearMaxPending(), limits, h.SetPendingLimits(1, 1), h.SetPendingLimits(0, 0), queued, delivered, err, dropped, derr)
		}, want: "TypeSubscription TypeSubscription TypeSubscription TypeSubscription TypeSubscription TypeSubscription TypeSubscription 4 ok 2 ok"},
		{name: "next of a channel", run: func(p *peer) string {
			h := p.channel("a", 4)
			p.send("a", 1, 2)
			said := h.poll()
			n, _ := h.Delivered()
			return list(said, n)
		}, want: "TypeSubscription+SyncSubRequired 2", theirs: "1 3", why: "it reads the user's channel and counts twice"},
		{name: "next of a handler's", run: func(p *peer) string { return p.async("a", func(string) {}).poll() }, want: "SyncSubRequired"},
		{name: "next without a message", run: func(p *peer) string { return p.sync("a").poll() }, want: "Timeout"},
		{name: "next behind the end, with messages left", run: func(p *peer) string {
			h := p.sync("a")
			p.send("a", 1, 3)
			first := h.read()
			must.Do(p.t, h.Unsubscribe())
			return list(first, h.poll())
		}, want: "1 BadSubscription"},
		{name: "next of a slow consumer", run: func(p *peer) string {
			h := p.sync("a")
			must.Do(p.t, h.SetPendingLimits(2, -1))
			p.send("a", 1, 5)
			said := list(h.read(), h.read(), h.read(), h.poll())
			n, _ := h.Dropped()
			return list(said, n)
		}, want: "SlowConsumer 1 2 Timeout 3"},
		{name: "next of a slow consumer on a closed connection", run: func(p *peer) string {
			h := p.sync("a")
			must.Do(p.t, h.SetPendingLimits(2, -1))
			p.send("a", 1, 5)
			p.conn.Close()
			return h.poll()
		}, want: "ConnectionClosed"},
		{name: "next of a slow consumer that has ended", run: func(p *peer) string {
			h := p.sync("a")
			must.Do(p.t, h.SetPendingLimits(2, -1))
			p.send("a", 1, 5)
			must.Do(p.t, h.Unsubscribe())
			return h.poll()
		}, want: "BadSubscription"},
		{name: "counts", run: func(p *peer) string {
			begun, gate := make(chan string, 10), make(chan struct{})
			h := p.async("a", func(data string) { begun <- data; <-gate })
			must.Do(p.t, h.SetPendingLimits(3, -1))
			p.send("a", 1, 1)
			await(p.t, begun, "the first message")
			p.send("a", 2, 6)
			msgs, bytes, _ := h.Pending()
			queued, _ := h.QueuedMsgs()
			most, mostBytes, _ := h.MaxPending()
			delivered, _ := h.Delivered()
			dropped, _ := h.Dropped()
			cleared := h.ClearMaxPending()
			after, afterBytes, _ := h.MaxPending()
			close(gate)
			return list(msgs, bytes, queued, "most", most, mostBytes, "delivered", delivered, "dropped", dropped, cleared, after, afterBytes)
		}, want: "3 3 3 most 4 4 delivered 1 dropped 3 ok 0 0"},
	})
}

// four reads three messages and what comes behind them.
func (h *held) four() string { return list(h.read(), h.read(), h.read(), h.poll(), h.IsValid()) }

// TestAutoUnsubscribeRows: limits set, raised, lowered and reached in every order.
func TestAutoUnsubscribeRows(t *testing.T) {
	runRows(t, []row{
		{name: "reached", run: func(p *peer) string {
			h := p.sync("a")
			must.Do(p.t, h.AutoUnsubscribe(3))
			p.send("a", 1, 5)
			return list(h.IsValid(), h.four(), h.AutoUnsubscribe(9), h.Unsubscribe())
		}, want: "true 1 2 3 MaxMessages false BadSubscription BadSubscription"},
		{name: "zero", run: func(p *peer) string {
			h := p.sync("a")
			p.send("a", 1, 2)
			return list(h.AutoUnsubscribe(0), h.IsValid(), h.poll())
		}, want: "ok false BadSubscription"},
		{name: "negative", run: func(p *peer) string {
			h := p.sync("a")
			return list(h.AutoUnsubscribe(-1), h.IsValid())
		}, want: "InvalidArg true", theirs: "ok false", why: "a number that means nothing is no wish to unsubscribe"},
		{name: "raised", run: func(p *peer) string {
			h := p.sync("a")
			must.Do(p.t, h.AutoUnsubscribe(1))
			must.Do(p.t, h.AutoUnsubscribe(3))
			p.send("a", 1, 5)
			return h.four()
		}, want: "1 2 3 MaxMessages false"},
		{name: "lowered before any came", run: func(p *peer) string {
			h := p.sync("a")
			must.Do(p.t, h.AutoUnsubscribe(9))
			must.Do(p.t, h.AutoUnsubscribe(3))
			p.send("a", 1, 5)
			return h.four()
		}, want: "1 2 3 MaxMessages false"},
		{name: "lowered to between delivered and received", run: func(p *peer) string {
			h := p.sync("a")
			p.send("a", 1, 5)
			first := h.read()
			must.Do(p.t, h.AutoUnsubscribe(3))
			p.send("a", 6, 6)
			return list(first, h.read(), h.read(), h.poll(), h.IsValid())
		}, want: "1 2 3 MaxMessages false"},
		{name: "lowered to what was delivered", run: func(p *peer) string {
			h := p.sync("a")
			p.send("a", 1, 5)
			first, second := h.read(), h.read()
			return list(first, second, h.AutoUnsubscribe(2), h.IsValid(), h.poll())
		}, want: "1 2 ok false MaxMessages"},
		{name: "lowered below what was delivered", run: func(p *peer) string {
			h := p.sync("a")
			p.send("a", 1, 5)
			first, second := h.read(), h.read()
			return list(first, second, h.AutoUnsubscribe(1), h.IsValid(), h.poll())
		}, want: "1 2 ok false MaxMessages"},
		{name: "raised when the server had sent all", run: func(p *peer) string {
			h := p.sync("a")
			must.Do(p.t, h.AutoUnsubscribe(2))
			p.send("a", 1, 5)
			said := list(h.AutoUnsubscribe(4))
			return list(said, h.read(), h.read(), h.poll(), h.IsValid())
		}, want: "ok 1 2 MaxMessages false", theirs: "ok 1 2 Timeout true", why: "the server has ended it, so nothing can come"},
	})
}

// TestAutoUnsubscribeCounts what the server has sent, whatever became of it.
func TestAutoUnsubscribeCounts(t *testing.T) {
	runRows(t, []row{
		{name: "across a reconnect", run: func(p *peer) string {
			h := p.sync("a")
			must.Do(p.t, h.AutoUnsubscribe(3))
			p.send("a", 1, 2)
			must.Do(p.t, p.conn.ForceReconnect())
			p.again()
			p.send("a", 3, 6)
			return h.four()
		}, want: "1 2 3 MaxMessages false"},
		{name: "with drops", run: func(p *peer) string {
			h := p.sync("a")
			must.Do(p.t, h.SetPendingLimits(2, -1))
			must.Do(p.t, h.AutoUnsubscribe(4))
			p.send("a", 1, 9)
			return h.four()
		}, want: "SlowConsumer 1 2 MaxMessages false", theirs: "SlowConsumer 1 2 Timeout true", why: "the server counts what is dropped here, and sends no more"},
		{name: "with drops, across a reconnect", run: func(p *peer) string {
			h := p.sync("a")
			must.Do(p.t, h.SetPendingLimits(1, -1))
			must.Do(p.t, h.AutoUnsubscribe(4))
			p.send("a", 1, 3) // two are dropped
			must.Do(p.t, p.conn.ForceReconnect())
			p.again()
			said := list(h.read(), h.read())
			p.send("a", 4, 4)
			return list(said, h.read(), h.poll(), h.IsValid())
		}, want: "SlowConsumer 1 4 MaxMessages false", theirs: "SlowConsumer 1 4 Timeout true", why: "it counts what was delivered"},
		{name: "of a handler", run: func(p *peer) string {
			got := make(chan string, 10)
			h := p.async("a", func(data string) { got <- data })
			ended := h.ending()
			must.Do(p.t, h.AutoUnsubscribe(2))
			p.send("a", 1, 5)
			return list(await(p.t, ended, "the end"), len(got), h.IsValid(), p.conn.NumSubscriptions())
		}, want: "a 2 false 0"},
		{name: "of a channel", run: func(p *peer) string {
			h := p.channel("a", 10)
			ended := h.ending()
			must.Do(p.t, h.AutoUnsubscribe(2))
			p.send("a", 1, 5)
			return list(await(p.t, ended, "the end"), h.IsValid(), p.conn.NumSubscriptions())
		}, want: "a false 0"},
		{name: "while draining", run: func(p *peer) string {
			h := p.sync("a")
			ended := h.ending()
			p.send("a", 1, 5)
			must.Do(p.t, h.Drain())
			must.Do(p.t, h.AutoUnsubscribe(2))
			said := list(h.read(), h.read())
			return list(said, await(p.t, ended, "the end"), h.poll())
		}, want: "1 2 a MaxMessages"},
	})
}

// again waits until the connection is there again.
func (p *peer) again() {
	p.t.Helper()
	for range 1000 {
		if err := p.conn.FlushTimeout(patience); err == nil && p.conn.IsConnected() {
			return
		}
	}
	p.t.Fatal("not connected again")
}

// TestDrainRows drains subscriptions in every state.
func TestDrainRows(t *testing.T) {
	runRows(t, []row{
		{name: "of a reader that reads on", run: func(p *peer) string {
			h := p.sync("a")
			ended := h.ending()
			p.send("a", 1, 2)
			said := list(h.Drain(), h.IsDraining(), h.IsValid(), h.Drain())
			p.send("a", 3, 4) // behind the UNSUB
			said = list(said, h.read(), len(ended), h.read())
			return list(said, await(p.t, ended, "the end"), h.IsDraining(), h.IsValid(), h.poll(), h.Drain())
		}, want: "ok true true ok 1 0 2 a false false BadSubscription ok",
			theirs: "-", why: "for a moment behind its end it may still be draining"},
		{name: "of nothing", run: func(p *peer) string {
			h := p.sync("a")
			ended := h.ending()
			return list(h.Drain(), await(p.t, ended, "the end"))
		}, want: "ok a"},
		{name: "of a handler", run: func(p *peer) string {
			begun, gate := make(chan string, 10), make(chan struct{})
			h := p.async("a", func(data string) { begun <- data; <-gate })
			ended := h.ending()
			p.send("a", 1, 3)
			await(p.t, begun, "the first message")
			must.Do(p.t, h.Drain())
			p.send("a", 4, 5)
			said := list(len(ended), h.IsDraining())
			close(gate)
			return list(said, await(p.t, ended, "the end"), len(begun))
		}, want: "0 true a 2"},
		{name: "of a channel", run: func(p *peer) string {
			h := p.channel("a", 10)
			ended := h.ending()
			p.send("a", 1, 3)
			return list(h.Drain(), await(p.t, ended, "the end"), h.IsValid())
		}, want: "ok a false"},
		{name: "cut short", run: func(p *peer) string {
			h := p.sync("a")
			ended := h.ending()
			p.send("a", 1, 3)
			return list(h.Drain(), h.Unsubscribe(), await(p.t, ended, "the end"), h.poll(), h.Unsubscribe())
		}, want: "ok ok a BadSubscription BadSubscription"},
		{name: "across a reconnect", run: func(p *peer) string {
			h := p.sync("a")
			ended := h.ending()
			p.send("a", 1, 2)
			must.Do(p.t, h.Drain())
			p.flush()
			must.Do(p.t, p.conn.ForceReconnect())
			p.again()
			p.send("a", 3, 4)
			return list(h.read(), h.read(), await(p.t, ended, "the end"), h.poll())
		}, want: "1 2 a BadSubscription", theirs: "-", why: "it subscribes again to what is being drained"},
		{name: "while the connection drains", run: func(p *peer) string {
			h := p.sync("a")
			p.send("a", 1, 2)
			must.Do(p.t, p.conn.Drain())
			said := list(h.Unsubscribe(), h.Drain(), h.IsDraining())
			first, second := h.read(), h.read()
			return list(said, first, second)
		}, want: "ConnectionDraining ok true 1 2"},
		{name: "with the connection closed", run: func(p *peer) string {
			h := p.sync("a")
			p.send("a", 1, 2)
			must.Do(p.t, h.Drain())
			p.conn.Close()
			return list(h.Drain(), h.poll())
		}, want: "ConnectionClosed ConnectionClosed"},
	})
}

// TestStatusRows: what status channels and the closed handler receive.
func TestStatusRows(t *testing.T) {
	all := func(p *peer, ch <-chan string) (heard []string) {
		for {
			select {
			case s, ok := <-ch:
				if !ok {
					return append(heard, "end")
				}
				heard = append(heard, s)
			case <-time.After(patience):
				return append(heard, "open")
			}
		}
	}
	rows := []row{
		{name: "slow and over", run: func(p *peer) string {
			h := p.sync("a")
			ch := h.status()
			must.Do(p.t, h.SetPendingLimits(2, -1))
			p.send("a", 1, 5)
			h.read()
			h.read()
			must.Do(p.t, h.Drain())
			h.read()
			return fmt.Sprint(all(p, ch))
		}, want: "[Active SlowConsumer Active Draining Closed end]"},
		{name: "on one that has ended", run: func(p *peer) string {
			h := p.sync("a")
			must.Do(p.t, h.Unsubscribe())
			return fmt.Sprint(all(p, h.status()))
		}, want: "[Closed end]"},
		{name: "at the end of the connection", run: func(p *peer) string {
			h := p.sync("a")
			ch := h.status()
			p.conn.Close()
			return fmt.Sprint(all(p, ch))
		}, want: "[Active Closed end]", theirs: "-", why: "its listeners hear nothing and stay open"},
	}
	for kind, subscribe := range map[string]func(p *peer) *held{
		"sync":    func(p *peer) *held { return p.sync("a") },
		"async":   func(p *peer) *held { return p.async("a", func(string) {}) },
		"channel": func(p *peer) *held { return p.channel("a", 10) },
	} {
		for end, f := range map[string]func(p *peer, h *held){
			"unsubscribe":  func(_ *peer, h *held) { _ = h.Unsubscribe() },
			"drain":        func(_ *peer, h *held) { _ = h.Drain() },
			"close":        func(p *peer, _ *held) { p.conn.Close() },
			"drain of all": func(p *peer, _ *held) { _ = p.conn.Drain() },
		} {
			rows = append(rows, row{name: "closed handler of " + kind + " by " + end, run: func(p *peer) string {
				h := subscribe(p)
				ended := h.ending()
				f(p, h)
				said := await(p.t, ended, "the end")
				again := h.ending() // too late
				p.conn.Close()
				return list(said, len(ended), len(again))
			}, want: "a 0 0"})
		}
	}
	runRows(t, rows)
}

// episodes returns the slow-consumer events of a connection, which it closes.
func episodes(t *testing.T, nc *api.Conn) (told []string) {
	t.Helper()
	nc.Close()
	for _, e := range nc.EventLog() {
		switch e.Kind {
		case api.SlowConsumerBegan:
			told = append(told, fmt.Sprintf("began %d", e.Count))
		case api.SlowConsumerEnded:
			told = append(told, fmt.Sprintf("ended %d %d", e.Count, e.Bytes))
		}
	}
	return told
}

// TestEpisodesAreToldExactly: a subscription that stays at its limit is slow once, and the
// losses until it has caught up are reported exactly, in messages and bytes.
func TestEpisodesAreToldExactly(t *testing.T) {
	const limit, rounds = 4, 20
	s := start(t)
	read := func(sub *api.Subscription) func() {
		return func() {
			_, err := sub.NextMsg(patience)
			if errors.Is(err, api.ErrSlowConsumer) {
				_, err = sub.NextMsg(patience)
			}
			must.Do(t, err)
		}
	}
	for name, subscribe := range map[string]func(nc *api.Conn) (readOne func()){
		"by messages": func(nc *api.Conn) func() {
			return read(must.Get(nc.SubscribeSync("a", api.PendingLimits(limit, -1)))(t))
		},
		"by bytes": func(nc *api.Conn) func() {
			return read(must.Get(nc.SubscribeSync("a", api.PendingLimits(-1, 2*limit)))(t))
		},
		"channel": func(nc *api.Conn) func() {
			ch := make(chan *api.Msg, limit)
			must.Get(nc.ChanSubscribe("a", ch))(t)
			return func() { await(t, ch, "a message") }
		},
	} {
		t.Run(name, func(t *testing.T) {
			nc := dial(t, s)
			readOne := subscribe(nc)
			send := func(n int) {
				for range n {
					must.Do(t, nc.Publish("a", []byte("xx")))
				}
				flushed(t, nc)
			}
			send(limit + 1) // one too many: how many begin an episode depends on how they are read
			send(2)
			for range rounds { // one comes where one has left, and one too many
				readOne()
				send(1)
				send(1)
			}
			for range 2 {
				for range limit {
					readOne()
				}
				send(1) // a channel shows with the next message that it has room
				readOne()
				send(limit + 1)
			}
			want := []string{"began 1", fmt.Sprintf("ended %d %d", 3+rounds, 2*(3+rounds)),
				"began 1", "ended 1 2", "began 1", "ended 1 2"}
			if told := episodes(t, nc); fmt.Sprint(told) != fmt.Sprint(want) {
				t.Errorf("told %v, want %v", told, want)
			}
		})
	}
}

// TestClosedHandlersMayCallAnything, for every kind of subscription and end.
func TestClosedHandlersMayCallAnything(t *testing.T) {
	s := start(t)
	for kind, subscribe := range map[string]func(nc *api.Conn) (*api.Subscription, error){
		"async":   func(nc *api.Conn) (*api.Subscription, error) { return nc.Subscribe("a", func(*api.Msg) {}) },
		"sync":    func(nc *api.Conn) (*api.Subscription, error) { return nc.SubscribeSync("a") },
		"channel": func(nc *api.Conn) (*api.Subscription, error) { return nc.ChanSubscribe("a", make(chan *api.Msg, 1)) },
	} {
		t.Run(kind, func(t *testing.T) {
			nc := dial(t, s)
			sub := must.Get(subscribe(nc))(t)
			done := make(chan error, 1)
			sub.SetClosedHandler(func(string) {
				if sub.IsValid() || !errors.Is(sub.Unsubscribe(), api.ErrBadSubscription) {
					t.Error("valid in its closed handler")
				}
				again, err := subscribe(nc)
				if err == nil {
					err = errors.Join(again.Unsubscribe(), nc.Publish("a", nil), nc.Flush())
				}
				nc.Stats()
				nc.Close()
				done <- err
			})
			must.Do(t, sub.Unsubscribe())
			must.Do(t, await(t, done, "the closed handler"))
		})
	}
}

// TestASubscriptionWithoutMessagesIsSmall, whatever its limits: nothing is allocated in
// advance.
func TestASubscriptionWithoutMessagesIsSmall(t *testing.T) {
	_, nc := both(t)
	const count, most = 2000, 4 << 10
	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	for range count {
		must.Get(nc.SubscribeSync("a"))(t)
	}
	runtime.ReadMemStats(&after)
	if each := (after.TotalAlloc - before.TotalAlloc) / count; each > most {
		t.Errorf("%d bytes each, at most %d", each, most)
	}
}
