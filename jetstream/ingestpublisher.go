package jetstream

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"time"
	"unsafe"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/protocol"
)

// fastPublisher implements FastPublisher around an ingestMachine.
type fastPublisher struct {
	js     *jetStream
	opts   fastOptions
	outlet *api.Outlet
	sub    *api.Subscription
	pacer  *api.ActorRef // does what is due
	teller *api.ActorRef // calls the handlers; nil if there are none

	mu      sync.Mutex
	machine ingestMachine
	kick    func()  // to be called when mu is released; nil for nothing
	stuck   bool    // the outlet has no room
	told    uint64  // number that was last reported to the handler for acknowledgements
	reports []error // for the handler for errors, at most one for each message
	asked   bool    // a message to the teller is pending
	mute    bool    // the teller has ended with its connection
	changed chan struct{}
	waiting int // callers that wait for changed to be closed
	over    sync.Once
}

// startIngest creates a publisher with its actors.
func startIngest(js *jetStream, o fastOptions) (FastPublisher, error) {
	p := &fastPublisher{js: js, opts: o, changed: make(chan struct{})}
	outlet, err := js.nc.Outlet(api.OutletSpec{Lost: p.onLost, Linked: p.onLinked, Refused: p.onRefused})
	if err != nil {
		return nil, err
	}
	p.outlet = outlet
	p.machine = ingestMachine{opts: &p.opts, inbox: outlet.Replies(), put: p.put, report: p.report, next: 1, window: js.pub.resendUntil()}
	p.machine.queue.first = 1
	if err := p.spawn(); err != nil {
		p.release()
		return nil, err
	}
	if js.nc.IsConnected() {
		p.onLinked()
	}
	return p, nil
}

// spawn starts the actors, and the subscription for answers of servers.
func (p *fastPublisher) spawn() error {
	var err error
	if p.opts.onError != nil || p.opts.onAck != nil {
		p.teller, err = p.js.nc.Spawn(api.Spec{Group: consumersGroup, Policy: keepGoing(), New: func() api.Actor { return &ingestTeller{p} }})
		if err != nil {
			return err
		}
	}
	pacer, err := p.js.nc.Spawn(api.Spec{Group: consumersGroup, Policy: keepGoing(), New: func() api.Actor { return &ingestPacer{p: p} }, Progress: p.progress})
	if err != nil {
		return err
	}
	p.mu.Lock()
	p.pacer = pacer
	p.mu.Unlock()
	p.sub, err = p.js.nc.Subscribe(p.outlet.Replies()+">", p.onAnswer, api.OverlapOnMove())
	return err
}

// release ends everything that a publisher owns.
func (p *fastPublisher) release() {
	p.over.Do(func() {
		p.outlet.Close()
		if p.sub != nil {
			_ = p.sub.Unsubscribe() // or the connection has ended it
		}
		for _, actor := range []*api.ActorRef{p.pacer, p.teller} {
			if actor != nil {
				_ = actor.Send(ingestStop{})
			}
		}
	})
}

// do runs f with the lock held, and afterwards what must be done without it.
func (p *fastPublisher) do(f func(s *ingestMachine)) {
	p.mu.Lock()
	f(&p.machine)
	p.settle()
}

// settle releases the lock, and then does what became necessary under it.
func (p *fastPublisher) settle() {
	s := &p.machine
	kick, over, stuck := p.kick, s.state == ingestOver, p.stuck
	p.kick = nil
	if p.waiting > 0 {
		close(p.changed)
		p.changed, p.waiting = make(chan struct{}), 0
	}
	if !p.asked && (len(p.reports) > 0 || p.opts.onAck != nil && s.acked > p.told) {
		p.asked = true
		_ = p.teller.Send(ingestTell{}) // refused: it has ended, and the pacer reports instead
	}
	p.mu.Unlock()
	if kick != nil {
		kick()
	}
	if stuck {
		_ = p.pacer.Send(ingestSoon{ingestSoonWait})
	}
	if over {
		p.release()
	}
}

