package api_test

import (
	"context"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/must"
)

// policy is something that a subscription can be told to answer with its end.
type policy struct {
	stop, others api.SubOption // its end, and anything else
	cause        error
	handler      func(hold <-chan struct{}) // what the handler does
	msgs         int                        // that make it happen
	subject      string
}

func policies() map[string]policy {
	wait := func(hold <-chan struct{}) { <-hold }
	return map[string]policy{
		"overflow": {api.OnOverflow(api.StopSubscription), api.OnOverflow(api.DropOldest), api.ErrSlowConsumer, wait, 20, "a"},
		"panic": {api.OnPanic(api.Stop), api.OnPanic(api.Resume), api.ErrHandlerPanic,
			func(<-chan struct{}) { panic("on purpose") }, 1, "a"},
		"blocked": {api.OnBlocked(20*time.Millisecond, api.Stop), api.OnBlocked(time.Hour, api.Resume),
			api.ErrHandlerBlocked, wait, 1, "a"},
		"permission": {api.OnRefused(api.Stop), api.OnRefused(api.Resume), api.ErrPermissionViolation, wait, 1, "secret"},
	}
}

// TestPolicies apply to a subscription or to all of a connection, for either kind of
// handler, and the subscription's own word is the last.
func TestPolicies(t *testing.T) {
	for name, p := range policies() {
		for where, c := range map[string]struct {
			defaults, own []api.SubOption
			stops         bool
		}{
			"own":                     {nil, []api.SubOption{p.stop}, true},
			"default":                 {[]api.SubOption{p.stop}, nil, true},
			"own above the default":   {[]api.SubOption{p.others}, []api.SubOption{p.stop}, true},
			"default below the own":   {[]api.SubOption{p.stop}, []api.SubOption{p.others}, false},
			"the last of the default": {[]api.SubOption{p.others, p.stop}, nil, true},
		} {
			t.Run(name+"/"+where, func(t *testing.T) { p.play(t, c.defaults, c.own, c.stops) })
		}
	}
}

func (p *policy) play(t *testing.T, defaults, own []api.SubOption, stops bool) {
	defaults = append(defaults, api.PendingLimits(10, -1))
	_, nc, _ := guarded(t, &server.Permissions{Subscribe: &server.SubjectPermission{Deny: []string{"secret"}}},
		api.SubscriptionDefaults(defaults...))
	hold := make(chan struct{})
	defer close(hold)
	simple := must.Get(nc.Subscribe(p.subject, func(*api.Msg) { p.handler(hold) }, own...))(t)
	other := must.Get(nc.Handle(p.subject, func(context.Context, *api.Msg) error { p.handler(hold); return nil }, own...))(t)
	for _, sub := range []*api.Subscription{simple, other} {
		events := sub.Events(must.Within(t, patience))
		for range p.msgs {
			must.Do(t, nc.Publish(p.subject, nil))
		}
		flushed(t, nc)
		if !stops {
			if !sub.IsValid() {
				t.Error("stopped")
			}
			continue
		}
		closed(t, sub.StatusChanged(api.SubscriptionClosed), "the end")
		_, _, err := sub.Pending()
		kinds(t, err, api.ErrBadSubscription, p.cause)
		if p.cause == api.ErrSlowConsumer {
			continue // its handler has yet to return
		}
		for e := range events {
			if e.Kind == api.SubscriptionStopped {
				kinds(t, e.Cause, p.cause)
			}
		}
	}
}

// TestPoliciesThatMeanNothing are refused at once, as those of one subscription and as
// those of all.
func TestPoliciesThatMeanNothing(t *testing.T) {
	_, nc := both(t)
	for name, c := range map[string]struct {
		option api.SubOption
		kind   error
	}{
		"unknown overflow":  {api.OnOverflow(api.EscalateOverflow + 1), api.ErrInvalidArg},
		"unknown directive": {api.OnPanic(api.Crash + 1), api.ErrBadPolicy},
		"no limit":          {api.OnBlocked(0, api.Resume), api.ErrBadTimeout},
		"negative limit":    {api.OnBlocked(-time.Second, api.Resume), api.ErrBadTimeout},
		"no answer":         {api.OnBlocked(time.Second, 0), api.ErrInvalidArg},
		"unknown answer":    {api.OnBlocked(time.Second, api.Crash+1), api.ErrInvalidArg},
		"restart refused":   {api.OnRefused(api.Restart), api.ErrInvalidArg},
		"crash refused":     {api.OnRefused(api.Crash), api.ErrInvalidArg},
	} {
		_, err := nc.Subscribe("a", func(*api.Msg) {}, c.option)
		kinds(t, err, c.kind)
		if _, err := api.Connect("nats://127.0.0.1:1", api.SubscriptionDefaults(c.option)); err == nil {
			t.Errorf("%s: taken as a default", name)
		} else {
			kinds(t, err, c.kind)
		}
	}
}

// TestBlockedIsForHandlers: refused by a subscription that has none, and skipped for it
// as a default.
func TestBlockedIsForHandlers(t *testing.T) {
	option := api.OnBlocked(time.Second, api.Restart)
	_, nc := both(t, api.SubscriptionDefaults(option))
	ref := must.Get(nc.Spawn(api.Spec{New: func() api.Actor { return api.ActorFunc(func(*api.ActorContext, any) {}) }}))(t)
	for name, c := range map[string]struct {
		subscribe func(...api.SubOption) (*api.Subscription, error)
		kind      error
	}{
		"sync": {func(o ...api.SubOption) (*api.Subscription, error) { return nc.SubscribeSync("a", o...) }, api.ErrTypeSubscription},
		"chan": {func(o ...api.SubOption) (*api.Subscription, error) {
			return nc.ChanSubscribe("a", make(chan *api.Msg, 1), o...)
		}, api.ErrTypeSubscription},
		"actor": {func(o ...api.SubOption) (*api.Subscription, error) { return nc.SubscribeActor("a", ref, o...) }, api.ErrInvalidArg},
	} {
		if _, err := c.subscribe(option); err == nil {
			t.Errorf("%s: taken", name)
		} else {
			kinds(t, err, c.kind)
		}
		must.Get(c.subscribe())(t)
	}
}
