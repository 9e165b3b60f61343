package api_test

import (
	"errors"
	"fmt"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/must"
)

// TestPendingBudgetIsChecked before anything is connected.
func TestPendingBudgetIsChecked(t *testing.T) {
	_, err := api.Connect("nats://127.0.0.1:1", api.PendingBudget(-1))
	kinds(t, err, api.ErrInvalidArg)
	_, nc := both(t, api.PendingBudget(0))
	sub := must.Get(nc.SubscribeSync("a"))(t)
	must.Do(t, nc.Publish("a", []byte("data")))
	must.Get(sub.NextMsgWithContext(must.Within(t, patience)))(t)
	if s := nc.Stats(); s.PendingBytes != 0 || s.MaxPendingBytes != 0 {
		t.Errorf("counted without a budget: %+v", s)
	}
}

// TestAHogSilencesNobody: if one of several subscriptions does not return from its handler,
// the others lose nothing, and it learns why it loses messages.
func TestAHogSilencesNobody(t *testing.T) {
	const budget, size, count, burst, others = 1 << 20, 1 << 10, 2000, 40, 4
	s, publisher := both(t)
	failed := make(chan error, 100)
	nc := dial(t, s, api.PendingBudget(budget),
		api.ErrorHandler(func(_ *api.Conn, _ *api.Subscription, err error) { failed <- err }))
	gate := make(chan struct{})
	hog := must.Get(nc.Subscribe("all.>", func(*api.Msg) { <-gate }))(t)
	var got [others]atomic.Int32
	done := make(chan struct{}, others)
	var data [size]byte
	var quick [others]*api.Subscription
	for i := range quick {
		options := [][]api.SubOption{nil, {api.Borrow()}, {api.Concurrency(2)},
			{api.Concurrency(2), api.OrderedBy(func(m *api.Msg) string { return m.Subject })}}[i]
		quick[i] = must.Get(nc.Subscribe("all.>", func(*api.Msg) {
			if got[i].Add(1)%burst == 0 {
				done <- struct{}{}
			}
		}, options...))(t)
	}
	flushed(t, nc)
	for range count / burst {
		for range burst {
			must.Do(t, publisher.Publish("all.x", data[:]))
		}
		for range quick { // they keep up, at any speed of the machine
			await(t, done, "the messages of a burst")
		}
	}
	flushed(t, publisher, nc) // the hog's last messages may come behind those of the others
	for i, sub := range quick {
		if n, _ := sub.Dropped(); n != 0 {
			t.Errorf("number %d lost %d messages", i, n)
		}
	}
	var slow *api.SlowConsumerError
	if err := await(t, failed, "the slow consumer"); !errors.As(err, &slow) || slow.Budget != budget || slow.SID == 0 ||
		!strings.Contains(err.Error(), "budget of 1048576 bytes") {
		t.Errorf("got %v", err)
	}
	msgs, bytes, _ := hog.Pending()
	if dropped, _ := hog.Dropped(); dropped+msgs != count || bytes > budget/2 || bytes < budget/8 {
		t.Errorf("%d dropped, %d (%d bytes) wait", dropped, msgs, bytes)
	}
	// What a handler has done of its run counts until the run is given back.
	stats := nc.Stats()
	if n := stats.PendingBytes; n < uint64(bytes) || n > budget || stats.MaxPendingBytes > budget || stats.MaxPendingBytes < n {
		t.Errorf("%d bytes wait, the counters are %+v", bytes, stats)
	}
	node, _ := nc.Tree().Find("subscriptions")
	if limit, _ := node.Counter("budget bytes"); limit != budget || node.MailboxBytes < int64(bytes) {
		t.Errorf("the tree shows %+v", node)
	}
	close(gate)
	for _, sub := range append(quick[:], hog) {
		must.Do(t, sub.DrainContext(must.Within(t, patience)))
	}
	if n := nc.Stats().PendingBytes; n != 0 {
		t.Errorf("%d bytes are left", n)
	}
}

