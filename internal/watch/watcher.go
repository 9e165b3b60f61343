package watch

import (
	"context"
	"sync"
	"sync/atomic"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/jetstream"
)

// watcher.go - ties the consumer, the machine and the queue together.
//
//	         Start ─► runs ─► ended
//	                   │        ▲
//	                   └────────┘ Stop, context, connection, stream is gone, slow
//
// One lock guards the machine and the queue, so that events enter the queue in the order of the
// machine's decisions. While holding it, no goroutine calls out or waits, except for its
// conditions.

// Watcher yields the events of a stream to one taker. Its methods are safe for concurrent use.
type Watcher[T any] struct {
	cfg      Config[T]
	consumer jetstream.Consumer
	keeper   atomic.Pointer[api.ActorRef]
	meta     jetstream.MsgMetadata // of the message in handle; owned by handle
	sink     *sink[T]              // of Channel; nil for Events
	unbind   func() bool           // from the context

	mu        sync.Mutex
	room      sync.Cond // there is room in the queue, or the watcher has ended
	come      sync.Cond // there is something in the queue, or the watcher has ended
	machine   machine
	queue     queue[T]
	counts    counts
	awaited   uint64                   // a revision that a caller waits for
	consuming jetstream.ConsumeContext // nil before it begins
	over      bool
	err       error         // why it ended; nil for Stop
	ended     chan struct{} // closed when it has ended
	stopped   atomic.Bool   // and waiting events are discarded
	live      bool          // last argument of Config.Live; owned by the keeper
}

// counts are shown in the tree.
type counts struct {
	entries, undecoded, conflated, stale uint64
	generations, syncs, resyncs          uint64
}

// Start begins to watch. The caller must take the events with Events, or call Stop. The watcher
// ends with ctx; nil is a context that never ends.
//
// Errors: ErrInvalidOption for an invalid config; those of creating a consumer, such as
// ErrStreamNotFound; those of api.Conn.Spawn.
func Start[T any](ctx context.Context, cfg Config[T]) (*Watcher[T], error) {
	return start(ctx, cfg, nil)
}

func start[T any](ctx context.Context, cfg Config[T], to *sink[T]) (*Watcher[T], error) {
	if err := cfg.complete(); err != nil {
		return nil, err
	}
	if ctx == nil {
		ctx = context.Background()
	}
	place, err := resume(ctx, &cfg)
	if err != nil {
		return nil, err
	}
	consumer, err := cfg.Stream.OrderedConsumer(ctx, jetstream.OrderedConsumerConfig{DeliverPolicy: place.deliver,
		OptStartSeq: place.seq, FilterSubjects: cfg.Filters, HeadersOnly: cfg.HeadersOnly})
	if err != nil {
		return nil, err
	}
	w := &Watcher[T]{cfg: cfg, consumer: consumer, sink: to, ended: make(chan struct{})}
	w.room.L, w.come.L = &w.mu, &w.mu
	w.queue.conflate = cfg.Slow == Conflate
	ref, err := cfg.JetStream.Conn().Spawn(api.Spec{Name: cfg.Name, Group: "consumers", LinkChanges: true, Progress: w.progress,
		New: func() api.Actor { return &keeper[T]{w: w} }})
	if err != nil {
		_ = cfg.Stream.DeleteConsumer(ctx, consumer.CachedInfo().Name) // otherwise the server does, after a while
		return nil, err
	}
	w.keeper.Store(ref)
	w.begin(first(place, consumer.CachedInfo()))
	consuming, err := consumer.Consume(w.handle, w.options()...)
	if err != nil {
		w.end(err, false)
		return nil, err
	}
	w.attach(ctx, consuming)
	return w, nil
}

// beginning is where the first sync begins.
type beginning struct {
	deliver jetstream.DeliverPolicy
	seq     uint64        // 0 if the policy alone says where
	gap     jetstream.Gap // why it does not begin where the config says, if so
}

