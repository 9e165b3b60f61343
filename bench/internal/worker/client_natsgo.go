//go:build !troupe

package main

import (
	"time"

	"github.com/nats-io/nats.go"
)

// The client under test is nats.go.
type (
	// Conn is a connection.
	Conn = nats.Conn
	// Msg is a message.
	Msg = nats.Msg
	// Header holds a message's headers.
	Header = nats.Header
	// Subscription is a subscription.
	Subscription = nats.Subscription
)

// connect connects with the options that both clients get: they come back from a
// cut without waiting.
func connect(url string) (*Conn, error) {
	return nats.Connect(url, nats.Name("bench"), nats.MaxReconnects(-1),
		nats.ReconnectWait(time.Millisecond), nats.ReconnectJitter(0, 0))
}

// subscribe subscribes; nats.go always hands the message over, so borrowed means nothing.
func subscribe(nc *Conn, subject string, handler func(*Msg), _ delivery) (*Subscription, error) {
	return nc.Subscribe(subject, handler)
}
