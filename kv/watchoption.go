package kv

import (
	"github.com/troupe-go/troupe/internal/watch"
	"github.com/troupe-go/troupe/jetstream"
)

// WatchOpt is an option of the calls that watch or list keys. A nil one is skipped.
type WatchOpt func(*watchOptions) error

type watchOptions struct {
	includeHistory bool
	updatesOnly    bool
	ignoreDeletes  bool
	metaOnly       bool
	resumeFrom     uint64 // 0 for none
	slow           watch.Slow
	waiting        int // 0 for the default
	missing        jetstream.Missing
}

// IncludeHistory begins with all values of each key that are kept, and not with the last one
// alone. It does not go with UpdatesOnly and ResumeFromRevision.
func IncludeHistory() WatchOpt {
	return func(o *watchOptions) error {
		o.includeHistory = true
		return nil
	}
}

// UpdatesOnly leaves out what is there: Ready comes at once, and there is no nil in the channel. It
// does not go with IncludeHistory and ResumeFromRevision.
func UpdatesOnly() WatchOpt {
	return func(o *watchOptions) error {
		o.updatesOnly = true
		return nil
	}
}

// IgnoreDeletes leaves out the markers of keys that were deleted or purged, or have expired.
func IgnoreDeletes() WatchOpt {
	return func(o *watchOptions) error {
		o.ignoreDeletes = true
		return nil
	}
}

// MetaOnly leaves out the values.
func MetaOnly() WatchOpt {
	return func(o *watchOptions) error {
		o.metaOnly = true
		return nil
	}
}

// ResumeFromRevision begins with that revision of the bucket, or the first one behind it: one
// more than the last that was seen. Every value from there on is handed on, as far as it is
// kept. 0 is no option.
func ResumeFromRevision(revision uint64) WatchOpt {
	return func(o *watchOptions) error {
		o.resumeFrom = revision
		return nil
	}
}

// Slow says what a watcher does when what it hands on is not taken as fast as it comes.
type Slow = watch.Slow

// The answers.
const (
	// SlowWait has the server wait: nothing is lost. The default.
	SlowWait = watch.Wait
	// SlowConflate keeps the newest entry of each key: what waits is bounded by their number.
	SlowConflate = watch.Conflate
	// SlowStop ends the watcher with an ErrSlowWatcher.
	SlowStop = watch.Stop
)

// WhenSlow says what happens when what a watcher hands on is not taken as fast as it comes. No
// more than waiting entries wait, with SlowWait and SlowStop: 256 and 65,536 for 0. The channel
// of Watcher.Updates has room for 256 beside. ErrInvalidOption for less than 0, and for answers
// that are none.
func WhenSlow(answer Slow, waiting int) WatchOpt {
	return func(o *watchOptions) error {
		o.slow, o.waiting = answer, waiting
		return watch.CheckSlow("WhenSlow", answer, waiting)
	}
}

// OnMissing says what a watcher does when the bucket is gone: MissingStop ends it, which is the
// default; MissingWait waits until there is another one, which begins with a Resync.
// ErrInvalidOption for other answers.
func OnMissing(answer jetstream.Missing) WatchOpt {
	return func(o *watchOptions) error {
		o.missing = answer
		return watch.CheckMissing("OnMissing", answer)
	}
}

// withDeletes takes IgnoreDeletes back.
func withDeletes(o *watchOptions) error {
	o.ignoreDeletes = false
	return nil
}

// contradiction says which options do not go together, empty for none.
func (o *watchOptions) contradiction() string {
	switch {
	case o.includeHistory && o.updatesOnly:
		return "UpdatesOnly does not go with IncludeHistory"
	case o.resumeFrom > 0 && o.includeHistory:
		return "ResumeFromRevision does not go with IncludeHistory"
	case o.resumeFrom > 0 && o.updatesOnly:
		return "ResumeFromRevision does not go with UpdatesOnly"
	default:
		return ""
	}
}

// deliver returns where the watcher begins.
func (o *watchOptions) deliver() jetstream.DeliverPolicy {
	switch {
	case o.resumeFrom > 0:
		return jetstream.DeliverByStartSequencePolicy
	case o.updatesOnly:
		return jetstream.DeliverNewPolicy
	case o.includeHistory:
		return jetstream.DeliverAllPolicy
	default:
		return jetstream.DeliverLastPerSubjectPolicy
	}
}

func refusedOption(option, reason string) error {
	return &jetstream.OptionError{Option: option, Reason: reason}
}
