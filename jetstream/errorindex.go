package jetstream

import "strings"

// kindByCode finds the kind of a code. ErrBadRequest stands for a whole class, so its code
// belongs to ErrAPIBadRequest.
var kindByCode = func() map[ErrorCode]JetStreamError {
	kinds := map[ErrorCode]JetStreamError{}
	for _, k := range coded {
		for _, code := range k.(interface{ codes() []ErrorCode }).codes() {
			kinds[code] = k
		}
	}
	return kinds
}()

// coded are the kinds that servers send.
var coded = []JetStreamError{
	ErrTooManyRequests, ErrConsumerNameAlreadyInUse, ErrJetStreamNotEnabled,
	ErrJetStreamNotEnabledForAccount, ErrAccountNotFound, ErrClusterNotAvailable, ErrClusterNotLeader,
	ErrNotClustered, ErrNotAssigned, ErrClusterRequired, ErrNoSuitablePeers, ErrPeerNotMember,
	ErrServerNotMember, ErrMemberChangeInProgress, ErrInsufficientResources,
	ErrAccountResourcesExceeded, ErrInsufficientMemory, ErrInsufficientStorage, ErrMaximumStreamsLimit,
	ErrMaximumConsumersLimit, ErrMaxBytesRequired, ErrMaxStreamBytesExceeded, ErrNoLimits,
	ErrRequiredAPILevel, ErrAPIBadRequest, ErrInvalidJSON, ErrNotEmptyRequest, ErrPedantic,
	ErrStreamNotFound, ErrStreamNameAlreadyInUse, ErrSubjectOverlap, ErrStreamMismatch,
	ErrStreamInvalidConfig, ErrStreamCreate, ErrStreamUpdate, ErrStreamDelete, ErrStreamRestore,
	ErrStreamSnapshot, ErrReplicasNotSupported, ErrStreamMirrorNotUpdatable, ErrStreamOffline,
	ErrStreamSealed, ErrStreamMoveInProgress, ErrStreamReconfigureInProgress,
	ErrStreamReconfigureNotInProgress, ErrStreamMoveAndScale, ErrPurgeFailed, ErrMsgNotFound,
	ErrMsgDeleteUnsuccessful, ErrSequenceNotFound, ErrMirrorConfig, ErrSourceConfig,
	ErrMirrorWithSubjects, ErrMirrorWithSources, ErrMirrorWithFirstSeq, ErrMirrorWithMsgSchedules,
	ErrSourceWithMsgSchedules, ErrWrongLastSequence, ErrWrongLastMsgID, ErrExpectedStream,
	ErrStreamSequenceMismatch, ErrExpectedLastSequenceInvalid, ErrStreamStoreFailed,
	ErrStreamMessageExceedsMaximum, ErrStreamHeaderExceedsMaximum, ErrDuplicateMsgInProcess,
	ErrRollupFailed, ErrMsgTTLInvalid, ErrMsgTTLDisabled, ErrMsgSourceHeader, ErrCounterDisabled,
	ErrCounterIncrMissing, ErrCounterPayload, ErrCounterIncrInvalid, ErrCounterBroken,
	ErrAtomicPublishDisabled, ErrAtomicPublishMissingSeq, ErrAtomicPublishIncompleteBatch,
	ErrAtomicPublishUnsupportedHeader, ErrAtomicPublishInvalidBatchID, ErrAtomicPublishTooLargeBatch,
	ErrAtomicPublishInvalidBatchCommit, ErrBatchDuplicate, ErrTooManyInflightBatches,
	ErrBatchPublishDisabled, ErrBatchPublishInvalidPattern, ErrBatchPublishInvalidBatchID,
	ErrBatchPublishUnknownBatchID, ErrMessageSchedulesDisabled, ErrSchedulePatternInvalid,
	ErrScheduleTargetInvalid, ErrScheduleSourceInvalid, ErrScheduleTTLInvalid, ErrScheduleRollupInvalid,
	ErrScheduleSchedulerInvalid, ErrScheduleTimeZoneInvalid, ErrConsumerNotFound, ErrConsumerExists,
	ErrConsumerDoesNotExist, ErrConsumerActive, ErrConsumerCreate, ErrConsumerConfig,
	ErrDuplicateFilterSubjects, ErrOverlappingFilterSubjects, ErrEmptyFilter, ErrFilterMismatch,
	ErrDurableNameMismatch, ErrWorkQueueRequiresAck, ErrWorkQueueRequiresExplicitAck,
	ErrWorkQueueMultipleUnfiltered, ErrWorkQueueNotUnique, ErrWorkQueueNotDeliverAll,
	ErrFlowControlNeedsHeartbeat, ErrSmallHeartbeat, ErrDeliverWildcards, ErrDeliverCycle,
	ErrPriorityGroup, ErrConsumerInvalidReset, ErrConsumerOffline, ErrStreamIdentityMismatch,
}

// storeFailures are the kinds that servers send with one code and distinguish only by the text.
var storeFailures = []struct {
	text string
	kind JetStreamError
}{
	{"maximum messages per subject exceeded", ErrMaxMessagesPerSubjectExceeded},
	{"maximum messages exceeded", ErrMaxMessagesExceeded},
	{"maximum bytes exceeded", ErrMaxStoredBytesExceeded},
}

// kind returns the nearest kind that the answer belongs to.
func (e *APIError) kind() JetStreamError {
	switch e.ErrorCode {
	case JSErrCodeStreamStoreFailed:
		for _, f := range storeFailures {
			if strings.Contains(e.Description, f.text) {
				return f.kind
			}
		}
	case JSErrCodeStreamMsgDeleteFailed:
		// A file store reports a missing message this way; a memory store has a code for it.
		if strings.Contains(e.Description, "no message found") || strings.Contains(e.Description, "stream store EOF") {
			return ErrSequenceNotFound
		}
	}
	if k := kindByCode[e.ErrorCode]; k != nil {
		return k
	}
	return e.class()
}

// class returns the kind of all answers with the same status.
func (e *APIError) class() JetStreamError {
	switch e.Code {
	case 400:
		return ErrBadRequest
	case 404:
		return ErrNotFound
	case 429:
		return ErrTooManyRequests
	case 500:
		return ErrServer
	case 503:
		return ErrServiceUnavailable
	default:
		return ErrAPI
	}
}
