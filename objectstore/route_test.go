package objectstore_test

import (
	"fmt"
	"net/url"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/objectstore"
)

// connect returns a connection that ends with the test.
func connect(t *testing.T, s *natsserver.Server, options ...api.Option) *api.Conn {
	t.Helper()
	nc := must.Get(api.Connect(s.URL(), append([]api.Option{api.Timeout(time.Minute)}, options...)...))(t)
	t.Cleanup(nc.Close)
	return nc
}

// makeBucket makes the bucket "b".
func makeBucket(t *testing.T, nc *api.Conn) (jetstream.JetStream, objectstore.Store) {
	t.Helper()
	js := must.Get(jetstream.New(nc))(t)
	return js, must.Get(objectstore.Create(t.Context(), js, objectstore.Config{Bucket: "b", Storage: jetstream.MemoryStorage}))(t)
}

// writes has one handle of a bucket store something that another one must see.
func writes(t *testing.T, name string, here, there objectstore.Store) {
	t.Helper()
	made, err := here.AddBucketLink(t.Context(), name, there)
	if err != nil {
		t.Errorf("%s: %v", name, err)
		return
	}
	if info := must.Get(there.GetInfo(t.Context(), name))(t); info.NUID != made.NUID || info.Revision != made.Revision {
		t.Errorf("%s: %+v was stored as %+v", name, made, info)
	}
	if info := must.Get(here.GetInfo(t.Context(), name))(t); info.NUID != made.NUID {
		t.Errorf("%s: %+v is read as %+v", name, made, info)
	}
}

// empty fails the test unless a bucket has no messages.
func empty(t testing.TB, store objectstore.Store) {
	t.Helper()
	if size := must.Get(store.Status(t.Context()))(t).Size(); size != 0 {
		t.Errorf("the bucket has %d bytes", size)
	}
}

// Another account imports the API and the subjects of a bucket, each as it likes.
func TestWritesThroughAnImport(t *testing.T) {
	const api0, data = "$JS.API.>", "$O.>"
	for name, c := range map[string]struct {
		imports []natsserver.Import
		own     bool // the importing account has such a bucket, too
		want    error
	}{
		"data under the same prefix":  {imports: []natsserver.Import{{Service: api0, As: "A.$JS.API.>"}, {Service: data, As: "A.$O.>"}}},
		"and an own bucket":           {imports: []natsserver.Import{{Service: api0, As: "A.$JS.API.>"}, {Service: data, As: "A.$O.>"}}, own: true},
		"data as it is":               {imports: []natsserver.Import{{Service: api0, As: "A.$JS.API.>"}, {Service: data}}},
		"data below the API":          {imports: []natsserver.Import{{Service: api0, As: "A.$JS.API.>"}, {Service: data, As: "A.$JS.API.$O.>"}}},
		"a prefix without the API":    {imports: []natsserver.Import{{Service: api0, As: "A.>"}, {Service: data, As: "A.$O.>"}}},
		"no data":                     {imports: []natsserver.Import{{Service: api0, As: "A.$JS.API.>"}}, want: objectstore.ErrBucketNotWritable},
		"no data, and an own bucket":  {imports: []natsserver.Import{{Service: api0, As: "A.$JS.API.>"}}, own: true, want: objectstore.ErrBucketAmbiguous},
		"data for those who stand by": {imports: []natsserver.Import{{Service: api0, As: "A.$JS.API.>"}, {Service: "other", As: "A.$O.>"}}, want: objectstore.ErrBucketAmbiguous},
	} {
		t.Run(name, func(t *testing.T) {
			prefix := strings.TrimSuffix(c.imports[0].As, ">")
			for i := range c.imports {
				c.imports[i].Account = "A"
			}
			s := natsserver.Run(t, natsserver.Options{JetStream: true, Accounts: []natsserver.Account{
				{Name: "A", JetStream: true, Users: []natsserver.User{{Name: "a", Password: "a"}}, Exports: []natsserver.Export{{Service: api0}, {Service: data}, {Service: "other"}}},
				{Name: "B", JetStream: true, Users: []natsserver.User{{Name: "b", Password: "b"}}, Imports: c.imports},
			}})
			a, b := connect(t, s, api.UserInfo("a", "a")), connect(t, s, api.UserInfo("b", "b"))
			must.Get(a.Subscribe("other", func(m *api.Msg) { _ = m.Respond(nil) }))(t)
			must.Do(t, a.Flush())
			_, there := makeBucket(t, a)
			here := must.Get(objectstore.Open(t.Context(), must.Get(jetstream.NewWithAPIPrefix(b, prefix))(t), "b"))(t)
			var own objectstore.Store
			if c.own {
				_, own = makeBucket(t, b)
			}
			if c.want == nil {
				writes(t, "first", here, there)
				writes(t, "second", here, there)
			} else {
				_, err := here.AddBucketLink(t.Context(), "first", there)
				is(t, err, c.want, objectstore.ErrBucketNotWritable, objectstore.ErrObjectStore)
				empty(t, there)
			}
			if c.own {
				empty(t, own)
			}
		})
	}
}

