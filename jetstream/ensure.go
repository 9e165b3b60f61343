package jetstream

import (
	"context"
	"errors"
)

// Ensurer brings streams and consumers to the configuration that a program asks for. Calling it
// again changes nothing.
//
// A zero field of the config asks for the default. Values that the server or the account chooses,
// if the config does not, are left as they are: Duplicates and Placement of a stream; AckWait,
// MaxWaiting, MaxAckPending, MaxRequestBatch, InactiveThreshold, PinnedTTL and PauseUntil of a
// consumer; metadata whose keys begin with _nats. The order of subjects does not matter.
//
// A change that is impossible is an *ImmutableError, before anything is changed: whether to
// delete and create it again is up to the program. Other errors are those of the calls for
// streams and consumers.
type Ensurer interface {
	// PlanStream returns what EnsureStream would do.
	PlanStream(ctx context.Context, cfg StreamConfig) (*Plan, error)
	// EnsureStream creates the stream if there is none, and changes what differs. It returns the
	// plan that it followed, also with an error.
	EnsureStream(ctx context.Context, cfg StreamConfig) (Stream, *Plan, error)
	// PlanConsumer returns what EnsureConsumer or EnsurePushConsumer would do. The consumer
	// must have a name: ErrInvalidConsumerName.
	PlanConsumer(ctx context.Context, stream string, cfg ConsumerConfig) (*Plan, error)
	// EnsureConsumer is EnsureStream for a pull consumer.
	EnsureConsumer(ctx context.Context, stream string, cfg ConsumerConfig) (Consumer, *Plan, error)
	// EnsurePushConsumer is EnsureStream for a push consumer.
	EnsurePushConsumer(ctx context.Context, stream string, cfg ConsumerConfig) (PushConsumer, *Plan, error)
}

// ensureAttempts is how often Ensure starts over because another client created or removed its
// stream or consumer.
const ensureAttempts = 3

// PlanStream returns what EnsureStream would do.
func (js *jetStream) PlanStream(ctx context.Context, cfg StreamConfig) (*Plan, error) {
	_, plan, err := js.planStream(ctx, cfg)
	return plan, err
}

// planStream returns the info of the stream, nil if there is none, and the plan.
func (js *jetStream) planStream(ctx context.Context, cfg StreamConfig) (*StreamInfo, *Plan, error) {
	if err := cfg.validate(); err != nil {
		return nil, nil, err
	}
	plan := &Plan{Stream: cfg.Name}
	s, err := js.Stream(ctx, cfg.Name)
	if errors.Is(err, ErrStreamNotFound) {
		plan.Create = true
		return nil, plan, nil
	}
	if err != nil {
		return nil, nil, err
	}
	info := s.CachedInfo()
	plan.Changes = differences(info.Config.settled(info.Config), cfg.settled(info.Config), streamImmutable)
	return info, plan, nil
}

// EnsureStream implements Ensurer.
func (js *jetStream) EnsureStream(ctx context.Context, cfg StreamConfig) (Stream, *Plan, error) {
	ctx, cancel := js.bound(ctx)
	defer cancel()
	for attempt := 1; ; attempt++ {
		info, plan, err := js.planStream(ctx, cfg)
		if err != nil {
			return nil, nil, err
		}
		s, err := js.applyStream(ctx, cfg, info, plan)
		if overtaken(err) && attempt < ensureAttempts {
			continue
		}
		return s, plan, err
	}
}

// overtaken reports whether another client created or removed it after it was looked up.
func overtaken(err error) bool {
	return errors.Is(err, ErrNotFound) || errors.Is(err, ErrStreamNameAlreadyInUse) || errors.Is(err, ErrConsumerExists)
}

func (js *jetStream) applyStream(ctx context.Context, cfg StreamConfig, info *StreamInfo, plan *Plan) (Stream, error) {
	switch {
	case plan.Create:
		return js.CreateStream(ctx, cfg)
	case plan.Nothing():
		return newStream(js, info), nil
	case !plan.Possible():
		return nil, &ImmutableError{Plan: plan}
	default:
		return js.UpdateStream(ctx, cfg.settled(info.Config))
	}
}

// PlanConsumer returns what EnsureConsumer would do.
func (js *jetStream) PlanConsumer(ctx context.Context, stream string, cfg ConsumerConfig) (*Plan, error) {
	_, plan, err := js.planConsumer(ctx, stream, cfg)
	return plan, err
}

// planConsumer returns the info of the consumer, nil if there is none, and the plan.
func (js *jetStream) planConsumer(ctx context.Context, stream string, cfg ConsumerConfig) (*ConsumerInfo, *Plan, error) {
	if err := firstError(checkNames(stream, cfg.name()), cfg.validate()); err != nil {
		return nil, nil, err
	}
	plan := &Plan{Stream: stream, Consumer: cfg.name()}
	info, err := js.consumerInfo(ctx, stream, cfg.name())
	if errors.Is(err, ErrConsumerNotFound) {
		plan.Create = true
		return nil, plan, nil
	}
	if err != nil {
		return nil, nil, err
	}
	plan.Changes = differences(info.Config.settled(info.Config), cfg.settled(info.Config), consumerImmutable)
	return info, plan, nil
}

// EnsureConsumer implements Ensurer.
func (js *jetStream) EnsureConsumer(ctx context.Context, stream string, cfg ConsumerConfig) (Consumer, *Plan, error) {
	if cfg.DeliverSubject != "" {
		return nil, nil, &ConsumerTypeError{Stream: stream, Consumer: cfg.name(), Err: ErrNotPullConsumer}
	}
	info, plan, err := js.ensureConsumer(ctx, stream, cfg)
	if err != nil {
		return nil, plan, err
	}
	return newPullConsumer(js, info), plan, nil
}

// EnsurePushConsumer implements Ensurer.
func (js *jetStream) EnsurePushConsumer(ctx context.Context, stream string, cfg ConsumerConfig) (PushConsumer, *Plan, error) {
	if cfg.DeliverSubject == "" {
		return nil, nil, &ConsumerTypeError{Stream: stream, Consumer: cfg.name(), Err: ErrNotPushConsumer}
	}
	info, plan, err := js.ensureConsumer(ctx, stream, cfg)
	if err != nil {
		return nil, plan, err
	}
	return newPushConsumer(js, info), plan, nil
}

func (js *jetStream) ensureConsumer(ctx context.Context, stream string, cfg ConsumerConfig) (*ConsumerInfo, *Plan, error) {
	ctx, cancel := js.bound(ctx)
	defer cancel()
	for attempt := 1; ; attempt++ {
		info, plan, err := js.planConsumer(ctx, stream, cfg)
		if err != nil {
			return nil, nil, err
		}
		switch {
		case plan.Create:
			info, err = js.putConsumer(ctx, stream, cfg, consumerCreate)
		case plan.Nothing():
			return info, plan, nil
		case !plan.Possible():
			return nil, plan, &ImmutableError{Plan: plan}
		default:
			info, err = js.putConsumer(ctx, stream, cfg.settled(info.Config), consumerUpdate)
		}
		if overtaken(err) && !errors.Is(err, ErrStreamNotFound) && attempt < ensureAttempts {
			continue
		}
		return info, plan, err
	}
}
