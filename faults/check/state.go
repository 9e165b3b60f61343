package check

import "fmt"

// Interest is one subscription as a server knows it.
type Interest struct {
	Subject string
	Queue   string
	Max     int // messages until the server ends it; 0 is no limit
}

// String returns the interest as shown in a report.
func (i Interest) String() string {
	text := i.Subject
	if i.Queue != "" {
		text += " in group " + i.Queue
	}
	if i.Max != 0 {
		text += fmt.Sprintf(" for %d more", i.Max)
	}
	return text
}

// Interest records a client's subscriptions, as the client wants them and as the server
// has them at the same time, both in any order. The slices are read and not kept. Compare
// when the client reports that it is connected again.
func (h *History) Interest(client string, desired, actual []Interest) {
	at := h.record()
	defer h.mu.Unlock()
	h.evidence[G5]++
	balance := map[Interest]int{}
	for _, i := range desired {
		balance[i]++
	}
	for _, i := range actual {
		balance[i]--
	}
	for _, list := range [][]Interest{desired, actual} {
		for _, i := range list {
			if n := balance[i]; n > 0 {
				h.breach(G5, at, "%s: %v is missing at the server", client, i)
				balance[i]--
			} else if n < 0 {
				h.breach(G5, at, "%s: the server has %v, which is unwanted or a duplicate", client, i)
				balance[i]++
			}
		}
	}
}

// Objects records what a client owns on the server, such as the consumers of one watcher,
// and how many it may own at that time: none after it was closed. The names are read and
// not kept.
func (h *History) Objects(owner string, most int, names []string) {
	at := h.record()
	defer h.mu.Unlock()
	h.evidence[G16]++
	for _, name := range names[min(max(most, 0), len(names)):] {
		h.breach(G16, at, "%s left %s behind: %d exist, %d allowed", owner, name, len(names), max(most, 0))
	}
}

// Leftovers records what is left of a client after it was closed: goroutines, timers,
// descriptors, buffers. A count of 0 is correct.
func (h *History) Leftovers(what string, count int) {
	at := h.record()
	defer h.mu.Unlock()
	h.evidence[G10]++
	if count > 0 {
		h.breach(G10, at, "%d %s after the end", count, what)
	}
}

// sample is the highest value of something with a limit.
type sample struct {
	highest, limit int64
}

// Sample records the size of something with a limit: memory, a queue, attempts,
// connections.
func (h *History) Sample(what string, size, limit int64) {
	at := h.record()
	defer h.mu.Unlock()
	h.evidence[G9]++
	s := h.samples[what]
	if s == nil {
		s = &sample{}
		h.samples[what] = s
	}
	s.highest, s.limit = max(s.highest, size), limit
	if size > limit {
		h.breach(G9, at, "%s: %d, and the limit is %d", what, size, limit)
	}
}

// LimitReached records that a limit was reached: the error by which the client reported
// it, and its counter of what it refused. Both must be there.
func (h *History) LimitReached(what string, err error, count int64) {
	h.typed(what, err)
	at := h.record()
	defer h.mu.Unlock()
	h.evidence[G9]++
	switch {
	case err == nil:
		h.breach(G9, at, "%s: the limit was reached without an error", what)
	case count <= 0:
		h.breach(G9, at, "%s: the limit was reached, and nothing was counted", what)
	}
}

// traceMarks bounds how many marks a trace holds.
const traceMarks = 256

// Trace is a digest of a run's event log: a hash, and intermediate marks, so that two
// runs show where they begin to differ. It is data that can be stored, at most 2 KiB.
type Trace struct {
	Hash  uint64   // over all lines
	Lines int      // how many there were
	Every int      // lines between two marks
	Marks []uint64 // hashes after Every lines, 2 × Every, ...
}

func newTrace() Trace { return Trace{Hash: fnvOffset, Every: 1} }

// The constants of the 64-bit FNV-1a hash.
const (
	fnvOffset uint64 = 14695981039346656037
	fnvPrime  uint64 = 1099511628211
)

// add adds one line. When the marks are full, every other one is dropped.
func (t *Trace) add(line string) {
	for i := range len(line) {
		t.Hash = (t.Hash ^ uint64(line[i])) * fnvPrime
	}
	t.Hash = (t.Hash ^ '\n') * fnvPrime
	t.Lines++
	if t.Lines%t.Every != 0 {
		return
	}
	t.Marks = append(t.Marks, t.Hash)
	if len(t.Marks) < traceMarks {
		return
	}
	for i := range traceMarks / 2 {
		t.Marks[i] = t.Marks[2*i+1]
	}
	t.Marks = t.Marks[:traceMarks/2]
	t.Every *= 2
}

// parting returns between which lines two traces begin to differ: after the first, at the
// second at the latest. Both are 0 if the traces are the same.
func (t *Trace) parting(u *Trace) (after, before int) {
	if t.Hash == u.Hash {
		return 0, 0
	}
	every := max(t.Every, u.Every)
	before = max(t.Lines, u.Lines)
	for line := every; line <= min(t.Lines, u.Lines); line += every {
		mine, ok := t.mark(line)
		theirs, also := u.mark(line)
		if !ok || !also {
			break
		}
		if mine != theirs {
			return after, line
		}
		after = line
	}
	return after, before
}

func (t *Trace) mark(line int) (uint64, bool) {
	i := line/t.Every - 1
	if t.Every <= 0 || i < 0 || i >= len(t.Marks) {
		return 0, false
	}
	return t.Marks[i], true
}

// Log adds a line to the run's event log. The line is hashed and not kept. It must not
// contain anything that differs between two runs of one seed, such as addresses or times
// of day.
func (h *History) Log(line string) {
	h.record()
	defer h.mu.Unlock()
	h.trace.add(line)
}

// Trace returns the trace of what was logged until now. It belongs to the caller.
func (h *History) Trace() Trace {
	h.mu.Lock()
	defer h.mu.Unlock()
	t := h.trace
	t.Marks = append([]uint64(nil), t.Marks...)
	return t
}

// Replays sets the trace that this run has to match: that of another run with the same
// seed. The trace is not changed.
func (h *History) Replays(t Trace) {
	h.record()
	defer h.mu.Unlock()
	t.Marks = append([]uint64(nil), t.Marks...)
	t.Every = max(t.Every, 1)
	h.expected = &t
}
