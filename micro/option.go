package micro

import (
	"fmt"
	"maps"
	"time"

	"github.com/troupe-go/troupe/api"
)

// EndpointOpt is an option of AddEndpoint. A nil one is skipped.
type EndpointOpt func(*endpointOpts) error

// GroupOpt is an option of AddGroup. A nil one is skipped.
type GroupOpt func(*groupOpts)

// endpointOpts collects the options of one endpoint.
type endpointOpts struct {
	subject      string
	metadata     map[string]string
	queue        queueGroup
	middleware   []Middleware
	subscription []api.SubOption
	timeout      time.Duration // of one call; zero for none
	watched      bool          // calls may be abandoned
	direct       bool          // add a second endpoint that only this instance answers
}

func (o *endpointOpts) apply(options []EndpointOpt) error {
	for _, option := range options {
		if option == nil {
			continue
		}
		if err := option(o); err != nil {
			return err
		}
	}
	return nil
}

// groupOpts collects the options of one group.
type groupOpts struct {
	queue      queueGroup
	middleware []Middleware
}

// queueGroup is the setting of a queue group: unset, a name, or none.
type queueGroup struct {
	name string
	none bool
}

// under returns the queue group of an endpoint or group below a parent.
func (q queueGroup) under(parent queueGroup) queueGroup {
	switch {
	case q.none:
		return queueGroup{none: true}
	case q.name != "":
		return q
	}
	return parent
}

// WithEndpointSubject sets the subject of the endpoint, after the prefix of its group. Default,
// and empty: its name. It may have wildcards. Errors: ErrInvalidSubject, also for one below
// Config.APIPrefix.
func WithEndpointSubject(subject string) EndpointOpt {
	return func(o *endpointOpts) error {
		o.subject = subject
		return nil
	}
}

// WithEndpointMetadata sets the metadata of the endpoint, and replaces that of earlier options.
// The map is copied.
func WithEndpointMetadata(metadata map[string]string) EndpointOpt {
	return func(o *endpointOpts) error {
		o.metadata = maps.Clone(metadata)
		return nil
	}
}

// WithEndpointMetadataKey adds one key to the metadata.
func WithEndpointMetadataKey(key, value string) EndpointOpt {
	return func(o *endpointOpts) error {
		if o.metadata == nil {
			o.metadata = map[string]string{}
		}
		o.metadata[key] = value
		return nil
	}
}

// WithEndpointQueueGroup sets the queue group. Empty: that of the group or the service.
func WithEndpointQueueGroup(queueGroup string) EndpointOpt {
	return func(o *endpointOpts) error {
		o.queue.name = queueGroup
		return nil
	}
}

// WithEndpointQueueGroupDisabled makes each instance get each request.
func WithEndpointQueueGroupDisabled() EndpointOpt {
	return func(o *endpointOpts) error {
		o.queue.none = true
		return nil
	}
}

// WithEndpointPendingLimits bounds the requests, and their bytes, that wait for the handler or
// are in it. -1 means no bound, and 0 the default of subscriptions: 500,000 and 64 MiB. Requests
// that find no room count as one error of the endpoint until there is room again; Metrics counts
// each of them. Errors: ErrConfigValidation if both are 0.
func WithEndpointPendingLimits(msgLimit, bytesLimit int) EndpointOpt {
	return func(o *endpointOpts) error {
		if msgLimit == 0 && bytesLimit == 0 {
			return &ConfigError{Field: "pending limits", Value: "0, 0", Reason: "bound nothing", Err: ErrConfigValidation}
		}
		if msgLimit == 0 {
			msgLimit = api.DefaultSubPendingMsgsLimit
		}
		if bytesLimit == 0 {
			bytesLimit = api.DefaultSubPendingBytesLimit
		}
		o.subscription = append(o.subscription, api.PendingLimits(msgLimit, bytesLimit))
		return nil
	}
}

// WithEndpointConcurrency handles up to n requests at once. Default: 1, in order. Errors:
// ErrConfigValidation if n is less than 1.
func WithEndpointConcurrency(n int) EndpointOpt {
	return func(o *endpointOpts) error {
		if n < 1 {
			return &ConfigError{Field: "concurrency", Value: fmt.Sprint(n), Reason: "is less than 1", Err: ErrConfigValidation}
		}
		o.subscription = append(o.subscription, api.Concurrency(n))
		return nil
	}
}

// WithEndpointOnPanic sets what happens when the handler panics, besides a 500 to the requester:
// see api.OnPanic. Default: the OnPanic among the SubscriptionDefaults of the connection;
// without one the endpoint continues after any number of panics.
func WithEndpointOnPanic[P api.Directive | api.Policy](answer P) EndpointOpt {
	return subscribeWith(api.OnPanic(answer))
}

func subscribeWith(option api.SubOption) EndpointOpt {
	return func(o *endpointOpts) error {
		o.subscription = append(o.subscription, option)
		return nil
	}
}

// WithGroupQueueGroup sets the queue group of the endpoints and groups in the group. Empty: that
// of the enclosing group, or of the service.
func WithGroupQueueGroup(queueGroup string) GroupOpt {
	return func(o *groupOpts) { o.queue.name = queueGroup }
}

// WithGroupQueueGroupDisabled makes each instance get each request, except for endpoints of the
// group that name a queue group.
func WithGroupQueueGroupDisabled() GroupOpt {
	return func(o *groupOpts) { o.queue.none = true }
}

// WithEndpointMiddleware wraps the handler, inside the middleware of the service and its groups;
// the first is outermost.
func WithEndpointMiddleware(middleware ...Middleware) EndpointOpt {
	return func(o *endpointOpts) error {
		o.middleware = append(o.middleware, middleware...)
		return nil
	}
}

// WithGroupMiddleware wraps the handlers of the group, inside the middleware of the service and
// of enclosing groups; the first is outermost.
func WithGroupMiddleware(middleware ...Middleware) GroupOpt {
	return func(o *groupOpts) { o.middleware = append(o.middleware, middleware...) }
}

// WithEndpointOrderedBy keeps the order of requests with the same key despite
// WithEndpointConcurrency: see api.OrderedBy.
func WithEndpointOrderedBy(key func(*api.Msg) string) EndpointOpt {
	return subscribeWith(api.OrderedBy(key))
}
