package api_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/protocol"
)

// states awaits these states from ch, and nothing else.
func states(t *testing.T, ch <-chan api.SubStatus, want ...api.SubStatus) {
	t.Helper()
	for _, w := range want {
		if got := await(t, ch, fmt.Sprintf("state %v", w)); got != w {
			t.Fatalf("state %v, want %v", got, w)
		}
	}
}

// TestARefusedSubscriptionTellsWhoWaits: callers that wait get the error at once, however
// they wait.
func TestARefusedSubscriptionTellsWhoWaits(t *testing.T) {
	told := make(chan *api.Subscription, 10)
	s, nc, _ := guarded(t, &server.Permissions{Subscribe: &server.SubjectPermission{Deny: []string{"secret", "* crew"}}},
		api.ErrorHandler(func(_ *api.Conn, sub *api.Subscription, err error) {
			if p := refusal(t, err); p.Op != protocol.RoleSubscribe || sub == nil || p.Subject != sub.Subject || p.Queue != sub.Queue || p.SID == 0 || p.Raw == "" {
				t.Errorf("told %+v about %+v", p, sub)
			}
			told <- sub
		}))
	_ = s
	for _, queue := range []string{"", "crew"} {
		sub := must.Get(nc.QueueSubscribeSync("secret", queue))(t)
		changes := sub.StatusChanged()
		_, err := sub.NextMsg(time.Hour)
		refusal(t, err)
		_, err = sub.NextMsgWithContext(context.Background())
		refusal(t, err)
		for _, err := range sub.Msgs() {
			refusal(t, err)
		}
		for _, err := range sub.MsgsTimeout(time.Hour) {
			refusal(t, err)
		}
		if await(t, told, "the ErrorHandler") != sub {
			t.Error("another subscription")
		}
		state := await(t, changes, "the first state")
		if state == api.SubscriptionActive { // otherwise the refusal came before StatusChanged was called
			state = await(t, changes, "the next state")
		}
		if state != api.SubscriptionRefused {
			t.Errorf("state %v, want %v", state, api.SubscriptionRefused)
		}
		if err := nc.Health(); err == nil || !errors.Is(err, api.ErrUnhealthy) {
			t.Errorf("health %v", err)
		}
		kinds(t, nc.LastError(), api.ErrPermissionViolation)
		if !sub.IsValid() {
			t.Error("not valid any more")
		}
		must.Do(t, sub.Unsubscribe())
		states(t, changes, api.SubscriptionClosed)
		closed(t, changes, "the end of the states")
		must.Do(t, nc.Health())
	}
}

// TestARefusedSubscriptionIsTriedAgain on each link, until it is accepted.
func TestARefusedSubscriptionIsTriedAgain(t *testing.T) {
	p := &server.Permissions{Subscribe: &server.SubjectPermission{Deny: []string{"secret"}}}
	s, nc, free := guarded(t, p, api.MaxReconnects(-1))
	events := nc.Events(must.Within(t, patience))
	handler, got := collect(10)
	sub := must.Get(nc.Subscribe("secret", handler))(t)
	changes := sub.StatusChanged()
	if state := await(t, changes, "the first state"); state == api.SubscriptionActive {
		states(t, changes, api.SubscriptionRefused)
	} else if state != api.SubscriptionRefused { // which may have come before StatusChanged was called
		t.Fatalf("state %v, want %v", state, api.SubscriptionRefused)
	}
	again := func() {
		back, other := nc.StatusChanged(api.CONNECTED), free.StatusChanged(api.CONNECTED)
		s.Kill()
		must.Do(t, s.Restart())
		await(t, back, "the reconnect")
		await(t, other, "the publisher's reconnect")
		flushed(t, nc, free)
	}
	again()
	if err := nc.Health(); err == nil {
		t.Error("well although refused again")
	}
	p.Subscribe = nil
	again()
	states(t, changes, api.SubscriptionActive)
	must.Do(t, nc.Health())
	must.Do(t, free.Publish("secret", nil))
	await(t, got, "a message")
	nc.Close()
	var seen []api.EventKind
	for e := range events {
		if e.Kind == api.PermissionDenied || e.Kind == api.SubscriptionRestored {
			seen = append(seen, e.Kind)
		}
	}
	if want := []api.EventKind{api.PermissionDenied, api.PermissionDenied, api.SubscriptionRestored}; !slices.Equal(seen, want) {
		t.Errorf("events %v, want %v", seen, want)
	}
}

