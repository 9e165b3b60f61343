package kv

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/jetstream"
)

// create.go - gives a key a value if it has none; a marker may be its last revision.
//
//	store as the first revision ──► stored
//	   ▲       │ another is last
//	   │       ▼
//	   │   read it ──► a value ──► the key exists
//	   │       │
//	   └───────┴ a marker: store after it; older than the server reported: read again
//
// Reads may come from a replica or a mirror that lags; the leader compares revisions.

const (
	createTriesMax = 12                   // besides the first
	createPause    = 2 * time.Millisecond // between tries at first; doubled each time
	createPauseMax = 256 * time.Millisecond

	firstRevision = 0 // what is expected of a key that has nothing
)

// Create implements Store.
func (s *store) Create(ctx context.Context, key string, value []byte, opts ...CreateOpt) (uint64, error) {
	w, err := s.change("create", key)
	if err != nil {
		return 0, err
	}
	o, err := applied(opts)
	if err != nil {
		return 0, s.failed("create", key, 0, err)
	}
	if w.msg.Data, err = s.encoded("create", key, value); err != nil {
		return 0, err
	}
	if o.ttl != 0 {
		w.msg.Header = map[string][]string{jetstream.MsgTTLHeader: {o.ttl.String()}}
	}
	return w.create(ctx)
}

// create stores the change if the key has no value.
func (w *change) create(ctx context.Context) (uint64, error) {
	revision, err := w.compared(ctx, firstRevision)
	wrong, conflict := errors.AsType[*KeyWrongLastSequenceError](err)
	if !conflict {
		return revision, err
	}
	ctx, cancel := w.s.bound(ctx)
	defer cancel()
	pause := createPause
	for range createTriesMax {
		next, err := w.after(ctx, wrong)
		switch {
		case err != nil:
			return 0, err
		case next.exists:
			wrong.Kind = ErrKeyExists
			return 0, wrong
		case next.pause && !sleep(ctx, pause):
			wrong.Err = fmt.Errorf("%w: %w", wrong.Err, context.Cause(ctx))
			return 0, wrong
		case next.pause:
			pause = min(2*pause, createPauseMax)
		}
		revision, err = w.compared(ctx, next.expected)
		if wrong, conflict = errors.AsType[*KeyWrongLastSequenceError](err); !conflict {
			return revision, err
		}
	}
	return 0, wrong
}

// after decides what to do after a conflict.
func (w *change) after(ctx context.Context, wrong *KeyWrongLastSequenceError) (next, error) {
	if !wrong.HasActual {
		return afterConflict(wrong, nil), nil
	}
	found, err := w.last(ctx)
	if err != nil {
		return next{}, err
	}
	return afterConflict(wrong, found), nil
}

// last reads the last revision of the key; nil for none.
func (w *change) last(ctx context.Context) (*found, error) {
	m, err := w.s.lastMsg(ctx, w.s.read+w.in)
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return nil, nil
	case err != nil:
		return nil, w.s.failed(w.op, w.key, 0, err)
	}
	op, _ := operation(m.Header)
	return &found{m.Sequence, op}, nil
}

// found is the last revision of a key, as a read returned it.
type found struct {
	revision uint64
	op       Op
}

// next is what to do after a conflict.
type next struct {
	exists   bool   // report that the key exists
	expected uint64 // otherwise, the revision to try with
	pause    bool   // before that
}

// afterConflict decides what a conflict means: wrong is what the leader said, and f what was
// read since, possibly from a replica.
func afterConflict(wrong *KeyWrongLastSequenceError, f *found) next {
	switch {
	case !wrong.HasActual:
		// Another change is under way, and its outcome is open.
		return next{expected: wrong.Expected, pause: true}
	case f == nil && wrong.Actual != 0, f != nil && f.revision < wrong.Actual:
		return next{expected: wrong.Expected, pause: true} // the read lags
	case f == nil:
		return next{expected: firstRevision, pause: true} // removed meanwhile
	case f.op == OpPut:
		return next{exists: true}
	default:
		return next{expected: f.revision}
	}
}

// sleep waits for d. It returns false as soon as ctx is done.
func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return true
	case <-ctx.Done():
		return false
	}
}
