package objectstore_test

import (
	"encoding/base64"
	"errors"
	"testing"

	"github.com/nats-io/nats.go"
	peer "github.com/nats-io/nats.go/jetstream"
	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/objectstore"
)

func TestMain(m *testing.M) {
	natsserver.Child()
	// That of nats.go waits for ever if it begins after its context has ended.
	known := []goleak.Option{goleak.IgnoreAnyFunction(natsserver.StoreClock),
		goleak.IgnoreTopFunction("github.com/nats-io/nats.go/jetstream.(*jetStream).resetPendingAcksOnReconnect")}
	goleak.VerifyTestMain(must.Settled(m, func() error { return goleak.Find(known...) }), known...)
}

// world is a server in a bubble, with a bucket "b" and both clients.
type world struct {
	*faults.Env
	js    jetstream.JetStream
	store objectstore.Store
	peer  peer.JetStream
	other peer.ObjectStore // the same bucket
}

// inBubble runs f in a bubble with a bucket.
func inBubble(t *testing.T, f func(w *world)) {
	t.Helper()
	faults.Bubble(t, func(b *faults.Env) {
		nc := must.Get(api.Connect(b.URL("s1"), api.System(b.System), api.SetCustomDialer(b.Dialer("c")), api.MaxReconnects(-1)))(b.T)
		defer nc.Close()
		theirs := must.Get(nats.Connect(b.URL("s1"), nats.SetCustomDialer(b.Dialer("peer"))))(b.T)
		defer theirs.Close()
		w := &world{Env: b, js: must.Get(jetstream.New(nc))(b.T), peer: must.Get(peer.New(theirs))(b.T)}
		w.store = must.Get(objectstore.Create(b.T.Context(), w.js, objectstore.Config{Bucket: "b", Storage: jetstream.MemoryStorage}))(b.T)
		w.other = must.Get(w.peer.ObjectStore(b.T.Context(), "b"))(b.T)
		f(w)
	})
}

// is fails the test unless err belongs to all kinds.
func is(t testing.TB, err error, kinds ...error) {
	t.Helper()
	for _, kind := range kinds {
		if !errors.Is(err, kind) {
			t.Errorf("error %v is no %v", err, kind)
		}
	}
}

// isNot fails the test if err belongs to one of the kinds.
func isNot(t testing.TB, err error, kinds ...error) {
	t.Helper()
	for _, kind := range kinds {
		if errors.Is(err, kind) {
			t.Errorf("error %v is %v", err, kind)
		}
	}
}

// metaSubject returns the subject of the info of an object in the bucket "b".
func metaSubject(name string) string {
	return "$O.b.M." + base64.URLEncoding.EncodeToString([]byte(name))
}
