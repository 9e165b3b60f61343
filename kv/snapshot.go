package kv

import (
	"cmp"
	"context"
	"errors"
	"iter"
	"slices"

	"github.com/troupe-go/troupe/internal/kind"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/protocol"
)

// snapshot.go - the values that keys had at one revision.
//
//	now, up to 1024 keys    last messages, page by page; the first says which revision it is
//	more, or an old one     the leader names the keys ──► last messages of groups of them
//
//	last messages ──► of a replica that lags behind the revision: try again
//	              ├─► not newer than the revision: this is the value
//	              └─► newer, or none: the leader has the history of the key
//	                    └─ nothing is that old: is the key new, or is its value gone?

// groupMax is how many keys a server finds at a time.
const groupMax = 1024

// Kinds of errors of snapshots.
var (
	// ErrSnapshotGone: the history of a key does not reach back to the revision: its value is
	// gone, or the key cannot be told from a new one. A snapshot of a later revision may
	// succeed; a larger Config.History lets snapshots reach back further.
	ErrSnapshotGone error = kind.New("troupe: history does not reach back", ErrKeyValue).In(kind.NotFound, kind.Retry)
	// ErrSnapshotAhead: the bucket has not reached the revision yet.
	ErrSnapshotAhead error = kind.New("troupe: revision is not reached", ErrKeyValue).In(kind.NotFound, kind.Retry)
)

// SnapshotOpt is an option of Reader.Snapshot. A nil one is skipped.
type SnapshotOpt func(*snapshotOptions) error

type snapshotOptions struct {
	revision uint64
	shown    *uint64
}

// SnapshotAt shows the keys as they were when the bucket reached that revision, of any key. It
// needs a history: the sequence ends with an ErrSnapshotGone if a key has been given so many
// values since that its value at that revision is gone. Values that have expired since, or were
// purged and left no marker, are silently missing. A key that got its first value after the
// revision is known to be new if Create stored it, or if the key has fewer values than
// Config.History and the handle was opened before the revision, because History may have been
// smaller earlier; otherwise it is an ErrSnapshotGone. Default, and 0: as it is now.
func SnapshotAt(revision uint64) SnapshotOpt {
	return func(o *snapshotOptions) error {
		o.revision = revision
		return nil
	}
}

// SnapshotRevision sets *revision to the revision of the snapshot when the sequence has ended
// without an error. A watch with ResumeFromRevision(*revision+1) continues there. Nil is an
// ErrInvalidOption.
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
		shot := snapshot{s: s, v: values{s: s, op: "snapshot", yield: yield}, seen: map[string]bool{}}
		if err := shot.run(ctx, patterns, opts); err != nil && !shot.v.stopped {
			yield(nil, err)
		}
	}
}

