package jetstream

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/api"
)

// fetch.go - one pull, and the messages that it brings.
//
//	Fetch ──► inbox ──► onMsg ──► batch.msgs ──► Messages()
//	                      ▲
//	ended by: all arrived, a status, the deadline, the context, the link, the connection

// FetchEnd says why a batch has ended.
type FetchEnd uint8

// Why a batch has ended.
const (
	// FetchOpen: it has not.
	FetchOpen FetchEnd = iota
	// FetchComplete: everything that was asked for has arrived.
	FetchComplete
	// FetchExpired: the time is up.
	FetchExpired
	// FetchNoMessages: FetchNoWait found no more.
	FetchNoMessages
	// FetchFull: the next message does not fit into the bytes that were asked for.
	FetchFull
	// FetchCanceled: the context ended.
	FetchCanceled
	// FetchDisconnected: the link to the server was lost, or the connection closed.
	FetchDisconnected
	// FetchSilent: heartbeats of the server were missing.
	FetchSilent
	// FetchRefused: the server ended it; see Error.
	FetchRefused
)

// fetchEndNames are in the order of the values.
const fetchEndNames = "open complete expired no-messages full canceled disconnected silent refused"

// String returns the reason in lower case.
func (e FetchEnd) String() string { return word(strings.Fields(fetchEndNames), int(e), "unknown") }

// MessageBatch is the result of a fetch. It is safe for concurrent use.
type MessageBatch interface {
	// Messages returns the channel of the messages, which is closed after the last one. A batch
	// whose channel is not read does not delay anything else.
	Messages() <-chan Msg
	// Error returns what ended the batch early; nil while it is open and if nothing did. Fewer
	// messages than asked for, or none, are not an error.
	Error() error
	// Reason returns why the batch has ended: FetchOpen until then.
	Reason() FetchEnd
}

// fetchBuffer is the capacity of the channel of a batch, messages. More wait in its subscription.
const fetchBuffer = 4096

// fetchGrace is how long after its own deadline a fetch waits for the server's status.
const fetchGrace = time.Second

// batch implements MessageBatch.
type batch struct {
	c      *pullConsumer
	opts   fetchOpts
	pinned *pin
	in     *fetchInbox
	reply  string // of the pull
	msgs   chan Msg
	done   chan struct{} // closed at the end: nothing is added after it
	slab   msgSlab       // of the subscription's goroutine, as are these
	came   int
	bytes  int

	arrived atomic.Uint64 // messages and statuses
	seen    uint64        // of them, at the last beat; of the beat's timer

	mu       sync.Mutex
	reason   FetchEnd
	err      error
	deadline *time.Timer
	beat     *time.Timer
	detach   func() bool // from the context
	putting  bool        // the subscription is about to put a message in
}

// pin is the pin of fetches with one consumer object and group.
type pin struct{ id atomic.Pointer[string] }

// Fetch asks for messages.
func (c *pullConsumer) Fetch(batch int, options ...FetchOpt) (MessageBatch, error) {
	return c.fetchWith(fetchOpts{pullRequest: pullRequest{batch: batch}, sizable: true}, options)
}

// FetchBytes asks for up to maxBytes of messages.
func (c *pullConsumer) FetchBytes(maxBytes int, options ...FetchOpt) (MessageBatch, error) {
	if err := atLeast("FetchBytes", maxBytes, 1); err != nil {
		return nil, err
	}
	return c.fetchWith(fetchOpts{pullRequest: pullRequest{batch: bytesOnlyBatch, maxBytes: maxBytes}}, options)
}

// FetchNoWait asks for the messages that are available.
func (c *pullConsumer) FetchNoWait(batch int) (MessageBatch, error) {
	return c.fetch(fetchOpts{pullRequest: pullRequest{batch: batch, noWait: true}})
}

// Next asks for one message, and waits for it.
func (c *pullConsumer) Next(options ...FetchOpt) (Msg, error) {
	b, err := c.fetchWith(fetchOpts{pullRequest: pullRequest{batch: 1}}, options)
	if err != nil {
		return nil, err
	}
	if m, ok := <-b.msgs; ok {
		return m, nil
	}
	return nil, b.nothing()
}

// FetchWithContext asks for messages, and waits for them.
func (c *pullConsumer) FetchWithContext(ctx context.Context, batch int, options ...FetchOpt) ([]Msg, error) {
	return c.collect(ctx, fetchOpts{pullRequest: pullRequest{batch: batch}, sizable: true}, options)
}

// NextWithContext asks for one message, and waits for it.
func (c *pullConsumer) NextWithContext(ctx context.Context, options ...FetchOpt) (Msg, error) {
	msgs, err := c.collect(ctx, fetchOpts{pullRequest: pullRequest{batch: 1}}, options)
	if err != nil {
		return nil, err
	}
	return msgs[0], nil
}

