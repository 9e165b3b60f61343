package micro

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nuid"

	"github.com/troupe-go/troupe/api"
)

// Service is an instance of a service: its endpoints, and the answers to PING, INFO and STATS.
// It stops with its connection. It is safe for concurrent use, also from the handlers that it
// calls.
type Service interface {
	// AddEndpoint begins to answer requests on a subject, which is the name unless an option
	// sets another one.
	//
	// Errors: an ErrConfigValidation, such as ErrInvalidName, ErrInvalidSubject,
	// ErrHandlerRequired and ErrEndpointExists; those of the options; ErrServiceStopped; those
	// of the connection's Subscribe.
	AddEndpoint(string, Handler, ...EndpointOpt) error

	// RemoveEndpoint ends an endpoint that was added to the service itself, not to a group: it
	// gets no new requests, and answers those that have come. It does not wait for that. Errors:
	// ErrEndpointNotFound; api.ErrConnectionClosed.
	RemoveEndpoint(name string) error

	// AddGroup returns a group of endpoints with a common prefix.
	AddGroup(string, ...GroupOpt) Group

	// Info returns the answer to INFO.
	Info() Info

	// Stats returns the answer to STATS.
	Stats() Stats

	// Reset sets the statistics of all endpoints to zero, and Stats.Started to now.
	Reset()

	// Stop ends the service gracefully: it gets no new requests, and answers those that have
	// come. It does not wait for that; DoneHandler and Done report the end. Later calls do
	// nothing. The error is always nil.
	Stop() error

	// Stopped reports whether the service has stopped, or is about to.
	Stopped() bool

	// StopContext is Stop, and waits until no handler runs any more. If ctx is done first, it
	// returns what is left, cancels the contexts of handlers, and answers waiting requests with
	// CodeUnavailable; the stop continues. Errors: ErrStopTimeout when the deadline has passed;
	// context.Canceled; api.ErrInvalidContext for nil. Do not call it from a handler of the
	// service, which would wait for itself: use Stop.
	StopContext(ctx context.Context) (StopReport, error)

	// Done returns a channel that is closed when the service has stopped and none of its
	// handlers runs any more.
	Done() <-chan struct{}
}

// service implements Service.
type service struct {
	group  // without a prefix
	nc     *api.Conn
	id     string
	config Config // a copy
	ref    atomic.Pointer[api.ActorRef]
	done   chan struct{}
	forget func() // deregisters farewell

	promises promises

	mu        sync.Mutex // never held across a call of another package
	endpoints []*Endpoint
	verbs     []*api.Subscription
	live      int // subscriptions, including those that are being made
	stopping  bool
	undone    bool // AddService has failed: the end is not reported
	finished  bool
	started   time.Time
}

// AddService starts an instance of a service on a connection, with a new id: the endpoint that
// config describes, if any, and the answers to PING, INFO and STATS.
//
// Errors: an ErrConfigValidation, such as ErrInvalidName and ErrInvalidVersion;
// api.ErrInvalidConnection, api.ErrConnectionClosed and api.ErrConnectionDraining. After an
// error nothing of the service is left, and no handler is called.
func AddService(nc *api.Conn, config Config) (Service, error) {
	if err := config.check(); err != nil {
		return nil, err
	}
	s := &service{nc: nc, id: nuid.Next(), config: config.clone(), done: make(chan struct{}), started: now()}
	s.group = group{service: s, middleware: s.config.Middleware, queue: queueGroup{name: config.QueueGroup, none: config.QueueGroupDisabled}}
	if s.queue == (queueGroup{}) {
		s.queue.name = DefaultQueueGroup
	}
	if s.queue.none {
		s.queue.name = ""
	}
	ref, err := nc.Spawn(s.spec())
	if err != nil {
		return nil, err
	}
	s.ref.Store(ref)
	s.forget = nc.BeforeClose(s.farewell)
	if err := s.begin(config.Endpoint); err != nil {
		s.undo()
		return nil, err
	}
	return s, nil
}

// now is the time as STATS shows it.
func now() time.Time { return time.Now().UTC() }

