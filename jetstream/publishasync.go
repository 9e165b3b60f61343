package jetstream

import (
	"context"
	"errors"
	"runtime"
	"time"
	"unsafe"

	"github.com/nats-io/nuid"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/protocol"
)

// outgoing is one message as it is to be sent. Its caller owns it.
type outgoing struct {
	msg      *api.Msg // the caller's; nil if there are only subject and payload
	subject  string
	payload  []byte
	block    []byte // encoded header
	id       string // empty if it must not be sent twice
	stream   string // expected
	expected uint64 // last sequence
	retries  int    // if no answer comes
	pause    time.Duration
	stall    time.Duration // how long to wait for room; 0 for until ctx is done
}

// draft is reusable memory for the options and the header of a message.
type draft struct {
	options publishOptions
	header  api.Header
	ids     *nuid.NUID
}

// batchIDField marks a message that belongs to a batch.
const batchIDField = "Nats-Batch-Id"

func (p *publisher) draft() *draft {
	if d, ok := p.drafts.Get().(*draft); ok {
		return d
	}
	return &draft{header: api.Header{}, ids: nuid.New()}
}

func (p *publisher) putAway(d *draft) {
	clear(d.header)
	p.drafts.Put(d)
}

// compose applies the options to a message: it fills in m. The returned header belongs to d.
func (p *publisher) compose(d *draft, own *api.Msg, m *outgoing, options []PublishOpt) (api.Header, error) {
	o := &d.options
	o.begin()
	if err := o.apply(options); err != nil {
		return nil, err
	}
	header := o.merge(own.Header, d.header)
	m.id = header.Get(MsgIDHeader)
	_, batched := header[batchIDField]
	switch {
	case batched:
		m.id = ""
	case m.id == "" && p.opts.idempotent:
		m.id = d.ids.Next()
		header[MsgIDHeader] = []string{m.id}
	}
	m.retries, m.pause, m.stall = o.retryAttempts, o.retryWait, o.stallWait
	m.stream = header.Get(ExpectedStreamHeader)
	m.expected = expectedSequence(header)
	return header, checkPublish(own, header)
}

// expectedSequence returns the last sequence that a message expects, 0 for none.
func expectedSequence(header api.Header) (seq uint64) {
	for _, key := range []string{ExpectedLastSeqHeader, ExpectedLastSubjSeqHeader} {
		for _, c := range header.Get(key) {
			seq = seq*10 + uint64(c-'0')
		}
	}
	return seq
}

// plain reports whether a message can be sent without compose.
func (p *publisher) plain(own *api.Msg, options []PublishOpt) bool {
	return len(options) == 0 && len(own.Header) == 0 && !p.opts.idempotent
}

// PublishAsync publishes and does not wait.
func (js *jetStream) PublishAsync(subject string, payload []byte, opts ...PublishOpt) (PubAckFuture, error) {
	m := api.Msg{Subject: subject, Data: payload}
	return js.pub.publish(context.Background(), &m, &outgoing{stall: defaultStallWait}, opts)
}

// PublishMsgAsync publishes a message and does not wait.
func (js *jetStream) PublishMsgAsync(msg *api.Msg, opts ...PublishOpt) (PubAckFuture, error) {
	return js.pub.publish(context.Background(), msg, &outgoing{msg: msg, stall: defaultStallWait}, opts)
}

// PublishAsyncContext waits for room until ctx is done.
func (js *jetStream) PublishAsyncContext(ctx context.Context, subject string, payload []byte, opts ...PublishOpt) (PubAckFuture, error) {
	m := api.Msg{Subject: subject, Data: payload}
	return js.pub.publishContext(ctx, &m, &outgoing{}, opts)
}

// PublishMsgAsyncContext waits for room until ctx is done.
func (js *jetStream) PublishMsgAsyncContext(ctx context.Context, msg *api.Msg, opts ...PublishOpt) (PubAckFuture, error) {
	return js.pub.publishContext(ctx, msg, &outgoing{msg: msg}, opts)
}

