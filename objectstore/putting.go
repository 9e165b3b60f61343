package objectstore

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/protocol"
)

// putting.go - the actor that sends the chunks of an object.
//
//	                 trouble                                     all chunks are stored
//	sending ◄──────────────────► settling, checking, clearing ─┐        │
//	   │                                                       ├─► failed, stored
//	   └── waiting: there is no link ◄─────────────────────────┘
//
// The line decides what to do, and the actor does it. The caller of Put reads the object and
// hands over chunk after chunk, as many as the window has room for; the memory of a stored chunk
// is reused. So the reader is as fast as the store. The actor itself receives the
// acknowledgements.

// Letters to a sender, in the order of Receive.
type (
	// chunkRead says that there is another chunk, or the end.
	chunkRead struct{}

	// linkLost and linkUp report the state of the link.
	linkLost struct{ loss api.OutletLoss }
	linkUp   struct{}

	// putDenied says that a server refuses a chunk, or all of them.
	putDenied struct{ err error }

	// roomCame says that the outlet has room again.
	roomCame struct{}

	// taskDone is the result of a task.
	taskDone struct {
		turn  int
		found []found
		count uint64
		err   error
	}

	// workDue says that it is time to work.
	workDue struct{}
)

// putting is the state of one put. It outlives the incarnations of its actor.
type putting struct {
	s       *store
	subject string // to which chunks are published
	stored  string // of the chunks in the stream
	id      string
	header  api.Header
	outlet  *api.Outlet
	replies string
	sub     *api.Subscription
	self    atomic.Pointer[api.ActorRef]
	down    atomic.Bool // the link was lost, and the actor has not handled that yet
	told    atomic.Bool // the actor has an unread letter about chunks

	slots    chan struct{} // places in the window
	chunks   chan []byte   // handed over; closed after the last one
	moved    chan struct{} // chunks were stored
	finished chan struct{} // closed when err is set
	err      error
	free     func([]byte) // takes back the memory of chunks that are stored

	sending sync.Mutex        // held while a chunk is read
	over    bool              // no chunk is read any more
	reached uint32            // the highest number of a chunk that was sent; for the holder, like copies
	copies  map[uint32]uint32 // of chunks that are not the first one with their number

	bytes, acked, resumed, waiting, places atomic.Uint64

	line   line // the actor's, like all below
	task   task // that is under way
	turn   int  // of tasks
	full   bool // the outlet has no room
	closed bool // finished is closed
	block  []byte
}

// startPut spawns the actor of a put.
func (s *store) startPut(subject, id string, places window, o *putOptions) (*putting, error) {
	timeout := s.js.Options().DefaultTimeout
	p := &putting{s: s, subject: subject + "C." + id, stored: s.chunksOf(id), id: id,
		slots: make(chan struct{}, places.most), chunks: make(chan []byte, places.most), moved: make(chan struct{}, 1), finished: make(chan struct{}), copies: map[uint32]uint32{},
		line: line{times: lineTimes{silence: timeout, settle: timeout / 5, stall: stallMax * timeout}, window: places}}
	p.header = api.Header{jetstream.MsgIDHeader: {""}}
	if o.ttl > 0 {
		p.header.Set(jetstream.MsgTTLHeader, o.ttl.String())
	}
	nc := s.js.Conn()
	outlet, err := nc.Outlet(api.OutletSpec{Lost: p.onLost, Linked: p.onLinked, Refused: p.onRefused})
	if err != nil {
		return nil, err
	}
	p.outlet, p.replies = outlet, outlet.Replies()
	s.puts.Add(1)
	p.give()
	self, err := nc.Spawn(api.Spec{Name: transferName("transfer", s.bucket), Group: transferGroup, Policy: transferPolicy(),
		New: func() api.Actor { return &sender{p: p} }, Progress: p.progress})
	if err == nil {
		p.self.Store(self)
		p.sub, err = nc.SubscribeActor(p.replies+">", self, api.OverlapOnMove())
	}
	if err != nil {
		p.close()
		return nil, err
	}
	if nc.IsConnected() {
		p.post(linkUp{})
	}
	return p, nil
}

// close ends the actor and its subscription. Afterwards no chunk is sent, and no memory of a
// chunk is read.
func (p *putting) close() {
	p.s.puts.Add(-1)
	p.sending.Lock()
	p.over = true
	p.sending.Unlock()
	p.outlet.Close()
	if p.sub != nil {
		_ = p.sub.Unsubscribe() // an error means that the connection has ended it
	}
	if self := p.self.Load(); self != nil {
		dismiss(self)
	}
}

// post sends the actor a letter; an actor that has ended does not need it.
func (p *putting) post(m any) {
	if self := p.self.Load(); self != nil {
		_ = self.Send(m)
	}
}

// tellChunks tells the actor that there are chunks, or the end, with at most one unread letter.
func (p *putting) tellChunks() {
	if !p.told.Swap(true) {
		p.post(chunkRead{})
	}
}

func (p *putting) onLost(loss api.OutletLoss) {
	p.down.Store(true)
	p.post(linkLost{loss})
}