// put publishes through the outlet. The reply is borrowed until the call returns.
func (p *fastPublisher) put(subject string, reply []byte, block, data []byte) (uint64, error) {
	number, kick, err := p.outlet.Put(subject, unsafe.String(unsafe.SliceData(reply), len(reply)), block, data)
	if kick != nil {
		p.kick = kick
	}
	return number, err
}

// report queues an error about messages that are not stored for the handler.
func (p *fastPublisher) report(err error) {
	if p.opts.onError != nil {
		p.reports = append(p.reports, err)
	}
}

// pump makes the machine put what it can. What the outlet refuses stays queued.
func (p *fastPublisher) pump(f func(now time.Time) error) {
	err := f(time.Now())
	p.stuck = false
	switch {
	case err == nil:
	case errors.Is(err, api.ErrOutletDown):
		p.machine.linked = false
	case errors.Is(err, api.ErrOutletFull):
		p.stuck = true
	default:
		p.machine.fail(&FastMsgError{Seq: p.machine.next, Err: err})
	}
}

func (p *fastPublisher) Add(ctx context.Context, subject string, data []byte, opts ...PublishOpt) (FastPubAck, error) {
	return p.AddMsg(ctx, &api.Msg{Subject: subject, Data: data}, opts...)
}

func (p *fastPublisher) AddMsg(ctx context.Context, msg *api.Msg, opts ...PublishOpt) (FastPubAck, error) {
	m, err := p.check(msg, opts)
	if err != nil {
		return FastPubAck{}, err
	}
	return p.add(ctx, m, false)
}

// check refuses what no server would store, before anything is sent.
func (p *fastPublisher) check(msg *api.Msg, opts []PublishOpt) (*api.Msg, error) {
	if msg == nil {
		return nil, api.ErrInvalidMsg
	}
	m, err := withPublishOptions(msg, opts)
	if err != nil {
		return nil, err
	}
	if err := protocol.CheckPublishSubject(m.Subject); err != nil {
		return nil, err
	}
	if m.Reply != "" {
		return nil, ErrAsyncPublishReplySubjectSet
	}
	size := len(m.Data)
	if len(m.Header) > 0 {
		size += protocol.HeaderSize(m.Header)
		for _, key := range []string{ExpectedLastMsgIDHeader, batchIDField} {
			if m.Header.Get(key) != "" {
				return nil, &OptionError{Option: key, Reason: "does not go with a fast batch", Err: ErrBatchPublish}
			}
		}
	}
	if err := checkPublish(m, m.Header); err != nil {
		return nil, err
	}
	if limit := p.js.nc.MaxPayload(); limit > 0 && int64(size) > limit {
		return nil, &api.MaxPayloadError{Subject: m.Subject, Size: size, Limit: int(limit)}
	}
	return m, nil
}

// add waits until a message can be put, and puts it.
func (p *fastPublisher) add(ctx context.Context, m *api.Msg, commit bool) (FastPubAck, error) {
	p.mu.Lock()
	if ack, done, err := p.tryAdd(m, commit); done {
		return ack, err
	}
	p.mu.Unlock()
	ctx, cancel := p.js.bound(ctx)
	defer cancel()
	if err := p.js.needLevel(ctx, request{op: "fast publish", level: level214, feature: "a fast batch"}); err != nil {
		return FastPubAck{}, err
	}
	for {
		p.mu.Lock()
		if ack, done, err := p.tryAdd(m, commit); done {
			return ack, err
		}
		if err := p.await(ctx); err != nil {
			return FastPubAck{}, fmt.Errorf("%w: fast publish: %w", ErrTooManyStalledMsgs, err)
		}
	}
}

