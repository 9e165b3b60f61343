package kv

import (
	"time"

	"github.com/troupe-go/troupe/jetstream"
)

// ttlMin is the shortest time to live that servers accept.
const ttlMin = time.Second

// CreateOpt is an option of Store.Create. A nil one is skipped.
type CreateOpt func(*createOptions) error

type createOptions struct {
	ttl time.Duration // 0 for none
}

// KeyTTL makes the key expire after ttl, in whole seconds, at least one. A later Put or Update
// gives it a value that lives as long as others. 0 is no option. The bucket needs
// Config.LimitMarkerTTL: ErrKeyTTLNotSupported.
func KeyTTL(ttl time.Duration) CreateOpt {
	return func(o *createOptions) error {
		o.ttl = ttl
		return checkTTL("KeyTTL", ttl)
	}
}

// DeleteOpt is an option of Store.Delete and Store.Purge. A nil one is skipped.
type DeleteOpt func(*deleteOptions) error

type deleteOptions struct {
	revision uint64 // 0 for any
	ttl      time.Duration
}

// LastRevision makes the call fail, with an ErrKeyWrongLastSequence, unless revision is the last
// one of the key. 0 is no option.
func LastRevision(revision uint64) DeleteOpt {
	return func(o *deleteOptions) error {
		o.revision = revision
		return nil
	}
}

// PurgeTTL makes the marker that Store.Purge leaves expire after ttl, in whole seconds, at least
// one. 0 is no option. Watchers and caches that are disconnected for longer do not learn of the
// purge. The bucket needs Config.LimitMarkerTTL: ErrKeyTTLNotSupported.
func PurgeTTL(ttl time.Duration) DeleteOpt {
	return func(o *deleteOptions) error {
		o.ttl = ttl
		return checkTTL("PurgeTTL", ttl)
	}
}

func checkTTL(option string, ttl time.Duration) error {
	reason := ""
	switch {
	case ttl != 0 && ttl < ttlMin:
		reason = " is less than 1s"
	case ttl%time.Second != 0: // a server would cut it
		reason = " is not a whole number of seconds"
	default:
		return nil
	}
	return &jetstream.OptionError{Option: option, Reason: ttl.String() + reason, Err: jetstream.ErrMsgTTLInvalid}
}

// applied applies the options; nil ones are skipped.
func applied[O ~func(*S) error, S any](options []O) (set S, err error) {
	for _, option := range options {
		if option == nil {
			continue
		}
		if err := option(&set); err != nil {
			return set, err
		}
	}
	return set, nil
}