func (p *putting) onLinked() { p.post(linkUp{}) }

func (p *putting) onRefused(subject, reply string, err error) {
	if subject == p.subject || strings.HasPrefix(reply, p.replies) {
		p.post(putDenied{err})
	}
}

// progress returns the counters for the tree.
func (p *putting) progress() []api.Counter {
	return []api.Counter{
		{Name: "bytes", Value: p.bytes.Load()}, {Name: "chunks", Value: p.acked.Load()}, {Name: "window", Value: p.places.Load()},
		{Name: "waiting", Value: p.waiting.Load()}, {Name: "resumed", Value: p.resumed.Load()},
	}
}

// sender is the actor of a put, in one incarnation.
type sender struct {
	p     *putting
	stop  func() bool // the timer; nil for none
	armed time.Time   // when it is due
	shown string      // the state, and its reason
}

// Started continues where an earlier incarnation ended. A letter may have been lost with it;
// when the line waits for one in vain, it asks the store.
func (a *sender) Started(c *api.ActorContext) {
	p, now := a.p, time.Now()
	if c.Restarts() > 0 {
		p.line.undone(p.task, errBehind, now)
		p.line.linked = false
		p.down.Store(false)
		if c.Conn().IsConnected() {
			p.line.relinked(now)
		}
	}
	p.task, p.full = taskNone, false
	p.turn++
	a.onChunkRead(c)
}

// Receive handles one letter.
func (a *sender) Receive(c *api.ActorContext, m any) {
	switch m := m.(type) {
	case chunkRead:
		a.onChunkRead(c)
	case *api.Msg:
		a.onAnswer(c, m)
	case linkLost:
		a.onLinkLost(c, m)
	case linkUp:
		a.onLinkUp(c)
	case putDenied:
		a.onDenied(c, m)
	case roomCame:
		a.onRoom(c)
	case taskDone:
		a.onTaskDone(c, m)
	case workDue:
		a.onWorkDue(c)
	default:
		panic(fmt.Sprintf("sender: unhandled message %T", m))
	}
}

// Stopping ends a put whose connection ends.
func (a *sender) Stopping(c *api.ActorContext) {
	if cause := endOf(c.Conn()); cause != nil {
		a.p.finish(cause)
	}
}

// onChunkRead takes the chunks that were handed over.
func (a *sender) onChunkRead(c *api.ActorContext) {
	p := a.p
	p.told.Store(false)
	for {
		select {
		case data, more := <-p.chunks:
			if more {
				p.line.add(data, time.Now())
				continue
			}
			p.line.whole = true
		default:
		}
		a.work(c)
		return
	}
}

// onAnswer takes the stream's answer to a chunk.
func (a *sender) onAnswer(c *api.ActorContext, m *api.Msg) {
	p, now := a.p, time.Now()
	id, ok := parseChunkID(strings.TrimPrefix(m.Subject, p.replies))
	if !ok {
		return
	}
	if len(m.Data) == 0 && m.Status() == 503 {
		p.line.refused(id, jetstream.ErrNoStreamResponse, now)
		a.work(c)
		return
	}
	ack, err := jetstream.ReadPubAck(m.Data)
	switch {
	case err != nil:
		p.line.refused(id, err, now)
	case ack.Stream != stores.Stream(p.s.bucket):
		p.line.fail(&jetstream.APIError{Code: 400, ErrorCode: jetstream.JSErrCodeStreamNotMatch, Stream: ack.Stream,
			Op: "put", Description: "another stream stores the chunks of the bucket"})
	default:
		p.line.stored(id, ack.Sequence, now)
	}
	a.work(c)
}

func (a *sender) onLinkLost(c *api.ActorContext, m linkLost) {
	a.p.line.lost(m.loss.Sent, m.loss.Cause, time.Now())
	a.work(c)
}

func (a *sender) onLinkUp(c *api.ActorContext) {
	a.p.down.Store(false)
	a.p.line.relinked(time.Now())
	a.work(c)
}

func (a *sender) onDenied(c *api.ActorContext, m putDenied) {
	if !a.p.line.ended() {
		a.p.line.fail(m.err)
	}
	a.work(c)
}

func (a *sender) onRoom(c *api.ActorContext) {
	a.p.full = false
	a.work(c)
}

func (a *sender) onTaskDone(c *api.ActorContext, m taskDone) {
	p, now := a.p, time.Now()
	if m.turn != p.turn {
		return // of an earlier incarnation
	}
	t := p.task
	p.task = taskNone
	switch {
	case m.err != nil:
		p.line.undone(t, m.err, now)
	case t == taskLook:
		p.line.looked(m.found, now)
	case t == taskClear:
		p.line.cleared(now)
	case t == taskCount:
		p.line.counted(m.count)
	}
	a.work(c)
}

func (a *sender) onWorkDue(c *api.ActorContext) {
	a.stop = nil
	a.work(c)
}

