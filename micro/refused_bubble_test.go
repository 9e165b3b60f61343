package micro_test

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/micro"
)

// TestHandlersCannotRefuse: whatever a handler answers with, something may have been done, and
// nobody else is asked for it.
func TestHandlersCannotRefuse(t *testing.T) {
	mark := api.Header{micro.RefusedHeader: {"true"}}
	for name, answer := range map[string]micro.Func{
		"503": func(context.Context, micro.Request) error { return micro.NewServiceErrorCode(503, "no") },
		"429": func(context.Context, micro.Request) error { return micro.NewServiceErrorCode(429, "no") },
		"a symbol": func(context.Context, micro.Request) error {
			return micro.NewServiceError(micro.CodeOverloaded, "no")
		},
		"expired": func(context.Context, micro.Request) error {
			return micro.NewServiceError(micro.CodeExpired, "the voucher")
		},
		"marked": func(context.Context, micro.Request) error {
			return &micro.ServiceError{Code: "503", Description: "no", Header: mark}
		},
		"marked by an option": func(_ context.Context, r micro.Request) error {
			return r.Error(micro.CodeUnavailable, "no", nil, micro.WithHeaders(micro.Headers(mark)))
		},
	} {
		t.Run(name, func(t *testing.T) {
			inBubble(t, micro.Config{}, func(p *place) {
				var calls atomic.Int32
				for range 5 {
					svc := must.Get(micro.AddService(p.nc, micro.Config{Name: "Fleet", Version: "1.0.0"}))(t)
					must.Do(t, svc.AddEndpoint("e", micro.Func(func(ctx context.Context, r micro.Request) error {
						calls.Add(1)
						return answer(ctx, r)
					}), micro.WithEndpointDirect()))
				}
				must.Do(t, p.nc.Flush())
				expect := func(how string, err error) {
					t.Helper()
					if calls.Swap(0) != 1 || !errors.Is(err, micro.ErrService) || !api.MaybeSent(err) {
						t.Errorf("%s: %v, sent %v", how, err, api.MaybeSent(err))
					}
				}
				_, err := p.ask("e", "", time.Minute)
				expect("asked", err)
				_, err = p.ask("e", "", time.Minute, micro.Hedge(time.Second, 3))
				expect("hedged", err)
				_, err = p.client.RequestLeastLoaded(must.Within(p.t, time.Minute), micro.Target{Service: "Fleet", Endpoint: "e"}, nil)
				expect("the least loaded", err)
			})
		})
	}
}

// TestRefusalsArePassedOnAsAnswers: that another service has done nothing says nothing of
// the handler that asked it.
func TestRefusalsArePassedOnAsAnswers(t *testing.T) {
	inBubble(t, micro.Config{}, func(p *place) {
		gate := make(chan struct{})
		p.add("full", micro.HandlerFunc(func(r micro.Request) { <-gate; _ = r.Respond(nil) }), micro.WithEndpointPendingLimits(1, -1))
		inside := must.Get(micro.NewClient(p.nc))(t)
		var calls atomic.Int32
		p.add("asks", micro.Func(func(ctx context.Context, r micro.Request) error {
			calls.Add(1)
			_, err := inside.Request(ctx, "full", nil)
			if !errors.Is(err, micro.ErrOverloaded) || api.MaybeSent(err) {
				t.Errorf("inside: %v, sent %v", err, api.MaybeSent(err))
			}
			return fmt.Errorf("asking: %w", err)
		}))
		first := p.asking("full", "", time.Hour)
		synctest.Wait()
		_, err := api.Retry(p.t.Context(), p.other, api.RetryPolicy{}, func(ctx context.Context) (*api.Msg, error) {
			return p.client.Request(ctx, "asks", nil)
		})
		if calls.Load() != 1 || !errors.Is(err, micro.ErrOverloaded) || !errors.Is(err, api.ErrRetryUnsafe) {
			t.Errorf("%d calls: %v", calls.Load(), err)
		}
		close(gate)
		<-first
	})
}
