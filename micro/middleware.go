package micro

import "context"

// Middleware wraps a handler in another: it sees the request and what next returns, and may
// answer itself. The context that it passes to next is that of the handler, also if the handler
// reads it from Request.Context. next also returns the *ServiceError that a Handler other than a
// Func sends with Request.Error. If next is not called, the return value is the outcome of the
// request, as that of a Func.
type Middleware func(next Func) Func

func checkMiddleware(all []Middleware) error {
	for _, m := range all {
		if m == nil {
			return &ConfigError{Field: "middleware", Reason: "is nil", Err: ErrHandlerRequired}
		}
	}
	return nil
}

// chain returns handler wrapped in all of middleware, the first outermost, and whether its
// return value is the outcome of a request.
func chain(handler Handler, middleware []Middleware) (serve Func, answers bool, err error) {
	serve, answers = handler.(Func)
	if handler == nil || answers && serve == nil {
		return nil, false, errNoHandler()
	}
	if f, ok := handler.(HandlerFunc); ok && f == nil {
		return nil, false, errNoHandler()
	}
	switch {
	case !answers:
		serve = sent(handler)
	case len(middleware) > 0:
		f := serve
		serve = func(ctx context.Context, req Request) error { return f(ctx, within(ctx, req)) }
	}
	for i := len(middleware) - 1; i >= 0; i-- {
		if serve = middleware[i](serve); serve == nil {
			return nil, false, &ConfigError{Field: "middleware", Reason: "returned no handler", Err: ErrHandlerRequired}
		}
	}
	if !answers && len(middleware) > 0 {
		around := serve
		serve = func(ctx context.Context, req Request) error {
			return around(context.WithValue(ctx, requestKey{}, req), req)
		}
	}
	return serve, answers, nil
}

// requestKey is the context key of the request, for a handler in middleware that wraps the
// request.
type requestKey struct{}

// inContext is a request with another context.
type inContext struct {
	Request
	ctx context.Context
}

// Context implements Request.
func (r inContext) Context() context.Context { return r.ctx }

// within returns the request with that context.
func within(ctx context.Context, req Request) Request {
	if req.Context() == ctx {
		return req
	}
	return inContext{req, ctx}
}

func errNoHandler() error {
	return &ConfigError{Field: "handler", Reason: "is nil", Err: ErrHandlerRequired}
}

// sent makes a Func of a handler that answers itself.
func sent(handler Handler) Func {
	return func(ctx context.Context, req Request) error {
		r := inner(req)
		if r == nil {
			r, _ = ctx.Value(requestKey{}).(*request)
		}
		if r == nil { // middleware has replaced both
			handler.Handle(within(ctx, req))
			return nil
		}
		r.handled.Store(true)
		handler.Handle(within(ctx, req))
		if trouble := r.trouble.Load(); trouble != nil {
			if se, sent := (*trouble).(*ServiceError); sent {
				return se
			}
		}
		return nil
	}
}
