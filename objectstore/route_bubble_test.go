package objectstore_test

import (
	"strings"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/objectstore"
)

// The account's own bucket answers at once, and the one behind the import later.
func TestWritesThroughASlowImport(t *testing.T) {
	const api0, slow = "$JS.API.>", "slow.>"
	server := faults.ServerOptions(natsserver.Options{JetStream: true, Accounts: []natsserver.Account{
		{Name: "A", JetStream: true, Users: []natsserver.User{{Name: "a", Password: "a"}}, Exports: []natsserver.Export{{Service: api0}, {Service: slow}}},
		{Name: "B", JetStream: true, Users: []natsserver.User{{Name: "b", Password: "b"}}, Imports: []natsserver.Import{
			{Account: "A", Service: api0, As: "A.$JS.API.>"}, {Account: "A", Service: slow, As: "A.$O.>"}}},
	}})
	faults.Bubble(t, func(b *faults.Env) {
		connect := func(user string) *api.Conn {
			nc := must.Get(api.Connect(b.URL("s1"), api.System(b.System), api.SetCustomDialer(b.Dialer(user)), api.UserInfo(user, user)))(b.T)
			b.T.Cleanup(nc.Close)
			return nc
		}
		config := objectstore.Config{Bucket: "b", Storage: jetstream.MemoryStorage}
		slowly, nc := connect("a"), connect("b")
		there := must.Get(objectstore.Create(b.T.Context(), must.Get(jetstream.New(slowly))(b.T), config))(b.T)
		must.Get(slowly.Subscribe(slow, func(m *api.Msg) {
			time.Sleep(200 * time.Millisecond)
			request := &api.Msg{Subject: "$O." + strings.TrimPrefix(m.Subject, "slow."), Header: m.Header, Data: m.Data}
			answer, err := slowly.RequestMsg(request, time.Minute)
			if err == nil {
				err = m.Respond(answer.Data)
			}
			if err != nil {
				b.T.Error(err)
			}
		}))(b.T)
		must.Do(b.T, slowly.Flush())
		time.Sleep(time.Minute) // so that the buckets differ in their age
		own := must.Get(objectstore.Create(b.T.Context(), must.Get(jetstream.New(nc))(b.T), config))(b.T)
		here := must.Get(objectstore.Open(b.T.Context(), must.Get(jetstream.NewWithAPIPrefix(nc, "A.$JS.API."))(b.T), "b"))(b.T)
		writes(b.T, "first", here, there)
		empty(b.T, own)
	}, server)
}
