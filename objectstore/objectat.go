package objectstore

import (
	"context"
	"errors"
	"io"
	"os"
	"time"

	"github.com/troupe-go/troupe/jetstream"
)

// objectat.go - reads parts of an object, wherever they are.

// piece is a chunk of an object.
type piece struct {
	number int
	data   []byte
}

// ReadAt implements Result.
func (r *object) ReadAt(p []byte, off int64) (n int, err error) {
	switch {
	case r.closed():
		return 0, os.ErrClosed
	case off < 0:
		return 0, r.s.refused("read", r.info.Name, errBadSeek, "the position is negative")
	case len(p) == 0:
		return 0, nil
	case uint64(off) >= r.info.Size:
		return 0, io.EOF
	}
	x, err := r.index()
	if err != nil {
		return 0, r.s.failed("get", r.info.Name, err)
	}
	cut := section{x: x, first: x.at(uint64(off)), last: x.at(min(uint64(off)+uint64(len(p)), r.info.Size) - 1)}
	skip := uint64(off) - x.start(cut.first)
	ctx, cancel := r.alive()
	defer cancel()
	err = r.pieces(ctx, &cut, func(data []byte) {
		n += copy(p[n:], data[min(skip, uint64(len(data))):])
		skip = 0
	})
	switch {
	case err != nil:
		return n, r.s.failed("get", r.info.Name, err)
	case n < len(p):
		return n, io.EOF
	}
	return n, nil
}

// section is a part of an object: a range of chunks.
type section struct {
	x           *index
	first, last int
}

// pieces yields the chunks of a section; the first one perhaps from memory, because small reads
// often follow each other. It shortens the section by the chunks that it has yielded. It retries
// as long as Read would.
func (r *object) pieces(ctx context.Context, c *section, yield func([]byte)) error {
	if kept := r.last.Load(); kept != nil && kept.number == c.first {
		yield(kept.data)
		c.first++
	}
	pages := newPacer(r.info)
	pages.count = pages.most
	for e := r.s.endurance(); c.first <= c.last; {
		n, first, began := pages.next(uint32(c.last-c.first+1)), c.first, time.Now()
		err := r.page(ctx, c, n, yield)
		pages.took(n, time.Since(began), err)
		if c.first > first {
			e.gotOn()
		}
		switch {
		case err == nil:
		case ctx.Err() != nil:
			return context.Cause(ctx)
		case errors.Is(err, errLostChunks):
			return (&order{info: r.info, chunks: uint32(c.first), bytes: c.x.start(c.first)}).wrong("chunks are missing")
		case !passes(err) || !e.pause(ctx):
			return err
		}
	}
	return nil
}

// page yields up to n chunks of a section.
func (r *object) page(ctx context.Context, c *section, n int, yield func([]byte)) error {
	x, end := c.x, c.first+n
	_, err := r.from.read(ctx, x.seqs[c.first], n, func(m *jetstream.RawStreamMsg) error {
		if m.Sequence != x.seqs[c.first] || uint64(len(m.Data)) != x.ends[c.first]-x.start(c.first) {
			return errMoved
		}
		yield(m.Data)
		r.last.Store(&piece{c.first, m.Data})
		c.first++
		return nil
	})
	if errors.Is(err, errMoved) || errors.Is(err, jetstream.ErrMsgNotFound) || err == nil && c.first < end {
		return r.from.missing(ctx)
	}
	return err
}
