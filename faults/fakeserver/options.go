package fakeserver

import (
	"cmp"
	"reflect"
	"time"

	"github.com/troupe-go/troupe/protocol"
)

// The defaults of the limits in [Options].
const (
	// QueueMax bounds the bytes that wait to be written to one client.
	QueueMax = 64 << 20

	// SubscriptionsMax bounds the subscriptions of one client.
	SubscriptionsMax = 200_000

	// ConnectionsMax bounds the number of connected clients.
	ConnectionsMax = 10_000

	// TranscriptMax bounds the frames that are stored for one client.
	TranscriptMax = 1_000

	// transcriptBytesMax bounds the bytes of these frames.
	transcriptBytesMax = 1 << 20

	// goneMax is how many clients that have ended are remembered.
	goneMax = 1_000

	// linger bounds how long a client has to read the last bytes and close its side.
	linger = time.Second

	// maxPayload is nats-server's default, in bytes.
	maxPayload = 1 << 20
)

// Options configure a server. The zero value is an honest server that accepts everybody.
type Options struct {
	// Info is what the server says about itself. The zero value stands for DefaultInfo;
	// to change one field, start from that. Unless ClientID is set, each client gets its
	// number. A MaxPayload of 0 or less means that payloads are not limited.
	Info protocol.Info

	// Greeting decides how the n-th client, counted from 1, is greeted; nil greets each
	// with INFO. It is called on a goroutine of that client.
	Greeting func(n int) Greeting

	// Auth decides about a client that has sent CONNECT: an empty text lets it in, any
	// other is sent as -ERR before the connection is closed. With Auth, the INFO has
	// auth_required, and a client that starts with anything but CONNECT is refused; nil
	// lets everybody in. It is called on a goroutine of that client.
	Auth func(c *Client, connect protocol.Connect) string

	// Seed decides which members of queue groups get which messages: with one publisher,
	// the same seed makes the same choices.
	Seed uint64

	// DontListen keeps Run from listening on a port. Clients connect through
	// InProcessConn or Serve.
	DontListen bool

	// QueueMax, SubscriptionsMax, ConnectionsMax and TranscriptMax replace the constants
	// of these names; 0 keeps those.
	QueueMax, SubscriptionsMax, ConnectionsMax, TranscriptMax int
}

// Greeting is how one client is greeted. The zero value is an honest INFO, at once.
type Greeting struct {
	// Raw is sent in place of INFO; nil is INFO.
	Raw []byte

	// Delay is how long the server stays silent first.
	Delay time.Duration

	// Pace is the pause after each byte of the greeting; 0 sends all of it at once.
	// Anything else is sent only after the greeting.
	Pace time.Duration

	// Silent makes the server accept the connection and never send anything, whatever the
	// client sends. Bytes given to Client.Send are still sent.
	Silent bool
}

// DefaultInfo returns what a server says about itself by default.
func DefaultInfo() protocol.Info {
	return protocol.Info{
		ServerID:   "FAKESERVER",
		ServerName: "fakeserver",
		Version:    "2.15.2",
		Proto:      1,
		GoVersion:  "go1.26",
		Host:       "127.0.0.1",
		Headers:    true,
		MaxPayload: maxPayload,
	}
}

// complete returns the options with defaults in place of unset fields.
func (o Options) complete() Options {
	if reflect.ValueOf(o.Info).IsZero() {
		o.Info = DefaultInfo()
	}
	if o.Auth != nil {
		o.Info.AuthRequired = true
	}
	o.QueueMax = cmp.Or(o.QueueMax, QueueMax)
	o.SubscriptionsMax = cmp.Or(o.SubscriptionsMax, SubscriptionsMax)
	o.ConnectionsMax = cmp.Or(o.ConnectionsMax, ConnectionsMax)
	o.TranscriptMax = cmp.Or(o.TranscriptMax, TranscriptMax)
	return o
}
