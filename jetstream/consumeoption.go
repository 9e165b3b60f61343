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

// The possible reactions to a missing consumer.
const (
	// MissingStop ends consuming with the error. The default.
	MissingStop Missing = iota
	// MissingWait keeps asking, with growing pauses, until the consumer exists.
	MissingWait
	// MissingRecreate creates the consumer again, with its configuration and under its name. It
	// continues with the first message that was not acknowledged: a message whose acknowledgement
	// did not reach the server is delivered again. If the stream is gone too, it waits for the
	// stream.
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

// complete refuses contradictory options.
func (p *consumePowers) complete() error {
	if p.key != nil && p.workers == 0 {
		return &OptionError{Option: "OrderedBy", Reason: "requires Concurrency"}
	}
	if p.deadLetter != "" && p.attempts == 0 {
		return &OptionError{Option: "DeadLetterTo", Reason: "requires Attempts"}
	}
	return nil
}

// OnMissing says what happens when the consumer, or its stream, is gone. Default: MissingStop.
// Without it, consuming from a push consumer ends when the server reports its deletion, and waits
// when the consumer is found missing. Each reaction is also an event, and shown in Health as long
// as it lasts.
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

// OnHeartbeatLoss says what happens when nothing came from the server for twice the time of
// PullHeartbeat. Restart, the default, repeats the pull requests and checks that the consumer
// exists; Stop ends consuming and Escalate closes the connection, with ErrNoHeartbeat as the
// cause; Resume only reports it. The policy's Intensity limits the Restarts.
func OnHeartbeatLoss(policy api.Policy) interface {
	PullConsumeOpt
	PullMessagesOpt
} {
	return pullOpt(func(o *consumeOpts) error {
		if err := policy.Validate(); err != nil {
			return &OptionError{Option: "OnHeartbeatLoss", Reason: "is not a valid policy", Err: err}
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

// AutoExtend reports a message to the server as in progress while its handler runs, for at most
// max, so that it is not delivered again meanwhile. Default: never. max must be positive.
func AutoExtend(max time.Duration) PullConsumeOpt {
	return pullOpt(func(o *consumeOpts) error {
		o.more.extend = max
		return within("AutoExtend", max, 1, 1<<63-1)
	})
}

// Attempts limits how often a message whose handler fails is delivered. A handler of Consume
// fails by a panic, one of ConsumeFunc also by an error. The message is delivered again after a
// delay, see RetryBackoff, and after n deliveries it is terminated, with the cause as the reason;
// see DeadLetterTo. At least 1. Default: only the consumer's own limit.
func Attempts(n int) PullConsumeOpt {
	return pullOpt(func(o *consumeOpts) error {
		o.more.attempts = n
		return atLeast("Attempts", n, 1)
	})
}

// RetryBackoff paces the deliveries of a message whose handler failed. Default: up to 1 s at
// first, doubling up to a minute.
func RetryBackoff(backoff api.Backoff) PullConsumeOpt {
	return pullOpt(func(o *consumeOpts) error {
		if err := (api.Policy{Backoff: backoff}).Validate(); err != nil {
			return &OptionError{Option: "RetryBackoff", Reason: "is not a valid backoff", Err: err}
		}
		o.more.retry = backoff
		return nil
	})
}

// DeadLetterTo publishes a message that failed at the last of its Attempts to subject, which must
// belong to a stream, before it is terminated: its data and header, plus the DeadLetter header
// fields. If the stream does not take it, the message is delivered once more, so nothing is lost.
func DeadLetterTo(subject string) PullConsumeOpt {
	return pullOpt(func(o *consumeOpts) error {
		if subject == "" {
			return &OptionError{Option: "DeadLetterTo", Reason: "is empty"}
		}
		o.more.deadLetter = subject
		return nil
	})
}

// OnPinned calls f with the id of the pin when this client becomes the pinned one of its group. f
// runs in its own goroutine and may block.
func OnPinned(f func(id string)) interface {
	PullConsumeOpt
	PullMessagesOpt
} {
	return pullOpt(func(o *consumeOpts) error {
		o.more.pinned = f
		return nil
	})
}

// OnUnpinned calls f when another client has become the pinned one, or the group has none. f runs
// in its own goroutine and may block.
func OnUnpinned(f func()) interface {
	PullConsumeOpt
	PullMessagesOpt
} {
	return pullOpt(func(o *consumeOpts) error {
		o.more.unpinned = f
		return nil
	})
}

// OnEnded calls f once, when consuming has ended and just before Closed is closed: with nil after
// Stop and Drain, and otherwise with the last error that ConsumeErrHandler receives. It must not
// block.
func OnEnded(f func(err error)) interface {
	PullConsumeOpt
	PullMessagesOpt
} {
	return pullOpt(func(o *consumeOpts) error {
		o.more.ended = f
		return nil
	})
}

// HandlerFunc is a handler of ConsumeFunc. ctx ends when consuming ends, and when the call is
// abandoned. If it returns nil the message is acknowledged, unless the handler already did so.
type HandlerFunc func(ctx context.Context, msg Msg) error
