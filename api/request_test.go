package api_test

import (
	"bytes"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/protocol"
)

// echo answers every request on subject with its own data and header.
func echo(t *testing.T, nc *api.Conn, subject string) {
	t.Helper()
	must.Get(nc.Subscribe(subject, func(m *api.Msg) {
		answer := &api.Msg{Data: m.Data, Header: m.Header}
		if err := m.RespondMsg(answer); err != nil {
			t.Errorf("respond: %v", err)
		}
	}))(t)
	flushed(t, nc)
}

func TestRequestsGetTheirOwnAnswers(t *testing.T) {
	s, nc := both(t)
	echo(t, dial(t, s), "echo")
	var all sync.WaitGroup
	for i := range 20 {
		all.Go(func() {
			for j := range 50 {
				data := fmt.Appendf(nil, "%d-%d", i, j)
				m, err := nc.Request("echo", data, patience)
				if err != nil || !bytes.Equal(m.Data, data) {
					t.Errorf("answer %v, %v", m, err)
					return
				}
			}
		})
	}
	all.Wait()
	if n := nc.NumSubscriptions(); n != 1 {
		t.Errorf("%d subscriptions for all requests", n)
	}
}

func TestRequestForms(t *testing.T) {
	s, nc := both(t)
	echo(t, dial(t, s), "echo")
	ctx := must.Within(t, patience)
	withHeader := &api.Msg{Subject: "echo", Reply: "ignored", Data: []byte("x"), Header: api.Header{"K": {"v", "w"}}}
	for name, f := range map[string]func() (*api.Msg, error){
		"RequestMsg":            func() (*api.Msg, error) { return nc.RequestMsg(withHeader, patience) },
		"RequestMsgWithContext": func() (*api.Msg, error) { return nc.RequestMsgWithContext(ctx, withHeader) },
		"RequestMsgWithin":      func() (*api.Msg, error) { return nc.RequestMsgWithin(ctx, withHeader, patience) },
	} {
		m := must.Get(f())(t)
		if !strings.HasPrefix(m.Subject, "_INBOX.") || string(m.Data) != "x" || len(m.Header["K"]) != 2 || m.Sub == nil {
			t.Errorf("%s: got %+v", name, m)
		}
	}
	for name, f := range map[string]func() (*api.Msg, error){
		"Request":            func() (*api.Msg, error) { return nc.Request("echo", []byte("x"), patience) },
		"RequestWithContext": func() (*api.Msg, error) { return nc.RequestWithContext(ctx, "echo", []byte("x")) },
	} {
		m := must.Get(f())(t)
		if string(m.Data) != "x" || m.Header != nil {
			t.Errorf("%s: got %+v", name, m)
		}
		m.Data = append(m.Data, strings.Repeat("y", 100)...) // the caller's to change
		if !strings.HasPrefix(m.Subject, "_INBOX.") {
			t.Errorf("%s: subject %q", name, m.Subject)
		}
	}
}

func TestRequestPrefix(t *testing.T) {
	s, nc := both(t, api.CustomInboxPrefix("my.inbox"))
	echo(t, dial(t, s), "echo")
	if m := must.Get(nc.Request("echo", nil, patience))(t); !strings.HasPrefix(m.Subject, "my.inbox.") {
		t.Errorf("reply to %q", m.Subject)
	}
	if inbox := nc.NewInbox(); !strings.HasPrefix(inbox, "my.inbox.") {
		t.Errorf("inbox %q", inbox)
	}
	if a, b := api.NewInbox(), api.NewInbox(); a == b || !strings.HasPrefix(a, api.InboxPrefix) {
		t.Errorf("inboxes %q, %q", a, b)
	}
}

func TestRespondNeedsAReply(t *testing.T) {
	_, nc := both(t)
	sub := must.Get(nc.SubscribeSync("a"))(t)
	must.Do(t, nc.Publish("a", nil))
	m := must.Get(sub.NextMsgWithContext(must.Within(t, patience)))(t)
	kinds(t, m.Respond(nil), api.ErrMsgNoReply)
	kinds(t, m.RespondMsg(api.NewMsg("")), api.ErrMsgNoReply)
	m.Reply = "b"
	kinds(t, m.RespondMsg(nil), api.ErrInvalidMsg)
	must.Do(t, sub.Unsubscribe())
	answers := must.Get(nc.SubscribeSync("b"))(t)
	must.Do(t, m.Respond([]byte("late but fine")))
	must.Get(answers.NextMsgWithContext(must.Within(t, patience)))(t)
}

