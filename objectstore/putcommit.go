package objectstore

import (
	"context"
	"errors"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/jetstream"
)

// putcommit.go - the end of a put: its info makes it visible, or nothing of it stays.

// infoID is the id of the message that makes an object visible. Nothing else is stored under
// it: who wants to know whether it was, or to make sure that it will not be, publishes another
// one with the same id.
func infoID(id string) string { return id + "-info" }

// commit stores the info, in the place of the one that is there: so each put knows whose
// chunks have become nobody's. Without a condition, the one that comes last wins.
func (p *upload) commit(ctx context.Context) error {
	patience := time.Now().Add(stallMax * p.s.js.Options().DefaultTimeout)
	for try := 0; ; try++ {
		err := p.write(ctx)
		if err == nil {
			p.stored = true
			p.finished()
			return nil
		}
		p.doubtful = p.doubtful || api.MaybeSent(err)
		if again, failure := p.settle(ctx, err); !again || p.stored {
			return failure
		}
		if ctx.Err() == nil && time.Now().After(patience) || !pause(ctx, min(linePause<<min(try, 10), linePauseMax)) {
			return err
		}
	}
}

// write tries once to store the info.
func (p *upload) write(ctx context.Context) error {
	ttl, err := p.ttl()
	if err != nil {
		return err
	}
	return p.s.writeMeta(ctx, "put", p.info, metaWrite{expect: p.before.revision, ttl: ttl, id: infoID(p.info.NUID)})
}

// settle decides what follows from an attempt that failed: another one, or the error.
func (p *upload) settle(ctx context.Context, err error) (again bool, failure error) {
	if !errors.Is(err, jetstream.ErrWrongLastSequence) {
		return passes(err), err
	}
	now, readErr := p.s.current(ctx, "put", p.info.Name, jetstream.WithGetMsgLeader())
	switch {
	case readErr != nil:
		return passes(readErr), readErr
	case now.info != nil && now.info.NUID == p.info.NUID: // an attempt before this one, after all
		p.info.Revision, p.info.ModTime, p.info.Expires = now.info.Revision, now.info.ModTime, now.info.Expires
		p.stored = true
		p.finished()
		return false, nil
	}
	if kind := p.o.admits(now); kind != nil {
		return false, p.s.refused("put", p.info.Name, kind, "")
	}
	p.before = now
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
	if p.actor != nil {
		p.actor.close()
	}
	p.source.end()
	s := p.s
	if p.stored {
		s.sweep(ctx, &sweep{chunks: chunksIn(p.before.info)})
		return
	}
	if p.actor == nil && !p.doubtful {
		return // nothing has left
	}
	s.sweep(ctx, &sweep{chunks: p.info.NUID, fence: p.subject + "C." + p.info.NUID, info: s.metaOf(p.info.Name), old: chunksIn(p.before.info)})
}

// chunksIn returns the id of the chunks of an object, empty if it has none.
func chunksIn(info *Info) string {
	if info == nil || info.Deleted || info.Chunks == 0 {
		return ""
	}
	return info.NUID
}
