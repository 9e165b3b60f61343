package main

import (
	"fmt"

	"github.com/nats-io/nats.go"
)

// status watches a connection and a subscription.
func status(url string) error {
	failed := make(chan string, 10)
	nc, err := nats.Connect(url, nats.ReconnectWait(0), nats.ReconnectJitter(0, 0),
		nats.ErrorHandler(func(_ *nats.Conn, sub *nats.Subscription, err error) { failed <- sub.Subject + " " + kind(err) }))
	if err != nil {
		return err
	}
	defer nc.Close()
	changes := nc.StatusChanged()
	reconnecting := nc.StatusChanged(nats.RECONNECTING)
	removed := nc.StatusChanged()
	nc.RemoveStatusListener(removed)
	if _, open := <-removed; open {
		return fmt.Errorf("a removed listener is open")
	}
	if err := nc.ForceReconnect(); err != nil {
		return err
	}
	fmt.Println(await(changes, "a change"), await(changes, "a change"), await(reconnecting, "a change"))

	release := make(chan bool)
	sub, err := nc.Subscribe("slow", func(*nats.Msg) { <-release })
	if err != nil {
		return err
	}
	slow := sub.StatusChanged(nats.SubscriptionSlowConsumer)
	if err := sub.SetPendingLimits(2, -1); err != nil {
		return err
	}
	if err := publish(nc, "slow", "1", "2", "3", "4", "5", "6"); err != nil {
		return err
	}
	fmt.Println(await(slow, "the slow consumer"), await(failed, "the error"))
	dropped, err := sub.Dropped()
	fmt.Println(dropped > 0, kind(err))
	ended := sub.StatusChanged(nats.SubscriptionClosed)
	close(release)
	if err := sub.Unsubscribe(); err != nil {
		return err
	}
	fmt.Println(await(ended, "the end of the subscription"))
	nc.Close()
	fmt.Println(await(changes, "the end"))
	return nil
}