// work does all that can be done now.
func (a *sender) work(c *api.ActorContext) {
	p := a.p
	for {
		a.send(c)
		t, wake := p.line.work(time.Now())
		if t != taskNone {
			a.begin(c, t)
		}
		if p.full || p.down.Load() || p.line.next(time.Now()) == nil {
			a.rest(c, wake)
			return
		}
	}
}

// send sends chunks.
func (a *sender) send(c *api.ActorContext) {
	p := a.p
	for !p.full && !p.down.Load() {
		k := p.line.next(time.Now())
		if k == nil {
			return
		}
		number, err := p.put(k)
		switch {
		case err == nil:
			p.line.placed(number, time.Now())
		case errors.Is(err, api.ErrOutletDown):
			p.line.linked = false // the actor is notified of the next link
		case errors.Is(err, api.ErrOutletFull):
			a.awaitRoom(c)
		default:
			p.line.fail(err)
		}
	}
}

// put sends one chunk.
func (p *putting) put(k *chunk) (number uint64, err error) {
	p.sending.Lock()
	defer p.sending.Unlock()
	if p.over {
		return 0, api.ErrOutletDown
	}
	p.reached = max(p.reached, k.number)
	if k.copy > 0 {
		p.copies[k.number] = k.copy
	}
	p.header[jetstream.MsgIDHeader][0] = p.msgID(k.chunkID)
	if p.block, err = protocol.AppendHeader(p.block[:0], p.header); err != nil {
		return 0, err
	}
	number, kick, err := p.outlet.Put(p.subject, p.replies+k.String(), p.block, k.data)
	if kick != nil {
		kick()
	}
	return number, err
}

// awaitRoom has the actor notified when the outlet has room.
func (a *sender) awaitRoom(c *api.ActorContext) {
	a.p.full = true
	ctx, self, outlet := c.Context(), c.Self(), a.p.outlet
	go func() {
		if outlet.AwaitRoom(ctx) == nil {
			_ = self.Send(roomCame{})
		}
	}()
}

// begin starts a task.
func (a *sender) begin(c *api.ActorContext, t task) {
	p := a.p
	p.task = t
	if t == taskLook {
		p.resumed.Add(1)
	}
	ctx, self, turn := c.Context(), c.Self(), p.turn
	j := job{s: p.s, stored: p.stored, id: p.id, after: p.line.seq, strays: slices.Clone(p.line.strays)}
	go func() {
		done := j.do(ctx, t)
		done.turn = turn
		_ = self.Send(done) // refused: the connection ends
	}()
}

// rest gives back free memory, notifies the caller that waits, and shows the state.
func (a *sender) rest(c *api.ActorContext, wake time.Time) {
	p, l := a.p, &a.p.line
	a.arm(c, wake)
	if len(l.free) > 0 {
		p.giveBack()
	}
	p.waiting.Store(uint64(len(l.kept)))
	switch {
	case l.state == lineFailed:
		a.show(c, l.state.String(), api.Well, l.failed)
		p.finish(l.failed)
	case l.state == lineStored:
		a.show(c, l.state.String(), api.Well, nil)
		p.finish(nil)
	case !l.linked:
		a.show(c, "waiting", api.Degraded, api.ErrDisconnected)
	case l.state == lineLive && now(l.resume):
		a.show(c, l.state.String(), api.Well, nil)
	default:
		a.show(c, l.state.String(), api.Degraded, l.cause)
	}
}

// arm makes the actor work at wake, unless it does so earlier anyway.
func (a *sender) arm(c *api.ActorContext, wake time.Time) {
	if wake.IsZero() || a.stop != nil && !wake.Before(a.armed) {
		return
	}
	if a.stop != nil {
		a.stop()
	}
	a.armed = wake
	a.stop = c.After(max(time.Until(wake), time.Millisecond), workDue{})
}

// show shows the state, and why it is in it.
func (a *sender) show(c *api.ActorContext, state string, level api.Level, why error) {
	reason := ""
	if why != nil {
		reason = why.Error()
	}
	if shown := state + reason; shown != a.shown {
		a.shown = shown
		c.Become(state, level, reason)
	}
}

// now reports whether a time has come.
func now(t time.Time) bool { return !time.Now().Before(t) }

// give gives out the places of the window.
func (p *putting) give() {
	puts := int(p.s.puts.Load())
	for range p.line.window.give(puts) {
		p.slots <- struct{}{} // does not block: the channel has room for all places
	}
	p.places.Store(uint64(p.line.window.room(puts)))
}

// giveBack gives the places of chunks that are stored back to the window.
func (p *putting) giveBack() {
	l := &p.line
	p.bytes.Store(l.bytes)
	p.acked.Store(uint64(l.acked))
	for i, data := range l.free {
		l.free[i] = nil
		p.free(data)
	}
	l.free = l.free[:0]
	p.give()
	select {
	case p.moved <- struct{}{}:
	default:
	}
}

// finish reports the outcome to the caller that waits.
func (p *putting) finish(err error) {
	if p.closed {
		return
	}
	p.closed = true
	p.err = err
	close(p.finished)
}
