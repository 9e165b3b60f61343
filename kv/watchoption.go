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

// IncludeHistory begins with all kept values of each key instead of the last one. It cannot be
// combined with UpdatesOnly or ResumeFromRevision.
func IncludeHistory() WatchOpt {
	return func(o *watchOptions) error {
		o.includeHistory = true
		return nil
	}
}

// UpdatesOnly leaves out what is there at first: Ready comes at once, and there is no nil in the
// channel. It cannot be combined with IncludeHistory or ResumeFromRevision.
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

// ResumeFromRevision begins with that revision of the bucket, or the first one after it; to
// resume, pass the last one that was seen plus one. Every value from there on is delivered, as
// far as it is kept. 0 is no option.
func ResumeFromRevision(revision uint64) WatchOpt {
	return func(o *watchOptions) error {
		o.resumeFrom = revision
		return nil
	}
}

// Slow is what a watcher does when its events are not taken as fast as they come.
type Slow = watch.Slow

// The policies.
const (
	// SlowWait makes the server wait: nothing is lost. It is the default.
	SlowWait = watch.Wait
	// SlowConflate keeps only the newest entry of each key, so at most one per key waits.
	SlowConflate = watch.Conflate
	// SlowStop ends the watcher with an ErrSlowWatcher.
	SlowStop = watch.Stop
)

// WhenSlow sets what a watcher does when its entries are not taken as fast as they come. With
// SlowWait and SlowStop at most waiting entries wait; 0 is 256 for SlowWait and 65,536 for
// SlowStop. The channel of Watcher.Updates has room for 256 more. Errors: ErrInvalidOption for a
// negative waiting, and for an unknown policy.
func WhenSlow(answer Slow, waiting int) WatchOpt {
	return func(o *watchOptions) error {
		o.slow, o.waiting = answer, waiting
		return watch.CheckSlow("WhenSlow", answer, waiting)
	}
}

// OnMissing sets what a watcher does when the bucket is gone: MissingStop, the default, ends it;
// MissingWait waits until there is another one, and then begins with a Resync. Errors:
// ErrInvalidOption for any other value.
func OnMissing(answer jetstream.Missing) WatchOpt {
	return func(o *watchOptions) error {
		o.missing = answer
		return watch.CheckMissing("OnMissing", answer)
	}
}

// withDeletes cancels IgnoreDeletes.
func withDeletes(o *watchOptions) error {
	o.ignoreDeletes = false
	return nil
}

// contradiction says which options cannot be combined; empty for none.
func (o *watchOptions) contradiction() string {
	switch {
	case o.includeHistory && o.updatesOnly:
		return "UpdatesOnly cannot be combined with IncludeHistory"
	case o.resumeFrom > 0 && o.includeHistory:
		return "ResumeFromRevision cannot be combined with IncludeHistory"
	case o.resumeFrom > 0 && o.updatesOnly:
		return "ResumeFromRevision cannot be combined with UpdatesOnly"
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
