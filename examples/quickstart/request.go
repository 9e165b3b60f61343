package main

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/troupe-go/troupe/api"
)

const (
	requestCount   = 200
	requestTimeout = 20 * time.Second
)

// showRequests asks a service to double numbers and checks every answer.
func showRequests(ctx context.Context, s *stage) (shown, error) {
	service, err := s.nc.Subscribe(s.subject("double"), func(m *api.Msg) {
		// If an answer is lost, the requester notices.
		_ = m.Respond(number(2 * numberOf(m.Data)))
	})
	if err != nil {
		return shown{}, err
	}
	var took []time.Duration
	for i := range requestCount {
		began := time.Now()
		answer, err := s.nc.Request(s.subject("double"), number(i), requestTimeout)
		if err != nil {
			return shown{}, fmt.Errorf("question %d: %w", i, err)
		}
		if got := numberOf(answer.Data); got != 2*i {
			return shown{}, s.wrong("twice %d is not %d", i, got)
		}
		took = append(took, time.Since(began))
	}
	if err := service.DrainContext(ctx); err != nil {
		return shown{}, err
	}
	slices.Sort(took)
	return shown{line: fmt.Sprintf("%d questions one by one, %d right answers, %v each (median)",
		requestCount, len(took), took[len(took)/2].Round(time.Microsecond))}, nil
}

// showNoResponders sends a request to a subject without subscribers: the answer is an
// error, at once.
func showNoResponders(_ context.Context, s *stage) (shown, error) {
	began := time.Now()
	_, err := s.nc.Request(s.subject("nobody"), nil, requestTimeout)
	took := time.Since(began)
	if !errors.Is(err, api.ErrNoResponders) {
		return shown{}, s.wrong("a request to nobody returned %v, want ErrNoResponders", err)
	}
	if took > requestTimeout/2 {
		return shown{}, s.wrong("it took %v to learn that nobody listens", took)
	}
	return shown{line: fmt.Sprintf("a request to nobody failed after %v, not after its %v timeout",
		took.Round(time.Microsecond), requestTimeout)}, nil
}
