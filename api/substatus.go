package api

import (
	"slices"

	"github.com/troupe-go/troupe/actors"
)

// SubStatus is the state of a subscription; the numbers are nats.go's.
type SubStatus = actors.SubState

// The states of a subscription.
const (
	// SubscriptionActive: messages are delivered as they come.
	SubscriptionActive = actors.SubActive
	// SubscriptionDraining: nothing new comes, what has come is delivered.
	SubscriptionDraining = actors.SubDraining
	// SubscriptionClosed: it has ended.
	SubscriptionClosed = actors.SubClosed
	// SubscriptionSlowConsumer: messages find no room.
	SubscriptionSlowConsumer = actors.SubSlow
	// SubscriptionRefused: the server does not let us have it; see OnRefused. Not in nats.go.
	SubscriptionRefused = actors.SubRefused
)

// subStatusBuffer is the capacity of the channels of StatusChanged.
const subStatusBuffer = 10

// StatusChanged returns a channel, of capacity 10, that gets each new state of the
// subscription that is listed, all when none is. It begins with the state as it
// is, if that is listed. A state that finds the channel full is not waited with.
// The channel is closed when the subscription ends, also with its connection; for
// one that has ended, or is nil, it is closed already.
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

// sendSubStatus sends without waiting what is wanted; nobody else closes ch.
func sendSubStatus(ch chan SubStatus, wanted []SubStatus, status SubStatus) {
	if len(wanted) > 0 && !slices.Contains(wanted, status) {
		return
	}
	select {
	case ch <- status:
	default:
	}
}

// changed is told of each change by the runtime, which must not be called from here.
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
