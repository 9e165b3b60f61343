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
//	fetching ◄─► waiting: no link, no answer, a replica that lags
//	   │              │
//	   └──────────────┴─► done, failed
//
// Chunks are requested page by page, from the stream itself: a page comes as fast as the server
// can send it, and at most two pages, or as many as GetObjectParallel says, are requested at a
// time. If the link is lost, the next page begins after the last chunk that has come. The digest
// is computed here, while the reader is busy with earlier chunks, whose memory is reused when
// they have been read.

// Letters to a receiver.
type (
	// fetched says that everything has come, or why not.
	fetched struct{ err error }
)

// getting is the state of one read. It outlives the incarnations of its actor.
type getting struct {
	s        *store
	info     *Info
	from     *fetcher
	parallel int    // pages at a time; 0 and 1 are one
	index    *index // for parallel pages
	queue    *queue
	skip     int // bytes of the first chunk to skip; owned by the reader
	self     *api.ActorRef
	link     link
	working  chan struct{} // held while fetching

	bytes, chunks, resumed atomic.Uint64

	order order // owned by the fetching goroutine, like all below
	pages pacer
}

// link says whether there is a link, to goroutines that wait for one.
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

// startGet spawns the actor of a read that begins at a chunk.
func (s *store) startGet(info *Info, at place, o *getObjectOptions, x *index) (*getting, error) {
	g := &getting{s: s, info: info, from: s.fetcher(info), parallel: o.parallel, index: x, queue: newQueue(), link: newLink(),
		working: make(chan struct{}, 1), order: newOrder(info, at), pages: newPacer(info)}
	if !o.keeps {
		g.from.buffers = s.buffers()
	}
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

// Started fetches chunks, as soon as an earlier incarnation no longer does.
func (a *receiver) Started(c *api.ActorContext) {
	g := a.g
	c.Become("fetching", api.Well, "")
	g.link.set(false) // without a link, the first letter says so
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

// fetch fetches all chunks, and checks that they are the object.
func (g *getting) fetch(c *api.ActorContext) error {
	ctx, cancel := context.WithCancel(c.Context())
	defer cancel()
	p := patience{g: g, c: c, ctx: ctx}
	var pending uint64
	var err error
	if g.parallel > 1 && g.info.Chunks > 1 {
		err = g.fetchParallel(&p)
	} else {
		pending, err = g.fetchPages(&p)
	}
	switch {
	case errors.Is(err, errLostChunks):
		return g.order.wrong("chunks are missing")
	case err != nil:
		return err
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

// patience bounds how long a read goes on without progress.
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

// pause waits before the next try, or returns err if there is none: it waits for a lost link
// without limit, but only for a while for a store that does not answer.
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

// pacer chooses how many chunks a page has: few at first, and more as long as they come quickly,
// so that on a slow link no page takes too long.
type pacer struct {
	count, most int
}

const (
	// pageChunksFirst is how many chunks the first page has.
	pageChunksFirst = 8
	// pageBytes bounds the bytes of a page, provided that chunks have the size that they should
	// have.
	pageBytes = 4 << 20
	// pageChunksMax is how many chunks a page has at most.
	pageChunksMax = 1024
	// pageQuick is the time within which a page must come for the next one to be larger.
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

// next returns how many of the chunks that are left to request; at least one, to find chunks
// that should not be there.
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
