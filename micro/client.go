package micro

import (
	"context"
	"errors"
	"iter"
	"maps"
	"strings"
	"time"

	"github.com/troupe-go/troupe/api"
)

// Client calls and finds services, whichever client library they use. It is safe for concurrent
// use, and need not be closed.
type Client struct {
	nc     *api.Conn
	prefix string
	stall  time.Duration
	skewed skewed // see unexpired
	loads  loads
}

// ClientOpt is an option of NewClient. A nil one is skipped.
type ClientOpt func(*Client) error

// WithAPIPrefix makes the client find services below a prefix other than APIPrefix, such as that
// of an import from another account. Errors: ErrInvalidSubject.
func WithAPIPrefix(prefix string) ClientOpt {
	return func(c *Client) error {
		c.prefix = prefix
		if prefix == "" {
			c.prefix = APIPrefix
		}
		return checkPrefix(prefix)
	}
}

// DefaultStall is how long discovery waits for one more answer.
const DefaultStall = 500 * time.Millisecond

// WithStall sets how long discovery waits for one more answer. Default: DefaultStall. Errors:
// ErrConfigValidation unless positive.
func WithStall(stall time.Duration) ClientOpt {
	return func(c *Client) error {
		if stall <= 0 {
			return &ConfigError{Field: "stall", Value: stall.String(), Reason: "is not above zero", Err: ErrConfigValidation}
		}
		c.stall = stall
		return nil
	}
}

// NewClient returns a client on a connection. Errors: api.ErrInvalidConnection; those of the
// options.
func NewClient(nc *api.Conn, opts ...ClientOpt) (*Client, error) {
	if nc == nil {
		return nil, api.ErrInvalidConnection
	}
	c := &Client{nc: nc, prefix: APIPrefix, stall: DefaultStall}
	for _, opt := range opts {
		if opt == nil {
			continue
		}
		if err := opt(c); err != nil {
			return nil, err
		}
	}
	return c, nil
}

// RequestOpt is an option of one request. A nil one is skipped.
type RequestOpt func(*requestOpts) error

// requestOpts collects the options of one request.
type requestOpts struct {
	hedges int           // most further requests
	after  time.Duration // time without an answer
}

// Request sends a request to an endpoint and returns its answer. It waits until ctx is done; if
// ctx has no deadline, for Options.Timeout (2 s) of the connection. The request carries the
// deadline in DeadlineHeader, unless the server does not support headers.
//
// An answer that is an error is returned as a *ServiceError. Other errors are those of the
// connection's RequestMsgWithContext, such as api.ErrNoResponders if there is no instance,
// api.ErrTimeout, api.ErrDisconnected, context.Canceled.
func (c *Client) Request(ctx context.Context, subject string, data []byte, opts ...RequestOpt) (*api.Msg, error) {
	return c.RequestMsg(ctx, &api.Msg{Subject: subject, Data: data}, opts...)
}

// RequestMsg is Request for a message with a header. m is not changed, and its Reply is ignored.
func (c *Client) RequestMsg(ctx context.Context, m *api.Msg, opts ...RequestOpt) (*api.Msg, error) {
	switch {
	case ctx == nil:
		return nil, api.ErrInvalidContext
	case m == nil:
		return nil, api.ErrInvalidMsg
	}
	var o requestOpts
	for _, opt := range opts {
		if opt == nil {
			continue
		}
		if err := opt(&o); err != nil {
			return nil, err
		}
	}
	if _, ok := ctx.Deadline(); !ok {
		bounded, cancel := context.WithTimeout(ctx, c.nc.Opts.Timeout)
		defer cancel()
		ctx = bounded
	}
	if o.hedges > 0 {
		return c.hedged(ctx, m, o)
	}
	return c.unexpired(ctx, m)
}

// unexpired sends a request, and again without a deadline if the endpoint considers it expired
// too early: the clocks differ, and nothing was done.
func (c *Client) unexpired(ctx context.Context, m *api.Msg) (*api.Msg, error) {
	if c.skewed.is(m.Subject, time.Now()) {
		return c.once(ctx, m)
	}
	answer, err := c.once(ctx, c.dated(ctx, m))
	if !errors.Is(err, ErrExpired) || ctx.Err() != nil {
		return answer, err
	}
	c.skewed.note(m.Subject, time.Now())
	return c.once(ctx, m)
}

