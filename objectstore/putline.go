package objectstore

import (
	"errors"
	"math"
	"slices"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/jetstream"
)

// putline.go - which chunk is sent next, and which are in the store, each once and in its place.
// It is pure: the time is an argument.
//
//	         refused, silence, another link           all answered, or no answer will come
//	live ──────────────────────────────────► settling ────────────────────────────────► looking
//	 ▲ ▲                                        │  ▲          what is there is not yet known │ │
//	 │ └────────── nothing is missing ──────────┘  └────────────────────────────────────────┘ │
//	 │                                                                                        │
//	 ├─────────────────── what is missing is sent again ──────────────────────────────────────┤
//	 └─────────────────── clearing: what is not in its place is removed first ◄───────────────┘
//
// While a line is live, chunks are sent in order, up to a window ahead of the acknowledgements.
// After a failure nothing more is sent until the store has said which chunks it has: a chunk
// that is sent again must not be stored after a later one. Each chunk has an id, so that the
// stream recognizes a frame that arrives late. A chunk that was stored in the wrong place is
// removed and gets another id, because the stream would refuse the old one.

// lineState is what a line is doing.
type lineState uint8

const (
	lineLive     lineState = iota
	lineSettling           // waits for the answers to what is on its way
	lineLooking            // waits for the store to list its chunks
	lineClearing           // waits for the removal of chunks that are out of place
	lineCounting           // waits for the number of chunks in the store, at the end
	lineStored             // all chunks of the object are in the store
	lineFailed
)

func (s lineState) String() string {
	return [...]string{"sending", "settling", "checking", "clearing", "counting", "stored", "failed"}[s]
}

// chunkID identifies a chunk in the store: its number in the object, from 1 on, and how often it
// was stored in the wrong place before.
type chunkID struct{ number, copy uint32 }

// found is a chunk that the store has. The zero id is that of a message of another client.
type found struct {
	id  chunkID
	seq uint64
}

// chunk is a chunk that is not known to be stored.
type chunk struct {
	chunkID
	data    []byte
	frame   uint64 // its number in the outlet; 0 unless it is on its way
	seq     uint64 // in the stream, from its acknowledgement; 0 before
	refused bool
	claimed uint64 // from any acknowledgement of this copy, ever; 0 for none
}

// lineTimes are the timeouts of a line.
type lineTimes struct {
	silence time.Duration // without an answer, before the store is asked
	settle  time.Duration // to wait for outstanding answers
	stall   time.Duration // without progress, before it gives up; a lost link does not count
}

// Pauses before another try.
const (
	linePause    = 50 * time.Millisecond
	linePauseMax = 2 * time.Second
)

// line is the chunks of one put.
type line struct {
	times  lineTimes
	window window

	state    lineState
	linked   bool
	whole    bool // no more chunks are added
	troubled bool // something has failed since the beginning
	cause    error
	failed   error

	kept  []*chunk // chunks that are not stored yet, from number acked+1 on
	sent  int      // how many of kept were sent
	acked uint32   // chunks up to this number are stored
	seq   uint64   // of the last one of them
	bytes uint64   // bytes in them

	tries    int       // tries in a row that stored nothing
	until    time.Time // when settling ends
	resume   time.Time // before which nothing is sent
	heard    time.Time // when the store last answered, or was sent the first thing to answer
	progress time.Time // when a chunk was last stored, or there was none to store
	strays   []uint64  // to be removed
	clear    bool      // taskClear is still to be returned

	free [][]byte // memory of chunks that are stored, to be reused
}

// add adds a chunk at the end.
func (l *line) add(data []byte, now time.Time) {
	last := uint64(l.acked) + uint64(len(l.kept))
	if last == math.MaxUint32 {
		l.fail(errManyChunks)
		return
	}
	if len(l.kept) == 0 {
		l.progress = now
	}
	l.kept = append(l.kept, &chunk{chunkID: chunkID{number: uint32(last) + 1}, data: data})
}

// next returns the chunk to send now; nil for none.
func (l *line) next(now time.Time) *chunk {
	if l.state != lineLive || !l.linked || l.sent == len(l.kept) || l.sent >= l.window.now || now.Before(l.resume) {
		return nil
	}
	return l.kept[l.sent]
}

// placed notes that the next chunk was sent.
func (l *line) placed(frame uint64, now time.Time) {
	if l.sent == 0 {
		l.heard = now
	}
	c := l.kept[l.sent]
	c.frame, c.refused, c.seq = frame, false, 0
	l.sent++
	l.window.sent(l.sent)
}

