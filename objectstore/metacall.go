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
//	change:  read ──► edit ──► write, if the info has not changed ──► the info before
//	          ▲        │ refused     │ it has
//	          └────────┴─────────────┘ a few times, and reads through the leader
//
// Each info replaces exactly one other, so the writer knows which chunks are no longer used.

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

// readMeta returns the info of an object, which may be a deleted one. Without WithGetMsgLeader
// it may be an older info. Errors: ErrObjectNotFound; ErrBadObjectMeta.
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

// replaced is the info that a new one is to replace.
type replaced struct {
	info     *Info  // nil if there is none, or it cannot be read
	revision uint64 // 0 if there is none
}

// current reads the info that is to be replaced. An unreadable info is not an error: it can be
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

// standing is a question about the current info of a name.
type standing struct {
	op, name string
	surely   bool // ask only the leader
	allows   func(replaced) error
}

// allowed reads the info that is to be replaced, and returns an error if it forbids the change.
// It asks any replica first, because that rarely lags: a change that it allows replaces only
// that revision, and a change that it forbids is checked again with the leader.
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
		return now, refused // this client may not ask the leader
	case err != nil:
		return sure, err
	}
	return sure, a.allows(sure)
}

// live reports whether there is an object, or an unreadable info that may be one.
func (r replaced) live() bool { return r.revision != 0 && (r.info == nil || !r.info.Deleted) }

// conditional reports whether the change has conditions.
func (o writeOptions) conditional() bool { return o.create || o.expect != 0 }

// admits returns the kind of error if the conditions forbid the change; nil if they allow it.
func (o writeOptions) admits(now replaced) error {
	switch {
	case o.create && now.live():
		return ErrObjectAlreadyExists
	case o.expect != 0 && o.expect != now.revision:
		return ErrObjectChanged
	}
	return nil
}

// changeTriesMax is how many conflicts a change meets before it gives up.
const changeTriesMax = 16

// change is a change of the info of an object.
type change struct {
	op, name string
	// edit returns the info that replaces another one, or an error if none may. It may be called
	// several times.
	edit func(now replaced) (*Info, error)
}

// change makes a change, and returns the info before it and the new one. If another change comes
// in between, it starts over. Errors: ErrObjectChanged after too many of these; those of edit
// and of Publish.
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

// untilExpiry returns the time to live of an info that has an expiry; 0 is for ever.
func untilExpiry(info *Info) time.Duration {
	if info.Expires.IsZero() {
		return 0
	}
	return max(time.Second, time.Until(info.Expires).Round(time.Second))
}

// metaWrite says how an info is written.
type metaWrite struct {
	expect uint64        // the revision that it replaces; 0 for none
	ttl    time.Duration // 0 for that of the bucket
	doubt  *doubt        // of earlier writes of the same info; nil for a new one
}

// writeMeta writes the info of an object in place of one revision, and sets its Revision and
// ModTime. Errors: ErrObjectChanged if the revision is another one, and nothing was stored;
// ErrPublishUnknown if the info may have been stored. The message has an id, so that it can be
// sent again and is stored once.
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
		return stores.Error(op, s.bucket, ErrBucketAmbiguous, "the bucket of another domain has stored it: "+strconv.Quote(ack.Domain))
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

// bound gives a call of several steps the default timeout, if its context has no deadline.
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
