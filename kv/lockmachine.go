package kv

import (
	"time"

	"github.com/troupe-go/troupe/supervisor"
)

// lockmachine.go - what a client that wants a lock does next. It is pure.
//
//	            stored                         in time
//	wanted ───────────────────► held ───────► renewed ─┐
//	  ▲  │ another has it         │  ▲                 │
//	  │  ▼                        │  └─────────────────┘
//	waits for its end             ├──► lost: too late, or another revision of the key
//	  │                           │
//	  │ gives up                  │ Unlock
//	  ▼                           ▼
//	ended ◄────────────────── releases: a marker after its own revision
//
// The server removes a key ttl after it stored it, and not earlier, and it cannot store a change
// before it is sent. So a client that counts ttl from the moment of sending, with a clock that
// is not slower than the server's, never holds the lock longer than the server. The margin
// covers slower clocks, and the time that the holder takes to stop.

// lockPhase is the phase of a lock's life.
type lockPhase uint8

const (
	lockWanted lockPhase = iota
	lockHeld
	lockReleasing
	lockLost
	lockEnded
)

// lockAct is the next action.
type lockAct uint8

const (
	lockNothing lockAct = iota
	lockTry             // store the key if it has no value
	lockRenew           // store it again, expecting its revision
	lockRelease         // store a marker, expecting its revision
)

// lockOutcome is the outcome of a change.
type lockOutcome uint8

const (
	lockStored  lockOutcome = iota
	lockTaken               // the key has another revision
	lockTrouble             // not stored, or unknown; the same change may be tried again
	lockRefused             // it will never be stored
)

const (
	lockPauseMax  = 2 * time.Second        // between tries, in trouble
	lockPause     = 100 * time.Millisecond // at first
	lockJitter    = 64 * time.Millisecond  // waiters spread over this time when a lock becomes free
	lockJitterMin = 4 * time.Millisecond   // for waiters that were too late many times
)

// lockMachine is one attempt to get a lock, and to keep it.
//
// Invariant: held only as long as lapse(sent, now) < ttl - margin.
type lockMachine struct {
	ttl, margin time.Duration
	once        bool // do not wait

	phase    lockPhase
	busy     bool      // a change is under way
	revision uint64    // the last one of our own
	token    uint64    // the first one of our own
	sent     time.Time // when the change that was stored last was sent
	sentLast time.Time // when the last change was sent that may be stored and expires
	unsure   bool      // a renewal may be stored after revision
	due      time.Time // when to act next
	fails    int       // in a row
	late     int       // how often another client was faster
	blocked  uint64    // revision of another client that refused a try
	seen     lockSeen
	err      error // why it is lost, or has ended; nil for released and given up
}

// lockSeen is the last thing that the watch has shown of the key.
type lockSeen struct {
	revision uint64
	held     bool // it has a value
	mine     bool
}

// lapse is how much time has passed, by the clock that shows more: the monotonic clock stops
// while the machine sleeps, and the wall clock can be set back.
func lapse(from, to time.Time) time.Duration {
	return max(to.Sub(from), to.Round(0).Sub(from.Round(0)))
}

// lasts is how long a stored lock is relied on, counted from its sending.
func (m *lockMachine) lasts() time.Duration { return m.ttl - m.margin }

// next returns what to do now, or when to ask again; zero for not before something happens.
func (m *lockMachine) next(now time.Time) (act lockAct, again time.Time) {
	if m.expire(now) {
		return lockNothing, time.Time{}
	}
	if m.busy {
		return lockNothing, m.deadline()
	}
	switch m.phase {
	case lockWanted:
		if m.seen.held && m.seen.mine { // a try whose acknowledgement was lost
			return m.begin(now, lockRelease)
		}
		return m.when(now, lockTry)
	case lockHeld:
		if act, again = m.when(now, lockRenew); act == lockNothing && m.deadline().Before(again) {
			again = m.deadline()
		}
		return act, again
	case lockReleasing:
		if lapse(m.sentLast, now) >= m.ttl { // the server has removed it
			m.end(nil)
			return lockNothing, time.Time{}
		}
		return m.when(now, lockRelease)
	default:
		return lockNothing, time.Time{}
	}
}

// when begins act if it is due, and otherwise returns the time when it will be.
func (m *lockMachine) when(now time.Time, act lockAct) (lockAct, time.Time) {
	if m.due.After(now) {
		return lockNothing, m.due
	}
	return m.begin(now, act)
}

func (m *lockMachine) begin(now time.Time, act lockAct) (lockAct, time.Time) {
	m.busy = true
	if act != lockRelease {
		m.sentLast = now
	}
	return act, m.deadline()
}

// deadline is when a lock that is held is lost; zero if it is not held.
func (m *lockMachine) deadline() time.Time {
	if m.phase != lockHeld {
		return time.Time{}
	}
	return m.sent.Add(m.lasts())
}

// expire loses a lock whose deadline has passed.
func (m *lockMachine) expire(now time.Time) bool {
	if m.phase != lockHeld || lapse(m.sent, now) < m.lasts() {
		return false
	}
	m.lose(errLockTime)
	return true
}

// holds reports whether the lock is held.
func (m *lockMachine) holds(now time.Time) bool {
	return m.phase == lockHeld && lapse(m.sent, now) < m.lasts()
}

// lose ends a lock that is held or wanted.
func (m *lockMachine) lose(err error) {
	switch m.phase {
	case lockWanted:
		m.end(err)
	case lockHeld:
		m.phase, m.err = lockLost, err
	}
}

