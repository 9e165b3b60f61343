package api_test

import (
	"testing"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/must"
)

// TestChannelsGetMessagesInOrder, also as members of a queue group.
func TestChannelsGetMessagesInOrder(t *testing.T) {
	_, nc := both(t)
	for name, subscribe := range map[string]func(chan *api.Msg) (*api.Subscription, error){
		"ChanSubscribe":      func(ch chan *api.Msg) (*api.Subscription, error) { return nc.ChanSubscribe("a.*", ch) },
		"ChanQueueSubscribe": func(ch chan *api.Msg) (*api.Subscription, error) { return nc.ChanQueueSubscribe("a.*", "q", ch) },
		"QueueSubscribeSyncWithChan": func(ch chan *api.Msg) (*api.Subscription, error) {
			return nc.QueueSubscribeSyncWithChan("a.*", "q", ch)
		},
	} {
		t.Run(name, func(t *testing.T) {
			const count = 1000
			ch := make(chan *api.Msg, count)
			sub := must.Get(subscribe(ch))(t)
			for i := range count {
				must.Do(t, nc.PublishMsg(&api.Msg{Subject: "a.b", Reply: "re", Data: number(i), Header: api.Header{"N": {string(number(i))}}}))
			}
			for i := range count {
				m := await(t, ch, "a message")
				if string(m.Data) != string(number(i)) || m.Subject != "a.b" || m.Reply != "re" || m.Sub != sub || m.Header.Get("N") != string(number(i)) {
					t.Fatalf("message %d is %+v", i, m)
				}
			}
			if n, err := sub.Delivered(); n != count || err != nil {
				t.Errorf("delivered %d, %v", n, err)
			}
			must.Do(t, sub.Unsubscribe())
		})
	}
	_, err := nc.ChanSubscribe("a", nil)
	kinds(t, err, api.ErrBadSubscription, api.ErrInvalidCallback)
	_, err = nc.ChanSubscribe("", nil)
	kinds(t, err, api.ErrBadSubject)
	for _, o := range []api.SubOption{
		api.PendingLimits(1, 1), api.OnOverflow(api.DropOldest), api.OnOverflow(api.Block), api.OnOverflow(api.RestartEmpty),
		api.OnPanic(api.Stop), api.Borrow(), api.Concurrency(2), api.OrderedBy(func(*api.Msg) string { return "" }),
	} {
		_, err := nc.ChanSubscribe("a", make(chan *api.Msg), o)
		kinds(t, err, api.ErrTypeSubscription)
	}
	nc.Close()
	_, err = nc.ChanSubscribe("a", nil)
	kinds(t, err, api.ErrConnectionClosed)
}

// TestAFullChannelDrops messages that do not fit, and counts an episode.
func TestAFullChannelDrops(t *testing.T) {
	const limit = 4
	for _, sent := range []int{limit - 1, limit, limit + 1} {
		_, nc := both(t)
		events := nc.Events(must.Within(t, patience))
		ch := make(chan *api.Msg, limit)
		sub := must.Get(nc.ChanSubscribe("a", ch))(t)
		for i := range sent {
			must.Do(t, nc.Publish("a", number(i)))
		}
		flushed(t, nc)
		for i := range min(sent, limit) {
			if m := await(t, ch, "a message"); string(m.Data) != string(number(i)) {
				t.Errorf("message %d is %q", i, m.Data)
			}
		}
		dropped, _ := sub.Dropped()
		size, _ := sub.DroppedBytes()
		if want := max(0, sent-limit); dropped != want || size != want {
			t.Errorf("%d sent: dropped %d, %d bytes", sent, dropped, size)
		}
		must.Do(t, nc.Publish("a", nil))
		await(t, ch, "a message behind the episode")
		nc.Close()
		var seen []api.Event
		for e := range events {
			if e.Kind == api.SlowConsumerBegan || e.Kind == api.SlowConsumerEnded {
				seen = append(seen, e)
			}
		}
		if sent <= limit {
			if len(seen) != 0 {
				t.Errorf("within the limit: %v", seen)
			}
			continue
		}
		if len(seen) != 2 || seen[1].Kind != api.SlowConsumerEnded || seen[1].Count != 1 || seen[1].Bytes != 1 {
			t.Fatalf("the episode was told as %v", seen)
		}
		kinds(t, seen[0].Cause, api.ErrSlowConsumer)
	}
}

// TestAnUnbufferedChannel gets a message only while its receiver waits.
func TestAnUnbufferedChannel(t *testing.T) {
	_, nc := both(t)
	ch := make(chan *api.Msg)
	sub := must.Get(nc.ChanSubscribe("a", ch))(t)
	must.Do(t, nc.Publish("a", nil))
	flushed(t, nc)
	if n, _ := sub.Dropped(); n != 1 {
		t.Errorf("dropped %d with no receiver", n)
	}
	done := make(chan struct{})
	go func() {
		<-ch
		close(done)
	}()
	for {
		must.Do(t, nc.Publish("a", nil))
		flushed(t, nc)
		select {
		case <-done:
			return
		default:
		}
	}
}

// TestAChannelThatItsReceiverCloses ends the subscription and nothing else.
func TestAChannelThatItsReceiverCloses(t *testing.T) {
	_, nc := both(t)
	told := make(chan error, 10)
	nc.SetErrorHandler(func(_ *api.Conn, sub *api.Subscription, err error) { told <- err })
	ch := make(chan *api.Msg, 1)
	sub := must.Get(nc.ChanSubscribe("a", ch))(t)
	other := make(chan *api.Msg, 10)
	must.Get(nc.ChanSubscribe("a", other))(t)
	close(ch)
	for range 3 {
		must.Do(t, nc.Publish("a", nil))
	}
	flushed(t, nc)
	kinds(t, await(t, told, "the end"), api.ErrChannelClosed, api.ErrBadSubscription)
	if sub.IsValid() || len(other) != 3 || !nc.IsConnected() {
		t.Errorf("valid %v, %d messages for the other, connected %v", sub.IsValid(), len(other), nc.IsConnected())
	}
}

// TestTheEndOfAChannelSubscription by limit, drain and unsubscribing leaves the
// channel open.
func TestTheEndOfAChannelSubscription(t *testing.T) {
	_, nc := both(t)
	for name, end := range map[string]func(*api.Subscription) error{
		"limit": func(sub *api.Subscription) error { return sub.AutoUnsubscribe(3) },
		"drain": func(sub *api.Subscription) error { return sub.DrainContext(must.Within(t, patience)) },
		"now":   (*api.Subscription).Unsubscribe,
	} {
		ch, ended := make(chan *api.Msg, 2), make(chan string, 1)
		sub := must.Get(nc.ChanSubscribe("a", ch))(t)
		sub.SetClosedHandler(func(subject string) { ended <- subject })
		if name == "drain" {
			for range 2 {
				must.Do(t, nc.Publish("a", nil))
			}
		}
		must.Do(t, end(sub))
		for range 5 {
			must.Do(t, nc.Publish("a", nil))
		}
		await(t, ended, name)
		flushed(t, nc)
		want := map[string]int{"limit": 2, "drain": 2, "now": 0}[name] // of the limit's three one is dropped
		if len(ch) != want || sub.IsValid() {
			t.Errorf("%s: %d messages, valid %v", name, len(ch), sub.IsValid())
		}
		close(ch) // panics if it is closed already
	}
}
