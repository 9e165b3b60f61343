package actors

// SubState is the state of a subscription; the numbers are nats.go's, and
// SubRefused is ours.
type SubState int

// The states of a subscription.
const (
	// SubActive: messages are delivered as they come.
	SubActive SubState = iota
	// SubDraining: no new messages come; those that have come are delivered.
	SubDraining
	// SubClosed: it has ended.
	SubClosed
	// SubSlow: messages find no room in its queue, see Overflow.
	SubSlow
	// SubRefused: the server refuses it; it is tried again at each reconnect.
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

// turned reports the state to the owner of the subscription; called with the lane's lock,
// so that changes are reported in the order in which they happen.
func (s *Sub) turned() {
	if s.spec.Changed != nil {
		s.spec.Changed(s, s.stateLocked())
	}
}

// stateLocked returns the most important of the states that apply.
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

// beginDraining marks the subscription as draining.
func (s *Sub) beginDraining() {
	if s.draining.Swap(true) {
		return
	}
	s.lane.mu.Lock()
	s.turned()
	s.lane.mu.Unlock()
}

// ending reports that the subscription is closed.
func (s *Sub) ending() {
	s.lane.mu.Lock()
	s.turned()
	s.lane.mu.Unlock()
}
