package micro_test

import (
	"context"
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/errortest"
	"github.com/troupe-go/troupe/micro"
)

// TestErrorService: what a handler says is what the requester gets; what it does not say
// stays with it; and where nobody is, nothing has been said.
func TestErrorService(t *testing.T) {
	inBubble(t, micro.Config{}, func(p *place) {
		p.add("said", micro.HandlerFunc(func(r micro.Request) { _ = r.Error("VALIDATION_ERROR", "name: is empty", []byte("more")) }))
		p.add("returned", micro.Func(func(context.Context, micro.Request) error {
			return fmt.Errorf("while at it: %w", micro.NewServiceError("VALIDATION_ERROR", "name: is empty"))
		}))
		p.add("plain", micro.Func(func(context.Context, micro.Request) error { return errors.New("the password is 1234") }))
		p.add("panic", micro.HandlerFunc(func(micro.Request) { panic("the password is 1234") }))
		for _, subject := range []string{"said", "returned"} {
			_, err := p.ask(subject, "", time.Second)
			errortest.Says(err, api.CategoryInput, "sent", micro.ErrBadRequest, micro.ErrService, &micro.ServiceError{Code: "VALIDATION_ERROR"}).Check(p.t)
			if e, ok := errors.AsType[*micro.ServiceError](err); !ok || e.Description != "name: is empty" {
				p.t.Errorf("%s: %v", subject, err)
			}
		}
		for _, subject := range []string{"plain", "panic"} {
			_, err := p.ask(subject, "", time.Second)
			errortest.Says(err, api.CategoryServer, "sent", micro.ErrInternal, micro.ErrService).Check(p.t)
			if e, ok := errors.AsType[*micro.ServiceError](err); !ok || e.Code != micro.CodeInternal || e.Description != "internal error" {
				p.t.Errorf("%s: %#v", subject, err)
			}
		}
		_, err := p.ask("nobody", "", time.Second)
		errortest.Says(err, api.CategoryUnavailable, "retry", api.ErrNoResponders).Check(p.t)
		if errors.Is(err, micro.ErrService) {
			p.t.Errorf("nobody said %v", err)
		}
	})
}
