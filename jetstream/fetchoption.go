package jetstream

import (
	"context"
	"time"
)

// fetchoption.go - the options of Fetch, FetchBytes and Next.

// FetchOpt is an option of Fetch, FetchBytes, Next and their forms with a context.
type FetchOpt func(*fetchOpts) error

// fetchOpts is what the options of a fetch have set.
type fetchOpts struct {
	pullRequest
	ctx     context.Context // nil for none
	waitSet bool
	beatSet bool
	sizable bool         // FetchMaxBytes is allowed
	ordered *orderedPull // decides what is delivered; nil for everything
}

// The defaults of fetches.
const (
	fetchHeartbeat  = 5 * time.Second  // for those that wait at least fetchLong
	fetchLong       = 10 * time.Second // minimum wait for a default heartbeat
	fetchReserve    = 10               // fraction of a context's time that is kept for the round trip: a tenth
	fetchReserveMax = time.Second
)

// FetchMaxWait is how long a fetch waits for all of its messages: positive, at most 146 years.
// Default: 30 s.
func FetchMaxWait(timeout time.Duration) FetchOpt {
	return func(o *fetchOpts) error {
		o.expires, o.waitSet = timeout, true
		return within("FetchMaxWait", timeout, 1, waitMax)
	}
}

// FetchContext ends a fetch with ctx. The time until its deadline replaces FetchMaxWait, less a
// tenth but at most a second, so that the server ends the fetch first. ErrInvalidOption for nil,
// with FetchMaxWait, and when the deadline has passed.
func FetchContext(ctx context.Context) FetchOpt {
	return func(o *fetchOpts) error {
		if ctx == nil {
			return &OptionError{Option: "FetchContext", Reason: "is nil"}
		}
		o.ctx = ctx
		deadline, ok := ctx.Deadline()
		if !ok {
			return nil
		}
		left := time.Until(deadline)
		if left <= 0 {
			return &OptionError{Option: "FetchContext", Reason: "has a deadline that has passed"}
		}
		o.expires = min(max(left-min(left/fetchReserve, fetchReserveMax), 1), waitMax)
		return nil
	}
}

// FetchHeartbeat is how often the server sends a heartbeat while it has no messages: positive, at
// most half of the time that the fetch waits. Default: 5 s if the fetch waits for at least 10 s,
// and none otherwise.
func FetchHeartbeat(hb time.Duration) FetchOpt {
	return func(o *fetchOpts) error {
		o.heartbeat, o.beatSet = hb, true
		return within("FetchHeartbeat", hb, 1, 1<<63-1)
	}
}

// FetchMaxBytes limits the bytes of a Fetch, in addition to its messages: at least 1.
// ErrInvalidOption for other calls.
func FetchMaxBytes(maxBytes int) FetchOpt {
	return func(o *fetchOpts) error {
		if !o.sizable {
			return &OptionError{Option: "FetchMaxBytes", Reason: "is for Fetch only"}
		}
		o.maxBytes = maxBytes
		return atLeast("FetchMaxBytes", maxBytes, 1)
	}
}

// FetchMinPending is PullMinPending for a fetch.
func FetchMinPending(min int64) FetchOpt {
	return func(o *fetchOpts) error {
		o.minPending = min
		return atLeast("FetchMinPending", min, 1)
	}
}

// FetchMinAckPending is PullMinAckPending for a fetch.
func FetchMinAckPending(min int64) FetchOpt {
	return func(o *fetchOpts) error {
		o.minAckPending = min
		return atLeast("FetchMinAckPending", min, 1)
	}
}

// FetchPrioritized is PullPrioritized for a fetch.
func FetchPrioritized(priority uint8) FetchOpt {
	return func(o *fetchOpts) error {
		o.priority = priority
		return checkPriority("FetchPrioritized", priority)
	}
}

// FetchPriorityGroup is PullPriorityGroup for a fetch.
func FetchPriorityGroup(group string) FetchOpt {
	return func(o *fetchOpts) error {
		o.group = group
		return nil
	}
}

// fetchOptions applies the options of a fetch, and fills in the defaults.
func (c *pullConsumer) fetchOptions(o *fetchOpts, options []FetchOpt) error {
	o.expires = DefaultExpires
	for _, option := range options {
		if option == nil {
			continue
		}
		if err := option(o); err != nil {
			return err
		}
	}
	if o.ctx != nil && o.waitSet {
		return &OptionError{Option: "FetchContext", Reason: "is given together with FetchMaxWait"}
	}
	if !o.beatSet && o.expires >= fetchLong {
		o.heartbeat = fetchHeartbeat
	}
	if o.heartbeat > o.expires/2 {
		return &OptionError{Option: "FetchHeartbeat", Reason: "is more than half of the maximum wait"}
	}
	return nil
}
