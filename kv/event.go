package kv

import (
	"errors"
	"fmt"

	"github.com/troupe-go/troupe/internal/watch"
	"github.com/troupe-go/troupe/jetstream"
)

// EventKind says what an Event is.
type EventKind uint8

// The kinds of events.
const (
	// EventValue: a key has a value.
	EventValue EventKind = iota + 1
	// EventDeleted: a key was deleted.
	EventDeleted
	// EventPurged: a key was deleted together with its history.
	EventPurged
	// EventExpired: a key expired, and the server removed it. Such events need
	// Config.LimitMarkerTTL.
	EventExpired
	// EventReady: everything that was there when the watcher began, or started over, has come.
	EventReady
	// EventResync: the watcher starts over, because it may have missed removals. Discard what is
	// known from before: all that there is follows, and then an EventReady.
	EventResync
	// EventUndecoded: the codec cannot decode an entry.
	EventUndecoded
)

// String returns the kind in lower case.
func (k EventKind) String() string {
	names := [...]string{"no event", "value", "deleted", "purged", "expired", "ready", "resync", "undecoded"}
	if int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("event %d", uint8(k))
}

// Event is what a watcher yields.
type Event struct {
	// Kind says what it is.
	Kind EventKind
	// Entry is the value or the marker; nil for Ready, Resync and Undecoded.
	Entry Entry
	// Seen reports whether this revision, or a higher one, was yielded before the last Resync.
	Seen bool
	// Gap says why there is a Resync.
	Gap jetstream.Gap
	// Err says why an entry is Undecoded: a *KeyError that is an ErrCodec; nil for other events.
	Err error
}

// eventOf returns the public form of a watcher's event.
func eventOf(e *watch.Event[*entry]) Event {
	switch e.Kind {
	case watch.Ready:
		return Event{Kind: EventReady}
	case watch.Resync:
		return Event{Kind: EventResync, Gap: e.Gap}
	case watch.Undecoded:
		undecoded, _ := errors.AsType[*KeyError](e.Err)
		return Event{Kind: EventUndecoded, Seen: e.Seen, Err: undecoded}
	default:
		return Event{Kind: e.Value.kind(), Entry: e.Value, Seen: e.Seen}
	}
}

// kind returns the kind of event that an entry is.
func (e *entry) kind() EventKind {
	switch {
	case e.expired:
		return EventExpired
	case e.op == OpDelete:
		return EventDeleted
	case e.op == OpPurge:
		return EventPurged
	default:
		return EventValue
	}
}
