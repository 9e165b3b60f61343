package jetstream

import (
	"errors"

	"github.com/troupe-go/troupe/api"
)

// Consume calls handler with each message, one at a time and in order unless Concurrency says otherwise.
func (c *pullConsumer) Consume(handler MessageHandler, options ...PullConsumeOpt) (ConsumeContext, error) {
	if handler == nil {
		return nil, ErrHandlerRequired
	}
	return c.consume(func(p *puller) { p.call = func(m *jsMsg) { handler(m) } }, options)
}

// ConsumeFunc is Consume for a handler with a context and an error.
func (c *pullConsumer) ConsumeFunc(handler HandlerFunc, options ...PullConsumeOpt) (ConsumeContext, error) {
	if handler == nil {
		return nil, ErrHandlerRequired
	}
	return c.consume(func(p *puller) { p.withContext = handler }, options)
}

func (c *pullConsumer) consume(use func(*puller), options []PullConsumeOpt) (ConsumeContext, error) {
	o, err := parseConsumeOpts(false, options)
	if err != nil {
		return nil, err
	}
	p, err := c.newPuller(o)
	if err != nil {
		return nil, err
	}
	use(p)
	if err := p.begin(); err != nil {
		return nil, err
	}
	return p, nil
}

// newPuller returns a puller that has not begun.
func (c *pullConsumer) newPuller(o *consumeOpts) (*puller, error) {
	cfg := &c.CachedInfo().Config
	if err := checkGroup(cfg.PriorityGroups, o.priority.group); err != nil {
		return nil, err
	}
	p := &puller{consumer: c, opts: o, closed: make(chan struct{}), subject: c.js.nextSubject(c.stream, c.name),
		inbox: c.js.nc.NewInbox(), l: newLeases(o.limits()), maxDeliver: cfg.MaxDeliver,
		deliveredAt: len(ackPrefix) + len(c.stream) + 1 + len(c.name) + 1}
	p.js, p.grown = c.js, o.more.workers > 1
	p.byBytes = p.l.limits.byBytes
	p.beat.every = o.heartbeat
	p.acked = cfg.AckPolicy != AckNonePolicy
	if p.acked {
		p.ackWait = cfg.AckWait
		if len(cfg.BackOff) > 0 {
			p.ackWait = cfg.BackOff[0]
		}
		p.age.ackWait = p.ackWait
	}
	if o.more.missing == MissingRecreate {
		p.unacked.all, p.unacked.never = cfg.AckPolicy == AckAllPolicy, !p.acked
		p.acks.unacked = &p.unacked
	}
	return p, nil
}

// begin subscribes and starts the puller.
func (p *puller) begin() (err error) {
	options := []api.SubOption{api.PendingLimits(max(api.DefaultSubPendingMsgsLimit, 2*p.opts.maxMessages), -1)}
	if n := p.opts.more.workers; n > 0 {
		options = append(options, api.Concurrency(n))
	}
	if key := p.opts.more.key; key != nil {
		options = append(options, api.OrderedBy(func(m *api.Msg) string {
			if isStatus(m) {
				return ""
			}
			return key(newMsg(p.js, m))
		}))
	}
	if p.withContext != nil {
		p.sub, err = p.js.nc.Handle(p.inbox+".*", p.onMsgWith, options...)
	} else {
		p.sub, err = p.js.nc.Subscribe(p.inbox+".*", p.onMsg, options...)
	}
	if err != nil {
		return err
	}
	p.sub.SetClosedHandler(func(string) { p.ended() })
	if err := p.spawn(); err != nil {
		p.unsubscribe()
		return err
	}
	return nil
}

// ended runs once, after the last message.
func (p *puller) ended() {
	p.closeOnce.Do(func() {
		err := api.ErrBadSubscription
		if p.js.nc.IsClosed() {
			err = ErrConnectionClosed
			if !p.stopping.Load() && p.buffer == nil {
				p.told(err)
			}
		}
		if p.buffer != nil {
			p.buffer.close()
		}
		if p.ordered != nil {
			p.ordered.source.close()
		}
		if p.stopping.Load() {
			p.giveUpPin() // after the last message: until then this client holds the pin
		}
		if f := p.opts.more.ended; f != nil {
			f(p.outcome(err))
		}
		close(p.closed)
		p.post(subEnded{err: err})
	})
}

// outcome is why consuming has ended: nil if the user wanted it.
func (p *puller) outcome(err error) error {
	if cause := p.failure.Load(); cause != nil {
		return *cause
	}
	if p.stopping.Load() {
		return nil
	}
	return err
}

// errIteratorOver is why an iterator has no more messages.
func errIteratorOver(nc *api.Conn) error {
	if nc.IsClosed() {
		return errors.Join(ErrMsgIteratorClosed, ErrConnectionClosed)
	}
	return ErrMsgIteratorClosed
}
