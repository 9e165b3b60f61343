package micro_test

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/micro"
)

// wrapped is a request as middleware hands it on.
type wrapped struct{ micro.Request }

// TestMiddlewareBeforeHandlers: a Handler that is not a Func gets the context of the middleware,
// and may keep the request, whatever it is wrapped in; one that is not called has not to answer.
func TestMiddlewareBeforeHandlers(t *testing.T) {
	type user struct{}
	of := func(next micro.Func) micro.Func {
		return func(ctx context.Context, r micro.Request) error {
			switch string(r.Data()) {
			case "nobody":
				return nil
			case "wrapped":
				r = wrapped{r}
			}
			return next(context.WithValue(ctx, user{}, "ann"), r)
		}
	}
	inBubble(t, micro.Config{Middleware: []micro.Middleware{of}}, func(p *place) {
		kept := make(chan micro.Request, 1)
		p.add("later", micro.HandlerFunc(func(r micro.Request) { kept <- r }))
		p.add("func", micro.Func(func(ctx context.Context, r micro.Request) error {
			return r.Respond(fmt.Append(nil, ctx.Value(user{}), r.Context().Value(user{})))
		}))
		if got := sprint(p.ask("func", "", time.Minute)); got != "annann" {
			t.Errorf("func: %s", got)
		}
		for _, data := range []string{"", "wrapped"} {
			outcome := p.asking("later", data, time.Hour)
			time.Sleep(time.Minute)
			select {
			case got := <-outcome:
				t.Fatalf("%q: answered %q", data, got)
			case r := <-kept:
				must.Do(t, r.Respond(fmt.Append(nil, r.Context().Value(user{}))))
			}
			if got := <-outcome; got != "ann" {
				t.Errorf("%q: %s", data, got)
			}
		}
		if got := sprint(p.ask("later", "nobody", time.Minute)); got != "" {
			t.Errorf("nobody: %s", got)
		}
	})
}

// TestMiddleware: around each other in order, with what handlers return.
func TestMiddleware(t *testing.T) {
	seen := make(chan string, 100)
	noting := func(name string) micro.Middleware {
		return func(next micro.Func) micro.Func {
			return func(ctx context.Context, r micro.Request) error {
				err := next(ctx, r)
				seen <- fmt.Sprint(name, ":", err)
				return err
			}
		}
	}
	guard := func(next micro.Func) micro.Func { // answers by itself
		return func(ctx context.Context, r micro.Request) error {
			if r.Headers().Get("User") == "" {
				return micro.NewServiceError(micro.CodeUnauthorized, "who are you?")
			}
			return next(ctx, r)
		}
	}
	broken := func(micro.Func) micro.Func { return nil }
	inBubble(t, micro.Config{Middleware: []micro.Middleware{noting("service")}}, func(p *place) {
		g := p.svc.AddGroup("g", micro.WithGroupMiddleware(noting("group"))).AddGroup("h", micro.WithGroupMiddleware(noting("inner"), guard))
		must.Do(t, g.AddEndpoint("e", micro.HandlerFunc(func(r micro.Request) {
			if string(r.Data()) == "fail" {
				_ = r.Error("404", "no", nil)
				return
			}
			_ = r.Respond(r.Data())
		}), micro.WithEndpointMiddleware(noting("endpoint"))))
		must.Do(t, p.nc.Flush())
		ask := func(data, user string) string {
			m := &api.Msg{Subject: "g.h.e", Data: []byte(data), Header: api.Header{}}
			if user != "" {
				m.Header.Set("User", user)
			}
			return sprint(text(p.client.RequestMsg(must.Within(p.t, time.Minute), m)))
		}
		for _, c := range []struct{ data, user, want, seen string }{
			{"x", "", "UNAUTHORIZED: who are you?", "inner group service"},
			{"x", "me", "x", "endpoint inner group service"},
			{"fail", "me", "404: no", "endpoint inner group service"},
		} {
			if got := ask(c.data, c.user); got != c.want {
				t.Errorf("%+v: %s", c, got)
			}
			outcome := "<nil>"
			if c.want != c.data {
				outcome = c.want
			}
			for name := range strings.FieldsSeq(c.seen) {
				if got := <-seen; got != name+":"+outcome {
					t.Errorf("%+v: seen %s", c, got)
				}
			}
		}
		p.expectErrors()
		for _, m := range []micro.Middleware{nil, broken} {
			if err := p.svc.AddEndpoint("bad", echo, micro.WithEndpointMiddleware(m)); !errors.Is(err, micro.ErrHandlerRequired) {
				t.Errorf("%v", err)
			}
		}
		if err := p.svc.AddGroup("bad", micro.WithGroupMiddleware(nil)).AddEndpoint("bad", echo); !errors.Is(err, micro.ErrHandlerRequired) {
			t.Errorf("%v", err)
		}
	})
}

// TestNumericCodes: symbols become numbers by the program's table, then by ours, and the
// client has them back.
func TestNumericCodes(t *testing.T) {
	codes := map[string]struct{ sent, back string }{
		"OUT_OF_STOCK":        {"409", "OUT_OF_STOCK"},
		micro.CodeValidation:  {"400", micro.CodeValidation},
		micro.CodeRateLimited: {"430", micro.CodeRateLimited},
		"UNKNOWN":             {"500", "UNKNOWN"},
		"404":                 {"404", "404"},
	}
	failing := micro.Func(func(_ context.Context, r micro.Request) error { return micro.NewServiceError(string(r.Data()), "d") })
	inBubble(t, micro.Config{NumericCodes: map[string]int{"OUT_OF_STOCK": 409, micro.CodeRateLimited: 430}}, func(p *place) {
		p.add("e", failing)
		for code, want := range codes {
			m := must.Get(p.other.Request("e", []byte(code), time.Minute))(t)
			if got := m.Header.Get(micro.ErrorCodeHeader); got != want.sent {
				t.Errorf("%s is sent as %s", code, got)
			}
			var se *micro.ServiceError
			if !errors.As(micro.ErrorOf(m), &se) || se.Code != want.back {
				t.Errorf("%s comes as %+v", code, se)
			}
			if n, _ := se.NumericCode(); fmt.Sprint(n) != want.sent {
				t.Errorf("%s is the number %d", code, n)
			}
			if s, _ := p.stats("e"); s.LastError != want.sent+":d" {
				t.Errorf("stats say %s", s.LastError)
			}
		}
	})
	inBubble(t, micro.Config{}, func(p *place) { // as they are, without a table
		p.add("e", failing)
		for code := range codes {
			m := must.Get(p.other.Request("e", []byte(code), time.Minute))(t)
			if m.Header.Get(micro.ErrorCodeHeader) != code || m.Header.Get(micro.SymbolHeader) != "" {
				t.Errorf("%s is sent as %v", code, m.Header)
			}
		}
	})
}
