package jetstream

import "github.com/troupe-go/troupe/internal/kind"

// Kinds of refusals by servers: published messages. The stream did not store them.
var (
	// ErrWrongLastSequence: the stream or the subject has received another message since. It
	// covers both codes that servers use. See WrongLastSequenceError.
	ErrWrongLastSequence JetStreamError = refused(JSErrCodeStreamWrongLastSequence, "wrong last sequence").In(kind.Conflict).all(JSErrCodeStreamWrongLastSequenceConstant)
	// ErrWrongLastMsgID: the last message of the stream has another id.
	ErrWrongLastMsgID JetStreamError = refused(JSErrCodeStreamWrongLastMsgID, "wrong last msg ID").In(kind.Conflict)
	// ErrExpectedStream: a stream other than the expected one takes messages of the subject.
	ErrExpectedStream JetStreamError = refused(JSErrCodeStreamNotMatch, "expected stream does not match")
	// ErrStreamSequenceMismatch: the stream is not at the expected sequence.
	ErrStreamSequenceMismatch JetStreamError = sent(JSErrCodeStreamSequenceNotMatch, 503, "expected stream sequence does not match", ErrServiceUnavailable).In(kind.Conflict)
	// ErrExpectedLastSequenceInvalid: the expected last sequence of a subject is invalid, or
	// cannot be checked now.
	ErrExpectedLastSequenceInvalid JetStreamError = refused(JSErrCodeStreamExpectedLastSeqPerSubjectInvalid, "missing sequence for expected last sequence per subject")
	// ErrStreamStoreFailed: the stream is full and discards new messages, or its store
	// failed. The parent of the next three.
	ErrStreamStoreFailed JetStreamError = sent(JSErrCodeStreamStoreFailed, 503, "message could not be stored", ErrServiceUnavailable).In(kind.Limit, kind.Retry)
	// ErrMaxMessagesExceeded: the stream has reached MaxMsgs.
	ErrMaxMessagesExceeded JetStreamError = born("maximum messages exceeded", ErrStreamStoreFailed)
	// ErrMaxStoredBytesExceeded: the stream has reached MaxBytes.
	ErrMaxStoredBytesExceeded JetStreamError = born("maximum bytes exceeded", ErrStreamStoreFailed)
	// ErrMaxMessagesPerSubjectExceeded: the subject has reached MaxMsgsPerSubject.
	ErrMaxMessagesPerSubjectExceeded JetStreamError = born("maximum messages per subject exceeded", ErrStreamStoreFailed)
	// ErrStreamMessageExceedsMaximum: the message is larger than MaxMsgSize.
	ErrStreamMessageExceedsMaximum JetStreamError = refused(JSErrCodeStreamMessageExceedsMaximum, "message size exceeds maximum allowed")
	// ErrStreamHeaderExceedsMaximum: the header is larger than the limit of streams, 64 KiB.
	ErrStreamHeaderExceedsMaximum JetStreamError = refused(JSErrCodeStreamHeaderExceedsMaximum, "header size exceeds maximum allowed")
	// ErrDuplicateMsgInProcess: a message with the same id is being stored.
	ErrDuplicateMsgInProcess JetStreamError = sent(JSErrCodeStreamDuplicateMessageConflict, 409, "duplicate message id is in process", ErrAPI).In(kind.Conflict, kind.Retry)
	// ErrRollupFailed: the stream does not allow rollups, or the header is invalid.
	ErrRollupFailed JetStreamError = sent(JSErrCodeStreamRollupFailed, 500, "rollup failed", ErrServer).In(kind.Input)
	// ErrMsgTTLInvalid: the message's time to live is invalid.
	ErrMsgTTLInvalid JetStreamError = refused(JSErrCodeMessageTTLInvalid, "invalid per-message TTL")
	// ErrMsgTTLDisabled: the stream does not allow a time to live for single messages.
	ErrMsgTTLDisabled JetStreamError = refused(JSErrCodeMessageTTLDisabled, "per-message TTL is disabled")
	// ErrMsgSourceHeader: the message's header says that it came from another stream.
	ErrMsgSourceHeader JetStreamError = refused(JSErrCodeMessageSourceHdrNotAllowed, "message stream source header is not allowed")

	// ErrCounter: an increment of a counter was refused. The parent of the next five.
	ErrCounter JetStreamError = born("message counter error", ErrBadRequest)
	// ErrCounterDisabled: the stream has no counters.
	ErrCounterDisabled JetStreamError = refused(JSErrCodeMessageIncrDisabled, "message counters is disabled", ErrCounter)
	// ErrCounterIncrMissing: the stream accepts only increments.
	ErrCounterIncrMissing JetStreamError = refused(JSErrCodeMessageIncrMissing, "message counter increment is missing", ErrCounter)
	// ErrCounterPayload: an increment must not have a payload.
	ErrCounterPayload JetStreamError = refused(JSErrCodeMessageIncrPayload, "message counter has payload", ErrCounter)
	// ErrCounterIncrInvalid: the increment is not a number.
	ErrCounterIncrInvalid JetStreamError = refused(JSErrCodeMessageIncrInvalid, "message counter increment is invalid", ErrCounter)
	// ErrCounterBroken: the stored message of the subject is not a counter.
	ErrCounterBroken JetStreamError = refused(JSErrCodeMessageCounterBroken, "message counter is broken", ErrCounter).In(kind.Server)

	// ErrAtomicPublish: nothing of a batch was stored. The parent of the next seven. It is fatal
	// for the batch.
	ErrAtomicPublish JetStreamError = born("atomic publish error", ErrBadRequest)
	// ErrAtomicPublishDisabled: the stream does not accept atomic batches.
	ErrAtomicPublishDisabled JetStreamError = refused(JSErrCodeAtomicPublishDisabled, "atomic publish is disabled", ErrAtomicPublish)
	// ErrAtomicPublishMissingSeq: a message of a batch does not have its number in the batch.
	ErrAtomicPublishMissingSeq JetStreamError = refused(JSErrCodeAtomicPublishMissingSeq, "atomic publish sequence is missing", ErrAtomicPublish)
	// ErrAtomicPublishIncompleteBatch: messages of the batch were lost, or the batch took too
	// long.
	ErrAtomicPublishIncompleteBatch JetStreamError = refused(JSErrCodeAtomicPublishIncompleteBatch, "atomic publish batch is incomplete", ErrAtomicPublish).In(kind.Limit, kind.Retry)
	// ErrAtomicPublishUnsupportedHeader: a message has a header that is not allowed in a batch.
	ErrAtomicPublishUnsupportedHeader JetStreamError = refused(JSErrCodeAtomicPublishUnsupportedHeaderBatch, "atomic publish unsupported header used", ErrAtomicPublish)
	// ErrAtomicPublishInvalidBatchID: the batch's id is too long, or missing.
	ErrAtomicPublishInvalidBatchID JetStreamError = refused(JSErrCodeAtomicPublishInvalidBatchID, "atomic publish batch ID is invalid", ErrAtomicPublish)
	// ErrAtomicPublishTooLargeBatch: the batch has more messages than a server accepts.
	ErrAtomicPublishTooLargeBatch JetStreamError = refused(JSErrCodeAtomicPublishTooLargeBatch, "atomic publish batch is too large", ErrAtomicPublish)
	// ErrAtomicPublishInvalidBatchCommit: the header that ends a batch has a value other than 1.
	ErrAtomicPublishInvalidBatchCommit JetStreamError = refused(JSErrCodeAtomicPublishInvalidBatchCommit, "atomic publish batch commit is invalid", ErrAtomicPublish)
	// ErrBatchDuplicate: a message of the batch has the id of a stored message, or of another in
	// the batch.
	ErrBatchDuplicate JetStreamError = refused(JSErrCodeAtomicPublishContainsDuplicateMessage, "atomic publish batch contains duplicate message id", ErrAtomicPublish)
	// ErrTooManyInflightBatches: the server has reached its maximum number of open batches.
	ErrTooManyInflightBatches JetStreamError = sent(JSErrCodeAtomicPublishTooManyInflight, 429, "too many inflight batches", ErrTooManyRequests).all(JSErrCodeBatchPublishTooManyInflight)

	// ErrBatchPublish: a fast batch was refused. The parent of the next four.
	ErrBatchPublish JetStreamError = born("batch publish error", ErrBadRequest)
	// ErrBatchPublishDisabled: the stream does not accept fast batches.
	ErrBatchPublishDisabled JetStreamError = refused(JSErrCodeBatchPublishDisabled, "batch publish is disabled", ErrBatchPublish)
	// ErrBatchPublishInvalidPattern: the reply subject does not have the form that a fast batch
	// needs.
	ErrBatchPublishInvalidPattern JetStreamError = refused(JSErrCodeBatchPublishInvalidPattern, "batch publish pattern is invalid", ErrBatchPublish)
	// ErrBatchPublishInvalidBatchID: the batch's id is too long, or missing.
	ErrBatchPublishInvalidBatchID JetStreamError = refused(JSErrCodeBatchPublishInvalidBatchID, "batch publish ID is invalid", ErrBatchPublish)
	// ErrBatchPublishUnknownBatchID: the server does not know the batch, or has abandoned it.
	ErrBatchPublishUnknownBatchID JetStreamError = refused(JSErrCodeBatchPublishUnknownBatchID, "batch publish ID unknown", ErrBatchPublish).In(kind.NotFound)

	// ErrSchedule: a message cannot be scheduled. The parent of the next eight.
	ErrSchedule JetStreamError = born("message schedule error", ErrBadRequest)
	// ErrMessageSchedulesDisabled: the stream does not schedule messages.
	ErrMessageSchedulesDisabled JetStreamError = refused(JSErrCodeMessageSchedulesDisabled, "message schedules is disabled", ErrSchedule)
	// ErrSchedulePatternInvalid: the schedule is neither @at nor @every nor a cron pattern.
	ErrSchedulePatternInvalid JetStreamError = refused(JSErrCodeSchedulePatternInvalid, "message schedules pattern is invalid", ErrSchedule)
	// ErrScheduleTargetInvalid: the target is not a subject of the stream.
	ErrScheduleTargetInvalid JetStreamError = refused(JSErrCodeScheduleTargetInvalid, "message schedules target is invalid", ErrSchedule)
	// ErrScheduleSourceInvalid: the source is not a subject of the stream.
	ErrScheduleSourceInvalid JetStreamError = refused(JSErrCodeScheduleSourceInvalid, "message schedules source is invalid", ErrSchedule)
	// ErrScheduleTTLInvalid: the time to live is neither a duration nor never.
	ErrScheduleTTLInvalid JetStreamError = refused(JSErrCodeScheduleTTLInvalid, "message schedules invalid per-message TTL", ErrSchedule)
	// ErrScheduleRollupInvalid: the rollup is invalid, or the stream does not allow it.
	ErrScheduleRollupInvalid JetStreamError = refused(JSErrCodeScheduleRollupInvalid, "message schedules invalid rollup", ErrSchedule)
	// ErrScheduleSchedulerInvalid: the scheduler is not a subject of the stream.
	ErrScheduleSchedulerInvalid JetStreamError = refused(JSErrCodeScheduleSchedulerInvalid, "message schedules invalid scheduler", ErrSchedule)
	// ErrScheduleTimeZoneInvalid: the server does not know the time zone.
	ErrScheduleTimeZoneInvalid JetStreamError = refused(JSErrCodeScheduleTimeZoneInvalid, "message schedules time zone is invalid", ErrSchedule)
)

