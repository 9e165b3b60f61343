package kv

import (
	"context"
	"errors"
	"iter"
	"slices"

	"github.com/troupe-go/troupe/internal/kind"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/protocol"
)

// snapshot.go - what keys had at one revision.
//
//	now, up to 1024 keys    last messages, page by page, up to the revision of the first
//	more, or an old one     the leader names the keys ──► groups of them, up to the revision
//	                          └─ a key has nothing that old: is it new, or is its value gone?

// groupMax is how many keys a server finds at a time.
const groupMax = 1024

// Kinds of errors of snapshots.
var (
	// ErrSnapshotGone: the history of a key does not reach back to the revision: what it had is
	// gone, or it cannot be told from a new key. A snapshot of a later revision may succeed, and with
	// more Config.History one of an earlier.
	ErrSnapshotGone error = kind.New("history does not reach back", ErrKeyValue).In(kind.NotFound, kind.Retry)
	// ErrSnapshotAhead: the bucket has not come to the revision yet.
	ErrSnapshotAhead error = kind.New("revision is not reached", ErrKeyValue).In(kind.NotFound, kind.Retry)
)

// SnapshotOpt is an option of Reader.Snapshot. A nil one is skipped.
type SnapshotOpt func(*snapshotOptions) error

type snapshotOptions struct {
	revision uint64
	shown    *uint64
}

// SnapshotAt shows the keys as they were when the bucket came to that revision, of whichever
// key. It needs a history: the sequence ends with an ErrSnapshotGone if a key has been given so
// many values since that the one of that time is gone. What has expired since, and what
// was purged without a marker that is still there, is not shown and not missed. Default, and 0: as it is now.
func SnapshotAt(revision uint64) SnapshotOpt {
	return func(o *snapshotOptions) error {
		o.revision = revision
		return nil
	}
}

// SnapshotRevision has revision set, when the sequence has ended without an error, to the
// one that the bucket had come to: a watch with ResumeFromRevision and the next one
// continues there. Nil is an ErrInvalidOption.
func SnapshotRevision(revision *uint64) SnapshotOpt {
	return func(o *snapshotOptions) error {
		if revision == nil {
			return &jetstream.OptionError{Option: "SnapshotRevision", Reason: "is nil"}
		}
		o.shown = revision
		return nil
	}
}

// Snapshot implements Reader.
func (s *store) Snapshot(ctx context.Context, patterns []string, opts ...SnapshotOpt) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		shot := snapshot{s: s, v: values{s: s, op: "snapshot", yield: yield}}
		if err := shot.run(ctx, patterns, opts); err != nil && !shot.v.stopped {
			yield(nil, err)
		}
	}
}

// snapshot is one run of a Snapshot.
type snapshot struct {
	s        *store
	v        values
	subjects []string // what is read: patterns first
	revision uint64   // 0 as long as it is not known
}

func (r *snapshot) run(ctx context.Context, patterns []string, opts []SnapshotOpt) error {
	o, err := applied(opts)
	if err != nil {
		return stores.Failed(r.v.op, r.s.bucket, err)
	}
	if len(patterns) == 0 {
		patterns = []string{AllKeys}
	}
	if r.subjects, err = r.s.subjects(r.v.op, patterns); err != nil {
		return err
	}
	r.revision = o.revision
	if ctx == nil {
		ctx = context.Background()
	}
	if err := r.read(ctx); err != nil {
		return r.failed(err)
	}
	if o.shown != nil && !r.v.stopped {
		*o.shown = r.revision
	}
	return nil
}

// read reads in one of the ways.
func (r *snapshot) read(ctx context.Context) error {
	if r.revision == 0 {
		if err := r.now(ctx); !errors.Is(err, jetstream.ErrTooManyResults) {
			return err
		}
	}
	return r.named(ctx)
}

// failed makes an error about the bucket of what a stream said.
func (r *snapshot) failed(err error) error {
	switch err.(type) {
	case *KeyError, *BucketError:
		return err
	}
	if errors.Is(err, jetstream.ErrMsgsReplaced) {
		return r.s.wrapped(r.v.op+" of", ErrSnapshotGone, err)
	}
	return stores.Failed(r.v.op+" of", r.s.bucket, err)
}

// wrapped returns an error about the bucket.
func (s *store) wrapped(op string, kind, err error) error {
	e := stores.Error(op, s.bucket, kind, "")
	e.Err = err
	return e
}

