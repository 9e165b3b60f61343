package objectstore

import (
	"github.com/troupe-go/troupe/internal/watch"
	"github.com/troupe-go/troupe/jetstream"
)

// WatchOpt is an option of Watch and Events. A nil one is skipped.
type WatchOpt func(*watchOptions) error

type watchOptions struct {
	includeHistory bool
	updatesOnly    bool
	ignoreDeletes  bool
	slow           watch.Slow
	waiting        int // 0 for the default
	missing        jetstream.Missing
}

// IncludeHistory begins with all kept infos of each object instead of the last one. A bucket
// keeps only one, unless a client of another kind has written to it. It cannot be combined with
// UpdatesOnly.
func IncludeHistory() WatchOpt {
	return func(o *watchOptions) error {
		o.includeHistory = true
		return nil
	}
}

// UpdatesOnly leaves out what is there at first: Ready comes at once, and there is no nil in the
// channel. It cannot be combined with IncludeHistory.
func UpdatesOnly() WatchOpt {
	return func(o *watchOptions) error {
		o.updatesOnly = true
		return nil
	}
}

// IgnoreDeletes leaves out objects that were deleted.
func IgnoreDeletes() WatchOpt {
	return func(o *watchOptions) error {
		o.ignoreDeletes = true
		return nil
	}
}

// Slow is what a watcher does when its events are not taken as fast as they come.
type Slow = watch.Slow

// The policies.
const (
	// SlowWait makes the server wait: nothing is lost. It is the default.
	SlowWait = watch.Wait
	// SlowConflate keeps only the newest info of each object, so at most one per object waits.
	SlowConflate = watch.Conflate
	// SlowStop ends the watcher with an ErrSlowWatcher.
	SlowStop = watch.Stop
)

// WhenSlow sets what a watcher does when its infos are not taken as fast as they come. With
// SlowWait and SlowStop at most waiting infos wait; 0 is 256 for SlowWait and 65,536 for
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

func refusedOption(option, reason string) error {
	return &jetstream.OptionError{Option: option, Reason: reason}
}

// readWatchOptions reads the options of a watcher.
func readWatchOptions(opts []WatchOpt) (o watchOptions, err error) {
	for _, opt := range opts {
		if opt == nil {
			continue
		}
		if err := opt(&o); err != nil {
			return o, err
		}
	}
	if o.includeHistory && o.updatesOnly {
		return o, refusedOption("UpdatesOnly", "cannot be combined with IncludeHistory")
	}
	return o, nil
}

// deliver returns where the watcher begins.
func (o *watchOptions) deliver() jetstream.DeliverPolicy {
	switch {
	case o.updatesOnly:
		return jetstream.DeliverNewPolicy
	case o.includeHistory:
		return jetstream.DeliverAllPolicy
	default:
		return jetstream.DeliverLastPerSubjectPolicy
	}
}
