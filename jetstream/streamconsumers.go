package jetstream

import (
	"context"
	"iter"
	"time"
)

// CreateOrUpdateConsumer creates or updates a pull consumer.
func (s *stream) CreateOrUpdateConsumer(ctx context.Context, cfg ConsumerConfig) (Consumer, error) {
	return s.js.CreateOrUpdateConsumer(ctx, s.name, cfg)
}

// CreateConsumer creates a pull consumer.
func (s *stream) CreateConsumer(ctx context.Context, cfg ConsumerConfig) (Consumer, error) {
	return s.js.CreateConsumer(ctx, s.name, cfg)
}

// UpdateConsumer updates a pull consumer.
func (s *stream) UpdateConsumer(ctx context.Context, cfg ConsumerConfig) (Consumer, error) {
	return s.js.UpdateConsumer(ctx, s.name, cfg)
}

// Consumer returns a pull consumer.
func (s *stream) Consumer(ctx context.Context, consumer string) (Consumer, error) {
	return s.js.Consumer(ctx, s.name, consumer)
}

// CreateOrUpdatePushConsumer creates or updates a push consumer.
func (s *stream) CreateOrUpdatePushConsumer(ctx context.Context, cfg ConsumerConfig) (PushConsumer, error) {
	return s.js.CreateOrUpdatePushConsumer(ctx, s.name, cfg)
}

// CreatePushConsumer creates a push consumer.
func (s *stream) CreatePushConsumer(ctx context.Context, cfg ConsumerConfig) (PushConsumer, error) {
	return s.js.CreatePushConsumer(ctx, s.name, cfg)
}

// UpdatePushConsumer updates a push consumer.
func (s *stream) UpdatePushConsumer(ctx context.Context, cfg ConsumerConfig) (PushConsumer, error) {
	return s.js.UpdatePushConsumer(ctx, s.name, cfg)
}

// PushConsumer returns a push consumer.
func (s *stream) PushConsumer(ctx context.Context, consumer string) (PushConsumer, error) {
	return s.js.PushConsumer(ctx, s.name, consumer)
}

// DeleteConsumer removes a consumer.
func (s *stream) DeleteConsumer(ctx context.Context, consumer string) error {
	return s.js.DeleteConsumer(ctx, s.name, consumer)
}

// PauseConsumer stops a consumer from delivering for a while.
func (s *stream) PauseConsumer(ctx context.Context, consumer string, pauseUntil time.Time) (*ConsumerPauseResponse, error) {
	return s.js.PauseConsumer(ctx, s.name, consumer, pauseUntil)
}

// ResumeConsumer ends a pause.
func (s *stream) ResumeConsumer(ctx context.Context, consumer string) (*ConsumerPauseResponse, error) {
	return s.js.ResumeConsumer(ctx, s.name, consumer)
}

// ResetConsumer makes a consumer deliver again from just after its acknowledgement floor.
func (s *stream) ResetConsumer(ctx context.Context, consumer string) (*ConsumerResetResponse, error) {
	return s.js.ResetConsumer(ctx, s.name, consumer)
}

// ResetConsumerToSequence makes a consumer deliver from a sequence on.
func (s *stream) ResetConsumerToSequence(ctx context.Context, consumer string, seq uint64) (*ConsumerResetResponse, error) {
	return s.js.ResetConsumerToSequence(ctx, s.name, consumer, seq)
}

// UnpinConsumer makes the server choose another client of a priority group.
func (s *stream) UnpinConsumer(ctx context.Context, consumer string, group string) error {
	return s.js.UnpinConsumer(ctx, s.name, consumer, group)
}

// consumerPager returns the pager of a list of the stream's consumers.
func consumerPager[T any](s *stream, op, subject string) pager[T] {
	return pager[T]{js: s.js, r: s.request(op, subject, nil), body: func(offset int) any {
		return struct {
			Offset int `json:"offset"`
		}{offset}
	}}
}

// AllConsumers yields the stream's consumers.
func (s *stream) AllConsumers(ctx context.Context) iter.Seq2[*ConsumerInfo, error] {
	p := consumerPager[*ConsumerInfo](s, "list consumers", "CONSUMER.LIST.")
	p.name = func(info *ConsumerInfo) (string, bool) {
		if info == nil {
			return "", false
		}
		return info.Name, true
	}
	return p.all(ctx)
}

// AllConsumerNames yields the names of the stream's consumers.
func (s *stream) AllConsumerNames(ctx context.Context) iter.Seq2[string, error] {
	p := consumerPager[string](s, "list consumer names", "CONSUMER.NAMES.")
	p.name = itself
	return p.all(ctx)
}

// ListConsumers lists the stream's consumers.
func (s *stream) ListConsumers(ctx context.Context) ConsumerInfoLister {
	return infoLister[*ConsumerInfo]{newLister(ctx, s.js, s.AllConsumers(ctx))}
}

// ConsumerNames lists the names of the stream's consumers.
func (s *stream) ConsumerNames(ctx context.Context) ConsumerNameLister {
	return nameLister{newLister(ctx, s.js, s.AllConsumerNames(ctx))}
}
