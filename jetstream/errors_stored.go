package jetstream

import "github.com/troupe-go/troupe/internal/kind"

// Kinds of what servers refuse: published messages. The stream did not store them.
var (
	// ErrWrongLastSequence: the stream, or the subject, has had another message since. It
	// is both codes that servers have for it. See WrongLastSequenceError.
	ErrWrongLastSequence JetStreamError = refused(JSErrCodeStreamWrongLastSequence, "wrong last sequence").In(kind.Conflict).all(JSErrCodeStreamWrongLastSequenceConstant)
	// ErrWrongLastMsgID: the last message of the stream has another id.
	ErrWrongLastMsgID JetStreamError = refused(JSErrCodeStreamWrongLastMsgID, "wrong last msg ID").In(kind.Conflict)
	// ErrExpectedStream: another stream than the expected one takes messages of the subject.
	ErrExpectedStream JetStreamError = refused(JSErrCodeStreamNotMatch, "expected stream does not match")
	// ErrStreamSequenceMismatch: the stream is not where it should be.
	ErrStreamSequenceMismatch JetStreamError = sent(JSErrCodeStreamSequenceNotMatch, 503, "expected stream sequence does not match", ErrServiceUnavailable).In(kind.Conflict)
	// ErrExpectedLastSequenceInvalid: what the last sequence of a subject is expected to be
	// cannot be made sense of, or not now.
	ErrExpectedLastSequenceInvalid JetStreamError = refused(JSErrCodeStreamExpectedLastSeqPerSubjectInvalid, "missing sequence for expected last sequence per subject")
	// ErrStreamStoreFailed: the stream is full and discards new messages, or its store
	// failed. The parent of the next three.
	ErrStreamStoreFailed JetStreamError = sent(JSErrCodeStreamStoreFailed, 503, "message could not be stored", ErrServiceUnavailable).In(kind.Limit, kind.Retry)
	// ErrMaxMessagesExceeded: the stream has as many messages as it may.
	ErrMaxMessagesExceeded JetStreamError = born("maximum messages exceeded", ErrStreamStoreFailed)
	// ErrMaxStoredBytesExceeded: the stream has as many bytes as it may.
	ErrMaxStoredBytesExceeded JetStreamError = born("maximum bytes exceeded", ErrStreamStoreFailed)
	// ErrMaxMessagesPerSubjectExceeded: the subject has as many messages as it may.
	ErrMaxMessagesPerSubjectExceeded JetStreamError = born("maximum messages per subject exceeded", ErrStreamStoreFailed)
	// ErrStreamMessageExceedsMaximum: the message is larger than the stream takes.
	ErrStreamMessageExceedsMaximum JetStreamError = refused(JSErrCodeStreamMessageExceedsMaximum, "message size exceeds maximum allowed")
	// ErrStreamHeaderExceedsMaximum: the header is larger than streams take: 64 KiB.
	ErrStreamHeaderExceedsMaximum JetStreamError = refused(JSErrCodeStreamHeaderExceedsMaximum, "header size exceeds maximum allowed")
	// ErrDuplicateMsgInProcess: a message with the same id is being stored.
	ErrDuplicateMsgInProcess JetStreamError = sent(JSErrCodeStreamDuplicateMessageConflict, 409, "duplicate message id is in process", ErrAPI).In(kind.Conflict, kind.Retry)
	// ErrRollupFailed: the stream does not allow rollups, or the header is none.
	ErrRollupFailed JetStreamError = sent(JSErrCodeStreamRollupFailed, 500, "rollup failed", ErrServer).In(kind.Input)
	// ErrMsgTTLInvalid: the message's time to live cannot be read.
	ErrMsgTTLInvalid JetStreamError = refused(JSErrCodeMessageTTLInvalid, "invalid per-message TTL")
	// ErrMsgTTLDisabled: messages of the stream live as long as all the others.
	ErrMsgTTLDisabled JetStreamError = refused(JSErrCodeMessageTTLDisabled, "per-message TTL is disabled")
	// ErrMsgSourceHeader: the message's header says that it came from another stream.
	ErrMsgSourceHeader JetStreamError = refused(JSErrCodeMessageSourceHdrNotAllowed, "message stream source header is not allowed")

	// ErrCounter: a counter cannot be counted up. The parent of the next five.
	ErrCounter JetStreamError = born("message counter error", ErrBadRequest)
	// ErrCounterDisabled: the stream has no counters.
	ErrCounterDisabled JetStreamError = refused(JSErrCodeMessageIncrDisabled, "message counters is disabled", ErrCounter)
	// ErrCounterIncrMissing: the stream takes increments only.
	ErrCounterIncrMissing JetStreamError = refused(JSErrCodeMessageIncrMissing, "message counter increment is missing", ErrCounter)
	// ErrCounterPayload: an increment has no payload.
	ErrCounterPayload JetStreamError = refused(JSErrCodeMessageIncrPayload, "message counter has payload", ErrCounter)
	// ErrCounterIncrInvalid: the increment is no number.
	ErrCounterIncrInvalid JetStreamError = refused(JSErrCodeMessageIncrInvalid, "message counter increment is invalid", ErrCounter)
	// ErrCounterBroken: what is stored under the subject is no counter.
	ErrCounterBroken JetStreamError = refused(JSErrCodeMessageCounterBroken, "message counter is broken", ErrCounter).In(kind.Server)

	// ErrAtomicPublish: a batch was not stored, none of it. The parent of the next seven. It
	// is fatal for the batch.
	ErrAtomicPublish JetStreamError = born("atomic publish error", ErrBadRequest)
	// ErrAtomicPublishDisabled: the stream takes no atomic batches.
	ErrAtomicPublishDisabled JetStreamError = refused(JSErrCodeAtomicPublishDisabled, "atomic publish is disabled", ErrAtomicPublish)
	// ErrAtomicPublishMissingSeq: a message of a batch has no number in it.
	ErrAtomicPublishMissingSeq JetStreamError = refused(JSErrCodeAtomicPublishMissingSeq, "atomic publish sequence is missing", ErrAtomicPublish)
	// ErrAtomicPublishIncompleteBatch: messages of the batch were lost, or it took too long.
	ErrAtomicPublishIncompleteBatch JetStreamError = refused(JSErrCodeAtomicPublishIncompleteBatch, "atomic publish batch is incomplete", ErrAtomicPublish).In(kind.Limit, kind.Retry)
	// ErrAtomicPublishUnsupportedHeader: a message has a header that none of a batch may have.
	ErrAtomicPublishUnsupportedHeader JetStreamError = refused(JSErrCodeAtomicPublishUnsupportedHeaderBatch, "atomic publish unsupported header used", ErrAtomicPublish)
	// ErrAtomicPublishInvalidBatchID: the batch's id is too long, or missing.
	ErrAtomicPublishInvalidBatchID JetStreamError = refused(JSErrCodeAtomicPublishInvalidBatchID, "atomic publish batch ID is invalid", ErrAtomicPublish)
	// ErrAtomicPublishTooLargeBatch: the batch has more messages than a server takes.
	ErrAtomicPublishTooLargeBatch JetStreamError = refused(JSErrCodeAtomicPublishTooLargeBatch, "atomic publish batch is too large", ErrAtomicPublish)
	// ErrAtomicPublishInvalidBatchCommit: the header that ends a batch has another value than 1.
	ErrAtomicPublishInvalidBatchCommit JetStreamError = refused(JSErrCodeAtomicPublishInvalidBatchCommit, "atomic publish batch commit is invalid", ErrAtomicPublish)
	// ErrBatchDuplicate: a message of the batch has the id of one that is stored, or in the batch.
	ErrBatchDuplicate JetStreamError = refused(JSErrCodeAtomicPublishContainsDuplicateMessage, "atomic publish batch contains duplicate message id", ErrAtomicPublish)
	// ErrTooManyInflightBatches: as many batches are under way as a server takes.
	ErrTooManyInflightBatches JetStreamError = sent(JSErrCodeAtomicPublishTooManyInflight, 429, "too many inflight batches", ErrTooManyRequests).all(JSErrCodeBatchPublishTooManyInflight)

	// ErrBatchPublish: a fast batch was refused. The parent of the next four.
	ErrBatchPublish JetStreamError = born("batch publish error", ErrBadRequest)
	// ErrBatchPublishDisabled: the stream takes no fast batches.
	ErrBatchPublishDisabled JetStreamError = refused(JSErrCodeBatchPublishDisabled, "batch publish is disabled", ErrBatchPublish)
	// ErrBatchPublishInvalidPattern: the reply subject is none of a fast batch.
	ErrBatchPublishInvalidPattern JetStreamError = refused(JSErrCodeBatchPublishInvalidPattern, "batch publish pattern is invalid", ErrBatchPublish)
	// ErrBatchPublishInvalidBatchID: the batch's id is too long, or missing.
	ErrBatchPublishInvalidBatchID JetStreamError = refused(JSErrCodeBatchPublishInvalidBatchID, "batch publish ID is invalid", ErrBatchPublish)
	// ErrBatchPublishUnknownBatchID: the server has no such batch, or has given it up.
	ErrBatchPublishUnknownBatchID JetStreamError = refused(JSErrCodeBatchPublishUnknownBatchID, "batch publish ID unknown", ErrBatchPublish).In(kind.NotFound)

	// ErrSchedule: a message cannot be scheduled. The parent of the next eight.
	ErrSchedule JetStreamError = born("message schedule error", ErrBadRequest)
	// ErrMessageSchedulesDisabled: the stream does not schedule messages.
	ErrMessageSchedulesDisabled JetStreamError = refused(JSErrCodeMessageSchedulesDisabled, "message schedules is disabled", ErrSchedule)
	// ErrSchedulePatternInvalid: the schedule is none of @at, @every and cron.
	ErrSchedulePatternInvalid JetStreamError = refused(JSErrCodeSchedulePatternInvalid, "message schedules pattern is invalid", ErrSchedule)
	// ErrScheduleTargetInvalid: the target is no subject of the stream.
	ErrScheduleTargetInvalid JetStreamError = refused(JSErrCodeScheduleTargetInvalid, "message schedules target is invalid", ErrSchedule)
	// ErrScheduleSourceInvalid: the source is no subject of the stream.
	ErrScheduleSourceInvalid JetStreamError = refused(JSErrCodeScheduleSourceInvalid, "message schedules source is invalid", ErrSchedule)
	// ErrScheduleTTLInvalid: the time to live is neither a duration nor never.
	ErrScheduleTTLInvalid JetStreamError = refused(JSErrCodeScheduleTTLInvalid, "message schedules invalid per-message TTL", ErrSchedule)
	// ErrScheduleRollupInvalid: the rollup is none, or the stream does not allow it.
	ErrScheduleRollupInvalid JetStreamError = refused(JSErrCodeScheduleRollupInvalid, "message schedules invalid rollup", ErrSchedule)
	// ErrScheduleSchedulerInvalid: the scheduler is no subject of the stream.
	ErrScheduleSchedulerInvalid JetStreamError = refused(JSErrCodeScheduleSchedulerInvalid, "message schedules invalid scheduler", ErrSchedule)
	// ErrScheduleTimeZoneInvalid: the server does not know the time zone.
	ErrScheduleTimeZoneInvalid JetStreamError = refused(JSErrCodeScheduleTimeZoneInvalid, "message schedules time zone is invalid", ErrSchedule)
)

