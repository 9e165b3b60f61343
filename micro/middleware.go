package micro

import "context"

// Middleware makes a handler of another: it is around it, sees what it is asked and what it
// returns, and may answer by itself. A *ServiceError that a Handler other than a Func sends
// with Request.Error is returned from it, too, unless the request was wrapped.
type Middleware func(next Func) Func

func checkMiddleware(all []Middleware) error {
	for _, m := range all {
		if m == nil {
			return &ConfigError{Field: "middleware", Reason: "is nil", Err: ErrHandlerRequired}
		}
	}
	return nil
}

// chain returns handler within all of middleware, the first outermost, and whether its
// return is the outcome of a request.
func chain(handler Handler, middleware []Middleware) (serve Func, answers bool, err error) {
	serve, answers = handler.(Func)
	if handler == nil || answers && serve == nil {
		return nil, false, errNoHandler()
	}
	if f, ok := handler.(HandlerFunc); ok && f == nil {
		return nil, false, errNoHandler()
	}
	if !answers {
		serve = sent(handler)
	}
	for i := len(middleware) - 1; i >= 0; i-- {
		if serve = middleware[i](serve); serve == nil {
			return nil, false, &ConfigError{Field: "middleware", Reason: "returned no handler", Err: ErrHandlerRequired}
		}
	}
	return serve, answers, nil
}

func errNoHandler() error {
	return &ConfigError{Field: "handler", Reason: "is nil", Err: ErrHandlerRequired}
}

// sent makes a Func of a handler that answers by itself.
func sent(handler Handler) Func {
	return func(_ context.Context, req Request) error {
		handler.Handle(req)
		r, ok := req.(*request)
		if !ok {
			return nil
		}
		if trouble := r.trouble.Load(); trouble != nil {
			if se, sent := (*trouble).(*ServiceError); sent {
				return se
			}
		}
		return nil
	}
}