// TestRefusalPolicies stop the subscription or close the connection.
func TestRefusalPolicies(t *testing.T) {
	denied := &server.Permissions{Subscribe: &server.SubjectPermission{Deny: []string{"secret"}}}
	for name, options := range map[string]func(api.SubOption) ([]api.Option, []api.SubOption){
		"own": func(o api.SubOption) ([]api.Option, []api.SubOption) { return nil, []api.SubOption{o} },
		"default": func(o api.SubOption) ([]api.Option, []api.SubOption) {
			return []api.Option{api.SubscriptionDefaults(o)}, nil
		},
	} {
		t.Run(name+" stop", func(t *testing.T) {
			general, own := options(api.OnRefused(api.Stop))
			_, nc, _ := guarded(t, denied, general...)
			sub := must.Get(nc.SubscribeSync("secret", own...))(t)
			_, err := sub.NextMsg(time.Hour)
			kinds(t, err, api.ErrPermissionViolation)
			closed(t, sub.StatusChanged(), "the end")
			_, err = sub.NextMsg(time.Hour)
			kinds(t, err, api.ErrPermissionViolation, api.ErrBadSubscription)
			must.Do(t, nc.FlushWithContext(must.Within(t, patience)))
		})
		t.Run(name+" escalate", func(t *testing.T) {
			general, own := options(api.OnRefused(api.Escalate))
			_, nc, _ := guarded(t, denied, general...)
			gone := nc.StatusChanged(api.CLOSED)
			must.Get(nc.SubscribeSync("secret", own...))(t)
			await(t, gone, "the end of the connection")
			kinds(t, nc.Publish("a", nil), api.ErrConnectionClosed, api.ErrPermissionViolation)
		})
	}
	_, nc := both(t)
	for _, d := range []api.Directive{api.Restart, api.Crash, api.Directive(77)} {
		_, err := nc.SubscribeSync("a", api.OnRefused(d))
		kinds(t, err, api.ErrInvalidArg)
	}
}

// TestTooManySubscriptions marks the newest ones as refused, but not those that are
// confirmed.
func TestTooManySubscriptions(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{Edit: func(o *server.Options) { o.MaxSubs = 2 }})
	nc := dial(t, s)
	var subs []*api.Subscription
	for range 4 {
		subs = append(subs, must.Get(nc.SubscribeSync("a"))(t))
	}
	flushed(t, nc)
	for i, sub := range subs {
		_, err := sub.NextMsg(0)
		if want := i >= 2; want != errors.Is(err, api.ErrMaxSubscriptionsExceeded) {
			t.Errorf("subscription %d: %v", i, err)
		}
	}
	// This one is gone before its refusal comes: the others are confirmed.
	must.Do(t, must.Get(nc.SubscribeSync("b"))(t).Unsubscribe())
	flushed(t, nc)
	for _, sub := range subs[:2] {
		_, err := sub.NextMsg(0)
		kinds(t, err, api.ErrTimeout)
	}
	must.Do(t, nc.Publish("a", nil))
	for _, sub := range subs[:2] {
		must.Get(sub.NextMsgWithContext(must.Within(t, patience)))(t)
	}
}

// TestTooManyTokens is a refusal with a text of its own.
func TestTooManyTokens(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{Edit: func(o *server.Options) { o.MaxSubTokens = 2 }})
	nc := dial(t, s)
	sub := must.Get(nc.SubscribeSync("a.b.c"))(t)
	_, err := sub.NextMsg(time.Hour)
	refusal(t, err)
}

