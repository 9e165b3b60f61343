package api_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
)

// TestSubscribeActor: in order, one at a time, from two subscriptions and from Send, whatever
// fails in between.
func TestSubscribeActor(t *testing.T) {
	const each = 2000
	_, nc := both(t)
	inside := 0 // the race detector watches it
	counts := map[string]int{}
	done := make(chan struct{})
	spec := doing("book", func(_ *api.ActorContext, m any) {
		inside++
		from, n := "send", 0
		if msg, ok := m.(*api.Msg); ok {
			from = msg.Subject
			fmt.Sscan(string(msg.Data), &n)
		} else {
			n = m.(int)
		}
		if n != counts[from] {
			t.Errorf("%s: got %d, want %d", from, n, counts[from])
		}
		counts[from]++
		if inside == 3*each {
			close(done)
		}
		if inside%100 == 0 {
			panic("now and then")
		}
	})
	spec.Policy = api.Policy{Backoff: api.Backoff{Initial: api.NoDelay}}
	ref := must.Get(nc.Spawn(spec))(t)
	a := must.Get(nc.SubscribeActor("a.*", ref))(t)
	b := must.Get(nc.QueueSubscribeActor("b", "q", ref))(t)
	for i := range each {
		must.Do(t, nc.Publish("a.x", number(i)))
		must.Do(t, nc.Publish("b", number(i)))
		must.Do(t, ref.SendContext(must.Within(t, patience), i))
	}
	closed(t, done, "all messages")
	for _, sub := range []*api.Subscription{a, b} {
		if n, err := sub.Delivered(); n != each || err != nil {
			t.Errorf("%s delivered %d, %v", sub.Subject, n, err)
		}
	}
	// Messages of an actor are those of its subscription: they can be answered.
	echo := must.Get(nc.Spawn(doing("echo", func(_ *api.ActorContext, m any) { _ = m.(*api.Msg).Respond([]byte("!")) })))(t)
	must.Get(nc.SubscribeActor("echo", echo, api.Borrow()))(t)
	if answer, err := nc.Request("echo", nil, patience); err != nil || string(answer.Data) != "!" {
		t.Errorf("%v, %v", answer, err)
	}
	e := eventually(t, nc, api.HandlerPanicked, ref.Path())
	if e.Message == "" {
		t.Error("the failure names no message")
	}
}

// TestSubscriptionsOfAnActor end with it; it continues without them.
func TestSubscriptionsOfAnActor(t *testing.T) {
	reported := make(chan error, 10)
	_, nc := both(t, api.ErrorHandler(func(_ *api.Conn, _ *api.Subscription, err error) { reported <- err }))
	got := make(chan any, 10)
	ref := must.Get(nc.Spawn(doing("a", func(_ *api.ActorContext, m any) { got <- m })))(t)
	one, two := must.Get(nc.SubscribeActor("x", ref))(t), must.Get(nc.SubscribeActor("y", ref))(t)
	goodbye := make(chan string, 2)
	one.SetClosedHandler(func(string) { goodbye <- "one" })
	two.SetClosedHandler(func(string) { goodbye <- "two" })
	must.Do(t, one.Unsubscribe())
	if who := await(t, goodbye, "end"); who != "one" {
		t.Errorf("%s ended", who)
	}
	must.Do(t, ref.Send("still there"))
	await(t, got, "message")
	must.Do(t, nc.Publish("y", nil))
	await(t, got, "message of the other subscription")
	must.Do(t, ref.Stop(must.Within(t, patience)))
	if two.IsValid() || nc.NumSubscriptions() != 0 {
		t.Error("a subscription outlived its actor")
	}
	await(t, goodbye, "end of the other")
	var cause error
	for _, e := range nc.EventLog() {
		if e.Kind == api.SubscriptionStopped && e.Cause != nil {
			cause = e.Cause
		}
	}
	var stopped *api.ActorStoppedError
	if !errors.As(cause, &stopped) || stopped.Path != ref.Path() {
		t.Errorf("the subscription ended with %v", cause)
	}
	must.Do(t, nc.Health())
	if _, err := nc.SubscribeActor("x", ref); !errors.Is(err, api.ErrActorStopped) {
		t.Errorf("subscribing a stopped actor: %v", err)
	}
	if len(reported) > 0 {
		t.Errorf("a stop that was asked for is reported: %v", <-reported)
	}
}

func TestSubscribeActorRefuses(t *testing.T) {
	s, nc := both(t)
	idle := doing("", func(*api.ActorContext, any) {})
	ref, elsewhere := must.Get(nc.Spawn(idle))(t), must.Get(dial(t, s).Spawn(idle))(t)
	for name, test := range map[string]struct {
		subject string
		ref     *api.ActorRef
		option  api.SubOption
		want    error
	}{
		"bad subject": {"a..b", ref, nil, api.ErrBadSubject},
		"no ref":      {"a", nil, nil, api.ErrInvalidArg},
		"zero ref":    {"a", &api.ActorRef{}, nil, api.ErrActorStopped},
		"elsewhere":   {"a", elsewhere, nil, api.ErrActorElsewhere},
		"OnPanic":     {"a", ref, api.OnPanic(api.Resume), api.ErrInvalidArg},
		"OnBlocked":   {"a", ref, api.OnBlocked(time.Second, api.Stop), api.ErrInvalidArg},
		"Concurrency": {"a", ref, api.Concurrency(2), api.ErrInvalidArg},
		"OrderedBy":   {"a", ref, api.OrderedBy(func(*api.Msg) string { return "" }), api.ErrInvalidArg},
	} {
		if _, err := nc.SubscribeActor(test.subject, test.ref, test.option); !errors.Is(err, test.want) {
			t.Errorf("%s: %v", name, err)
		}
	}
	if n := nc.NumSubscriptions(); n != 0 {
		t.Errorf("%d subscriptions", n)
	}
	if _, err := nc.QueueSubscribeActor("a", "bad queue", ref); !errors.Is(err, api.ErrBadQueueName) {
		t.Errorf("queue: %v", err)
	}
}

