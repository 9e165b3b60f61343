package objectstore

import (
	"context"
	"errors"
	"time"

	"github.com/troupe-go/troupe/jetstream"
)

// getflight.go - fetches an object page by page, two pages at a time.
//
//	page 7 .. 14    ───────────────►
//	page 15 .. 22        requested when 7 has come ───────────────►
//
// The end of a page can be predicted as long as nothing else was published in between. Otherwise
// the next page begins with chunks that the page before ended with; these are dropped, and from
// then on pages are requested one after the other, as they are on a slow link.

// flight is a page that was requested.
type flight struct {
	count    int
	asked    time.Time
	messages chan *jetstream.RawStreamMsg // closed after the last one, when the rest is set
	pending  uint64                       // how many messages follow it
	err      error
	cancel   context.CancelCauseFunc
	silence  *time.Timer // ends it
}

// flightLife bounds the time of a page; it is so long that in effect only silence ends one.
const flightLife = 24 * time.Hour

// ask requests n messages from a sequence on. The page fails only when no message has come for
// the default timeout, however long it takes as a whole.
func (g *getting) ask(ctx context.Context, seq uint64, n int) *flight {
	ctx, cancel := context.WithCancelCause(ctx)
	f := &flight{count: n, asked: time.Now(), messages: make(chan *jetstream.RawStreamMsg, n), cancel: cancel}
	patience := g.s.js.Options().DefaultTimeout
	f.silence = time.AfterFunc(patience, func() { cancel(errNoAnswer) })
	go func() {
		defer close(f.messages)
		defer f.silence.Stop()
		life, done := context.WithTimeout(ctx, flightLife)
		defer done()
		f.pending, f.err = g.from.read(life, seq, n, func(m *jetstream.RawStreamMsg) error {
			f.silence.Reset(patience)
			select {
			case f.messages <- m:
				return nil
			case <-ctx.Done():
				return context.Cause(ctx)
			}
		})
		if f.err != nil && context.Cause(ctx) == errNoAnswer {
			f.err = errNoAnswer
		}
	}()
	return f
}

// end waits until the page has ended.
func (f *flight) end() {
	if f == nil {
		return
	}
	f.cancel(nil)
	for range f.messages {
	}
}

// pages is the progress of fetching an object by pages.
type pages struct {
	g      *getting
	p      *patience
	seq    uint64 // of the last message
	left   uint32 // chunks to come
	mixed  bool   // messages of others lie in between
	behind *flight
}

// fetchPages fetches all chunks, and returns how many messages follow the last one.
func (g *getting) fetchPages(p *patience) (pending uint64, err error) {
	f := pages{g: g, p: p, seq: g.order.seq, left: g.info.Chunks - g.order.chunks}
	defer func() { f.behind.end() }()
	for {
		page := f.behind
		if f.behind = nil; page == nil {
			page = g.ask(p.ctx, f.seq+1, g.pages.next(f.left))
		}
		began := time.Now()
		err := f.take(page)
		page.end()
		g.pages.took(page.count, time.Since(began), err)
		switch {
		case err == nil && f.left == 0:
			return page.pending, nil
		case err == nil && page.pending > 0:
			continue
		case (err == nil || errors.Is(err, jetstream.ErrMsgNotFound)) && f.left == 0:
			return 0, nil
		case err == nil || errors.Is(err, jetstream.ErrMsgNotFound):
			err = g.from.missing(p.ctx)
		}
		f.behind.end()
		f.behind = nil
		if err := p.pause(err); err != nil {
			return 0, err
		}
	}
}

// take passes the messages of a page on, and requests the next page when the first one comes.
func (f *pages) take(page *flight) error {
	first := true
	for m := range page.messages {
		if first && m.Sequence > f.seq && !f.mixed && time.Since(page.asked) < pageQuick {
			f.foresee(m.Sequence, page.count)
		}
		if first = false; m.Sequence <= f.seq {
			f.mixed = true
			continue
		}
		if f.behind != nil {
			f.behind.silence.Reset(f.g.s.js.Options().DefaultTimeout) // its turn has not come
		}
		f.seq, f.left = m.Sequence, f.left-min(f.left, 1)
		f.p.progress()
		if err := f.g.take(f.p.ctx, m); err != nil {
			return err
		}
	}
	return page.err
}

// foresee requests the page after the one that begins at seq and has count chunks, unless
// messages are read one by one: then it would only wait.
func (f *pages) foresee(seq uint64, count int) {
	if rest := f.left - min(f.left, uint32(count)); rest > 0 && !f.g.from.single.Load() {
		f.behind = f.g.ask(f.p.ctx, seq+uint64(count), f.g.pages.next(rest))
	}
}
