package watch

import "context"

// channel.go - events that go to a channel.
//
//	handle, begin, keeper ─► queue ─► the first, if no other is sending ─► channel
//	                                     │ full, and it must not wait
//	                                     └─► a separate goroutine, until the queue is empty
//
// One goroutine at a time sends, in the order of the queue, and closes the channel when it finds
// that the watcher has ended. If none is sending then, the goroutine that ends the watcher
// closes it.

// sink is the channel of a watcher. Its fields, except the functions, are guarded by the
// watcher's lock.
type sink[T any] struct {
	offer func(Event[T]) bool                       // false if there is no room
	send  func(Event[T], <-chan struct{}) (ok bool) // waits for room, until the watcher ends
	close func()
	busy  bool // a goroutine is sending
}

// Channel is Start for a watcher whose events convert turns into values for a channel with room
// for size of them; those that it does not keep are left out. The channel is closed by Stop and
// any other end: values in it stay, and those that have not fit are lost.
func Channel[T, C any](ctx context.Context, cfg Config[T], size int, convert func(Event[T]) (c C, keep bool)) (*Watcher[T], <-chan C, error) {
	to := make(chan C, size)
	w, err := start(ctx, cfg, &sink[T]{
		offer: func(e Event[T]) bool {
			c, keep := convert(e)
			if !keep {
				return true
			}
			select {
			case to <- c:
				return true
			default:
				return false
			}
		},
		send: func(e Event[T], ended <-chan struct{}) bool {
			c, _ := convert(e)
			select {
			case to <- c:
				return true
			case <-ended:
				return false
			}
		},
		close: func() { close(to) },
	})
	if err != nil {
		return nil, nil, err
	}
	return w, to, nil
}

// handOn wakes the taker, or sends. The lock is held on entry, and released. wait says that the
// caller may wait for room in the channel.
func (w *Watcher[T]) handOn(wait bool) {
	if w.cfg.Slow == Stop && w.queue.live > w.cfg.Waiting {
		w.endLocked(&SlowError{Watcher: w.cfg.Name, Waiting: w.queue.live}, false)
		w.mu.Unlock()
		w.release()
		return
	}
	if w.sink == nil {
		w.come.Signal()
		w.mu.Unlock()
		return
	}
	if w.sink.busy {
		w.mu.Unlock()
		return
	}
	w.sink.busy = true
	w.drain(wait)
}

// drain sends until nothing waits. The lock is held on entry, and released; the caller is the
// one that sends.
func (w *Watcher[T]) drain(wait bool) {
	for {
		e, ok := w.queue.pop()
		if !ok {
			break
		}
		w.room.Signal()
		if e.Kind == Undecoded && w.cfg.Strict {
			w.endLocked(e.Err, true)
			break
		}
		w.mu.Unlock()
		switch {
		case w.sink.offer(e):
			w.mu.Lock()
		case wait:
			w.push(e)
		default:
			go w.pump(e)
			return
		}
	}
	w.sink.busy = false
	over := w.over
	if over {
		w.sink.close()
	}
	w.mu.Unlock()
	if over {
		w.release()
	}
}

// pump sends what did not fit, and what comes meanwhile.
func (w *Watcher[T]) pump(e Event[T]) {
	w.push(e)
	w.drain(true)
}

// push waits until it has sent the event that did not fit, and takes the lock. If the watcher
// ends first, that event and all after it are dropped, so that the reader sees no gap.
func (w *Watcher[T]) push(e Event[T]) {
	sent := w.sink.send(e, w.ended)
	w.mu.Lock()
	if !sent {
		w.queue.clear()
	}
}

// endLocked closes the channel if no goroutine is sending; otherwise that one closes it.
func (s *sink[T]) endLocked(w *Watcher[T]) {
	if !s.busy {
		s.close()
	}
}
