package jetstream

// pushsequence.go - detects messages lost in transit from a push consumer. It is pure.
//
// The server numbers what a consumer delivers, and each heartbeat contains the last number. The
// first number that arrives is taken as the start.

// pushSequence holds the last sequences that arrived.
type pushSequence struct {
	off    bool // other subscribers get a part of the deliveries
	begun  bool
	last   uint64 // consumer sequence of the last delivery
	stream uint64 // stream sequence of its message; 0 before the first
}

// message notes a delivery. It returns the gap before it, if there is one.
func (s *pushSequence) message(at SequencePair) *ConsumerSequenceMismatchError {
	var gap *ConsumerSequenceMismatchError
	switch {
	case s.off, at.Consumer == s.last && s.begun:
		return nil // a repeated delivery
	case !s.begun, at.Consumer == s.last+1:
	case at.Consumer > s.last:
		gap = s.mismatch(at.Consumer - 1)
	default:
		gap = s.mismatch(at.Consumer)
	}
	s.begun, s.last, s.stream = true, at.Consumer, at.Stream
	return gap
}

// heartbeat notes the server's last delivery. It returns the gap after what arrived, if there is
// one; the next heartbeat does not repeat it.
func (s *pushSequence) heartbeat(last uint64) *ConsumerSequenceMismatchError {
	if s.off {
		return nil
	}
	var gap *ConsumerSequenceMismatchError
	if s.begun && last != s.last {
		gap = s.mismatch(last)
	}
	s.begun, s.last = true, last
	return gap
}

func (s *pushSequence) mismatch(last uint64) *ConsumerSequenceMismatchError {
	return &ConsumerSequenceMismatchError{StreamResumeSequence: s.stream, ConsumerSequence: s.last, LastConsumerSequence: last}
}
