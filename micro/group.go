package micro

// Group is a part of a service whose endpoints have a common prefix. It is safe for
// concurrent use.
type Group interface {
	// AddGroup returns a group in the group: its prefix stands behind this one's, and what
	// it says of queue groups before this one's. An empty name adds nothing. What is wrong
	// with it is told by the AddEndpoint of the group.
	AddGroup(string, ...GroupOpt) Group

	// AddEndpoint is that of Service, with the prefix of the group before the subject.
	AddEndpoint(string, Handler, ...EndpointOpt) error

	// RemoveEndpoint is that of Service, for the endpoints of the group.
	RemoveEndpoint(name string) error
}

// group implements Group. It is immutable.
type group struct {
	service    *service
	prefix     string // without a dot behind it; empty for none
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

// joined puts a dot between two that are not empty.
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
	if err := o.apply(opts); err != nil {
		return err
	}
	e, err := g.describe(name, handler, &o)
	if err != nil {
		return err
	}
	return g.service.add(e, o.subscription)
}

// describe makes an endpoint that does not listen yet.
func (g *group) describe(name string, handler Handler, o *endpointOpts) (*Endpoint, error) {
	if err := checkName("endpoint name", name); err != nil {
		return nil, err
	}
	subject := o.subject
	if subject == "" {
		subject = name
	}
	subject = joined(g.prefix, subject)
	if err := checkSubject(subject); err != nil {
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
		Name:           name, service: g.service, prefix: g.prefix, run: run, answers: answers, gone: make(chan struct{}),
	}, nil
}

// RemoveEndpoint implements Group.
func (g *group) RemoveEndpoint(name string) error {
	e := g.service.leave(g.prefix, name)
	if e == nil {
		return ErrEndpointNotFound
	}
	return e.drain()
}