// collect makes a fetch and waits for its end.
func (c *pullConsumer) collect(ctx context.Context, o fetchOpts, options []FetchOpt) ([]Msg, error) {
	if ctx == nil {
		return nil, api.ErrInvalidContext
	}
	if ctx.Err() != nil {
		return nil, c.fetchError(&o, 0, interruption(ctx))
	}
	b, err := c.fetchWith(o, append(slices.Clone(options), FetchContext(ctx)))
	if err != nil {
		return nil, err
	}
	var msgs []Msg
	for m := range b.msgs {
		msgs = append(msgs, m)
	}
	if len(msgs) > 0 {
		return msgs, nil
	}
	return nil, b.nothing()
}

func (c *pullConsumer) fetchWith(o fetchOpts, options []FetchOpt) (*batch, error) {
	if err := c.fetchOptions(&o, options); err != nil {
		return nil, err
	}
	return c.fetch(o)
}

// fetch subscribes, and sends the pull.
func (c *pullConsumer) fetch(o fetchOpts) (*batch, error) {
	if err := atLeast("batch", o.batch, 1); err != nil {
		return nil, err
	}
	if err := checkGroup(c.CachedInfo().Config.PriorityGroups, o.group); err != nil {
		return nil, err
	}
	b := &batch{c: c, opts: o, msgs: make(chan Msg, min(o.batch, fetchBuffer)), done: make(chan struct{})}
	fetches, err := c.js.fetchesOf()
	if err != nil {
		return nil, err
	}
	if o.group != "" {
		b.pinned = c.pinOf(o.group)
		if id := b.pinned.id.Load(); id != nil {
			b.opts.pin = *id
		}
	}
	if err := b.enter(); err != nil {
		return nil, err
	}
	fetches.add(b)
	if o.ordered != nil {
		o.ordered.batch.Store(b)
	}
	b.arm()
	body := b.opts.append(make([]byte, 0, pullBytes))
	if err := c.js.nc.PublishRequest(c.js.nextSubject(c.stream, c.name), b.reply, body); err != nil {
		b.end(FetchDisconnected, err)
		return nil, err
	}
	return b, nil
}

// arm sets up what ends the batch if the server does not.
func (b *batch) arm() {
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.reason != FetchOpen {
		return
	}
	wait := b.opts.expires
	if b.opts.noWait {
		wait = b.c.js.opts.DefaultTimeout
	}
	b.deadline = time.AfterFunc(wait+fetchGrace, func() { b.end(FetchExpired, nil) })
	if hb := b.opts.heartbeat; hb > 0 {
		b.beat = time.AfterFunc(2*hb, b.onBeatDue)
	}
	if ctx := b.opts.ctx; ctx != nil {
		b.detach = context.AfterFunc(ctx, func() { b.end(FetchCanceled, interruption(ctx)) })
	}
}

// onBeatDue ends a batch that received nothing for two heartbeat intervals.
func (b *batch) onBeatDue() {
	b.mu.Lock()
	now := b.arrived.Load()
	silent := now == b.seen && !b.putting // while putting, an arrived message waits for its reader
	b.seen = now
	if !silent && b.reason == FetchOpen {
		b.beat.Reset(2 * b.opts.heartbeat)
	}
	b.mu.Unlock()
	if silent {
		b.end(FetchSilent, ErrNoHeartbeat)
	}
}

// onMsg handles messages to the inbox.
func (b *batch) onMsg(m *api.Msg) {
	b.arrived.Add(1)
	if isStatus(m) {
		b.onStatus(m)
		return
	}
	if b.opts.ordered != nil && !b.opts.ordered.admits(b, m) {
		return
	}
	jm := b.slab.next(len(m.Data) + len(m.Reply) + len(m.Subject))
	jm.msg, jm.js = m, b.c.js
	if b.pinned != nil {
		if id := m.Header.Get(pinHeader); id != "" {
			b.pinned.id.Store(&id)
		}
	}
	if !b.put(jm) {
		b.giveBack(jm)
		return
	}
	b.came++
	if b.opts.maxBytes > 0 {
		b.bytes += m.Size()
	}
	if b.came == b.opts.batch || b.opts.maxBytes > 0 && b.bytes >= b.opts.maxBytes {
		b.end(FetchComplete, nil)
	}
}

