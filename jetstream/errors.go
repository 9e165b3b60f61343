package jetstream

import (
	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/kind"
)

// The general kinds. With errors.Is, test for a specific kind before a general one.
var (
	// ErrJetStream: the parent of all errors of JetStream that are not errors of package api.
	ErrJetStream JetStreamError = born("jetstream").In(kind.Server, kind.MaybeSent)
	// ErrAPI: a server answered, and refused. See APIError.
	ErrAPI JetStreamError = born("jetstream api error", ErrJetStream).In(kind.Server)
	// ErrBadRequest: the server does not accept the request as it is (400).
	ErrBadRequest JetStreamError = sent(JSErrCodeBadRequest, 400, "bad request", ErrAPI).In(kind.Input).all()
	// ErrNotFound: what was asked for does not exist (404).
	ErrNotFound JetStreamError = born("not found", ErrAPI).In(kind.NotFound)
	// ErrServer: the server failed to do it (500), often because of the request.
	ErrServer JetStreamError = born("server error", ErrAPI).In(kind.Server, kind.MaybeSent)
	// ErrServiceUnavailable: no server can answer at the moment (503).
	ErrServiceUnavailable JetStreamError = born("jetstream unavailable", ErrAPI).In(kind.Unavailable, kind.Retry)
	// ErrTooManyRequests: the server has too many requests in progress (429).
	ErrTooManyRequests JetStreamError = sent(JSErrCodeStreamTooManyRequests, 429, "too many requests", ErrAPI).In(kind.Limit, kind.Retry).all()
)

// Kinds of package api that nats.go declares a second time.
var (
	// ErrConnectionClosed: the connection is closed for good. It is api.ErrConnectionClosed.
	// It is fatal for the connection.
	ErrConnectionClosed = api.ErrConnectionClosed
	// ErrMsgNotBound: the message did not come from a consumer. It is api.ErrMsgNotBound.
	ErrMsgNotBound = api.ErrMsgNotBound
	// ErrMsgNoReply: the message has no reply subject. It is api.ErrMsgNoReply.
	ErrMsgNoReply = api.ErrMsgNoReply
)

// Kinds of errors that the program has to fix. Nothing was sent.
var (
	// ErrInvalidOption: an option has an invalid value, or contradicts another. See OptionError.
	ErrInvalidOption JetStreamError = born("invalid jetstream option", ErrJetStream, api.ErrInvalidArg).In(kind.Input)
	// ErrInvalidName: a name cannot be used. See NameError.
	ErrInvalidName JetStreamError = born("invalid name", ErrJetStream).In(kind.Input)
	// ErrStreamNameRequired: the name of a stream is empty.
	ErrStreamNameRequired JetStreamError = born("stream name is required", ErrInvalidName)
	// ErrInvalidStreamName: a stream cannot have that name.
	ErrInvalidStreamName JetStreamError = born("invalid stream name", ErrInvalidName)
	// ErrInvalidConsumerName: a consumer cannot have that name.
	ErrInvalidConsumerName JetStreamError = born("invalid consumer name", ErrInvalidName)
	// ErrInvalidSubject: a subject cannot be used in its role. It is an api.ErrBadSubject.
	ErrInvalidSubject JetStreamError = born("invalid subject name", ErrJetStream, api.ErrBadSubject).In(kind.Input)
	// ErrHandlerRequired: a handler is nil. It is an api.ErrInvalidCallback.
	ErrHandlerRequired JetStreamError = born("handler cannot be empty", ErrJetStream, api.ErrInvalidCallback).In(kind.Input)
	// ErrAsyncPublishReplySubjectSet: a message to publish has a reply subject, which is reserved
	// for the stream's acknowledgement.
	ErrAsyncPublishReplySubjectSet JetStreamError = born("reply subject should be empty", ErrJetStream).In(kind.Input)
	// ErrNotJSMessage: the message did not come from a stream.
	ErrNotJSMessage JetStreamError = born("not a jetstream message", ErrJetStream).In(kind.Input)
	// ErrMsgAlreadyAckd: the message has already been acknowledged.
	ErrMsgAlreadyAckd JetStreamError = born("message was already acknowledged", ErrJetStream).In(kind.Input)
	// ErrNotPullConsumer: the consumer is a push consumer.
	ErrNotPullConsumer JetStreamError = born("consumer is not a pull consumer", ErrJetStream).In(kind.Input)
	// ErrNotPushConsumer: the consumer is a pull consumer.
	ErrNotPushConsumer JetStreamError = born("consumer is not a push consumer", ErrJetStream).In(kind.Input)
	// ErrConsumerAlreadyConsuming: this handle already consumes from the push consumer.
	ErrConsumerAlreadyConsuming JetStreamError = born("consumer is already consuming", ErrJetStream).In(kind.Input)
	// ErrConsumerHasActiveSubscription: the consumer already has a subscriber. No call of this
	// package returns it: ConsumerInfo.PushBound reports a subscriber, and a server that refuses
	// a second one answers with ErrConsumerNameAlreadyInUse.
	ErrConsumerHasActiveSubscription JetStreamError = born("consumer has active subscription", ErrJetStream).In(kind.Conflict)
	// ErrConsumerNameAlreadyInUse: another consumer has that name. Servers send it with code
	// 10013.
	ErrConsumerNameAlreadyInUse JetStreamError = refused(JSErrCodeConsumerNameExists, "consumer name already in use").In(kind.Conflict)
	// ErrImmutable: a stream or consumer cannot be changed to what was asked for: it would have
	// to be created again.
	ErrImmutable JetStreamError = born("cannot be changed", ErrJetStream).In(kind.Input)
)

