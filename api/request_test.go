package api_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
)

// echo answers every request on subject with its own data and header.
func echo(t *testing.T, nc *api.Conn, subject string) {
	t.Helper()
	try(nc.Subscribe(subject, func(m *api.Msg) {
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
	ctx := within(t)
	withHeader := &api.Msg{Subject: "echo", Reply: "ignored", Data: []byte("x"), Header: api.Header{"K": {"v", "w"}}}
	for name, f := range map[string]func() (*api.Msg, error){
		"RequestMsg":            func() (*api.Msg, error) { return nc.RequestMsg(withHeader, patience) },
		"RequestMsgWithContext": func() (*api.Msg, error) { return nc.RequestMsgWithContext(ctx, withHeader) },
	} {
		m := try(f())(t)
		if !strings.HasPrefix(m.Subject, "_INBOX.") || string(m.Data) != "x" || len(m.Header["K"]) != 2 || m.Sub == nil {
			t.Errorf("%s: got %+v", name, m)
		}
	}
	for name, f := range map[string]func() (*api.Msg, error){
		"Request":            func() (*api.Msg, error) { return nc.Request("echo", []byte("x"), patience) },
		"RequestWithContext": func() (*api.Msg, error) { return nc.RequestWithContext(ctx, "echo", []byte("x")) },
	} {
		m := try(f())(t)
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
	if m := try(nc.Request("echo", nil, patience))(t); !strings.HasPrefix(m.Subject, "my.inbox.") {
		t.Errorf("reply to %q", m.Subject)
	}
	if inbox := nc.NewInbox(); !strings.HasPrefix(inbox, "my.inbox.") {
		t.Errorf("inbox %q", inbox)
	}
	if a, b := api.NewInbox(), api.NewInbox(); a == b || !strings.HasPrefix(a, api.InboxPrefix) {
		t.Errorf("inboxes %q, %q", a, b)
	}
}

func TestRequestFailures(t *testing.T) {
	s, nc := both(t)
	silent := dial(t, s)
	asked := make(chan *api.Msg, 10)
	try(silent.Subscribe("silent", func(m *api.Msg) { asked <- m }))(t)
	flushed(t, silent)
	_, err := nc.Request("nobody", nil, patience)
	kinds(t, err, api.ErrNoResponders)
	var nobody *api.NoRespondersError
	if errors.Is(err, api.ErrTimeout) || !errors.As(err, &nobody) || nobody.Subject != "nobody" {
		t.Errorf("error %#v", err)
	}
	_, err = nc.RequestWithContext(within(t), "nobody", nil)
	kinds(t, err, api.ErrNoResponders)
	_, err = nc.Request("silent", nil, 10*time.Millisecond)
	kinds(t, err, api.ErrTimeout, context.DeadlineExceeded)
	ctx, cancel := context.WithTimeout(context.Background(), 10*time.Millisecond)
	defer cancel()
	_, err = nc.RequestWithContext(ctx, "silent", nil)
	kinds(t, err, context.DeadlineExceeded)
	must(t, await(t, asked, "the first request").Respond([]byte("late")))
	cancelled, stop := context.WithCancel(context.Background())
	go func() {
		for range 2 {
			<-asked
		}
		stop()
	}()
	_, err = nc.RequestWithContext(cancelled, "silent", nil)
	kinds(t, err, context.Canceled)
	flushed(t, silent, nc)
	if late := nc.Stats().LateReplies; late != 1 {
		t.Errorf("%d late replies", late)
	}
}

func TestCloseEndsRequests(t *testing.T) {
	_, nc := both(t)
	asked := make(chan struct{}, 1)
	try(nc.Subscribe("silent", func(*api.Msg) { asked <- struct{}{} }))(t)
	got := make(chan error, 1)
	go func() {
		_, err := nc.Request("silent", nil, time.Hour)
		got <- err
	}()
	await(t, asked, "the request")
	nc.Close()
	kinds(t, await(t, got, "the end of the request"), api.ErrConnectionClosed)
}

func TestLossOfTheLinkEndsRequests(t *testing.T) {
	s, nc := both(t, api.MaxReconnects(-1))
	asked := make(chan struct{}, 1)
	try(nc.Subscribe("silent", func(*api.Msg) { asked <- struct{}{} }))(t)
	got := make(chan error, 1)
	go func() {
		_, err := nc.Request("silent", nil, time.Hour)
		got <- err
	}()
	await(t, asked, "the request")
	s.Kill()
	err := await(t, got, "the end of the request")
	kinds(t, err, api.ErrDisconnected)
	if errors.Is(err, api.ErrConnectionClosed) {
		t.Errorf("error %v says closed", err)
	}
}

func TestRespondNeedsAReply(t *testing.T) {
	_, nc := both(t)
	sub := try(nc.SubscribeSync("a"))(t)
	must(t, nc.Publish("a", nil))
	m := try(sub.NextMsgWithContext(within(t)))(t)
	kinds(t, m.Respond(nil), api.ErrMsgNoReply)
	kinds(t, m.RespondMsg(api.NewMsg("")), api.ErrMsgNoReply)
	m.Reply = "b"
	kinds(t, m.RespondMsg(nil), api.ErrInvalidMsg)
	must(t, sub.Unsubscribe())
	answers := try(nc.SubscribeSync("b"))(t)
	must(t, m.Respond([]byte("late but fine")))
	try(answers.NextMsgWithContext(within(t)))(t)
}
