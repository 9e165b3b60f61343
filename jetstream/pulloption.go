package jetstream

import (
	"fmt"
	"time"

	"github.com/troupe-go/troupe/api"
)

// pulloption.go - the options of Consume and Messages that nats.go has, and their defaults.

const (
	// DefaultMaxMessages is how many messages a pull consumer asks for in advance.
	DefaultMaxMessages = 500
	// DefaultExpires is how long a pull waits at the server for messages.
	DefaultExpires = 30 * time.Second

	// bytesOnlyBatch is the number of messages of a pull that is limited in bytes.
	bytesOnlyBatch = 1_000_000
	// pullHeartbeatMax is the maximum of PullHeartbeat, and of its default.
	pullHeartbeatMax = 30 * time.Second
	pullHeartbeatMin = 500 * time.Millisecond
	expiresMin       = time.Second
	waitMax          = time.Duration(1 << 62) // so that additions to a wait do not overflow
	priorityMax      = 9
	unsetCount       = -1
)

// PullConsumeOpt is an option of Consumer.Consume.
type PullConsumeOpt interface {
	configureConsume(*consumeOpts) error
}

// PullMessagesOpt is an option of Consumer.Messages.
type PullMessagesOpt interface {
	configureMessages(*consumeOpts) error
}

// consumeOpts is what the options of Consume and Messages have set.
type consumeOpts struct {
	maxMessages, maxBytes             int
	limitSize                         bool // maxBytes limits a pull, not what is queued
	thresholdMessages, thresholdBytes int
	expires, heartbeat                time.Duration
	stopAfter                         int
	errHandler                        ConsumeErrHandler
	quietHeartbeats                   bool // Next does not return ErrNoHeartbeat
	priority                          pullPriority
	more                              consumePowers
}

// pullPriority is the part of a pull for priority groups.
type pullPriority struct {
	minPending, minAckPending int64
	priority                  uint8
	group                     string
}

// pullOpt is an option of both calls.
type pullOpt func(*consumeOpts) error

func (f pullOpt) configureConsume(o *consumeOpts) error  { return f(o) }
func (f pullOpt) configureMessages(o *consumeOpts) error { return f(o) }

// atLeast refuses a value that is too small.
func atLeast[N int | int64](option string, value, least N) error {
	if value < least {
		return &OptionError{Option: option, Reason: fmt.Sprintf("is %d, less than %d", value, least)}
	}
	return nil
}

// within refuses a duration out of bounds.
func within(option string, value, least, most time.Duration) error {
	if value < least || value > most {
		return &OptionError{Option: option, Reason: fmt.Sprintf("is %v, not within %v and %v", value, least, most)}
	}
	return nil
}

// PullMaxMessages limits the messages that are asked for and not yet handled: at least 1.
// Default: 500. ErrInvalidOption together with PullMaxBytes.
type PullMaxMessages int

func (n PullMaxMessages) configureConsume(o *consumeOpts) error {
	o.maxMessages = int(n)
	return atLeast("PullMaxMessages", int(n), 1)
}

func (n PullMaxMessages) configureMessages(o *consumeOpts) error { return n.configureConsume(o) }

// PullMaxBytes limits the bytes that are asked for and not yet handled, instead of
// PullMaxMessages: at least 1. Subject, reply, header and data count. A larger message is not
// delivered, nor are those after it: ConsumeErrHandler then repeatedly receives
// ErrMaxBytesExceeded.
type PullMaxBytes int

func (n PullMaxBytes) configureConsume(o *consumeOpts) error {
	o.maxBytes = int(n)
	return atLeast("PullMaxBytes", int(n), 1)
}

func (n PullMaxBytes) configureMessages(o *consumeOpts) error { return n.configureConsume(o) }

// pullMaxMessagesWithBytesLimit is what PullMaxMessagesWithBytesLimit returns.
type pullMaxMessagesWithBytesLimit struct{ msgs, bytes int }

// PullMaxMessagesWithBytesLimit is PullMaxMessages whose single pulls are also limited in bytes.
// Both are at least 1. ErrInvalidOption after another limit on messages.
func PullMaxMessagesWithBytesLimit(maxMessages, byteLimit int) pullMaxMessagesWithBytesLimit {
	return pullMaxMessagesWithBytesLimit{maxMessages, byteLimit}
}

