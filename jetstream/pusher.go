package jetstream

import (
	"strings"
	"sync"
	"sync/atomic"

	"github.com/troupe-go/troupe/api"
)

// pusher.go - the path of a push consumer's messages to the user's handler.
//
//	subscription ─► look ─► handle ─► user's handler
//	                  │
//	                  └─► answers to the server; messages to the watcher
//
// With flow control look runs in the subscription's router, and the handler in one of its
// workers: look has seen messages that wait for a slow handler.

// Header fields of a push consumer's statuses.
const (
	lastConsumerHeader = "Nats-Last-Consumer"
	lastStreamHeader   = "Nats-Last-Stream"
	stalledHeader      = "Nats-Consumer-Stalled"
)

// pusher implements ConsumeContext. Its subscription's goroutines and its watcher share atomics.
type pusher struct {
	consumer *pushConsumer
	cfg      ConsumerConfig
	handler  MessageHandler
	opts     pushOptions
	acking   bool // answers to flow control are acknowledgements

	sub     atomic.Pointer[api.Subscription]
	watcher *api.ActorRef // set before the subscription
	closed  chan struct{}
	ended   sync.Once
	stopped atomic.Bool // Stop or Drain was called

	line pushSequence // used by look
	slab msgSlab      // used by handle

	owed     atomic.Pointer[string] // flow control request that is to be answered later; nil for none
	handled  atomic.Uint64          // consumer and stream sequence of the last handled delivery
	inStream atomic.Uint64
	acks     ackCounts
	unacked  unacked     // with MissingRecreate
	anew     atomic.Bool // the consumer was created again, and its deliveries count from 1
	answers  atomic.Uint64
	gaps     atomic.Uint64
}

func newPusher(c *pushConsumer, handler MessageHandler, o pushOptions) *pusher {
	cfg := c.info.Load().Config
	p := &pusher{consumer: c, cfg: cfg, handler: handler, opts: o, closed: make(chan struct{})}
	p.acking = cfg.AckPolicy == AckFlowControlPolicy
	p.line.off = cfg.DeliverGroup != ""
	if o.missing == MissingRecreate {
		p.unacked.all, p.unacked.never = cfg.AckPolicy == AckAllPolicy, cfg.AckPolicy == AckNonePolicy || p.acking
		p.acks.unacked = &p.unacked
	}
	return p
}

// begin starts the watcher and subscribes.
func (p *pusher) begin() error {
	nc := p.consumer.js.nc
	ref, err := spawnConsumer(nc, p.consumer.stream+"."+p.consumer.name, p.watcherSpec())
	if err != nil {
		return err
	}
	p.watcher = ref
	handle, options := p.handle, p.opts.subscription
	if p.cfg.FlowControl {
		limits := api.PendingLimits(-1, 2*flowBytesMax) // the server counts bytes
		options = append([]api.SubOption{limits, api.Concurrency(2), api.OrderedBy(p.look)}, options...)
	} else {
		handle = func(m *api.Msg) { p.look(m); p.handle(m) }
	}
	var sub *api.Subscription
	if p.cfg.DeliverGroup != "" {
		sub, err = nc.QueueSubscribe(p.cfg.DeliverSubject, p.cfg.DeliverGroup, handle, options...)
	} else {
		sub, err = nc.Subscribe(p.cfg.DeliverSubject, handle, options...)
	}
	if err != nil {
		p.dismiss()
		return err
	}
	p.sub.Store(sub)
	sub.SetClosedHandler(func(string) { p.over() })
	if !sub.IsValid() { // it has ended before it could be notified of that
		p.over()
	}
	return nil
}

// look sees everything that arrives, in order and without waiting. It returns the same key for
// all messages, so that they stay in order.
func (p *pusher) look(m *api.Msg) string {
	if p.anew.Load() && p.anew.Swap(false) {
		p.line = pushSequence{off: p.line.off}
	}
	if isStatus(m) {
		p.onStatus(m)
		return ""
	}
	var meta MsgMetadata
	if !p.line.off && parseAckSubject(m.Reply, &meta) {
		p.told(p.line.message(meta.Sequence))
	}
	return ""
}

// onStatus handles a status of the server.
func (p *pusher) onStatus(m *api.Msg) {
	switch w := meaningOf(fromConsumer, m.Status(), m.Description()); w.action {
	case statusAlive:
		p.onHeartbeat(m)
	case statusFlow:
		p.onFlowControl(m)
	default:
		_ = p.watcher.Send(said{kind: w.kind, final: w.action == statusFinish, status: m.Status(), text: strings.Clone(m.Description())})
	}
}

