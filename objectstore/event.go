package objectstore

import (
	"fmt"

	"github.com/troupe-go/troupe/internal/watch"
	"github.com/troupe-go/troupe/jetstream"
)

// EventKind says what an Event is.
type EventKind uint8

// The kinds of events.
const (
	// EventStored: an object was stored, or what is said of it has changed.
	EventStored EventKind = iota + 1
	// EventDeleted: an object was deleted, or has another name since.
	EventDeleted
	// EventReady: all has come that was there when the watcher began, or began anew.
	EventReady
	// EventResync: the watcher begins anew, as something may have gone unseen. What is known
	// from before is void: all that there is follows, and a Ready.
	EventResync
	// EventUndecoded: there is an info that cannot be read.
	EventUndecoded
)

// String returns the kind in lower case.
func (k EventKind) String() string {
	names := [...]string{"no event", "stored", "deleted", "ready", "resync", "undecoded"}
	if int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("event %d", uint8(k))
}

// Event is what a watcher hands on.
type Event struct {
	// Kind says what it is.
	Kind EventKind
	// Info is what the store says of the object; nil for Ready, Resync and Undecoded.
	Info *Info
	// Seen reports that this revision, or a higher one, was handed on before the last Resync.
	Seen bool
	// Gap says why there is a Resync.
	Gap jetstream.Gap
	// Err says what was Undecoded: an ErrBadObjectMeta. Nil otherwise.
	Err error
}

// eventOf returns what a watcher's event means.
func (s *store) eventOf(e *watch.Event[*Info]) Event {
	switch e.Kind {
	case watch.Ready:
		return Event{Kind: EventReady}
	case watch.Resync:
		return Event{Kind: EventResync, Gap: e.Gap}
	case watch.Undecoded:
		return Event{Kind: EventUndecoded, Seen: e.Seen, Err: s.unread("watch", e.Err)}
	}
	if e.Value.Deleted {
		return Event{Kind: EventDeleted, Info: e.Value, Seen: e.Seen}
	}
	return Event{Kind: EventStored, Info: e.Value, Seen: e.Seen}
}
