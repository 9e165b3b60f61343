package api_test

import (
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/must"
)

// fates notes what became of messages.
type fates struct {
	mu      sync.Mutex
	handled []string
	full    []string // found no room
	ended   []string // waited at the end
}

func (f *fates) dropped(m *api.Msg, why error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case errors.Is(why, api.ErrSlowConsumer):
		f.full = append(f.full, string(m.Data)+m.Header.Get("H")+m.Reply)
	case errors.Is(why, api.ErrBadSubscription):
		f.ended = append(f.ended, string(m.Data)+m.Header.Get("H")+m.Reply)
	}
}

// check wants each of the messages to have one fate.
func (f *fates) check(t *testing.T, sent int) {
	t.Helper()
	f.mu.Lock()
	defer f.mu.Unlock()
	got := slices.Concat(f.handled, f.full, f.ended)
	slices.Sort(got)
	var want []string
	for i := range sent {
		want = append(want, fmt.Sprintf("%02d", i)+"h"+"r")
	}
	if !slices.Equal(got, want) {
		t.Errorf("handled %v,\nfull %v,\nended %v", f.handled, f.full, f.ended)
	}
}

// TestOnDropped: whatever happens to a subscription, each message is either handled or
// reported, once.
func TestOnDropped(t *testing.T) {
	const sent = 40
	room := api.PendingLimits(10, -1)
	unsubscribe := func(_ *api.Conn, sub *api.Subscription) { _ = sub.Unsubscribe() }
	key := func(m *api.Msg) string {
		if string(m.Data) == "07" {
			panic("no key")
		}
		return string(m.Data[1:])
	}
	cases := map[string]struct {
		options []api.SubOption
		end     func(*api.Conn, *api.Subscription)
		full    int // at least
		ended   int // at least
	}{
		"drop newest":               {[]api.SubOption{room}, nil, 30, 0},
		"drop newest, borrowed":     {[]api.SubOption{room, api.Borrow()}, nil, 30, 0},
		"drop oldest":               {[]api.SubOption{room, api.OnOverflow(api.DropOldest)}, nil, 30, 0},
		"restart empty":             {[]api.SubOption{room, api.OnOverflow(api.RestartEmpty)}, nil, 10, 0},
		"block for a while":         {[]api.SubOption{room, api.OnOverflow(api.Block, time.Millisecond)}, nil, 1, 0},
		"unsubscribe":               {nil, unsubscribe, 0, 30},
		"unsubscribe, borrowed":     {[]api.SubOption{api.Borrow()}, unsubscribe, 0, 30},
		"lower the maximum":         {nil, func(_ *api.Conn, sub *api.Subscription) { _ = sub.AutoUnsubscribe(5) }, 0, 30},
		"unsubscribe workers":       {[]api.SubOption{api.Concurrency(3)}, unsubscribe, 0, 30},
		"unsubscribe, keyed":        {[]api.SubOption{api.Concurrency(3), api.OrderedBy(key)}, unsubscribe, 0, 0},
		"a key function that fails": {[]api.SubOption{api.Concurrency(3), api.OrderedBy(key)}, nil, 0, 0},
		"panics that stop it":       {[]api.SubOption{api.OnPanic(api.Stop)}, nil, 0, 30},
		"workers that stop it":      {[]api.SubOption{api.OnPanic(api.Stop), api.Concurrency(2)}, nil, 0, 30},
		"drain":                     {nil, func(_ *api.Conn, sub *api.Subscription) { _ = sub.Drain() }, 0, 0},
		"close":                     {nil, func(nc *api.Conn, _ *api.Subscription) { go nc.Close() }, 0, 0},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			s, nc := both(t)
			other := dial(t, s)
			f, begun, gate, over := &fates{}, make(chan struct{}, sent), make(chan struct{}), make(chan struct{})
			options := append([]api.SubOption{api.OnDropped(f.dropped), api.Observe(func(e api.Event) {
				if e.Kind == api.SubscriptionStopped {
					close(over)
				}
			})}, c.options...)
			sub := must.Get(nc.Subscribe("a", func(m *api.Msg) {
				begun <- struct{}{}
				<-gate
				f.mu.Lock()
				f.handled = append(f.handled, string(m.Data)+m.Header.Get("H")+m.Reply)
				f.mu.Unlock()
				panic("each of them")
			}, options...))(t)
			flushed(t, nc)
			for i := range sent {
				must.Do(t, other.PublishMsg(&api.Msg{Subject: "a", Reply: "r", Header: api.Header{"H": {"h"}}, Data: fmt.Appendf(nil, "%02d", i)}))
				if i == 0 {
					await(t, begun, "the first")
				}
			}
			flushed(t, other)
			flushed(t, nc)
			if c.end != nil {
				c.end(nc, sub)
			}
			close(gate)
			_ = sub.Drain()
			closed(t, over, "the end")
			f.check(t, sent)
			if len(f.full) < c.full || len(f.ended) < c.ended {
				t.Errorf("%d full, %d ended: %+v", len(f.full), len(f.ended), f)
			}
		})
	}
}
