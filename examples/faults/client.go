package main

import (
	"net"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/check"
)

// client is what the run needs from a client.
type client interface {
	Publish(subject string, data []byte) error
	Subscribe(subject string, handle func(data []byte)) error
	Flush(timeout time.Duration) error
	Close()
}

// reports is what a client reports while it runs.
type reports struct {
	history    *check.History
	publisher  *check.Publisher
	reconnects atomic.Int64
	moved      chan struct{} // capacity 1: something has changed
}

func (r *reports) reconnected() {
	r.reconnects.Add(1)
	r.news()
}

func (r *reports) news() {
	select {
	case r.moved <- struct{}{}:
	default:
	}
}

// dialer records each attempt to reach the server. Both clients use it.
type dialer struct {
	history *check.History
	client  string
}

// Dial dials.
func (d dialer) Dial(network, address string) (net.Conn, error) {
	c := d.history.Dial(d.client, address)
	conn, err := net.DialTimeout(network, address, patience)
	c.End(err)
	return conn, err
}

// Options of both clients, so that only the clients differ.
const (
	reconnectWait = 20 * time.Millisecond
	pingInterval  = 100 * time.Millisecond
	pingsOut      = 2
)

// natsGo is nats.go.
type natsGo struct{ *nats.Conn }

func connectNatsGo(url string, d dialer, r *reports) (client, error) {
	nc, err := nats.Connect(url, nats.Name(d.client), nats.SetCustomDialer(d), nats.MaxReconnects(-1),
		nats.ReconnectWait(reconnectWait), nats.ReconnectJitter(0, 0),
		nats.PingInterval(pingInterval), nats.MaxPingsOutstanding(pingsOut),
		nats.DisconnectErrHandler(func(*nats.Conn, error) { r.publisher.NewConnection() }),
		nats.ReconnectHandler(func(*nats.Conn) { r.reconnected() }),
		nats.ErrorHandler(func(*nats.Conn, *nats.Subscription, error) {}))
	return natsGo{nc}, err
}

// Subscribe subscribes.
func (c natsGo) Subscribe(subject string, handle func([]byte)) error {
	_, err := c.Conn.Subscribe(subject, func(m *nats.Msg) { handle(m.Data) })
	return err
}

// Flush waits for an answer of the server.
func (c natsGo) Flush(timeout time.Duration) error { return c.FlushTimeout(timeout) }

// troupe is troupe.
type troupe struct{ *api.Conn }

func connectTroupe(url string, d dialer, r *reports) (client, error) {
	nc, err := api.Connect(url, api.Name(d.client), api.SetCustomDialer(d), api.MaxReconnects(-1),
		api.ReconnectWait(reconnectWait), api.ReconnectJitter(0, 0),
		api.PingInterval(pingInterval), api.MaxPingsOutstanding(pingsOut),
		api.DisconnectErrHandler(func(*api.Conn, error) { r.publisher.NewConnection() }),
		api.ReconnectHandler(func(*api.Conn) { r.reconnected() }),
		api.OnEvent(func(e api.Event) {
			if e.Kind == api.PublishUncertain {
				r.publisher.Uncertain(int(e.Count))
			}
		}))
	return troupe{nc}, err
}

// Subscribe subscribes.
func (c troupe) Subscribe(subject string, handle func([]byte)) error {
	_, err := c.Conn.Subscribe(subject, func(m *api.Msg) { handle(m.Data) })
	return err
}

// Flush waits for an answer of the server.
func (c troupe) Flush(timeout time.Duration) error { return c.FlushTimeout(timeout) }
