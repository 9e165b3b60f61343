package jetstream

import "time"

// ingestloss.go - how a FastPublisher reacts to a server that has forgotten it, does not answer,
// or does not let it publish. It belongs to ingestmachine.go.

// forgotten sends messages again that the server may have, if the stream can detect duplicates.
func (s *ingestMachine) forgotten(now time.Time) {
	first, last := s.acked+1, s.next-1
	switch {
	case s.refused != nil:
		s.fail(s.refused)
	case first <= last && !(s.queue.identified(first, last) && s.recent(first, now)):
		s.doubt(last, now)
	default:
		s.doubtful = max(s.doubtful, last)
		s.restart(s.acked, now)
	}
}

// recent reports whether the stream would recognize a message that was sent to it before.
func (s *ingestMachine) recent(number uint64, now time.Time) bool {
	return now.Sub(s.began)-s.queue.at(number).first <= s.window
}

// doubt gives up on the messages up to a number: they may be stored, so they cannot be sent
// again.
func (s *ingestMachine) doubt(last uint64, now time.Time) {
	unknown := &FastUnknownError{First: s.acked + 1, Last: last}
	if !s.opts.gaps {
		s.fail(unknown)
		return
	}
	s.report(unknown)
	s.acked = last
	s.restart(last, now)
}

// nobody notes that no server received a message. A stream that has answered before is waited
// for: it has no leader at the moment.
func (s *ingestMachine) nobody(a ingestAnswer, now time.Time) {
	if s.deaf.IsZero() {
		s.deaf = now
	}
	patient := now.Sub(s.deaf) < s.opts.AckTimeout
	switch known := s.last != nil || s.acked > 0; {
	case s.state == ingestStarting && a.op != opPing:
		s.startLater(now)
		if !known {
			s.restarts++
			patient = s.restarts <= DefaultPubRetryAttempts
		}
		if !patient {
			s.abandon(ErrNoStreamResponse)
		}
	case !patient:
		s.abandon(ErrNoStreamResponse)
	case s.state == ingestLive || s.state == ingestEnding:
		s.state, s.asked = ingestChecking, now // a new leader is asked later
	}
}

// abandon ends the publisher for a reason that leaves the outcome of messages in flight open.
func (s *ingestMachine) abandon(cause error) {
	last := s.doubtful
	if s.state != ingestResting {
		last = max(last, s.next-1)
	}
	if last > s.acked {
		cause = &FastUnknownError{First: s.acked + 1, Last: last, Cause: cause}
	}
	s.fail(cause)
}

// fail ends the publisher.
func (s *ingestMachine) fail(err error) {
	s.state, s.failed = ingestOver, err
	s.report(err)
}

// denied notes that the server does not permit a message: the one with that reply subject or, if
// it is empty, those on a subject.
func (s *ingestMachine) denied(subject, reply string, err error) {
	if s.state == ingestResting || s.state == ingestOver {
		return
	}
	if reply != "" {
		if at, _, ok := parseIngestReply(reply, s.prefix); ok {
			s.fail(&FastMsgError{Seq: s.base + at, Err: err})
		}
		return
	}
	for n := s.acked + 1; n < s.next; n++ {
		if s.queue.at(n).subject == subject {
			s.fail(&FastMsgError{Seq: n, Err: err})
			return
		}
	}
}