func (p *publisher) publishContext(ctx context.Context, own *api.Msg, m *outgoing, opts []PublishOpt) (PubAckFuture, error) {
	if ctx == nil {
		ctx = context.Background()
	}
	if ctx.Err() != nil {
		return nil, context.Cause(ctx)
	}
	return p.publish(ctx, own, m, opts)
}

// headerRoom is how many bytes of header are encoded on the caller's stack.
const headerRoom = 512

// publish sends own, which is m.msg or has only a subject and data.
func (p *publisher) publish(ctx context.Context, own *api.Msg, m *outgoing, opts []PublishOpt) (PubAckFuture, error) {
	if own == nil {
		return nil, api.ErrInvalidMsg
	}
	if own.Reply != "" {
		return nil, ErrAsyncPublishReplySubjectSet
	}
	m.subject, m.payload = own.Subject, own.Data
	if p.plain(own, opts) {
		m.retries, m.pause = DefaultPubRetryAttempts, DefaultPubRetryWait
		return p.send(ctx, m)
	}
	d := p.draft()
	defer p.putAway(d)
	stall := m.stall
	header, err := p.compose(d, own, m, opts)
	if err != nil {
		return nil, err
	}
	if stall == 0 && m.stall > 0 {
		return nil, &OptionError{Option: "WithStallWait", Reason: "does not go with a context"}
	}
	if m.stall == 0 {
		m.stall = stall
	}
	var room [headerRoom]byte
	if m.block, err = protocol.AppendHeader(room[:0], header); err != nil {
		return nil, err
	}
	return p.send(ctx, m)
}

// send waits for a credit, and for room to send, and puts the message into a slot.
func (p *publisher) send(ctx context.Context, m *outgoing) (PubAckFuture, error) {
	credit := false
	for {
		p.lock()
		if p.desk == nil {
			p.mu.Unlock()
			if err := p.open(); err != nil {
				p.giveBack(credit)
				return nil, err
			}
			continue
		}
		if !credit && !p.chargeLocked() {
			w := p.queueLocked()
			p.mu.Unlock()
			if err := p.await(ctx, w, m.stall); err != nil {
				return nil, err
			}
			credit = true
			continue
		}
		credit = true
		f, kick, poke, err := p.putLocked(m)
		outlet := p.desk.outlet
		p.mu.Unlock()
		if kick != nil {
			kick()
		}
		if poke != nil {
			poke.look()
		}
		switch {
		case err == nil:
			return f, nil
		case !errors.Is(err, api.ErrOutletFull):
			p.giveBack(true)
			return nil, err
		}
		if err := outlet.AwaitRoom(ctx); err != nil {
			p.giveBack(true)
			return nil, context.Cause(ctx)
		}
	}
}

// lock takes mu for a publish. It is held for a few hundred nanoseconds, so yielding is better
// than queueing for it.
func (p *publisher) lock() {
	for range 4 {
		if p.mu.TryLock() {
			return
		}
		runtime.Gosched()
	}
	p.mu.Lock()
}

// putLocked sends a message, or holds it until it can be sent. poke is the desk if its timer
// would be too late for the message.
func (p *publisher) putLocked(m *outgoing) (f *pubAckFuture, kick func(), poke *desk, err error) {
	s := p.takeLocked()
	var number uint64
	if !p.holding {
		var room [128]byte
		reply := appendToken(append(room[:0], p.desk.replies...), s.index, s.use)
		number, kick, err = p.desk.outlet.Put(m.subject, unsafe.String(&reply[0], len(reply)), m.block, m.payload)
	}
	keep := p.holding || errors.Is(err, api.ErrOutletDown)
	if keep {
		err = p.keepableLocked(m)
	}
	if err != nil {
		p.free = append(p.free, s.index)
		return nil, nil, nil, err
	}
	now := p.now()
	f = p.fillLocked(s, m)
	s.deadline = now + p.opts.timeout
	if keep {
		p.holding = true
		p.stageLocked(s, stageHeld)
	} else {
		p.placedLocked(s, number, now)
	}
	return f, kick, p.desk.dueLocked(s), nil
}
