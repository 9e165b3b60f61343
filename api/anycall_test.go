package api_test

import (
	"context"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
)

// places are where user code runs: each arranges for inside to be called once
// with the connection.
var places = map[string]func(t *testing.T, s *natsserver.Server, inside func(*api.Conn)){
	"handler": func(t *testing.T, s *natsserver.Server, inside func(*api.Conn)) {
		nc := dial(t, s, quickly...)
		try(nc.Subscribe("go", func(*api.Msg) { inside(nc) }))(t)
		must(t, nc.Publish("go", nil))
	},
	"borrowing handler": func(t *testing.T, s *natsserver.Server, inside func(*api.Conn)) {
		nc := dial(t, s, quickly...)
		try(nc.Subscribe("go", func(*api.Msg) { inside(nc) }, api.Borrow()))(t)
		must(t, nc.Publish("go", nil))
	},
	"concurrent handler": func(t *testing.T, s *natsserver.Server, inside func(*api.Conn)) {
		nc := dial(t, s, quickly...)
		try(nc.Subscribe("go", func(*api.Msg) { inside(nc) }, api.Concurrency(2)))(t)
		must(t, nc.Publish("go", nil))
	},
	"ConnectHandler": func(t *testing.T, s *natsserver.Server, inside func(*api.Conn)) {
		dial(t, s, append(quickly, api.ConnectHandler(inside))...)
	},
	"ReconnectHandler": func(t *testing.T, s *natsserver.Server, inside func(*api.Conn)) {
		nc := dial(t, s, append(quickly, api.ReconnectHandler(once(inside)))...)
		must(t, nc.ForceReconnect())
	},
	"DisconnectErrHandler": func(t *testing.T, s *natsserver.Server, inside func(*api.Conn)) {
		first := once(inside)
		nc := dial(t, s, append(quickly, api.DisconnectErrHandler(func(nc *api.Conn, _ error) { first(nc) }))...)
		must(t, nc.ForceReconnect())
	},
	"ErrorHandler": func(t *testing.T, s *natsserver.Server, inside func(*api.Conn)) {
		first := once(inside)
		nc := dial(t, s, append(quickly, api.ErrorHandler(func(nc *api.Conn, _ *api.Subscription, _ error) { first(nc) }))...)
		try(nc.Subscribe("go", func(*api.Msg) { panic("boom") }))(t)
		must(t, nc.Publish("go", nil))
	},
	"ClosedHandler": func(t *testing.T, s *natsserver.Server, inside func(*api.Conn)) {
		nc := dial(t, s, append(quickly, api.ClosedHandler(inside))...)
		go nc.Close()
	},
	"closed handler of a subscription": func(t *testing.T, s *natsserver.Server, inside func(*api.Conn)) {
		nc := dial(t, s, quickly...)
		sub := try(nc.SubscribeSync("a"))(t)
		sub.SetClosedHandler(func(string) { inside(nc) })
		must(t, sub.Unsubscribe())
	},
	"key function": func(t *testing.T, s *natsserver.Server, inside func(*api.Conn)) {
		nc := dial(t, s, quickly...)
		first := once(inside)
		try(nc.Subscribe("go", func(*api.Msg) {}, api.Concurrency(2), api.OrderedBy(func(*api.Msg) string { first(nc); return "" })))(t)
		must(t, nc.Publish("go", nil))
	},
}

// once lets only the first call through.
func once(f func(*api.Conn)) func(*api.Conn) {
	called := make(chan struct{}, 1)
	return func(nc *api.Conn) {
		select {
		case called <- struct{}{}:
			f(nc)
		default:
		}
	}
}

// anyCalls are the calls that might wait for something, or end something.
var anyCalls = map[string]func(*api.Conn){
	"Publish":   func(nc *api.Conn) { _ = nc.Publish("x", []byte("data")) },
	"Subscribe": func(nc *api.Conn) { _, _ = nc.Subscribe("x", func(*api.Msg) {}) },
	"Request":   func(nc *api.Conn) { _, _ = nc.Request("nobody", nil, time.Second) },
	"RequestWithContext": func(nc *api.Conn) {
		bounded(func(ctx context.Context) { _, _ = nc.RequestWithContext(ctx, "nobody", nil) })
	},
	"Flush":                func(nc *api.Conn) { _ = nc.FlushTimeout(time.Second) },
	"RTT":                  func(nc *api.Conn) { _, _ = nc.RTT() },
	"ForceReconnect":       func(nc *api.Conn) { _ = nc.ForceReconnect() },
	"Drain":                func(nc *api.Conn) { _ = nc.Drain() },
	"DrainContext":         func(nc *api.Conn) { bounded(func(ctx context.Context) { _, _ = nc.DrainContext(ctx) }) },
	"Close":                (*api.Conn).Close,
	"CloseContext":         func(nc *api.Conn) { bounded(func(ctx context.Context) { _, _ = nc.CloseContext(ctx) }) },
	"Tree, Health, Stats":  func(nc *api.Conn) { _, _, _, _ = nc.Tree(), nc.Health(), nc.Stats(), nc.EventLog() },
	"SetErrorHandler":      func(nc *api.Conn) { nc.SetErrorHandler(nil); nc.SetClosedHandler(nc.ClosedHandler()) },
	"StatusChanged":        func(nc *api.Conn) { nc.RemoveStatusListener(nc.StatusChanged()) },
	"a subscription's all": subscriptionCalls,
	"a further connection": func(nc *api.Conn) {
		if other, err := api.Connect(nc.Servers()[0]); err == nil {
			_ = other.Flush()
			other.Close()
		}
	},
}

func bounded(f func(context.Context)) {
	ctx, cancel := context.WithTimeout(context.Background(), 50*time.Millisecond)
	defer cancel()
	f(ctx)
}

func subscriptionCalls(nc *api.Conn) {
	sub, err := nc.SubscribeSync("x")
	if err != nil {
		return
	}
	_ = nc.Publish("x", nil)
	_, _ = sub.NextMsg(time.Second)
	_, _, _ = sub.Pending()
	_ = sub.AutoUnsubscribe(10)
	bounded(func(ctx context.Context) { _ = sub.DrainContext(ctx) })
	_ = sub.Unsubscribe()
}

// TestAnyCallFromAnywhere makes every call at every place where user code runs.
func TestAnyCallFromAnywhere(t *testing.T) {
	s := start(t)
	for place, arrange := range places {
		for name, call := range anyCalls {
			t.Run(place+"/"+name, func(t *testing.T) {
				returned := make(chan struct{})
				arrange(t, s, func(nc *api.Conn) {
					call(nc)
					close(returned)
				})
				closed(t, returned, name)
			})
		}
	}
}
