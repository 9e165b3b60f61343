package actors

// counts.go - counters and limits of a subscription.

// Counts are the counters of a subscription.
type Counts struct {
	PendingMsgs  int
	PendingBytes int64
	PeakMsgs     int
	PeakBytes    int64
	Delivered    uint64 // handed to the handler, or returned by Next
	Dropped      uint64
	DroppedBytes uint64
	Received     uint64 // sent by the server
	Limits       Limits
}

// Counts returns a snapshot of the counters.
func (s *Sub) Counts() Counts {
	l := &s.lane
	l.mu.Lock()
	defer l.mu.Unlock()
	n := Counts{PeakMsgs: l.peakMsgs, PeakBytes: l.peakBytes, Delivered: l.started.Load(),
		Dropped: l.dropped, DroppedBytes: l.droppedBytes, Received: l.received, Limits: l.limits}
	n.PendingMsgs, n.PendingBytes = l.pending()
	return n
}

// ClearPeak resets the high-water marks.
func (s *Sub) ClearPeak() {
	s.lane.mu.Lock()
	s.lane.peakMsgs, s.lane.peakBytes = 0, 0
	s.lane.mu.Unlock()
}

// SetLimits changes the pending limits; negative means unlimited.
func (s *Sub) SetLimits(msgs, bytes int) {
	s.lane.mu.Lock()
	s.lane.limits.Msgs, s.lane.limits.Bytes = msgs, bytes
	if s.lane.space != nil {
		s.lane.space.Broadcast() // a push that waits may fit now
	}
	s.lane.mu.Unlock()
}

// SlowConsumer describes how far behind the subscription is.
func (s *Sub) SlowConsumer() *SlowConsumerError {
	s.lane.mu.Lock()
	defer s.lane.mu.Unlock()
	msgs, bytes := s.lane.pending()
	if s.lane.deliver != nil {
		msgs = s.lane.limits.Msgs // there is an error because the channel is full
	}
	e := &SlowConsumerError{Subject: s.Subject, Queue: s.Queue, SID: s.sid, PendingMsgs: msgs, PendingBytes: bytes,
		LimitMsgs: s.lane.limits.Msgs, LimitBytes: s.lane.limits.Bytes, Dropped: s.lane.dropped, DroppedBytes: s.lane.droppedBytes}
	if s.lane.byBudget {
		e.Budget = int(s.lane.account.of.limit)
	}
	return e
}
