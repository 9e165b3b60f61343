package watch

import (
	"context"
	"iter"
)

// events.go - events that are taken in a loop.

// Events yields the events until the watcher ends, and waits for them. To break, or to return, stops the
// watcher. What ended it but Stop is yielded last, as an error with an empty event: see Err. One loop at a time;
// not for a watcher of Channel.
func (w *Watcher[T]) Events() iter.Seq2[Event[T], error] {
	return func(yield func(Event[T], error) bool) {
		defer w.Stop()
		var batch []Event[T]
		for {
			var ok bool
			if batch, ok = w.next(batch); !ok {
				break
			}
			for i := range batch {
				if w.stopped.Load() {
					break
				}
				if !yield(batch[i], nil) {
					return
				}
			}
			clear(batch)
		}
		if err := w.Err(); err != nil {
			yield(Event[T]{}, err)
		}
	}
}

// next waits for events, and takes them into the place of the last ones. ok is false when there are no more.
func (w *Watcher[T]) next(used []Event[T]) (batch []Event[T], ok bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.queue.live == 0 {
		if w.over {
			return nil, false
		}
		w.come.Wait()
	}
	if !w.queue.conflate {
		batch = w.queue.swap(used)
	} else if e, ok := w.queue.pop(); ok { // what waits on is conflated on
		batch = append(used[:0], e)
	}
	w.room.Signal()
	return batch, true
}

// Load yields the value of each entry that is there, and ends: the iteration makes a consumer, and removes it.
// Missing, Away, Slow and Waiting of the config are without a meaning. It is read as fast as it is taken; a lost link
// is waited for, as long as ctx allows.
//
// A value that was replaced while it read may be yielded as well as the one that took its place, which follows. An error is yielded last: those of
// Start, the ones that Err names; what was not understood, a DecodeError, does not end it.
func Load[T any](ctx context.Context, cfg Config[T]) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		cfg := cfg
		cfg.once, cfg.Missing, cfg.Slow, cfg.Waiting = true, 0, Wait, 0
		var none T
		w, err := Start(ctx, cfg)
		if err != nil {
			yield(none, err)
			return
		}
		for e, err := range w.Events() {
			switch {
			case err != nil:
				yield(none, err)
				return
			case e.Kind == Ready:
				return
			case !yield(e.Value, e.Err):
				return
			}
		}
	}
}
