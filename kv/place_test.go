package kv_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	peer "github.com/nats-io/nats.go/jetstream"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/kv"
)

// everything uses a bucket in all ways: what is written is read, listed and watched.
func everything(t *testing.T, s kv.Store) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
	defer cancel()
	w := must.Get(s.Watch(ctx, "x.>", kv.UpdatesOnly()))(t)
	one := must.Get(s.PutString(ctx, "x.put", "1"))(t)
	two := must.Get(s.Update(ctx, "x.put", []byte("2"), one))(t)
	three := must.Get(s.Create(ctx, "x.created", []byte("3")))(t)
	is(t, second(s.Update(ctx, "x.put", nil, one)), kv.ErrKeyWrongLastSequence)
	must.Do(t, s.Delete(ctx, "x.created"))
	see(t, w, fmt.Sprintf("x.put=1@%d KeyValuePutOp", one), fmt.Sprintf("x.put=2@%d KeyValuePutOp", two),
		fmt.Sprintf("x.created=3@%d KeyValuePutOp", three), fmt.Sprintf("x.created=@%d KeyValueDeleteOp", three+1))
	must.Do(t, w.Stop()) // a mirror has all of it by now
	four := must.Get(s.Create(ctx, "x.created", []byte("4")))(t)
	until(t, s, "x.created", four)
	if e := must.Get(s.Get(ctx, "x.put"))(t); told(e) != fmt.Sprintf("x.put=2@%d KeyValuePutOp", two) {
		t.Error(told(e))
	}
	if keys := must.Get(s.Keys(ctx))(t); !slices.Equal(keys, []string{"x.created", "x.put"}) {
		t.Error(keys)
	}
	must.Do(t, s.Purge(ctx, "x.put"))
	must.Do(t, s.Purge(ctx, "x.created", kv.LastRevision(four)))
}

// until waits for a revision of a key: a mirror has it later.
func until(t *testing.T, s kv.Store, key string, revision uint64) {
	t.Helper()
	for e, err := range s.Events(must.Within(t, time.Minute), []string{key}, kv.ResumeFromRevision(revision)) {
		must.Do(t, err)
		if e.Kind == kv.EventValue {
			if e.Entry.Revision() != revision {
				t.Errorf("%s came", told(e.Entry))
			}
			return
		}
	}
}

// TestBucketsOfADomain: through a leaf node, and from within.
func TestBucketsOfADomain(t *testing.T) {
	hub, leaf := domains(t)
	for _, s := range []*natsserver.Server{hub, leaf} {
		js := must.Get(jetstream.NewWithDomain(connect(t, s), "hub"))(t)
		everything(t, made(t, js, kv.Config{Bucket: "b", History: 5}))
		must.Do(t, kv.Delete(t.Context(), js, "b"))
	}
}

// domains returns two servers of which each has a domain of its own, with a leaf link between.
func domains(t *testing.T) (hub, leaf *natsserver.Server) {
	t.Helper()
	hub = natsserver.Run(t, natsserver.Options{JetStream: true, Config: `jetstream { domain: hub }
leafnodes { listen: "127.0.0.1:-1" }`})
	port := must.Get(hub.Server().Varz(nil))(t).LeafNode.Port
	leaf = natsserver.Run(t, natsserver.Options{JetStream: true, Config: fmt.Sprintf(`jetstream { domain: leaf }
leafnodes { remotes: [ { url: "nats-leaf://127.0.0.1:%d" } ] }`, port)})
	nc, other := connect(t, leaf), connect(t, hub)
	must.Get(other.Subscribe("hello", func(m *api.Msg) { _ = m.Respond(nil) }))(t)
	for { // until the link is there
		_, err := nc.Request("hello", nil, time.Minute)
		if !errors.Is(err, api.ErrNoResponders) {
			must.Do(t, err)
			return hub, leaf
		}
	}
}

// TestMirrorOfAnotherDomain: it is read here, and written there. nats.go finds the same in it.
func TestMirrorOfAnotherDomain(t *testing.T) {
	hub, leaf := domains(t)
	origin := made(t, must.Get(jetstream.New(connect(t, hub)))(t), kv.Config{Bucket: "origin", History: 5})
	must.Get(origin.PutString(t.Context(), "there", "1"))(t)
	js := must.Get(jetstream.New(connect(t, leaf)))(t)
	cfg := kv.Config{Bucket: "mirror", History: 5, Mirror: &jetstream.StreamSource{Name: "origin", Domain: "hub"}}
	s := made(t, js, cfg)
	if cfg.Mirror.Name != "origin" || cfg.Mirror.External != nil || cfg.Mirror.Domain != "hub" {
		t.Errorf("the config is %+v now", *cfg.Mirror)
	}
	until(t, s, "there", 1)
	must.Do(t, s.Purge(t.Context(), "there"))
	everything(t, s)
	nc := must.Get(nats.Connect(leaf.URL(), nats.Timeout(time.Minute)))(t)
	defer nc.Close()
	theirs := must.Get(must.Get(peer.New(nc))(t).KeyValue(t.Context(), "mirror"))(t)
	last := must.Get(theirs.PutString(t.Context(), "theirs", "5"))(t)
	until(t, s, "theirs", last)
	if e := must.Get(theirs.Get(t.Context(), "theirs"))(t); toldPeer(e) != told(must.Get(s.Get(t.Context(), "theirs"))(t)) {
		t.Error(toldPeer(e))
	}
}

