package main

import (
	"fmt"
	"strings"
	"time"

	"github.com/nats-io/nats.go"
)

// pubsub receives in all the ways there are.
func pubsub(url string) error {
	nc, err := nats.Connect(url, nats.Name("pubsub"))
	if err != nil {
		return err
	}
	defer nc.Close()

	handled := make(chan *nats.Msg, 10)
	async, err := nc.Subscribe("orders.*.created", func(m *nats.Msg) { handled <- m })
	if err != nil {
		return err
	}
	sync, err := nc.SubscribeSync("orders.>")
	if err != nil {
		return err
	}
	ch := make(chan *nats.Msg, 64)
	channel, err := nc.ChanSubscribe("orders.>", ch)
	if err != nil {
		return err
	}
	for _, sub := range []*nats.Subscription{async, sync, channel} {
		fmt.Println(sub.Subject, sub.Type(), sub.IsValid())
	}
	fmt.Println(nc.NumSubscriptions(), "subscriptions")

	for i := range 3 {
		if err := nc.Publish(fmt.Sprintf("orders.%d.created", i), []byte(fmt.Sprintf("order %d", i))); err != nil {
			return err
		}
	}
	if err := nc.PublishRequest("orders.paid", "bank", []byte("cash")); err != nil {
		return err
	}
	if err := nc.PublishMsg(&nats.Msg{Subject: "orders.sent", Data: []byte("by mail")}); err != nil {
		return err
	}
	if err := nc.Flush(); err != nil {
		return err
	}

	if err := received(nc, handled, sync, ch); err != nil {
		return err
	}
	_, err = async.NextMsg(time.Millisecond)
	fmt.Println("next of a handler's:", kind(err))

	if err := limits(nc); err != nil {
		return err
	}
	return ends(nc, async, sync)
}

// received shows what has come in each way.
func received(nc *nats.Conn, handled chan *nats.Msg, sync *nats.Subscription, ch chan *nats.Msg) error {
	passed := make(chan int, 1)
	if err := nc.Barrier(func() { passed <- len(handled) }); err != nil {
		return err
	}
	fmt.Println("before the barrier:", await(passed, "the barrier"))
	for range 3 {
		m := await(handled, "a message")
		fmt.Printf("handler: %s %q\n", m.Subject, m.Data)
	}
	for range 5 {
		m, err := sync.NextMsg(patience)
		if err != nil {
			return err
		}
		fmt.Printf("next: %s %q %q\n", m.Subject, m.Reply, m.Data)
	}
	for range 5 {
		m := await(ch, "a message")
		fmt.Printf("channel: %s %q\n", m.Subject, m.Data)
	}
	_, err := sync.NextMsg(10 * time.Millisecond)
	fmt.Println("nothing more:", kind(err))
	return nil
}

// limits shows what waits and what ends by itself.
func limits(nc *nats.Conn) error {
	sub, err := nc.SubscribeSync("few")
	if err != nil {
		return err
	}
	if err := sub.SetPendingLimits(100, 1<<20); err != nil {
		return err
	}
	if err := sub.AutoUnsubscribe(2); err != nil {
		return err
	}
	for _, text := range []string{"one", "two", "three"} {
		if err := nc.Publish("few", []byte(text)); err != nil {
			return err
		}
	}
	if err := nc.Flush(); err != nil {
		return err
	}
	msgs, bytes, err := sub.Pending()
	fmt.Println("pending:", msgs, bytes, kind(err))
	msgs, bytes, err = sub.PendingLimits()
	fmt.Println("limits:", msgs, bytes, kind(err))
	for m, err := range sub.MsgsTimeout(patience) {
		if err != nil {
			fmt.Println("the end:", kind(err))
			break
		}
		fmt.Printf("%s\n", m.Data)
	}
	fmt.Println("valid:", sub.IsValid())
	return nil
}

// ends shows what does not work, or no longer.
func ends(nc *nats.Conn, async, sync *nats.Subscription) error {
	closed := make(chan string, 1)
	async.SetClosedHandler(func(subject string) { closed <- subject })
	if err := async.Unsubscribe(); err != nil {
		return err
	}
	fmt.Println("closed:", await(closed, "the end of the subscription"))
	fmt.Println("again:", kind(async.Unsubscribe()))
	fmt.Println("no subject:", kind(nc.Publish("", nil)))
	fmt.Println("blank in a subject:", kind(nc.Publish("a b", nil)))
	fmt.Println("too large:", kind(nc.Publish("a", make([]byte, nc.MaxPayload()+1))))
	fmt.Println("nil message:", kind(nc.PublishMsg(nil)))
	_, err := nc.SubscribeSync("a..b")
	fmt.Println("bad subject:", kind(err))

	if inbox := nc.NewInbox(); !strings.HasPrefix(inbox, nats.InboxPrefix) || inbox == nats.NewInbox() {
		return fmt.Errorf("inbox %q", inbox)
	}
	nc.Close()
	fmt.Println("closed:", nc.IsClosed(), nc.Status() == nats.CLOSED, nc.Status())
	fmt.Println("publish:", kind(nc.Publish("a", nil)))
	_, err = nc.Subscribe("a", func(*nats.Msg) {})
	fmt.Println("subscribe:", kind(err))
	_, err = sync.NextMsg(time.Second)
	fmt.Println("next:", kind(err))
	return nil
}
