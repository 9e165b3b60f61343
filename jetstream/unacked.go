package jetstream

import "sync"

// unacked knows from where a consumer that is made anew has to deliver, so that no
// message is missed: the first one that was handed on and not acknowledged. The zero
// value is ready.
type unacked struct {
	mu    sync.Mutex
	open  map[uint64]struct{} // stream sequences
	last  uint64              // the highest that was handed on; 0 for none
	all   bool                // an acknowledgement is also for what is before it
	never bool                // nothing is acknowledged
}

// add notes a message that is handed on.
func (u *unacked) add(reply string) {
	var meta MsgMetadata
	if !parseAckSubject(reply, &meta) {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	u.last = max(u.last, meta.Sequence.Stream)
	if u.never {
		return
	}
	if u.open == nil {
		u.open = make(map[uint64]struct{})
	}
	u.open[meta.Sequence.Stream] = struct{}{}
}

// forget begins anew: the stream is another one.
func (u *unacked) forget() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.open, u.last = nil, 0
}

// remove notes a message that is done with.
func (u *unacked) remove(reply string) {
	var meta MsgMetadata
	if !parseAckSubject(reply, &meta) {
		return
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	delete(u.open, meta.Sequence.Stream)
	if !u.all {
		return
	}
	for seq := range u.open {
		if seq < meta.Sequence.Stream {
			delete(u.open, seq)
		}
	}
}

// first returns where to go on; 0 if nothing was handed on.
func (u *unacked) first() uint64 {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.last == 0 {
		return 0
	}
	first := u.last + 1
	for seq := range u.open {
		first = min(first, seq)
	}
	return first
}
