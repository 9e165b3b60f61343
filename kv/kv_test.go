package kv_test

import (
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/kv"
)

func TestMain(m *testing.M) {
	natsserver.Child()
	clock := goleak.IgnoreAnyFunction(natsserver.StoreClock)
	goleak.VerifyTestMain(must.Settled(m, func() error { return goleak.Find(clock) }), clock)
}

// connect returns a connection to the server that ends with the test.
func connect(t testing.TB, s *natsserver.Server, options ...api.Option) *api.Conn {
	t.Helper()
	nc := must.Get(api.Connect(s.URL(), append([]api.Option{api.Timeout(time.Minute)}, options...)...))(t)
	t.Cleanup(nc.Close)
	return nc
}

// streaming returns the JetStream of a server of its own.
func streaming(t testing.TB, options ...jetstream.JetStreamOpt) jetstream.JetStream {
	t.Helper()
	s := natsserver.Run(t, natsserver.Options{JetStream: true})
	return must.Get(jetstream.New(connect(t, s), options...))(t)
}

// made returns a bucket in memory.
func made(t testing.TB, js jetstream.JetStream, cfg kv.Config) kv.Store {
	t.Helper()
	cfg.Storage = jetstream.MemoryStorage
	return must.Get(kv.Create(t.Context(), js, cfg))(t)
}

// is ends the test unless an error is of that kind.
func is(t testing.TB, err, kind error) {
	t.Helper()
	if !errors.Is(err, kind) {
		t.Fatalf("the error is %v, want %v", err, kind)
	}
}

func TestAKeyHasItsLastValue(t *testing.T) {
	ctx := t.Context()
	s := made(t, streaming(t), kv.Config{Bucket: "settings", History: 5})
	_, err := s.Get(ctx, "app.theme")
	is(t, err, kv.ErrKeyNotFound)
	first := must.Get(s.Put(ctx, "app.theme", []byte("dark")))(t)
	second := must.Get(s.PutString(ctx, "app.theme", "light"))(t)
	e := must.Get(s.Get(ctx, "app.theme"))(t)
	if string(e.Value()) != "light" || e.Revision() != second || e.Key() != "app.theme" || e.Bucket() != "settings" || e.Operation() != kv.OpPut {
		t.Errorf("it is %+v", e)
	}
	if e := must.Get(s.GetRevision(ctx, "app.theme", first))(t); string(e.Value()) != "dark" {
		t.Errorf("the first value is %q", e.Value())
	}
	must.Get(s.Update(ctx, "app.theme", []byte("blue"), second))(t)
	_, err = s.Update(ctx, "app.theme", []byte("red"), second)
	is(t, err, kv.ErrKeyWrongLastSequence)
	_, err = s.Create(ctx, "app.theme", []byte("red"))
	is(t, err, kv.ErrKeyExists)
	must.Do(t, s.Delete(ctx, "app.theme"))
	_, err = s.Get(ctx, "app.theme")
	is(t, err, kv.ErrKeyDeleted)
	must.Get(s.Create(ctx, "app.theme", []byte("red")))(t)
	must.Do(t, s.Purge(ctx, "app.theme"))
	_, err = s.Get(ctx, "app.theme")
	is(t, err, kv.ErrKeyDeleted)
	if status := must.Get(s.Status(ctx))(t); status.Values() != 1 {
		t.Errorf("there are %d values", status.Values())
	}
}
