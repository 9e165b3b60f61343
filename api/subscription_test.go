package api_test

import (
	"context"
	"errors"
	"fmt"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/must"
)

func TestMessagesArriveCompleteAndInOrder(t *testing.T) {
	const count = 10_000
	s, publisher := both(t)
	for name, options := range map[string][]api.SubOption{"owned": nil, "borrowed": {api.Borrow()}} {
		t.Run(name, func(t *testing.T) {
			nc := dial(t, s)
			done, n := make(chan struct{}), 0
			sub := must.Get(nc.Subscribe("in.order.*", func(m *api.Msg) {
				if want := fmt.Sprintf("in.order.%d", n%3); m.Subject != want || string(m.Data) != string(number(n)) || m.Reply != "re" {
					t.Errorf("message %d is %q %q %q", n, m.Subject, m.Reply, m.Data)
				}
				if n%2 == 0 && m.Header.Get("N") != string(number(n)) || n%2 == 1 && m.Header != nil {
					t.Errorf("message %d has header %v", n, m.Header)
				}
				if n++; n == count {
					close(done)
				}
			}, options...))(t)
			flushed(t, nc)
			for i := range count {
				m := &api.Msg{Subject: fmt.Sprintf("in.order.%d", i%3), Reply: "re", Data: number(i)}
				if i%2 == 0 {
					m.Header = api.Header{"N": {string(number(i))}}
				}
				must.Do(t, publisher.PublishMsg(m))
			}
			closed(t, done, "the last message")
			if delivered, err := sub.Delivered(); err != nil || delivered != count {
				t.Errorf("delivered %d, %v", delivered, err)
			}
			if dropped, err := sub.Dropped(); err != nil || dropped != 0 {
				t.Errorf("dropped %d, %v", dropped, err)
			}
		})
	}
}

func TestQueueGroupsShareMessages(t *testing.T) {
	s, nc := both(t)
	const count = 300
	var each [3]atomic.Int32
	var all sync.WaitGroup
	all.Add(count)
	for i := range each {
		member := dial(t, s)
		sub := must.Get(member.QueueSubscribe("work", "crew", func(*api.Msg) { each[i].Add(1); all.Done() }))(t)
		if sub.Queue != "crew" || sub.Subject != "work" {
			t.Errorf("subscription %q %q", sub.Subject, sub.Queue)
		}
		flushed(t, member)
	}
	for range count {
		must.Do(t, nc.Publish("work", nil))
	}
	all.Wait()
	if sum := each[0].Load() + each[1].Load() + each[2].Load(); sum != count {
		t.Errorf("%d deliveries of %d messages", sum, count)
	}
}

func TestUnsubscribeEndsDeliveryAtOnce(t *testing.T) {
	_, nc := both(t)
	var calls atomic.Int64
	begun, gate := make(chan struct{}, 1), make(chan struct{})
	sub := must.Get(nc.Subscribe("a", func(*api.Msg) {
		calls.Add(1)
		begun <- struct{}{}
		<-gate
	}))(t)
	for range 100 {
		must.Do(t, nc.Publish("a", nil))
	}
	await(t, begun, "the first call")
	flushed(t, nc)
	must.Do(t, sub.Unsubscribe())
	close(gate)
	kinds(t, sub.Unsubscribe(), api.ErrBadSubscription)
	if sub.IsValid() {
		t.Error("still valid")
	}
	ended := make(chan struct{})
	marker := must.Get(nc.Subscribe("b", func(*api.Msg) { close(ended) }))(t)
	must.Do(t, nc.Publish("b", nil))
	closed(t, ended, "the marker")
	if n := calls.Load(); n != 1 {
		t.Errorf("%d calls, one was going on", n)
	}
	if n := nc.NumSubscriptions(); n != 1 {
		t.Errorf("%d subscriptions", n)
	}
	must.Do(t, marker.Unsubscribe())
}

// TestUnsubscribeUnderFire unsubscribes while messages arrive: afterwards at most the call in
// progress may end.
func TestUnsubscribeUnderFire(t *testing.T) {
	s, publisher := both(t)
	nc := dial(t, s)
	for range 50 {
		var begun atomic.Int64
		some := make(chan struct{}, 1)
		sub := must.Get(nc.Subscribe("a", func(*api.Msg) {
			if begun.Add(1) > 20 {
				select {
				case some <- struct{}{}:
				default:
				}
			}
		}))(t)
		flushed(t, nc)
		for range 2000 {
			must.Do(t, publisher.Publish("a", nil))
		}
		await(t, some, "some messages")
		must.Do(t, sub.Unsubscribe())
		after := begun.Load()
		flushed(t, publisher, nc)
		runtime.Gosched()
		if more := begun.Load() - after; more > 1 {
			t.Fatalf("%d calls began after Unsubscribe", more)
		}
	}
}

