package micro_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/micro"
)

func unmarshal[T any](t *testing.T, data []byte) (v T) {
	t.Helper()
	must.Do(t, json.Unmarshal(data, &v))
	return v
}

// validationError is an error of a program's own that is sent as a ServiceError.
type validationError struct{ *micro.ServiceError }

func (e validationError) Unwrap() error { return e.ServiceError }

var errSecret = errors.New("the password is 1234")

// outcomes are what a Func does, and what its requester gets.
var outcomes = map[string]struct {
	do         func(ctx context.Context, r micro.Request) error
	data       string
	code, text string // of the error; empty for none
	kind       error
	hidden     error // what the ErrorHandler is told; nil for nothing
}{
	"nil": {do: func(context.Context, micro.Request) error { return nil }},
	"an answer": {data: "yes", do: func(_ context.Context, r micro.Request) error {
		return r.Respond([]byte("yes"))
	}},
	"a service error": {code: "404", text: "not here", kind: micro.ErrNotFound, do: func(context.Context, micro.Request) error {
		return micro.NewServiceErrorCode(404, "not here")
	}},
	"a symbol with data": {code: micro.CodeValidation, text: "age: too young", kind: micro.ErrBadRequest, data: "{}",
		do: func(context.Context, micro.Request) error {
			return &micro.ServiceError{Code: micro.CodeValidation, Description: "age: too young", Data: []byte("{}")}
		}},
	"wrapped": {code: "409", text: "taken", kind: micro.ErrConflict, do: func(context.Context, micro.Request) error {
		return errors.Join(errSecret, fmt.Errorf("while at it: %w", micro.NewServiceError("409", "taken")))
	}},
	"embedded": {code: micro.CodeValidation, text: "bad", kind: micro.ErrBadRequest, do: func(context.Context, micro.Request) error {
		return validationError{micro.NewServiceError(micro.CodeValidation, "bad")}
	}},
	"the last of several attempts": {code: "409", text: "taken", kind: micro.ErrConflict, do: func(context.Context, micro.Request) error {
		return fmt.Errorf("x: %w", &api.RetryError{Errs: []error{micro.NewServiceErrorCode(429, "full"), micro.NewServiceErrorCode(409, "taken")}, Cause: api.ErrNotRetryable})
	}},
	"the last of several attempts is late": {code: micro.CodeDeadlineExceeded, text: "the deadline has passed", kind: micro.ErrDeadlineExceeded,
		hidden: api.ErrRetryUnsafe, do: func(context.Context, micro.Request) error {
			return &api.RetryError{Errs: []error{micro.NewServiceErrorCode(429, "full"), context.DeadlineExceeded}, Cause: api.ErrRetryUnsafe}
		}},
	"by Request.Error": {code: "1", text: "own", kind: micro.ErrService, data: "d", do: func(_ context.Context, r micro.Request) error {
		return r.Error("1", "own", []byte("d"))
	}},
	"answered, then an error": {data: "yes", hidden: errSecret, do: func(_ context.Context, r micro.Request) error {
		return errors.Join(r.Respond([]byte("yes")), errSecret)
	}},
	"another error": {code: micro.CodeInternal, text: "internal error", kind: micro.ErrInternal, hidden: errSecret,
		do: func(context.Context, micro.Request) error { return fmt.Errorf("reading: %w", errSecret) }},
	"an invalid code": {code: micro.CodeInternal, text: "internal error", kind: micro.ErrInternal, hidden: micro.ErrService,
		do: func(context.Context, micro.Request) error { return micro.NewServiceError("a:b", "x") }},
	"a panic": {code: micro.CodeInternal, text: "internal error", kind: micro.ErrInternal, hidden: errSecret,
		do: func(context.Context, micro.Request) error { panic(errSecret) }},
	"the end of the goroutine": {code: micro.CodeInternal, text: "internal error", kind: micro.ErrInternal, hidden: errAny,
		do: func(context.Context, micro.Request) error { runtime.Goexit(); return nil }},
	"answered, then a panic": {data: "yes", hidden: errSecret, do: func(_ context.Context, r micro.Request) error {
		_ = r.Respond([]byte("yes"))
		panic(errSecret)
	}},
	"an answer that is too large": {code: micro.CodeInternal, text: "internal error", kind: micro.ErrInternal, hidden: api.ErrMaxPayload,
		do: func(_ context.Context, r micro.Request) error { return r.Respond(make([]byte, 2<<20)) }},
	"an error that is too large": {code: micro.CodeInternal, text: "the response could not be sent", kind: micro.ErrInternal,
		do: func(context.Context, micro.Request) error {
			return &micro.ServiceError{Code: "1", Description: "d", Data: make([]byte, 2<<20)}
		}},
	"no JSON": {code: micro.CodeInternal, text: "internal error", kind: micro.ErrInternal, hidden: micro.ErrMarshalResponse,
		do: func(_ context.Context, r micro.Request) error { return r.RespondJSON(func() {}) }},
	"in parts": {data: "1", do: func(_ context.Context, r micro.Request) error {
		return errors.Join(r.RespondPart([]byte("1")), r.RespondPart([]byte("2")))
	}},
	"a deadline of its own": {code: micro.CodeDeadlineExceeded, text: "the deadline has passed", kind: micro.ErrDeadlineExceeded, hidden: context.DeadlineExceeded,
		do: func(context.Context, micro.Request) error { return context.DeadlineExceeded }},
}

