package main

import (
	"context"
	"fmt"

	"github.com/troupe-go/troupe/api"
)

const (
	slowCount = 10_000 // messages to both subscribers
	slowRoom  = 1_000  // messages that may wait for the slow one
)

// showSlowSubscriber sends the same messages to a subscriber that blocks and to another
// one. The slow one loses exactly the messages that it has no room for, and they are
// counted; the fast one misses nothing, and does not wait for the other.
func showSlowSubscriber(ctx context.Context, s *stage) (shown, error) {
	since := s.events.now()
	gate := make(chan struct{}) // the slow handler blocks until it is closed
	slowTally, fastTally, fastDone := newTally(slowCount), newTally(slowCount), make(chan struct{})
	slow, err := s.nc.Subscribe(s.subject("prices"), func(m *api.Msg) {
		<-gate
		slowTally.count(m.Data)
	}, api.PendingLimits(slowRoom, api.DefaultSubPendingBytesLimit))
	if err != nil {
		return shown{}, err
	}
	fast, err := s.nc.Subscribe(s.subject("prices"), func(m *api.Msg) {
		if fastTally.count(m.Data); numberOf(m.Data) == slowCount-1 {
			close(fastDone)
		}
	})
	if err != nil {
		close(gate)
		return shown{}, err
	}
	err = s.overwhelm(ctx, fastDone)
	dropped, _ := slow.Dropped() // all is sent, and what had no room is counted
	close(gate)
	if err != nil {
		return shown{}, err
	}
	report, err := s.events.await(ctx, api.SlowConsumerEnded, since)
	if err != nil {
		return shown{}, err
	}
	for _, sub := range []*api.Subscription{slow, fast} {
		if err := sub.DrainContext(ctx); err != nil {
			return shown{}, err
		}
	}
	slowCame, slowTwice := slowTally.sum()
	fastCame, fastTwice := fastTally.sum()
	if slowCame+dropped != slowCount || report.Count != uint64(dropped) || dropped == 0 ||
		fastCame != slowCount || slowTwice+fastTwice != 0 {
		return shown{}, s.wrong("%d sent: slow %d delivered, %d dropped, %d reported; fast %d delivered; %d twice",
			slowCount, slowCame, dropped, report.Count, fastCame, slowTwice+fastTwice)
	}
	return shown{
		line: fmt.Sprintf("%s sent = %s delivered + %s dropped for want of room, as reported",
			group(slowCount), group(slowCame), group(dropped)),
		more: []string{fmt.Sprintf("a fast one beside it got all %s while the slow one stood still", group(fastCame))},
	}, nil
}

// overwhelm sends the messages and waits until the fast subscriber has them all and
// nothing is under way to the slow one.
func (s *stage) overwhelm(ctx context.Context, fastDone <-chan struct{}) error {
	if err := s.publish("prices", slowCount); err != nil {
		return err
	}
	if err := s.nc.FlushWithContext(ctx); err != nil {
		return err
	}
	return await(ctx, fastDone, "the last message of the fast subscriber")
}
