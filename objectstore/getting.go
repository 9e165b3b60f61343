package objectstore

import (
	"context"
	"errors"
	"fmt"
	"io"
	"sync"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/jetstream"
)

// getting.go - the actor that fetches the chunks of an object.
//
//	fetching ◄─► waiting: no link, no answer, a replica that is behind
//	   │              │
//	   └──────────────┴─► done, failed
//
// Chunks are asked for page by page, from the stream itself: a page comes as fast as the
// server can send it, and no more of them comes than there is room for. Whatever becomes of
// the link, the next page begins behind the last chunk that has come. The digest is made here,
// while the reader is busy with the chunks before.

// Letters to a receiver.
type (
	// fetched says that all has come, or why not.
	fetched struct{ err error }
)

// getting is what is known of one read. It outlives the incarnations of its actor.
type getting struct {
	s        *store
	info     *Info
	from     *fetcher
	parallel int    // pages at a time; 0 and 1 are one
	index    *index // for parallel ones
	queue    *queue
	skip     int // bytes of the first chunk that are not wanted; the reader's
	self     *api.ActorRef
	link     link
	working  chan struct{} // held by who fetches

	bytes, chunks, resumed atomic.Uint64

	order order // who fetches, like all below
	pages pacer
}

// link is whether there is one, for those who wait for it.
type link struct {
	mu      sync.Mutex
	down    bool
	changed chan struct{} // closed when that changes
}

func newLink() link { return link{changed: make(chan struct{})} }

func (l *link) set(down bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.down = down
	close(l.changed)
	l.changed = make(chan struct{})
}

func (l *link) get() (down bool, changed <-chan struct{}) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.down, l.changed
}

// startGet brings the actor of a read to life, which begins at a chunk.
func (s *store) startGet(info *Info, at place, o *getObjectOptions, x *index) (*getting, error) {
	g := &getting{s: s, info: info, from: s.fetcher(info), parallel: o.parallel, index: x, queue: newQueue(), link: newLink(),
		working: make(chan struct{}, 1), order: newOrder(info, at), pages: newPacer(info)}
	self, err := s.js.Conn().Spawn(api.Spec{Name: transferName("transfer", s.bucket), Group: transferGroup, Policy: transferPolicy(), LinkChanges: true,
		New: func() api.Actor { return &receiver{g} }, Progress: g.progress})
	if err != nil {
		return nil, err
	}
	g.self = self
	return g, nil
}

// close ends the read.
func (g *getting) close(err error) {
	g.queue.end(err)
	dismiss(g.self)
}

// progress returns the counters for the tree.
func (g *getting) progress() []api.Counter {
	return []api.Counter{{Name: "bytes", Value: g.bytes.Load()}, {Name: "chunks", Value: g.chunks.Load()}, {Name: "resumed", Value: g.resumed.Load()}}
}

// receiver is the actor of a read, in one incarnation.
type receiver struct{ g *getting }

// Started has chunks fetched, when an incarnation before this one does so no more.
func (a *receiver) Started(c *api.ActorContext) {
	g := a.g
	c.Become("fetching", api.Well, "")
	g.link.set(false) // if there is none, that is the first letter
	go func() {
		select {
		case g.working <- struct{}{}:
		case <-c.Context().Done():
			return
		}
		err := g.fetch(c)
		<-g.working
		if c.Context().Err() != nil {
			return // the incarnation has ended; the next one fetches the rest
		}
		_ = c.Self().Send(fetched{err}) // refused: it has ended
	}()
}

// Receive handles one letter.
func (a *receiver) Receive(c *api.ActorContext, m any) {
	switch m := m.(type) {
	case fetched:
		a.onFetched(c, m)
	case api.LinkChange:
		a.onLinkChange(m)
	default:
		panic(fmt.Sprintf("receiver: unhandled message %T", m))
	}
}

// Stopping ends a read whose connection ends.
func (a *receiver) Stopping(c *api.ActorContext) {
	if cause := endOf(c.Conn()); cause != nil {
		a.g.queue.end(a.g.s.failed("get", a.g.info.Name, cause))
	}
}

func (a *receiver) onFetched(c *api.ActorContext, m fetched) {
	if m.err == nil {
		c.Become("done", api.Well, "")
		a.g.queue.end(io.EOF)
	} else {
		c.Become("failed", api.Well, m.err.Error())
		a.g.queue.end(a.g.s.failed("get", a.g.info.Name, m.err))
	}
	dismiss(c.Self())
}

func (a *receiver) onLinkChange(m api.LinkChange) {
	a.g.link.set(!m.Connected)
}