// errAny stands for one that has no kind here.
var errAny = errors.New("any")

// TestOutcomes: each request gets what its handler's return means, and the rest goes to the
// ErrorHandler alone.
func TestOutcomes(t *testing.T) {
	for name, c := range outcomes {
		t.Run(name, func(t *testing.T) {
			inBubble(t, micro.Config{}, func(p *place) {
				p.add("e", micro.Func(c.do), micro.WithEndpointSubject("e.*"))
				answer, err := p.ask("e.x", "", time.Minute)
				if c.code == "" {
					if err != nil || answer != c.data {
						t.Errorf("got %q, %v", answer, err)
					}
				} else {
					p.expectServiceError(err, &micro.ServiceError{Code: c.code, Description: c.text, Data: []byte(c.data)}, c.kind)
				}
				told := p.errors()
				switch {
				case c.hidden == nil && len(told) > 0, c.hidden != nil && len(told) != 1:
					t.Errorf("told %v", told)
				case c.hidden != nil && (told[0].Subject != "e.x" || c.hidden != errAny && !isOrSays(told[0], c.hidden)):
					t.Errorf("told %v, want %v", told[0], c.hidden)
				}
				if s, _ := p.stats("e"); s.NumRequests != 1 || (s.NumErrors == 1) != (c.code != "" || c.hidden != nil) || strings.Contains(s.LastError, "password") {
					t.Errorf("%+v", s)
				}
				p.add("f", echo)
				p.expectState("e", "serving", api.Well)
			})
		})
	}
}

// isOrSays finds a kind in an error, or what a handler panicked with.
func isOrSays(err, kind error) bool {
	return errors.Is(err, kind) || strings.Contains(err.Error(), kind.Error())
}

func (p *place) expectServiceError(err error, want *micro.ServiceError, kind error) {
	p.t.Helper()
	var se *micro.ServiceError
	if !errors.As(err, &se) {
		p.t.Errorf("got %v, want %v", err, want)
		return
	}
	if se.Code != want.Code || se.Description != want.Description || string(se.Data) != string(want.Data) || se.ServiceID != p.svc.Info().ID || se.Subject == "" {
		p.t.Errorf("got %+v", se)
	}
	for _, want := range []error{kind, micro.ErrService, &micro.ServiceError{Code: want.Code}} {
		if !errors.Is(err, want) {
			p.t.Errorf("%v is not %v", err, want)
		}
	}
}

// TestHandlersAnswerByThemselves: also later, and from elsewhere; what they could not send
// is answered for them.
func TestHandlersAnswerByThemselves(t *testing.T) {
	inBubble(t, micro.Config{}, func(p *place) {
		kept := make(chan micro.Request, 1)
		p.add("later", micro.HandlerFunc(func(r micro.Request) { kept <- r }))
		outcome := p.asking("later", "1", time.Hour)
		r := <-kept
		if s, m := p.stats("later"); s.NumRequests != 1 || m.InFlight != 0 {
			t.Errorf("%+v %+v", s, m)
		}
		time.Sleep(time.Minute)
		must.Do(t, r.Error("410", "gone", nil))
		if got := <-outcome; got != "410: gone" {
			t.Errorf("got %s", got)
		}
		if s, _ := p.stats("later"); s.NumErrors != 1 || s.LastError != "410:gone" {
			t.Errorf("%+v", s)
		}
		p.add("large", micro.HandlerFunc(func(r micro.Request) {
			if err := r.Respond(make([]byte, 2<<20)); !errors.Is(err, micro.ErrRespond) || !errors.Is(err, api.ErrMaxPayload) || api.MaybeSent(err) {
				t.Errorf("too large: %v", err)
			}
		}))
		_, err := p.ask("large", "", time.Minute)
		p.expectServiceError(err, micro.NewServiceError(micro.CodeInternal, "the response could not be sent"), micro.ErrInternal)
		p.expectErrors()
		p.add("nobody", micro.HandlerFunc(func(r micro.Request) {
			if err := r.Respond(nil); !errors.Is(err, micro.ErrRespond) || !errors.Is(err, api.ErrMsgNoReply) {
				t.Errorf("without a reply: %v", err)
			}
		}))
		must.Do(t, p.other.Publish("nobody", nil))
		must.Do(t, p.other.Flush())
		if s, _ := p.stats("nobody"); s.NumErrors != 1 {
			t.Errorf("%+v", s)
		}
		p.add("context", micro.ContextHandler(context.WithValue(p.t.Context(), errAny, "mine"), func(ctx context.Context, r micro.Request) {
			_ = r.Respond(fmt.Append(nil, ctx.Value(errAny)))
		}))
		if got := sprint(p.ask("context", "", time.Minute)); got != "mine" {
			t.Errorf("the context has %s", got)
		}
		func_ := micro.Func(func(_ context.Context, r micro.Request) error {
			switch string(r.Data()) {
			case "error":
				return errSecret
			case "answered":
				return r.Respond([]byte("yes"))
			}
			return nil
		})
		p.add("func", micro.HandlerFunc(func(r micro.Request) { func_.Handle(r) })) // as a handler of another's
		for data, want := range map[string]string{"": "", "answered": "yes", "error": "INTERNAL_ERROR: internal error"} {
			if got := sprint(p.ask("func", data, time.Minute)); got != want {
				t.Errorf("%q: %s", data, got)
			}
		}
		h := must.Get(p.other.Request("func", []byte("error"), time.Minute))(t).Header
		if h.Get(micro.ErrorCodeHeader) != "500" || h.Get(micro.SymbolHeader) != micro.CodeInternal {
			t.Errorf("as others see it: %v", h)
		}
	})
}