// tryAdd adds a message if there is room, and releases the lock if it is done.
func (p *fastPublisher) tryAdd(m *api.Msg, commit bool) (FastPubAck, bool, error) {
	s := &p.machine
	if err := p.ended(); err != nil {
		p.mu.Unlock()
		return FastPubAck{}, true, err
	}
	if s.prefix == "" && !p.levelled() || !s.room() {
		return FastPubAck{}, false, nil
	}
	now := time.Now()
	if err := s.hold(m, commit, now); err != nil {
		p.mu.Unlock()
		return FastPubAck{}, true, err
	}
	p.pump(s.pump)
	ack := FastPubAck{BatchSequence: s.queue.last, AckSequence: s.acked}
	if p.kick == nil && !p.stuck && s.state != ingestOver { // nearly always
		p.mu.Unlock()
		return ack, true, nil
	}
	p.settle()
	return ack, true, nil
}

// levelled reports whether the connected server announces support for fast batches.
func (p *fastPublisher) levelled() bool {
	enabled, have := p.js.nc.ConnectedServerJetStream()
	return enabled && have >= level214
}

// ended is the error of calls after the end.
func (p *fastPublisher) ended() error {
	switch s := &p.machine; {
	case s.failed != nil:
		return s.failed
	case s.closing || s.state == ingestOver:
		return ErrBatchClosed
	default:
		return nil
	}
}

// await waits until something has changed. It releases the lock.
func (p *fastPublisher) await(ctx context.Context) error {
	changed := p.changed
	p.waiting++
	p.mu.Unlock()
	select {
	case <-changed:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

func (p *fastPublisher) Commit(ctx context.Context, subject string, data []byte, opts ...PublishOpt) (*PubAck, error) {
	return p.CommitMsg(ctx, &api.Msg{Subject: subject, Data: data}, opts...)
}

func (p *fastPublisher) CommitMsg(ctx context.Context, msg *api.Msg, opts ...PublishOpt) (*PubAck, error) {
	m, err := p.check(msg, opts)
	if err != nil {
		return nil, err
	}
	ctx, cancel := p.js.bound(ctx)
	defer cancel()
	ack, err := p.add(ctx, m, true)
	if err != nil {
		return nil, err
	}
	return p.stored(ctx, ack.BatchSequence)
}

func (p *fastPublisher) Flush(ctx context.Context) (*PubAck, error) { return p.finish(ctx, false) }

func (p *fastPublisher) Close(ctx context.Context) (*PubAck, error) { return p.finish(ctx, true) }

// finish ends the batch, and waits until all of it is stored.
func (p *fastPublisher) finish(ctx context.Context, closing bool) (*PubAck, error) {
	ctx, cancel := p.js.bound(ctx)
	defer cancel()
	var upTo uint64
	p.do(func(s *ingestMachine) {
		upTo = s.queue.last
		if s.state == ingestOver {
			return
		}
		s.closing = s.closing || closing
		switch {
		case s.acked < upTo || s.state != ingestResting: // the server keeps a batch until its end is announced
			s.end = true
			p.pump(s.pump)
		case s.closing:
			s.state = ingestOver
		}
	})
	if upTo == 0 {
		return nil, ErrEmptyBatch
	}
	return p.stored(ctx, upTo)
}

// stored waits until all messages up to a number are stored.
func (p *fastPublisher) stored(ctx context.Context, upTo uint64) (*PubAck, error) {
	for {
		p.mu.Lock()
		s := &p.machine
		if s.failed != nil {
			p.mu.Unlock()
			return nil, s.failed
		}
		if s.acked >= upTo && s.last != nil && (s.state == ingestResting || s.state == ingestOver || s.acked > upTo) {
			ack := *s.last
			ack.Count = int(s.acked)
			p.mu.Unlock()
			return &ack, nil
		}
		if err := p.await(ctx); err != nil {
			return nil, fmt.Errorf("troupe: fast publish: acknowledged up to %d of %d: %w", p.Acked(), upTo, err)
		}
	}
}

func (p *fastPublisher) Acked() uint64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.machine.acked
}

func (p *fastPublisher) Err() error {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.machine.failed
}

func (p *fastPublisher) IsClosed() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ended() != nil
}
