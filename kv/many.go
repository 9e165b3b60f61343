package kv

import (
	"context"
	"errors"
	"iter"
	"slices"

	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/protocol"
)

// many.go - reads the values of many keys with few round trips.
//
//	keys and patterns ──► requests of a size that a server accepts ──► last messages ──► values
//
// A handle that reads through the leader asks for each key separately, many at a time: a server
// finds the last messages of several subjects only in a direct get, which any replica may
// answer.

// manyBytesMax bounds the subjects of one request, in bytes.
const manyBytesMax = 256 << 10

// GetMany implements Reader.
func (s *store) GetMany(ctx context.Context, keys ...string) iter.Seq2[Entry, error] {
	return func(yield func(Entry, error) bool) {
		v := values{s: s, op: "get many", yield: yield}
		if err := s.eachLast(ctx, v.op, keys, v.message); err != nil && !v.stopped {
			yield(nil, err)
		}
	}
}

// eachLast reads the last messages of keys and patterns until each returns false.
func (s *store) eachLast(ctx context.Context, op string, keys []string, each func(*jetstream.RawStreamMsg) bool) error {
	subjects, err := s.subjects(op, keys)
	if err != nil {
		return err
	}
	read := s.lastsOf
	if s.leader {
		read = s.leaderLastsOf
	}
	if err := read(ctx, subjects, each); err != nil {
		return s.failedMany(op, err)
	}
	return nil
}

// failedMany wraps an error of the stream in an error about the bucket, because it is not about
// a single key.
func (s *store) failedMany(op string, err error) error {
	return stores.Failed(op+" from", s.bucket, err)
}

// values yields the values of messages. Markers are left out; a message that cannot be decoded
// is yielded as an error.
type values struct {
	s       *store
	op      string
	yield   func(Entry, error) bool
	stopped bool
}

// message yields the value of a message, and reports whether to read on.
func (v *values) message(m *jetstream.RawStreamMsg) bool {
	if op, _ := operation(m.Header); op != OpPut {
		return true
	}
	key, err := v.s.named(m.Subject)
	if err != nil {
		v.stopped = !v.yield(nil, v.s.undecoded(v.op, m.Subject, m.Sequence, err))
		return !v.stopped
	}
	if e, err := v.s.entry(v.op, key, m); err != nil {
		v.stopped = !v.yield(nil, err)
	} else {
		v.stopped = !v.yield(e, nil)
	}
	return !v.stopped
}

// undecoded is the error for a key that the codec cannot decode.
func (s *store) undecoded(op, subject string, revision uint64, err error) error {
	return &KeyError{Op: op, Bucket: s.bucket, Key: subject[min(len(s.read), len(subject)):], Revision: revision, Kind: ErrKeyDecodeFailed, Err: err}
}

// subjects returns the subjects of keys and patterns in the bucket's stream, each once, those
// with wildcards first. Keys that a pattern matches are left out.
func (s *store) subjects(op string, patterns []string) ([]string, error) {
	var wild, literal []string
	for _, pattern := range patterns {
		in, err := s.filtered(op, pattern)
		if err != nil {
			return nil, err
		}
		if protocol.HasWildcard(in) {
			wild = append(wild, s.read+in)
		} else {
			literal = append(literal, s.read+in)
		}
	}
	slices.Sort(wild)
	wild = slices.Compact(wild)
	slices.Sort(literal)
	literal = slices.DeleteFunc(slices.Compact(literal), func(subject string) bool {
		return slices.ContainsFunc(wild, func(pattern string) bool { return protocol.Match(pattern, subject) })
	})
	return append(wild, literal...), nil
}

// lastsOf reads the last messages of subjects until each returns false. That there are none is
// not an error. Messages that are replaced meanwhile are read again, so no key is left out.
func (s *store) lastsOf(ctx context.Context, subjects []string, each func(*jetstream.RawStreamMsg) bool) error {
	r := lastReading{s: s, each: each, seen: map[string]bool{}}
	return r.parts(ctx, subjects)
}

// manyTriesMax is how often messages are asked for that are replaced while they are read.
const manyTriesMax = 10

// lastReading is one run of a lastsOf.
type lastReading struct {
	s       *store
	each    func(*jetstream.RawStreamMsg) bool
	seen    map[string]bool // subjects
	stopped bool
}

// parts reads subjects in parts that fit into a request.
func (r *lastReading) parts(ctx context.Context, subjects []string) error {
	for part := range chunks(subjects, manyBytesMax) {
		for group := range slices.Chunk(part, groupMax) {
			if err := r.group(ctx, group); err != nil || r.stopped {
				return err
			}
		}
	}
	return nil
}

