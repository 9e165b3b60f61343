package jetstream

import (
	"context"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/supervisor"
)

// consumeoption.go - the options of Consume and Messages that nats.go does not have.

// Missing says what consuming does when its consumer, or its stream, is gone.
type Missing uint8

// The answers to a consumer that is gone.
const (
	// MissingStop ends consuming with the error. The default.
	MissingStop Missing = iota
	// MissingWait asks again and again, with growing pauses, until there is such a
	// consumer.
	MissingWait
	// MissingRecreate makes the consumer anew, with its configuration and under its name.
	// It goes on with the first message that was not acknowledged: an acknowledgement
	// that a server had not got is made up for by a second delivery. If the stream is gone,
	// too, it waits for it.
	MissingRecreate
	// MissingEscalate closes the connection, with the error as the cause.
	MissingEscalate
)

// consumePowers is what the options in this file have set.
type consumePowers struct {
	missing     Missing
	onHeartbeat api.Policy
	workers     int
	key         func(Msg) string
	extend      time.Duration
	attempts    int // deliveries of a message; 0 for any number
	deadLetter  string
	retry       supervisor.Backoff
	pinned      func(id string)
	unpinned    func()
	ended       func(error)
	renewed     func(Renewal)
	restart     *orderedRestart
}

// complete refuses what contradicts itself.
func (p *consumePowers) complete() error {
	if p.key != nil && p.workers == 0 {
		return &OptionError{Option: "OrderedBy", Reason: "is of use with Concurrency only"}
	}
	if p.deadLetter != "" && p.attempts == 0 {
		return &OptionError{Option: "DeadLetterTo", Reason: "is of use with Attempts only"}
	}
	return nil
}

// OnMissing says what happens when the consumer, or its stream, is gone: MissingStop
// unless set. Without it a push consumer ends when the server says that it was deleted, and
// is waited for when it is found missing. Each answer is an event, too, and in Health as
// long as it lasts.
func OnMissing(answer Missing) interface {
	PullConsumeOpt
	PullMessagesOpt
	PushConsumeOpt
} {
	return onMissing(answer)
}

// onMissing is the option for every kind of consuming.
type onMissing Missing

// check refuses an unknown answer.
func (a onMissing) check() error {
	if Missing(a) > MissingEscalate {
		return &OptionError{Option: "OnMissing", Reason: fmt.Sprintf("is %d, which is unknown", a)}
	}
	return nil
}

func (a onMissing) configureConsume(o *consumeOpts) error {
	o.more.missing = Missing(a)
	return a.check()
}

func (a onMissing) configureMessages(o *consumeOpts) error { return a.configureConsume(o) }

func (a onMissing) configurePushConsume(o *pushOptions) error {
	o.missing, o.answers = Missing(a), true
	return a.check()
}

// OnHeartbeatLoss says what happens when no sign of life of the server came in twice the
// time of PullHeartbeat. Restart, which is the default, asks for everything anew and looks for the
// consumer; Stop ends consuming and Escalate closes the connection, with ErrNoHeartbeat as the
// cause; Resume only reports it. The policy's Intensity bounds the Restarts.
func OnHeartbeatLoss(policy api.Policy) interface {
	PullConsumeOpt
	PullMessagesOpt
} {
	return pullOpt(func(o *consumeOpts) error {
		if err := policy.Validate(); err != nil {
			return &OptionError{Option: "OnHeartbeatLoss", Reason: "is no policy", Err: err}
		}
		o.more.onHeartbeat = policy
		return nil
	})
}

// Concurrency runs the handler of Consume on up to n messages at once, in any order
// unless OrderedBy says otherwise. Default: 1, in order. At least 1.
func Concurrency(n int) PullConsumeOpt {
	return pullOpt(func(o *consumeOpts) error {
		o.more.workers = n
		return atLeast("Concurrency", n, 1)
	})
}

// OrderedBy keeps the order of messages with the same key under Concurrency. key must be
// quick, must not block, and must not keep its message.
func OrderedBy(key func(Msg) string) PullConsumeOpt {
	return pullOpt(func(o *consumeOpts) error {
		if key == nil {
			return &OptionError{Option: "OrderedBy", Reason: "is nil", Err: api.ErrInvalidCallback}
		}
		o.more.key = key
		return nil
	})
}

// AutoExtend says to the server that a message is in progress as long as its handler runs,
// for at most max: it is not delivered again meanwhile. Default: never. max is above zero.
func AutoExtend(max time.Duration) PullConsumeOpt {
	return pullOpt(func(o *consumeOpts) error {
		o.more.extend = max
		return within("AutoExtend", max, 1, 1<<63-1)
	})
}

// Attempts bounds how often a message is handed to a handler that fails. A handler of
// Consume fails by a panic, one of ConsumeFunc also by an error. The message is delivered again after a delay,
// see RetryBackoff, and after n deliveries it is ended, with the cause as the reason; see
// DeadLetterTo. At least 1. Default: no bound but the consumer's own.
func Attempts(n int) PullConsumeOpt {
	return pullOpt(func(o *consumeOpts) error {
		o.more.attempts = n
		return atLeast("Attempts", n, 1)
	})
}

// RetryBackoff paces the deliveries of a message whose handler failed. Default: up to 1 s,
// growing twofold up to a minute.
func RetryBackoff(backoff api.Backoff) PullConsumeOpt {
	return pullOpt(func(o *consumeOpts) error {
		if err := (api.Policy{Backoff: backoff}).Validate(); err != nil {
			return &OptionError{Option: "RetryBackoff", Reason: "is no backoff", Err: err}
		}
		o.more.retry = backoff
		return nil
	})
}

// DeadLetterTo has a message that failed at the last of its Attempts published to subject,
// which must be that of a stream, before it is ended: its data and header, and what is in
// the DeadLetter header fields. If the stream does not take it the message is
// delivered once more: nothing is lost.
func DeadLetterTo(subject string) PullConsumeOpt {
	return pullOpt(func(o *consumeOpts) error {
		if subject == "" {
			return &OptionError{Option: "DeadLetterTo", Reason: "is empty"}
		}
		o.more.deadLetter = subject
		return nil
	})
}

// OnPinned has f called when the pulls of a pinned group have become the pinned ones: with
// the id of the pin. It has a goroutine of its own and may take its time.
func OnPinned(f func(id string)) interface {
	PullConsumeOpt
	PullMessagesOpt
} {
	return pullOpt(func(o *consumeOpts) error {
		o.more.pinned = f
		return nil
	})
}

// OnUnpinned has f called when another client has become the pinned one, or the group
// has none. It has a goroutine of its own and may take its time.
func OnUnpinned(f func()) interface {
	PullConsumeOpt
	PullMessagesOpt
} {
	return pullOpt(func(o *consumeOpts) error {
		o.more.unpinned = f
		return nil
	})
}

// OnEnded has f called once, when consuming has ended and Closed is about to tell of it:
// with nil after Stop and Drain, and otherwise with what ConsumeErrHandler is told last. It must not block.
func OnEnded(f func(err error)) interface {
	PullConsumeOpt
	PullMessagesOpt
} {
	return pullOpt(func(o *consumeOpts) error {
		o.more.ended = f
		return nil
	})
}

// HandlerFunc is a handler of ConsumeFunc. ctx ends with consuming, and when the call is
// given up. Without an error the message is acknowledged, unless the handler did it.
type HandlerFunc func(ctx context.Context, msg Msg) error
