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

// TestMoreRepliesThanMayWait end the request, with an error after those that did wait.
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

// TestABreakLeavesNothing running, and neither does a panic in the loop's body; the sequence
// may be ranged over again.
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

// TestRequestManyUsesMemoryAgain: data is in the memory that was returned last, and nothing
// else of a message is.
func TestRequestManyUsesMemoryAgain(t *testing.T) {
	s, nc := both(t)
	responder := dial(t, s)
	must.Get(responder.Subscribe("echo", func(m *api.Msg) {
		for _, text := range []string{"first", "2nd", "", "the longest"} {
			must.Do(t, m.RespondMsg(&api.Msg{Data: []byte(text), Header: api.Header{"Of": {text}}}))
		}
	}))(t)
	flushed(t, responder)
	var buffers api.Buffers
	room := make([]byte, 5)
	buffers.Put(room)
	buffers.Put(nil)
	var got []*api.Msg
	for m, err := range nc.RequestMany(must.Within(t, patience), "echo", nil, api.RequestManyMemory(&buffers), api.RequestManyMaxMessages(4)) {
		must.Do(t, err)
		got = append(got, m)
	}
	for i, want := range []string{"first", "2nd", "", "the longest"} {
		if string(got[i].Data) != want || got[i].Header.Get("Of") != want {
			t.Errorf("message %d is %q, its header %v", i, got[i].Data, got[i].Header)
		}
	}
	if &got[0].Data[0] != &room[0] {
		t.Error("the data is elsewhere")
	}
	clear(got[0].Data)
	if got[0].Header.Get("Of") != "first" || got[0].Subject == "" {
		t.Errorf("what is beside the data has changed: %+v", got[0])
	}
	buffers.Put(got[3].Data)
	if again := buffers.Take(3); len(again) != 3 || &again[0] != &got[3].Data[0] {
		t.Error("what was given back last is not used")
	}
	if fresh := buffers.Take(7); len(fresh) != 7 {
		t.Errorf("%d bytes", len(fresh))
	}
	large := make([]byte, 12<<20)
	buffers.Put(large)
	buffers.Put(make([]byte, 12<<20)) // more than stays
	if first, second := buffers.Take(1), buffers.Take(1); &first[0] != &large[0] || cap(second) > 1<<20 {
		t.Errorf("%d and %d bytes stay", cap(first), cap(second))
	}
}

// TestRequestManyRefuses invalid arguments, without sending anything.
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
		"memory":         {nc.RequestMany(ctx, "a", nil, api.RequestManyMemory(nil)), api.ErrInvalidArg},
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