// group reads subjects with one request. If they match more than a server finds at a time, the
// leader names the matches.
func (r *lastReading) group(ctx context.Context, subjects []string) error {
	var err error
	for range manyTriesMax {
		err = r.s.pages(ctx, subjects, r.message, jetstream.GetLastMsgsBatchSize(groupMax))
		if !errors.Is(err, jetstream.ErrMsgsReplaced) {
			break
		}
	}
	if errors.Is(err, jetstream.ErrTooManyResults) {
		return r.named(ctx, subjects)
	}
	return err
}

// named reads subjects, after the leader has named those that match a pattern.
func (r *lastReading) named(ctx context.Context, subjects []string) error {
	for i, subject := range subjects {
		if !protocol.HasWildcard(subject) {
			return r.parts(ctx, subjects[i:])
		}
		n, err := r.s.names(ctx, subject, subjects[:i])
		if err != nil {
			return err
		}
		if err := r.parts(ctx, n.subjects); err != nil || r.stopped {
			return err
		}
	}
	return nil
}

// message passes on the first message of each subject.
func (r *lastReading) message(m *jetstream.RawStreamMsg) bool {
	if r.seen[m.Subject] {
		return true
	}
	r.seen[m.Subject] = true
	r.stopped = !r.each(m)
	return !r.stopped
}

// pages reads the last messages of subjects, page by page, until each returns false. That there
// are none is not an error. It returns ErrMsgsReplaced if a message is replaced before its page
// was read.
func (s *store) pages(ctx context.Context, subjects []string, each func(*jetstream.RawStreamMsg) bool, opts ...jetstream.GetLastForOpt) error {
	msgs, err := jetstream.GetLastMsgsFor(ctx, s.js, s.name(), subjects, append(opts, jetstream.GetLastMsgsExact())...)
	if err != nil {
		return err
	}
	for m, err := range msgs {
		switch {
		case errors.Is(err, jetstream.ErrMsgNotFound):
		case err != nil:
			return err
		case !each(m):
			return nil
		}
	}
	return nil
}

// name returns the name of the bucket's stream.
func (s *store) name() string { return s.stream.CachedInfo().Config.Name }

// chunks yields the subjects in parts of at most bytesMax bytes, but at least one subject.
func chunks(subjects []string, bytesMax int) iter.Seq[[]string] {
	return func(yield func([]string) bool) {
		begin, bytes := 0, 0
		for i, subject := range subjects {
			if i > begin && bytes+len(subject) > bytesMax {
				if !yield(subjects[begin:i]) {
					return
				}
				begin, bytes = i, 0
			}
			bytes += len(subject)
		}
		if begin < len(subjects) {
			yield(subjects[begin:])
		}
	}
}

// leaderLastsOf is lastsOf through the leader, which also names what a pattern matches.
func (s *store) leaderLastsOf(ctx context.Context, subjects []string, each func(*jetstream.RawStreamMsg) bool) error {
	for i, subject := range subjects {
		if !protocol.HasWildcard(subject) {
			_, err := s.leaderEach(ctx, subjects[i:], each)
			return err
		}
		names, err := s.names(ctx, subject, subjects[:i])
		if err != nil {
			return err
		}
		if more, err := s.leaderEach(ctx, names.subjects, each); err != nil || !more {
			return err
		}
	}
	return nil
}

// leaderEach reads the last messages of literal subjects, a window of them at a time. It reports
// whether each wants more.
func (s *store) leaderEach(ctx context.Context, subjects []string, each func(*jetstream.RawStreamMsg) bool) (bool, error) {
	for part := range slices.Chunk(subjects, leaderWindow) {
		for _, r := range s.leaderLasts(ctx, part) {
			switch {
			case r.err != nil:
				return false, r.err
			case r.msg != nil && !each(r.msg):
				return false, nil
			}
		}
	}
	return true, nil
}

// names are the subjects of the bucket's stream as of one moment.
type names struct {
	subjects []string // in order
	last     uint64   // the last sequence of the stream
}

// names asks the leader for the subjects that match filter, but none of the filters in before.
func (s *store) names(ctx context.Context, filter string, before []string) (names, error) {
	info, err := s.stream.Info(ctx, jetstream.WithSubjectFilter(filter))
	if err != nil {
		return names{}, err
	}
	n := names{last: info.State.LastSeq}
	for subject := range info.State.Subjects {
		if !slices.ContainsFunc(before, func(pattern string) bool { return protocol.Match(pattern, subject) }) {
			n.subjects = append(n.subjects, subject)
		}
	}
	slices.Sort(n.subjects)
	return n, nil
}
