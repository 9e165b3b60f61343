package objectstore

import (
	"context"
	"errors"

	"github.com/troupe-go/troupe/jetstream"
)

// putcommit.go - the end of a put: its info makes it visible, or nothing of it stays.

// commit stores the info, in the place of the one that is there: so each put knows whose
// chunks have become nobody's. Without a condition, the one that comes last wins.
func (p *upload) commit(ctx context.Context) error {
	if err := p.known(); err != nil {
		return err
	}
	p.replace(p.before)
	for e := p.s.endurance(); ; {
		err := p.write(ctx)
		if err == nil {
			p.stored = true
			p.finished()
			return nil
		}
		if again, failure := p.settle(ctx, err); !again {
			return failure
		}
		if !e.pause(ctx) {
			return err
		}
	}
}

// replace begins to store the info in the place of another one.
func (p *upload) replace(before replaced) {
	p.before, p.doubt = before, newDoubt(p.info.Name, before.revision)
	p.doubt.chunks = p.info.NUID
}

// write tries once to store the info.
func (p *upload) write(ctx context.Context) error {
	ttl, err := p.ttl()
	if err != nil {
		return err
	}
	return p.s.writeMeta(ctx, "put", p.info, metaWrite{expect: p.before.revision, ttl: ttl, doubt: p.doubt})
}

// settle decides what follows from an attempt that failed: another one, or the error. One that
// met another info was not stored: the next one is a message of its own.
func (p *upload) settle(ctx context.Context, err error) (again bool, failure error) {
	if !errors.Is(err, jetstream.ErrWrongLastSequence) {
		return passes(err), err
	}
	p.replace(p.before)
	now, failure := p.s.allowed(ctx, standing{"put", p.info.Name, true, p.allows})
	if failure != nil {
		return passes(failure), failure
	}
	p.replace(now)
	return true, err
}

// finished tells the last of it, when the object is there.
func (p *upload) finished() {
	if p.o.progress != nil {
		last := Progress{Bytes: p.info.Size, Chunks: p.info.Chunks, Size: p.info.Size}
		if p.actor != nil {
			last.Resumed = p.actor.resumed.Load()
		}
		p.o.progress(last)
	}
}

// end ends the actor, and removes what nobody needs: the chunks of the object that was
// replaced, or those of one that has not become visible.
func (p *upload) end(ctx context.Context) {
	p.stop()
	_ = p.known() // it has said so before, if that matters
	if p.actor != nil {
		p.actor.close()
	}
	p.source.end()
	s := p.s
	if p.stored {
		s.sweep(ctx, &sweep{chunks: chunksIn(p.before.info)})
		return
	}
	switch w := (&sweep{chunks: p.info.NUID, fence: p.subject + "C." + p.info.NUID}); {
	case p.doubt != nil && p.doubt.maybe:
		w.doubt, w.old = p.doubt, chunksIn(p.before.info)
		s.sweep(ctx, w)
	case p.actor != nil && !errors.Is(p.failed, jetstream.ErrStreamNotFound):
		s.sweep(ctx, w)
	} // else nothing has left, or nobody has taken it
}

// chunksIn returns the id of the chunks of an object, empty if it has none.
func chunksIn(info *Info) string {
	if info == nil || info.Deleted || info.Chunks == 0 {
		return ""
	}
	return info.NUID
}
