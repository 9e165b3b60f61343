package objectstore

import (
	"context"
	"errors"

	"github.com/troupe-go/troupe/jetstream"
)

// putcommit.go - the end of a put: its info makes the object visible, or nothing of it stays.

// commit stores the info in place of the current one, so that each put knows which chunks are no
// longer used. Without a condition, the last put wins.
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

// replace begins to store the info in place of another one.
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

// settle decides what follows from a failed attempt: another one, or the error. An attempt that
// met another info was not stored, so the next one is a message with a new id.
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

// finished reports the final progress, when the object is stored.
func (p *upload) finished() {
	if p.o.progress != nil {
		last := Progress{Bytes: p.info.Size, Chunks: p.info.Chunks, Size: p.info.Size}
		if p.actor != nil {
			last.Resumed = p.actor.resumed.Load()
		}
		p.o.progress(last)
	}
}

// end ends the actor, and removes chunks that are no longer needed: those of the object that was
// replaced, or those of this put if it failed.
func (p *upload) end(ctx context.Context) {
	p.stop()
	_ = p.known() // an error that matters was reported before
	if p.actor != nil {
		p.actor.close()
	}
	p.source.end()
	s := p.s
	if p.stored {
		s.sweep(ctx, &sweep{chunks: chunksIn(p.before.info)})
		return
	}
	switch w := (&sweep{chunks: p.info.NUID}); {
	case p.doubt != nil && p.doubt.maybe:
		w.doubt, w.old = p.doubt, chunksIn(p.before.info)
		s.sweep(ctx, w)
	case p.actor != nil && !errors.Is(p.failed, jetstream.ErrStreamNotFound):
		w.late, w.to = p.actor.late(), p.actor.subject
		s.sweep(ctx, w)
	} // otherwise nothing was sent, or no stream has stored it
}

// chunksIn returns the id of the chunks of an object, empty if it has none.
func chunksIn(info *Info) string {
	if info == nil || info.Deleted || info.Chunks == 0 {
		return ""
	}
	return info.NUID
}
