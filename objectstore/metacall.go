package objectstore

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/jetstream"
)

// metacall.go - reads and writes the info of an object.
//
//	change:  read ──► edit ──► write, if nobody was faster ──► what it was before
//	          ▲        │ no          │ somebody was
//	          └────────┴─────────────┘ a few times, and of the leader: what that forbids is an error
//
// Each info replaces one other: whoever writes knows whose chunks have become nobody's.

// checkName returns an error for a name that no object can have.
func (s *store) checkName(op, name string) error {
	reason := badName(name, s.overhead)
	if reason == "" {
		return nil
	}
	if name == "" {
		return s.refused(op, name, ErrNameRequired, reason)
	}
	return s.refused(op, name, ErrInvalidObjectName, reason)
}

// chunksOf and metaOf return the subjects of an object in the stream.
func (s *store) chunksOf(id string) string { return s.read + "C." + id }

func (s *store) metaOf(name string) string { return s.read + "M." + encodeName(name) }

// readMeta returns the info of an object, which may be one that was deleted. Without
// WithGetMsgLeader it may be an older one. Errors: ErrObjectNotFound; ErrBadObjectMeta.
func (s *store) readMeta(ctx context.Context, op, name string, opts ...jetstream.GetMsgOpt) (*Info, error) {
	m, err := s.stream.GetMsg(ctx, 0, append(opts, jetstream.WithGetMsgLast(s.metaOf(name)))...)
	if err != nil {
		return nil, s.failed(op, name, err)
	}
	info, err := decodeInfo(s.bucket, m)
	if err != nil {
		return nil, &ObjectError{Op: op, Bucket: s.bucket, Name: name, Revision: m.Sequence, Kind: ErrBadObjectMeta, Err: err}
	}
	return info, nil
}

// replaced is what stands where an info is to be written.
type replaced struct {
	info     *Info  // nil if there is none that can be read
	revision uint64 // 0 if there is none at all
}

// current reads what stands there. An info that cannot be read is no error: it can be
// replaced.
func (s *store) current(ctx context.Context, op, name string, opts ...jetstream.GetMsgOpt) (replaced, error) {
	info, err := s.readMeta(ctx, op, name, opts...)
	switch {
	case err == nil:
		return replaced{info, info.Revision}, nil
	case errors.Is(err, ErrBadObjectMeta):
		e, _ := errors.AsType[*ObjectError](err)
		return replaced{nil, e.Revision}, nil
	case errors.Is(err, ErrObjectNotFound):
		return replaced{}, nil
	}
	return replaced{}, err
}

// standing is what is asked of what stands under a name.
type standing struct {
	op, name string
	surely   bool // ask the leader, and nobody else
	allows   func(replaced) error
}

// allowed reads what stands there, and returns the error if that does not allow what is to
// follow. Any replica is asked, as it is rarely behind: what it allows is to be written in the
// place of that revision only, and what it does not is asked of the leader.
func (s *store) allowed(ctx context.Context, a standing) (now replaced, err error) {
	var refused error
	if !a.surely {
		if now, err = s.current(ctx, a.op, a.name); err != nil {
			return now, err
		}
		if refused = a.allows(now); refused == nil {
			return now, nil
		}
	}
	sure, err := s.current(ctx, a.op, a.name, jetstream.WithGetMsgLeader())
	switch {
	case refused != nil && errors.Is(err, api.ErrPermissionViolation):
		return now, refused // as far as this client may know
	case err != nil:
		return sure, err
	}
	return sure, a.allows(sure)
}

// live reports whether there is an object, or something that may be one.
func (r replaced) live() bool { return r.revision != 0 && (r.info == nil || !r.info.Deleted) }

// conditional reports whether there are any.
func (o writeOptions) conditional() bool { return o.create || o.expect != 0 }

// admits returns the kind of error that forbids a change under these conditions, nil if
// they allow it.
func (o writeOptions) admits(now replaced) error {
	switch {
	case o.create && now.live():
		return ErrObjectAlreadyExists
	case o.expect != 0 && o.expect != now.revision:
		return ErrObjectChanged
	}
	return nil
}