// now reads all keys as they are, if a server finds them at a time, and any: otherwise it is an
// ErrTooManyResults.
func (r *snapshot) now(ctx context.Context) error {
	bytes := 0
	for _, subject := range r.subjects {
		bytes += len(subject)
	}
	if len(r.subjects) > groupMax || bytes > manyBytesMax {
		return jetstream.ErrTooManyResults
	}
	var end jetstream.ReadEnd
	err := r.s.pages(ctx, r.subjects, r.v.message, jetstream.GetLastMsgsBatchSize(groupMax), jetstream.GetLastMsgsEnd(&end))
	if err != nil || r.v.stopped {
		return err
	}
	if r.revision = end.UpToSeq; r.revision == 0 {
		return jetstream.ErrTooManyResults // of no key: it says not as of when
	}
	return nil
}

// named reads the keys that the leader names, group by group.
func (r *snapshot) named(ctx context.Context) error {
	asked := false
	for i, subject := range r.subjects {
		if !protocol.HasWildcard(subject) && asked {
			_, err := r.groups(ctx, r.subjects[i:])
			return err
		}
		n, err := r.s.names(ctx, subject, r.subjects[:i])
		if err != nil {
			return err
		}
		asked = true
		if err := r.upTo(n.last); err != nil {
			return err
		}
		if more, err := r.groups(ctx, n.subjects); err != nil || !more {
			return err
		}
	}
	return nil
}

// upTo takes the last revision of the bucket for that of the snapshot, unless that is known.
func (r *snapshot) upTo(last uint64) error {
	if r.revision > last {
		return r.s.wrapped(r.v.op+" of", ErrSnapshotAhead, nil)
	}
	if r.revision == 0 {
		r.revision = last
	}
	return nil
}

// groups reads as many keys at a time as a server finds.
func (r *snapshot) groups(ctx context.Context, subjects []string) (more bool, err error) {
	for part := range chunks(subjects, manyBytesMax) {
		for group := range slices.Chunk(part, groupMax) {
			if err := r.group(ctx, group); err != nil || r.v.stopped {
				return false, err
			}
		}
	}
	return true, nil
}

// group reads keys, and looks into those that have nothing that old.
func (r *snapshot) group(ctx context.Context, group []string) error {
	if r.revision == 0 { // the bucket was always empty
		return nil
	}
	left := make(map[string]bool, len(group))
	for _, subject := range group {
		left[subject] = true
	}
	err := r.s.pages(ctx, group, func(m *jetstream.RawStreamMsg) bool {
		delete(left, m.Subject)
		return r.v.message(m)
	}, jetstream.GetLastMsgsUpToSeq(r.revision))
	if err != nil || r.v.stopped {
		return err
	}
	for _, subject := range group {
		if !left[subject] {
			continue
		}
		if err := r.missing(ctx, subject); err != nil {
			return err
		}
	}
	return nil
}

// missing returns an error for a key that may have had a value that is gone.
func (r *snapshot) missing(ctx context.Context, subject string) error {
	var end jetstream.ReadEnd
	msgs, err := jetstream.GetBatch(ctx, r.s.js, r.s.name(), 1, jetstream.GetBatchSubject(subject), jetstream.GetBatchEnd(&end))
	if err != nil {
		return err
	}
	var oldest *jetstream.RawStreamMsg
	for m, err := range msgs {
		switch {
		case errors.Is(err, jetstream.ErrMsgNotFound):
			return nil // it never was there, has expired, or was removed with its history
		case err != nil:
			return err
		}
		oldest = m
	}
	history := r.s.stream.CachedInfo().Config.MaxMsgsPerSubject
	if oldest.Sequence > r.revision && isFirst(oldest, end.Pending+1, history) {
		return nil
	}
	key, err := r.s.named(subject)
	if err != nil {
		key = subject
	}
	return &KeyError{Op: r.v.op, Bucket: r.s.bucket, Key: key, Revision: r.revision, Kind: ErrSnapshotGone}
}

// isFirst reports whether the oldest message that a key has, of so many that it has, is surely
// its first: nothing was removed to make room, and it is no purge, or it was stored as the
// first.
func isFirst(oldest *jetstream.RawStreamMsg, count uint64, history int64) bool {
	op, _ := operation(oldest.Header)
	expected := oldest.Header.Get(jetstream.ExpectedLastSubjSeqHeader)
	other := oldest.Header.Get(jetstream.ExpectedLastSubjSeqSubjHeader)
	if expected == "0" && other == "" {
		return true
	}
	return op != OpPurge && count < uint64(max(history, 0))
}
