package api_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"runtime"
	"slices"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/must"
)

// deliveries are the ways in which a handler can get its messages.
var deliveries = map[string][]api.SubOption{
	"owned":      nil,
	"borrowed":   {api.Borrow()},
	"concurrent": {api.Concurrency(3)},
	"by key":     {api.Concurrency(3), api.OrderedBy(func(m *api.Msg) string { return m.Subject })},
	"all at once": {api.Borrow(), api.Concurrency(2), api.OrderedBy(func(m *api.Msg) string { return m.Subject }),
		api.OnOverflow(api.Block)},
	"drop oldest":       {api.OnOverflow(api.DropOldest)},
	"restart empty":     {api.OnOverflow(api.RestartEmpty)},
	"stop when full":    {api.OnOverflow(api.StopSubscription)},
	"escalate overflow": {api.OnOverflow(api.EscalateOverflow)},
	"default":           {api.OnPanic(api.Stop)},
}

// TestErrorsOfHandlersAreReported, and change nothing else.
func TestErrorsOfHandlersAreReported(t *testing.T) {
	for mode, options := range deliveries {
		for _, queue := range []string{"", "crew"} {
			t.Run(mode+"/"+queue, func(t *testing.T) { failEveryOther(t, queue, options) })
		}
	}
}

// failEveryOther returns an error for every other message.
func failEveryOther(t *testing.T, queue string, options []api.SubOption) {
	const count = 40
	told, events, got := make(chan error, count), make(chan api.Event, count), make(chan string, count)
	var from atomic.Pointer[api.Subscription]
	_, nc := both(t, api.ErrorHandler(func(_ *api.Conn, sub *api.Subscription, err error) {
		from.Store(sub)
		told <- err
	}), api.OnEvent(func(e api.Event) {
		if e.Kind == api.HandlerFailed {
			events <- e
		}
	}))
	var calls atomic.Int32
	sub := must.Get(nc.QueueHandle("a.*", queue, func(_ context.Context, m *api.Msg) error {
		got <- string(m.Data)
		m.Subject = "changed"
		if calls.Add(1)%2 == 0 {
			return nil
		}
		return io.ErrUnexpectedEOF
	}, options...))(t)
	for i := range count {
		must.Do(t, nc.Publish(fmt.Sprintf("a.%d", i%3), []byte("secret")))
	}
	for range count {
		await(t, got, "a message")
	}
	must.Do(t, sub.DrainContext(must.Within(t, patience)))
	for range count / 2 {
		err := await(t, told, "a failure")
		kinds(t, err, api.ErrHandlerFailed, io.ErrUnexpectedEOF)
		var failed *api.HandlerError
		if !errors.As(err, &failed) || !strings.HasPrefix(failed.Subject, "a.") || strings.Contains(err.Error(), "secret") || from.Load() != sub {
			t.Errorf("told %+v of %v", err, from.Load())
			continue
		}
		if e := await(t, events, "the event"); e.Count != 1 || e.Message != failed.Subject || !strings.Contains(e.Path, "/subscriptions/") {
			t.Errorf("event %+v", e)
		}
	}
	if len(told) > 0 || len(events) > 0 {
		t.Errorf("%d failures and %d events too many", len(told), len(events))
	}
}

