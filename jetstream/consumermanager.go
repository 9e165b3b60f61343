package jetstream

import (
	"context"
	"iter"
	"math/rand/v2"
	"strings"
	"time"
)

// StreamConsumerManager creates, finds and removes consumers of any stream. The rules of
// StreamManager apply to its calls.
type StreamConsumerManager interface {
	// CreateOrUpdateConsumer creates a pull consumer, or updates the one of that name. Errors:
	// ErrStreamNotFound; ErrConsumerCreate for what cannot be changed; ErrNotPullConsumer with a
	// DeliverSubject; ErrInvalidConfig; ErrRequiredAPILevel; ErrNotSupported when the server
	// ignored a field that it does not know.
	CreateOrUpdateConsumer(ctx context.Context, stream string, cfg ConsumerConfig) (Consumer, error)
	// CreateConsumer creates a pull consumer. An existing one with the same config is returned as
	// it is. Errors: as CreateOrUpdateConsumer; ErrConsumerExists if its config differs.
	CreateConsumer(ctx context.Context, stream string, cfg ConsumerConfig) (Consumer, error)
	// UpdateConsumer updates a pull consumer. Errors: as CreateOrUpdateConsumer;
	// ErrConsumerDoesNotExist.
	UpdateConsumer(ctx context.Context, stream string, cfg ConsumerConfig) (Consumer, error)
	// Consumer returns the pull consumer of that name. Errors: ErrConsumerNotFound;
	// ErrNotPullConsumer.
	Consumer(ctx context.Context, stream string, consumer string) (Consumer, error)

	// OrderedConsumer returns a consumer that delivers all messages in order, each once: see
	// OrderedConsumerConfig. Errors: ErrStreamNotFound; ErrInvalidConfig.
	OrderedConsumer(ctx context.Context, stream string, cfg OrderedConsumerConfig) (Consumer, error)

	// CreateOrUpdatePushConsumer is CreateOrUpdateConsumer for push consumers. Errors:
	// ErrNotPushConsumer without a DeliverSubject.
	CreateOrUpdatePushConsumer(ctx context.Context, stream string, cfg ConsumerConfig) (PushConsumer, error)
	// CreatePushConsumer is CreateConsumer for push consumers.
	CreatePushConsumer(ctx context.Context, stream string, cfg ConsumerConfig) (PushConsumer, error)
	// UpdatePushConsumer is UpdateConsumer for push consumers.
	UpdatePushConsumer(ctx context.Context, stream string, cfg ConsumerConfig) (PushConsumer, error)
	// PushConsumer returns the push consumer of that name. Errors: ErrConsumerNotFound;
	// ErrNotPushConsumer.
	PushConsumer(ctx context.Context, stream string, consumer string) (PushConsumer, error)

	// DeleteConsumer removes a consumer. Errors: ErrConsumerNotFound.
	DeleteConsumer(ctx context.Context, stream string, consumer string) error
	// PauseConsumer stops a consumer from delivering until pauseUntil; a time in the past resumes
	// it. Server 2.11. Errors: ErrConsumerNotFound; ErrRequiredAPILevel.
	PauseConsumer(ctx context.Context, stream string, consumer string, pauseUntil time.Time) (*ConsumerPauseResponse, error)
	// ResumeConsumer ends a pause. Errors: as PauseConsumer.
	ResumeConsumer(ctx context.Context, stream string, consumer string) (*ConsumerPauseResponse, error)
	// ResetConsumer makes a consumer deliver again from just after its acknowledgement floor.
	// Server 2.14. Errors: ErrConsumerNotFound; ErrRequiredAPILevel.
	ResetConsumer(ctx context.Context, stream, consumer string) (*ConsumerResetResponse, error)
	// ResetConsumerToSequence makes a consumer deliver from that sequence of the stream on.
	// Errors: as ResetConsumer; ErrConsumerInvalidReset if its DeliverPolicy does not allow it;
	// ErrInvalidOption for 0.
	ResetConsumerToSequence(ctx context.Context, stream, consumer string, seq uint64) (*ConsumerResetResponse, error)
	// UnpinConsumer makes the server choose another client of a priority group. Errors:
	// ErrPriorityGroup; ErrRequiredAPILevel.
	UnpinConsumer(ctx context.Context, stream, consumer, group string) error
}

