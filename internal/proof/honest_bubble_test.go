package proof_test

import (
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/fakeserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/protocol"
)

// fake runs f in a bubble with a fake server.
func fake(t *testing.T, options fakeserver.Options, f func(t *testing.T, s *fakeserver.Server)) {
	t.Helper()
	options.DontListen = true
	synctest.Test(t, func(t *testing.T) { f(t, fakeserver.Run(t, options)) })
}

// TestTheHonestServerIsOne: the client and the fake server agree as long as nobody
// lies, so that what the other tests show is due to the lie.
func TestTheHonestServerIsOne(t *testing.T) {
	fake(t, fakeserver.Options{}, func(t *testing.T, s *fakeserver.Server) {
		nc, events := observed(t, s)
		answers := must.Get(nc.Subscribe("double.*", func(m *api.Msg) { _ = m.Respond(append(m.Data, m.Data...)) }))(t)
		answer := must.Get(nc.RequestMsg(&api.Msg{Subject: "double.a", Header: api.Header{"K": {"v"}}, Data: []byte("ab")}, time.Second))(t)
		if string(answer.Data) != "abab" {
			t.Errorf("answered %q", answer.Data)
		}
		_, err := nc.Request("nobody", nil, time.Second)
		kinds(t, err, api.ErrNoResponders)
		must.Do(t, answers.Unsubscribe())
		must.Do(t, nc.Flush())
		if subs := s.Client(1).Subscriptions(); len(subs) != 1 {
			t.Errorf("the server knows of %+v, want the inbox", subs)
		}
		if connect := s.Client(1).Connect(); connect.Lang != "go" && connect.Protocol != 1 || connect.Verbose || connect.Pedantic {
			t.Errorf("the client said %+v", connect)
		}
		time.Sleep(24 * time.Hour)
		events.none(t, api.LinkLost, api.ServerErrorReported)
		nc.Close()
		synctest.Wait()
		if err := s.Client(1).Err(); err == nil || len(s.Clients()) != 0 {
			t.Errorf("the client is still there: %v", err)
		}
		pings := 0
		for _, f := range s.Client(1).Frames() {
			if f.Op == protocol.OpPing {
				pings++
			}
		}
		if pings < 100 {
			t.Errorf("%d PINGs in a day", pings)
		}
	})
}
