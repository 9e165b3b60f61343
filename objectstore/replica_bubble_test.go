package objectstore_test

import (
	"encoding/base64"
	"strings"
	"testing"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/objectstore"
)

// behind returns the bucket as a client has it whose direct gets are answered by a replica that
// lags: it has what the stream LAG has.
func (w *world) behind() objectstore.Store {
	w.T.Helper()
	ctx := w.T.Context()
	must.Get(w.js.CreateStream(ctx, jetstream.StreamConfig{
		Name: "LAG", Subjects: []string{"L.>"}, AllowDirect: true, Storage: jetstream.MemoryStorage, MaxMsgsPerSubject: 1,
		SubjectTransform: &jetstream.SubjectTransformConfig{Source: "L.>", Destination: "$O.b.M.>"},
	}))(w.T)
	nc := must.Get(api.Connect(w.URL("s1"), api.System(w.System), api.SetCustomDialer(w.Dialer("behind"))))(w.T)
	w.T.Cleanup(nc.Close)
	must.Get(nc.Subscribe("lag.>", func(m *api.Msg) {
		call := strings.Replace(strings.TrimPrefix(m.Subject, "lag."), "DIRECT.GET.OBJ_b", "DIRECT.GET.LAG", 1)
		must.Do(w.T, nc.PublishMsg(&api.Msg{Subject: "$JS.API." + call, Reply: m.Reply, Header: m.Header, Data: m.Data}))
	}))(w.T)
	return must.Get(objectstore.Open(ctx, must.Get(jetstream.NewWithAPIPrefix(nc, "lag"))(w.T), "b"))(w.T)
}

// replicate has the replica have what the bucket says of an object now.
func (w *world) replicate(name string) {
	w.T.Helper()
	m := must.Get(must.Get(w.js.Stream(w.T.Context(), "OBJ_b"))(w.T).GetLastMsgForSubject(w.T.Context(), metaSubject(name)))(w.T)
	must.Get(w.js.Publish(w.T.Context(), "L."+base64.URLEncoding.EncodeToString([]byte(name)), m.Data))(w.T)
}

// TestReplicaThatLags: nothing is refused, and nothing forbidden done, because of what a replica
// does not know yet.
func TestReplicaThatLags(t *testing.T) {
	inBubble(t, func(w *world) {
		ctx, s := w.T.Context(), w.behind()
		meta := func(name string) objectstore.Meta { return objectstore.Meta{Name: name} }
		var o *objectstore.Info // as the leader has it
		for what, c := range map[string]struct {
			before func(name string) // what the replica knows
			since  func(name string)
			do     func(name string) error
			want   error
		}{
			"new, info": {do: func(name string) error { _, err := s.GetInfo(ctx, name); return err }},
			"new, get": {do: func(name string) error {
				r, err := s.Get(ctx, name)
				if err == nil {
					must.Do(w.T, r.Close())
				}
				return err
			}},
			"new, delete":   {do: func(name string) error { return s.Delete(ctx, name) }},
			"new, describe": {do: func(name string) error { return s.UpdateMeta(ctx, name, meta(name)) }},
			"new, rename":   {do: func(name string) error { return s.UpdateMeta(ctx, name, meta("other "+name)) }},
			"new, link":     {do: func(name string) error { _, err := s.AddLink(ctx, "link "+name, o); return err }},
			"again, info": {before: func(name string) { must.Do(w.T, w.store.Delete(ctx, name)) },
				do: func(name string) error { _, err := s.GetInfo(ctx, name); return err }},
			"again, delete": {before: func(name string) { must.Do(w.T, w.store.Delete(ctx, name)) },
				do: func(name string) error { return s.Delete(ctx, name) }},
			"again, create": {before: func(name string) { must.Do(w.T, w.store.Delete(ctx, name)) },
				do: func(name string) error {
					_, err := s.PutWith(ctx, meta(name), nil, objectstore.CreateOnly())
					return err
				}, want: objectstore.ErrObjectAlreadyExists},
			"changed, put": {before: func(string) {},
				do: func(name string) error {
					_, err := s.PutWith(ctx, meta(name), nil, objectstore.ExpectRevision(o.Revision))
					return err
				}},
			"changed, describe": {before: func(string) {},
				do: func(name string) error {
					_, err := s.UpdateMetaWith(ctx, name, meta(name), objectstore.ExpectRevision(o.Revision))
					return err
				}},
			"deleted, create": {before: func(string) {}, since: func(name string) { must.Do(w.T, w.store.Delete(ctx, name)) },
				do: func(name string) error {
					_, err := s.PutWith(ctx, meta(name), nil, objectstore.CreateOnly())
					return err
				}},
			"deleted, link": {before: func(string) {}, since: func(name string) { must.Do(w.T, w.store.Delete(ctx, name)) },
				do: func(name string) error { _, err := s.AddLink(ctx, "link "+name, o); return err }, want: objectstore.ErrNoLinkToDeleted},
			"deleted, describe": {before: func(string) {}, since: func(name string) { must.Do(w.T, w.store.Delete(ctx, name)) },
				do: func(name string) error { return s.UpdateMeta(ctx, name, meta(name)) }, want: objectstore.ErrUpdateMetaDeleted},
		} {
			if c.before != nil {
				must.Get(w.store.PutString(ctx, what, "1"))(w.T)
				c.before(what)
				w.replicate(what)
			}
			o = must.Get(w.store.PutString(ctx, what, "2"))(w.T)
			if c.since != nil {
				c.since(what)
			}
			if err := c.do(what); c.want != nil {
				is(w.T, err, c.want)
			} else if err != nil {
				w.T.Errorf("%s: %v", what, err)
			}
		}
		_, err := s.GetInfo(ctx, "never")
		is(w.T, err, objectstore.ErrObjectNotFound)
	})
}