// TestPanicsDoNotEndAnEndpoint, unless its policy says so: then what waits is answered.
func TestPanicsDoNotEndAnEndpoint(t *testing.T) {
	inBubble(t, micro.Config{}, func(p *place) {
		p.add("e", micro.HandlerFunc(func(r micro.Request) { panic(r.Data()) }))
		for i := range 500 {
			if _, err := p.ask("e", fmt.Sprint(i), time.Minute); !errors.Is(err, micro.ErrInternal) {
				t.Fatalf("request %d: %v", i, err)
			}
		}
		if p.counter("e", "panics") != 500 || p.counter("e", "errors") != 500 {
			t.Errorf("%+v", p.node("e"))
		}
		p.expectState("e", "serving", api.Well)
		p.errors()
		gate := make(chan struct{})
		p.add("stops", micro.HandlerFunc(func(micro.Request) { <-gate; panic("no") }), micro.WithEndpointOnPanic(api.Stop))
		var asked []chan string
		for range 10 {
			asked = append(asked, p.asking("stops", "", time.Hour))
		}
		time.Sleep(time.Second)
		close(gate)
		outcomes := map[string]int{}
		for _, outcome := range asked {
			outcomes[<-outcome]++
		}
		if outcomes["INTERNAL_ERROR: internal error"] != 1 || outcomes["UNAVAILABLE: the endpoint stops"] != 9 {
			t.Errorf("%v", outcomes)
		}
		if told := p.errors(); len(told) != 2 {
			t.Errorf("told %v", told)
		}
		p.expectState("stops", "failed", api.Down)
		p.expectOnly("e", "serving")
		p.add("stops", echo) // in its place
		if got := sprint(p.ask("stops", "again", time.Minute)); got != "again" {
			t.Error(got)
		}
		p.expectOnly("stops", "serving")
	})
}

// expectOnly checks a state where others are not well.
func (p *place) expectOnly(name, state string) {
	p.t.Helper()
	if n := p.node(name); n.State != state {
		p.t.Errorf("%s is %s", name, n.State)
	}
}

// TestOtherDefaultsChangeNothing: without an OnPanic, panics do not end an endpoint, and they
// never end STATS.
func TestOtherDefaultsChangeNothing(t *testing.T) {
	for _, defaults := range []api.SubOption{api.PendingLimits(1000, -1), api.OnPanic(api.Stop)} {
		broken := func(*micro.Endpoint) any { panic(errSecret) }
		inBubble(t, micro.Config{StatsHandler: broken}, func(p *place) {
			p.add("e", echo)
			for i := range 300 {
				answer := must.Get(p.other.Request("$SRV.STATS.Test", nil, time.Minute))(t)
				if err := micro.ErrorOf(answer); !errors.Is(err, micro.ErrInternal) || strings.Contains(err.Error(), errSecret.Error()) {
					t.Fatalf("STATS %d: %v", i, err)
				}
			}
			if told := p.errors(); len(told) != 300 || !isOrSays(told[0], errSecret) || told[0].Subject != "$SRV.STATS.Test" {
				t.Errorf("told %d times", len(told))
			}
		}, api.SubscriptionDefaults(defaults))
	}
	inBubble(t, micro.Config{}, func(p *place) {
		p.add("e", micro.HandlerFunc(func(micro.Request) { panic("no") }))
		for i := range 300 {
			if _, err := p.ask("e", "", time.Minute); !errors.Is(err, micro.ErrInternal) {
				t.Fatalf("request %d: %v", i, err)
			}
		}
		p.errors()
	}, api.SubscriptionDefaults(api.PendingLimits(1000, -1)))
}

// TestSubscriptionDefaultsAreHonoured: another OnPanic among them applies.
func TestSubscriptionDefaultsAreHonoured(t *testing.T) {
	inBubble(t, micro.Config{}, func(p *place) {
		p.add("e", micro.HandlerFunc(func(micro.Request) { panic("no") }))
		if _, err := p.ask("e", "", time.Minute); !errors.Is(err, micro.ErrInternal) {
			t.Error(err)
		}
		p.expectState("e", "failed", api.Down)
	}, api.SubscriptionDefaults(api.OnPanic(api.Stop)))
}
