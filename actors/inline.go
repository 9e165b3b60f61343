package actors

// inline.go - writes on the goroutine of a publisher or requester instead of the
// writer's, as far as the socket takes them without blocking. At most one goroutine
// writes at a time: the one that has set outbox.writing.

// writeNow writes what waits on the caller's goroutine, as far as the socket takes it
// without blocking; the rest, or everything where the platform cannot try, is left to the
// writer. kick is what put returned.
func (o *outbox) writeNow(kick func()) {
	o.mu.Lock()
	o.gathering = false
	try := o.try
	var w write
	if try != nil {
		o.kicked = false
		kick = nil
		w = o.takeLocked() // empty: another goroutine writes, or there is no socket any more
	} else if kick == nil {
		kick = o.kickLocked()
	}
	o.mu.Unlock()
	if w.frames != nil {
		kick = o.attempt(try, w)
	}
	if kick != nil {
		kick()
	}
}

// attempt makes one attempt to write w and returns what wakes the writer, if
// it is needed.
func (o *outbox) attempt(try func([]byte) int, w write) (kick func()) {
	w.n = try(w.frames)
	if w.n == len(w.frames) {
		return o.end(w)
	}
	o.mu.Lock()
	if o.state == outDown {
		// The socket was lost meanwhile: the rest must not go to the next one.
		o.abortLocked(w)
		o.settle()
		return nil
	}
	o.partial = w
	o.kicked, o.gathering = true, false
	kick = o.kick
	o.mu.Unlock()
	return kick
}

// gather begins a stream: the writer sleeps, and publishes collect until gatherBytes
// wait. It returns false when that many wait already.
func (o *outbox) gather() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.gathering = len(o.buf) < gatherBytes && o.state == outLive
	o.streamed = false
	if o.gathering {
		o.kicked = false // the writer sleeps; a wake-up already under way only makes it check again
	}
	return o.gathering
}

// streaming reports whether the stream has gone on since it was last asked.
func (o *outbox) streaming() bool {
	o.mu.Lock()
	defer o.mu.Unlock()
	was := o.gathering && o.streamed
	o.streamed = false
	return was
}

// streamRuns bounds how many writes in a row one publisher makes on behalf of others.
const streamRuns = 4

// writeStream writes on the publisher's goroutine, while the writer sleeps. The frames
// are in this processor's cache; moving them to another processor's costs more than the
// write.
func (o *outbox) writeStream() {
	for range streamRuns {
		o.mu.Lock()
		if !o.gathering || o.try == nil || len(o.buf) < gatherBytes {
			o.mu.Unlock()
			return
		}
		w := o.takeLocked()
		try := o.try
		o.streamed = true
		o.mu.Unlock()
		if w.frames == nil {
			return
		}
		if kick := o.attempt(try, w); kick != nil {
			kick()
			return
		}
	}
}