// Kinds of invalid answers.
var (
	// ErrInvalidJetStreamResponse: an answer cannot be read, or lacks a required part. The
	// request may have taken effect.
	ErrInvalidJetStreamResponse JetStreamError = born("invalid jetstream api response", ErrJetStream).In(kind.Protocol, kind.MaybeSent)
	// ErrConsumerCreationResponseEmpty: the answer does not describe the consumer.
	ErrConsumerCreationResponseEmpty JetStreamError = born("consumer creation response is empty", ErrInvalidJetStreamResponse)
	// ErrConsumerResetResponseEmpty: the answer does not describe the consumer.
	ErrConsumerResetResponseEmpty JetStreamError = born("consumer reset response is empty", ErrInvalidJetStreamResponse)
	// ErrInvalidJSAck: the answer to a published message is not the acknowledgement of a
	// stream.
	ErrInvalidJSAck JetStreamError = born("invalid jetstream publish response", ErrInvalidJetStreamResponse)
	// ErrEndOfData: there are no more pages of a list.
	ErrEndOfData JetStreamError = born("end of data reached", ErrJetStream).In(kind.NotFound)
)

// Kinds of errors from servers that are too old for a field and ignored it.
var (
	// ErrNotSupported: the server does not know a part of the request, and may have done the
	// rest.
	ErrNotSupported JetStreamError = born("not supported by the server", ErrJetStream).In(kind.Server, kind.MaybeSent)
	// ErrStreamSubjectTransformNotSupported: the stream was created without its transform.
	ErrStreamSubjectTransformNotSupported JetStreamError = born("stream subject transformation not supported by the server", ErrNotSupported)
	// ErrStreamSourceSubjectTransformNotSupported: the stream was created without the transforms
	// of its sources.
	ErrStreamSourceSubjectTransformNotSupported JetStreamError = born("stream source subject transformation not supported by the server", ErrNotSupported)
	// ErrStreamSourceNotSupported: the stream was created without its sources.
	ErrStreamSourceNotSupported JetStreamError = born("stream sourcing is not supported by the server", ErrNotSupported)
	// ErrStreamSourceMultipleFilterSubjectsNotSupported: the stream was created with sources that
	// have fewer filters.
	ErrStreamSourceMultipleFilterSubjectsNotSupported JetStreamError = born("stream sourcing with multiple subject filters not supported by the server", ErrNotSupported)
	// ErrConsumerMultipleFilterSubjectsNotSupported: the consumer was created without its
	// filters.
	ErrConsumerMultipleFilterSubjectsNotSupported JetStreamError = born("multiple consumer filter subjects not supported by the server", ErrNotSupported)
)

// Kinds of errors of publishing.
var (
	// ErrNoStreamResponse: no stream takes messages of that subject, or none can at the
	// moment. It is an api.ErrNoResponders. See PublishError.
	ErrNoStreamResponse JetStreamError = born("no response from stream", api.ErrNoResponders, ErrJetStream)
	// ErrTooManyStalledMsgs: the maximum number of messages is waiting for their acknowledgement,
	// and none came in time. The message was not sent. See StalledError.
	ErrTooManyStalledMsgs JetStreamError = born("stalled with too many outstanding async published messages", ErrJetStream).In(kind.Limit, kind.Retry)
	// ErrAsyncPublishTimeout: the acknowledgement of a message did not come in time. It is
	// an api.ErrTimeout.
	ErrAsyncPublishTimeout JetStreamError = born("timeout waiting for ack", api.ErrTimeout, ErrJetStream).In(kind.Timeout, kind.Retry, kind.MaybeSent)
	// ErrPublishUnknown: the outcome of publishing a message is unknown. The stream may have it;
	// publishing it again is safe only with the same id. See PublishError.
	ErrPublishUnknown JetStreamError = born("outcome of publish unknown", ErrJetStream).In(kind.Unknown, kind.Retry, kind.MaybeSent)
	// ErrJetStreamPublisherClosed: the publisher was closed before the acknowledgement came. It
	// is fatal for the publisher.
	ErrJetStreamPublisherClosed JetStreamError = born("jetstream context closed", ErrJetStream).In(kind.Closed, kind.MaybeSent)
)