// TestHandlesAreRefusedAsSubscriptionsAre.
func TestHandlesAreRefusedAsSubscriptionsAre(t *testing.T) {
	_, nc := both(t)
	handler := func(context.Context, *api.Msg) error { return nil }
	for name, c := range map[string]struct {
		nc             *api.Conn
		subject, queue string
		handler        api.ContextHandler
		options        []api.SubOption
		kinds          []error
	}{
		"no connection": {nil, "a", "", handler, nil, []error{api.ErrInvalidConnection}},
		"bad subject":   {nc, "a..b", "", handler, nil, []error{api.ErrBadSubject}},
		"bad queue":     {nc, "a", "a b", handler, nil, []error{api.ErrBadQueueName}},
		"nil handler":   {nc, "a", "", nil, nil, []error{api.ErrBadSubscription, api.ErrInvalidCallback}},
		"bad option":    {nc, "a", "", handler, []api.SubOption{api.PendingLimits(0, 0)}, []error{api.ErrInvalidArg}},
	} {
		_, err := c.nc.QueueHandle(c.subject, c.queue, c.handler, c.options...)
		if err == nil {
			t.Errorf("%s: accepted", name)
			continue
		}
		kinds(t, err, c.kinds...)
	}
	nc.Close()
	_, err := nc.Handle("a", handler)
	kinds(t, err, api.ErrConnectionClosed)
	_, err = nc.Handle("a", nil)
	kinds(t, err, api.ErrConnectionClosed)
}

// TestContextHandlersHarmOnlyThemselves when they panic or end their goroutine.
func TestContextHandlersHarmOnlyThemselves(t *testing.T) {
	for name, misdeed := range misdeeds {
		t.Run(name, func(t *testing.T) {
			failures := make(chan error, 10)
			_, nc := both(t, api.ErrorHandler(func(_ *api.Conn, _ *api.Subscription, err error) { failures <- err }))
			got := make(chan error, 10)
			must.Get(nc.Handle("a", func(ctx context.Context, _ *api.Msg) error {
				got <- ctx.Err()
				misdeed()
				return nil
			}))(t)
			for range 3 {
				must.Do(t, nc.Publish("a", nil))
				if err := await(t, got, "a message"); err != nil {
					t.Errorf("the context ended: %v", err)
				}
				kinds(t, await(t, failures, "a report"), api.ErrHandlerFailed)
			}
		})
	}
}

// TestASubscriptionsEvents are its own and its workers', up to its end.
func TestASubscriptionsEvents(t *testing.T) {
	_, nc := both(t)
	misdeed := func(m *api.Msg) {
		switch string(m.Data) {
		case "panic":
			panic("on purpose")
		case "exit":
			runtime.Goexit()
		}
	}
	other := must.Get(nc.Subscribe("b", misdeed))(t)
	for name, options := range map[string][]api.SubOption{"alone": nil, "with workers": {api.Concurrency(3)}} {
		sub := must.Get(nc.Subscribe("a", misdeed, options...))(t)
		all, first := sub.Events(must.Within(t, patience)), sub.Events(must.Within(t, patience))
		left, cancel := context.WithCancel(context.Background())
		cancelled := sub.Events(left)
		cancel()
		for _, what := range []string{"panic", "exit"} {
			must.Do(t, nc.Publish("b", []byte(what)))
			must.Do(t, nc.Publish("a", []byte(what)))
		}
		for e := range first {
			if e.Kind != api.HandlerPanicked {
				t.Errorf("%s: the first event is %v", name, e)
			}
			break
		}
		flushed(t, nc)
		must.Do(t, sub.DrainContext(must.Within(t, patience)))
		var seen []api.EventKind
		var events []api.Event
		for e := range all {
			events = append(events, e)
			if e.Kind == api.HandlerPanicked || e.Kind == api.SubscriptionStopped {
				seen = append(seen, e.Kind)
			}
		}
		if want := []api.EventKind{api.HandlerPanicked, api.HandlerPanicked, api.SubscriptionStopped}; !slices.Equal(seen, want) {
			t.Errorf("%s: seen %v", name, seen)
		}
		path := events[len(events)-1].Path
		for _, e := range events {
			if e.Path != path && !strings.HasPrefix(e.Path, path+"/worker-") {
				t.Errorf("%s: event of another: %v", name, e)
			}
		}
		for e := range cancelled {
			t.Errorf("%s: an event after its context's end: %v", name, e)
		}
		for e := range sub.Events(context.Background()) {
			t.Errorf("%s: an event after the end: %v", name, e)
		}
	}
	var nothing context.Context
	for e := range other.Events(nothing) {
		t.Errorf("an event for nobody: %v", e)
	}
	var none *api.Subscription
	for e := range none.Events(context.Background()) {
		t.Errorf("an event of none: %v", e)
	}
}