// Kinds of refusals by servers: consumers.
var (
	// ErrConsumerNotFound: the consumer does not exist.
	ErrConsumerNotFound JetStreamError = sent(JSErrCodeConsumerNotFound, 404, "consumer not found", ErrNotFound)
	// ErrConsumerExists: a consumer of that name exists with another configuration.
	ErrConsumerExists JetStreamError = refused(JSErrCodeConsumerExists, "consumer already exists").In(kind.Conflict)
	// ErrConsumerDoesNotExist: there is no consumer of that name to update. It is an ErrNotFound.
	ErrConsumerDoesNotExist JetStreamError = refused(JSErrCodeConsumerDoesNotExist, "consumer does not exist", ErrConsumerNotFound)
	// ErrConsumerActive: a consumer of that name exists and has subscribers.
	ErrConsumerActive JetStreamError = refused(JSErrCodeConsumerAlreadyExists, "consumer already exists and is still active").In(kind.Conflict)
	// ErrConsumerCreate: the consumer could not be created, or not changed as asked.
	ErrConsumerCreate JetStreamError = sent(JSErrCodeConsumerCreate, 500, "could not create consumer", ErrServer).In(kind.Input)
	// ErrConsumerConfig: the consumer's configuration contradicts itself or the stream's.
	// The parent of many of the next kinds.
	ErrConsumerConfig JetStreamError = born("consumer configuration not valid", ErrBadRequest).all(
		JSErrCodeConsumerConfigRequired, JSErrCodeConsumerPushMaxWaiting, JSErrCodeConsumerMaxPendingAckPolicyRequired,
		JSErrCodeConsumerPullWithRateLimit, JSErrCodeConsumerMaxWaitingNegative, JSErrCodeConsumerHBRequiresPush,
		JSErrCodeConsumerFCRequiresPush, JSErrCodeConsumerFilterNotSubset, JSErrCodeConsumerInvalidPolicy,
		JSErrCodeConsumerInvalidSampling, JSErrCodeConsumerNameTooLong, JSErrCodeConsumerBadDurableName,
		JSErrCodeConsumerDescriptionTooLong, JSErrCodeConsumerInvalidDeliverSubject, JSErrCodeConsumerMaxRequestBatchNegative,
		JSErrCodeConsumerMaxRequestExpiresTooSmall, JSErrCodeConsumerMaxDeliverBackoff, JSErrCodeConsumerMaxPendingAckExcess,
		JSErrCodeConsumerMaxRequestBatchExceeded, JSErrCodeConsumerReplicasExceedsStream, JSErrCodeConsumerNameContainsPathSeparators,
		JSErrCodeConsumerCreateDurableAndNameMismatch, JSErrCodeConsumerReplicasShouldMatchStream, JSErrCodeConsumerMetadataLength,
		JSErrCodeConsumerMultipleFiltersNotAllowed, JSErrCodeConsumerInactiveThresholdExcess, JSErrCodeConsumerAckPolicyInvalid,
		JSErrCodeConsumerReplayPolicyInvalid, JSErrCodeConsumerAckWaitNegative, JSErrCodeConsumerBackOffNegative,
		JSErrCodeConsumerAckFCRequiresPush, JSErrCodeConsumerAckFCRequiresFC, JSErrCodeConsumerAckFCRequiresMaxAckPending,
		JSErrCodeConsumerAckFCRequiresNoAckWait, JSErrCodeConsumerAckFCRequiresNoMaxDeliver)
	// ErrDuplicateFilterSubjects: FilterSubject and FilterSubjects are both given.
	ErrDuplicateFilterSubjects JetStreamError = refused(JSErrCodeDuplicateFilterSubjects, "consumer cannot have both FilterSubject and FilterSubjects specified", ErrConsumerConfig)
	// ErrOverlappingFilterSubjects: two of the filters overlap.
	ErrOverlappingFilterSubjects JetStreamError = refused(JSErrCodeOverlappingFilterSubjects, "consumer subject filters cannot overlap", ErrConsumerConfig)
	// ErrEmptyFilter: one of FilterSubjects is empty.
	ErrEmptyFilter JetStreamError = refused(JSErrCodeConsumerEmptyFilter, "consumer filter in FilterSubjects cannot be empty", ErrConsumerConfig)
	// ErrFilterMismatch: the filter differs from the one in the request's subject.
	ErrFilterMismatch JetStreamError = refused(JSErrCodeConsumerCreateFilterSubjectMismatch, "consumer filter does not match the request's subject", ErrConsumerConfig)
	// ErrDurableNameMismatch: the durable name differs from the one in the request's subject.
	ErrDurableNameMismatch JetStreamError = refused(JSErrCodeConsumerDurableNameNotMatchSubject, "durable name does not match the request's subject", ErrConsumerConfig)
	// ErrWorkQueue: a work queue cannot have such a consumer. The parent of the next five.
	ErrWorkQueue JetStreamError = born("consumer not possible on a work queue", ErrConsumerConfig)
	// ErrWorkQueueRequiresAck: a pull consumer of a work queue must acknowledge each message.
	ErrWorkQueueRequiresAck JetStreamError = refused(JSErrCodeConsumerPullRequiresAck, "consumer in pull mode requires explicit ack policy on workqueue stream", ErrWorkQueue)
	// ErrWorkQueueRequiresExplicitAck: a consumer of a work queue must acknowledge each message.
	ErrWorkQueueRequiresExplicitAck JetStreamError = refused(JSErrCodeConsumerWQRequiresExplicitAck, "workqueue stream requires explicit ack", ErrWorkQueue)
	// ErrWorkQueueMultipleUnfiltered: a work queue can have only one consumer without a filter.
	ErrWorkQueueMultipleUnfiltered JetStreamError = refused(JSErrCodeConsumerWQMultipleUnfiltered, "multiple non-filtered consumers not allowed on workqueue stream", ErrWorkQueue)
	// ErrWorkQueueNotUnique: another consumer of the work queue has an overlapping filter.
	ErrWorkQueueNotUnique JetStreamError = refused(JSErrCodeConsumerWQConsumerNotUnique, "filtered consumer not unique on workqueue stream", ErrWorkQueue)
	// ErrWorkQueueNotDeliverAll: a consumer of a work queue must have DeliverAllPolicy.
	ErrWorkQueueNotDeliverAll JetStreamError = refused(JSErrCodeConsumerWQConsumerNotDeliverAll, "consumer must be deliver all on workqueue stream", ErrWorkQueue)
	// ErrFlowControlNeedsHeartbeat: flow control needs heartbeats.
	ErrFlowControlNeedsHeartbeat JetStreamError = refused(JSErrCodeConsumerWithFlowControlNeedsHeartbeats, "consumer with flow control also needs heartbeats", ErrConsumerConfig)
	// ErrSmallHeartbeat: IdleHeartbeat is less than 100 ms.
	ErrSmallHeartbeat JetStreamError = refused(JSErrCodeConsumerSmallHeartbeat, "consumer idle heartbeat needs to be >= 100ms", ErrConsumerConfig)
	// ErrDeliverWildcards: the DeliverSubject has wildcards.
	ErrDeliverWildcards JetStreamError = refused(JSErrCodeConsumerDeliverToWildcards, "consumer deliver subject has wildcards", ErrConsumerConfig)
	// ErrDeliverCycle: messages would be pushed into their own stream.
	ErrDeliverCycle JetStreamError = refused(JSErrCodeConsumerDeliverCycle, "consumer deliver subject forms a cycle", ErrConsumerConfig)
	// ErrPriorityGroup: the consumer does not have such priority groups, or cannot have them.
	ErrPriorityGroup JetStreamError = born("priority group error", ErrConsumerConfig).all(
		JSErrCodeConsumerPriorityPolicyWithoutGroup, JSErrCodeConsumerInvalidPriorityGroup, JSErrCodeConsumerEmptyGroupName,
		JSErrCodeConsumerInvalidGroupName, JSErrCodeConsumerPushWithPriorityGroup, JSErrCodeConsumerPriorityGroupWithPolicyNone,
		JSErrCodeConsumerPinnedTTLWithoutPriorityPolicyNone)
	// ErrConsumerInvalidReset: the consumer cannot be reset to that sequence.
	ErrConsumerInvalidReset JetStreamError = refused(JSErrCodeConsumerInvalidReset, "invalid reset")
	// ErrConsumerOffline: no server can run the consumer.
	ErrConsumerOffline JetStreamError = sent(JSErrCodeConsumerOffline, 500, "consumer is offline", ErrServer).In(kind.Unavailable, kind.Retry).all(JSErrCodeConsumerOfflineReason)
	// ErrStreamIdentityMismatch: the stream was deleted, and another one created under its name.
	// Servers up to 2.15 report this only to the consumers that they create for mirrors and
	// sources: clients do not learn the identity and it is not checked for them. A program can
	// compare StreamInfo.Created.
	ErrStreamIdentityMismatch JetStreamError = refused(JSErrCodeConsumerStreamIdentityMismatch, "consumer's stream identity does not match").In(kind.Conflict)
)