func (p *pusher) onHeartbeat(m *api.Msg) {
	if last, ok := parseCount(m.Header.Get(lastConsumerHeader)); ok {
		p.told(p.line.heartbeat(last))
	}
	stalled := m.Header.Get(stalledHeader)
	if stalled == "" {
		return
	}
	switch owed := p.owed.Load(); {
	case owed != nil && *owed == stalled:
	case p.acking:
		p.answer(stalled) // the request itself was lost
	default:
		p.requested(stalled, m.Sub)
	}
}

// onFlowControl answers if there is room for more. Otherwise the goroutine that makes room does;
// if answers acknowledge, that is the one that handles the message before it.
func (p *pusher) onFlowControl(m *api.Msg) {
	if p.acking {
		reply := strings.Clone(m.Reply)
		p.owed.Store(&reply)
		return
	}
	p.requested(m.Reply, m.Sub)
}

func (p *pusher) requested(subject string, sub *api.Subscription) {
	if p.roomy(sub) {
		p.answer(subject)
		return
	}
	subject = strings.Clone(subject)
	p.owed.Store(&subject)
	if p.roomy(sub) {
		p.settle() // room was made meanwhile
	}
}

// flowBytesMax is the maximum of bytes that a server sends without an answer.
const flowBytesMax = 32 << 20

// roomy reports whether there is room for as much as the server sends after an answer.
func (p *pusher) roomy(sub *api.Subscription) bool {
	_, bytes, err := sub.Pending()
	if err != nil {
		return true
	}
	_, most, err := sub.PendingLimits()
	if most < 0 || err != nil {
		most = 2 * flowBytesMax
	}
	return bytes <= max(most-flowBytesMax, 0)
}

// settle answers the owed request, once.
func (p *pusher) settle() {
	if owed := p.owed.Swap(nil); owed != nil {
		p.answer(*owed)
	}
}

// answer answers flow control. It fails only if the connection is closed.
func (p *pusher) answer(subject string) {
	m := &api.Msg{Subject: strings.Clone(subject)}
	if p.acking {
		m.Header = api.Header{}
		m.Header.Set(lastConsumerHeader, decimal(p.handled.Load()))
		m.Header.Set(lastStreamHeader, decimal(p.inStream.Load()))
	}
	p.answers.Add(1)
	_ = p.consumer.js.nc.PublishMsg(m)
}

// told passes a gap on to the watcher.
func (p *pusher) told(gap *ConsumerSequenceMismatchError) {
	if gap == nil {
		return
	}
	p.gaps.Add(1)
	gap.Stream, gap.Consumer = p.consumer.stream, p.consumer.name
	_ = p.watcher.Send(gap)
}

// handle calls the user's handler.
func (p *pusher) handle(m *api.Msg) {
	if isStatus(m) {
		if owed := p.owed.Load(); p.acking && owed != nil && *owed == m.Reply {
			p.settle()
		}
		return
	}
	jm := p.slab.next(len(m.Data) + len(m.Reply) + len(m.Subject))
	jm.msg, jm.js, jm.sent = m, p.consumer.js, &p.acks
	if u := p.acks.unacked; u != nil {
		u.add(m.Reply)
	}
	p.handler(jm)
	if p.acking {
		p.done(m)
		return
	}
	if p.owed.Load() != nil && p.roomy(m.Sub) {
		p.settle()
	}
}

// done notes up to which delivery answers acknowledge.
func (p *pusher) done(m *api.Msg) {
	var meta MsgMetadata
	if parseAckSubject(m.Reply, &meta) {
		p.inStream.Store(meta.Sequence.Stream)
		p.handled.Store(meta.Sequence.Consumer)
	}
}

// Stop implements ConsumeContext.
func (p *pusher) Stop() {
	if p.stopped.CompareAndSwap(false, true) {
		_ = p.sub.Load().Unsubscribe() // refused while the connection drains, which ends it
	}
}

// Drain implements ConsumeContext.
func (p *pusher) Drain() {
	if p.stopped.CompareAndSwap(false, true) {
		_ = p.sub.Load().Drain()
	}
}

// Closed implements ConsumeContext.
func (p *pusher) Closed() <-chan struct{} { return p.closed }
