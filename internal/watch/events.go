package watch

import (
	"context"
	"iter"
)

// events.go - events that are taken in a loop.

// Events yields the events, and waits for them, until the watcher ends. Leaving the loop stops
// the watcher. Unless Stop ended it, the error that did is yielded last, with an empty event:
// see Err. Only one loop may run at a time; it is not for a watcher of Channel.
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

// next waits for events, and takes them; their memory replaces used. ok is false when there are
// no more.
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
	} else if e, ok := w.queue.pop(); ok { // what still waits can still be conflated
		batch = append(used[:0], e)
	}
	w.room.Signal()
	return batch, true
}

// Load yields the value of each entry that is there, and ends: the iteration creates a consumer,
// and removes it. Missing, Away, Slow and Waiting of the config are ignored. Messages are read
// as fast as the values are taken; if the link is lost, it waits for another one until ctx ends.
//
// If a value is replaced meanwhile, both may be yielded, the newer one later. An error comes
// last: those of Start and those that Err names; a DecodeError does not end it.
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
