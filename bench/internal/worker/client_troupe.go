//go:build troupe

package main

import (
	"time"

	"github.com/troupe-go/troupe/api"
)

// The client under test is troupe.
type (
	// Conn is a connection.
	Conn = api.Conn
	// Msg is a message.
	Msg = api.Msg
	// Header holds a message's headers.
	Header = api.Header
	// Subscription is a subscription.
	Subscription = api.Subscription
)

// connect connects with the options that both clients get: they come back from a
// cut without waiting.
func connect(url string) (*Conn, error) {
	return api.Connect(url, api.Name("bench"), api.MaxReconnects(-1),
		api.ReconnectWait(time.Millisecond), api.ReconnectJitter(0, 0))
}

// subscribe subscribes with the given delivery.
func subscribe(nc *Conn, subject string, handler func(*Msg), d delivery) (*Subscription, error) {
	if d == borrowed {
		return nc.Subscribe(subject, handler, api.Borrow())
	}
	return nc.Subscribe(subject, handler)
}
