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
	// EventStored: an object was stored, or its info changed.
	EventStored EventKind = iota + 1
	// EventDeleted: an object was deleted or renamed.
	EventDeleted
	// EventReady: everything that was there when the watcher began, or started over, has come.
	EventReady
	// EventResync: the watcher starts over, because it may have missed changes. Discard what is
	// known from before: all that there is follows, and then an EventReady.
	EventResync
	// EventUndecoded: an info cannot be read.
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

// Event is what a watcher yields.
type Event struct {
	// Kind says what it is.
	Kind EventKind
	// Info is the info of the object; nil for Ready, Resync and Undecoded.
	Info *Info
	// Seen reports whether this revision, or a higher one, was yielded before the last Resync.
	Seen bool
	// Gap says why there is a Resync.
	Gap jetstream.Gap
	// Err says why an info is Undecoded: an ErrBadObjectMeta; nil for other events.
	Err error
}

// eventOf returns the public form of a watcher's event.
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