// TestARevokedSubscription was accepted earlier; messages that had arrived are delivered.
func TestARevokedSubscription(t *testing.T) {
	limited := &server.User{Username: "limited", Password: "l"}
	free := &server.User{Username: "free", Password: "f"}
	var config *server.Options
	s := natsserver.Run(t, natsserver.Options{Edit: func(o *server.Options) {
		o.Users = []*server.User{limited, free}
		config = o.Clone()
	}})
	nc, other := dial(t, s, api.UserInfo("limited", "l")), dial(t, s, api.UserInfo("free", "f"))
	sub := must.Get(nc.SubscribeSync("secret"))(t)
	kept := must.Get(nc.SubscribeSync("open"))(t)
	changes := sub.StatusChanged(api.SubscriptionRefused)
	flushed(t, nc)
	must.Do(t, other.Publish("secret", []byte("before")))
	flushed(t, other, nc)
	reloaded := config.Clone()
	reloaded.Port = s.Port()
	reloaded.Users = []*server.User{{Username: "limited", Password: "l",
		Permissions: &server.Permissions{Subscribe: &server.SubjectPermission{Deny: []string{"secret"}}}}, free}
	must.Do(t, s.Server().ReloadOptions(reloaded))
	states(t, changes, api.SubscriptionRefused)
	if m := must.Get(sub.NextMsg(time.Hour))(t); string(m.Data) != "before" {
		t.Errorf("message %q", m.Data)
	}
	_, err := sub.NextMsg(time.Hour)
	if p := refusal(t, err); p.SID == 0 || p.Subject != "secret" {
		t.Errorf("error %+v", p)
	}
	must.Do(t, other.Publish("open", nil))
	must.Get(kept.NextMsgWithContext(must.Within(t, patience)))(t)
}

// TestStatusChangedListsWhatIsWanted, begins with the current state, and ends with the
// subscription.
func TestStatusChangedListsWhatIsWanted(t *testing.T) {
	_, nc := both(t)
	gate := make(chan struct{})
	sub := must.Get(nc.Subscribe("a", func(*api.Msg) { <-gate }, api.PendingLimits(1, -1)))(t)
	all := sub.StatusChanged()
	some := sub.StatusChanged(api.SubscriptionSlowConsumer, api.SubscriptionClosed)
	for range 5 {
		must.Do(t, nc.Publish("a", nil))
	}
	states(t, some, api.SubscriptionSlowConsumer)
	if got := <-sub.StatusChanged(); got != api.SubscriptionSlowConsumer {
		t.Errorf("begins with %v", got)
	}
	flushed(t, nc) // a message that comes after the gate has opened could begin another episode
	close(gate)
	states(t, all, api.SubscriptionActive, api.SubscriptionSlowConsumer, api.SubscriptionActive)
	must.Do(t, sub.Drain())
	states(t, all, api.SubscriptionDraining, api.SubscriptionClosed)
	closed(t, all, "the end of all")
	states(t, some, api.SubscriptionClosed)
	closed(t, some, "the end of some")
	late := sub.StatusChanged()
	states(t, late, api.SubscriptionClosed)
	closed(t, late, "the end of what is over")
	closed(t, sub.StatusChanged(api.SubscriptionActive), "nothing wanted")
	closed(t, (*api.Subscription)(nil).StatusChanged(), "none")
	open := must.Get(nc.SubscribeSync("b"))(t).StatusChanged(api.SubscriptionClosed)
	nc.Close()
	states(t, open, api.SubscriptionClosed)
	closed(t, open, "the end with the connection")
}

// TestSubscriptionDefaults apply where they can; a subscription's own options take
// precedence.
func TestSubscriptionDefaults(t *testing.T) {
	_, nc := both(t, api.SubscriptionDefaults(api.PendingLimits(7, 70), nil, api.OnPanic(api.Stop)))
	handler, _ := collect(1)
	for _, sub := range []*api.Subscription{
		must.Get(nc.Subscribe("a", handler))(t), must.Get(nc.SubscribeSync("a"))(t),
	} {
		if msgs, bytes, err := sub.PendingLimits(); msgs != 7 || bytes != 70 || err != nil {
			t.Errorf("limits %d, %d, %v", msgs, bytes, err)
		}
	}
	own := must.Get(nc.SubscribeSync("a", api.PendingLimits(8, 80)))(t)
	if msgs, bytes, err := own.PendingLimits(); msgs != 8 || bytes != 80 || err != nil {
		t.Errorf("own limits %d, %d, %v", msgs, bytes, err)
	}
	for name, o := range map[string]api.SubOption{
		"Borrow": api.Borrow(), "Concurrency": api.Concurrency(2), "OrderedBy": api.OrderedBy(func(*api.Msg) string { return "" }),
		"bad limits": api.PendingLimits(0, 1), "bad policy": api.OnPanic(api.Directive(99)),
	} {
		if _, err := api.Connect("nats://127.0.0.1:1", api.SubscriptionDefaults(o)); !errors.Is(err, api.ErrInvalidArg) && !errors.Is(err, api.ErrBadPolicy) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
