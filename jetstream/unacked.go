package jetstream

import "sync"

// unacked tracks where a consumer that is created again must begin so that no message is missed:
// at the first one that was delivered and not acknowledged. The zero value is ready.
type unacked struct {
	mu    sync.Mutex
	open  map[uint64]struct{} // stream sequences
	last  uint64              // the highest that was delivered; 0 for none
	all   bool                // an acknowledgement also covers earlier messages
	never bool                // no message is acknowledged
}

// add notes a delivered message.
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

// forget starts over: the stream is another one.
func (u *unacked) forget() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.open, u.last = nil, 0
}

// remove notes an acknowledged message.
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

// first returns where to continue; 0 if nothing was delivered.
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
