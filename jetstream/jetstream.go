package jetstream

import (
	"context"
	"strings"
	"time"

	"github.com/troupe-go/troupe/api"
)

const (
	// DefaultAPIPrefix is what the subjects of the JetStream API begin with.
	DefaultAPIPrefix = "$JS.API."

	// defaultTimeout is how long a call may take whose context has no deadline.
	defaultTimeout = 5 * time.Second
)

// JetStream is the entrance to everything of JetStream on one connection. Make it
// with New; it is safe for concurrent use and ends with its connection. It is an
// interface so that a program's tests can put something in its place.
type JetStream interface {
	// Conn returns the connection that it was made for.
	Conn() *api.Conn
	// Options returns a copy of the options in use.
	Options() JetStreamOptions
	// AccountInfo asks what the account uses of JetStream, and what it may use. Errors:
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
	// APIPrefix is what the subjects of API calls begin with, if it is not the
	// default: the subject of an import, or of a domain.
	APIPrefix string
	// Domain is the JetStream domain that calls go to; empty for the one of the account.
	Domain string
	// DefaultTimeout is how long a call may take whose context has no deadline. 5 s.
	DefaultTimeout time.Duration
	// ClientTrace is called around API calls; nil for nothing.
	ClientTrace *ClientTrace
	// Pedantic has servers refuse a config that they would adjust. Default: no.
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

// WithDefaultTimeout sets how long a call may take whose context has no deadline:
// 5 s unless set. ErrInvalidOption unless it is positive.
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

// WithPedantic has the server refuse a config of a stream or a consumer that it would
// otherwise adjust without a word, as a limit below -1: an ErrPedantic. Servers before
// 2.11 adjust it all the same.
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

// New returns the JetStream of a connection. Nothing is sent: that the server has
// JetStream shows with the first call. ErrInvalidConnection for nil;
// ErrInvalidOption.
func New(nc *api.Conn, options ...JetStreamOpt) (JetStream, error) {
	return open(nc, JetStreamOptions{}, options)
}

// NewWithAPIPrefix is New for an API behind another prefix than DefaultAPIPrefix,
// as the subject of an import; a dot behind it may be left out. ErrInvalidOption
// if it is empty or no subject.
func NewWithAPIPrefix(nc *api.Conn, apiPrefix string, options ...JetStreamOpt) (JetStream, error) {
	if reason := badPrefix(strings.TrimSuffix(apiPrefix, ".")); reason != "" {
		return nil, &OptionError{Option: "API prefix", Reason: reason}
	}
	return open(nc, JetStreamOptions{APIPrefix: apiPrefix}, options)
}

// NewWithDomain is New for the JetStream of a domain. ErrInvalidOption if it is
// empty or has characters that no domain has.
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

// apiPrefix returns what the subjects of API calls begin with.
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

// badPrefix says what is wrong with the beginning of a subject, empty for nothing.
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

// subject returns the subject of the API call that below names.
func (js *jetStream) subject(below string) string { return js.apiPrefix + below }

// bound gives a call the default timeout if its context has no deadline. A nil
// context is one without.
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
// timeout if ctx has no deadline. A context that never ends needs none of its own for that,
// which would cost a timer for each call.
func (js *jetStream) roundTrip(ctx context.Context, m *api.Msg) (*api.Msg, error) {
	if endless(ctx) {
		return js.nc.RequestMsg(m, js.opts.DefaultTimeout)
	}
	ctx, cancel := js.bound(ctx)
	defer cancel()
	return js.nc.RequestMsgWithContext(ctx, m)
}

// endless reports whether ctx never ends. Nil does not.
func endless(ctx context.Context) bool { return ctx == nil || ctx.Done() == nil }