// resume decides where to begin. If the stream has not reached the revision, it is another
// stream; if it begins after the revision, removals may have been missed.
func resume[T any](ctx context.Context, cfg *Config[T]) (beginning, error) {
	if cfg.StartSeq <= 1 { // nothing was seen before
		return beginning{deliver: cfg.Deliver, seq: cfg.StartSeq}, nil
	}
	info, err := cfg.Stream.Info(ctx)
	switch {
	case err != nil:
		return beginning{}, err
	case info.State.LastSeq < cfg.StartSeq-1:
		return beginning{deliver: cfg.again(), gap: jetstream.GapRegressed}, nil
	case info.State.FirstSeq > cfg.StartSeq:
		return beginning{deliver: cfg.Deliver, seq: cfg.StartSeq, gap: jetstream.GapRemoved}, nil
	}
	return beginning{deliver: cfg.Deliver, seq: cfg.StartSeq}, nil
}

// first is the first generation.
func first(place beginning, info *jetstream.ConsumerInfo) generation {
	g := generation{consumer: info.Name, pending: info.NumPending, gap: place.gap, anew: place.gap != jetstream.GapNone}
	if place.deliver == jetstream.DeliverNewPolicy {
		g.after = info.Delivered.Stream
	}
	return g
}

// attach makes the watcher end with its context, and the consumer with the watcher.
func (w *Watcher[T]) attach(ctx context.Context, consuming jetstream.ConsumeContext) {
	w.mu.Lock()
	w.consuming = consuming
	w.unbind = context.AfterFunc(ctx, func() { w.end(context.Cause(ctx), true) })
	over := w.over
	w.mu.Unlock()
	if over {
		w.release()
	}
}

// handle takes a message that the consumer delivers. It is the hot path.
func (w *Watcher[T]) handle(m jetstream.Msg) {
	if w.meta.Read(m) != nil {
		return // no consumer has delivered it
	}
	meta := &w.meta
	e := Event[T]{Kind: Entry, Revision: meta.Sequence.Stream}
	value, keep, err := w.cfg.Decode(m, meta)
	if err != nil {
		e.Kind, e.Err, keep = Undecoded, &DecodeError{Subject: m.Subject(), Revision: e.Revision, Err: err}, true
	} else {
		e.Value = value
	}
	w.mu.Lock()
	for w.full() && !w.over {
		w.room.Wait()
	}
	if w.over {
		w.mu.Unlock()
		return
	}
	v := w.machine.take(meta.Consumer, meta.Sequence.Consumer, e.Revision)
	if v.stale {
		w.counts.stale++
		w.mu.Unlock()
		return
	}
	if keep {
		e.Seen = v.seen
		w.put(e, m.Subject())
	}
	if v.ready {
		w.isReady()
	}
	w.handOn(w.cfg.Slow == Wait)
}

// full reports whether the handler has to wait.
func (w *Watcher[T]) full() bool { return w.cfg.Slow == Wait && w.queue.live >= w.cfg.Waiting }

// put adds an entry to the queue.
func (w *Watcher[T]) put(e Event[T], subject string) {
	if e.Kind == Entry {
		w.counts.entries++
	} else {
		w.counts.undecoded++
	}
	if w.queue.push(e, subject) {
		w.counts.conflated++
	}
}

// isReady adds a Ready to the queue.
func (w *Watcher[T]) isReady() {
	w.counts.syncs++
	w.queue.push(Event[T]{Kind: Ready}, "")
	w.poke()
}

// begin takes the next generation.
func (w *Watcher[T]) begin(g generation) {
	w.mu.Lock()
	w.counts.generations++
	if w.over {
		w.mu.Unlock()
		return
	}
	if g.anew {
		w.counts.resyncs++
		w.queue.push(Event[T]{Kind: Resync, Gap: g.gap}, "")
	}
	if w.machine.begin(g) {
		w.isReady()
	}
	w.poke()
	w.handOn(false)
}

