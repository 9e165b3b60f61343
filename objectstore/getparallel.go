package objectstore

import (
	"context"
	"errors"

	"github.com/troupe-go/troupe/jetstream"
)

// getparallel.go - fetches several pages of an object at a time.
//
//	index ──► page, page, page … fetched concurrently ──► handed over in order

// parallelBytes bounds the bytes of one of several pages.
const parallelBytes = 1 << 20

// sheet is one of several pages that are fetched concurrently.
type sheet struct {
	messages []*jetstream.RawStreamMsg
	err      error
	done     chan struct{} // closed when it has come
}

// fetchParallel fetches all chunks from an index.
func (g *getting) fetchParallel(p *patience) error {
	ctx, cancel := context.WithCancel(p.ctx)
	var sheets []*sheet // in order
	defer func() {
		cancel()
		for _, s := range sheets {
			<-s.done
		}
	}()
	x := g.index
	per := min(max(1, g.pages.most*parallelBytes/pageBytes), pageChunksMax)
	for next := x.from(g.order.seq); next < len(x.seqs) || len(sheets) > 0; {
		for ; next < len(x.seqs) && len(sheets) < g.parallel; next += per {
			sheets = append(sheets, g.sheet(patience{g: g, c: p.c, ctx: ctx}, next, min(next+per, len(x.seqs))))
		}
		s := sheets[0]
		<-s.done
		sheets = sheets[1:]
		if s.err != nil {
			return s.err
		}
		for _, m := range s.messages {
			if err := g.take(ctx, m); err != nil {
				return err
			}
		}
	}
	return nil
}

// sheet begins to fetch the chunks from first up to last of the index.
func (g *getting) sheet(p patience, first, last int) *sheet {
	s := &sheet{done: make(chan struct{})}
	go func() {
		defer close(s.done)
		for first < last && s.err == nil {
			_, err := g.from.read(p.ctx, g.index.seqs[first], last-first, func(m *jetstream.RawStreamMsg) error {
				if m.Sequence != g.index.seqs[first] {
					return errMoved
				}
				first++
				p.progress()
				s.messages = append(s.messages, m)
				return nil
			})
			if errors.Is(err, errMoved) || errors.Is(err, jetstream.ErrMsgNotFound) || err == nil && first < last {
				err = g.from.missing(p.ctx)
			}
			if err != nil {
				s.err = p.pause(err)
			}
		}
	}()
	return s
}
