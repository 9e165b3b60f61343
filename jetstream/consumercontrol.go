package jetstream

import (
	"context"
	"time"
)

// DeleteConsumer removes a consumer.
func (js *jetStream) DeleteConsumer(ctx context.Context, stream string, consumer string) error {
	if err := checkNames(stream, consumer); err != nil {
		return err
	}
	return js.succeed(ctx, js.consumerCall("delete consumer", "CONSUMER.DELETE.", stream, consumer))
}

// PauseConsumer stops a consumer from delivering for a while.
func (js *jetStream) PauseConsumer(ctx context.Context, stream string, consumer string, pauseUntil time.Time) (*ConsumerPauseResponse, error) {
	return js.pause(ctx, "pause consumer", [2]string{stream, consumer}, pauseRequest{&pauseUntil})
}

// ResumeConsumer ends a pause.
func (js *jetStream) ResumeConsumer(ctx context.Context, stream string, consumer string) (*ConsumerPauseResponse, error) {
	return js.pause(ctx, "resume consumer", [2]string{stream, consumer}, pauseRequest{})
}

// pauseRequest pauses a consumer until then, or resumes it.
type pauseRequest struct {
	PauseUntil *time.Time `json:"pause_until,omitempty"`
}

func (js *jetStream) pause(ctx context.Context, op string, names [2]string, req pauseRequest) (*ConsumerPauseResponse, error) {
	if err := checkNames(names[0], names[1]); err != nil {
		return nil, err
	}
	r := js.consumerCall(op, "CONSUMER.PAUSE.", names[0], names[1])
	r.body, r.level, r.feature = req, level211, "CONSUMER.PAUSE"
	answer, err := call[ConsumerPauseResponse](ctx, js, r)
	if err != nil {
		return nil, err
	}
	return &answer, nil
}

// ResetConsumer makes a consumer deliver again from just after its acknowledgement floor.
func (js *jetStream) ResetConsumer(ctx context.Context, stream, consumer string) (*ConsumerResetResponse, error) {
	return js.reset(ctx, stream, consumer, 0)
}

// ResetConsumerToSequence makes a consumer deliver from a sequence on.
func (js *jetStream) ResetConsumerToSequence(ctx context.Context, stream, consumer string, seq uint64) (*ConsumerResetResponse, error) {
	if seq == 0 {
		return nil, &OptionError{Option: "sequence", Reason: "is 0: ResetConsumer goes back to the acknowledgement floor", Err: ErrConsumerInvalidReset}
	}
	return js.reset(ctx, stream, consumer, seq)
}

// reset asks for the consumer's info first: a reset is answered by the consumer itself, unlike
// every other call, so without a consumer there would be no answer.
func (js *jetStream) reset(ctx context.Context, stream, consumer string, seq uint64) (*ConsumerResetResponse, error) {
	ctx, cancel := js.bound(ctx)
	defer cancel()
	if _, err := js.consumerInfo(ctx, stream, consumer); err != nil {
		return nil, err
	}
	r := js.consumerCall("reset consumer", "CONSUMER.RESET.", stream, consumer)
	r.level, r.feature = level214, "CONSUMER.RESET"
	r.body = struct {
		Seq uint64 `json:"seq,omitempty"`
	}{seq}
	answer, err := call[ConsumerResetResponse](ctx, js, r)
	switch {
	case err != nil:
		return nil, withSeq(err, seq)
	case answer.ConsumerInfo == nil || answer.Name == "":
		return nil, js.callError(r, &ResponseError{Err: ErrConsumerResetResponseEmpty})
	default:
		return &answer, nil
	}
}

// UnpinConsumer makes the server choose another client of a priority group.
func (js *jetStream) UnpinConsumer(ctx context.Context, stream, consumer, group string) error {
	if err := checkNames(stream, consumer); err != nil {
		return err
	}
	if !isGroupName(group) {
		return &OptionError{Option: "group", Reason: "is not a valid name of a priority group", Err: ErrPriorityGroup}
	}
	r := js.consumerCall("unpin consumer", "CONSUMER.UNPIN.", stream, consumer)
	r.level, r.feature = level211, "CONSUMER.UNPIN"
	r.body = struct {
		Group string `json:"group"`
	}{group}
	_, err := call[struct{}](ctx, js, r)
	return err
}