// Kinds of what servers refuse: consumers.
var (
	// ErrConsumerNotFound: there is no such consumer.
	ErrConsumerNotFound JetStreamError = sent(JSErrCodeConsumerNotFound, 404, "consumer not found", ErrNotFound)
	// ErrConsumerExists: a consumer of that name is there, with another configuration.
	ErrConsumerExists JetStreamError = refused(JSErrCodeConsumerExists, "consumer already exists").In(kind.Conflict)
	// ErrConsumerDoesNotExist: there is no consumer of that name to update. It is an ErrNotFound.
	ErrConsumerDoesNotExist JetStreamError = refused(JSErrCodeConsumerDoesNotExist, "consumer does not exist", ErrConsumerNotFound)
	// ErrConsumerActive: a consumer of that name has subscribers.
	ErrConsumerActive JetStreamError = refused(JSErrCodeConsumerAlreadyExists, "consumer already exists and is still active").In(kind.Conflict)
	// ErrConsumerCreate: the consumer could not be made, or not be changed so.
	ErrConsumerCreate JetStreamError = sent(JSErrCodeConsumerCreate, 500, "could not create consumer", ErrServer).In(kind.Input)
	// ErrConsumerConfig: the consumer's configuration contradicts itself or the stream's.
	// The parent of much of what follows.
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
	// ErrOverlappingFilterSubjects: a subject would pass two of the filters.
	ErrOverlappingFilterSubjects JetStreamError = refused(JSErrCodeOverlappingFilterSubjects, "consumer subject filters cannot overlap", ErrConsumerConfig)
	// ErrEmptyFilter: one of FilterSubjects is empty.
	ErrEmptyFilter JetStreamError = refused(JSErrCodeConsumerEmptyFilter, "consumer filter in FilterSubjects cannot be empty", ErrConsumerConfig)
	// ErrFilterMismatch: the filter is not the one in the request's subject.
	ErrFilterMismatch JetStreamError = refused(JSErrCodeConsumerCreateFilterSubjectMismatch, "consumer filter does not match the request's subject", ErrConsumerConfig)
	// ErrDurableNameMismatch: the durable name is not the one in the request's subject.
	ErrDurableNameMismatch JetStreamError = refused(JSErrCodeConsumerDurableNameNotMatchSubject, "durable name does not match the request's subject", ErrConsumerConfig)
	// ErrWorkQueue: a work queue cannot have such a consumer. The parent of the next five.
	ErrWorkQueue JetStreamError = born("consumer not possible on a work queue", ErrConsumerConfig)
	// ErrWorkQueueRequiresAck: pulled messages of a work queue are acknowledged one by one.
	ErrWorkQueueRequiresAck JetStreamError = refused(JSErrCodeConsumerPullRequiresAck, "consumer in pull mode requires explicit ack policy on workqueue stream", ErrWorkQueue)
	// ErrWorkQueueRequiresExplicitAck: messages of a work queue are acknowledged one by one.
	ErrWorkQueueRequiresExplicitAck JetStreamError = refused(JSErrCodeConsumerWQRequiresExplicitAck, "workqueue stream requires explicit ack", ErrWorkQueue)
	// ErrWorkQueueMultipleUnfiltered: a work queue has one consumer without filter only.
	ErrWorkQueueMultipleUnfiltered JetStreamError = refused(JSErrCodeConsumerWQMultipleUnfiltered, "multiple non-filtered consumers not allowed on workqueue stream", ErrWorkQueue)
	// ErrWorkQueueNotUnique: another consumer of the work queue gets some of the same messages.
	ErrWorkQueueNotUnique JetStreamError = refused(JSErrCodeConsumerWQConsumerNotUnique, "filtered consumer not unique on workqueue stream", ErrWorkQueue)
	// ErrWorkQueueNotDeliverAll: a work queue delivers all that it has.
	ErrWorkQueueNotDeliverAll JetStreamError = refused(JSErrCodeConsumerWQConsumerNotDeliverAll, "consumer must be deliver all on workqueue stream", ErrWorkQueue)
	// ErrFlowControlNeedsHeartbeat: flow control works with heartbeats only.
	ErrFlowControlNeedsHeartbeat JetStreamError = refused(JSErrCodeConsumerWithFlowControlNeedsHeartbeats, "consumer with flow control also needs heartbeats", ErrConsumerConfig)
	// ErrSmallHeartbeat: heartbeats are at least 100 ms apart.
	ErrSmallHeartbeat JetStreamError = refused(JSErrCodeConsumerSmallHeartbeat, "consumer idle heartbeat needs to be >= 100ms", ErrConsumerConfig)
	// ErrDeliverWildcards: messages are pushed to one subject.
	ErrDeliverWildcards JetStreamError = refused(JSErrCodeConsumerDeliverToWildcards, "consumer deliver subject has wildcards", ErrConsumerConfig)
	// ErrDeliverCycle: messages would be pushed into their own stream.
	ErrDeliverCycle JetStreamError = refused(JSErrCodeConsumerDeliverCycle, "consumer deliver subject forms a cycle", ErrConsumerConfig)
	// ErrPriorityGroup: the consumer does not have such priority groups, or cannot.
	ErrPriorityGroup JetStreamError = born("priority group error", ErrConsumerConfig).all(
		JSErrCodeConsumerPriorityPolicyWithoutGroup, JSErrCodeConsumerInvalidPriorityGroup, JSErrCodeConsumerEmptyGroupName,
		JSErrCodeConsumerInvalidGroupName, JSErrCodeConsumerPushWithPriorityGroup, JSErrCodeConsumerPriorityGroupWithPolicyNone,
		JSErrCodeConsumerPinnedTTLWithoutPriorityPolicyNone)
	// ErrConsumerInvalidReset: the consumer cannot be set to that sequence.
	ErrConsumerInvalidReset JetStreamError = refused(JSErrCodeConsumerInvalidReset, "invalid reset")
	// ErrConsumerOffline: no server can run the consumer.
	ErrConsumerOffline JetStreamError = sent(JSErrCodeConsumerOffline, 500, "consumer is offline", ErrServer).In(kind.Unavailable, kind.Retry).all(JSErrCodeConsumerOfflineReason)
	// ErrStreamIdentityMismatch: the stream was deleted meanwhile, and another made under
	// its name. Servers up to 2.15 say so only to the consumers that servers make for
	// mirrors and sources: they tell clients no identity, and check none. A program
	// compares StreamInfo.Created.
	ErrStreamIdentityMismatch JetStreamError = refused(JSErrCodeConsumerStreamIdentityMismatch, "consumer's stream identity does not match").In(kind.Conflict)
)