// fetch fetches all chunks, and looks whether they are the object.
func (g *getting) fetch(c *api.ActorContext) error {
	ctx, cancel := context.WithCancel(c.Context())
	defer cancel()
	came := make(chan *jetstream.RawStreamMsg, g.pages.most) // while their digest is made, the next page is asked for
	var pending uint64
	var failed error
	go func() {
		defer close(came)
		p := patience{g: g, c: c, ctx: ctx}
		if g.parallel > 1 && g.info.Chunks > 1 {
			failed = g.fetchParallel(&p, came)
			return
		}
		pending, failed = g.fetchPages(&p, came)
	}()
	var wrong error
	for m := range came {
		if wrong == nil {
			if wrong = g.take(ctx, m); wrong != nil {
				cancel()
			}
		}
	}
	switch {
	case wrong != nil:
		return wrong
	case errors.Is(failed, errLostChunks):
		return g.order.wrong("chunks are missing")
	case failed != nil:
		return failed
	}
	return g.order.end(pending)
}

// take takes the next chunk, and hands it over.
func (g *getting) take(ctx context.Context, m *jetstream.RawStreamMsg) error {
	if err := ctx.Err(); err != nil {
		return err
	}
	if err := g.order.take(m); err != nil {
		return err
	}
	g.bytes.Store(g.order.bytes)
	g.chunks.Store(uint64(g.order.chunks))
	g.queue.put(ctx, m.Data)
	return nil
}

// fetchPages fetches one page after the other, and returns how many messages stand behind the
// last chunk.
func (g *getting) fetchPages(p *patience, came chan<- *jetstream.RawStreamMsg) (pending uint64, err error) {
	seq, left := g.order.seq, g.info.Chunks-g.order.chunks
	for {
		n, began := g.pages.next(left), time.Now()
		pending, err = g.from.read(p.ctx, seq+1, n, func(m *jetstream.RawStreamMsg) error {
			seq, left = m.Sequence, left-min(left, 1)
			p.progress()
			return g.pass(p.ctx, m, came)
		})
		g.pages.took(n, time.Since(began), err)
		switch {
		case err == nil && left == 0:
			return pending, nil
		case err == nil && pending > 0:
			continue
		case (err == nil || errors.Is(err, jetstream.ErrMsgNotFound)) && left == 0:
			return 0, nil
		case err == nil || errors.Is(err, jetstream.ErrMsgNotFound):
			err = g.from.missing(p.ctx)
		}
		if err := p.pause(err); err != nil {
			return 0, err
		}
	}
}

// pass passes a message on.
func (g *getting) pass(ctx context.Context, m *jetstream.RawStreamMsg, came chan<- *jetstream.RawStreamMsg) error {
	select {
	case came <- m:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// patience is how long a read goes on without getting on.
type patience struct {
	g     *getting
	c     *api.ActorContext
	ctx   context.Context // ends it
	tries int             // in a row
	since time.Time
}

// progress notes that a chunk has come.
func (p *patience) progress() {
	if p.tries > 0 {
		p.c.Become("fetching", api.Well, "")
	}
	p.tries = 0
}

// pause waits before the next try, or returns err if there is to be none: a link that is
// lost is waited for, but a store that does not answer only for a while.
func (p *patience) pause(err error) error {
	g, ctx := p.g, p.ctx
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	if !passes(err) {
		return err
	}
	down, changed := g.link.get()
	if p.tries == 0 || down {
		p.since = time.Now()
	}
	if time.Since(p.since) >= stallMax*g.s.js.Options().DefaultTimeout {
		return err
	}
	p.c.Become("waiting", api.Degraded, err.Error())
	g.resumed.Add(1)
	t := time.NewTimer(min(linePause<<min(p.tries, 10), linePauseMax))
	defer t.Stop()
	p.tries++
	for over := false; !over || down; down, changed = g.link.get() {
		select {
		case <-t.C:
			over = true
		case <-changed:
			over = true
		case <-ctx.Done():
			return context.Cause(ctx)
		}
	}
	return nil
}

// pacer says how many chunks a page has: few at first, and more as long as they come
// quickly. On a slow link a page must not take longer than one may.
type pacer struct {
	count, most int
}

const (
	// pageChunksFirst is how many chunks the first page has.
	pageChunksFirst = 8
	// pageBytes is how many bytes a page has at most, as far as chunks have the size that
	// they should have.
	pageBytes = 4 << 20
	// pageChunksMax is how many chunks a page has at most.
	pageChunksMax = 1024
	// pageQuick is how quickly a page comes that may grow.
	pageQuick = 500 * time.Millisecond
)

func newPacer(info *Info) pacer {
	size := DefaultChunkSize
	if info.Opts != nil && info.Opts.ChunkSize > 0 {
		size = int(info.Opts.ChunkSize)
	}
	most := min(max(1, pageBytes/size), pageChunksMax)
	return pacer{count: min(pageChunksFirst, most), most: most}
}

// next returns how many chunks to ask for, of so many that are left: at least one, for what
// should not be there.
func (p *pacer) next(left uint32) int { return int(max(1, min(uint32(p.count), left))) }

// took notes how long a page has taken.
func (p *pacer) took(n int, d time.Duration, err error) {
	switch {
	case err != nil:
		p.count = max(1, p.count/2)
	case n == p.count && d < pageQuick:
		p.count = min(2*p.count, p.most)
	}
}