// ConsumerManager is StreamConsumerManager for the consumers of one stream.
type ConsumerManager interface {
	// CreateOrUpdateConsumer is that of StreamConsumerManager.
	CreateOrUpdateConsumer(ctx context.Context, cfg ConsumerConfig) (Consumer, error)
	// CreateConsumer is that of StreamConsumerManager.
	CreateConsumer(ctx context.Context, cfg ConsumerConfig) (Consumer, error)
	// UpdateConsumer is that of StreamConsumerManager.
	UpdateConsumer(ctx context.Context, cfg ConsumerConfig) (Consumer, error)
	// Consumer is that of StreamConsumerManager.
	Consumer(ctx context.Context, consumer string) (Consumer, error)

	// OrderedConsumer is that of StreamConsumerManager.
	OrderedConsumer(ctx context.Context, cfg OrderedConsumerConfig) (Consumer, error)
	// CreateOrUpdatePushConsumer is that of StreamConsumerManager.
	CreateOrUpdatePushConsumer(ctx context.Context, cfg ConsumerConfig) (PushConsumer, error)
	// CreatePushConsumer is that of StreamConsumerManager.
	CreatePushConsumer(ctx context.Context, cfg ConsumerConfig) (PushConsumer, error)
	// UpdatePushConsumer is that of StreamConsumerManager.
	UpdatePushConsumer(ctx context.Context, cfg ConsumerConfig) (PushConsumer, error)
	// PushConsumer is that of StreamConsumerManager.
	PushConsumer(ctx context.Context, consumer string) (PushConsumer, error)

	// DeleteConsumer is that of StreamConsumerManager.
	DeleteConsumer(ctx context.Context, consumer string) error
	// PauseConsumer is that of StreamConsumerManager.
	PauseConsumer(ctx context.Context, consumer string, pauseUntil time.Time) (*ConsumerPauseResponse, error)
	// ResumeConsumer is that of StreamConsumerManager.
	ResumeConsumer(ctx context.Context, consumer string) (*ConsumerPauseResponse, error)
	// ResetConsumer is that of StreamConsumerManager.
	ResetConsumer(ctx context.Context, consumer string) (*ConsumerResetResponse, error)
	// ResetConsumerToSequence is that of StreamConsumerManager.
	ResetConsumerToSequence(ctx context.Context, consumer string, seq uint64) (*ConsumerResetResponse, error)
	// UnpinConsumer is that of StreamConsumerManager.
	UnpinConsumer(ctx context.Context, consumer string, group string) error

	// ListConsumers lists the stream's consumers through a channel; AllConsumers does it
	// without one.
	ListConsumers(ctx context.Context) ConsumerInfoLister
	// ConsumerNames lists their names through a channel; AllConsumerNames does it without one.
	ConsumerNames(ctx context.Context) ConsumerNameLister
	// AllConsumers yields the stream's consumers in the order of their names, as
	// StreamManager.AllStreams yields streams. Errors: ErrStreamNotFound; an
	// *IncompleteError when a part is missing.
	AllConsumers(ctx context.Context) iter.Seq2[*ConsumerInfo, error]
	// AllConsumerNames is AllConsumers for names only.
	AllConsumerNames(ctx context.Context) iter.Seq2[string, error]
}

// ConsumerPauseResponse is the answer to a pause.
type ConsumerPauseResponse struct {
	// Paused reports whether the consumer is paused now.
	Paused bool `json:"paused"`
	// PauseUntil is when the pause ends; zero if it is not paused.
	PauseUntil time.Time `json:"pause_until"`
	// PauseRemaining is how long the pause still lasts.
	PauseRemaining time.Duration `json:"pause_remaining,omitempty"`
}

