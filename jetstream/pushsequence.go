package jetstream

// pushsequence.go - finds what was lost on the way from a push consumer. It is pure.
//
// The server numbers what a consumer delivers, and says with each heartbeat which number
// was the last. What comes first is believed.

// pushSequence has what came last.
type pushSequence struct {
	off    bool // others get a part of what is delivered
	begun  bool
	last   uint64 // number of the last delivery
	stream uint64 // and of its message in the stream; 0 before the first
}

// message notes a delivery. It returns the gap before it, if there is one.
func (s *pushSequence) message(at SequencePair) *ConsumerSequenceMismatchError {
	var gap *ConsumerSequenceMismatchError
	switch {
	case s.off, at.Consumer == s.last && s.begun:
		return nil // the second is a repetition
	case !s.begun, at.Consumer == s.last+1:
	case at.Consumer > s.last:
		gap = s.mismatch(at.Consumer - 1)
	default:
		gap = s.mismatch(at.Consumer)
	}
	s.begun, s.last, s.stream = true, at.Consumer, at.Stream
	return gap
}

// heartbeat notes which delivery the server says was its last. It returns the gap behind
// what came, if there is one; the next heartbeat does not repeat it.
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
