package api_test

import (
	"context"
	"errors"
	"fmt"

	"github.com/troupe-go/troupe/api"
)

// A handler that waits returns when its context is done. Its errors are reported.
func ExampleConn_Handle() {
	s := startServer()
	defer s.Shutdown()
	nc := connect(s)
	defer nc.Close()

	errNoStock := errors.New("out of stock")
	failed := make(chan error)
	nc.SetErrorHandler(func(_ *api.Conn, _ *api.Subscription, err error) { failed <- err })
	_, err := nc.Handle("orders.*", func(ctx context.Context, m *api.Msg) error {
		if string(m.Data) == "rare" {
			return errNoStock
		}
		<-ctx.Done() // the subscription has ended, or the connection is closed
		return ctx.Err()
	})
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = nc.Publish("orders.7", []byte("rare"))

	reported := <-failed
	fmt.Println(reported)
	fmt.Println(errors.Is(reported, errNoStock), errors.Is(reported, api.ErrHandlerFailed))
	// Output:
	// troupe: handler failed: out of stock (handling orders.7)
	// true true
}

// The sequence of events ends with the subscription.
func ExampleSubscription_Events() {
	s := startServer()
	defer s.Shutdown()
	nc := connect(s)
	defer nc.Close()

	sub, err := nc.Subscribe("orders", func(*api.Msg) { panic("on purpose") })
	if err != nil {
		fmt.Println(err)
		return
	}
	events := sub.Events(context.Background())
	_ = nc.Publish("orders", nil)
	_ = nc.Flush()
	_ = sub.Drain()

	for e := range events {
		fmt.Println(e.Kind)
	}
	// Output:
	// HandlerPanicked
	// ActorRestarted
	// SubscriptionStopped
}