// ConsumerResetResponse is the answer to a reset: the consumer's info, and where it continues.
type ConsumerResetResponse struct {
	*ConsumerInfo
	// ResetSeq is the stream sequence that it continues with.
	ResetSeq uint64 `json:"reset_seq"`
}

// What a create call does about an existing or a missing consumer.
const (
	consumerCreate = "create"
	consumerUpdate = "update"
	consumerUpsert = ""
)

// consumerRequest creates or updates a consumer.
type consumerRequest struct {
	Stream   string         `json:"stream_name"`
	Config   ConsumerConfig `json:"config"`
	Action   string         `json:"action"`
	Pedantic bool           `json:"pedantic,omitempty"`
}

// consumerNameLen is the length of a generated name in characters: 48 bits.
const consumerNameLen = 8

// newConsumerName generates a name. The client does it, so that a call whose answer is lost can
// be repeated.
func newConsumerName() string {
	const letters = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
	name := make([]byte, consumerNameLen)
	for i := range name {
		name[i] = letters[rand.IntN(len(letters))]
	}
	return string(name)
}

// putConsumer creates or updates a consumer, as action says. Its name is generated if it has
// none.
func (js *jetStream) putConsumer(ctx context.Context, stream string, cfg ConsumerConfig, action string) (*ConsumerInfo, error) {
	named := cfg.name() != ""
	if !named {
		cfg.Name = newConsumerName()
	}
	if err := firstError(checkStreamName(stream), cfg.validate()); err != nil {
		return nil, err
	}
	need := cfg.requiredLevel()
	r := request{
		op: putConsumerOp(action), subject: "CONSUMER.CREATE." + stream + "." + cfg.name(),
		body:   consumerRequest{Stream: stream, Config: cfg, Action: action, Pedantic: js.opts.Pedantic},
		stream: stream, consumer: cfg.name(), level: need.level, feature: need.feature,
	}
	// The filter in the subject lets permissions refer to it. A user's own prefix does not allow
	// wildcards there.
	if cfg.FilterSubject != "" && (strings.HasPrefix(js.apiPrefix, "$JS.") || !strings.ContainsAny(cfg.FilterSubject, "*>")) {
		r.subject += "." + cfg.FilterSubject
	}
	info, err := js.consumerInfoOf(ctx, r, ErrConsumerCreationResponseEmpty)
	if err != nil {
		return nil, err
	}
	missing := cfg.missingIn(info.Config)
	if missing.feature == "" {
		return info, nil
	}
	e := &NotSupportedError{Op: r.op, Stream: stream, Consumer: cfg.name(), Feature: missing.feature, Err: missing.kind}
	if !named { // one with a name may have existed before
		e.RollbackErr = js.DeleteConsumer(ctx, stream, cfg.name())
		e.RolledBack = e.RollbackErr == nil
	}
	return nil, e
}

func putConsumerOp(action string) string {
	switch action {
	case consumerUpdate:
		return "update consumer"
	case consumerUpsert:
		return "create or update consumer"
	default:
		return "create consumer"
	}
}

// consumerInfoOf makes a call that is answered with a consumer's info; an answer without one is
// the error empty.
func (js *jetStream) consumerInfoOf(ctx context.Context, r request, empty error) (*ConsumerInfo, error) {
	info, err := call[ConsumerInfo](ctx, js, r)
	switch {
	case err != nil:
		return nil, err
	case info.Name == "" || info.Stream == "":
		return nil, js.callError(r, &ResponseError{Err: empty})
	default:
		return &info, nil
	}
}

