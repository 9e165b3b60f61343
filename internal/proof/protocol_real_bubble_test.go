package proof_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/protocol"
)

// The rows whose lie is the truth of a real server, told by one: the same obligations as
// with the fake one.

// realServer runs f in a bubble with a real server.
func realServer(t *testing.T, edit func(o *server.Options), f func(t *testing.T, s *natsserver.Server)) {
	t.Helper()
	natsserver.Bubble(t, func(t *testing.T) {
		f(t, natsserver.Run(t, natsserver.Options{DontListen: true, Edit: edit}))
	})
}

// TestP04RealRefusal: wrong credentials, at once and on the way back.
func TestP04RealRefusal(t *testing.T) {
	realServer(t, func(o *server.Options) { o.Username, o.Password = "ann", "pw" }, func(t *testing.T, s *natsserver.Server) {
		h := &hosts{servers: map[string]provider{"a": s}}
		_, err := api.Connect("a", h.options(api.UserInfo("ann", "guess"))...)
		kinds(t, err, api.ErrAuthorization, api.ErrNoServers)
		asked := 0
		events := newTape()
		nc := must.Get(api.Connect("a", h.options(events.option(), api.IgnoreAuthErrorAbort(), api.UserInfoHandler(func() (string, string) {
			asked++
			if asked == 2 || asked == 3 {
				return "ann", "old"
			}
			return "ann", "pw"
		}))...))(t)
		s.Kill()
		must.Do(t, s.Restart())
		events.await(t, api.AuthenticationFailed, 2)
		events.await(t, api.LinkRestored, 2)
		for _, e := range events.of(api.AuthenticationFailed) {
			if said := as[*api.AuthorizationError](t, e.Cause); said.Reason != "Authorization Violation" || said.During != "reconnect" {
				t.Errorf("told %+v", said)
			}
		}
		nc.Close()
	})
}

// TestP05RealLimits: connections, payload, control line, subscriptions. Over sockets: a
// pipe without a buffer has no room for what a server says while it closes.
func TestP05RealLimits(t *testing.T) {
	small := natsserver.Run(t, natsserver.Options{Edit: func(o *server.Options) {
		o.MaxConn, o.MaxPayload, o.MaxSubs, o.MaxControlLine = 1, 100, 3, 512
	}})
	other := natsserver.Run(t, natsserver.Options{})
	events := newTape()
	nc := must.Get(api.Connect(small.URL(), events.option(), system(), api.Timeout(late)))(t)
	defer nc.Close()
	second := newTape()
	elsewhere := must.Get(api.Connect(small.URL()+","+other.URL(), api.DontRandomize(), second.option(), system(), api.Timeout(late)))(t)
	kinds(t, second.await(t, api.ConnectAttemptFailed, 1).Cause, api.ErrMaxConnectionsExceeded)
	if n := other.Server().NumClients(); n != 1 {
		t.Errorf("%d clients at the other server", n)
	}
	elsewhere.Close()

	kinds(t, nc.Publish("a", make([]byte, 101)), api.ErrMaxPayload)
	must.Do(t, nc.Publish("a", make([]byte, 100)))
	var subs []*api.Subscription
	for range 4 {
		subs = append(subs, must.Get(nc.SubscribeSync("a"))(t))
	}
	must.Do(t, nc.FlushWithContext(must.Within(t, patience)))
	kinds(t, events.await(t, api.PermissionDenied, 1).Cause, api.ErrMaxSubscriptionsExceeded)
	must.Do(t, nc.Publish("a", nil))
	for i, sub := range subs {
		_, err := sub.NextMsg(patience)
		if denied := errors.Is(err, api.ErrMaxSubscriptionsExceeded) || errors.Is(err, api.ErrBadSubscription); denied != (i == 3) {
			t.Errorf("subscription %d: %v", i, err)
		}
	}
	events.none(t, api.LinkLost)
	must.Do(t, nc.Publish(strings.Repeat("a", 600), nil))
	kinds(t, events.await(t, api.LinkLost, 1).Cause, api.ErrMaxControlLine)
	events.await(t, api.LinkRestored, 2)
	must.Do(t, nc.FlushWithContext(must.Within(t, patience)))
}

// TestP06RealPermissions: publish, subscribe, queue, reply, too many tokens.
func TestP06RealPermissions(t *testing.T) {
	edit := func(o *server.Options) {
		o.MaxSubTokens = 5
		o.Users = []*server.User{{Username: "ann", Password: "pw", Permissions: &server.Permissions{
			Publish:   &server.SubjectPermission{Deny: []string{"denied"}},
			Subscribe: &server.SubjectPermission{Deny: []string{"secret", "jobs bad"}},
		}}}
	}
	realServer(t, edit, func(t *testing.T, s *natsserver.Server) {
		events := newTape()
		nc := join(t, s, events.option(), api.UserInfo("ann", "pw"), api.PermissionErrOnSubscribe(true))
		_, err := nc.Request("denied", nil, time.Hour)
		kinds(t, err, api.ErrPermissionViolation)
		for _, c := range []struct{ subject, queue string }{{"secret", ""}, {"jobs", "bad"}, {"a.b.c.d.e.f", ""}} {
			sub := must.Get(nc.QueueSubscribeSync(c.subject, c.queue))(t)
			_, err := sub.NextMsg(time.Hour)
			kinds(t, err, api.ErrPermissionViolation)
		}
		must.Do(t, nc.PublishRequest("a", "$JS.ACK.x", nil))
		must.Do(t, nc.Flush())
		synctest.Wait()
		var roles []protocol.Role
		for _, e := range events.of(api.PermissionDenied) {
			roles = append(roles, as[*api.PermissionError](t, e.Cause).Op)
		}
		want := []protocol.Role{protocol.RolePublish, protocol.RoleSubscribe, protocol.RoleSubscribe, protocol.RoleSubscribe, protocol.RoleReply}
		if !slices.Equal(roles, want) {
			t.Errorf("told of %v", roles)
		}
		fine := must.Get(nc.QueueSubscribeSync("jobs", "good"))(t)
		must.Do(t, nc.Publish("jobs", nil))
		must.Get(fine.NextMsg(time.Second))(t)
		events.none(t, api.LinkLost)
		nc.Close()
	})
}

// TestP19RealSizes: nothing, the limit, and one byte more.
func TestP19RealSizes(t *testing.T) {
	realServer(t, func(o *server.Options) { o.MaxPayload = 1000 }, func(t *testing.T, s *natsserver.Server) {
		nc, events := observed(t, s)
		sub := must.Get(nc.SubscribeSync("a"))(t)
		header := api.Header{"K": {"v"}}
		room := 1000 - (&api.Msg{Header: header}).Size()
		for _, m := range []*api.Msg{{}, {Data: make([]byte, 1000)}, {Header: header}, {Header: header, Data: make([]byte, room)}} {
			m.Subject = "a"
			must.Do(t, nc.PublishMsg(m))
			if got := must.Get(sub.NextMsg(time.Second))(t); len(got.Data) != len(m.Data) || got.Header.Get("K") != m.Header.Get("K") {
				t.Errorf("%d bytes came as %d", len(m.Data), len(got.Data))
			}
			m.Data = append(m.Data, make([]byte, 1001)...)[:max(1001, len(m.Data)+1)]
			if err := nc.PublishMsg(m); !errors.Is(err, api.ErrMaxPayload) {
				t.Errorf("%d bytes: %v", len(m.Data), err)
			}
		}
		must.Do(t, nc.Flush())
		events.none(t, api.LinkLost, api.ServerErrorReported)
		nc.Close()
	})
}
