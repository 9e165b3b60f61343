package main

import (
	"context"
	"fmt"
	"strings"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/jetstream"
)

const (
	members   = 3
	streamOf  = "ORDERS"
	billing   = "billing"
	heartbeat = 500 * time.Millisecond // of the consumer: a silent leader is noticed after two
)

// cluster is three servers with a replicated stream; one of them is killed.
type cluster struct {
	servers *natsserver.Cluster
	events  *journal // of the connection
	nc      *api.Conn
	js      jetstream.JetStream
	orders  jetstream.Stream
	billing jetstream.Consumer
}

// consumerGroup is what the servers elect the consumer's leader for.
func consumerGroup() natsserver.Group { return natsserver.Group{Stream: streamOf, Consumer: billing} }

// showStream starts the servers, and creates the stream and its consumer.
func showStream(ctx context.Context, s *stage) (shown, error) {
	if s.server == nil {
		return shown{omit: true, line: "left out: it takes servers of our own to kill one"}, nil
	}
	c := &cluster{events: newJournal()}
	s.cluster = c
	var err error
	if c.servers, err = natsserver.StartCluster(members, natsserver.Options{Name: "server", JetStream: true}); err != nil {
		return shown{}, err
	}
	c.nc, err = api.Connect(strings.Join(c.servers.URLs(), ","), api.Name("troupe quickstart"), api.OnEvent(c.events.add))
	if err != nil {
		return shown{}, err
	}
	if c.js, err = jetstream.New(c.nc, jetstream.WithIdempotentRetry()); err != nil {
		return shown{}, err
	}
	if c.orders, err = c.js.CreateStream(ctx, jetstream.StreamConfig{
		Name: streamOf, Subjects: []string{"orders.*"}, Replicas: members, AllowDirect: true,
	}); err != nil {
		return shown{}, err
	}
	if c.billing, err = c.orders.CreateConsumer(ctx, jetstream.ConsumerConfig{Durable: billing, AckWait: 2 * time.Second}); err != nil {
		return shown{}, err
	}
	leader, err := c.elsewhere(ctx)
	if err != nil {
		return shown{}, err
	}
	return shown{line: fmt.Sprintf("%s on %d servers, its consumer led by %s; we are connected to %s",
		streamOf, members, leader.Server().Name(), c.nc.ConnectedServerName())}, nil
}

// elsewhere returns the consumer's leader. If that is the server that we are connected
// to, another one is made leader first, so that killing it causes no reconnect.
func (c *cluster) elsewhere(ctx context.Context) (*natsserver.Server, error) {
	for {
		leader, err := c.servers.Leader(ctx, consumerGroup())
		if err != nil || leader.Server().Name() != c.nc.ConnectedServerName() {
			return leader, err
		}
		if _, err = c.servers.StepDown(ctx, consumerGroup()); err != nil {
			return nil, err
		}
	}
}

// close ends the connection and the servers.
func (c *cluster) close(ctx context.Context) error {
	var err error
	if c.nc != nil {
		_, err = c.nc.CloseContext(ctx)
	}
	if c.servers != nil {
		c.servers.Shutdown()
	}
	return err
}

// consumed waits until the consumer is healthy, and returns what the tree has reported of
// it since a place in the journal: each state that had a reason, and when it began.
func (c *cluster) consumed(ctx context.Context, since int, began time.Time) ([]string, error) {
	for {
		found, news := c.events.find(api.StateChanged, since)
		var said []string
		well := false
		for _, e := range found {
			if e.Message != "" && strings.Contains(e.Path, "/consumers/"+streamOf+"."+billing) {
				said = append(said, fmt.Sprintf("%5.1f s  %s: %s", e.Time.Sub(began).Seconds(), e.After, e.Message))
				well = e.After != "suspect" && e.After != "recovering"
			}
		}
		if well {
			return said, nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return nil, fmt.Errorf("the consumer does not get well: %q", said)
		}
	}
}
