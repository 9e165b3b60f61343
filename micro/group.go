package micro

import (
	"errors"
	"fmt"
	"maps"

	"github.com/troupe-go/troupe/protocol"
)

// Group is a part of a service whose endpoints have a common prefix. It is safe for
// concurrent use.
type Group interface {
	// AddGroup returns a group in this group: its prefix is appended to this one's, and its
	// queue group overrides this one's. An empty name adds no prefix. Errors are returned by the
	// new group's AddEndpoint.
	AddGroup(string, ...GroupOpt) Group

	// AddEndpoint is Service.AddEndpoint with the prefix of the group before the subject.
	AddEndpoint(string, Handler, ...EndpointOpt) error

	// RemoveEndpoint is Service.RemoveEndpoint for the endpoints of the group.
	RemoveEndpoint(name string) error
}

// group implements Group. It is immutable.
type group struct {
	service    *service
	prefix     string // without a trailing dot; empty for none
	queue      queueGroup
	middleware []Middleware
}

// AddGroup implements Group.
func (g *group) AddGroup(name string, opts ...GroupOpt) Group {
	var o groupOpts
	for _, opt := range opts {
		if opt != nil {
			opt(&o)
		}
	}
	return &group{
		service:    g.service,
		prefix:     joined(g.prefix, name),
		queue:      o.queue.under(g.queue),
		middleware: append(g.middleware[:len(g.middleware):len(g.middleware)], o.middleware...),
	}
}

// joined joins two names with a dot if neither is empty.
func joined(prefix, name string) string {
	if prefix == "" || name == "" {
		return prefix + name
	}
	return prefix + "." + name
}

// AddEndpoint implements Group.
func (g *group) AddEndpoint(name string, handler Handler, opts ...EndpointOpt) error {
	var o endpointOpts
	if err := o.apply(g.service.config.EndpointDefaults); err != nil {
		return err
	}
	general := o.queue
	o.queue = queueGroup{}
	if err := o.apply(opts); err != nil {
		return err
	}
	o.queue = o.queue.under(general)
	e, err := g.describe(name, handler, &o)
	if err != nil {
		return err
	}
	if !o.direct {
		return g.service.add(e, o.subscription)
	}
	if e.direct, err = e.ownTwin(); err != nil {
		return err
	}
	if err := g.service.add(e.direct, o.subscription); err != nil {
		return err
	}
	if err := g.service.add(e, o.subscription); err != nil {
		g.service.leave(e.direct)
		return errors.Join(err, e.direct.drain())
	}
	return nil
}

// ownTwin returns an endpoint with the same handler that only this instance answers.
func (e *Endpoint) ownTwin() (*Endpoint, error) {
	if protocol.CheckPublishSubject(e.Subject) != nil {
		return nil, &ConfigError{Field: "subject", Value: e.Subject, Reason: "has wildcards, which WithEndpointDirect does not allow", Err: ErrInvalidSubject}
	}
	config := e.EndpointConfig
	config.Subject, config.QueueGroup, config.QueueGroupDisabled = joined(e.Subject, e.service.id), "", true
	if config.Metadata = maps.Clone(e.Metadata); config.Metadata == nil {
		config.Metadata = map[string]string{}
	}
	config.Metadata[DirectKey] = e.Name
	return &Endpoint{EndpointConfig: config, Name: e.Name + directSuffix, service: e.service, prefix: e.prefix, run: e.run, answers: e.answers,
		timeout: e.timeout, watched: e.watched, gone: make(chan struct{})}, nil
}

// describe returns an endpoint that does not listen yet.
func (g *group) describe(name string, handler Handler, o *endpointOpts) (*Endpoint, error) {
	if err := checkName("endpoint name", name); err != nil {
		return nil, err
	}
	subject := o.subject
	if subject == "" {
		subject = name
	}
	subject = joined(g.prefix, subject)
	if err := g.service.checkSubject(subject); err != nil {
		return nil, err
	}
	queue := o.queue.under(g.queue)
	if err := checkQueueGroup(queue.name); err != nil {
		return nil, err
	}
	middleware := append(g.middleware[:len(g.middleware):len(g.middleware)], o.middleware...)
	if err := checkMiddleware(middleware); err != nil {
		return nil, err
	}
	run, answers, err := chain(handler, middleware)
	if err != nil {
		return nil, err
	}
	return &Endpoint{
		EndpointConfig: EndpointConfig{Subject: subject, Handler: handler, Metadata: o.metadata, QueueGroup: queue.name, QueueGroupDisabled: queue.none},
		Name:           name, service: g.service, prefix: g.prefix, run: run, answers: answers, timeout: o.timeout, watched: o.watched,
		gone: make(chan struct{}),
	}, nil
}

// RemoveEndpoint implements Group.
func (g *group) RemoveEndpoint(name string) error {
	e := g.service.find(g.prefix, name)
	if e == nil || !g.service.leave(e) {
		return fmt.Errorf("%w: %q", ErrEndpointNotFound, name)
	}
	err := e.drain()
	if e.direct != nil && g.service.leave(e.direct) {
		err = errors.Join(err, e.direct.drain())
	}
	return err
}
