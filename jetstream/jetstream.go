package jetstream

import (
	"context"
	"strings"
	"time"

	"github.com/troupe-go/troupe/api"
)

const (
	// DefaultAPIPrefix is the prefix of the subjects of the JetStream API.
	DefaultAPIPrefix = "$JS.API."

	// defaultTimeout is how long a call without a deadline in its context may take.
	defaultTimeout = 5 * time.Second
)

// JetStream is the entry point to JetStream on one connection. Create it with New; it is safe for
// concurrent use and ends with its connection. It is an interface so that a program's tests can
// replace it.
type JetStream interface {
	// Conn returns the connection that it uses.
	Conn() *api.Conn
	// Options returns a copy of the options in use.
	Options() JetStreamOptions
	// AccountInfo requests the account's usage and limits of JetStream. Errors:
	// ErrJetStreamNotEnabled; ErrJetStreamNotEnabledForAccount; ErrClusterNotAvailable.
	AccountInfo(ctx context.Context) (*AccountInfo, error)

	StreamManager
	StreamConsumerManager
	Publisher
	AdvisoryReader
	Ensurer
}

// JetStreamOptions are what the options of New have set.
type JetStreamOptions struct {
	// APIPrefix is the prefix of the subjects of API calls, if it is not the default: that of an
	// import, or of a domain.
	APIPrefix string
	// Domain is the JetStream domain that calls go to; empty for the one of the account.
	Domain string
	// DefaultTimeout is how long a call without a deadline in its context may take. 5 s.
	DefaultTimeout time.Duration
	// ClientTrace is called around API calls; nil for nothing.
	ClientTrace *ClientTrace
	// Pedantic makes servers refuse a config that they would adjust. Default: no.
	Pedantic bool

	publisher publisherOptions
}

// ClientTrace are hooks around API calls. Either may be nil. They run on the
// goroutine of the call, must not block, and must not keep or change what they get.
type ClientTrace struct {
	// RequestSent is called before a request is published.
	RequestSent func(subj string, payload []byte)
	// ResponseReceived is called with the answer.
	ResponseReceived func(subj string, payload []byte, hdr api.Header)
}

// JetStreamOpt is an option of New.
type JetStreamOpt func(*JetStreamOptions) error

// WithDefaultTimeout sets how long a call without a deadline in its context may take. Default: 5
// s. ErrInvalidOption unless it is positive.
func WithDefaultTimeout(timeout time.Duration) JetStreamOpt {
	return func(o *JetStreamOptions) error {
		if timeout <= 0 {
			return &OptionError{Option: "WithDefaultTimeout", Reason: "is not positive"}
		}
		o.DefaultTimeout = timeout
		return nil
	}
}

// WithClientTrace sets hooks around API calls. ErrInvalidOption for nil.
func WithClientTrace(trace *ClientTrace) JetStreamOpt {
	return func(o *JetStreamOptions) error {
		if trace == nil {
			return &OptionError{Option: "WithClientTrace", Reason: "is nil"}
		}
		o.ClientTrace = trace
		return nil
	}
}

// WithPedantic makes the server refuse, with an ErrPedantic, a config of a stream or a consumer
// that it would otherwise silently adjust, for example a limit below -1. Servers before 2.11
// adjust it anyway.
func WithPedantic() JetStreamOpt {
	return func(o *JetStreamOptions) error {
		o.Pedantic = true
		return nil
	}
}

// jetStream implements JetStream.
type jetStream struct {
	nc        *api.Conn
	opts      JetStreamOptions
	apiPrefix string // ends with a dot
	pub       *publisher
	fetches   fetchSet
}

// New returns the JetStream of a connection. Nothing is sent: whether the server has JetStream
// shows with the first call. ErrInvalidConnection for nil; ErrInvalidOption.
func New(nc *api.Conn, options ...JetStreamOpt) (JetStream, error) {
	return open(nc, JetStreamOptions{}, options)
}

// NewWithAPIPrefix is New for an API with a prefix other than DefaultAPIPrefix, for example that
// of an import; the trailing dot may be left out. ErrInvalidOption if it is empty or not a valid
// subject.
func NewWithAPIPrefix(nc *api.Conn, apiPrefix string, options ...JetStreamOpt) (JetStream, error) {
	if reason := badPrefix(strings.TrimSuffix(apiPrefix, ".")); reason != "" {
		return nil, &OptionError{Option: "API prefix", Reason: reason}
	}
	return open(nc, JetStreamOptions{APIPrefix: apiPrefix}, options)
}

// NewWithDomain is New for the JetStream of a domain. ErrInvalidOption if it is empty or has
// invalid characters.
func NewWithDomain(nc *api.Conn, domain string, options ...JetStreamOpt) (JetStream, error) {
	reason := badPrefix(domain)
	if reason == "" && strings.Contains(domain, ".") {
		reason = "has a dot"
	}
	if reason != "" {
		return nil, &OptionError{Option: "domain", Reason: reason}
	}
	return open(nc, JetStreamOptions{Domain: domain}, options)
}

func open(nc *api.Conn, opts JetStreamOptions, options []JetStreamOpt) (JetStream, error) {
	if nc == nil {
		return nil, api.ErrInvalidConnection
	}
	opts.DefaultTimeout = defaultTimeout
	opts.publisher = defaultPublisherOptions()
	for _, option := range options {
		if option == nil {
			continue
		}
		if err := option(&opts); err != nil {
			return nil, err
		}
	}
	js := &jetStream{nc: nc, opts: opts, apiPrefix: apiPrefix(opts)}
	js.pub = newPublisher(js, opts.publisher)
	return js, nil
}

// apiPrefix returns the prefix of the subjects of API calls.
func apiPrefix(opts JetStreamOptions) string {
	switch {
	case opts.APIPrefix != "":
		return strings.TrimSuffix(opts.APIPrefix, ".") + "."
	case opts.Domain != "":
		return "$JS." + opts.Domain + ".API."
	default:
		return DefaultAPIPrefix
	}
}

// badPrefix says what is wrong with a prefix of subjects, empty for nothing.
func badPrefix(prefix string) string {
	switch {
	case prefix == "":
		return "is empty"
	case strings.ContainsAny(prefix, " \t\r\n*>"):
		return "has a space or a wildcard"
	case strings.HasPrefix(prefix, "."), strings.HasSuffix(prefix, "."), strings.Contains(prefix, ".."):
		return "has an empty token"
	default:
		return ""
	}
}

// Conn returns the connection.
func (js *jetStream) Conn() *api.Conn { return js.nc }

// Options returns a copy of the options.
func (js *jetStream) Options() JetStreamOptions { return js.opts }

// subject returns the subject of an API call: the prefix and below.
func (js *jetStream) subject(below string) string { return js.apiPrefix + below }

// bound gives a call the default timeout if its context has no deadline. A nil context has none.
func (js *jetStream) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if ctx == nil {
		ctx = context.Background()
	}
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, js.opts.DefaultTimeout)
}

// roundTrip sends a request and waits for its answer: until ctx is done, or for the default
// timeout if ctx has no deadline.
func (js *jetStream) roundTrip(ctx context.Context, m *api.Msg) (*api.Msg, error) {
	if ctx == nil {
		ctx = context.Background()
	}
	if _, ok := ctx.Deadline(); ok {
		return js.nc.RequestMsgWithContext(ctx, m)
	}
	return js.nc.RequestMsgWithin(ctx, m, js.opts.DefaultTimeout)
}
