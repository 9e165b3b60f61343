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

// IncludeHistory begins with all infos of each object that are kept, and not with the last one
// alone: a bucket keeps one, unless a program of another kind has written to it. It does not go
// with UpdatesOnly.
func IncludeHistory() WatchOpt {
	return func(o *watchOptions) error {
		o.includeHistory = true
		return nil
	}
}

// UpdatesOnly leaves out what is there: Ready comes at once, and there is no nil in the channel.
// It does not go with IncludeHistory.
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

// Slow says what a watcher does when what it hands on is not taken as fast as it comes.
type Slow = watch.Slow

// The answers.
const (
	// SlowWait has the server wait: nothing is lost. The default.
	SlowWait = watch.Wait
	// SlowConflate keeps the newest info of each object: what waits is bounded by their number.
	SlowConflate = watch.Conflate
	// SlowStop ends the watcher with an ErrSlowWatcher.
	SlowStop = watch.Stop
)

// WhenSlow says what happens when what a watcher hands on is not taken as fast as it comes. No
// more than waiting infos wait, with SlowWait and SlowStop: 256 and 65,536 for 0. The channel of
// Watcher.Updates has room for 256 beside. ErrInvalidOption for less than 0, and for answers that
// are none.
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
		return o, refusedOption("UpdatesOnly", "does not go with IncludeHistory")
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