// leafOf starts a server with a leaf node to the hub, and waits until it knows where the
// hub's bucket is to be had.
func leafOf(t *testing.T, hub *natsserver.Server, edit func(*server.RemoteLeafOpts)) *natsserver.Server {
	t.Helper()
	lines := make(chan string, 10_000)
	address := must.Get(url.Parse(fmt.Sprintf("nats-leaf://127.0.0.1:%d", must.Get(hub.Server().Varz(nil))(t).LeafNode.Port)))(t)
	s := natsserver.Run(t, natsserver.Options{
		Name: "leaf", JetStream: true,
		Log: func(_, line string) {
			select {
			case lines <- line:
			default:
			}
		},
		Edit: func(o *server.Options) {
			o.JetStreamDomain, o.Trace = "leaf", true
			remote := &server.RemoteLeafOpts{URLs: []*url.URL{address}}
			if edit != nil {
				edit(remote)
			}
			o.LeafNode.Remotes = []*server.RemoteLeafOpts{remote}
		}})
	wanted := []string{"$O.b.M.>", "$JS.hub.API.STREAM.>", "$JS.hub.API.DIRECT.>"}
	for len(wanted) > 0 {
		line := <-lines
		wanted = slices.DeleteFunc(wanted, func(subject string) bool { return strings.Contains(line, "<<- [LS+ "+subject+"]") })
	}
	must.Get(connect(t, hub).Subscribe("behind.them", func(*api.Msg) {}))(t)
	for !s.Server().GlobalAccount().SubscriptionInterest("behind.them") { // a line comes a moment before its subject is known
		runtime.Gosched()
	}
	return s
}

func TestWritesToAnotherDomain(t *testing.T) {
	hub := natsserver.Run(t, natsserver.Options{Name: "hub", JetStream: true, Edit: func(o *server.Options) {
		o.JetStreamDomain = "hub"
		o.LeafNode.Host, o.LeafNode.Port = "127.0.0.1", -1
	}})
	_, there := makeBucket(t, connect(t, hub))
	nc := connect(t, leafOf(t, hub, nil))
	js := must.Get(jetstream.NewWithDomain(nc, "hub"))(t)
	here := must.Get(objectstore.Open(t.Context(), js, "b"))(t)
	writes(t, "first", here, there)
	writes(t, "second", here, there)

	// With such a bucket on both sides what is published would go into both.
	_, own := makeBucket(t, nc)
	here = must.Get(objectstore.Open(t.Context(), js, "b"))(t)
	_, err := here.AddBucketLink(t.Context(), "third", there)
	is(t, err, objectstore.ErrBucketAmbiguous)
	empty(t, own)
}

func TestWritesToTheOwnDomain(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{JetStream: true, Edit: func(o *server.Options) { o.JetStreamDomain = "here" }})
	nc := connect(t, s)
	_, there := makeBucket(t, nc)
	here := must.Get(objectstore.Open(t.Context(), must.Get(jetstream.NewWithDomain(nc, "here"))(t), "b"))(t)
	writes(t, "first", here, there)
}

// A leaf node that does not let the subjects through leaves the bucket one to be read.
func TestReadsWhatItCannotWrite(t *testing.T) {
	hub := natsserver.Run(t, natsserver.Options{Name: "hub", JetStream: true, Edit: func(o *server.Options) {
		o.JetStreamDomain = "hub"
		o.LeafNode.Host, o.LeafNode.Port = "127.0.0.1", -1
	}})
	_, there := makeBucket(t, connect(t, hub))
	must.Get(there.AddBucketLink(t.Context(), "first", there))(t)
	leaf := leafOf(t, hub, func(o *server.RemoteLeafOpts) { o.DenyExports = []string{"$O.>"} })
	here := must.Get(objectstore.Open(t.Context(), must.Get(jetstream.NewWithDomain(connect(t, leaf), "hub"))(t), "b"))(t)
	must.Get(here.GetInfo(t.Context(), "first"))(t)
	_, err := here.AddBucketLink(t.Context(), "second", there)
	is(t, err, objectstore.ErrBucketNotWritable)
	isNot(t, err, objectstore.ErrBucketAmbiguous)
}