// TestASubscriptionsEventsEndWithItsConnection, after the last handler call.
func TestASubscriptionsEventsEndWithItsConnection(t *testing.T) {
	_, nc := both(t)
	begun, release := make(chan struct{}), make(chan struct{})
	sub := must.Get(nc.Subscribe("a", func(*api.Msg) { close(begun); <-release }))(t)
	idle := must.Get(nc.SubscribeSync("b"))(t)
	events, idles := sub.Events(context.Background()), idle.Events(context.Background())
	must.Do(t, nc.Publish("a", nil))
	closed(t, begun, "the call")
	over := make(chan struct{})
	go func() {
		defer close(over)
		nc.Close()
	}()
	for e := range idles {
		if e.Kind != api.SubscriptionStopped {
			t.Errorf("event %v", e)
		}
	}
	close(release)
	var last api.Event
	for e := range events {
		last = e
	}
	if last.Kind != api.SubscriptionStopped {
		t.Errorf("the last event is %v", last)
	}
	closed(t, over, "the close")
}

// TestASubscriptionsEventsTellOfFailuresAfterItsLastMessage: by then it is no longer in the
// table.
func TestASubscriptionsEventsTellOfFailuresAfterItsLastMessage(t *testing.T) {
	told := make(chan *api.Subscription, 1)
	_, nc := both(t, api.ErrorHandler(func(_ *api.Conn, sub *api.Subscription, _ error) { told <- sub }))
	release := make(chan struct{})
	sub := must.Get(nc.Subscribe("a", func(*api.Msg) { <-release; panic("late") }))(t)
	events := sub.Events(must.Within(t, patience))
	must.Do(t, sub.AutoUnsubscribe(1))
	must.Do(t, nc.Publish("a", nil))
	flushed(t, nc)
	close(release)
	var seen []api.EventKind
	for e := range events {
		seen = append(seen, e.Kind)
	}
	if await(t, told, "the report") != sub || len(seen) < 2 || seen[0] != api.HandlerPanicked || seen[len(seen)-1] != api.SubscriptionStopped {
		t.Errorf("seen %v", seen)
	}
}

// TestObserve reports the same events as Subscription.Events, from the first to the last.
func TestObserve(t *testing.T) {
	_, nc := both(t)
	heard := make(chan api.Event, 100)
	_, err := nc.Subscribe("a", func(*api.Msg) {}, api.Observe(nil))
	kinds(t, err, api.ErrInvalidCallback)
	_, err = nc.SubscribeSync("a", api.Observe(func(api.Event) {}))
	kinds(t, err, api.ErrTypeSubscription)
	_, err = api.Connect("nats://127.0.0.1:1", api.SubscriptionDefaults(api.Observe(func(api.Event) {})))
	kinds(t, err, api.ErrInvalidArg)
	sub := must.Get(nc.Subscribe("a", func(m *api.Msg) { panic(string(m.Data)) }, api.Observe(func(e api.Event) {
		heard <- e
		if e.Kind == api.HandlerPanicked {
			panic("here, too") // affects no other subscription
		}
	})))(t)
	must.Get(nc.Subscribe("b", func(m *api.Msg) { panic("of another") }))(t)
	events := sub.Events(must.Within(t, patience))
	for _, what := range []string{"first", "second"} {
		must.Do(t, nc.Publish("b", nil))
		must.Do(t, nc.Publish("a", []byte(what)))
	}
	flushed(t, nc)
	must.Do(t, sub.DrainContext(must.Within(t, patience)))
	for want := range events {
		if got := await(t, heard, "the event"); got.Seq != want.Seq || got.Kind != want.Kind {
			t.Errorf("heard %v, want %v", got, want)
		}
	}
	flushed(t, nc)
	if len(heard) != 0 {
		t.Errorf("%d events after the end", len(heard))
	}
}