// TestMirrorHere: a mirror of the same account keeps the subjects of its origin, unless it
// transforms them.
func TestMirrorHere(t *testing.T) {
	js := streaming(t)
	for name, mirror := range map[string]jetstream.StreamSource{
		"plain": {Name: "a"}, "prefixed": {Name: "KV_b"},
		"transformed": {Name: "c", SubjectTransforms: []jetstream.SubjectTransformConfig{{Source: "$KV.c.>", Destination: "$KV.transformed.>"}}},
	} {
		t.Run(name, func(t *testing.T) {
			made(t, js, kv.Config{Bucket: strings.TrimPrefix(mirror.Name, "KV_"), History: 5})
			s := made(t, js, kv.Config{Bucket: name, History: 5, Mirror: &mirror})
			everything(t, s)
			if s.Bucket() != name {
				t.Error(s.Bucket())
			}
		})
	}
}

// TestSources: a bucket that takes the keys of others under its own subjects.
func TestSources(t *testing.T) {
	ctx := t.Context()
	js := streaming(t)
	one, two := made(t, js, kv.Config{Bucket: "one"}), made(t, js, kv.Config{Bucket: "two"})
	must.Get(js.CreateStream(ctx, jetstream.StreamConfig{Name: "EVENTS", Subjects: []string{"events.>"}, Storage: jetstream.MemoryStorage}))(t)
	sources := []*jetstream.StreamSource{{Name: "one"}, {Name: "KV_two"},
		{Name: "EVENTS", SubjectTransforms: []jetstream.SubjectTransformConfig{{Source: "events.>", Destination: "$KV.all.events.>"}}}}
	all := made(t, js, kv.Config{Bucket: "all", Sources: sources})
	if sources[0].Name != "one" || sources[0].SubjectTransforms != nil || sources[1].SubjectTransforms != nil {
		t.Errorf("the config is changed: %+v", *sources[0])
	}
	must.Get(one.PutString(ctx, "a", "1"))(t)
	must.Get(two.PutString(ctx, "b", "2"))(t)
	must.Get(js.Publish(ctx, "events.c", []byte("3")))(t)
	must.Get(all.PutString(ctx, "own", "4"))(t)
	got := map[string]string{}
	for e, err := range all.Events(must.Within(t, time.Minute), nil) {
		must.Do(t, err)
		if e.Kind == kv.EventValue {
			got[e.Entry.Key()] = string(e.Entry.Value())
		}
		if len(got) == 4 {
			break
		}
	}
	if got["a"] != "1" || got["b"] != "2" || got["events.c"] != "3" || got["own"] != "4" {
		t.Errorf("%v", got)
	}
}

// TestBucketsOfAnotherAccount: one account exports its API and its keys, another one imports
// both under a prefix.
func TestBucketsOfAnotherAccount(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{JetStream: true, Config: `accounts {
	A { jetstream: enabled, users: [ { user: a, password: a } ]
	    exports: [ { service: "$JS.API.>", response: stream }, { service: "$KV.>" } ] }
	B { users: [ { user: b, password: b } ]
	    imports: [ { service: { account: A, subject: "$JS.API.>" }, to: "fromA.>" }, { service: { account: A, subject: "$KV.>" }, to: "fromA.$KV.>" } ] } }`})
	owner := must.Get(jetstream.New(connect(t, s, api.UserInfo("a", "a"))))(t)
	own := made(t, owner, kv.Config{Bucket: "b", History: 5})
	js := must.Get(jetstream.NewWithAPIPrefix(connect(t, s, api.UserInfo("b", "b")), "fromA"))(t)
	imported := must.Get(kv.Open(t.Context(), js, "b"))(t)
	everything(t, imported)
	last := must.Get(imported.PutString(t.Context(), "k", "v"))(t)
	if e := must.Get(own.Get(t.Context(), "k"))(t); e.Revision() != last {
		t.Error(told(e))
	}
	nc := must.Get(nats.Connect(s.URL(), nats.UserInfo("b", "b"), nats.Timeout(time.Minute)))(t)
	defer nc.Close()
	theirs := must.Get(must.Get(peer.NewWithAPIPrefix(nc, "fromA"))(t).KeyValue(t.Context(), "b"))(t)
	if e := must.Get(theirs.Get(t.Context(), "k"))(t); e.Revision() != last {
		t.Error(toldPeer(e))
	}
}