// changeTriesMax is how often a change meets somebody else's before it gives up.
const changeTriesMax = 16

// change is a change of what the store says of an object.
type change struct {
	op, name string
	// edit returns the info that is to stand in the place of another one, or why none may. It
	// may be called several times.
	edit func(now replaced) (*Info, error)
}

// change makes a change, and returns what was there before. Somebody else's in between is no
// error: it is made anew then. Errors: ErrObjectChanged if that happens again and again; those
// of edit and of Publish.
func (s *store) change(ctx context.Context, c change) (replaced, *Info, error) {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	for try := 1; ; try++ {
		var next *Info
		allowed := func(now replaced) (err error) { next, err = c.edit(now); return err }
		now, err := s.allowed(ctx, standing{c.op, c.name, try > 1, allowed})
		if err != nil {
			return now, nil, err
		}
		err = s.writeMeta(ctx, c.op, next, metaWrite{expect: now.revision, ttl: untilExpiry(next)})
		if err == nil || !errors.Is(err, jetstream.ErrWrongLastSequence) || try == changeTriesMax {
			return now, next, err
		}
	}
}

// untilExpiry returns how long an info lives that goes at a time; 0 for ever.
func untilExpiry(info *Info) time.Duration {
	if info.Expires.IsZero() {
		return 0
	}
	return max(time.Second, time.Until(info.Expires).Round(time.Second))
}

// metaWrite says how an info is written.
type metaWrite struct {
	expect uint64        // the revision that it replaces; 0 for none
	ttl    time.Duration // 0 for as long as the bucket says
	doubt  *doubt        // of the same info when it was written before; nil for a new one
}

// writeMeta writes the info of an object in the place of one revision, and sets its Revision
// and ModTime. ErrObjectChanged if another one stands there, and this one is not stored;
// ErrPublishUnknown if it may be. The message has an id, so that it can be sent again: it is
// stored once.
func (s *store) writeMeta(ctx context.Context, op string, info *Info, w metaWrite) error {
	data, err := encodeInfo(info)
	if err != nil {
		return s.failed(op, info.Name, err)
	}
	to, err := s.writePrefix(ctx, op)
	if err != nil {
		return err
	}
	d := w.doubt
	if d == nil {
		d = newDoubt(info.Name, w.expect)
	}
	m := &api.Msg{Subject: to + "M." + encodeName(info.Name), Data: data}
	ack, err := s.js.PublishMsg(ctx, m,
		jetstream.WithExpectStream(stores.Stream(s.bucket)), jetstream.WithExpectLastSequencePerSubject(w.expect),
		jetstream.WithRollup(jetstream.MsgRollupSubject), jetstream.WithMsgTTL(w.ttl), jetstream.WithMsgID(d.id))
	if domain := s.js.Options().Domain; err == nil && domain != "" && ack.Domain != domain {
		return stores.Error(op, s.bucket, ErrBucketAmbiguous, "the bucket of another domain has taken it: "+strconv.Quote(ack.Domain))
	}
	revision, err := s.outcome(ctx, d, ack, err)
	if err != nil {
		return s.failed(op, info.Name, err)
	}
	info.Bucket, info.Revision, info.ModTime, info.Expires = s.bucket, revision, time.Now().UTC(), time.Time{}
	if w.ttl > 0 {
		info.Expires = info.ModTime.Add(w.ttl)
	}
	return nil
}

// bound gives a call that makes several the time of one, if its context has no deadline.
func (s *store) bound(ctx context.Context) (context.Context, context.CancelFunc) {
	if ctx == nil {
		ctx = context.Background()
	}
	if _, ok := ctx.Deadline(); ok {
		return ctx, func() {}
	}
	return context.WithTimeout(ctx, s.js.Options().DefaultTimeout)
}

// pause waits for d. It returns false as soon as ctx is done.
func pause(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