// among returns the chunk with that id among the first n that are not stored; nil for none.
func (l *line) among(n int, id chunkID) *chunk {
	if id.number <= l.acked || uint64(id.number-l.acked) > uint64(n) {
		return nil
	}
	if c := l.kept[id.number-l.acked-1]; c.copy == id.copy {
		return c
	}
	return nil
}

// stored notes an acknowledgement. Sequence 0 means that the message is still being stored.
func (l *line) stored(id chunkID, seq uint64, now time.Time) {
	if seq == 0 {
		l.refused(id, jetstream.ErrDuplicateMsgInProcess, now)
		return
	}
	c := l.among(len(l.kept), id)
	if c == nil || l.ended() {
		return
	}
	c.claimed = seq
	if l.among(l.sent, id) == nil {
		return // sent before, and to be sent again
	}
	l.heard, c.seq = now, seq
	for l.sent > 0 && l.kept[0].seq != 0 {
		if l.kept[0].seq <= l.seq { // it was stored before chunks that must precede it
			l.trouble(errOutOfPlace, now)
			return
		}
		l.advance(l.kept[0].seq, now)
	}
}

// advance notes that the next chunk is stored in its place.
func (l *line) advance(seq uint64, now time.Time) {
	c := l.kept[0]
	l.kept[0] = nil
	l.kept = l.kept[1:]
	l.sent = max(0, l.sent-1)
	l.acked++
	l.seq = seq
	l.bytes += uint64(len(c.data))
	l.free = append(l.free, c.data)
	l.window.stored()
	l.tries, l.progress = 0, now
}

// refused notes that a chunk was not stored, for a reason that may be temporary or final.
func (l *line) refused(id chunkID, err error, now time.Time) {
	c := l.among(l.sent, id)
	if c == nil || l.ended() {
		return
	}
	if !passes(err) {
		l.fail(err)
		return
	}
	l.heard, c.refused = now, true
	l.trouble(err, now)
}

// passes reports whether the store may accept later what it refused with err.
func passes(err error) bool {
	switch {
	case errors.Is(err, jetstream.ErrNoStreamResponse):
		return true
	case errors.Is(err, ErrDigestMismatch), errors.Is(err, errLostChunks), errors.Is(err, jetstream.ErrMaxMessagesExceeded), errors.Is(err, jetstream.ErrMaxStoredBytesExceeded),
		errors.Is(err, jetstream.ErrMaxMessagesPerSubjectExceeded):
		return false
	}
	return api.Retryable(err)
}

// trouble stops sending until the store has been asked.
func (l *line) trouble(cause error, now time.Time) {
	l.troubled, l.cause = true, cause
	if l.state == lineLive {
		if errors.Is(cause, jetstream.ErrTooManyRequests) {
			l.window.crowded(l.sent)
		}
		l.state, l.until = lineSettling, now.Add(l.times.settle)
	}
}

// lost notes that the link is lost. Frames after this one were not sent.
func (l *line) lost(frame uint64, cause error, now time.Time) {
	l.linked = false
	if l.ended() {
		return
	}
	for l.sent > 0 && l.kept[l.sent-1].frame > frame {
		l.sent--
		l.kept[l.sent].frame = 0
	}
	if l.sent > 0 {
		l.trouble(cause, now)
		l.until = now // the others were sent, and no answer will come
	}
}

// relinked notes that there is a link.
func (l *line) relinked(now time.Time) {
	l.linked, l.heard, l.progress = true, now, now
}

// task is something that a line needs done; looked, cleared or counted takes the answer.
type task uint8

const (
	taskNone  task = iota
	taskLook       // which chunks after seq does the store have?
	taskClear      // remove the strays
	taskCount      // how many chunks does the store have?
)

// work returns what to do now, and when to call it again if nothing happens before; the zero
// time for never.
func (l *line) work(now time.Time) (task, time.Time) {
	switch idle := l.state == lineLive && len(l.kept) == 0; {
	case idle && !l.whole:
		l.progress = now
		return taskNone, time.Time{}
	case idle && !l.troubled:
		l.state = lineStored
		return taskNone, time.Time{}
	case l.ended() || !l.linked:
		return taskNone, time.Time{}
	}
	if now.Sub(l.progress) >= l.times.stall {
		l.stalled()
		return taskNone, time.Time{}
	}
	wake := l.progress.Add(l.times.stall)
	if now.Before(l.resume) {
		wake = earlier(wake, l.resume)
	}
	if l.state == lineLive {
		wake = l.listen(now, wake)
	}
	if l.state == lineSettling && now.Before(l.until) {
		wake = earlier(wake, l.until)
	}
	return l.task(now), wake
}