// TestTheBudgetIsEmptyAtTheEnd of every kind of subscription, however it ends.
func TestTheBudgetIsEmptyAtTheEnd(t *testing.T) {
	s, publisher := both(t)
	nc := dial(t, s, api.PendingBudget(64<<10))
	n, ended := 0, make(chan string, 100)
	keep := func(sub *api.Subscription, err error) *api.Subscription {
		must.Do(t, err)
		sub.SetClosedHandler(func(subject string) { ended <- subject })
		n++
		return sub
	}
	var k atomic.Int32
	panics := func(*api.Msg) {
		if k.Add(1)%3 == 0 {
			panic("of the test")
		}
	}
	key := api.OrderedBy(func(m *api.Msg) string { return string(m.Data[:1]) })
	var all []*api.Subscription
	for _, policy := range []api.Overflow{api.DropNewest, api.DropOldest, api.Block, api.RestartEmpty, api.StopSubscription} {
		overflow := api.OnOverflow(policy)
		if policy == api.Block {
			overflow = api.OnOverflow(policy, time.Millisecond)
		}
		limits := api.PendingLimits(50, -1)
		all = append(all,
			keep(nc.Subscribe("a", panics, overflow, limits)),
			keep(nc.Subscribe("a", panics, overflow, limits, api.Concurrency(3))),
			keep(nc.Subscribe("a", panics, overflow, limits, api.Concurrency(3), key)),
			keep(nc.SubscribeSync("a", overflow, limits)))
	}
	limited := keep(nc.Subscribe("a", panics))
	must.Do(t, limited.AutoUnsubscribe(100))
	stopped := keep(nc.Subscribe("a", panics, api.OnPanic(api.Stop)))
	counter := must.Get(nc.Spawn(doing("counter", func(*api.ActorContext, any) {})))(t)
	all = append(all, keep(nc.SubscribeActor("a", counter)))
	flushed(t, nc)
	for i := range 1000 {
		must.Do(t, publisher.Publish("a", fmt.Appendf(nil, "%d %0200d", i%7, i)))
	}
	flushed(t, publisher, nc)
	for i, sub := range all {
		if i%2 == 0 || sub.Type() == api.SyncSubscription {
			_ = sub.Unsubscribe() // it may have stopped by itself
		} else {
			must.Do(t, sub.Drain())
		}
	}
	for range n {
		await(t, ended, "the end")
	}
	if stopped.IsValid() || limited.IsValid() {
		t.Error("not all have ended")
	}
	if used := nc.Stats().PendingBytes; used != 0 {
		t.Errorf("%d bytes are left", used)
	}
}

// TestRepliesCountInTheBudget until the loop has received them, or has ended.
func TestRepliesCountInTheBudget(t *testing.T) {
	const budget, size = 1 << 16, 1 << 10
	s, responder := both(t)
	nc := dial(t, s, api.PendingBudget(budget))
	must.Get(responder.Subscribe("many", func(m *api.Msg) {
		for range 100 {
			_ = m.Respond(make([]byte, size))
		}
		_ = responder.Publish("sent", nil)
	}))(t)
	sent := must.Get(nc.SubscribeSync("sent"))(t)
	flushed(t, responder, nc)
	got := 0
	for _, err := range nc.RequestMany(must.Within(t, patience), "many", nil) {
		if got == 0 {
			must.Get(sent.NextMsgWithContext(must.Within(t, patience)))(t)
			if n := nc.Stats().PendingBytes; n != budget/2 && n != budget/2-size { // the first may have waited, too
				t.Errorf("%d bytes wait, want %d", n, budget/2)
			}
		}
		if err != nil {
			var slow *api.SlowConsumerError
			if !errors.As(err, &slow) || slow.Budget != budget || slow.PendingBytes != budget/2 {
				t.Errorf("ended with %v", err)
			}
			break
		}
		got++
	}
	if want := budget / 2 / size; got < want {
		t.Errorf("%d replies, want %d", got, want)
	}
	for range nc.RequestMany(must.Within(t, patience), "many", nil) {
		must.Get(sent.NextMsgWithContext(must.Within(t, patience)))(t)
		break // what waits is discarded
	}
	if n := nc.Stats().PendingBytes; n != 0 {
		t.Errorf("%d bytes are left", n)
	}
}
