package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
)

const (
	customers = 20
	threshold = 3                      // consecutive failures that open the breaker
	answerMax = 500 * time.Millisecond // how long one request may take
	openFor   = 2 * time.Second        // the breaker stays open for at least half of that
	patience  = 30 * time.Second
)

func main() {
	if err := run(os.Stdout); err != nil {
		fmt.Println("breaker: FAILED:", err)
		os.Exit(1)
	}
	fmt.Println("breaker: ok")
}

// run is the program: it prints to out.
func run(out io.Writer) error {
	server, err := natsserver.Start(natsserver.Options{Name: "breaker"})
	if err != nil {
		return err
	}
	defer server.Shutdown()
	service, err := startService(server.URL())
	if err != nil {
		return err
	}
	defer service.nc.Close()
	nc, err := api.Connect(server.URL())
	if err != nil {
		return err
	}
	defer nc.Close()
	breakers, err := nc.NewBreakers(api.BreakersConfig{
		Name:   "services",
		Policy: api.BreakerPolicy{Failures: threshold, Open: api.Backoff{Initial: openFor}},
	})
	if err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), patience)
	defer cancel()
	shop := &shop{nc: nc, breaker: breakers.For("price"), service: service, out: out}
	return errors.Join(shop.well(ctx), shop.ill(ctx), shop.mended(ctx))
}

// service answers requests for a price, unless it is broken.
type service struct {
	nc   *api.Conn
	ill  atomic.Bool
	seen atomic.Int64 // requests
}

func startService(url string) (*service, error) {
	nc, err := api.Connect(url)
	if err != nil {
		return nil, err
	}
	s := &service{nc: nc}
	_, err = nc.Subscribe("price", s.answer)
	if err == nil {
		err = nc.FlushTimeout(patience)
	}
	if err != nil {
		nc.Close()
		return nil, err
	}
	return s, nil
}

func (s *service) answer(m *api.Msg) {
	s.seen.Add(1)
	if !s.ill.Load() {
		_ = m.Respond([]byte("4.20"))
	}
}

// shop asks the service for its customers.
type shop struct {
	nc      *api.Conn
	breaker *api.Breaker
	service *service
	out     io.Writer
}

// ask asks once, if the breaker allows it.
func (s *shop) ask(ctx context.Context) (*api.Msg, error) {
	return api.Guard(s.breaker, func(ctx context.Context) (*api.Msg, error) {
		return s.nc.RequestWithContext(ctx, "price", nil)
	})(ctx)
}

// serve asks for one customer. Asking for a price twice does no harm.
func (s *shop) serve(ctx context.Context, attempts int) (*api.Msg, error) {
	policy := api.RetryPolicy{Name: "price", Attempts: attempts, AttemptTimeout: answerMax, Idempotent: true}
	return api.Retry(ctx, s.nc, policy, s.ask)
}

func (s *shop) well(ctx context.Context) error {
	for range customers {
		if _, err := s.serve(ctx, 3); err != nil {
			return fmt.Errorf("the service works: %w", err)
		}
	}
	fmt.Fprintf(s.out, "works:  %d customers got their price, with %d requests\n", customers, s.service.seen.Swap(0))
	return nil
}

func (s *shop) ill(ctx context.Context) error {
	s.service.ill.Store(true)
	waited, atOnce := 0, 0
	for range customers {
		switch _, err := s.serve(ctx, 1); {
		case errors.Is(err, api.ErrCircuitOpen):
			atOnce++
		case errors.Is(err, api.ErrTimeout):
			waited++
		default:
			return fmt.Errorf("the service is broken: %w", err)
		}
	}
	seen := int(s.service.seen.Swap(0))
	fmt.Fprintf(s.out, "broken: %d waited in vain, %d learnt it at once; the service saw %d requests\n", waited, atOnce, seen)
	if s.breaker.State() == api.BreakerClosed {
		return errors.New("the breaker is closed")
	}
	if seen > customers/2 || waited+atOnce != customers {
		return fmt.Errorf("the service saw %d requests", seen)
	}
	fmt.Fprintf(s.out, "        unhealthy: %v\n", s.nc.Health())
	return nil
}

func (s *shop) mended(ctx context.Context) error {
	s.service.ill.Store(false)
	price, err := s.serve(ctx, customers)
	if err != nil {
		return fmt.Errorf("the service works again: %w", err)
	}
	fmt.Fprintf(s.out, "fixed:  a waiting customer got the price, %s, and the breaker is %v\n", price.Data, s.breaker.State())
	if s.breaker.State() != api.BreakerClosed {
		return fmt.Errorf("the breaker is %v", s.breaker.State())
	}
	for _, e := range s.nc.EventLog() {
		if e.Kind == api.CallRetried || e.Kind == api.StateChanged && strings.HasSuffix(e.Path, "/price") {
			fmt.Fprintf(s.out, "        %v\n", e)
		}
	}
	fmt.Fprintf(s.out, "\n%v", s.nc.Tree())
	return nil
}
