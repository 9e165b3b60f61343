package api

import (
	"slices"

	"github.com/troupe-go/troupe/actors"
)

// SubStatus is the state of a subscription; the numbers are nats.go's.
type SubStatus = actors.SubState

// The states of a subscription.
const (
	// SubscriptionActive: messages are delivered as they arrive.
	SubscriptionActive = actors.SubActive
	// SubscriptionDraining: no new messages arrive, and waiting ones are delivered.
	SubscriptionDraining = actors.SubDraining
	// SubscriptionClosed: it has ended.
	SubscriptionClosed = actors.SubClosed
	// SubscriptionSlowConsumer: messages are dropped because they do not fit.
	SubscriptionSlowConsumer = actors.SubSlow
	// SubscriptionRefused: the server has refused it; see OnRefused. Not in nats.go.
	SubscriptionRefused = actors.SubRefused
)

// subStatusBuffer is the capacity of the channels of StatusChanged.
const subStatusBuffer = 10

// StatusChanged returns a channel of capacity 10 that receives each new state of the
// subscription if it is among statuses, or every one if none are given. The first value is
// the current state, if it is listed. A state is dropped when the channel is full. The
// channel is closed when the subscription ends, also with its connection; for one that has
// ended, or is nil, it is already closed.
func (s *Subscription) StatusChanged(statuses ...SubStatus) <-chan SubStatus {
	ch := make(chan SubStatus, subStatusBuffer)
	if s == nil {
		close(ch)
		return ch
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	sendSubStatus(ch, statuses, s.status)
	if s.status == SubscriptionClosed {
		close(ch)
		return ch
	}
	if s.changes == nil {
		s.changes = make(map[chan SubStatus][]SubStatus)
	}
	s.changes[ch] = slices.Clone(statuses)
	return ch
}

// sendSubStatus sends a wanted state without waiting. ch is open: only changed closes it.
func sendSubStatus(ch chan SubStatus, wanted []SubStatus, status SubStatus) {
	if len(wanted) > 0 && !slices.Contains(wanted, status) {
		return
	}
	select {
	case ch <- status:
	default:
	}
}

// changed is called by the runtime for each change. It must not call the runtime.
func (s *Subscription) changed(core *actors.Sub, to SubStatus) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.status == to || s.status == SubscriptionClosed {
		return
	}
	s.status = to
	for ch, wanted := range s.changes {
		sendSubStatus(ch, wanted, to)
		if to == SubscriptionClosed {
			close(ch)
		}
	}
	if to == SubscriptionClosed {
		s.changes = nil
		s.cancel(s.whyNot(core.EndError()))
	}
}
