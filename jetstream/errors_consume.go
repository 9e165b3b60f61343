package jetstream

import (
	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/kind"
)

// Kinds of errors of consuming.
var (
	// ErrFetchTimeout: a fetch ended without a message. It is an api.ErrTimeout. See
	// FetchError. It is fatal for the pull.
	ErrFetchTimeout JetStreamError = born("fetch timeout", api.ErrTimeout, ErrJetStream).In(kind.Timeout, kind.Retry)
	// ErrNoMessages: the consumer has no messages for this client now. It is an ErrFetchTimeout.
	ErrNoMessages JetStreamError = born("no messages", ErrFetchTimeout)
	// ErrNoHeartbeat: nothing came from the consumer for twice the interval of its heartbeats. It
	// is fatal for the pull.
	ErrNoHeartbeat JetStreamError = born("no heartbeat received", ErrJetStream).In(kind.Unavailable, kind.Retry)
	// ErrMsgIteratorClosed: the iterator has been stopped or drained. It is fatal for the
	// consuming.
	ErrMsgIteratorClosed JetStreamError = born("messages iterator closed", ErrJetStream).In(kind.Closed)
	// ErrPullBadRequest: the server does not understand a pull. It is an ErrBadRequest. It is
	// fatal for the pull.
	ErrPullBadRequest JetStreamError = born("bad pull request", ErrBadRequest)
	// ErrConsumerDeleted: the consumer was deleted while this client pulled from it. It is an
	// ErrConsumerNotFound. It is fatal for the consuming.
	ErrConsumerDeleted JetStreamError = born("consumer deleted", ErrConsumerNotFound)
	// ErrConsumerLeadershipChanged: the pull was dropped because the consumer's leader changed.
	// It is fatal for the pull.
	ErrConsumerLeadershipChanged JetStreamError = born("leadership change", ErrJetStream).In(kind.Unavailable, kind.Retry)
	// ErrServerShutdown: the server that has the consumer is shutting down. It is fatal for the
	// pull.
	ErrServerShutdown JetStreamError = born("server shutdown", ErrJetStream).In(kind.Unavailable, kind.Retry)
	// ErrPinIDMismatch: another client is the pinned one now. It is fatal for the pull.
	ErrPinIDMismatch JetStreamError = born("pin ID mismatch", ErrJetStream).In(kind.Conflict, kind.Retry)
	// ErrMaxBytesExceeded: the next message is larger than the rest of the bytes asked for. It is
	// fatal for the pull.
	ErrMaxBytesExceeded JetStreamError = born("message size exceeds max bytes", ErrJetStream).In(kind.Limit, kind.Retry)
	// ErrBatchCompleted: all messages asked for have arrived, though not all bytes. It is fatal
	// for the pull.
	ErrBatchCompleted JetStreamError = born("batch completed", ErrJetStream).In(kind.Limit, kind.Retry)
	// ErrConsumerSequenceMismatch: messages of a push consumer were lost in transit. See
	// ConsumerSequenceMismatchError. It is fatal for the lost messages.
	ErrConsumerSequenceMismatch JetStreamError = born("consumer sequence mismatch", ErrJetStream).In(kind.Limit)

	// ErrConsumerLimits: a pull asks for more than the consumer allows. The parent of the next
	// four. It is fatal for the pull.
	ErrConsumerLimits JetStreamError = born("consumer limits exceeded", ErrJetStream).In(kind.Input)
	// ErrMaxRequestBatch: the pull asks for more messages than MaxRequestBatch.
	ErrMaxRequestBatch JetStreamError = born("exceeded max request batch", ErrConsumerLimits)
	// ErrMaxRequestExpires: the pull waits longer than MaxRequestExpires.
	ErrMaxRequestExpires JetStreamError = born("exceeded max request expires", ErrConsumerLimits)
	// ErrMaxRequestMaxBytes: the pull asks for more bytes than MaxRequestMaxBytes.
	ErrMaxRequestMaxBytes JetStreamError = born("exceeded max request max bytes", ErrConsumerLimits)
	// ErrMaxWaiting: the number of waiting pulls has reached MaxWaiting.
	ErrMaxWaiting JetStreamError = born("exceeded max waiting", ErrConsumerLimits).In(kind.Limit, kind.Retry)

	// ErrOrderedConsumerReset: an ordered consumer was created again, to continue without a gap.
	ErrOrderedConsumerReset JetStreamError = born("recreating ordered consumer", ErrJetStream).In(kind.Unavailable, kind.Retry)
	// ErrStreamRegressed: a stream ends before the last message that was delivered from it: it
	// was created again, or its server has lost a part of it. See StreamRegressedError.
	ErrStreamRegressed JetStreamError = born("stream regressed", ErrJetStream).In(kind.Conflict)
	// ErrOrderConsumerUsedAsFetch: the ordered consumer is already used with Fetch.
	ErrOrderConsumerUsedAsFetch JetStreamError = born("ordered consumer initialized as fetch", ErrJetStream).In(kind.Input)
	// ErrOrderConsumerUsedAsConsume: the ordered consumer is already used with Consume or
	// Messages.
	ErrOrderConsumerUsedAsConsume JetStreamError = born("ordered consumer initialized as consume", ErrJetStream).In(kind.Input)
	// ErrOrderedConsumerConcurrentRequests: an ordered consumer runs only one call at a time.
	ErrOrderedConsumerConcurrentRequests JetStreamError = born("cannot run concurrent processing using ordered consumer", ErrJetStream).In(kind.Input)
	// ErrOrderedConsumerNotCreated: an ordered consumer is created when it is first used.
	ErrOrderedConsumerNotCreated JetStreamError = born("consumer instance not yet created", ErrJetStream).In(kind.Input)

	// ErrTooManyResults: a direct get asks for more messages than a server returns at once (413).
	ErrTooManyResults JetStreamError = born("too many results", ErrAPI).In(kind.Input)
)