// dated returns the message with the deadline of ctx in its header.
func (c *Client) dated(ctx context.Context, m *api.Msg) *api.Msg {
	at, ok := ctx.Deadline()
	if !ok || !c.nc.HeadersSupported() {
		return m
	}
	header := make(api.Header, len(m.Header)+1)
	maps.Copy(header, m.Header)
	header.Set(DeadlineHeader, at.UTC().Format(time.RFC3339Nano))
	return &api.Msg{Subject: m.Subject, Header: header, Data: m.Data}
}

// once sends a request, and returns an answer that is an error as an error.
func (c *Client) once(ctx context.Context, m *api.Msg) (*api.Msg, error) {
	answer, err := c.nc.RequestMsgWithContext(ctx, m)
	if err != nil {
		return nil, err
	}
	if se := serviceErrorOf(answer, m.Subject); se != nil {
		return nil, se
	}
	return answer, nil
}

// RequestMany sends a request and yields the answers as they come: those of an endpoint that
// sends several with RespondPart, or of all instances if there is no queue group. It is the
// connection's RequestMany, except that an answer that is an error is yielded as a *ServiceError
// and the sequence continues after it. With api.RequestManySentinel(micro.LastPart) it ends with
// the last reply of RespondPart.
//
// The request carries the deadline of ctx, as in Request. It is not sent again: if an instance
// considers it expired too early, that answer is yielded, and for a minute requests to the
// subject carry no deadline.
func (c *Client) RequestMany(ctx context.Context, subject string, data []byte, opts ...api.RequestManyOption) iter.Seq2[*api.Msg, error] {
	return c.RequestManyMsg(ctx, &api.Msg{Subject: subject, Data: data}, opts...)
}

// RequestManyMsg is RequestMany for a message with a header. m is not changed, and its Reply is
// ignored.
func (c *Client) RequestManyMsg(ctx context.Context, m *api.Msg, opts ...api.RequestManyOption) iter.Seq2[*api.Msg, error] {
	return func(yield func(*api.Msg, error) bool) {
		asked := m
		if ctx != nil && m != nil && !c.skewed.is(m.Subject, time.Now()) {
			asked = c.dated(ctx, m)
		}
		for answer, err := range c.nc.RequestManyMsg(ctx, asked, opts...) {
			if err == nil {
				if se := serviceErrorOf(answer, m.Subject); se != nil {
					answer, err = nil, se
				}
			}
			if errors.Is(err, ErrExpired) && ctx.Err() == nil {
				c.skewed.note(m.Subject, time.Now())
			}
			if !yield(answer, err) {
				return
			}
		}
	}
}

// LastPart reports whether a reply is the last one, for api.RequestManySentinel: it has no data,
// is not a part sent with RespondPart, and is not an error.
func LastPart(m *api.Msg) bool {
	return api.DefaultSentinel(m) && m.Header.Get(PartHeader) == "" && serviceErrorOf(m, "") == nil
}

// ErrorOf returns an answer as a *ServiceError, or nil if it is not an error. It is for answers
// to requests that were not made with a Client.
func ErrorOf(answer *api.Msg) error {
	if se := serviceErrorOf(answer, ""); se != nil {
		return se
	}
	return nil
}

// serviceErrorOf reads an answer: it is an error if it has either header field, in any case.
func serviceErrorOf(m *api.Msg, subject string) *ServiceError {
	if m == nil || len(m.Header) == 0 {
		return nil
	}
	description, described := field(m.Header, ErrorHeader)
	code, coded := field(m.Header, ErrorCodeHeader)
	if !described && !coded {
		return nil
	}
	if code == "" {
		code = "500"
	}
	if description == "" {
		description = code
	}
	se := &ServiceError{Code: code, Description: description, Data: m.Data, Header: m.Header, Subject: subject}
	se.ServiceID, _ = field(m.Header, InstanceHeader)
	se.refused = se.ServiceID != "" && m.Header.Get(RefusedHeader) != ""
	if symbol, ok := field(m.Header, SymbolHeader); ok && symbol != "" {
		if n, numeric := se.NumericCode(); numeric {
			se.Code, se.number = symbol, n
		}
	}
	return se
}

// field returns the first value of a header field. A field with exactly that name is preferred
// to one whose name differs in case.
func field(h api.Header, name string) (value string, found bool) {
	if values := h[name]; len(values) > 0 {
		return values[0], true
	}
	for key, values := range h {
		if len(values) > 0 && strings.EqualFold(key, name) {
			return values[0], true
		}
	}
	return "", false
}