func (l pullMaxMessagesWithBytesLimit) configureConsume(o *consumeOpts) error {
	const option = "PullMaxMessagesWithBytesLimit"
	if o.maxMessages != unsetCount {
		return &OptionError{Option: option, Reason: "follows another limit on messages"}
	}
	o.maxMessages, o.maxBytes, o.limitSize = l.msgs, l.bytes, true
	if err := atLeast(option, l.msgs, 1); err != nil {
		return err
	}
	return atLeast(option, l.bytes, 1)
}

func (l pullMaxMessagesWithBytesLimit) configureMessages(o *consumeOpts) error {
	return l.configureConsume(o)
}

// PullExpiry is how long a pull waits at the server before another replaces it: at least 1 s and
// at most 146 years. Default: 30 s.
type PullExpiry time.Duration

func (d PullExpiry) configureConsume(o *consumeOpts) error {
	o.expires = time.Duration(d)
	return within("PullExpiry", o.expires, expiresMin, waitMax)
}

func (d PullExpiry) configureMessages(o *consumeOpts) error { return d.configureConsume(o) }

// PullHeartbeat is how often a server without messages sends a heartbeat: from 500 ms to 30 s,
// and at most half of PullExpiry. When two are missing the error is ErrNoHeartbeat. Default: half
// of PullExpiry, at most 30 s.
type PullHeartbeat time.Duration

func (d PullHeartbeat) configureConsume(o *consumeOpts) error {
	o.heartbeat = time.Duration(d)
	return within("PullHeartbeat", o.heartbeat, pullHeartbeatMin, pullHeartbeatMax)
}

func (d PullHeartbeat) configureMessages(o *consumeOpts) error { return d.configureConsume(o) }

// PullThresholdMessages is the number of messages below which more are asked for. Default, also
// for zero: half of PullMaxMessages.
type PullThresholdMessages int

func (n PullThresholdMessages) configureConsume(o *consumeOpts) error {
	o.thresholdMessages = int(n)
	return atLeast("PullThresholdMessages", int(n), 0)
}

func (n PullThresholdMessages) configureMessages(o *consumeOpts) error { return n.configureConsume(o) }

// PullThresholdBytes is the number of bytes below which more are asked for. Default, also for
// zero: half of PullMaxBytes.
type PullThresholdBytes int

func (n PullThresholdBytes) configureConsume(o *consumeOpts) error {
	o.thresholdBytes = int(n)
	return atLeast("PullThresholdBytes", int(n), 0)
}

func (n PullThresholdBytes) configureMessages(o *consumeOpts) error { return n.configureConsume(o) }

// PullMinPending makes the server serve pulls of an overflow group only while the consumer has at
// least that many messages to deliver. At least 1.
type PullMinPending int

func (n PullMinPending) configureConsume(o *consumeOpts) error {
	o.priority.minPending = int64(n)
	return atLeast("PullMinPending", int(n), 1)
}

func (n PullMinPending) configureMessages(o *consumeOpts) error { return n.configureConsume(o) }

// PullMinAckPending makes the server serve pulls of an overflow group only while at least that
// many messages wait for their acknowledgement. At least 1.
type PullMinAckPending int

func (n PullMinAckPending) configureConsume(o *consumeOpts) error {
	o.priority.minAckPending = int64(n)
	return atLeast("PullMinAckPending", int(n), 1)
}

func (n PullMinAckPending) configureMessages(o *consumeOpts) error { return n.configureConsume(o) }

// PullPrioritized is the priority of the pulls of a prioritized group, from 0, the default, which
// is served first, to 9.
type PullPrioritized uint8

func (p PullPrioritized) configureConsume(o *consumeOpts) error {
	o.priority.priority = uint8(p)
	return checkPriority("PullPrioritized", uint8(p))
}

func (p PullPrioritized) configureMessages(o *consumeOpts) error { return p.configureConsume(o) }

func checkPriority(option string, p uint8) error {
	if p > priorityMax {
		return &OptionError{Option: option, Reason: "is not within 0 and 9"}
	}
	return nil
}

// PullPriorityGroup names the group of the consumer that pulls are for. It is required
// if the consumer has groups, and an ErrInvalidOption otherwise.
type PullPriorityGroup string

func (g PullPriorityGroup) configureConsume(o *consumeOpts) error {
	o.priority.group = string(g)
	return nil
}

