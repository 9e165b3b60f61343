package watch

import (
	"fmt"

	"github.com/troupe-go/troupe/jetstream"
)

// Kind says what an Event is.
type Kind uint8

// The kinds of events.
const (
	// Entry is a value that is stored.
	Entry Kind = iota + 1
	// Ready says that all entries which were there when the sync began have been handed on.
	// There is one in each sync.
	Ready
	// Resync says that removals may have been missed: all that there is follows, and a Ready.
	// What is known from before is void.
	Resync
	// Undecoded is a message that Config.Decode returned an error for.
	Undecoded
	// Passed says that all later events have higher revisions: nothing else that is watched was
	// stored up to this one. See Watcher.Reach.
	Passed
)

// String returns the kind in lower case.
func (k Kind) String() string {
	names := [...]string{"no event", "entry", "ready", "resync", "undecoded", "passed"}
	if int(k) < len(names) {
		return names[k]
	}
	return fmt.Sprintf("event %d", uint8(k))
}

// Event is what a watcher yields.
type Event[T any] struct {
	// Kind says which of the fields are set.
	Kind Kind
	// Seen reports whether an entry of this stream with this revision, or a higher one, was
	// handed on before the last Resync.
	Seen bool
	// Gap is why there is a Resync.
	Gap jetstream.Gap
	// Revision is that of an Entry, an Undecoded or a Passed. It rises within a sync.
	Revision uint64
	// Value is the value of an Entry.
	Value T
	// Err is the *DecodeError of an Undecoded.
	Err error
}
