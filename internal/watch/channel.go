package watch

import "context"

// channel.go - events that go to a channel.
//
//	handle, begin, keeper ─► queue ─► whoever has found nobody at it ─► channel
//	                                     │ full, and it must not wait
//	                                     └─► goroutine of its own, until the queue is empty
//
// One goroutine at a time sends, in the order of the queue, and closes the channel when it finds the watcher
// ended; if nobody sends, whoever ends it does.

// sink is the channel of a watcher. Its fields but the functions are under the watcher's lock.
type sink[T any] struct {
	offer func(Event[T]) bool                       // false if there is no room
	send  func(Event[T], <-chan struct{}) (ok bool) // waits for room, until the watcher ends
	close func()
	busy  bool // somebody sends
}

// Channel is Start for a watcher whose events go to a channel with room for size of them, as convert makes
// them; what it does not keep is left out. Stop closes the channel: what is in it stays. So does every other end, and
// what did not fit is lost.
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

// handOn lets the taker know, or sends: the lock is held, and released. wait says that the caller may wait for room in the
// channel.
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

// drain sends until nothing waits: the lock is held, and released, and the caller is the one that sends.
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
		if !w.sink.offer(e) {
			if !wait {
				go w.pump(e)
				return
			}
			w.sink.send(e, w.ended)
		}
		w.mu.Lock()
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
	w.sink.send(e, w.ended)
	w.mu.Lock()
	w.drain(true)
}

// endLocked closes the channel if nobody sends. Who does closes it then.
func (s *sink[T]) endLocked(w *Watcher[T]) {
	if !s.busy {
		s.close()
	}
}
