package micro

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"

	"github.com/troupe-go/troupe/api"
)

// stop.go - the end of a service.
//
//	Stop, or the end of the connection ─► stopping ── no subscription is left ──► finished
//	                        └ waiting requests are answered while there is a link

// isStopping reports whether the service has stopped, or is about to.
func (s *service) isStopping() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.stopping
}

// Stopped implements Service.
func (s *service) Stopped() bool { return s.isStopping() || s.nc.IsClosed() }

// Done implements Service.
func (s *service) Done() <-chan struct{} { return s.done }

// Stop implements Service.
func (s *service) Stop() error {
	s.mu.Lock()
	again := s.stopping
	s.stopping = true
	endpoints, verbs := slices.Clone(s.endpoints), slices.Clone(s.verbs)
	s.mu.Unlock()
	if again {
		return nil
	}
	for _, e := range endpoints {
		_ = e.drain() // an error means that the closed connection has ended it
	}
	for _, sub := range verbs {
		_ = sub.Drain()
	}
	poke(&s.ref)
	s.finish() // in case all subscriptions had failed
	return nil
}

// farewell ends the service with its connection, while that can still send: it answers the
// requests that wait, and those that the server sent before it knew; handlers have until ctx
// ends to return.
func (s *service) farewell(ctx context.Context) {
	s.mu.Lock()
	s.stopping = true
	var endpoints []*Endpoint
	for _, e := range s.endpoints {
		if e.sub.Load() != nil {
			endpoints = append(endpoints, e)
		}
	}
	s.mu.Unlock()
	for _, e := range endpoints {
		e.stands(func(s standing) standing { s.draining = true; return s })
		e.end()
		e.answerShed()
	}
	if ctx.Err() == nil && s.nc.FlushWithContext(ctx) != nil {
		return // no link
	}
	for _, e := range endpoints {
		e.answerShed()
		select {
		case <-e.gone:
		case <-ctx.Done():
		}
	}
	kept := make(chan struct{})
	s.promises.whenKept(func() { close(kept) })
	select {
	case <-kept:
	case <-ctx.Done():
	}
}

// end ends an endpoint at once, even while its connection drains, when Unsubscribe is refused:
// waiting requests are noted.
func (e *Endpoint) end() { _ = e.sub.Load().AutoUnsubscribe(0) } // an error means that it has ended

// undo ends a service that could not start.
func (s *service) undo() {
	s.mu.Lock()
	s.undone = true
	s.mu.Unlock()
	_ = s.Stop()
}

// drain ends the endpoint gracefully.
func (e *Endpoint) drain() error {
	e.stands(func(s standing) standing { s.draining = true; return s })
	poke(&e.ref)
	sub := e.sub.Load()
	if sub == nil {
		return nil // it is being added, and add will see that the service stops
	}
	if err := sub.Drain(); err != nil && !errors.Is(err, api.ErrBadSubscription) {
		return err
	}
	return nil
}

// finish ends the service when nothing of it is left.
func (s *service) finish() {
	s.mu.Lock()
	over := s.stopping && s.live == 0 && !s.finished
	s.finished = s.finished || over
	tell := !s.undone && s.config.DoneHandler != nil
	s.mu.Unlock()
	if !over {
		return
	}
	s.promises.whenKept(s.forget)
	dismiss(s.ref.Load())
	close(s.done)
	if tell {
		s.config.DoneHandler(s)
	}
}

// StopReport says what was left of a service when StopContext returned. The zero value means
// that all handlers have ended. Requests that a Handler keeps to answer them later do not count.
type StopReport struct {
	// Unfinished are the endpoints with requests in handlers, or waiting for one.
	Unfinished []UnfinishedEndpoint
}

// UnfinishedEndpoint is an endpoint that had not ended.
type UnfinishedEndpoint struct {
	Name, Subject string
	// InFlight is how many requests were in handlers.
	InFlight int
	// Waiting is how many waited for a handler.
	Waiting int
}

// String says how much is left, and where.
func (r StopReport) String() string {
	if len(r.Unfinished) == 0 {
		return "nothing is left"
	}
	var all []string
	for _, e := range r.Unfinished {
		all = append(all, fmt.Sprintf("%s (%d in handlers, %d waiting)", e.Name, e.InFlight, e.Waiting))
	}
	return strings.Join(all, ", ")
}

// StopTimeoutError says what was left of a service that did not stop in time.
type StopTimeoutError struct {
	Report StopReport
	Cause  error // why the context ended
}

// Error says what is left.
func (e *StopTimeoutError) Error() string { return ErrStopTimeout.Error() + ": " + e.Report.String() }

// Unwrap returns ErrStopTimeout and the cause.
func (e *StopTimeoutError) Unwrap() []error { return []error{ErrStopTimeout, e.Cause} }

// StopContext implements Service.
func (s *service) StopContext(ctx context.Context) (StopReport, error) {
	if ctx == nil {
		return StopReport{}, api.ErrInvalidContext
	}
	_ = s.Stop()
	select {
	case <-s.done: // nothing is left, even if ctx has ended
		return StopReport{}, nil
	default:
	}
	s.mu.Lock()
	endpoints, subs := slices.Clone(s.endpoints), slices.Clone(s.verbs)
	s.mu.Unlock()
	for _, e := range endpoints {
		if sub := e.sub.Load(); sub != nil {
			subs = append(subs, sub)
		}
	}
	// Contexts of handlers are cancelled after the report is made.
	inner, leave := context.WithCancel(context.WithoutCancel(ctx))
	defer leave()
	over := drainAll(inner, subs)
	select {
	case <-over:
		return StopReport{}, nil
	case <-ctx.Done():
	}
	report := leftOf(endpoints)
	leave()
	<-over
	if errors.Is(ctx.Err(), context.Canceled) {
		return report, fmt.Errorf("troupe: stop of service %s: %w", s.config.Name, context.Canceled)
	}
	return report, &StopTimeoutError{Report: report, Cause: context.DeadlineExceeded}
}

// drainAll returns a channel that is closed when all have ended or ctx is done.
func drainAll(ctx context.Context, subs []*api.Subscription) <-chan struct{} {
	over := make(chan struct{})
	var wg sync.WaitGroup
	for _, sub := range subs {
		// It ends with the subscription, with the connection, or with ctx.
		wg.Go(func() { _ = sub.DrainContext(ctx) })
	}
	go func() {
		wg.Wait()
		close(over)
	}()
	return over
}

// leftOf reports the endpoints that have not ended, and ends them: contexts of handlers are
// cancelled, and waiting requests are answered.
func leftOf(endpoints []*Endpoint) (report StopReport) {
	for _, e := range endpoints {
		sub := e.sub.Load()
		if sub == nil || !sub.IsValid() {
			continue
		}
		m := e.Metrics()
		report.Unfinished = append(report.Unfinished, UnfinishedEndpoint{Name: e.Name, Subject: e.Subject, InFlight: m.InFlight, Waiting: m.Waiting})
		e.end()
	}
	return report
}