// task returns what is due, and begins to wait for it.
func (l *line) task(now time.Time) task {
	switch {
	case now.Before(l.resume):
	case l.state == lineLive && len(l.kept) == 0: // something failed on the way
		l.state = lineCounting
		return taskCount
	case l.state == lineClearing && l.clear:
		l.clear = false
		return taskClear
	case l.state == lineSettling && (l.settled() || !now.Before(l.until)):
		return l.look(now)
	}
	return taskNone
}

// listen makes the line ask the store when it has been silent for too long.
func (l *line) listen(now, wake time.Time) time.Time {
	if l.sent == 0 {
		return wake
	}
	due := l.heard.Add(l.times.silence << min(l.tries, 3))
	if now.Before(due) {
		return earlier(wake, due)
	}
	l.trouble(errNoAnswer, now)
	l.until = now
	return wake
}

// earlier returns the earlier of two times; the zero one is never.
func earlier(a, b time.Time) time.Time {
	if b.IsZero() || a.Before(b) {
		return a
	}
	return b
}

// settled reports whether everything that was sent is answered.
func (l *line) settled() bool {
	return !slices.ContainsFunc(l.kept[:l.sent], func(c *chunk) bool { return c.seq == 0 && !c.refused })
}

// look makes the line ask the store, unless nothing is missing.
func (l *line) look(now time.Time) task {
	if l.sent == 0 && len(l.strays) == 0 {
		l.rewind(now)
		return taskNone
	}
	l.state = lineLooking
	return taskLook
}

// looked takes the chunks that the store has after seq.
func (l *line) looked(all []found, now time.Time) {
	if l.state != lineLooking {
		return
	}
	l.tries++                 // advance resets it
	out := map[chunkID]bool{} // chunks that are stored in the wrong place
	for _, f := range all {
		switch {
		case f.seq <= l.seq:
		case len(l.kept) > 0 && f.id == l.kept[0].chunkID:
			l.advance(f.seq, now)
		default:
			l.strays = append(l.strays, f.seq)
			out[f.id] = true
		}
	}
	for _, c := range l.kept {
		// The stream accepts it only under another id, since it remembers the old one. An id
		// that was never stored is kept, because a frame with it may still arrive.
		if c.claimed != 0 && c.claimed <= l.seq {
			l.strays = append(l.strays, c.claimed)
		}
		if c.claimed != 0 || out[c.chunkID] {
			c.copy, c.claimed = c.copy+1, 0
		}
	}
	if len(l.strays) > 0 {
		l.state, l.sent, l.clear = lineClearing, 0, true
		return
	}
	l.rewind(now)
}

// rewind continues after the last chunk that is stored.
func (l *line) rewind(now time.Time) {
	l.state, l.sent, l.until = lineLive, 0, time.Time{}
	for _, c := range l.kept {
		c.frame, c.seq, c.refused = 0, 0, false
	}
	l.pause(now)
	l.heard = now
}

// pause delays the next try, the longer the more tries there were.
func (l *line) pause(now time.Time) {
	l.resume = time.Time{}
	if l.tries > 1 {
		l.resume = now.Add(min(linePause<<min(l.tries-2, 10), linePauseMax))
	}
}

// cleared notes that the strays are gone.
func (l *line) cleared(now time.Time) {
	if l.state == lineClearing {
		l.strays = nil
		l.rewind(now)
	}
}

// counted takes how many chunks the store has.
func (l *line) counted(n uint64) {
	switch {
	case l.state != lineCounting:
	case n > uint64(l.acked):
		l.fail(errMoreChunks)
	case n < uint64(l.acked):
		l.fail(errLostChunks)
	default:
		l.state = lineStored
	}
}

// undone notes that a task failed: it is tried again if that may help.
func (l *line) undone(t task, err error, now time.Time) {
	if t == taskNone || l.ended() {
		return
	}
	if !passes(err) && !errors.Is(err, errBehind) {
		l.fail(err)
		return
	}
	l.cause = err
	l.tries++
	l.pause(now)
	switch t {
	case taskCount:
		l.state = lineLive
	default:
		l.state, l.until = lineSettling, l.resume // the next look finds what is left
	}
}

func (l *line) ended() bool { return l.state == lineStored || l.state == lineFailed }

// stalled ends a line that has made no progress for too long.
func (l *line) stalled() {
	if l.cause == nil {
		l.cause = errNoAnswer
	}
	l.fail(l.cause)
}

func (l *line) fail(err error) { l.state, l.failed = lineFailed, err }
