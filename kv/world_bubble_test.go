package kv_test

import (
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	peer "github.com/nats-io/nats.go/jetstream"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/kv"
)

// world is a server in a bubble, and both clients.
type world struct {
	*faults.Env
	t    *testing.T
	js   jetstream.JetStream
	peer peer.JetStream
}

// inBubble runs f in a bubble. The other client does not reconnect: it would use timers that all of its
// connections in the process share, and that belong to the bubble in which they were made.
func inBubble(t *testing.T, f func(w *world), options ...faults.Option) {
	t.Helper()
	faults.Bubble(t, func(b *faults.Env) {
		nc := must.Get(api.Connect(b.URL("s1"), api.System(b.System), api.SetCustomDialer(b.Dialer("client")), api.MaxReconnects(-1)))(b.T)
		defer nc.Close()
		theirs := must.Get(nats.Connect(b.URL("s1"), nats.SetCustomDialer(b.Dialer("peer")), nats.NoReconnect()))(b.T)
		defer theirs.Close()
		f(&world{Env: b, t: b.T, js: must.Get(jetstream.New(nc))(b.T), peer: must.Get(peer.New(theirs))(b.T)})
	}, options...)
}

// made returns a bucket, in memory.
func (w *world) made(cfg kv.Config) kv.Store { return made(w.t, w.js, cfg) }

// both returns a bucket, in memory, as each client has it.
func (w *world) both(cfg kv.Config) (kv.Store, peer.KeyValue) {
	w.t.Helper()
	return w.made(cfg), must.Get(w.peer.KeyValue(w.t.Context(), cfg.Bucket))(w.t)
}

// age lets time pass.
func (w *world) age(d time.Duration) { time.Sleep(d) }

// loses drops the n-th answer of the server to the client from now on.
func (w *world) loses(n string) func() {
	w.t.Helper()
	link := w.Link("client", "s1")
	must.Get(link.Inject(`when op(MSG) subject("_INBOX.*.*") index(` + n + `) drop`))(w.t)
	return link.Clear
}