func TestAutoUnsubscribe(t *testing.T) {
	_, nc := both(t)
	handler, got := collect(100)
	sub := must.Get(nc.Subscribe("a", handler))(t)
	ended := make(chan string, 1)
	sub.SetClosedHandler(func(subject string) { ended <- subject })
	must.Do(t, sub.AutoUnsubscribe(5))
	for i := range 20 {
		must.Do(t, nc.Publish("a", number(i)))
	}
	if subject := await(t, ended, "the end"); subject != "a" {
		t.Errorf("closed handler got %q", subject)
	}
	if len(got) != 5 || sub.IsValid() {
		t.Errorf("%d messages, valid %v", len(got), sub.IsValid())
	}
	kinds(t, sub.AutoUnsubscribe(5), api.ErrBadSubscription)
	if n := nc.NumSubscriptions(); n != 0 {
		t.Errorf("%d subscriptions are left", n)
	}

	sync := must.Get(nc.SubscribeSync("b"))(t)
	kinds(t, sync.AutoUnsubscribe(-1), api.ErrInvalidArg)
	must.Do(t, sync.AutoUnsubscribe(3))
	for i := range 10 {
		must.Do(t, nc.Publish("b", number(i)))
	}
	for i := range 3 {
		if m := must.Get(sync.NextMsgWithContext(must.Within(t, patience)))(t); string(m.Data) != string(number(i)) {
			t.Errorf("message %d is %q", i, m.Data)
		}
	}
	_, err := sync.NextMsg(time.Second)
	kinds(t, err, api.ErrMaxMessages)
	if sync.IsValid() {
		t.Error("still valid behind the last message")
	}

	zero := must.Get(nc.SubscribeSync("c"))(t)
	must.Do(t, zero.AutoUnsubscribe(0))
	if zero.IsValid() {
		t.Error("AutoUnsubscribe(0) left it valid")
	}
}

// TestAutoUnsubscribeCountsFromTheBeginning sets a limit below what has already arrived.
func TestAutoUnsubscribeCountsFromTheBeginning(t *testing.T) {
	_, nc := both(t)
	var calls atomic.Int32
	begun, gate := make(chan struct{}, 100), make(chan struct{})
	sub := must.Get(nc.Subscribe("a", func(*api.Msg) { calls.Add(1); begun <- struct{}{}; <-gate }))(t)
	ended := make(chan string, 1)
	sub.SetClosedHandler(func(subject string) { ended <- subject })
	for range 20 {
		must.Do(t, nc.Publish("a", nil))
	}
	await(t, begun, "the first message")
	flushed(t, nc)
	must.Do(t, sub.AutoUnsubscribe(5))
	close(gate)
	await(t, ended, "the end")
	if n := calls.Load(); n > 5 {
		t.Errorf("%d calls, at most 5 were asked for", n)
	}
}

// TestAutoUnsubscribeEndsInSpiteOfDrops: the server also counts what is dropped here.
func TestAutoUnsubscribeEndsInSpiteOfDrops(t *testing.T) {
	_, nc := both(t)
	begun, gate := make(chan struct{}, 100), make(chan struct{})
	sub := must.Get(nc.Subscribe("a", func(*api.Msg) { begun <- struct{}{}; <-gate }, api.PendingLimits(3, -1)))(t)
	ended := make(chan string, 1)
	sub.SetClosedHandler(func(subject string) { ended <- subject })
	must.Do(t, sub.AutoUnsubscribe(10))
	must.Do(t, nc.Publish("a", nil))
	await(t, begun, "the first message")
	for range 30 {
		must.Do(t, nc.Publish("a", nil))
	}
	flushed(t, nc)
	if dropped, err := sub.Dropped(); err != nil || dropped != 7 {
		t.Errorf("dropped %d, %v", dropped, err)
	}
	close(gate)
	await(t, ended, "the end")
	if n := nc.NumSubscriptions(); n != 0 {
		t.Errorf("%d subscriptions are left", n)
	}
}