func (g PullPriorityGroup) configureMessages(o *consumeOpts) error { return g.configureConsume(o) }

// StopAfter ends consuming when that many messages have been handled. At least 1.
type StopAfter int

func (n StopAfter) configureConsume(o *consumeOpts) error {
	o.stopAfter = int(n)
	return atLeast("StopAfter", int(n), 1)
}

func (n StopAfter) configureMessages(o *consumeOpts) error { return n.configureConsume(o) }

func (h ConsumeErrHandler) configureConsume(o *consumeOpts) error {
	o.errHandler = h
	return nil
}

// WithMessagesErrOnMissingHeartbeat says whether Next returns ErrNoHeartbeat. Default: true. In
// either case the messages are requested again.
//
//style:allow params nats.go's signature
func WithMessagesErrOnMissingHeartbeat(report bool) PullMessagesOpt {
	return pullOpt(func(o *consumeOpts) error {
		o.quietHeartbeats = !report
		return nil
	})
}

// newConsumeOpts returns the options before any is applied.
func newConsumeOpts() *consumeOpts {
	return &consumeOpts{maxMessages: unsetCount, maxBytes: unsetCount, expires: DefaultExpires, heartbeat: unsetCount,
		more: consumePowers{onHeartbeat: api.Policy{Backoff: api.Backoff{Initial: api.NoDelay}}}}
}

func parseConsumeOpts(ordered bool, options []PullConsumeOpt) (*consumeOpts, error) {
	o := newConsumeOpts()
	for _, option := range options {
		if option == nil {
			continue
		}
		if err := option.configureConsume(o); err != nil {
			return nil, err
		}
	}
	return o, o.complete(ordered)
}

func parseMessagesOpts(ordered bool, options []PullMessagesOpt) (*consumeOpts, error) {
	o := newConsumeOpts()
	for _, option := range options {
		if option == nil {
			continue
		}
		if err := option.configureMessages(o); err != nil {
			return nil, err
		}
	}
	return o, o.complete(ordered)
}

// complete fills in the defaults, and refuses contradictory options.
func (o *consumeOpts) complete(ordered bool) error {
	if o.maxBytes != unsetCount && o.maxMessages != unsetCount && !o.limitSize {
		return &OptionError{Option: "PullMaxBytes", Reason: "is given together with PullMaxMessages"}
	}
	switch {
	case o.maxBytes != unsetCount && !o.limitSize:
		o.maxMessages = bytesOnlyBatch
	case o.maxMessages == unsetCount:
		o.maxMessages = DefaultMaxMessages
	}
	if o.maxBytes == unsetCount {
		o.maxBytes = 0
	}
	if o.thresholdMessages == 0 {
		o.thresholdMessages = (o.maxMessages + 1) / 2
	}
	if o.thresholdBytes == 0 {
		o.thresholdBytes = (o.maxBytes + 1) / 2
	}
	if o.heartbeat == unsetCount {
		o.heartbeat = min(o.expires/2, pullHeartbeatMax)
		if ordered && o.expires >= 2*orderedHeartbeat {
			o.heartbeat = orderedHeartbeat
		}
	}
	if o.heartbeat > o.expires/2 {
		return &OptionError{Option: "PullHeartbeat", Reason: "is more than half of PullExpiry"}
	}
	return o.more.complete()
}

// orderedHeartbeat is the default heartbeat of ordered consumers.
const orderedHeartbeat = 5 * time.Second

// limits returns the limits of what is asked for.
func (o *consumeOpts) limits() leaseLimits {
	l := leaseLimits{msgs: o.maxMessages, bytes: o.maxBytes, low: o.thresholdMessages, stop: o.stopAfter, expires: o.expires}
	if o.maxBytes > 0 && !o.limitSize {
		l.byBytes, l.low = true, o.thresholdBytes
	}
	return l
}

// checkGroup refuses a group that the consumer does not have.
func checkGroup(groups []string, group string) error {
	if len(groups) == 0 {
		if group != "" {
			return &OptionError{Option: "priority group", Reason: "is not supported by this consumer"}
		}
		return nil
	}
	if group == "" {
		return &OptionError{Option: "priority group", Reason: "is required by this consumer"}
	}
	for _, g := range groups {
		if g == group {
			return nil
		}
	}
	return &OptionError{Option: "priority group", Reason: "does not belong to this consumer"}
}
