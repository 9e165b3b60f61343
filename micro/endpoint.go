package micro

import (
	"context"
	"maps"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/api"
)

// endpoint.go - an endpoint and the way of a request through it.
//
//	subscription ─► serve ─► middleware ─► handler
//	(its workers)     │
//	requester ◄───────┘ what was returned; after a panic, a 500

// Endpoint is an endpoint of a service. It is safe for concurrent use; its fields are read
// only.
type Endpoint struct {
	EndpointConfig
	// Name is the name of the endpoint.
	Name string

	service *service
	prefix  string // of the group; with the name it says which endpoint it is
	run     Func   // the handler within its middleware
	answers bool   // what run returns is the outcome
	counts  counts

	sub  atomic.Pointer[api.Subscription] // nil until it listens
	ref  atomic.Pointer[api.ActorRef]     // nil until there is one
	gone chan struct{}                    // closed when no handler runs any more

	mu      sync.Mutex
	state   standing // guarded by mu
	ended   bool     // guarded by the service's mu
	leaving bool     // to be taken off the list at its end; guarded by the service's mu
}

// Metrics returns the numbers of the endpoint that STATS shows as its data.
func (e *Endpoint) Metrics() Metrics {
	m := Metrics{InFlight: int(e.counts.inFlight.Load()), Panics: int(e.counts.panics.Load()), Latency: e.counts.latency.snapshot()}
	if waiting, _, err := e.sub.Load().Pending(); err == nil {
		m.Waiting = max(0, waiting-m.InFlight)
	}
	return m
}

// subscribe begins to listen.
func (e *Endpoint) subscribe(options []api.SubOption) (*api.Subscription, error) {
	options = append([]api.SubOption{api.Observe(e.observed)}, options...)
	return e.service.nc.QueueHandle(e.Subject, e.QueueGroup, e.serve, options...)
}

// observed follows the events of the subscription.
func (e *Endpoint) observed(event api.Event) {
	e.stands(func(s standing) standing { return s.after(&event) })
	poke(&e.ref)
	e.service.observed(&event, e.Subject, e)
}

// serve is the api.ContextHandler of the subscription. The error it returns is what the
// requester is not told.
func (e *Endpoint) serve(ctx context.Context, m *api.Msg) (err error) {
	r := &request{ctx: ctx, msg: m, endpoint: e}
	began := time.Now()
	e.counts.inFlight.Add(1)
	returned := false
	defer func() {
		if !returned { // a panic goes on to the supervisor of the subscription
			e.counts.panics.Add(1)
			r.refuse(own(CodeInternal, "internal error"))
		}
		e.counts.inFlight.Add(-1)
		e.counts.handled(time.Since(began))
	}()
	err = e.run(ctx, r)
	returned = true
	if err = r.conclude(err, e.answers); err != nil && told(err) {
		return nil
	}
	return err
}

// conclude answers with what a handler returned, if it has not answered by itself.
func (r *request) conclude(err error, answers bool) error {
	switch {
	case err != nil:
		r.refuse(toServiceError(err))
	case r.answered.Load() || r.msg.Reply == "":
	case r.trouble.Load() != nil:
		r.refuse(own(CodeInternal, "the response could not be sent"))
	case answers:
		return r.Respond(nil)
	}
	return err
}

// refuse answers with an error, unless there is an answer, and counts it in any case.
func (r *request) refuse(se *ServiceError) {
	if r.msg.Reply != "" {
		if err := r.sendError(se, nil); err != nil && !r.answered.Load() {
			_ = r.sendError(own(CodeInternal, "the response could not be sent"), nil) // it has less to be refused
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

// stats returns the numbers of the endpoint, without data.
func (e *Endpoint) stats() *EndpointStats {
	s := &EndpointStats{Name: e.Name, Subject: e.Subject, QueueGroup: e.QueueGroup}
	e.counts.show(s)
	return s
}
