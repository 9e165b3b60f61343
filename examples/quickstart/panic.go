package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"

	"github.com/troupe-go/troupe/api"
)

const (
	orderCount = 10
	badOrder   = 4
)

// showPanic makes a handler panic on one message: its actor is restarted and goes on with
// the next one. The subscription stays, so that the tree shows it.
func showPanic(ctx context.Context, s *stage) (shown, error) {
	since := s.events.now()
	tally, last := newTally(orderCount+1), make(chan struct{})
	_, err := s.nc.Subscribe(s.subject("orders"), func(m *api.Msg) {
		order := numberOf(m.Data)
		if order == badOrder {
			panic(fmt.Sprintf("order %d is upside down", order))
		}
		if tally.count(m.Data); order == orderCount {
			close(last)
		}
	})
	if err != nil {
		return shown{}, err
	}
	for order := 1; order <= orderCount; order++ {
		if err := s.nc.Publish(s.subject("orders"), number(order)); err != nil {
			return shown{}, err
		}
	}
	if err := await(ctx, last, "the order behind the one that panicked"); err != nil {
		return shown{}, err
	}
	event, err := s.events.await(ctx, api.HandlerPanicked, since)
	if err != nil {
		return shown{}, err
	}
	dispatcher, _ := s.nc.Tree().Find(event.Path)
	all, _ := s.events.find(api.HandlerPanicked, since)
	came, twice := tally.sum()
	if came != orderCount-1 || twice != 0 || dispatcher.Restarts != 1 || len(all) != 1 {
		return shown{}, s.wrong("%d orders, 1 panic: %d handled, %d twice, %d panics reported, %d restarts",
			orderCount, came, twice, len(all), dispatcher.Restarts)
	}
	return shown{
		line: fmt.Sprintf("a handler panicked on message %d of %d: %s, the other %d handled",
			badOrder, orderCount, plural(dispatcher.Restarts, "restart"), came),
		more: []string{fmt.Sprintf("reported with its stack (%d lines): %q", lines(event.Stack), panicValue(event.Cause))},
	}, nil
}

// panicValue returns what a handler panicked with.
func panicValue(cause error) string {
	var p *api.PanicError
	if errors.As(cause, &p) {
		return fmt.Sprint(p.Value)
	}
	return fmt.Sprint(cause)
}

func lines(text []byte) int { return bytes.Count(text, []byte("\n")) }