// put puts a message into the channel, and waits for room. It reports false if the batch
// has ended.
func (b *batch) put(m Msg) bool {
	b.mu.Lock()
	if b.reason != FetchOpen {
		b.mu.Unlock()
		return false
	}
	select {
	case b.msgs <- m:
		b.mu.Unlock()
		return true
	default:
	}
	b.putting = true
	b.mu.Unlock()
	sent := false
	select {
	case b.msgs <- m:
		sent = true
	case <-b.done:
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.putting = false
	if b.reason != FetchOpen {
		close(b.msgs)
	}
	return sent
}

// giveBack has a message redelivered that came too late, or found no room before the end.
func (b *batch) giveBack(m *jsMsg) {
	if b.c.CachedInfo().Config.AckPolicy == AckExplicitPolicy {
		_ = m.Nak() // without a connection it is redelivered after AckWait
	}
}

// onStatus ends the batch as the table of statuses says.
func (b *batch) onStatus(m *api.Msg) {
	meaning := meaningOf(fromConsumer, m.Status(), m.Description())
	if !meaning.ends {
		return
	}
	if meaning.action == statusUnpin && b.pinned != nil {
		b.pinned.id.Store(nil)
	}
	switch meaning.kind {
	case ErrNoMessages:
		b.end(FetchNoMessages, nil)
	case ErrFetchTimeout:
		b.end(FetchExpired, nil)
	case ErrMaxBytesExceeded:
		b.end(FetchFull, nil)
	default:
		e := statusFetchError(m)
		e.Stream, e.Consumer, e.Requested, e.Received = b.c.stream, b.c.name, b.opts.batch, b.came
		b.end(FetchRefused, e)
	}
}

// end ends the batch, once.
func (b *batch) end(why FetchEnd, err error) {
	b.mu.Lock()
	if b.reason != FetchOpen {
		b.mu.Unlock()
		return
	}
	b.reason, b.err = why, err
	if b.deadline != nil {
		b.deadline.Stop()
	}
	if b.beat != nil {
		b.beat.Stop()
	}
	if b.detach != nil {
		b.detach()
	}
	close(b.done)
	if !b.putting {
		close(b.msgs)
	}
	b.mu.Unlock()
	b.c.js.fetches.remove(b)
	b.leave(why)
}

// Messages returns the channel of the messages.
func (b *batch) Messages() <-chan Msg { return b.msgs }

// Error returns what ended the batch early.
func (b *batch) Error() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

// Reason returns why the batch has ended.
func (b *batch) Reason() FetchEnd {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.reason
}

// nothing is the error for a batch that has ended without a message.
func (b *batch) nothing() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	err := b.err
	switch {
	case b.reason == FetchNoMessages:
		err = ErrNoMessages
	case err == nil:
		err = ErrFetchTimeout
	case b.reason == FetchCanceled && errors.Is(err, context.DeadlineExceeded):
		err = errors.Join(ErrFetchTimeout, err)
	}
	return b.c.fetchError(&b.opts, 0, err)
}

// fetchError says which fetch failed.
func (c *pullConsumer) fetchError(o *fetchOpts, received int, err error) error {
	var e *FetchError
	if errors.As(err, &e) {
		return err
	}
	return &FetchError{Stream: c.stream, Consumer: c.name, Requested: o.batch, Received: received, Err: err}
}

// pinOf returns the pin of fetches for a group.
func (c *pullConsumer) pinOf(group string) *pin {
	p, _ := c.pins.LoadOrStore(group, new(pin))
	return p.(*pin)
}

// fetchSet are the batches of a JetStream that have not ended. They end with the link, which an
// actor observes.
type fetchSet struct {
	mu   sync.Mutex
	open map[*batch]struct{}
	ref  *api.ActorRef
}

// fetchesOf returns the batches of a JetStream, with their actor alive.
func (js *jetStream) fetchesOf() (*fetchSet, error) {
	s := &js.fetches
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.ref != nil {
		return s, nil
	}
	ref, err := js.nc.Spawn(api.Spec{Group: "consumers", LinkChanges: true, New: func() api.Actor { return s }, Progress: s.counters})
	if err != nil {
		return nil, err
	}
	s.ref, s.open = ref, map[*batch]struct{}{}
	return s, nil
}

func (s *fetchSet) add(b *batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.open[b] = struct{}{}
}

func (s *fetchSet) remove(b *batch) {
	s.mu.Lock()
	defer s.mu.Unlock()
	delete(s.open, b)
}

func (s *fetchSet) counters() []api.Counter {
	s.mu.Lock()
	defer s.mu.Unlock()
	return []api.Counter{{Name: "open fetches", Value: uint64(len(s.open))}}
}

// Receive handles changes of the link: when it is lost, so are the pulls.
func (s *fetchSet) Receive(_ *api.ActorContext, m any) {
	switch m := m.(type) {
	case api.LinkChange:
		s.onLink(m)
	default:
		panic(fmt.Sprintf("fetches: unhandled message %T", m))
	}
}

func (s *fetchSet) onLink(m api.LinkChange) {
	if m.Connected && !m.Moved && !m.Draining {
		return
	}
	err := api.ErrDisconnected
	if m.Draining {
		err = api.ErrConnectionDraining
	}
	s.endAll(err)
}

// Stopping ends the remaining batches with the connection.
func (s *fetchSet) Stopping(c *api.ActorContext) {
	if c.Conn().IsClosed() {
		s.endAll(ErrConnectionClosed)
	}
}

func (s *fetchSet) endAll(err error) {
	s.mu.Lock()
	open := make([]*batch, 0, len(s.open))
	for b := range s.open {
		open = append(open, b)
	}
	s.mu.Unlock()
	for _, b := range open {
		b.end(FetchDisconnected, b.c.fetchError(&b.opts, 0, err))
	}
}
