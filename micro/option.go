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
	watched      bool          // calls may be given up
	direct       bool          // there is to be a second one, of the instance's own
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

// queueGroup is what is said about a queue group: nothing, its name, or that there is none.
type queueGroup struct {
	name string
	none bool
}

// under returns the queue group of something below a parent.
func (q queueGroup) under(parent queueGroup) queueGroup {
	switch {
	case q.none:
		return queueGroup{none: true}
	case q.name != "":
		return q
	}
	return parent
}

// WithEndpointSubject sets the subject of the endpoint, which stands behind the prefix of
// its group. Empty: its name. It may have wildcards. One below Config.APIPrefix is an
// ErrInvalidSubject.
func WithEndpointSubject(subject string) EndpointOpt {
	return func(o *endpointOpts) error {
		o.subject = subject
		return nil
	}
}

// WithEndpointMetadata annotates the endpoint, with nothing of what was said before. It is
// not kept.
func WithEndpointMetadata(metadata map[string]string) EndpointOpt {
	return func(o *endpointOpts) error {
		o.metadata = maps.Clone(metadata)
		return nil
	}
}

// WithEndpointMetadataKey adds one annotation.
func WithEndpointMetadataKey(key, value string) EndpointOpt {
	return func(o *endpointOpts) error {
		if o.metadata == nil {
			o.metadata = map[string]string{}
		}
		o.metadata[key] = value
		return nil
	}
}

// WithEndpointQueueGroup names the queue group. Empty: that of the group or the service.
func WithEndpointQueueGroup(queueGroup string) EndpointOpt {
	return func(o *endpointOpts) error {
		o.queue.name = queueGroup
		return nil
	}
}

// WithEndpointQueueGroupDisabled has each instance get each request.
func WithEndpointQueueGroupDisabled() EndpointOpt {
	return func(o *endpointOpts) error {
		o.queue.none = true
		return nil
	}
}

// WithEndpointPendingLimits bounds the requests, and their bytes, that wait for the handler;
// those in the handler count. -1 means no bound, and zero the default of subscriptions:
// 500,000 and 64 MiB. Both zero is an ErrConfigValidation. Requests that find no room are one
// error of the endpoint until there is room again; Metrics counts each.
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

// WithEndpointConcurrency has up to n requests handled at once. Default: 1, in order. Below 1
// is an ErrConfigValidation.
func WithEndpointConcurrency(n int) EndpointOpt {
	return func(o *endpointOpts) error {
		if n < 1 {
			return &ConfigError{Field: "concurrency", Value: fmt.Sprint(n), Reason: "is less than 1", Err: ErrConfigValidation}
		}
		o.subscription = append(o.subscription, api.Concurrency(n))
		return nil
	}
}

// WithEndpointOnPanic says what happens when the handler panics, besides that its requester
// gets a 500: see api.OnPanic. Default: the OnPanic among the SubscriptionDefaults of the
// connection; without one the endpoint goes on, however many there are.
func WithEndpointOnPanic[P api.Directive | api.Policy](answer P) EndpointOpt {
	return subscribeWith(api.OnPanic(answer))
}

func subscribeWith(option api.SubOption) EndpointOpt {
	return func(o *endpointOpts) error {
		o.subscription = append(o.subscription, option)
		return nil
	}
}

// WithGroupQueueGroup names the queue group of what is in the group. Empty: that of the
// group around it, or of the service.
func WithGroupQueueGroup(queueGroup string) GroupOpt {
	return func(o *groupOpts) { o.queue.name = queueGroup }
}

// WithGroupQueueGroupDisabled has each instance get each request, unless an endpoint of the
// group names a queue group.
func WithGroupQueueGroupDisabled() GroupOpt {
	return func(o *groupOpts) { o.queue.none = true }
}

// WithEndpointMiddleware adds to what is around the handler, inside that of the service and
// its groups; the first is outermost.
func WithEndpointMiddleware(middleware ...Middleware) EndpointOpt {
	return func(o *endpointOpts) error {
		o.middleware = append(o.middleware, middleware...)
		return nil
	}
}

// WithGroupMiddleware adds to what is around the handlers of the group, inside that of the
// service and of the groups around it; the first is outermost.
func WithGroupMiddleware(middleware ...Middleware) GroupOpt {
	return func(o *groupOpts) { o.middleware = append(o.middleware, middleware...) }
}

// WithEndpointOrderedBy keeps the order of requests with the same key under
// WithEndpointConcurrency: see api.OrderedBy.
func WithEndpointOrderedBy(key func(*api.Msg) string) EndpointOpt {
	return subscribeWith(api.OrderedBy(key))
}
