package api_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/must"
)

// TestADeniedRequestManyFailsAtOnce.
func TestADeniedRequestManyFailsAtOnce(t *testing.T) {
	_, nc, _ := guarded(t, &server.Permissions{Publish: &server.SubjectPermission{Deny: []string{"secret"}}})
	_, err := gathered(t, nc.RequestMany(context.Background(), "secret", nil, api.RequestManyTotal(patience)))
	refusal(t, err)
}

// TestMoreRepliesThanMayWait end the request, with an error behind those that did.
func TestMoreRepliesThanMayWait(t *testing.T) {
	s, nc := both(t, api.SyncQueueLen(10))
	responder := dial(t, s)
	sent := make(chan struct{})
	must.Get(responder.Subscribe("flood", func(m *api.Msg) {
		for i := range 100 {
			_ = m.Respond(number(i))
		}
		close(sent)
	}))(t)
	flushed(t, responder)
	n := 0
	for m, err := range nc.RequestMany(context.Background(), "flood", nil, api.RequestManyTotal(patience)) {
		if err != nil {
			kinds(t, err, api.ErrSlowConsumer)
			var slow *api.SlowConsumerError
			if !errors.As(err, &slow) || slow.LimitMsgs != 10 || slow.Subject != "flood" {
				t.Errorf("error %+v", slow)
			}
			n = -n
			continue
		}
		if string(m.Data) != fmt.Sprint(n) {
			t.Errorf("reply %q as number %d", m.Data, n)
		}
		if n++; n == 1 {
			<-sent
			flushed(t, responder, nc)
		}
	}
	if n > -10 || n < -11 {
		t.Errorf("%d replies before the error", -n)
	}
}

// TestABreakLeavesNothing behind, nor does a panic of the loop's body; and a
// sequence may be ranged over again.
func TestABreakLeavesNothing(t *testing.T) {
	s, nc := both(t)
	responder := dial(t, s)
	var requests atomic.Int32
	must.Get(responder.Subscribe("a", func(m *api.Msg) {
		requests.Add(1)
		for i := range 3 {
			_ = m.Respond(number(i))
		}
	}))(t)
	flushed(t, responder)
	many := nc.RequestMany(must.Within(t, patience), "a", nil)
	for range 2 {
		for _, err := range many {
			must.Do(t, err)
			break
		}
	}
	func() {
		defer func() { _ = recover() }()
		for range many {
			panic("body")
		}
	}()
	flushed(t, responder, nc)
	stats := nc.Stats()
	if stats.LateReplies > 6 || requests.Load() != 3 {
		t.Errorf("%d late replies to %d requests", stats.LateReplies, requests.Load())
	}
	must.Get(nc.Request("a", nil, patience))(t)
	if n := nc.NumSubscriptions(); n != 1 {
		t.Errorf("%d subscriptions", n)
	}
}

func TestRequestManyTakesHeaders(t *testing.T) {
	s, nc := both(t)
	echo(t, dial(t, s), "echo")
	for m, err := range nc.RequestManyMsg(must.Within(t, patience), &api.Msg{Subject: "echo", Data: []byte("x"), Header: api.Header{"K": {"v"}}}) {
		must.Do(t, err)
		if m.Header.Get("K") != "v" || string(m.Data) != "x" || m.Sub == nil {
			t.Errorf("got %+v", m)
		}
		break
	}
	_, err := gathered(t, nc.RequestManyMsg(must.Within(t, patience), &api.Msg{Subject: "echo", Header: api.Header{"a b": {"v"}}}))
	kinds(t, err, api.ErrBadHeaderMsg)
}

// TestRequestManyRefuses what makes no sense, without sending anything.
func TestRequestManyRefuses(t *testing.T) {
	_, nc := both(t)
	done, cancel := context.WithCancel(context.Background())
	cancel()
	ctx := context.Background()
	var none context.Context
	for name, c := range map[string]struct {
		many func(yield func(*api.Msg, error) bool)
		want error
	}{
		"nil context":    {nc.RequestMany(none, "a", nil), api.ErrInvalidContext},
		"nil message":    {nc.RequestManyMsg(ctx, nil), api.ErrInvalidMsg},
		"nil connection": {(*api.Conn)(nil).RequestMany(ctx, "a", nil), api.ErrInvalidConnection},
		"done context":   {nc.RequestMany(done, "a", nil), context.Canceled},
		"total":          {nc.RequestMany(ctx, "a", nil, api.RequestManyTotal(0)), api.ErrBadTimeout},
		"stall":          {nc.RequestMany(ctx, "a", nil, api.RequestManyStall(-1)), api.ErrInvalidArg},
		"count":          {nc.RequestMany(ctx, "a", nil, api.RequestManyMaxMessages(0)), api.ErrInvalidArg},
		"sentinel":       {nc.RequestMany(ctx, "a", nil, api.RequestManySentinel(nil)), api.ErrInvalidCallback},
	} {
		texts, err := gathered(t, c.many)
		if kinds(t, err, c.want); len(texts) > 0 || errors.Is(err, api.ErrBadSubscription) {
			t.Errorf("%s: replies %q, error %v", name, texts, err)
		}
	}
	if n := nc.Stats().OutMsgs; n != 0 {
		t.Errorf("%d messages were sent", n)
	}
}
