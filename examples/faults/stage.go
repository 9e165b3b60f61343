package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"

	"github.com/troupe-go/troupe/faults/check"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/faults/plan"
	"github.com/troupe-go/troupe/faults/proxy"
)

// stage is one client behind its proxy, and its history.
type stage struct {
	server  *natsserver.Server
	name    string
	connect func(url string, d dialer, r *reports) (client, error)
	seed    uint64

	proxy   *proxy.Proxy
	client  client
	history *check.History
	shop    *check.Publisher
	reports *reports
}

// play runs the plan for the client, and returns its history.
func (s *stage) play(program plan.Plan) (*check.History, error) {
	s.history = check.New(time.Now, check.Options{Minimum: batch, Recovery: budget, Dials: check.Rate{Most: 20, Per: time.Second}})
	s.shop = s.history.Publisher("shop", subject)
	s.reports = &reports{history: s.history, publisher: s.shop, moved: make(chan struct{}, 1)}
	witness, err := s.watch()
	if err != nil {
		return nil, err
	}
	defer witness.Close()
	if s.proxy, err = proxy.Start(s.server.URL(), proxy.Options{Seed: s.seed}); err != nil {
		return nil, err
	}
	defer s.proxy.Close()
	if s.client, err = s.connect(s.proxy.URL(), dialer{s.history, s.name}, s.reports); err != nil {
		return nil, err
	}
	till := s.history.Subscription("till", subject, check.AtMostOnce)
	if err := s.client.Subscribe(subject, till.Delivered); err != nil {
		return nil, err
	}
	if err := s.client.Flush(patience); err != nil {
		return nil, err
	}
	till.Active()
	s.history.Healed() // from now on the server can be reached, at most a reconnect away
	for _, rule := range program.Rules {
		if err := s.act(rule); err != nil {
			return nil, fmt.Errorf("%v: %w", rule, err)
		}
	}
	s.history.Impaired() // the run is over
	c := s.history.Begin(check.Close, s.name, patience)
	s.client.Close()
	c.End(nil)
	return s.history, sawAll(witness)
}

// sawAll waits until the handler of the witness has seen everything sent before: a flush
// alone says only that it was read.
func sawAll(witness *nats.Conn) error {
	if err := witness.FlushTimeout(patience); err != nil {
		return err
	}
	seen := make(chan struct{})
	if err := witness.Barrier(func() { close(seen) }); err != nil {
		return err
	}
	<-seen
	return nil
}

// watch starts the witness, another client, on a connection without faults.
func (s *stage) watch() (*nats.Conn, error) {
	nc, err := nats.Connect(s.server.URL())
	if err != nil {
		return nil, err
	}
	witness := s.history.Witness("witness", subject)
	if _, err := nc.Subscribe(subject, func(m *nats.Msg) { witness.Saw(m.Data, 0) }); err != nil {
		nc.Close()
		return nil, err
	}
	return nc, nc.FlushTimeout(patience)
}

// act injects one fault while messages flow, and then checks that everything works again.
func (s *stage) act(rule plan.Rule) error {
	before := s.reports.reconnects.Load()
	fault, err := s.proxy.Add(rule)
	if err != nil {
		return err
	}
	for range batch {
		s.publish()
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	if err := fault.Wait(ctx, 1); err != nil {
		return errors.Join(errStuck, err)
	}
	if kind := rule.Fault.Kind; kind == plan.Reset || kind == plan.HalfOpen {
		for s.reports.reconnects.Load() == before { // a program that only publishes would not know
			select {
			case <-s.reports.moved:
			case <-ctx.Done():
				return ctx.Err()
			}
		}
	}
	fault.Lift()
	return s.settle()
}

// publish publishes one message.
func (s *stage) publish() {
	o := s.shop.Publish(patience)
	if err := s.client.Publish(subject, o.Payload(size)); err != nil {
		o.Rejected(err)
		return
	}
	o.Accepted()
}

// settle publishes until a flush succeeds. A client that takes too long stalls, which the
// history records.
func (s *stage) settle() error {
	for end := time.Now().Add(budget + time.Second); time.Now().Before(end); time.Sleep(reconnectWait) {
		s.publish()
		f := s.shop.Flush()
		err := s.client.Flush(patience)
		if err != nil {
			f.Unknown(err)
			continue
		}
		f.Confirmed()
		return s.interest()
	}
	return nil
}

// interest compares the client's subscriptions as the server has them with those that the
// client wants.
func (s *stage) interest() error {
	list, err := s.server.Server().Connz(&server.ConnzOptions{Subscriptions: true, Sort: server.ByCid})
	if err != nil {
		return err
	}
	var actual []check.Interest
	for _, c := range list.Conns { // the latest connection of the client is the last one
		if c.Name != s.name {
			continue
		}
		actual = nil
		for _, subject := range c.Subs {
			actual = append(actual, check.Interest{Subject: subject})
		}
	}
	s.history.Interest(s.name, []check.Interest{{Subject: subject}}, actual)
	return nil
}
