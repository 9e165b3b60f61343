package main

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/troupe-go/troupe/micro"
)

const (
	instances     = 2
	halvesAsked   = 100
	roomOfSlow    = 10 // requests that the slow endpoint takes, including the one in its handler
	askedAtOnce   = 30
	codeOdd       = "ODD"
	oddOne        = 7
	halvesVersion = "1.0.0"
	stall         = 2 * time.Second // no answer for that long: there are no more instances
)

// halves is a service with two instances, one of which also has a slow endpoint.
type halves struct {
	s      *stage
	name   string
	all    []micro.Service
	client *micro.Client
	gate   chan struct{} // closed when the slow endpoint may answer
}

// half answers with half of a number, or with an error for an odd one.
func half(_ context.Context, r micro.Request) error {
	n := numberOf(r.Data())
	if n%2 != 0 {
		return micro.NewServiceError(codeOdd, fmt.Sprintf("%d has no half", n))
	}
	return r.Respond(number(n / 2))
}

// showService discovers a service, calls it, gets an error from it, and overloads it.
func showService(ctx context.Context, s *stage) (_ shown, err error) {
	h := &halves{s: s, name: "halves-" + strings.ReplaceAll(strings.Trim(s.prefix, "."), ".", "-"), gate: make(chan struct{})}
	defer func() { err = errors.Join(err, h.stop(ctx)) }()
	if err := h.start(); err != nil {
		return shown{}, err
	}
	began := time.Now()
	found, err := h.client.Info(ctx, h.name, "")
	if err != nil {
		return shown{}, err
	}
	if len(found) != instances {
		return shown{}, s.wrong("found %d instances, want %d", len(found), instances)
	}
	took := time.Since(began)
	if err := h.ask(ctx); err != nil {
		return shown{}, err
	}
	failure := h.fail(ctx)
	var told *micro.ServiceError
	if !errors.As(failure, &told) || told.Code != codeOdd {
		return shown{}, s.wrong("half of %d: %v, want the error of the handler", oddOne, failure)
	}
	answered, shed, err := h.overload(ctx)
	if err != nil {
		return shown{}, err
	}
	return shown{
		line: fmt.Sprintf("%d instances found in %v, %d calls, %d right answers", len(found), took.Round(10*time.Millisecond), halvesAsked, halvesAsked),
		more: []string{
			fmt.Sprintf("half of %d fails as its handler says: %q", oddOne, told.Error()),
			fmt.Sprintf("%d calls at once, with room for %d: %d answered, %d shed as %s", askedAtOnce, roomOfSlow, answered, shed, micro.CodeOverloaded),
		},
	}, nil
}

// start starts the instances.
func (h *halves) start() (err error) {
	for range instances {
		svc, err := micro.AddService(h.s.nc, micro.Config{Name: h.name, Version: halvesVersion})
		if err != nil {
			return err
		}
		h.all = append(h.all, svc)
		if err := svc.AddEndpoint("half", micro.Func(half), micro.WithEndpointSubject(h.s.subject("half"))); err != nil {
			return err
		}
	}
	h.client, err = micro.NewClient(h.s.nc, micro.WithStall(stall))
	return errors.Join(err, h.all[0].AddEndpoint("slow", micro.Func(h.slow), micro.WithEndpointSubject(h.s.subject("slow")),
		micro.WithEndpointPendingLimits(roomOfSlow, -1)))
}

func (h *halves) slow(ctx context.Context, r micro.Request) error {
	select {
	case <-h.gate:
		return r.Respond(nil)
	case <-ctx.Done():
		return ctx.Err()
	}
}

// ask checks every answer.
func (h *halves) ask(ctx context.Context) error {
	for i := range halvesAsked {
		answer, err := h.client.Request(ctx, h.s.subject("half"), number(2*i))
		if err != nil {
			return fmt.Errorf("half of %d: %w", 2*i, err)
		}
		if got := numberOf(answer.Data); got != i {
			return h.s.wrong("half of %d is not %d", 2*i, got)
		}
	}
	return nil
}

// fail sends a request that the handler refuses.
func (h *halves) fail(ctx context.Context) error {
	_, err := h.client.Request(ctx, h.s.subject("half"), number(oddOne))
	return err
}

// overload sends more requests than there is room for, and counts the outcomes. The
// handler waits until all excess requests are shed.
func (h *halves) overload(ctx context.Context) (answered, shed int, err error) {
	outcomes := make(chan error, askedAtOnce)
	for range askedAtOnce {
		go func() {
			_, err := h.client.Request(ctx, h.s.subject("slow"), nil)
			outcomes <- err
		}()
	}
	for range askedAtOnce {
		switch err := <-outcomes; {
		case err == nil:
			answered++
		case errors.Is(err, micro.ErrOverloaded):
			shed++
		default:
			return answered, shed, err
		}
		if shed == askedAtOnce-roomOfSlow && answered == 0 {
			close(h.gate)
		}
	}
	if shed != askedAtOnce-roomOfSlow {
		return answered, shed, h.s.wrong("%d calls at once, %d answered, %d shed", askedAtOnce, answered, shed)
	}
	return answered, shed, nil
}

// stop ends the instances, and waits for them.
func (h *halves) stop(ctx context.Context) (err error) {
	for _, svc := range h.all {
		_, stopped := svc.StopContext(ctx)
		err = errors.Join(err, stopped)
	}
	return err
}
