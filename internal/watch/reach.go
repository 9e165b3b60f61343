package watch

import (
	"context"
	"errors"

	"github.com/troupe-go/troupe/jetstream"
)

// reach.go - how a taker learns that a revision has gone by which it never sees.
//
//	Reach ─► keeper: nothing comes ─► survey ─► machine.pass ─► Passed
//
// What is stored may be of no filter, or gone before it is delivered. The survey asks for the last revision of
// the stream, then for the last one of what is watched: if that has come, nothing is missing up to the former. Then
// for the consumer: if it is still there, the stream is the one that it was made of.

// Reach has the keeper ask the server, after a while, unless an event with that revision or a higher one comes by
// itself: then a Passed follows as soon as all has come that was stored up to there. It does not wait.
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

// survey asks the leader of the stream for its last revision, and then for the last one of what is watched: 0 for
// none. It fails if the stream may be another one than that of a consumer.
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

// pass takes what the leader says.
func (w *Watcher[T]) pass(m surveyed) {
	w.mu.Lock()
	if w.over || w.awaited <= w.machine.last || !w.machine.pass(m.consumer, m.stream, m.watched) {
		w.mu.Unlock()
		return
	}
	w.queue.push(Event[T]{Kind: Passed, Revision: m.stream}, "")
	w.handOn(false)
}

// isLive tells who wants to know whether the watcher is live. Only the keeper calls it.
func (w *Watcher[T]) isLive(live bool) {
	if w.cfg.Live == nil || live == w.live {
		return
	}
	w.live = live
	w.cfg.Live(live)
}
