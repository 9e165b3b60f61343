package jetstream

import (
	"context"
	"iter"
	"time"
)

// DeadLetter is a message that a consumer gave up.
type DeadLetter struct {
	Stream, Consumer string
	Sequence         uint64 // in the stream
	Deliveries       uint64
	Terminated       bool   // by its receiver; otherwise MaxDeliver was reached
	Reason           string // why it was terminated; may be empty
	Time             time.Time
	// Msg is the message; nil if it is no longer available: a work queue removes terminated
	// messages.
	Msg *RawStreamMsg
}

// DeadLetterReader reads the messages that consumers gave up.
type DeadLetterReader interface {
	// DeadLetters returns the messages that consumers give up from now on, from the advisories
	// MaxDeliveriesAdvisory and TerminatedAdvisory, of which AdvisoryKinds may choose one. Each
	// message is loaded from its stream. If that fails, the letter comes with the error, an
	// ErrMsgNotFound or one of the call, and the sequence continues.
	DeadLetters(ctx context.Context, opts ...AdvisoryOpt) (iter.Seq2[*DeadLetter, error], error)

	// DeadLetter loads the message that an advisory concerns, for example one from a stream that
	// stores advisories. With an error the letter lacks its message. Errors: ErrMsgNotFound;
	// ErrStreamNotFound; ErrInvalidOption, with a nil letter, for an advisory that does not
	// concern a dead letter.
	DeadLetter(ctx context.Context, about Advisory) (*DeadLetter, error)
}

// DeadLetters returns the messages that consumers give up from now on.
func (js *jetStream) DeadLetters(ctx context.Context, opts ...AdvisoryOpt) (iter.Seq2[*DeadLetter, error], error) {
	all := append([]AdvisoryOpt{AdvisoryKinds(AdvisoryMaxDeliveries, AdvisoryTerminated)}, opts...)
	advisories, err := js.Advisories(ctx, append(all, onlyDeadLetters)...)
	if err != nil {
		return nil, err
	}
	return func(yield func(*DeadLetter, error) bool) {
		for a, err := range advisories {
			if err != nil {
				if !yield(nil, err) {
					return
				}
				continue
			}
			if !yield(js.DeadLetter(ctx, a)) {
				return
			}
		}
	}, nil
}

// onlyDeadLetters refuses kinds that do not concern a dead letter.
func onlyDeadLetters(o *advisoryOptions) error {
	for _, k := range o.kinds {
		if k != AdvisoryMaxDeliveries && k != AdvisoryTerminated {
			return &OptionError{Option: "AdvisoryKinds", Reason: "has " + string(k) + ", which does not concern a dead letter"}
		}
	}
	return nil
}

// DeadLetter loads the message that an advisory concerns.
func (js *jetStream) DeadLetter(ctx context.Context, about Advisory) (*DeadLetter, error) {
	var letter DeadLetter
	switch a := about.(type) {
	case *MaxDeliveriesAdvisory:
		letter = DeadLetter{Stream: a.Stream, Consumer: a.Consumer, Sequence: a.StreamSeq, Deliveries: a.Deliveries, Time: a.Time}
	case *TerminatedAdvisory:
		letter = DeadLetter{
			Stream: a.Stream, Consumer: a.Consumer, Sequence: a.StreamSeq, Deliveries: a.Deliveries, Time: a.Time,
			Terminated: true, Reason: a.Reason,
		}
	default:
		return nil, &OptionError{Option: "advisory", Reason: "does not concern a dead letter"}
	}
	if err := checkStreamName(letter.Stream); err != nil {
		return nil, err
	}
	var err error
	letter.Msg, err = (&stream{js: js, name: letter.Stream}).getMsg(ctx, getMsgRequest{Seq: letter.Sequence})
	return &letter, err
}
