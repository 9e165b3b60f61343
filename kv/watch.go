package kv

import (
	"context"
	"errors"
	"iter"

	"github.com/nats-io/nuid"
	"github.com/troupe-go/troupe/internal/watch"
	"github.com/troupe-go/troupe/jetstream"
)

// updatesRoom is the capacity of the channel of a Watcher.
const updatesRoom = 256

// Watcher delivers the changes of keys through a channel; Reader.Events does it without one. It
// is an actor in the tree of its connection, below consumers, and survives lost links, servers
// and consumers. Its methods are safe for concurrent use.
type Watcher interface {
	// Updates returns the channel, which has room for 256 entries: values and markers, and one
	// nil after everything that was there at first. After a Resync, which the channel does not
	// show, all that there is comes again. The channel is closed when the watcher has ended.
	Updates() <-chan Entry
	// Stop ends the watcher. It does not wait, and returns nil.
	Stop() error
	// Err returns why the watcher ended; nil before that, and after Stop. Errors: the context's;
	// ErrBucketNotFound; ErrSlowWatcher; api.ErrConnectionClosed; a *KeyError with
	// ErrKeyDecodeFailed or ErrValueDecodeFailed for an entry that the codecs of the handle
	// cannot decode, which a channel cannot show: Reader.Events continues after it.
	Err() error
}

// watcher implements Watcher.
type watcher struct {
	*watch.Watcher[*entry]
	s       *store
	updates <-chan Entry
}

func (w *watcher) Updates() <-chan Entry { return w.updates }

func (w *watcher) Stop() error {
	w.Watcher.Stop()
	return nil
}

func (w *watcher) Err() error { return w.s.unwatched(w.Watcher.Err()) }

// Watch implements Reader.
func (s *store) Watch(ctx context.Context, keys string, opts ...WatchOpt) (Watcher, error) {
	return s.WatchFiltered(ctx, []string{keys}, opts...)
}

// WatchAll implements Reader.
func (s *store) WatchAll(ctx context.Context, opts ...WatchOpt) (Watcher, error) {
	return s.WatchFiltered(ctx, nil, opts...)
}

// WatchFiltered implements Reader.
func (s *store) WatchFiltered(ctx context.Context, keys []string, opts ...WatchOpt) (Watcher, error) {
	config, err := s.watching("watch", keys, opts)
	if err != nil {
		return nil, err
	}
	config.Strict = true
	synced := config.Deliver == jetstream.DeliverNewPolicy // the nil was sent, or there is none; for all syncs
	w, updates, err := watch.Channel(ctx, config, updatesRoom, func(e watch.Event[*entry]) (Entry, bool) {
		switch e.Kind {
		case watch.Entry:
			return e.Value, true
		case watch.Ready:
			first := !synced
			synced = true
			return nil, first
		default:
			return nil, false
		}
	})
	if err != nil {
		return nil, s.unwatched(err)
	}
	return &watcher{Watcher: w, s: s, updates: updates}, nil
}

// Events implements Reader.
func (s *store) Events(ctx context.Context, keys []string, opts ...WatchOpt) iter.Seq2[Event, error] {
	return func(yield func(Event, error) bool) {
		config, err := s.watching("watch", keys, opts)
		if err != nil {
			yield(Event{}, err)
			return
		}
		w, err := watch.Start(ctx, config)
		if err != nil {
			yield(Event{}, s.unwatched(err))
			return
		}
		for e, err := range w.Events() {
			if err != nil {
				yield(Event{}, s.unwatched(err))
				return
			}
			if !yield(eventOf(&e), nil) {
				return
			}
		}
	}
}

// watching returns the config of a watcher; without keys, for all of them.
func (s *store) watching(op string, keys []string, opts []WatchOpt) (watch.Config[*entry], error) {
	o, err := applied(opts)
	if err == nil && o.contradiction() != "" {
		err = &jetstream.OptionError{Option: "WatchOpt", Reason: o.contradiction()}
	}
	if err != nil {
		return watch.Config[*entry]{}, stores.Failed(op, s.bucket, err)
	}
	filters, err := s.filters(op, keys)
	if err != nil {
		return watch.Config[*entry]{}, err
	}
	return watch.Config[*entry]{
		Name: string(stores) + s.bucket + "-" + nuid.Next(), JetStream: s.js, Stream: s.stream, Filters: filters,
		Deliver: o.deliver(), StartSeq: o.resumeFrom, HeadersOnly: o.metaOnly, Decode: s.decoder(op, &o),
		Slow: o.slow, Waiting: o.waiting, Missing: o.missing,
	}, nil
}

// filters returns the subjects of patterns. Those that another one covers are left out, because
// servers refuse them.
func (s *store) filters(op string, patterns []string) ([]string, error) {
	if len(patterns) == 0 {
		patterns = []string{AllKeys}
	}
	filters := make([]string, 0, len(patterns))
	for _, pattern := range patterns {
		in, err := s.filtered(op, pattern)
		if err != nil {
			return nil, err
		}
		filters = append(filters, s.read+in)
	}
	return apart(filters), nil
}

// decoder returns the function that makes an entry of a message.
func (s *store) decoder(op string, o *watchOptions) func(m jetstream.Msg, meta *jetstream.MsgMetadata) (*entry, bool, error) {
	return func(m jetstream.Msg, meta *jetstream.MsgMetadata) (*entry, bool, error) {
		e := &entry{
			bucket: s.bucket, value: m.Data(), revision: meta.Sequence.Stream, created: meta.Timestamp,
			delta: meta.NumPending, header: m.Headers(),
		}
		e.op, e.expired = operation(e.header)
		if o.ignoreDeletes && e.op != OpPut {
			return nil, false, nil
		}
		var err error
		if e.key, err = s.named(m.Subject()); err != nil {
			return nil, true, &KeyError{Op: op, Bucket: s.bucket, Key: m.Subject(), Revision: e.revision, Kind: ErrKeyDecodeFailed, Err: err}
		}
		if s.values == nil || e.op != OpPut || o.metaOnly {
			return e, true, nil
		}
		if e.value, err = s.values.DecodeValue(e.value); err != nil {
			return nil, true, &KeyError{Op: op, Bucket: s.bucket, Key: e.key, Revision: e.revision, Kind: ErrValueDecodeFailed, Err: err}
		}
		return e, true, nil
	}
}

// unwatched wraps the error that ended a watcher in an error about the bucket.
func (s *store) unwatched(err error) error {
	if err == nil {
		return nil
	}
	if undecoded, ok := errors.AsType[*KeyError](err); ok {
		return undecoded
	}
	return stores.Failed("watch", s.bucket, err)
}
