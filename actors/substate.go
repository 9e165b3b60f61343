package actors

// SubState is the state of a subscription; the numbers are nats.go's, and
// SubRefused is ours.
type SubState int

// The states of a subscription.
const (
	// SubActive: messages are delivered as they come.
	SubActive SubState = iota
	// SubDraining: nothing new comes, what has come is delivered.
	SubDraining
	// SubClosed: it has ended.
	SubClosed
	// SubSlow: messages find no room.
	SubSlow
	// SubRefused: the server does not let us have it; tried again at each reconnect.
	SubRefused
)

// String returns the name of the state, as nats.go has it.
func (s SubState) String() string {
	names := [...]string{"Active", "Draining", "Closed", "SlowConsumer", "Refused"}
	if s < 0 || int(s) >= len(names) {
		return "unknown status"
	}
	return names[s]
}

// turned tells the owner of the subscription; called with the lane's lock, so
// that changes are told in the order in which they happen.
func (s *Sub) turned() {
	if s.spec.Changed != nil {
		s.spec.Changed(s, s.stateLocked())
	}
}

// stateLocked names the state that matters most of those that hold.
func (s *Sub) stateLocked() SubState {
	switch {
	case s.lane.closed.Load():
		return SubClosed
	case s.draining.Load():
		return SubDraining
	case s.lane.refusal != nil:
		return SubRefused
	case s.lane.slow:
		return SubSlow
	}
	return SubActive
}

// beginDraining marks the subscription as one that finishes what it has.
func (s *Sub) beginDraining() {
	if s.draining.Swap(true) {
		return
	}
	s.lane.mu.Lock()
	s.turned()
	s.lane.mu.Unlock()
}

// ending tells that the subscription is closed.
func (s *Sub) ending() {
	s.lane.mu.Lock()
	s.turned()
	s.lane.mu.Unlock()
}
