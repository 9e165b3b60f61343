package objectstore

import (
	"context"
	"errors"
	"iter"
	"time"

	"github.com/nats-io/nuid"

	"github.com/troupe-go/troupe/internal/watch"
	"github.com/troupe-go/troupe/jetstream"
)

// updatesRoom is the capacity of the channel of a Watcher.
const updatesRoom = 256

// away is how long a watcher may be without a consumer before it starts over: a rename that it
// misses leaves no trace.
const away = time.Nanosecond

// Watcher delivers the changes of objects through a channel; Reader.Events does it without one.
// It is an actor in the tree of its connection, below consumers, and survives lost links,
// servers and consumers. Its methods are safe for concurrent use.
type Watcher interface {
	// Updates returns the channel, which has room for 256 infos: those of objects and of deleted
	// objects, and one nil after everything that was there at first. After a Resync, which the
	// channel does not show, all that there is comes again. The channel is closed when the
	// watcher has ended.
	Updates() <-chan *Info
	// Stop ends the watcher. It does not wait, and returns nil.
	Stop() error
	// Err returns why the watcher ended; nil before that, and after Stop. Errors: the context's;
	// ErrBucketNotFound; ErrSlowWatcher; api.ErrConnectionClosed.
	Err() error
}

// watcher implements Watcher.
type watcher struct {
	*watch.Watcher[*Info]

	s       *store
	updates <-chan *Info
}

func (w *watcher) Updates() <-chan *Info { return w.updates }

func (w *watcher) Stop() error {
	w.Watcher.Stop()
	return nil
}

func (w *watcher) Err() error { return w.s.unread("watch", w.Watcher.Err()) }

// Watch implements Reader.
func (s *store) Watch(ctx context.Context, opts ...WatchOpt) (Watcher, error) {
	o, err := readWatchOptions(opts)
	if err != nil {
		return nil, s.bucketFailed("watch", err)
	}
	synced := o.updatesOnly // the nil was sent, or there is none; for all syncs
	w, updates, err := watch.Channel(ctx, s.watching(&o), updatesRoom, func(e watch.Event[*Info]) (*Info, bool) {
		switch e.Kind {
		case watch.Entry:
			return e.Value, true
		case watch.Ready:
			first := !synced
			synced = true
			return nil, first
		}
		return nil, false
	})
	if err != nil {
		return nil, s.bucketFailed("watch", err)
	}
	return &watcher{Watcher: w, s: s, updates: updates}, nil
}

// Events implements Reader.
func (s *store) Events(ctx context.Context, opts ...WatchOpt) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		o, err := readWatchOptions(opts)
		if err != nil {
			yield(Event{}, s.bucketFailed("watch", err))
			return
		}
		w, err := watch.Start(ctx, s.watching(&o))
		if err != nil {
			yield(Event{}, s.bucketFailed("watch", err))
			return
		}
		for e, err := range w.Events() {
			if err != nil {
				yield(Event{}, s.unread("watch", err))
				return
			}
			if !yield(s.eventOf(&e), nil) {
				return
			}
		}
	}
}

// watching returns the config of a watcher.
func (s *store) watching(o *watchOptions) watch.Config[*Info] {
	return watch.Config[*Info]{
		Name: string(stores) + s.bucket + "-" + nuid.Next(), JetStream: s.js, Stream: s.stream, Filters: []string{s.read + "M.>"},
		Deliver: o.deliver(), Decode: s.decoder(o.ignoreDeletes), Away: away,
		Slow: o.slow, Waiting: o.waiting, Missing: o.missing,
	}
}

// decoder returns the function that makes an info of a message.
func (s *store) decoder(ignoreDeletes bool) func(jetstream.Msg, *jetstream.MsgMetadata) (*Info, bool, error) {
	return func(m jetstream.Msg, meta *jetstream.MsgMetadata) (*Info, bool, error) {
		info, err := decodeInfo(s.bucket, &jetstream.RawStreamMsg{
			Subject: m.Subject(), Header: m.Headers(), Data: m.Data(), Sequence: meta.Sequence.Stream, Time: meta.Timestamp,
		})
		if err != nil {
			return nil, true, err
		}
		return info, !ignoreDeletes || !info.Deleted, nil
	}
}

// unread wraps the error that ended a read in an error about the bucket, or about an object.
func (s *store) unread(op string, err error) error {
	if err == nil {
		return nil
	}
	if bad, ok := errors.AsType[*watch.DecodeError](err); ok {
		return &ObjectError{Op: op, Bucket: s.bucket, Name: nameOf(bad.Subject), Revision: bad.Revision, Kind: ErrBadObjectMeta, Err: bad.Err}
	}
	return s.bucketFailed(op, err)
}
