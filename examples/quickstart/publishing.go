package main

import (
	"context"
	"fmt"

	"github.com/troupe-go/troupe/api"
)

// publishCount is how many messages the first step sends.
const publishCount = 1000

// showPublishing sends numbered messages to one subscriber, which must get each,
// in order.
func showPublishing(ctx context.Context, s *stage) (shown, error) {
	received, inOrder := 0, true // owned by the handler until the drain is over
	sub, err := s.nc.Subscribe(s.subject("news"), func(m *api.Msg) {
		inOrder = inOrder && numberOf(m.Data) == received
		received++
	})
	if err != nil {
		return shown{}, err
	}
	if err := s.publish("news", publishCount); err != nil {
		return shown{}, err
	}
	// A drain ends a subscription when it has handled what was sent before.
	if err := sub.DrainContext(ctx); err != nil {
		return shown{}, err
	}
	if received != publishCount || !inOrder {
		return shown{}, s.wrong("%d published, %d received, in order: %v", publishCount, received, inOrder)
	}
	return shown{line: fmt.Sprintf("%s messages published, %s received, in order",
		group(publishCount), group(received))}, nil
}

// publish sends n numbered messages to the subject of a step.
func (s *stage) publish(name string, n int) error {
	subject := s.subject(name)
	for i := range n {
		if err := s.nc.Publish(subject, number(i)); err != nil {
			return fmt.Errorf("message %d: %w", i, err)
		}
	}
	return nil
}