// begin starts what every service has.
func (s *service) begin(endpoint *EndpointConfig) error {
	if endpoint != nil {
		if err := s.AddEndpoint(defaultEndpoint, endpoint.Handler, endpoint.options()...); err != nil {
			return err
		}
	}
	for _, verb := range verbs {
		for _, of := range [][2]string{{"", ""}, {s.config.Name, ""}, {s.config.Name, s.id}} {
			subject, err := controlSubject(s.config.APIPrefix, verb, of[0], of[1])
			if err != nil {
				return err
			}
			if err := s.listen(subject, verb); err != nil {
				return err
			}
		}
	}
	return nil
}

// listen answers a verb on one of its subjects.
func (s *service) listen(subject string, verb Verb) error {
	if !s.enter() {
		return ErrServiceStopped
	}
	sub, err := s.nc.Subscribe(subject, func(m *api.Msg) { s.tell(m, verb) }, api.OnPanic(panicPolicy()),
		api.Observe(func(e api.Event) { s.observed(&e, subject, nil) }))
	if err != nil {
		s.left()
		return err
	}
	s.mu.Lock()
	s.verbs = append(s.verbs, sub)
	stopping := s.stopping
	s.mu.Unlock()
	if stopping {
		return errors.Join(ErrServiceStopped, sub.Drain())
	}
	return nil
}

// tell answers a verb. A StatsHandler that panics spoils only its own answer, and is reported to
// the ErrorHandler.
func (s *service) tell(m *api.Msg, verb Verb) {
	if m.Reply == "" {
		return // no reply subject
	}
	r := &request{msg: m}
	returned := false
	defer func() {
		if !returned {
			r.refuse(own(CodeInternal, "error handling "+verb.String()+" request"))
		}
	}()
	var v any
	switch verb {
	case PingVerb:
		v = Ping{ServiceIdentity: s.identity(), Type: PingResponseType}
	case InfoVerb:
		v = s.Info()
	default:
		v = s.Stats()
	}
	err := r.RespondJSON(v)
	returned = true
	if err != nil {
		r.refuse(own(CodeInternal, "error handling "+verb.String()+" request"))
		s.failed(m.Subject, err)
	}
}

// add begins to listen for an endpoint.
func (s *service) add(e *Endpoint, options []api.SubOption) error {
	if err := s.reserve(e); err != nil {
		return err
	}
	sub, err := e.subscribe(options)
	if err != nil {
		s.drop(e)
		s.left()
		return err
	}
	s.mu.Lock()
	e.sub.Store(sub)
	stopping := s.stopping || e.leaving
	s.mu.Unlock()
	if stopping {
		return errors.Join(ErrServiceStopped, e.drain())
	}
	poke(&s.ref)
	return nil
}

// reserve adds an endpoint to the list, unless there is one like it.
func (s *service) reserve(e *Endpoint) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.stopping {
		return ErrServiceStopped
	}
	for i, other := range s.endpoints {
		if !e.like(other) || other.leaving {
			continue
		}
		if !other.ended {
			return &ConfigError{Field: "endpoint", Value: e.Name, Reason: "is that on " + other.Subject, Err: ErrEndpointExists}
		}
		s.endpoints = slices.Delete(s.endpoints, i, i+1) // the new one replaces it
		break
	}
	s.endpoints = append(s.endpoints, e)
	s.live++
	return nil
}

// like reports whether two endpoints have the same name, or share their requests.
func (e *Endpoint) like(other *Endpoint) bool {
	return e.prefix == other.prefix && e.Name == other.Name || e.Subject == other.Subject && e.QueueGroup == other.QueueGroup
}

// enter counts a subscription that is about to be made, unless the service stops.
func (s *service) enter() bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.stopping {
		s.live++
	}
	return !s.stopping
}

// left counts a subscription that has ended, or was not made.
func (s *service) left() {
	s.mu.Lock()
	s.live--
	s.mu.Unlock()
	s.finish()
}

// drop removes an endpoint from the list.
func (s *service) drop(e *Endpoint) {
	s.mu.Lock()
	s.endpoints = slices.DeleteFunc(s.endpoints, func(other *Endpoint) bool { return other == e })
	s.mu.Unlock()
	poke(&s.ref)
}

