package objectstore

import (
	"context"
	"errors"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/jetstream"
)

// getparallel.go - fetches several pages of an object at a time.
//
//	index ──► page, page, page … each fetched by itself ──► handed over in their order

// parallelBytes is how many bytes one of several pages has at most.
const parallelBytes = 1 << 20

// sheet is a page that is being fetched by itself.
type sheet struct {
	messages []*jetstream.RawStreamMsg
	err      error
	done     chan struct{} // closed when it has come
}

// fetchParallel fetches all chunks from an index.
func (g *getting) fetchParallel(c *api.ActorContext) error {
	ctx, cancel := context.WithCancel(c.Context())
	defer cancel()
	x := g.index
	per := min(max(1, parallelBytes/(pageBytes/g.pages.most)), pageChunksMax)
	var sheets []*sheet // in order
	defer func() {
		cancel()
		for _, s := range sheets {
			<-s.done
		}
	}()
	for next := x.from(g.order.seq); next < len(x.seqs) || len(sheets) > 0; {
		for ; next < len(x.seqs) && len(sheets) < g.parallel; next += per {
			sheets = append(sheets, g.sheet(ctx, c, next, min(next+per, len(x.seqs))))
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
	return g.order.end(0)
}

// sheet begins to fetch the chunks of the index from one up to another.
func (g *getting) sheet(ctx context.Context, c *api.ActorContext, first, last int) *sheet {
	s := &sheet{done: make(chan struct{})}
	go func() {
		defer close(s.done)
		p := patience{g: g, c: c}
		for first < last && s.err == nil {
			before := first
			_, err := g.read(ctx, g.index.seqs[first], last-first, func(m *jetstream.RawStreamMsg) error {
				if m.Sequence != g.index.seqs[first] {
					return errMoved
				}
				first++
				s.messages = append(s.messages, m)
				return nil
			})
			if first > before {
				p.progress()
			}
			if errors.Is(err, errMoved) || errors.Is(err, jetstream.ErrMsgNotFound) || err == nil && first < last {
				err = g.missing(ctx, &order{info: g.info})
			}
			if err != nil {
				s.err = p.pause(err)
			}
		}
	}()
	return s
}
