package watch

import (
	"context"
	"errors"

	"github.com/troupe-go/troupe/jetstream"
)

// reach.go - how a program learns that a revision has passed which it never sees.
//
//	Reach ─► keeper: nothing comes ─► survey ─► machine.pass ─► Passed
//
// A stored message may match no filter, or be gone before it is delivered. The survey asks for
// the last revision of the stream, then for the last one of what is watched: if the latter has
// come, nothing is missing up to the former. Then it asks for the consumer: if that still
// exists, the stream is the same one.

// Reach makes the keeper ask the server after a while, unless an event with that revision or a
// higher one comes first. Then a Passed follows as soon as everything that was stored up to
// there has come. It does not wait.
func (w *Watcher[T]) Reach(revision uint64) {
	w.mu.Lock()
	wanted := revision > max(w.awaited, w.machine.last)
	if wanted {
		w.awaited = revision
	}
	w.mu.Unlock()
	if wanted {
		w.poke()
	}
}

// survey asks the leader of the stream for its last revision, and then for the last one of what
// is watched; 0 for none. It fails if the stream may not be that of the consumer.
func (w *Watcher[T]) survey(ctx context.Context, consumer string) (stream, watched uint64, err error) {
	s, err := w.cfg.JetStream.Stream(ctx, w.cfg.Stream.CachedInfo().Config.Name)
	if err != nil {
		return 0, 0, err
	}
	filters := w.cfg.Filters
	if len(filters) == 0 {
		filters = []string{">"}
	}
	for _, filter := range filters {
		m, err := s.GetMsg(ctx, 0, jetstream.WithGetMsgLast(filter), jetstream.WithGetMsgLeader())
		switch {
		case errors.Is(err, jetstream.ErrMsgNotFound):
		case err != nil:
			return 0, 0, err
		default:
			watched = max(watched, m.Sequence)
		}
	}
	info, err := w.consumer.Info(ctx)
	if err == nil && info.Name != consumer {
		err = jetstream.ErrConsumerNotFound
	}
	return s.CachedInfo().State.LastSeq, watched, err
}

// pass takes the result of a survey.
func (w *Watcher[T]) pass(m surveyed) {
	w.mu.Lock()
	if w.over || w.awaited <= w.machine.last || !w.machine.pass(m.consumer, m.stream, m.watched) {
		w.mu.Unlock()
		return
	}
	w.queue.push(Event[T]{Kind: Passed, Revision: m.stream}, "")
	w.handOn(false)
}

// isLive calls Config.Live when that changes. Only the keeper calls it.
func (w *Watcher[T]) isLive(live bool) {
	if w.cfg.Live == nil || live == w.live {
		return
	}
	w.live = live
	w.cfg.Live(live)
}
