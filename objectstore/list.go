package objectstore

import (
	"context"
	"errors"
	"iter"
	"slices"
	"strings"

	"github.com/troupe-go/troupe/internal/bucket"
	"github.com/troupe-go/troupe/internal/watch"
	"github.com/troupe-go/troupe/jetstream"
)

// ListObjectsOpt is an option of List and Objects. A nil one is skipped.
type ListObjectsOpt func(*listOptions) error

type listOptions struct {
	deleted bool
	prefix  string
	match   func(*Info) bool // nil for all
	after   uint64
	max     int // 0 for all
}

// ListObjectsShowDeleted also lists objects that were deleted.
func ListObjectsShowDeleted() ListObjectsOpt {
	return func(o *listOptions) error {
		o.deleted = true
		return nil
	}
}

// ListObjectsPrefix lists the objects whose names begin with prefix. It reads all infos of the
// bucket, because servers cannot search names.
func ListObjectsPrefix(prefix string) ListObjectsOpt {
	return func(o *listOptions) error {
		o.prefix = prefix
		return nil
	}
}

// ListObjectsMatch lists the objects for which match returns true. match runs on the goroutine
// of the call. It reads all infos of the bucket. Errors: ErrInvalidOption for nil.
func ListObjectsMatch(match func(*Info) bool) ListObjectsOpt {
	return func(o *listOptions) error {
		if match == nil {
			return refusedOption("ListObjectsMatch", "is nil")
		}
		o.match = match
		return nil
	}
}

// ListObjectsPage lists at most most objects after a revision. Objects are listed in the order
// of their revisions: the first page begins after 0, and the next one after the Info.Revision of
// the last object. An object that changes meanwhile moves to the end: it may come twice, but is
// never left out. Errors: ErrInvalidOption unless most is positive.
func ListObjectsPage(after uint64, most int) ListObjectsOpt {
	return func(o *listOptions) error {
		if most <= 0 {
			return refusedOption("ListObjectsPage", "is not positive")
		}
		o.after, o.max = after, most
		return nil
	}
}

// lists reports whether an object belongs in the list.
func (o *listOptions) lists(info *Info) bool {
	return (o.deleted || !info.Deleted) && strings.HasPrefix(info.Name, o.prefix) && (o.match == nil || o.match(info))
}

func readListOptions(opts []ListObjectsOpt) (o listOptions, err error) {
	for _, opt := range opts {
		if opt == nil {
			continue
		}
		if err := opt(&o); err != nil {
			return o, err
		}
	}
	return o, nil
}

// badMax bounds how many unreadable infos the error of a List names.
const badMax = 16

// List implements Reader.
func (s *store) List(ctx context.Context, opts ...ListObjectsOpt) ([]*Info, error) {
	o, err := readListOptions(opts)
	if err != nil {
		return nil, s.bucketFailed("list", err)
	}
	var list listing
	for info, err := range s.load(ctx, "list", o.after) {
		switch {
		case err == nil:
			list.take(info, o.lists(info))
		case !errors.Is(err, ErrBadObjectMeta):
			return nil, err
		case len(list.bad) < badMax:
			list.bad = append(list.bad, err)
		}
		if o.max > 0 && len(list.at) == o.max {
			break
		}
	}
	all := list.infos()
	if len(all) == 0 && len(list.bad) == 0 {
		return nil, stores.Error("list", s.bucket, ErrNoObjectsFound, "")
	}
	return all, errors.Join(list.bad...)
}

// listing is a list that is being read. An object that is replaced meanwhile comes again.
type listing struct {
	all []*Info // nil where an info was replaced
	at  map[string]int
	bad []error
}

// take enters the info of an object in place of an earlier one.
func (l *listing) take(info *Info, listed bool) {
	if i, again := l.at[info.Name]; again {
		l.all[i] = nil
		delete(l.at, info.Name)
	}
	if !listed {
		return
	}
	if l.at == nil {
		l.at = map[string]int{}
	}
	l.at[info.Name] = len(l.all)
	l.all = append(l.all, info)
}

func (l *listing) infos() []*Info {
	return slices.DeleteFunc(l.all, func(info *Info) bool { return info == nil })
}

// Objects implements Reader.
func (s *store) Objects(ctx context.Context, opts ...ListObjectsOpt) iter.Seq2[*Info, error] {
	return func(yield func(*Info, error) bool) {
		o, err := readListOptions(opts)
		if err != nil {
			yield(nil, s.bucketFailed("list", err))
			return
		}
		n := 0
		for info, err := range s.load(ctx, "list", o.after) {
			if err == nil && !o.lists(info) {
				continue
			}
			if !yield(info, err) {
				return
			}
			if n++; o.max > 0 && n == o.max {
				return
			}
		}
	}
}

// load yields the infos after a revision, and an ErrBadObjectMeta for each that cannot be read.
// Any other error comes last.
func (s *store) load(ctx context.Context, op string, after uint64) iter.Seq2[*Info, error] {
	return func(yield func(*Info, error) bool) {
		config := s.watching(&watchOptions{})
		if after > 0 {
			config.Deliver, config.StartSeq = jetstream.DeliverByStartSequencePolicy, after+1
		}
		p := bucket.NewPatience(ctx, op, s.js.Options().DefaultTimeout)
		defer p.End()
		for info, err := range watch.Load(p.Context, config) {
			p.Came()
			if err != nil {
				err = s.unread(op, err)
			}
			if !yield(info, err) {
				return
			}
			p.Wait()
		}
	}
}
