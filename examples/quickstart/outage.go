package main

import (
	"context"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/api"
)

// The publisher's course, in messages. It waits for nothing but the two facts
// without which there would be nothing to show: that the connection has noticed
// its loss, and that the server is down.
const (
	outageCount   = 100_000
	outageKill    = 40_000 // the server is killed while this and the next ones are published
	outageNoticed = 70_000 // from here on the connection knows that there is no server
	outageRestart = 90_000 // the server comes back while this and the next ones are published
)

// outage is the course of one loss of the server.
type outage struct {
	s       *stage
	since   int // place in the journal
	ledger  ledger
	tally   *tally
	handled int // handler calls for our messages; the handler's until last is closed

	last   chan struct{} // closed by the handler: all that will come has come
	kill   chan struct{} // closed by the publisher at outageKill
	killed chan struct{} // closed when the server is down
	again  chan struct{} // closed by the publisher at outageRestart
}

// showOutage kills the server and starts it again while one connection publishes
// and receives, and balances the books.
//
// One connection for both directions is what makes them balance exactly: the
// server queues a message for its subscriber before it confirms to the publisher
// that it has seen it, so each message that was confirmed also comes.
func showOutage(ctx context.Context, s *stage) (shown, error) {
	if s.server == nil {
		return shown{omit: true, line: "left out: the server at -url is not ours to kill"}, nil
	}
	o := &outage{
		s: s, since: s.events.now(), tally: newTally(outageCount),
		last: make(chan struct{}), kill: make(chan struct{}), killed: make(chan struct{}), again: make(chan struct{}),
	}
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

// handle counts a message. The one behind all others is not numbered.
func (o *outage) handle(m *api.Msg) {
	if !o.tally.count(m.Data) {
		close(o.last)
		return
	}
	o.handled++
}

// run publishes, kills and restarts, and returns when all that will come has come.
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
	// A flush waits for the connection to be back and for the server to have seen
	// everything. What is sent behind it cannot be lost, and comes last.
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
	close(o.killed)
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
	switch i {
	case outageKill:
		close(o.kill)
	case outageNoticed:
		_, err := o.s.events.await(ctx, api.LinkLost, o.since)
		return err
	case outageRestart:
		if err := await(ctx, o.killed, "the server to be down"); err != nil {
			return err
		}
		bytes, err := o.s.nc.Buffered()
		if err != nil {
			return err
		}
		o.ledger.kept = bytes / o.frameBytes()
		close(o.again)
	}
	return nil
}

// frameBytes is what one message takes on the wire, and in memory while it waits.
func (o *outage) frameBytes() int {
	payload := number(0)
	return len(fmt.Sprintf("PUB %s %d\r\n%s\r\n", o.s.subject("ticks"), len(payload), payload))
}