// TestOverflowOfAnActorsSubscription: the limits are the subscription's own.
func TestOverflowOfAnActorsSubscription(t *testing.T) {
	for name, test := range map[string]struct {
		policy  api.Overflow
		handled []string // of 0 to 9, at a limit of 3; 0 is in Receive
	}{
		"drop newest":   {api.DropNewest, []string{"0", "1", "2"}},
		"drop oldest":   {api.DropOldest, []string{"0", "8", "9"}},
		"block":         {api.Block, []string{"0", "1", "2"}},
		"restart empty": {api.RestartEmpty, []string{"0", "restarted"}},
		"stop":          {api.StopSubscription, []string{"0"}},
	} {
		t.Run(name, func(t *testing.T) {
			natsserver.Bubble(t, func(t *testing.T) {
				nc := dialInBubble(t)
				var log []string
				release := make(chan struct{})
				ref := must.Get(nc.Spawn(doing("a", func(c *api.ActorContext, m any) {
					if m == "look" {
						if c.Restarts() > 0 {
							log = append(log, "restarted")
						}
						return
					}
					log = append(log, string(m.(*api.Msg).Data))
					<-release
				})))(t)
				sub := must.Get(nc.SubscribeActor("s", ref, api.PendingLimits(3, -1), api.OnOverflow(test.policy)))(t)
				must.Do(t, nc.Publish("s", number(0)))
				must.Do(t, nc.Flush())
				synctest.Wait()
				for i := 1; i < 10; i++ {
					must.Do(t, nc.Publish("s", number(i)))
				}
				time.Sleep(time.Minute)
				close(release)
				time.Sleep(time.Minute)
				must.Do(t, ref.Send("look"))
				synctest.Wait()
				if test.policy == api.RestartEmpty {
					log = append(log[:1], slices.DeleteFunc(log[1:], func(s string) bool { return s != "restarted" })...)
				}
				if !slices.Equal(log, test.handled) {
					t.Errorf("handled %v, want %v", log, test.handled)
				}
				if valid := test.policy != api.StopSubscription; sub.IsValid() != valid {
					t.Errorf("the subscription is valid: %v", sub.IsValid())
				}
				must.Do(t, ref.Stop(t.Context()))
			})
		})
	}
}

// TestAutoUnsubscribeAndDrainWithAnActor end the subscription after its last message.
func TestAutoUnsubscribeAndDrainWithAnActor(t *testing.T) {
	_, nc := both(t)
	var handled atomic.Int32
	ref := must.Get(nc.Spawn(doing("a", func(*api.ActorContext, any) { handled.Add(1) })))(t)
	for name, end := range map[string]func(*api.Subscription) error{
		"auto":  func(s *api.Subscription) error { return s.AutoUnsubscribe(50) },
		"drain": func(s *api.Subscription) error { return s.DrainContext(must.Within(t, patience)) },
	} {
		handled.Store(0)
		sub := must.Get(nc.SubscribeActor("s", ref))(t)
		gone := make(chan struct{})
		sub.SetClosedHandler(func(string) { close(gone) })
		if name == "auto" {
			must.Do(t, end(sub))
		}
		for range 50 {
			must.Do(t, nc.Publish("s", nil))
		}
		must.Do(t, nc.Flush())
		if name == "drain" {
			must.Do(t, end(sub))
		}
		closed(t, gone, name)
		if n := handled.Load(); n != 50 {
			t.Errorf("%s: %d handled", name, n)
		}
	}
}

// TestActorStopsItself, and its own subscription, inside Receive: no further call begins.
func TestActorStopsItself(t *testing.T) {
	_, nc := both(t)
	var calls atomic.Int32
	returned := make(chan error, 1)
	ref := must.Get(nc.Spawn(doing("a", func(c *api.ActorContext, m any) {
		calls.Add(1)
		err := c.Self().Stop(context.Background())
		if c.Context().Err() == nil {
			t.Error("the context lives on")
		}
		if sendErr := c.Self().SendContext(context.Background(), 1); !errors.Is(sendErr, api.ErrActorStopped) {
			t.Errorf("send: %v", sendErr)
		}
		if _, spawnErr := c.Spawn(doing("", func(*api.ActorContext, any) {})); !errors.Is(spawnErr, api.ErrActorStopped) {
			t.Errorf("spawn: %v", spawnErr)
		}
		returned <- err
	})))(t)
	must.Get(nc.SubscribeActor("s", ref))(t)
	for range 100 {
		must.Do(t, nc.Publish("s", nil))
	}
	must.Do(t, await(t, returned, "stop"))
	must.Do(t, ref.Stop(must.Within(t, patience)))
	if n := calls.Load(); n != 1 {
		t.Errorf("%d calls", n)
	}
	// At its bound an actor that sends to itself is refused at once.
	full := make(chan error, 1)
	spec := doing("b", func(c *api.ActorContext, m any) {
		var err error
		for err == nil {
			err = c.Self().SendContext(context.Background(), m)
		}
		select {
		case full <- err:
		default:
		}
	})
	spec.MailboxMax = 1
	ref = must.Get(nc.Spawn(spec))(t)
	must.Do(t, ref.Send(1))
	if err := await(t, full, "refusal"); !errors.Is(err, api.ErrMailboxFull) {
		t.Errorf("send to itself: %v", err)
	}
}