// TestOldRequestStyle subscribes for each request, and unsubscribes when it ends.
func TestOldRequestStyle(t *testing.T) {
	p := &server.Permissions{Subscribe: &server.SubjectPermission{Deny: []string{"_INBOX.*.*", "closed.>"}}}
	_, nc, free := guarded(t, p, api.UseOldRequestStyle())
	echo(t, free, "echo")
	_, err := nc.Request("echo", nil, patience)
	if p := refusal(t, err); p.Op != protocol.RoleSubscribe {
		t.Errorf("error %+v", p)
	}
	_, nc = both(t, api.UseOldRequestStyle())
	seen := make(chan int, 10)
	must.Get(nc.Subscribe("count", func(m *api.Msg) {
		seen <- nc.NumSubscriptions()
		_ = m.Respond(m.Data)
	}))(t)
	for range 3 {
		m := must.Get(nc.Request("count", []byte("x"), patience))(t)
		if n := await(t, seen, "the count"); n != 2 || string(m.Data) != "x" {
			t.Errorf("%d subscriptions during a request, reply %q", n, m.Data)
		}
	}
	for _, err := range nc.RequestMany(must.Within(t, patience), "count", nil) {
		must.Do(t, err)
		break
	}
	_, err = nc.Request("nobody", nil, patience)
	kinds(t, err, api.ErrNoResponders)
	_, err = nc.Request("a b", nil, patience)
	kinds(t, err, api.ErrBadSubject)
	if n := nc.NumSubscriptions(); n != 1 {
		t.Errorf("%d subscriptions afterwards", n)
	}
}

// TestNewRespInbox returns subjects of the connection itself, which can be subscribed to.
func TestNewRespInbox(t *testing.T) {
	s, nc := both(t)
	echo(t, dial(t, s), "echo")
	reply := must.Get(nc.Request("echo", nil, patience))(t).Subject
	a, b := nc.NewRespInbox(), nc.NewRespInbox()
	if prefix := reply[:strings.LastIndex(reply, ".")+1]; a == b || !strings.HasPrefix(a, prefix) || len(a) != len(prefix)+8 {
		t.Errorf("inboxes %q and %q, a reply came to %q", a, b, reply)
	}
	sub := must.Get(nc.SubscribeSync(a))(t)
	must.Do(t, nc.PublishRequest("echo", a, []byte("x")))
	if m := must.Get(sub.NextMsgWithContext(must.Within(t, patience)))(t); string(m.Data) != "x" {
		t.Errorf("got %q", m.Data)
	}
	if inbox := (*api.Conn)(nil).NewRespInbox(); !strings.HasPrefix(inbox, api.InboxPrefix) {
		t.Errorf("inbox %q without a connection", inbox)
	}
}

// TestRespondErrors, in the order in which they are checked.
func TestRespondErrors(t *testing.T) {
	_, nc := both(t)
	sub := must.Get(nc.SubscribeSync("a"))(t)
	bound := func(reply string) *api.Msg { return &api.Msg{Reply: reply, Sub: sub} }
	for name, c := range map[string]struct {
		m      *api.Msg
		answer *api.Msg
		want   error
	}{
		"nil":           {nil, api.NewMsg(""), api.ErrMsgNotBound},
		"not bound":     {&api.Msg{Reply: "b"}, nil, api.ErrMsgNotBound},
		"no reply":      {bound(""), nil, api.ErrMsgNoReply},
		"nil answer":    {bound("b"), nil, api.ErrInvalidMsg},
		"bad reply":     {bound("a b"), api.NewMsg(""), api.ErrBadSubject},
		"bad header":    {bound("b"), &api.Msg{Header: api.Header{"a b": {""}}}, api.ErrBadHeaderMsg},
		"answer's own":  {bound("b"), &api.Msg{Subject: "else", Reply: "c d"}, api.ErrBadSubject},
		"empty receive": {&api.Msg{Reply: "b", Sub: new(api.Subscription)}, api.NewMsg(""), api.ErrMsgNotBound},
	} {
		t.Run(name, func(t *testing.T) {
			kinds(t, c.m.RespondMsg(c.answer), c.want)
			if err := c.m.Respond(nil); c.answer != nil && c.answer.Header == nil && c.answer.Reply == "" {
				kinds(t, err, c.want)
			}
		})
	}
	nc.Close()
	kinds(t, bound("b").Respond(nil), api.ErrConnectionClosed)
}