// snapshot is one run of a Snapshot.
type snapshot struct {
	s        *store
	v        values
	subjects []string        // to read: patterns first
	revision uint64          // 0 while it is not known
	seen     map[string]bool // subjects that are done
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

// read reads the snapshot in one of the ways above.
func (r *snapshot) read(ctx context.Context) error {
	if r.revision == 0 {
		if err := r.now(ctx); !errors.Is(err, jetstream.ErrTooManyResults) {
			return err
		}
	}
	return r.named(ctx)
}

// failed wraps an error of the stream in an error about the bucket.
func (r *snapshot) failed(err error) error {
	switch err.(type) {
	case *KeyError, *BucketError:
		return err
	}
	return stores.Failed(r.v.op+" of", r.s.bucket, err)
}

// wrapped returns an error about the bucket.
func (s *store) wrapped(op string, kind, err error) *BucketError {
	e := stores.Error(op, s.bucket, kind, "")
	e.Err = err
	return e
}

// now reads all keys as they are. It returns ErrTooManyResults if there are none, or more than a
// server finds at a time.
func (r *snapshot) now(ctx context.Context) error {
	bytes := 0
	for _, subject := range r.subjects {
		bytes += len(subject)
	}
	if len(r.subjects) > groupMax || bytes > manyBytesMax {
		return jetstream.ErrTooManyResults
	}
	changed, err := r.pages(ctx, r.subjects)
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return jetstream.ErrTooManyResults // an empty result does not say as of which revision
	}
	if err != nil || r.v.stopped {
		return err
	}
	return r.older(ctx, changed)
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

// upTo makes the last revision of the bucket that of the snapshot, unless that is known.
func (r *snapshot) upTo(last uint64) error {
	if r.revision > last {
		return r.s.wrapped(r.v.op+" of", ErrSnapshotAhead, nil)
	}
	if r.revision == 0 {
		r.revision = last
	}
	return nil
}

// groups reads keys in groups of as many as a server finds at a time.
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

// group reads a group of keys that the leader has named.
func (r *snapshot) group(ctx context.Context, group []string) error {
	group = slices.DeleteFunc(slices.Clone(group), func(subject string) bool { return r.seen[subject] })
	if r.revision == 0 || len(group) == 0 { // the bucket was always empty
		return nil
	}
	_, err := r.pages(ctx, group)
	if err != nil && !errors.Is(err, jetstream.ErrMsgNotFound) || r.v.stopped {
		return err
	}
	return r.older(ctx, group)
}

// pages reads the last messages of subjects, and shows those that are not newer than the
// revision. It returns the other subjects.
func (r *snapshot) pages(ctx context.Context, subjects []string) (changed []string, err error) {
	pause := createPause
	for from, tries := uint64(1), 0; ; {
		msgs, end, err := r.page(ctx, subjects, from)
		switch {
		case err != nil:
			return nil, err
		case end.UpToSeq >= r.revision:
		case tries == createTriesMax || !sleep(ctx, pause):
			return nil, r.behind(ctx)
		default:
			tries, pause = tries+1, min(2*pause, createPauseMax)
			continue
		}
		if r.revision == 0 {
			r.revision = end.UpToSeq
		}
		for _, m := range msgs {
			switch {
			case m.Sequence > r.revision:
				changed = append(changed, m.Subject)
			case !r.show(m):
				return nil, nil
			}
		}
		if end.Pending == 0 {
			return changed, nil
		}
		from = end.LastSeq + 1
	}
}

// page reads a page of last messages that starts at a sequence.
func (r *snapshot) page(ctx context.Context, subjects []string, from uint64) (msgs []*jetstream.RawStreamMsg, end jetstream.ReadEnd, err error) {
	read, err := jetstream.GetLastMsgsFor(ctx, r.s.js, r.s.name(), subjects, jetstream.GetLastMsgsFrom(from),
		jetstream.GetLastMsgsPage(), jetstream.GetLastMsgsEnd(&end))
	if err != nil {
		return nil, end, err
	}
	for m, err := range read {
		if err != nil {
			return nil, end, err
		}
		msgs = append(msgs, m)
	}
	return msgs, end, nil
}

// show yields the value of a message, and reports whether to read on.
func (r *snapshot) show(m *jetstream.RawStreamMsg) bool {
	r.seen[m.Subject] = true
	return r.v.message(m)
}

// older shows the values at the revision of subjects whose last message is newer, or was not
// found.
func (r *snapshot) older(ctx context.Context, subjects []string) error {
	subjects = slices.DeleteFunc(subjects, func(subject string) bool { return r.seen[subject] })
	slices.Sort(subjects)
	for part := range slices.Chunk(slices.Compact(subjects), leaderWindow) {
		maybe, err := r.upToRevision(ctx, part)
		if err != nil {
			return err
		}
		var msgs []*jetstream.RawStreamMsg
		for i, of := range oneByOne(part, func(subject string) (*jetstream.RawStreamMsg, error) { return r.at(ctx, subject, maybe[subject]) }) {
			if of.err != nil {
				return of.err
			}
			r.seen[part[i]] = true
			if of.msg != nil {
				msgs = append(msgs, of.msg)
			}
		}
		slices.SortFunc(msgs, func(a, b *jetstream.RawStreamMsg) int { return cmp.Compare(a.Sequence, b.Sequence) })
		for _, m := range msgs {
			if !r.show(m) {
				return nil
			}
		}
	}
	return nil
}

// upToRevision returns the last messages of subjects up to the revision, as any replica has
// them.
func (r *snapshot) upToRevision(ctx context.Context, subjects []string) (map[string]*jetstream.RawStreamMsg, error) {
	read, err := jetstream.GetLastMsgsFor(ctx, r.s.js, r.s.name(), subjects, jetstream.GetLastMsgsUpToSeq(r.revision))
	if err != nil {
		return nil, err
	}
	msgs := map[string]*jetstream.RawStreamMsg{}
	for m, err := range read {
		switch {
		case errors.Is(err, jetstream.ErrMsgNotFound):
		case err != nil:
			return nil, err
		default:
			msgs[m.Subject] = m
		}
	}
	return msgs, nil
}

// at returns the message of a subject at the revision; nil for none. m is a replica's answer,
// nil for none. The leader is asked what follows m, and so whether m is still there.
func (r *snapshot) at(ctx context.Context, subject string, m *jetstream.RawStreamMsg) (*jetstream.RawStreamMsg, error) {
	for {
		var after uint64
		if m != nil {
			after = m.Sequence
		}
		next, err := r.s.leaderNext(ctx, subject, after+1)
		switch {
		case err != nil:
			return nil, err
		case next != nil && next.Sequence <= r.revision: // the replica lagged
			m = next
			continue
		case m == nil && next == nil:
			return nil, nil // it never existed, has expired, or was removed with its history
		case m == nil:
			return nil, r.isNew(ctx, next)
		}
		switch still, err := r.s.leaderNext(ctx, subject, after); {
		case err != nil:
			return nil, err
		case still == nil:
			return nil, nil
		case still.Sequence != after:
			return nil, r.gone(subject)
		}
		return m, nil
	}
}

// isNew returns an error unless a subject whose oldest message is newer than the revision
// certainly had nothing then. The number of its messages proves that only if the bucket has kept
// at least as many at all times since.
func (r *snapshot) isNew(ctx context.Context, oldest *jetstream.RawStreamMsg) error {
	info, err := r.s.stream.Info(ctx, jetstream.WithSubjectFilter(oldest.Subject))
	if err != nil {
		return err
	}
	history := info.Config.MaxMsgsPerSubject
	if was := r.s.opened; r.revision < was.last || history != was.history {
		history = 0 // it may have been smaller
	}
	switch {
	case isFirst(oldest, info.State.Subjects[oldest.Subject], history):
		return nil
	default:
		return r.gone(oldest.Subject)
	}
}

// gone is the error for a subject whose history does not reach back.
func (r *snapshot) gone(subject string) error {
	key, err := r.s.named(subject)
	if err != nil {
		key = subject
	}
	return &KeyError{Op: r.v.op, Bucket: r.s.bucket, Key: key, Revision: r.revision, Kind: ErrSnapshotGone}
}

// behind is the error when no replica that answers has reached the revision.
func (r *snapshot) behind(ctx context.Context) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	e := r.s.wrapped(r.v.op+" of", ErrSnapshotAhead, nil)
	e.Reason = "the replicas that answer have not reached the revision"
	return e
}

// isFirst reports whether the oldest of a key's messages is certainly its first: it was stored
// as the first, or it is not a purge and nothing was removed to make room. count is how many
// messages the key has, history how many it may have; 0 if that is not known.
func isFirst(oldest *jetstream.RawStreamMsg, count uint64, history int64) bool {
	op, _ := operation(oldest.Header)
	expected := oldest.Header.Get(jetstream.ExpectedLastSubjSeqHeader)
	other := oldest.Header.Get(jetstream.ExpectedLastSubjSeqSubjHeader)
	if expected == "0" && other == "" {
		return true
	}
	return op != OpPurge && count < uint64(max(history, 0))
}
