package api_test

import (
	"context"
	"errors"
	"sync"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/must"
)

func TestNextMsg(t *testing.T) {
	_, nc := both(t)
	sub := must.Get(nc.SubscribeSync("a.*"))(t)
	if _, err := sub.NextMsg(0); !errors.Is(err, api.ErrTimeout) {
		t.Errorf("poll of nothing: %v", err)
	}
	_, err := sub.NextMsg(-1)
	kinds(t, err, api.ErrBadTimeout)
	_, err = sub.NextMsg(10 * time.Millisecond)
	kinds(t, err, api.ErrTimeout, context.DeadlineExceeded)
	m := &api.Msg{Subject: "a.b", Reply: "re", Header: api.Header{"K": {"1", "2"}}, Data: []byte("data")}
	must.Do(t, nc.PublishMsg(m))
	got := must.Get(sub.NextMsg(patience))(t)
	if !got.Equal(m) || got.Sub != sub {
		t.Errorf("got %+v", got)
	}
	must.Do(t, nc.Publish("a.c", nil))
	flushed(t, nc)
	if got := must.Get(sub.NextMsg(0))(t); got.Subject != "a.c" || got.Header != nil || len(got.Data) != 0 {
		t.Errorf("got %+v", got)
	}
	async := must.Get(nc.Subscribe("b", func(*api.Msg) {}))(t)
	_, err = async.NextMsg(time.Second)
	kinds(t, err, api.ErrSyncSubRequired)
	_, err = async.NextMsgWithContext(context.Background())
	kinds(t, err, api.ErrSyncSubRequired)
	for _, err := range async.Msgs() {
		kinds(t, err, api.ErrSyncSubRequired)
	}
	var noContext context.Context
	_, err = sub.NextMsgWithContext(noContext)
	kinds(t, err, api.ErrInvalidContext)
	over, cancel := context.WithCancel(context.Background())
	cancel()
	_, err = sub.NextMsgWithContext(over)
	kinds(t, err, context.Canceled)
}

// TestWaitersWakeUp ends a wait for a message in every way.
func TestWaitersWakeUp(t *testing.T) {
	for name, c := range map[string]struct {
		end  func(*api.Conn, *api.Subscription)
		kind error
	}{
		"unsubscribe":       {func(_ *api.Conn, s *api.Subscription) { _ = s.Unsubscribe() }, api.ErrBadSubscription},
		"close":             {func(nc *api.Conn, _ *api.Subscription) { nc.Close() }, api.ErrConnectionClosed},
		"drain":             {func(_ *api.Conn, s *api.Subscription) { _ = s.Drain() }, api.ErrBadSubscription},
		"drain of all":      {func(nc *api.Conn, _ *api.Subscription) { _ = nc.Drain() }, nil},
		"end of the server": {func(nc *api.Conn, s *api.Subscription) { _ = s.AutoUnsubscribe(1); _ = nc.Publish("a", nil) }, nil},
	} {
		t.Run(name, func(t *testing.T) {
			_, nc := both(t)
			sub := must.Get(nc.SubscribeSync("a"))(t)
			var all sync.WaitGroup
			errs := make(chan error, 3)
			for range 3 {
				all.Go(func() {
					_, err := sub.NextMsgWithContext(must.Within(t, patience))
					errs <- err
				})
			}
			flushed(t, nc)
			c.end(nc, sub)
			all.Wait()
			close(errs)
			for err := range errs {
				if c.kind != nil {
					kinds(t, err, c.kind)
				}
				if errors.Is(err, context.DeadlineExceeded) {
					t.Error("a waiter was forgotten")
				}
			}
		})
	}
}

func TestEachMessageGoesToOneWaiter(t *testing.T) {
	_, nc := both(t)
	sub := must.Get(nc.SubscribeSync("a"))(t)
	const count, waiters = 500, 5
	seen := make(chan string, 2*count)
	var all sync.WaitGroup
	must.Do(t, sub.AutoUnsubscribe(count))
	for range waiters {
		all.Go(func() {
			for m, err := range sub.Msgs() {
				if err != nil {
					kinds(t, err, api.ErrMaxMessages)
					return
				}
				seen <- string(m.Data)
			}
		})
	}
	for i := range count {
		must.Do(t, nc.Publish("a", number(i)))
	}
	all.Wait()
	close(seen)
	distinct := map[string]bool{}
	for data := range seen {
		distinct[data] = true
	}
	if len(distinct) != count {
		t.Errorf("%d distinct messages of %d", len(distinct), count)
	}
}

func TestMsgsCanBeLeft(t *testing.T) {
	_, nc := both(t)
	sub := must.Get(nc.SubscribeSync("a"))(t)
	for i := range 10 {
		must.Do(t, nc.Publish("a", number(i)))
	}
	flushed(t, nc)
	n := 0
	for m, err := range sub.Msgs() {
		must.Do(t, err)
		if string(m.Data) != string(number(n)) {
			t.Errorf("message %d is %q", n, m.Data)
		}
		if n++; n == 4 {
			break
		}
	}
	for m, err := range sub.MsgsTimeout(10 * time.Millisecond) {
		if err != nil {
			kinds(t, err, api.ErrTimeout)
			if m != nil {
				t.Error("a message with an error")
			}
			break
		}
		n++
	}
	if n != 10 {
		t.Errorf("%d messages", n)
	}
	timeouts := 0
	for _, err := range sub.MsgsTimeout(time.Millisecond) {
		kinds(t, err, api.ErrTimeout)
		if timeouts++; timeouts == 3 {
			break // it goes on as long as the loop does
		}
	}
	for _, timeout := range []time.Duration{0, -1} {
		refusals := 0
		for _, err := range sub.MsgsTimeout(timeout) {
			kinds(t, err, api.ErrBadTimeout)
			if refusals++; refusals > 1 {
				break
			}
		}
		if refusals != 1 {
			t.Errorf("timeout %v: %d errors", timeout, refusals)
		}
	}
	must.Do(t, sub.Unsubscribe())
	for _, err := range sub.Msgs() {
		kinds(t, err, api.ErrBadSubscription)
	}
}

// TestNoRespondersOnASyncSubscription waits for answers on an inbox of its own.
func TestNoRespondersOnASyncSubscription(t *testing.T) {
	_, nc := both(t)
	sub := must.Get(nc.SubscribeSync(nc.NewInbox()))(t)
	must.Do(t, nc.PublishRequest("nobody", sub.Subject, nil))
	_, err := sub.NextMsgWithContext(must.Within(t, patience))
	kinds(t, err, api.ErrNoResponders)
	raw := make(chan *api.Msg, 1)
	async := must.Get(nc.Subscribe(nc.NewInbox(), func(m *api.Msg) { raw <- m }))(t)
	must.Do(t, nc.PublishRequest("nobody", async.Subject, nil))
	if m := await(t, raw, "the status"); m.Header.Get("Status") != "503" || len(m.Data) != 0 {
		t.Errorf("got %+v", m)
	}
}
