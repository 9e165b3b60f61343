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
	// Ready says that all entries have been handed on that were there when the sync
	// began. There is one in each sync.
	Ready
	// Resync says that removals may have gone unseen: what follows is all that there is,
	// and a Ready. What is known from before is void.
	Resync
	// Undecoded is a message that Config.Decode made nothing of.
	Undecoded
	// Passed says that whatever comes has a higher revision: there is nothing of what is watched up to
	// this one. See Watcher.Reach.
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

// Event is what a watcher hands on.
type Event[T any] struct {
	// Kind says which of the fields are set.
	Kind Kind
	// Seen reports that an entry of this stream with this revision, or a higher one, was handed on
	// before the last Resync.
	Seen bool
	// Gap is why there is a Resync.
	Gap jetstream.Gap
	// Revision of an Entry, of what was Undecoded, and of Passed. It rises within a sync.
	Revision uint64
	// Value of an Entry.
	Value T
	// Err is a *DecodeError for what was Undecoded.
	Err error
}