// consumerInfo asks for a consumer's info.
func (js *jetStream) consumerInfo(ctx context.Context, stream, consumer string) (*ConsumerInfo, error) {
	if err := checkNames(stream, consumer); err != nil {
		return nil, err
	}
	return js.consumerInfoOf(ctx, js.consumerCall("consumer info", "CONSUMER.INFO.", stream, consumer), errNoInfo)
}

// consumerCall returns a call for one consumer, from op and the subject up to the stream's name.
func (js *jetStream) consumerCall(op, subject, stream, consumer string) request {
	return request{op: op, subject: subject + stream + "." + consumer, stream: stream, consumer: consumer}
}

// putPull creates or updates a pull consumer.
func (js *jetStream) putPull(ctx context.Context, stream string, cfg ConsumerConfig, action string) (Consumer, error) {
	if cfg.DeliverSubject != "" {
		return nil, &ConsumerTypeError{Stream: stream, Consumer: cfg.name(), Err: ErrNotPullConsumer}
	}
	info, err := js.putConsumer(ctx, stream, cfg, action)
	if err != nil {
		return nil, err
	}
	return newPullConsumer(js, info), nil
}

// putPush creates or updates a push consumer.
func (js *jetStream) putPush(ctx context.Context, stream string, cfg ConsumerConfig, action string) (PushConsumer, error) {
	if cfg.DeliverSubject == "" {
		return nil, &ConsumerTypeError{Stream: stream, Consumer: cfg.name(), Err: ErrNotPushConsumer}
	}
	info, err := js.putConsumer(ctx, stream, cfg, action)
	if err != nil {
		return nil, err
	}
	return newPushConsumer(js, info), nil
}

// CreateOrUpdateConsumer creates or updates a pull consumer.
func (js *jetStream) CreateOrUpdateConsumer(ctx context.Context, stream string, cfg ConsumerConfig) (Consumer, error) {
	return js.putPull(ctx, stream, cfg, consumerUpsert)
}

// CreateConsumer creates a pull consumer.
func (js *jetStream) CreateConsumer(ctx context.Context, stream string, cfg ConsumerConfig) (Consumer, error) {
	return js.putPull(ctx, stream, cfg, consumerCreate)
}

// UpdateConsumer updates a pull consumer.
func (js *jetStream) UpdateConsumer(ctx context.Context, stream string, cfg ConsumerConfig) (Consumer, error) {
	return js.putPull(ctx, stream, cfg, consumerUpdate)
}

// Consumer returns a pull consumer.
func (js *jetStream) Consumer(ctx context.Context, stream string, consumer string) (Consumer, error) {
	info, err := js.consumerInfo(ctx, stream, consumer)
	if err != nil {
		return nil, err
	}
	if err := mustPull(info); err != nil {
		return nil, err
	}
	return newPullConsumer(js, info), nil
}

// CreateOrUpdatePushConsumer creates or updates a push consumer.
func (js *jetStream) CreateOrUpdatePushConsumer(ctx context.Context, stream string, cfg ConsumerConfig) (PushConsumer, error) {
	return js.putPush(ctx, stream, cfg, consumerUpsert)
}

// CreatePushConsumer creates a push consumer.
func (js *jetStream) CreatePushConsumer(ctx context.Context, stream string, cfg ConsumerConfig) (PushConsumer, error) {
	return js.putPush(ctx, stream, cfg, consumerCreate)
}

// UpdatePushConsumer updates a push consumer.
func (js *jetStream) UpdatePushConsumer(ctx context.Context, stream string, cfg ConsumerConfig) (PushConsumer, error) {
	return js.putPush(ctx, stream, cfg, consumerUpdate)
}

// PushConsumer returns a push consumer.
func (js *jetStream) PushConsumer(ctx context.Context, stream string, consumer string) (PushConsumer, error) {
	info, err := js.consumerInfo(ctx, stream, consumer)
	if err != nil {
		return nil, err
	}
	if err := mustPush(info); err != nil {
		return nil, err
	}
	return newPushConsumer(js, info), nil
}