func TestDrainDeliversWhatHasCome(t *testing.T) {
	_, nc := both(t)
	var calls atomic.Int32
	begun, gate := make(chan struct{}, 100), make(chan struct{})
	sub := must.Get(nc.Subscribe("a", func(*api.Msg) { calls.Add(1); begun <- struct{}{}; <-gate }))(t)
	ended := make(chan string, 1)
	sub.SetClosedHandler(func(subject string) { ended <- subject })
	for range 10 {
		must.Do(t, nc.Publish("a", nil))
	}
	await(t, begun, "the first message")
	must.Do(t, sub.Drain())
	if !sub.IsDraining() || !sub.IsValid() {
		t.Errorf("draining %v, valid %v", sub.IsDraining(), sub.IsValid())
	}
	for range 10 {
		must.Do(t, nc.Publish("a", nil)) // behind the UNSUB
	}
	flushed(t, nc)
	close(gate)
	await(t, ended, "the end")
	if n := calls.Load(); n != 10 || sub.IsValid() || sub.IsDraining() {
		t.Errorf("%d calls, valid %v, draining %v", n, sub.IsValid(), sub.IsDraining())
	}
	must.Do(t, sub.Drain())
	must.Do(t, sub.DrainContext(must.Within(t, patience)))
}

func TestDrainContextEnds(t *testing.T) {
	_, nc := both(t)
	gate := make(chan struct{})
	sub := must.Get(nc.Subscribe("a", func(*api.Msg) { <-gate }))(t)
	must.Do(t, nc.Publish("a", nil))
	flushed(t, nc)
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Millisecond)
	defer cancel()
	kinds(t, sub.DrainContext(ctx), context.DeadlineExceeded)
	close(gate)
	must.Do(t, sub.DrainContext(must.Within(t, patience)))
	if sub.IsValid() {
		t.Error("still valid")
	}
	kinds(t, sub.DrainContext(context.Context(nil)), api.ErrInvalidContext)
}

func TestPendingCountsAndLimits(t *testing.T) {
	_, nc := both(t)
	begun, gate := make(chan struct{}, 100), make(chan struct{})
	slow := make(chan error, 10)
	nc.SetErrorHandler(func(c *api.Conn, sub *api.Subscription, err error) {
		if c != nc || sub == nil || sub.Subject != "a" {
			t.Errorf("error handler of %v for %+v", c, sub)
		}
		slow <- err
	})
	sub := must.Get(nc.Subscribe("a", func(*api.Msg) { begun <- struct{}{}; <-gate }))(t)
	must.Do(t, sub.SetPendingLimits(4, 1000))
	kinds(t, sub.SetPendingLimits(0, 1), api.ErrInvalidArg)
	must.Do(t, nc.Publish("a", make([]byte, 10)))
	await(t, begun, "the first message")
	for range 6 {
		must.Do(t, nc.Publish("a", make([]byte, 10)))
	}
	flushed(t, nc)
	if msgs, bytes, err := sub.Pending(); msgs != 4 || bytes != 40 || err != nil {
		t.Errorf("pending %d, %d, %v", msgs, bytes, err)
	}
	if msgs, bytes, err := sub.MaxPending(); msgs < 4 || bytes < 40 || err != nil {
		t.Errorf("most pending %d, %d, %v", msgs, bytes, err)
	}
	if dropped, _ := sub.Dropped(); dropped != 3 {
		t.Errorf("dropped %d", dropped)
	}
	if dropped, _ := sub.DroppedBytes(); dropped != 30 {
		t.Errorf("dropped %d bytes", dropped)
	}
	if delivered, _ := sub.Delivered(); delivered != 1 {
		t.Errorf("delivered %d", delivered)
	}
	err := await(t, slow, "the error handler")
	kinds(t, err, api.ErrSlowConsumer)
	var who *api.SlowConsumerError
	if !errors.As(err, &who) || who.Subject != "a" || who.LimitMsgs != 4 {
		t.Errorf("error %+v", who)
	}
	kinds(t, nc.LastError(), api.ErrSlowConsumer)
	if slow := holds[*api.SlowConsumerError](t, nc.LastError()); slow.Subject != sub.Subject || slow.Dropped == 0 {
		t.Errorf("%+v", slow)
	}
	if nc.Health() == nil {
		t.Error("healthy in spite of drops")
	}
	must.Do(t, sub.ClearMaxPending())
	close(gate)
	must.Do(t, sub.DrainContext(must.Within(t, patience)))
	if len(slow) != 0 {
		t.Errorf("%d more reports of one episode", len(slow))
	}
	for _, f := range []func() (int, int, error){sub.Pending, sub.MaxPending, sub.PendingLimits} {
		if msgs, bytes, err := f(); msgs != -1 || bytes != -1 || !errors.Is(err, api.ErrBadSubscription) {
			t.Errorf("behind the end: %d, %d, %v", msgs, bytes, err)
		}
	}
}

