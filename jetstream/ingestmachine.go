package jetstream

import (
	"errors"
	"math"
	"time"

	"github.com/nats-io/nuid"

	"github.com/troupe-go/troupe/api"
)

// ingestmachine.go - what a FastPublisher does next. All of it runs with the lock of
// the publisher held, and never waits.
//
//	       start            flow ack             EOB, commit
//	resting ───► starting ─────────► live ──────────────────► ending
//	   ▲             │                │ ▲                        │
//	   │             └──── link lost ─┤ │ ping answered          │
//	   │                              ▼ │                        │
//	   │                           checking                      │
//	   └──────── PubAck: the rest goes into a new batch ◄────────┘
//	                                                             └──► over

// ingestState is where a publisher is with its present batch.
type ingestState uint8

const (
	ingestResting  ingestState = iota // there is no batch
	ingestStarting                    // the first message is on its way
	ingestLive
	ingestEnding   // nothing more can be added to the batch
	ingestChecking // the server is asked how far it has come
	ingestOver     // the publisher has ended
)

func (s ingestState) String() string {
	return [...]string{"resting", "starting", "live", "ending", "checking", "closed"}[s]
}

const (
	// ingestIdle is after how long without an Add a batch is ended, so that its last
	// messages are acknowledged and the server need not keep it.
	ingestIdle = 3 * time.Second
	// ingestRetryWait lies between two tries to start a batch.
	ingestRetryWait = 250 * time.Millisecond
	// ingestRestartsMax is how many batches in a row may end before a message is stored.
	ingestRestartsMax = 8
)

// ingestOut puts a message on its way; see api.Outlet.
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
	reply    []byte // room for one
	queue    ingestQueue
	base     uint64 // number of the last message before the batch
	next     uint64 // number of the next message to put
	acked    uint64 // number up to which messages are acknowledged
	every    uint64 // after how many messages acknowledgements come

	end      bool   // the batch is to be ended behind the last message
	endPut   uint64 // number that the outlet has given to what ends it; 0 before
	closing  bool   // and with it the publisher
	last     *PubAck
	restarts int    // batches in a row without a stored message
	doubtful uint64 // number up to which messages may be stored by a batch that is forgotten
	refused  error  // why the batch is being ended by the server
	failed   error

	heard, added, asked, notBefore time.Time
	deaf                           time.Time // since when nobody answers; zero while somebody does
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

// open reports whether the batch takes another message now. A batch that has run as far
// ahead of its acknowledgements as it may does not.
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

// pump puts what can be put. It returns what the outlet refuses with.
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

// finish ends the batch, if that is wanted and everything has been put.
func (s *ingestMachine) finish(now time.Time) error {
	if s.full() {
		s.end = true
	}
	if !s.end || s.state != ingestLive || !s.linked || s.next <= s.queue.last {
		return nil
	}
	return s.putEnd(now)
}

// full reports whether nothing more can be kept, and no acknowledgement is due.
func (s *ingestMachine) full() bool {
	return s.state == ingestLive && s.queue.full() && s.next > s.queue.last && s.next-1 < s.acked+s.every
}

// putEnd ends the batch behind the messages that were put.
func (s *ingestMachine) putEnd(now time.Time) error {
	number, err := s.send(s.subject, s.next-s.base, opCommitEOB, &kept{})
	if err != nil {
		return err
	}
	s.state, s.endPut, s.heard = ingestEnding, number, now
	return nil
}

// ping asks the server how far it has come.
func (s *ingestMachine) ping(now time.Time) error {
	_, err := s.send(s.subject, s.next-1-s.base, opPing, &kept{})
	s.asked = now
	return err
}

// lost notes that the link is gone: what has not left is to be put again, and of what
// may have left the server has to tell.
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
		s.state = ingestResting // the server has never heard of the batch
	}
}

// work does what is due. It is called when there is a link, and every now and then.
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

// waits reports whether a batch has run as far ahead as it may.
func (s *ingestMachine) waits() bool { return !s.open() }

// take notes what the server says.
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

// onAck notes an acknowledgement, which is for all messages before it as well.
func (s *ingestMachine) onAck(a ingestAnswer, now time.Time) {
	s.every = min(max(1, a.Msgs), math.MaxUint16)
	s.ackUpTo(s.base + a.Seq)
	switch {
	case s.state == ingestStarting:
		s.state = ingestLive
	case s.state == ingestChecking && a.op == opPing:
		s.checked()
	case s.state == ingestLive && s.opts.gaps && a.op == opPing && s.waits():
		_ = s.putEnd(now) // messages that it has refused count only at the end
	}
}

// checked goes on when the server has all that had left.
func (s *ingestMachine) checked() {
	s.state, s.endPut = ingestLive, 0 // an end without a message was lost, or does no harm twice
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

// onGap notes messages that were lost. Where there must be no gap the batch ends with
// those before, and its acknowledgement follows.
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

// onEnd reads the acknowledgement that ends a batch, or why the server does not take it.
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

// onError notes why the server does not take a batch, or a message of it.
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

// retryStart tries again to start a batch, a bit later, and not for ever.
func (s *ingestMachine) retryStart(err error, now time.Time) {
	s.restarts++
	if s.restarts > ingestRestartsMax {
		s.fail(err)
		return
	}
	s.startLater(now)
}

// startLater has the batch that nobody has taken started again, a bit later.
func (s *ingestMachine) startLater(now time.Time) {
	s.state, s.next, s.notBefore = ingestResting, s.acked+1, now.Add(ingestRetryWait)
}

// onMessageError notes a message that the server did not even count. It may have no batch
// then, and one that it has is ended where there must be no gap.
func (s *ingestMachine) onMessageError(a ingestAnswer, err *APIError, now time.Time) {
	s.onRefused(s.base+a.at, err)
	switch {
	case s.state == ingestStarting || s.state == ingestEnding && a.at == 1:
		if s.refused != nil {
			s.fail(s.refused)
			return
		}
		s.acked = s.next - 1 // as far as it will ever be
		s.restart(0, now)
	case s.refused != nil && s.state == ingestLive:
		if s.putEnd(now) != nil {
			s.state = ingestChecking
		}
	case s.state == ingestEnding && a.op == opCommit:
		s.state, s.end = ingestLive, true // the others are stored, and not committed yet
		_ = s.putEnd(now)                 // tried again when nothing is heard
	}
}
