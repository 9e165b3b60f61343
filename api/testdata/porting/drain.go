package main

import (
	"context"
	"fmt"
	"time"

	"github.com/nats-io/nats.go"
)

// drain ends a subscription and then a connection in order.
func drain(url string) error {
	closed := make(chan bool, 1)
	nc, err := nats.Connect(url,
		nats.DrainTimeout(patience),
		nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { fmt.Println("error:", kind(err)) }),
		nats.ClosedHandler(func(*nats.Conn) { close(closed) }))
	if err != nil {
		return err
	}
	other, err := nats.Connect(url)
	if err != nil {
		return err
	}
	defer other.Close()
	results, err := other.SubscribeSync("results")
	if err != nil {
		return err
	}
	if err := other.Flush(); err != nil {
		return err
	}

	if err := drainSubscription(nc); err != nil {
		return err
	}
	return drainConnection(nc, results, closed)
}

// drainSubscription: what has come is still handled.
func drainSubscription(nc *nats.Conn) error {
	gate, handled := make(chan bool), make(chan string, 10)
	sub, err := nc.Subscribe("slow", func(m *nats.Msg) {
		<-gate
		handled <- string(m.Data)
	})
	if err != nil {
		return err
	}
	ended := make(chan string, 1)
	sub.SetClosedHandler(func(subject string) { ended <- subject })
	if err := publish(nc, "slow", "1", "2", "3"); err != nil {
		return err
	}
	if err := sub.Drain(); err != nil {
		return err
	}
	fmt.Println("draining:", sub.IsDraining())
	close(gate)
	fmt.Println("drained:", await(ended, "the end of the subscription"), len(handled))
	return nil
}

// drainConnection: what handlers publish meanwhile is still sent.
func drainConnection(nc *nats.Conn, results *nats.Subscription, closed chan bool) error {
	started, release := make(chan bool, 10), make(chan bool)
	if _, err := nc.Subscribe("work", func(m *nats.Msg) {
		started <- true
		<-release
		if err := nc.Publish("results", m.Data); err != nil {
			fmt.Println("publish while draining:", kind(err))
		}
	}); err != nil {
		return err
	}
	if err := publish(nc, "work", "a", "b", "c"); err != nil {
		return err
	}
	await(started, "a handler")
	if err := nc.Drain(); err != nil {
		return err
	}
	fmt.Println("draining:", nc.IsDraining(), nc.Status() == nats.DRAINING_SUBS)
	_, err := nc.Subscribe("more", func(*nats.Msg) {})
	fmt.Println("subscribe while draining:", kind(err))
	_, err = nc.Request("work", nil, time.Second)
	fmt.Println("request while draining:", kind(err))
	close(release)
	await(closed, "the end of the connection")
	fmt.Println("closed:", nc.IsClosed(), kind(nc.LastError()))
	fmt.Println("drain again:", kind(nc.Drain()))
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	for range 3 {
		m, err := results.NextMsgWithContext(ctx)
		if err != nil {
			return err
		}
		fmt.Printf("result: %s\n", m.Data)
	}
	return nil
}

// publish sends texts and waits until the server has them.
func publish(nc *nats.Conn, subject string, texts ...string) error {
	for _, text := range texts {
		if err := nc.Publish(subject, []byte(text)); err != nil {
			return err
		}
	}
	return nc.FlushTimeout(patience)
}
