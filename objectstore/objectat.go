package objectstore

import (
	"context"
	"io"
	"os"

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
	case r.done.Load():
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
	err = r.s.patiently(r.ctx, func(ctx context.Context) error {
		return r.pieces(ctx, &cut, func(data []byte) {
			n += copy(p[n:], data[min(skip, uint64(len(data))):])
			skip = 0
		})
	})
	switch {
	case err != nil:
		return n, r.s.failed("get", r.info.Name, err)
	case n < len(p):
		return n, io.EOF
	}
	return n, nil
}

// section is a part of an object: chunks from one to another.
type section struct {
	x           *index
	first, last int
}

// pieces yields the chunks of a section: the first one perhaps without the store, as small
// reads often follow each other. It shortens the section by those that it has yielded.
func (r *object) pieces(ctx context.Context, c *section, yield func([]byte)) error {
	if kept := r.last.Load(); kept != nil && kept.number == c.first {
		yield(kept.data)
		c.first++
	}
	if c.first > c.last {
		return nil
	}
	x := c.x
	messages, err := jetstream.GetBatch(ctx, r.s.js, stores.Stream(r.s.bucket), c.last-c.first+1,
		jetstream.GetBatchSeq(x.seqs[c.first]), jetstream.GetBatchSubject(r.s.chunksOf(r.info.NUID)))
	if err != nil {
		return err
	}
	for m, err := range messages {
		if err != nil {
			return err
		}
		if m.Sequence != x.seqs[c.first] || uint64(len(m.Data)) != x.ends[c.first]-x.start(c.first) {
			return r.s.refused("get", r.info.Name, ErrObjectChanged, errMoved.Error())
		}
		yield(m.Data)
		r.last.Store(&piece{c.first, m.Data})
		c.first++
	}
	if c.first <= c.last {
		return r.s.refused("get", r.info.Name, ErrObjectChanged, errMoved.Error())
	}
	return nil
}
