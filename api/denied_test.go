package api_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/protocol"
)

// guarded starts a server where the user limited has the given permissions and
// free has all, and connects as both.
func guarded(t *testing.T, p *server.Permissions, options ...api.Option) (s *natsserver.Server, limited, free *api.Conn) {
	t.Helper()
	s = natsserver.Run(t, natsserver.Options{Edit: func(o *server.Options) {
		o.Users = []*server.User{{Username: "limited", Password: "l", Permissions: p}, {Username: "free", Password: "f"}}
	}})
	return s, dial(t, s, append(options, api.UserInfo("limited", "l"))...), dial(t, s, api.UserInfo("free", "f"))
}

// refusal returns the *PermissionError in err.
func refusal(t *testing.T, err error) *api.PermissionError {
	t.Helper()
	kinds(t, err, api.ErrPermissionViolation)
	var p *api.PermissionError
	if !errors.As(err, &p) || errors.Is(err, api.ErrTimeout) {
		t.Fatalf("error %#v", err)
	}
	return p
}

// TestADeniedRequestFailsAtOnce; requests on other subjects continue to wait.
func TestADeniedRequestFailsAtOnce(t *testing.T) {
	_, nc, free := guarded(t, &server.Permissions{Publish: &server.SubjectPermission{Deny: []string{"secret.>"}}})
	asked := make(chan *api.Msg, 1)
	must.Get(free.Subscribe("open", func(m *api.Msg) { asked <- m }))(t)
	flushed(t, free)
	open := make(chan error, 1)
	go func() {
		_, err := nc.Request("open", nil, time.Hour)
		open <- err
	}()
	m := await(t, asked, "the request on another subject")
	for range 3 {
		_, err := nc.Request("secret.a", nil, time.Hour)
		if p := refusal(t, err); p.Op != protocol.RolePublish || p.Subject != "secret.a" || p.Raw == "" {
			t.Errorf("error %+v", p)
		}
	}
	must.Do(t, m.Respond(nil))
	must.Do(t, await(t, open, "the answer"))
}

// TestADeniedPublishEndsAllRequestsThere that wait on its subject.
func TestADeniedPublishEndsAllRequestsThere(t *testing.T) {
	_, nc, _ := guarded(t, &server.Permissions{Publish: &server.SubjectPermission{Deny: []string{"secret"}}})
	const n = 10
	errs := make(chan error, n)
	for range n {
		go func() {
			_, err := nc.RequestWithContext(context.Background(), "secret", nil)
			errs <- err
		}()
	}
	for range n {
		refusal(t, await(t, errs, "the refusal"))
	}
}

// TestARefusedInboxFailsRequestsAtOnce. Later ones are not even sent, until there is a link
// to a server that allows it.
func TestARefusedInboxFailsRequestsAtOnce(t *testing.T) {
	p := &server.Permissions{Subscribe: &server.SubjectPermission{Deny: []string{"_INBOX.>"}}}
	s, nc, free := guarded(t, p, api.MaxReconnects(-1))
	echo(t, free, "echo")
	for range 2 {
		_, err := nc.Request("echo", nil, time.Hour)
		if p := refusal(t, err); p.Op != protocol.RoleSubscribe {
			t.Errorf("error %+v", p)
		}
	}
	if n := nc.Stats().OutMsgs; n != 1 {
		t.Errorf("%d messages left, want that of the first request", n)
	}
	p.Subscribe = nil
	back := nc.StatusChanged(api.CONNECTED)
	again := free.StatusChanged(api.CONNECTED)
	s.Kill()
	must.Do(t, s.Restart())
	await(t, back, "the reconnect")
	await(t, again, "the responder's reconnect")
	flushed(t, free)
	must.Get(nc.Request("echo", nil, patience))(t)
}

// TestADeniedReplySubject fails the request that uses it.
func TestADeniedReplySubject(t *testing.T) {
	_, nc := both(t, api.CustomInboxPrefix("$JS.ACK"))
	_, err := nc.Request("a", nil, time.Hour)
	if p := refusal(t, err); p.Op != protocol.RoleReply {
		t.Errorf("error %+v", p)
	}
}

// TestDenialsAreToldInTheirOrder, whatever was denied.
func TestDenialsAreToldInTheirOrder(t *testing.T) {
	const count = 20
	told := make(chan error, 2*count)
	none := &server.SubjectPermission{Deny: []string{"no.>"}}
	_, nc, _ := guarded(t, &server.Permissions{Publish: none, Subscribe: none},
		api.ErrorHandler(func(_ *api.Conn, _ *api.Subscription, err error) { told <- err }))
	for i := range count {
		must.Do(t, nc.Publish(fmt.Sprintf("no.publish.%d", i), nil))
		must.Get(nc.SubscribeSync(fmt.Sprintf("no.subscribe.%d", i)))(t)
	}
	for i := range 2 * count {
		denied := holds[*api.PermissionError](t, await(t, told, "a denial"))
		if want := fmt.Sprintf("no.%s.%d", [2]string{"publish", "subscribe"}[i%2], i/2); denied.Subject != want {
			t.Fatalf("denial %d is about %s, want %s", i, denied.Subject, want)
		}
	}
}
