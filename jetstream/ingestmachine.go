package jetstream

import (
	"errors"
	"math"
	"time"

	"github.com/nats-io/nuid"

	"github.com/troupe-go/troupe/api"
)

// ingestmachine.go - decides what a FastPublisher does next. All of it runs with the lock of the
// publisher held, and never blocks.
//
//	       start            flow ack             EOB, commit
//	resting ───► starting ─────────► live ──────────────────► ending
//	   ▲             │                │ ▲                        │
//	   │             └──── link lost ─┤ │ ping answered          │
//	   │                              ▼ │                        │
//	   │                           checking                      │
//	   └──────── PubAck: the rest goes into a new batch ◄────────┘
//	                                                             └──► over

// ingestState is the state of a publisher and its current batch.
type ingestState uint8

const (
	ingestResting  ingestState = iota // there is no batch
	ingestStarting                    // the first message was sent
	ingestLive
	ingestEnding   // no more messages can be added to the batch
	ingestChecking // the server is asked how far it got
	ingestOver     // the publisher has ended
)

func (s ingestState) String() string {
	return [...]string{"resting", "starting", "live", "ending", "checking", "closed"}[s]
}

const (
	// ingestIdle is how long after the last Add a batch is ended, so that its last messages are
	// acknowledged and the server need not keep it.
	ingestIdle = 3 * time.Second
	// ingestRetryWait is the wait between two attempts to start a batch.
	ingestRetryWait = 250 * time.Millisecond
	// ingestRestartsMax is how many batches in a row may end before a message is stored.
	ingestRestartsMax = 8
)

// ingestOut sends a message; see api.Outlet.
type ingestOut func(subject string, reply []byte, block, data []byte) (uint64, error)

// ingestMachine is the state of a FastPublisher.
type ingestMachine struct {
	opts   *fastOptions
	inbox  string // what reply subjects begin with
	put    ingestOut
	report func(error)   // of messages that are not stored
	window time.Duration // for how long a message with an id may be sent again

	state    ingestState
	linked   bool
	prefix   string // of reply subjects of the batch
	subject  string // of the message that was put last: the stream takes it
	commitAt uint64 // number of the message that is the last of all; 0 for none
	reply    []byte // buffer for one reply subject
	queue    ingestQueue
	base     uint64 // number of the last message before the batch
	next     uint64 // number of the next message to put
	acked    uint64 // number up to which messages are acknowledged
	every    uint64 // how many messages one acknowledgement covers

	end      bool   // the batch is to be ended after the last message
	endPut   uint64 // number that the outlet gave to the message that ends it; 0 before
	closing  bool   // the publisher ends with the batch
	last     *PubAck
	restarts int    // batches in a row without a stored message
	doubtful uint64 // number up to which messages may have been stored in a forgotten batch
	refused  error  // why the batch is being ended by the server
	failed   error

	heard, added, asked, notBefore time.Time
	deaf                           time.Time // since when no server answers; zero while one does
	began                          time.Time // of the first message
}

// hold adds a message at the end of the queue.
func (s *ingestMachine) hold(m *api.Msg, commit bool, now time.Time) error {
	if err := s.queue.push(m, commit); err != nil {
		return err
	}
	s.added = now
	if s.began.IsZero() {
		s.began = now
	}
	if commit {
		s.end, s.closing, s.commitAt = true, true, s.queue.last
	}
	return nil
}

// room reports whether another message can be added and put at once.
func (s *ingestMachine) room() bool {
	if s.next <= s.queue.last || s.queue.full() {
		return false
	}
	return s.open()
}

// open reports whether the batch accepts another message now. It does not once it is the maximum
// ahead of its acknowledgements.
func (s *ingestMachine) open() bool {
	switch s.state {
	case ingestResting:
		return s.linked
	case ingestLive:
		return s.linked && s.next-1 < s.acked+s.every*uint64(s.opts.MaxOutstandingAcks)
	default:
		return false
	}
}

// pump puts all messages that can be put. It returns the error with which the outlet refuses one.
func (s *ingestMachine) pump(now time.Time) error {
	for s.next <= s.queue.last && s.open() && !now.Before(s.notBefore) {
		if s.state == ingestResting && s.next <= s.doubtful && !s.recent(s.next, now) {
			s.doubt(s.doubtful, now)
			continue
		}
		if err := s.putNext(now); err != nil {
			return err
		}
	}
	return s.finish(now)
}