func (m *lockMachine) end(err error) {
	if m.phase != lockEnded {
		m.phase, m.err = lockEnded, err
	}
}

// unlock gives back what is held, and gives up what is wanted.
func (m *lockMachine) unlock(now time.Time) {
	switch m.phase {
	case lockWanted:
		if !m.busy {
			m.end(nil)
			return
		}
		m.phase, m.due = lockReleasing, now // releases what may be under way, too
	case lockHeld:
		m.phase, m.due, m.fails = lockReleasing, now, 0
	case lockLost:
		m.phase = lockEnded
	}
}

// done takes the outcome of a change.
func (m *lockMachine) done(now time.Time, act lockAct, r lockResult) {
	m.busy = false
	switch act {
	case lockTry:
		m.tried(now, r)
	case lockRenew:
		m.renewed(now, r)
	case lockRelease:
		m.released(now, r)
	}
}

// lockResult is the outcome of a change.
type lockResult struct {
	outcome  lockOutcome
	sent     time.Time
	revision uint64  // ours if it is stored; the other one, 0 for unknown, if it is taken
	err      error   // nil if it is stored
	chance   float64 // from 0 to 1
}

func (m *lockMachine) tried(now time.Time, r lockResult) {
	wanted := m.phase == lockWanted
	switch {
	case r.outcome == lockStored:
		m.revision, m.token, m.sent = r.revision, r.revision, r.sent
		if wanted {
			m.phase, m.fails, m.due = lockHeld, 0, r.sent.Add(m.ttl/3)
		}
		if wanted && m.expire(now) { // it took too long: the lock was never relied on
			m.phase, m.err = lockWanted, nil
			m.seen = lockSeen{revision: r.revision, held: true, mine: true}
		}
	case !wanted, r.outcome == lockRefused, m.once:
		m.end(r.err)
	case r.outcome == lockTaken:
		m.late, m.fails = m.late+1, 0
		m.blocked = max(m.blocked, r.revision)
		m.due = now.Add(m.ttl) // unless the watch shows that it is free
		m.freed(now, r.chance)
	default:
		m.retry(now, r.chance)
	}
}

// retry waits longer each time.
func (m *lockMachine) retry(now time.Time, chance float64) {
	m.fails++
	ceiling := supervisor.Backoff{Initial: lockPause, Max: min(lockPauseMax, m.ttl/6)}.Ceiling(m.fails)
	m.due = now.Add(time.Duration((1 + chance) / 2 * float64(ceiling)))
}

func (m *lockMachine) renewed(now time.Time, r lockResult) {
	switch {
	case r.outcome == lockStored:
		m.unsure, m.revision = false, max(m.revision, r.revision)
		m.sent, m.fails, m.err = r.sent, 0, nil
		if m.phase == lockHeld {
			m.due = r.sent.Add(m.ttl / 3)
		}
	case m.phase != lockHeld:
		m.unsure = m.unsure || r.outcome == lockTrouble
	case r.outcome == lockTrouble:
		m.unsure = true
		m.err = r.err // to be shown; the lock is not lost
		m.retry(now, r.chance)
	default:
		m.lose(r.err)
	}
}

func (m *lockMachine) released(now time.Time, r lockResult) {
	if m.phase == lockWanted { // of a try whose acknowledgement was lost
		m.seen.held = m.seen.held && r.outcome == lockTrouble
		m.retry(now, r.chance)
		return
	}
	switch r.outcome {
	case lockStored:
		m.end(nil)
	case lockTaken:
		if !m.unsure {
			m.end(errLockGone)
			return
		}
		m.retry(now, r.chance) // the watch shows the revision, or its time ends
	case lockTrouble:
		m.retry(now, r.chance)
	default:
		m.end(r.err)
	}
}

// releases returns the revision that the marker is to follow.
func (m *lockMachine) releases() uint64 {
	if m.phase == lockWanted {
		return m.seen.revision
	}
	return m.revision
}

// see takes what the watch shows of the key: revisions rise.
func (m *lockMachine) see(now time.Time, s lockSeen, chance float64) {
	m.seen = s
	switch {
	case m.phase == lockWanted:
		m.freed(now, chance)
	case s.mine:
		if s.revision > m.revision && (m.phase == lockHeld || m.phase == lockReleasing) {
			m.revision = s.revision
		}
	case m.phase == lockHeld && s.revision > m.revision:
		m.lose(errLockGone)
	}
}

// absent notes that the watch is complete and has not shown the key.
func (m *lockMachine) absent(now time.Time, chance float64) {
	switch m.phase {
	case lockWanted:
		m.seen = lockSeen{}
		m.blocked = 0
		m.freed(now, chance)
	case lockHeld: // the watch may lag: only the leader knows
		m.due = now
	}
}

// freed schedules the next try soon if the key has no value: waiters spread over a short time,
// and those that were too late before over a shorter one.
func (m *lockMachine) freed(now time.Time, chance float64) {
	if m.busy || m.seen.held || m.seen.revision < m.blocked {
		if m.seen.held && !m.seen.mine && m.seen.revision >= m.blocked && m.due.Before(now.Add(m.ttl)) {
			m.due = now.Add(m.ttl) // another client was faster
		}
		return
	}
	spread := max(lockJitter>>min(m.late, 8), lockJitterMin)
	if at := now.Add(time.Duration(chance * float64(spread))); at.Before(m.due) {
		m.due = at
	}
}
