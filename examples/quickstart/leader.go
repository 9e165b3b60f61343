package main

import (
	"context"
	"fmt"
	"sync"
	"time"

	"github.com/troupe-go/troupe/jetstream"
)

const (
	ordersBefore = 1_000 // published and handled before the consumer's leader is killed
	ordersAmid   = 1_000 // published while the cluster is without it
	ordersAfter  = 1_000 // published after those are handled
	ordersCount  = ordersBefore + ordersAmid + ordersAfter
)

// books counts the orders: those published, those in the stream, and those handled.
type books struct {
	published  int // each with an id
	acked      int
	duplicates uint64 // sent again, and recognized by the stream
	stored     uint64
	handled    int           // different ones
	again      int           // delivered again, and recognized by the handler
	caughtUp   time.Duration // from the kill until everything published by then was handled
	said       []string      // by the tree, about the consumer
}

// check returns what does not balance, or nil.
func (b *books) check() error {
	switch {
	case b.acked != b.published || b.stored != uint64(b.published) || b.handled != b.published:
		return fmt.Errorf("%d orders published, %d acknowledged, %d stored, %d handled", b.published, b.acked, b.stored, b.handled)
	case len(b.said) < 2:
		return fmt.Errorf("the tree has reported %q about the consumer", b.said)
	}
	return nil
}

// shown puts the books into words.
func (b *books) shown() shown {
	lines := append([]string{"after that the tree said of the consumer:"}, excerpt(b.said)...)
	lines = append(lines, fmt.Sprintf("%s published with ids = %s stored = %s handled: the books balance",
		group(b.published), group(b.stored), group(b.handled)),
		fmt.Sprintf("%s sent again and recognized by the stream, %s delivered again and by us",
			group(b.duplicates), group(b.again)))
	return shown{line: fmt.Sprintf("that of the consumer, amid %s orders, which were handled after %v",
		group(b.published), b.caughtUp.Round(100*time.Millisecond)), more: lines}
}

// How much of what the tree said is shown.
const (
	excerptLines   = 4
	excerptColumns = 75
)

// excerpt returns the first and the last of many lines, and the beginnings of long ones.
func excerpt(all []string) (shown []string) {
	for i, line := range all {
		switch begins := []rune(line); {
		case i >= excerptLines-1 && i < len(all)-1:
			continue
		case len(begins) > excerptColumns:
			line = string(begins[:excerptColumns-1]) + "…"
		}
		shown = append(shown, line)
	}
	return shown
}

// till handles orders, each once.
type till struct {
	mu      sync.Mutex
	handled map[uint64]bool // by sequence
	again   int
	news    chan struct{} // closed and replaced with each order
}

// handle takes an order. An order whose acknowledgement was lost is delivered again.
func (t *till) handle(_ context.Context, m jetstream.Msg) error {
	meta, err := m.Metadata()
	if err != nil {
		return err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.handled[meta.Sequence.Stream] {
		t.again++
	}
	t.handled[meta.Sequence.Stream] = true
	close(t.news)
	t.news = make(chan struct{})
	return nil
}

// await waits until n orders are handled.
func (t *till) await(ctx context.Context, n int) error {
	for {
		t.mu.Lock()
		handled, news := len(t.handled), t.news
		t.mu.Unlock()
		if handled >= n {
			return nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return fmt.Errorf("%d of %d orders are handled", handled, n)
		}
	}
}

// showLeader kills the server that leads the consumer, while orders are published and
// handled, and balances the books.
func showLeader(ctx context.Context, s *stage) (shown, error) {
	if s.server == nil {
		return shown{omit: true, line: "left out: there is no stream"}, nil
	}
	c, t := s.cluster, &till{handled: map[uint64]bool{}, news: make(chan struct{})}
	consuming, err := c.billing.ConsumeFunc(t.handle, jetstream.PullHeartbeat(heartbeat))
	if err != nil {
		return shown{}, err
	}
	defer func() {
		consuming.Drain()
		<-consuming.Closed()
	}()
	b, err := c.kill(ctx, t)
	if err != nil {
		return shown{}, err
	}
	if err := b.check(); err != nil {
		return shown{}, err
	}
	return b.shown(), nil
}

// kill publishes before, while and after the leader is killed.
func (c *cluster) kill(ctx context.Context, t *till) (*books, error) {
	o := orders{c: c}
	if err := o.publish(ctx, ordersBefore); err != nil {
		return nil, err
	}
	if err := t.await(ctx, ordersBefore); err != nil {
		return nil, err
	}
	leader, err := c.elsewhere(ctx)
	if err != nil {
		return nil, err
	}
	since, began := c.events.now(), time.Now()
	leader.Kill()
	if err := o.publish(ctx, ordersAmid); err != nil {
		return nil, err
	}
	if err := t.await(ctx, ordersBefore+ordersAmid); err != nil {
		return nil, err
	}
	b := &o.books
	b.caughtUp = time.Since(began)
	if err := o.publish(ctx, ordersAfter); err != nil {
		return nil, err
	}
	if err := t.await(ctx, ordersCount); err != nil {
		return nil, err
	}
	if err := o.settle(ctx); err != nil {
		return nil, err
	}
	if b.said, err = c.consumed(ctx, since, began); err != nil {
		return nil, err
	}
	t.mu.Lock()
	defer t.mu.Unlock()
	b.handled, b.again = len(t.handled), t.again
	return b, nil
}

// orders is the publisher.
type orders struct {
	c       *cluster
	books   books
	futures []jetstream.PubAckFuture
}

// publish publishes n orders, and does not wait for their acknowledgements.
func (o *orders) publish(ctx context.Context, n int) error {
	for range n {
		future, err := o.c.js.PublishAsyncContext(ctx, "orders.new", number(o.books.published))
		if err != nil {
			return fmt.Errorf("order %d: %w", o.books.published, err)
		}
		o.books.published++
		o.futures = append(o.futures, future)
	}
	return nil
}

// settle waits for every acknowledgement, and asks the stream what it has stored.
func (o *orders) settle(ctx context.Context) error {
	for i, future := range o.futures {
		ack, err := future.Wait(ctx)
		if err != nil {
			return fmt.Errorf("order %d: %w", i, err)
		}
		o.books.acked++
		if ack.Duplicate {
			o.books.duplicates++
		}
	}
	info, err := o.c.orders.Info(ctx)
	if err == nil {
		o.books.stored = info.State.Msgs
	}
	return err
}
