package kv_test

import (
	"context"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/kv"
	"github.com/troupe-go/troupe/supervisor"
)

// scene is a bucket in a bubble, with as many clients as a test wants.
type scene struct {
	*testing.T
	b *faults.Env
}

// inScene runs f in a bubble with that bucket.
func inScene(t *testing.T, cfg kv.Config, f func(s *scene), options ...faults.Option) {
	t.Helper()
	faults.Bubble(t, func(b *faults.Env) {
		s := &scene{b.T, b}
		must.Get(kv.Create(s.ctx(), s.client("first"), cfg))(s)
		f(s)
	}, options...)
}

func (s *scene) ctx() context.Context { return s.T.Context() }

// client returns a client of that name, until the end of the test.
func (s *scene) client(name string) jetstream.JetStream {
	s.Helper()
	nc := must.Get(api.Connect(s.b.URL("s1"), api.System(s.b.System), api.SetCustomDialer(s.b.Dialer(name)), api.MaxReconnects(-1),
		api.ReconnectWait(200*time.Millisecond)))(s)
	s.Cleanup(nc.Close)
	return must.Get(jetstream.New(nc))(s)
}

// open returns a client's store.
func (s *scene) open(name, bucket string) kv.Store {
	s.Helper()
	return must.Get(kv.Open(s.ctx(), s.client(name), bucket))(s)
}

// within gives a part of a test its time.
func (s *scene) within(d time.Duration) context.Context {
	ctx, cancel := context.WithTimeout(s.ctx(), d)
	s.Cleanup(cancel)
	return ctx
}

// node returns the only node of a client's tree below consumers whose name begins so; an empty one
// if there is none.
func node(js jetstream.JetStream, prefix string) supervisor.Node {
	consumers, _ := js.Conn().Tree().Find("consumers")
	for _, n := range consumers.Children {
		if len(n.Name) >= len(prefix) && n.Name[:len(prefix)] == prefix {
			return n
		}
	}
	return supervisor.Node{}
}