// putNext puts the next message of the queue.
func (s *ingestMachine) putNext(now time.Time) error {
	if s.state == ingestResting {
		s.base = s.next - 1
		s.prefix = ingestPrefix(s.inbox, nuid.Next(), s.opts)
		s.every, s.endPut, s.refused = 1, 0, nil
		s.heard = now
	}
	k := s.queue.at(s.next)
	op := opAppend
	switch {
	case k.commit:
		op = opCommit
	case s.state == ingestResting:
		op = opStart
	}
	number, err := s.send(k.subject, s.next-s.base, op, k)
	if err != nil {
		return err
	}
	if k.put == 0 {
		k.first = now.Sub(s.began)
	}
	k.put, s.subject = number, k.subject
	s.next++
	switch op {
	case opCommit:
		s.state, s.endPut, s.heard = ingestEnding, number, now
	case opStart:
		s.state = ingestStarting
	}
	return nil
}

// send puts a message with what the batch needs in its reply subject.
func (s *ingestMachine) send(subject string, seq uint64, op ingestOp, k *kept) (uint64, error) {
	s.reply = appendIngestReply(append(s.reply[:0], s.prefix...), seq, op)
	return s.put(subject, s.reply, k.block, k.data)
}

// finish ends the batch, if that is requested and everything has been put.
func (s *ingestMachine) finish(now time.Time) error {
	if s.full() {
		s.end = true
	}
	if !s.end || s.state != ingestLive || !s.linked || s.next <= s.queue.last {
		return nil
	}
	return s.putEnd(now)
}

// full reports whether no more messages can be kept, and no acknowledgement is due.
func (s *ingestMachine) full() bool {
	return s.state == ingestLive && s.queue.full() && s.next > s.queue.last && s.next-1 < s.acked+s.every
}

// putEnd ends the batch after the messages that were put.
func (s *ingestMachine) putEnd(now time.Time) error {
	number, err := s.send(s.subject, s.next-s.base, opCommitEOB, &kept{})
	if err != nil {
		return err
	}
	s.state, s.endPut, s.heard = ingestEnding, number, now
	return nil
}

// ping asks the server how far it got.
func (s *ingestMachine) ping(now time.Time) error {
	_, err := s.send(s.subject, s.next-1-s.base, opPing, &kept{})
	s.asked = now
	return err
}

// lost notes that the link is gone: messages that were not sent are put again; for those that may
// have been sent, the server is asked.
func (s *ingestMachine) lost(loss api.OutletLoss) {
	s.linked, s.deaf = false, time.Time{}
	if s.state == ingestResting || s.state == ingestOver {
		return
	}
	for s.next > s.acked+1 && s.queue.at(s.next-1).put > loss.Sent {
		s.next--
	}
	if s.endPut > loss.Sent {
		s.endPut = 0
	}
	s.state, s.asked = ingestChecking, time.Time{}
	if s.next-1 == s.base {
		s.state = ingestResting // the server does not know the batch
	}
}

// work does what is due. It is called when there is a new link, and periodically.
func (s *ingestMachine) work(now time.Time) error {
	silence := s.opts.AckTimeout / 3
	switch {
	case s.state == ingestOver || !s.linked:
		return nil
	case s.state == ingestChecking, s.state == ingestStarting, s.state == ingestEnding, s.state == ingestLive && s.waits():
		if now.Sub(s.heard) >= silence && now.Sub(s.asked) >= silence || s.state == ingestChecking && s.asked.IsZero() {
			return s.ping(now)
		}
		return nil
	case s.state == ingestLive && s.next > s.queue.last && now.Sub(s.added) >= ingestIdle:
		s.end = true
	}
	return s.pump(now)
}

// waits reports whether a batch is the maximum ahead of its acknowledgements.
func (s *ingestMachine) waits() bool { return !s.open() }

// take handles an answer of the server.
func (s *ingestMachine) take(a ingestAnswer, data []byte, now time.Time) {
	if s.state == ingestResting || s.state == ingestOver {
		return
	}
	if a.no {
		s.nobody(a, now)
		return
	}
	s.heard, s.deaf = now, time.Time{}
	switch a.Type {
	case "ack":
		s.onAck(a, now)
	case "gap":
		s.onGap(a)
	case "err":
		s.onRefused(s.base+a.Seq, a.Error)
	default:
		s.onEnd(a, data, now)
	}
}

// onAck notes an acknowledgement, which covers all earlier messages as well.
func (s *ingestMachine) onAck(a ingestAnswer, now time.Time) {
	s.every = min(max(1, a.Msgs), math.MaxUint16)
	s.ackUpTo(s.base + a.Seq)
	switch {
	case s.state == ingestStarting:
		s.state = ingestLive
	case s.state == ingestChecking && a.op == opPing:
		s.checked()
	case s.state == ingestLive && s.opts.gaps && a.op == opPing && s.waits():
		_ = s.putEnd(now) // messages that it has refused are acknowledged only at the end
	}
}

