package watch

// queue.go - the events that wait. It is pure.
//
//	push ──► e e - e R e e ──► pop
//	             │     │
//	             │     └─ an entry never replaces one on the other side of this
//	             └─ replaced by a newer entry of its subject: Conflate

// queue holds events in order. With conflate it keeps only the newest entry of each subject
// between two events of other kinds, so that a Ready stays after the entries that it covers.
type queue[T any] struct {
	conflate bool

	events []Event[T] // a Kind of zero is a place without an event
	head   int        // the first one in events
	base   int        // the number of the place at index 0: places are numbered
	live   int        // events in the queue
	places map[string]int
	of     []string // subjects of the places, with conflate
}

// shrinkMin is how many places without an event are too few to remove.
const shrinkMin = 64

// keptMax bounds the places that an empty queue keeps.
const keptMax = 4096

// push appends an event. subject is that of an entry; empty for others. It reports whether it
// replaced an older entry.
func (q *queue[T]) push(e Event[T], subject string) (replaced bool) {
	if !q.conflate {
		q.events = append(q.events, e)
		q.live++
		return false
	}
	if e.Kind == Resync {
		q.clear() // void
	}
	if subject == "" {
		clear(q.places)
	} else if n, ok := q.places[subject]; ok {
		q.events[n-q.base] = Event[T]{}
		q.live--
		replaced = true
	}
	if q.places == nil {
		q.places = make(map[string]int)
	}
	if subject != "" {
		q.places[subject] = q.base + len(q.events)
	}
	q.events, q.of = append(q.events, e), append(q.of, subject)
	q.live++
	if q.sparse() {
		q.shrink()
	}
	return replaced
}

// pop takes the first event.
func (q *queue[T]) pop() (e Event[T], ok bool) {
	for q.live > 0 {
		i := q.head
		e, q.events[i] = q.events[i], Event[T]{}
		q.head++
		if e.Kind == 0 {
			continue
		}
		q.live--
		if q.conflate {
			if n, there := q.places[q.of[i]]; there && n == q.base+i {
				delete(q.places, q.of[i])
			}
			q.of[i] = ""
		}
		if q.live == 0 {
			q.reset()
		} else if q.sparse() || q.head > shrinkMin && q.head > len(q.events)/2 {
			q.shrink()
		}
		return e, true
	}
	return e, false
}

// sparse reports whether too many places are without an event.
func (q *queue[T]) sparse() bool { return len(q.events)-q.head > 2*q.live+shrinkMin }

// swap takes all events, and uses room for the next ones. Not with conflate.
func (q *queue[T]) swap(room []Event[T]) []Event[T] {
	all := q.events[q.head:]
	q.base += len(q.events)
	q.events, q.head, q.live = room[:0], 0, 0
	return all
}

// clear drops all events.
func (q *queue[T]) clear() {
	clear(q.events)
	clear(q.of)
	clear(q.places)
	q.live = 0
	q.reset()
}

// reset begins at the first place again, when nothing waits.
func (q *queue[T]) reset() {
	q.base += len(q.events)
	if cap(q.events) > keptMax {
		q.events, q.of = nil, nil
	}
	q.events, q.of, q.head = q.events[:0], q.of[:0], 0
}

// shrink removes the places without an event.
func (q *queue[T]) shrink() {
	n, before := 0, q.base
	q.base += len(q.events) // so that no number is used twice
	for i := q.head; i < len(q.events); i++ {
		if q.events[i].Kind == 0 {
			continue
		}
		q.events[n] = q.events[i]
		if q.conflate {
			if at, there := q.places[q.of[i]]; there && at == before+i {
				q.places[q.of[i]] = q.base + n
			}
			q.of[n] = q.of[i]
		}
		n++
	}
	clear(q.events[n:])
	q.events, q.head = q.events[:n], 0
	if q.conflate {
		clear(q.of[n:])
		q.of = q.of[:n]
	}
}