// find returns the endpoint of a name that is not being removed; nil for none.
func (s *service) find(prefix, name string) *Endpoint {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, e := range s.endpoints {
		if e.prefix == prefix && e.Name == name && !e.leaving {
			return e
		}
	}
	return nil
}

// leave marks an endpoint to be removed from the list at its end, and reports whether it was not
// marked before.
func (s *service) leave(e *Endpoint) bool {
	s.mu.Lock()
	before, ended := e.leaving, e.ended
	e.leaving = true
	s.mu.Unlock()
	if ended {
		s.drop(e)
	}
	return !before
}

// present returns the endpoints that listen, or did until they ended.
func (s *service) present() []*Endpoint {
	s.mu.Lock()
	defer s.mu.Unlock()
	present := make([]*Endpoint, 0, len(s.endpoints))
	for _, e := range s.endpoints {
		if e.sub.Load() != nil {
			present = append(present, e)
		}
	}
	return present
}

// observed follows the events of a subscription of the service, that of an endpoint or of a
// verb. It runs with the connection's callbacks.
func (s *service) observed(e *api.Event, subject string, of *Endpoint) {
	switch e.Kind {
	case api.SlowConsumerBegan:
		if of != nil {
			of.counts.failed(plain(e.Cause))
		}
	case api.SubscriptionStopped:
		s.ended(e, of)
	}
	switch {
	case e.Cause == nil || e.Kind == api.ActorFailed || e.Kind == api.ActorStopped:
	case e.Kind == api.SubscriptionStopped && s.isStopping():
	case e.Kind == api.HandlerPanicked || e.Kind == api.HandlerFailed:
		s.failed(e.Message, e.Cause)
	default:
		s.failed(subject, e.Cause)
	}
	if e.Kind == api.SubscriptionStopped {
		s.left()
	}
}

// ended notes the end of a subscription. The end of the connection ends the service.
func (s *service) ended(e *api.Event, of *Endpoint) {
	closed := s.nc.IsClosed() || s.nc.IsDraining()
	s.mu.Lock()
	s.stopping = s.stopping || closed
	if of != nil {
		of.ended = true
	}
	gone := of != nil && of.leaving
	s.mu.Unlock()
	if of != nil {
		of.answerShed() // its actor may have ended
		close(of.gone)
	}
	if gone {
		s.drop(of)
	}
}

// failed notifies the ErrorHandler.
func (s *service) failed(subject string, err error) {
	if s.config.ErrorHandler != nil {
		s.config.ErrorHandler(s, &NATSError{Subject: subject, Description: err.Error(), err: err})
	}
}

// identity returns the identity of the instance.
func (s *service) identity() ServiceIdentity {
	return ServiceIdentity{Name: s.config.Name, ID: s.id, Version: s.config.Version, Metadata: maps.Clone(s.config.Metadata)}
}

// Info implements Service.
func (s *service) Info() Info {
	info := Info{ServiceIdentity: s.identity(), Type: InfoResponseType, Description: s.config.Description, Endpoints: []EndpointInfo{}}
	for _, e := range s.present() {
		info.Endpoints = append(info.Endpoints, e.info())
	}
	return info
}

// Stats implements Service.
func (s *service) Stats() Stats {
	s.mu.Lock()
	started := s.started
	s.mu.Unlock()
	stats := Stats{ServiceIdentity: s.identity(), Type: StatsResponseType, Started: started, Endpoints: []*EndpointStats{}}
	for _, e := range s.present() {
		numbers := e.stats()
		m := e.Metrics()
		numbers.Data = s.data(e, m)
		if s.config.StatsHandler != nil {
			numbers.Metrics = &m
		}
		stats.Endpoints = append(stats.Endpoints, numbers)
	}
	return stats
}

// data returns the data of an endpoint in STATS.
func (s *service) data(e *Endpoint, m Metrics) json.RawMessage {
	var v any = m
	if s.config.StatsHandler != nil {
		v = s.config.StatsHandler(e)
	}
	data, err := json.Marshal(v)
	if err != nil {
		s.failed(e.Subject, err)
	}
	return data
}

// Reset implements Service.
func (s *service) Reset() {
	for _, e := range s.present() {
		e.counts.reset()
	}
	s.mu.Lock()
	s.started = now()
	s.mu.Unlock()
}
