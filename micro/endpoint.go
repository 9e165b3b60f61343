package micro

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/api"
)

// endpoint.go - an endpoint, and the path of a request through it.
//
//	subscription ─► serve ─► middleware ─► handler
//	(its workers)     │
//	requester ◄───────┘ what the handler returned; after a panic, a 500

// Endpoint is an endpoint of a service. It is safe for concurrent use; its fields must not be
// changed.
type Endpoint struct {
	EndpointConfig
	// Name is the name of the endpoint.
	Name string

	service *service
	prefix  string // of the group; identifies the endpoint together with the name
	run     Func   // the handler with its middleware
	answers bool   // what run returns is the outcome
	timeout time.Duration
	watched bool      // calls may be abandoned
	direct  *Endpoint // with the same handler, answered only by this instance; nil for none
	counts  counts
	shed    shed

	sub  atomic.Pointer[api.Subscription] // nil until it listens
	ref  atomic.Pointer[api.ActorRef]     // nil until there is one
	gone chan struct{}                    // closed when no handler runs any more

	mu      sync.Mutex
	state   standing // guarded by mu
	ended   bool     // guarded by the service's mu
	leaving bool     // to be removed from the list at its end; guarded by the service's mu
}

// Metrics returns the metrics that STATS shows as the data of the endpoint.
func (e *Endpoint) Metrics() Metrics {
	c := &e.counts
	m := Metrics{InFlight: int(c.inFlight.Load()), Shed: int(c.shed.Load()), Untold: int(c.untold.Load()), Expired: int(c.expired.Load()),
		Panics: int(c.panics.Load()), Latency: c.latency.snapshot()}
	if waiting, _, err := e.sub.Load().Pending(); err == nil {
		m.Waiting = max(0, waiting-m.InFlight)
	}
	return m
}

// subscribe begins to listen.
func (e *Endpoint) subscribe(options []api.SubOption) (*api.Subscription, error) {
	options = append([]api.SubOption{api.Observe(e.observed), api.OnDropped(e.dropped), api.OnPanicOr(panicPolicy())}, options...)
	return e.service.nc.QueueHandle(e.Subject, e.QueueGroup, e.serve, options...)
}

// panicPolicy resumes without a limit: requesters must not be able to end an endpoint.
func panicPolicy() api.Policy {
	return api.Policy{Directive: api.Restart, Backoff: api.Backoff{Initial: api.NoDelay}}
}

// observed follows the events of the subscription.
func (e *Endpoint) observed(event api.Event) {
	e.stands(func(s standing) standing { return s.after(&event) })
	poke(&e.ref)
	e.service.observed(&event, e.Subject, e)
}

// serve is the api.ContextHandler of the subscription. It returns the error that the requester
// does not see.
func (e *Endpoint) serve(ctx context.Context, m *api.Msg) (err error) {
	r := &request{ctx: ctx, msg: m, endpoint: e}
	began := time.Now()
	if e.watched || e.timeout > 0 || len(m.Header) > 0 {
		release, refusal := e.admit(r, began)
		if refusal != nil {
			e.counts.requests.Add(1)
			r.refuse(refusal)
			return nil
		}
		defer release()
	}
	e.counts.inFlight.Add(1)
	returned := false
	defer func() {
		if !returned { // a panic continues to the supervisor of the subscription
			e.counts.panics.Add(1)
			r.refuse(own(CodeInternal, "internal error"))
		}
		e.counts.inFlight.Add(-1)
		e.counts.handled(time.Since(began))
	}()
	err = e.run(r.ctx, r)
	returned = true
	return r.conclude(err, e.answers)
}

// admit gives a request its limits, or returns why it is not handled.
func (e *Endpoint) admit(r *request, now time.Time) (release func(), refusal *ServiceError) {
	call := r.ctx // ends when the call is abandoned; the context of a deadline may end before that
	ended, refusal := r.limit(now, e.timeout)
	if refusal != nil {
		e.counts.expired.Add(1)
		return nil, refusal
	}
	left := func() {}
	if e.watched {
		left = r.guard(call)
	}
	return func() {
		left()
		if ended != nil {
			ended()
		}
	}, nil
}

// conclude answers with what a handler returned, unless it has answered itself. It returns the
// error that the requester does not see.
func (r *request) conclude(err error, answers bool) error {
	switch {
	case err != nil:
		se, told := outcomeOf(r.ctx, err)
		if r.refuse(se); told {
			return nil
		}
		return err
	case r.answered.Load() || r.msg.Reply == "":
	case r.trouble.Load() != nil:
		r.refuse(own(CodeInternal, "the response could not be sent"))
	case answers || !r.handled.Load():
		return r.Respond(nil)
	}
	return nil
}

// refuse answers with an error, unless there is an answer, and counts the error in any case.
func (r *request) refuse(se *ServiceError) {
	if r.msg.Reply != "" {
		if err := r.sendError(se, nil); err != nil && !r.answered.Load() {
			_ = r.sendError(own(CodeInternal, "the response could not be sent"), nil) // it is smaller
		}
	}
	_ = r.failed(se)
}

// info describes the endpoint.
func (e *Endpoint) info() EndpointInfo {
	metadata := maps.Clone(e.Metadata)
	if metadata == nil {
		metadata = map[string]string{}
	}
	return EndpointInfo{Name: e.Name, Subject: e.Subject, QueueGroup: e.QueueGroup, Metadata: metadata}
}

// stats returns the statistics of the endpoint, without data.
func (e *Endpoint) stats() *EndpointStats {
	s := &EndpointStats{Name: e.Name, Subject: e.Subject, QueueGroup: e.QueueGroup}
	e.counts.show(s)
	return s
}
