package micro

import (
	"context"
	"encoding/json"
	"fmt"
	"sync/atomic"

	"github.com/troupe-go/troupe/api"
)

// Handler answers requests of an endpoint, one at a time unless the endpoint is concurrent. It
// may keep a request and answer it later. A Func cannot forget to answer.
type Handler interface {
	// Handle is called with each request.
	Handle(Request)
}

// HandlerFunc is a function that is a Handler.
type HandlerFunc func(Request)

// Handle calls fn.
func (fn HandlerFunc) Handle(req Request) { fn(req) }

// ContextHandler makes a Handler of a function with a context. The context is ctx for every
// request; a Func gets that of the request.
func ContextHandler(ctx context.Context, handler func(context.Context, Request)) Handler {
	if handler == nil {
		return HandlerFunc(nil) // which AddEndpoint refuses
	}
	return HandlerFunc(func(req Request) { handler(ctx, req) })
}

// Func is a Handler whose return value is the outcome of the request: a *ServiceError anywhere
// in the tree of the error is sent; for any other error the requester gets a 500 without its
// text; after nil without a response, an empty response is sent. So every request is answered.
//
// ctx is cancelled when the endpoint has ended, when OnBlocked of the endpoint abandons the
// call, and when the connection closes. It has the deadline that the requester set.
type Func func(ctx context.Context, req Request) error

// Handle calls f, and answers with what it returns. An endpoint does the same, and also reports
// the error.
func (f Func) Handle(req Request) {
	var err error
	if err = f(req.Context(), req); err == nil {
		_ = req.Respond(nil) // ErrAlreadyResponded is expected
		return
	}
	se, _ := outcomeOf(req.Context(), err)
	if r := inner(req); r != nil {
		r.refuse(se) // with number and symbol, for a request of an endpoint
		return
	}
	_ = req.Error(se.Code, se.Description, se.Data, WithHeaders(Headers(se.Header)))
}

// inner returns the request inside one that a handler got; nil for a Request that the program
// implements.
func inner(req Request) *request {
	switch r := req.(type) {
	case *request:
		return r
	case inContext:
		return inner(r.Request)
	}
	return nil
}

// Request is a request to an endpoint. It may be kept, and is safe for concurrent use.
type Request interface {
	// Respond answers the request. Errors: ErrAlreadyResponded; an ErrRespond, which wraps
	// api.ErrMsgNoReply for a request without a reply subject, or an error of Publish; after it
	// the request is still unanswered.
	Respond([]byte, ...RespondOpt) error
	// RespondJSON answers with v as JSON. Errors: ErrMarshalResponse; those of Respond.
	RespondJSON(v any, opts ...RespondOpt) error
	// RespondPart sends one of several replies; Respond or Error sends the last. A part without
	// data has PartHeader, so that LastPart recognizes it. Errors: those of Respond.
	RespondPart([]byte, ...RespondOpt) error
	// Error answers with an error, which counts among those of the endpoint. Line breaks in the
	// description become blanks. Errors: ErrArgRequired without a code or description;
	// ErrInvalidCode; those of Respond.
	Error(code, description string, data []byte, opts ...RespondOpt) error
	// Context returns the context of the call: see Func.
	Context() context.Context
	// Data returns the data of the request, which the handler may keep.
	Data() []byte
	// Headers returns the header of the request; nil without one.
	Headers() Headers
	// Subject returns the subject of the request; if the endpoint's subject has wildcards, it
	// differs from that.
	Subject() string
	// Reply returns the reply subject; empty if the requester does not wait for an answer.
	Reply() string
}

// Headers is the header of a request or a response. Names of fields are case-sensitive.
type Headers api.Header

// Get returns the first value of a field; empty without one.
func (h Headers) Get(key string) string { return api.Header(h).Get(key) }

// Values returns all values of a field.
func (h Headers) Values(key string) []string { return api.Header(h).Values(key) }

