package jetstream

import (
	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/kind"
)

// Kinds returns the kinds of errors of this package that belong to one of the categories; without
// a category, all of them. The caller owns the slice.
func Kinds(about ...api.Category) []error {
	kinds := []error{
		ErrBatchClosed, ErrNoBatchFailed, ErrEmptyBatch, ErrInvalidBatchAck, ErrBatchAbandoned, ErrInvalidConfig,
		ErrUnknownValue, ErrCounterNotEnabled, ErrInvalidCounterValue, ErrNoCounterForSubject,
		ErrDirectAccessRequired, ErrSubjectRequired, ErrMsgsReplaced, ErrJetStream, ErrAPI, ErrBadRequest,
		ErrNotFound, ErrServer, ErrServiceUnavailable, ErrConnectionClosed, ErrMsgNotBound, ErrMsgNoReply,
		ErrInvalidOption, ErrInvalidName, ErrStreamNameRequired, ErrInvalidStreamName, ErrInvalidConsumerName,
		ErrInvalidSubject, ErrHandlerRequired, ErrAsyncPublishReplySubjectSet, ErrNotJSMessage, ErrMsgAlreadyAckd,
		ErrNotPullConsumer, ErrNotPushConsumer, ErrConsumerAlreadyConsuming, ErrConsumerHasActiveSubscription,
		ErrImmutable, ErrInvalidJetStreamResponse, ErrConsumerCreationResponseEmpty, ErrConsumerResetResponseEmpty,
		ErrInvalidJSAck, ErrEndOfData, ErrNotSupported, ErrStreamSubjectTransformNotSupported,
		ErrStreamSourceSubjectTransformNotSupported, ErrStreamSourceNotSupported,
		ErrStreamSourceMultipleFilterSubjectsNotSupported, ErrConsumerMultipleFilterSubjectsNotSupported,
		ErrNoStreamResponse, ErrTooManyStalledMsgs, ErrAsyncPublishTimeout, ErrPublishUnknown,
		ErrJetStreamPublisherClosed, ErrFetchTimeout, ErrNoMessages, ErrNoHeartbeat, ErrMsgIteratorClosed,
		ErrPullBadRequest, ErrConsumerDeleted, ErrConsumerLeadershipChanged, ErrServerShutdown, ErrPinIDMismatch,
		ErrMaxBytesExceeded, ErrBatchCompleted, ErrConsumerSequenceMismatch, ErrConsumerLimits, ErrMaxRequestBatch,
		ErrMaxRequestExpires, ErrMaxRequestMaxBytes, ErrMaxWaiting, ErrOrderedConsumerReset, ErrStreamRegressed,
		ErrOrderConsumerUsedAsFetch, ErrOrderConsumerUsedAsConsume, ErrOrderedConsumerConcurrentRequests,
		ErrOrderedConsumerNotCreated, ErrTooManyResults, ErrMaxMessagesExceeded, ErrMaxStoredBytesExceeded,
		ErrMaxMessagesPerSubjectExceeded, ErrCounter, ErrAtomicPublish, ErrBatchPublish, ErrSchedule, ErrWorkQueue,
		ErrFastBatchGap, ErrFastBatchUnknown, ErrAmbiguousSubject, ErrIncomplete, ErrInterrupted, ErrDigestMismatch,
		ErrNotSystemAccount, ErrScheduleNotFound,
	}
	for _, k := range coded {
		kinds = append(kinds, k)
	}
	return kind.About(about, kinds)
}
