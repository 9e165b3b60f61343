package main

import (
	"context"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/api"
)

// The publisher's course, in messages. While there is a server it keeps at most a window
// ahead of the subscriber, as a program does that must not lose many messages. Otherwise
// it only waits for the server to be down.
const (
	outageCount   = 100_000
	outageKill    = 40_000 // the server is killed while this and the next ones are published
	outageRestart = 90_000 // the server comes back while this and the next ones are published
	outageStride  = 1_000  // the subscriber confirms that many together
	outageWindow  = 5 * outageStride
)

// outage is the course of one loss of the server.
type outage struct {
	s       *stage
	since   int // place in the journal
	ledger  ledger
	tally   *tally
	handled int // handler calls for our messages; owned by the handler until last is closed

	strides chan struct{} // one for each stride that was handled; never full
	last    chan struct{} // closed by the handler: everything has arrived
	kill    chan struct{} // closed by the publisher at outageKill
	gone    chan struct{} // closed when the connection has noticed that the server is gone
	down    chan struct{} // closed when the server is down
	again   chan struct{} // closed by the publisher at outageRestart
}

func newOutage(s *stage) *outage {
	return &outage{
		s: s, since: s.events.now(), tally: newTally(outageCount),
		strides: make(chan struct{}, outageCount/outageStride), last: make(chan struct{}),
		kill: make(chan struct{}), gone: make(chan struct{}), down: make(chan struct{}), again: make(chan struct{}),
	}
}

// showOutage kills the server and starts it again while one connection publishes and
// receives, and balances the books.
//
// Using one connection for both directions makes them balance exactly: the server queues
// a message for its subscriber before it confirms it to the publisher, so each confirmed
// message is also delivered.
func showOutage(ctx context.Context, s *stage) (shown, error) {
	if s.server == nil {
		return shown{omit: true, line: "left out: the server at -url is not ours to kill"}, nil
	}
	o := newOutage(s)
	before := s.nc.Stats()
	if _, err := s.nc.Subscribe(s.subject("ticks"), o.handle); err != nil {
		return shown{}, err
	}
	if err := o.run(ctx); err != nil {
		return shown{}, err
	}
	after := s.nc.Stats()
	l := &o.ledger
	l.published = outageCount
	l.delivered, l.twice = o.tally.sum()
	l.calls = o.handled
	l.uncertain = after.Uncertain - before.Uncertain
	l.reconnects = after.Reconnects - before.Reconnects
	found, _ := s.events.find(api.PublishUncertain, o.since)
	for _, e := range found {
		l.reported += e.Count
	}
	if err := l.check(); err != nil {
		return shown{}, s.wrong("%w", err)
	}
	return l.shown(), nil
}

// handle counts a message. The last one is not numbered.
func (o *outage) handle(m *api.Msg) {
	if !o.tally.count(m.Data) {
		close(o.last)
		return
	}
	if o.handled++; o.handled%outageStride == 0 {
		o.strides <- struct{}{}
	}
}

// run publishes, kills and restarts, and returns when everything has arrived.
func (o *outage) run(ctx context.Context) error {
	published := make(chan error, 1)
	go func() { published <- o.publish(ctx) }()
	if err := o.replace(ctx); err != nil {
		return err
	}
	select {
	case err := <-published:
		if err != nil {
			return err
		}
	case <-ctx.Done():
		return fmt.Errorf("waited in vain for the publisher")
	}
	// A flush waits until the connection is back and the server has seen everything. What
	// is sent after it cannot be lost, and arrives last.
	if err := o.s.nc.FlushWithContext(ctx); err != nil {
		return fmt.Errorf("flush: %w", err)
	}
	if err := o.s.nc.Publish(o.s.subject("ticks"), nil); err != nil {
		return err
	}
	return await(ctx, o.last, "the last message")
}

// replace kills the server and starts it again when the publisher says so.
func (o *outage) replace(ctx context.Context) error {
	if err := await(ctx, o.kill, "the publisher to begin"); err != nil {
		return err
	}
	began := time.Now()
	o.s.server.Kill()
	close(o.down)
	if _, err := o.s.events.await(ctx, api.LinkLost, o.since); err != nil {
		return err
	}
	close(o.gone)
	if err := await(ctx, o.again, "the publisher to go on without a server"); err != nil {
		return err
	}
	if err := o.s.server.Restart(); err != nil {
		return err
	}
	_, err := o.s.events.await(ctx, api.LinkRestored, o.since)
	o.ledger.down = time.Since(began)
	return err
}

// publish sends the numbered messages. No call may fail, server or not.
func (o *outage) publish(ctx context.Context) error {
	subject := o.s.subject("ticks")
	for i := range outageCount {
		if err := o.turn(ctx, i); err != nil {
			return err
		}
		if err := o.s.nc.Publish(subject, number(i)); err != nil {
			return fmt.Errorf("message %d: %w", i, err)
		}
	}
	return nil
}

// turn does what is due before message i.
func (o *outage) turn(ctx context.Context, i int) error {
	switch {
	case i == outageKill:
		close(o.kill)
	case i == outageRestart:
		return o.goOn(ctx)
	}
	if i < outageWindow || i%outageStride != 0 {
		return nil
	}
	select {
	case <-o.strides:
	case <-o.gone: // without a server nothing is confirmed
	case <-ctx.Done():
		return fmt.Errorf("waited in vain for the subscriber to keep up with the publisher")
	}
	return nil
}

// goOn counts what waits in memory and lets the server come back.
func (o *outage) goOn(ctx context.Context) error {
	if err := await(ctx, o.down, "the server to be down"); err != nil {
		return err
	}
	bytes, err := o.s.nc.Buffered()
	o.ledger.kept = bytes / o.frameBytes()
	close(o.again)
	return err
}

// frameBytes is what one message takes on the wire, and in memory while it waits.
func (o *outage) frameBytes() int {
	payload := number(0)
	return len(fmt.Sprintf("PUB %s %d\r\n%s\r\n", o.s.subject("ticks"), len(payload), payload))
}