func TestOverflowPolicies(t *testing.T) {
	for name, c := range map[string]struct {
		option api.SubOption
		want   []int
	}{
		"drop newest": {api.OnOverflow(api.DropNewest), []int{0, 1, 2}},
		"drop oldest": {api.OnOverflow(api.DropOldest), []int{0, 8, 9}},
		"default":     {nil, []int{0, 1, 2}},
	} {
		t.Run(name, func(t *testing.T) {
			_, nc := both(t)
			begun, gate := make(chan struct{}, 100), make(chan struct{})
			var got []string
			sub := must.Get(nc.Subscribe("a", func(m *api.Msg) {
				got = append(got, string(m.Data))
				begun <- struct{}{}
				<-gate
			}, api.PendingLimits(3, -1), c.option))(t)
			must.Do(t, nc.Publish("a", number(0)))
			await(t, begun, "the first message")
			for i := 1; i < 10; i++ {
				must.Do(t, nc.Publish("a", number(i)))
			}
			flushed(t, nc)
			close(gate)
			must.Do(t, sub.DrainContext(must.Within(t, patience)))
			want := []string{}
			for _, i := range c.want {
				want = append(want, string(number(i)))
			}
			if fmt.Sprint(got) != fmt.Sprint(want) {
				t.Errorf("got %v, want %v", got, want)
			}
		})
	}
}

func TestBlockLosesNothing(t *testing.T) {
	s, publisher := both(t)
	nc := dial(t, s)
	const count = 2000
	done, n := make(chan struct{}), 0
	sub := must.Get(nc.Subscribe("a", func(m *api.Msg) {
		if string(m.Data) != string(number(n)) {
			t.Errorf("message %d is %q", n, m.Data)
		}
		if n++; n == count {
			close(done)
		}
	}, api.PendingLimits(2, -1), api.OnOverflow(api.Block, patience)))(t)
	flushed(t, nc)
	for i := range count {
		must.Do(t, publisher.Publish("a", number(i)))
	}
	closed(t, done, "the last message")
	if dropped, err := sub.Dropped(); dropped != 0 || err != nil {
		t.Errorf("dropped %d, %v", dropped, err)
	}
}

func TestStopSubscriptionOnOverflow(t *testing.T) {
	_, nc := both(t)
	failed := make(chan error, 10)
	nc.SetErrorHandler(func(_ *api.Conn, _ *api.Subscription, err error) { failed <- err })
	gate := make(chan struct{})
	sub := must.Get(nc.Subscribe("a", func(*api.Msg) { <-gate }, api.PendingLimits(2, -1), api.OnOverflow(api.StopSubscription)))(t)
	ended := make(chan string, 1)
	sub.SetClosedHandler(func(subject string) { ended <- subject })
	for range 10 {
		must.Do(t, nc.Publish("a", nil))
	}
	kinds(t, await(t, failed, "the report"), api.ErrSlowConsumer)
	close(gate)
	await(t, ended, "the end")
	if sub.IsValid() || !nc.IsConnected() {
		t.Errorf("valid %v, connected %v", sub.IsValid(), nc.IsConnected())
	}
}

func TestConcurrencyKeepsTheOrderOfKeys(t *testing.T) {
	s, publisher := both(t)
	nc := dial(t, s)
	const keys, each = 20, 200
	var mu sync.Mutex
	next := make(map[string]int)
	var all sync.WaitGroup
	all.Add(keys * each)
	must.Get(nc.Subscribe("k.*", func(m *api.Msg) {
		defer all.Done()
		mu.Lock()
		defer mu.Unlock()
		if string(m.Data) != string(number(next[m.Subject])) {
			t.Errorf("%s: got %s, want %d", m.Subject, m.Data, next[m.Subject])
		}
		next[m.Subject]++
	}, api.Concurrency(4), api.OrderedBy(func(m *api.Msg) string { return m.Subject })))(t)
	flushed(t, nc)
	for i := range each {
		for k := range keys {
			must.Do(t, publisher.Publish(fmt.Sprintf("k.%d", k), number(i)))
		}
	}
	all.Wait()
}

func TestConcurrencyRunsHandlersAtOnce(t *testing.T) {
	_, nc := both(t)
	const workers = 3
	var meet sync.WaitGroup
	meet.Add(workers)
	done := make(chan struct{}, workers)
	must.Get(nc.Subscribe("a", func(*api.Msg) {
		meet.Done()
		meet.Wait() // returns only when all of them are here
		done <- struct{}{}
	}, api.Concurrency(workers)))(t)
	for range workers {
		must.Do(t, nc.Publish("a", nil))
	}
	for range workers {
		await(t, done, "a worker")
	}
}