// onRenewed takes the next consumer, before any of its messages.
func (w *Watcher[T]) onRenewed(r jetstream.Renewal) {
	if w.cfg.once && (r.Gap == jetstream.GapReplaced || r.Gap == jetstream.GapRegressed) {
		w.end(&GapError{Stream: r.Stream.Config.Name, Gap: r.Gap}, false)
		return
	}
	w.begin(generation{consumer: r.Consumer.Name, pending: r.Consumer.NumPending, after: r.Last, anew: r.Anew, gap: r.Gap})
}

// onTrouble passes errors of the consumer to the keeper.
func (w *Watcher[T]) onTrouble(_ jetstream.ConsumeContext, err error) {
	if w.cfg.Missing == jetstream.MissingStop && isGone(err) {
		w.end(err, false)
		return
	}
	w.tell(troubled{err: err})
}

// onEnded follows the last message, whatever ended the consumer.
func (w *Watcher[T]) onEnded(err error) {
	switch nc := w.cfg.JetStream.Conn(); {
	case nc.IsClosed():
		err = api.ErrConnectionClosed
	case nc.IsDraining():
		err = api.ErrConnectionDraining
	}
	w.end(err, false)
}

// Stop ends the watcher. It does not wait, and may be called from anywhere, and more than once.
// Waiting events are discarded; a channel is closed.
func (w *Watcher[T]) Stop() { w.end(nil, true) }

// Ended returns a channel that is closed when the watcher has ended; no more events are queued
// then.
func (w *Watcher[T]) Ended() <-chan struct{} { return w.ended }

// Err returns why the watcher ended; nil before that, and after Stop. Errors: the context's;
// ErrConnectionClosed or ErrConnectionDraining; a SlowError; ErrStreamNotFound with MissingStop;
// a GapError of Load; that of the consumer.
func (w *Watcher[T]) Err() error {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.err
}

// end ends the watcher, once. Unless discard is set, waiting events may still be taken.
func (w *Watcher[T]) end(err error, discard bool) {
	w.mu.Lock()
	w.endLocked(err, discard)
	w.mu.Unlock()
	w.release()
}

func (w *Watcher[T]) endLocked(err error, discard bool) {
	if discard {
		w.stopped.Store(true)
		w.queue.clear()
	}
	if w.over {
		return
	}
	w.over, w.err = true, err
	close(w.ended)
	w.room.Broadcast()
	w.come.Broadcast()
	if w.sink != nil {
		w.sink.endLocked(w)
	}
}

// release frees the resources of the watcher. It does nothing before the end, and may be called
// again.
func (w *Watcher[T]) release() {
	w.mu.Lock()
	consuming, unbind := w.consuming, w.unbind
	w.mu.Unlock()
	if unbind != nil {
		unbind()
	}
	if consuming != nil {
		consuming.Stop()
	}
	w.tell(poked{})
}

// poke tells the keeper that the watcher has changed.
func (w *Watcher[T]) poke() { w.tell(poked{}) }

// tell sends the keeper a letter. A keeper that has ended needs none.
func (w *Watcher[T]) tell(letter any) {
	if ref := w.keeper.Load(); ref != nil {
		_ = ref.Send(letter)
	}
}

// progress is what the tree shows.
func (w *Watcher[T]) progress() []api.Counter {
	var more []api.Counter
	if w.cfg.Progress != nil {
		more = w.cfg.Progress()
	}
	w.mu.Lock()
	defer w.mu.Unlock()
	return append(more, []api.Counter{
		{Name: "entries", Value: w.counts.entries},
		{Name: "revision", Value: w.machine.last},
		{Name: "waiting", Value: uint64(w.queue.live)},
		{Name: "syncs", Value: w.counts.syncs},
		{Name: "resyncs", Value: w.counts.resyncs},
		{Name: "consumers", Value: w.counts.generations},
		{Name: "conflated", Value: w.counts.conflated},
		{Name: "undecoded", Value: w.counts.undecoded},
		{Name: "stale", Value: w.counts.stale},
	}...)
}