// checked continues once the server has everything that was sent.
func (s *ingestMachine) checked() {
	s.state, s.endPut = ingestLive, 0 // an end without a message was lost, or is harmless if repeated
	if s.next-1 == s.commitAt {
		s.state = ingestEnding
	}
}

func (s *ingestMachine) ackUpTo(number uint64) {
	number = min(number, s.next-1)
	if number > s.acked {
		s.acked, s.restarts = number, 0
		s.queue.drop(number)
	}
}

// onGap notes messages that were lost. If gaps are not allowed, the batch ends before the gap,
// and its acknowledgement follows.
func (s *ingestMachine) onGap(a ingestAnswer) {
	if !s.opts.gaps {
		return
	}
	first, last := s.base+a.LastSeq, s.base+a.Seq-1
	if a.Seq > a.LastSeq && last < s.next {
		s.report(&FastGapError{First: first, Last: last})
	}
	if s.state == ingestChecking && a.op == opPing {
		s.checked()
	}
}

// onRefused notes a message that the stream does not store.
func (s *ingestMachine) onRefused(number uint64, why *APIError) {
	if why == nil {
		why = &APIError{Description: "no reason given"}
	}
	why.Op = "fast publish"
	err := &FastMsgError{Seq: number, Err: apiError(why)}
	if s.opts.gaps {
		s.report(err)
		return
	}
	if s.refused == nil {
		s.refused = err
	}
}

// onEnd handles the acknowledgement that ends a batch, or the refusal of the batch.
func (s *ingestMachine) onEnd(a ingestAnswer, data []byte, now time.Time) {
	if a.Error != nil {
		s.onError(a, now)
		return
	}
	ack, err := readIngestAck(data)
	if err != nil {
		s.fail(&FastMsgError{Seq: s.base + a.at, Err: err})
		return
	}
	before := s.acked
	s.state = ingestResting
	s.ackUpTo(s.base + uint64(ack.Count))
	s.last = ack
	if s.refused != nil {
		s.fail(s.refused)
		return
	}
	s.restart(before, now)
}

// restart sends the rest in a new batch, if there is any.
func (s *ingestMachine) restart(before uint64, now time.Time) {
	s.state, s.next, s.endPut, s.asked = ingestResting, s.acked+1, 0, time.Time{}
	s.queue.drop(s.acked)
	if s.acked == s.queue.last {
		s.end = false
		if s.closing {
			s.state = ingestOver
		}
		return
	}
	if s.acked == before {
		s.restarts++
	}
	if s.restarts > ingestRestartsMax {
		s.fail(&FastGapError{First: s.acked + 1, Last: s.queue.last})
		return
	}
	if s.restarts > 1 {
		s.notBefore = now.Add(ingestRetryWait)
	}
}

// onError handles the refusal of a batch, or of a message of it.
func (s *ingestMachine) onError(a ingestAnswer, now time.Time) {
	err := *a.Error
	err.Op, err.Stream = "fast publish", a.Stream
	switch {
	case errors.Is(&err, ErrBatchPublishUnknownBatchID):
		s.forgotten(now)
	case errors.Is(&err, ErrTooManyRequests) && s.state == ingestStarting:
		s.retryStart(&err, now)
	case errors.Is(&err, ErrBatchPublish), errors.Is(&err, ErrStreamSealed), errors.Is(&err, ErrRequiredAPILevel):
		s.fail(apiError(&err))
	default:
		s.onMessageError(a, &err, now)
	}
}

// retryStart tries again to start a batch, a bit later, a limited number of times.
func (s *ingestMachine) retryStart(err error, now time.Time) {
	s.restarts++
	if s.restarts > ingestRestartsMax {
		s.fail(err)
		return
	}
	s.startLater(now)
}

// startLater starts a batch that no server has taken again, a bit later.
func (s *ingestMachine) startLater(now time.Time) {
	s.state, s.next, s.notBefore = ingestResting, s.acked+1, now.Add(ingestRetryWait)
}

// onMessageError handles an error for a message that the server did not count. The server may
// have no batch then; a batch that it has is ended if gaps are not allowed.
func (s *ingestMachine) onMessageError(a ingestAnswer, err *APIError, now time.Time) {
	s.onRefused(s.base+a.at, err)
	switch {
	case s.state == ingestStarting || s.state == ingestEnding && a.at == 1:
		if s.refused != nil {
			s.fail(s.refused)
			return
		}
		s.acked = s.next - 1 // the furthest it can get
		s.restart(0, now)
	case s.refused != nil && s.state == ingestLive:
		if s.putEnd(now) != nil {
			s.state = ingestChecking
		}
	case s.state == ingestEnding && a.op == opCommit:
		s.state, s.end = ingestLive, true // the others are stored, but not committed yet
		_ = s.putEnd(now)                 // repeated if no answer comes
	}
}