// RespondOpt changes a response before it is sent. A nil one is skipped.
type RespondOpt func(*api.Msg)

// PartHeader marks a reply of RespondPart that has no data, which would otherwise end the
// replies. Clients that do not know this header take the reply for the end.
const PartHeader = "Troupe-Service-Part"

// WithHeaders sets fields of the header of a response. headers is copied.
func WithHeaders(headers Headers) RespondOpt {
	return func(m *api.Msg) {
		if m.Header == nil && len(headers) > 0 {
			m.Header = make(api.Header, len(headers)+2)
		}
		for key, values := range headers {
			m.Header[key] = append([]string(nil), values...)
		}
	}
}

// request implements Request.
type request struct {
	ctx      context.Context
	msg      *api.Msg
	endpoint *Endpoint // nil for PING, INFO and STATS

	answered atomic.Bool
	handled  atomic.Bool           // a Handler has it, and may keep it
	trouble  atomic.Pointer[error] // why it counts as an error; the first only
}

// Respond implements Request.
func (r *request) Respond(data []byte, opts ...RespondOpt) error {
	if len(opts) == 0 {
		return r.last(func() error { return r.msg.Respond(data) })
	}
	m := &api.Msg{Data: data}
	apply(m, opts)
	return r.last(func() error { return r.msg.RespondMsg(m) })
}

func apply(m *api.Msg, opts []RespondOpt) {
	for _, opt := range opts {
		if opt != nil {
			opt(m)
		}
	}
}

// last sends the final answer, unless there is one.
func (r *request) last(send func() error) error {
	if !r.answered.CompareAndSwap(false, true) {
		return ErrAlreadyResponded
	}
	if err := send(); err != nil {
		r.answered.Store(false)
		return r.failed(&respondError{err})
	}
	return nil
}

// failed notes why the request counts as an error, and returns it.
func (r *request) failed(err error) error {
	if r.trouble.CompareAndSwap(nil, &err) && r.endpoint != nil {
		r.endpoint.counts.failed(lastError(err, r.endpoint.service.config.NumericCodes))
	}
	return err
}

// RespondJSON implements Request.
func (r *request) RespondJSON(v any, opts ...RespondOpt) error {
	data, err := json.Marshal(v)
	if err != nil {
		return r.failed(fmt.Errorf("%w: %w", ErrMarshalResponse, err))
	}
	return r.Respond(data, opts...)
}

// RespondPart implements Request.
func (r *request) RespondPart(data []byte, opts ...RespondOpt) error {
	if r.answered.Load() {
		return ErrAlreadyResponded
	}
	m := &api.Msg{Data: data}
	apply(m, opts)
	if len(m.Data) == 0 {
		WithHeaders(Headers{PartHeader: {"true"}})(m)
	}
	if err := r.msg.RespondMsg(m); err != nil {
		return r.failed(&respondError{err})
	}
	return nil
}

// Error implements Request.
func (r *request) Error(code, description string, data []byte, opts ...RespondOpt) error {
	se := &ServiceError{Code: code, Description: description, Data: data}
	if err := se.Validate(); err != nil {
		return err
	}
	return r.sendError(se, opts)
}

// sendError answers with an error that is valid.
func (r *request) sendError(se *ServiceError, opts []RespondOpt) error {
	m := &api.Msg{}
	apply(m, opts)
	m.Data = se.Data
	se.write(m, r.endpoint)
	if err := r.last(func() error { return r.msg.RespondMsg(m) }); err != nil {
		return err
	}
	_ = r.failed(se)
	return nil
}

// Context implements Request.
func (r *request) Context() context.Context { return r.ctx }

// Data implements Request.
func (r *request) Data() []byte { return r.msg.Data }

// Headers implements Request.
func (r *request) Headers() Headers { return Headers(r.msg.Header) }

// Subject implements Request.
func (r *request) Subject() string { return r.msg.Subject }

// Reply implements Request.
func (r *request) Reply() string { return r.msg.Reply }
