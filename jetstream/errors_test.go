package jetstream_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"net"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/errortest"
	"github.com/troupe-go/troupe/jetstream"
)

// kindAnswers lists every exported kind. A new one must be added here, so that its author decides
// what a program should do about it.
var kindAnswers = map[string]errortest.Verdict{
	"ErrInvalidConfig":                            errortest.Says(jetstream.ErrInvalidConfig, api.CategoryInput, "", jetstream.ErrJetStream),
	"ErrUnknownValue":                             errortest.Says(jetstream.ErrUnknownValue, api.CategoryInput, "", jetstream.ErrInvalidConfig),
	"ErrJetStream":                                errortest.Says(jetstream.ErrJetStream, api.CategoryServer, "sent"),
	"ErrAPI":                                      errortest.Says(jetstream.ErrAPI, api.CategoryServer, "", jetstream.ErrJetStream),
	"ErrBadRequest":                               errortest.Says(jetstream.ErrBadRequest, api.CategoryInput, "", jetstream.ErrAPI),
	"ErrNotFound":                                 errortest.Says(jetstream.ErrNotFound, api.CategoryNotFound, "", jetstream.ErrAPI),
	"ErrServer":                                   errortest.Says(jetstream.ErrServer, api.CategoryServer, "sent", jetstream.ErrAPI),
	"ErrServiceUnavailable":                       errortest.Says(jetstream.ErrServiceUnavailable, api.CategoryUnavailable, "retry", jetstream.ErrAPI),
	"ErrTooManyRequests":                          errortest.Says(jetstream.ErrTooManyRequests, api.CategoryLimit, "retry", jetstream.ErrAPI),
	"ErrConnectionClosed":                         errortest.Says(jetstream.ErrConnectionClosed, api.CategoryClosed, ""),
	"ErrMsgNotBound":                              errortest.Says(jetstream.ErrMsgNotBound, api.CategoryInput, ""),
	"ErrMsgNoReply":                               errortest.Says(jetstream.ErrMsgNoReply, api.CategoryInput, ""),
	"ErrInvalidOption":                            errortest.Says(jetstream.ErrInvalidOption, api.CategoryInput, "", jetstream.ErrJetStream, api.ErrInvalidArg),
	"ErrInvalidName":                              errortest.Says(jetstream.ErrInvalidName, api.CategoryInput, "", jetstream.ErrJetStream),
	"ErrStreamNameRequired":                       errortest.Says(jetstream.ErrStreamNameRequired, api.CategoryInput, "", jetstream.ErrInvalidName),
	"ErrInvalidStreamName":                        errortest.Says(jetstream.ErrInvalidStreamName, api.CategoryInput, "", jetstream.ErrInvalidName),
	"ErrInvalidConsumerName":                      errortest.Says(jetstream.ErrInvalidConsumerName, api.CategoryInput, "", jetstream.ErrInvalidName),
	"ErrInvalidSubject":                           errortest.Says(jetstream.ErrInvalidSubject, api.CategoryInput, "", jetstream.ErrJetStream, api.ErrBadSubject),
	"ErrHandlerRequired":                          errortest.Says(jetstream.ErrHandlerRequired, api.CategoryInput, "", jetstream.ErrJetStream, api.ErrInvalidCallback),
	"ErrAsyncPublishReplySubjectSet":              errortest.Says(jetstream.ErrAsyncPublishReplySubjectSet, api.CategoryInput, "", jetstream.ErrJetStream),
	"ErrNotJSMessage":                             errortest.Says(jetstream.ErrNotJSMessage, api.CategoryInput, "", jetstream.ErrJetStream),
	"ErrMsgAlreadyAckd":                           errortest.Says(jetstream.ErrMsgAlreadyAckd, api.CategoryInput, "", jetstream.ErrJetStream),
	"ErrNotPullConsumer":                          errortest.Says(jetstream.ErrNotPullConsumer, api.CategoryInput, "", jetstream.ErrJetStream),
	"ErrNotPushConsumer":                          errortest.Says(jetstream.ErrNotPushConsumer, api.CategoryInput, "", jetstream.ErrJetStream),
	"ErrConsumerAlreadyConsuming":                 errortest.Says(jetstream.ErrConsumerAlreadyConsuming, api.CategoryInput, "", jetstream.ErrJetStream),
	"ErrConsumerHasActiveSubscription":            errortest.Says(jetstream.ErrConsumerHasActiveSubscription, api.CategoryConflict, "", jetstream.ErrJetStream),
	"ErrConsumerNameAlreadyInUse":                 errortest.Says(jetstream.ErrConsumerNameAlreadyInUse, api.CategoryConflict, "", jetstream.ErrBadRequest),
	"ErrImmutable":                                errortest.Says(jetstream.ErrImmutable, api.CategoryInput, "", jetstream.ErrJetStream),
	"ErrInvalidJetStreamResponse":                 errortest.Says(jetstream.ErrInvalidJetStreamResponse, api.CategoryProtocol, "sent", jetstream.ErrJetStream),
	"ErrConsumerCreationResponseEmpty":            errortest.Says(jetstream.ErrConsumerCreationResponseEmpty, api.CategoryProtocol, "sent", jetstream.ErrInvalidJetStreamResponse),
	"ErrConsumerResetResponseEmpty":               errortest.Says(jetstream.ErrConsumerResetResponseEmpty, api.CategoryProtocol, "sent", jetstream.ErrInvalidJetStreamResponse),
	"ErrInvalidJSAck":                             errortest.Says(jetstream.ErrInvalidJSAck, api.CategoryProtocol, "sent", jetstream.ErrInvalidJetStreamResponse),
	"ErrEndOfData":                                errortest.Says(jetstream.ErrEndOfData, api.CategoryNotFound, "", jetstream.ErrJetStream),
	"ErrNotSupported":                             errortest.Says(jetstream.ErrNotSupported, api.CategoryServer, "sent", jetstream.ErrJetStream),
	"ErrStreamSubjectTransformNotSupported":       errortest.Says(jetstream.ErrStreamSubjectTransformNotSupported, api.CategoryServer, "sent", jetstream.ErrNotSupported),
	"ErrStreamSourceSubjectTransformNotSupported": errortest.Says(jetstream.ErrStreamSourceSubjectTransformNotSupported, api.CategoryServer, "sent", jetstream.ErrNotSupported),
	"ErrStreamSourceNotSupported":                 errortest.Says(jetstream.ErrStreamSourceNotSupported, api.CategoryServer, "sent", jetstream.ErrNotSupported),
	"ErrStreamSourceMultipleFilterSubjectsNotSupported": errortest.Says(jetstream.ErrStreamSourceMultipleFilterSubjectsNotSupported, api.CategoryServer, "sent", jetstream.ErrNotSupported),
	"ErrConsumerMultipleFilterSubjectsNotSupported":     errortest.Says(jetstream.ErrConsumerMultipleFilterSubjectsNotSupported, api.CategoryServer, "sent", jetstream.ErrNotSupported),
	"ErrNoStreamResponse":                               errortest.Says(jetstream.ErrNoStreamResponse, api.CategoryUnavailable, "retry", api.ErrNoResponders, jetstream.ErrJetStream),
	"ErrTooManyStalledMsgs":                             errortest.Says(jetstream.ErrTooManyStalledMsgs, api.CategoryLimit, "retry", jetstream.ErrJetStream),
	"ErrAsyncPublishTimeout":                            errortest.Says(jetstream.ErrAsyncPublishTimeout, api.CategoryTimeout, "retry sent", api.ErrTimeout, jetstream.ErrJetStream),
	"ErrJetStreamPublisherClosed":                       errortest.Says(jetstream.ErrJetStreamPublisherClosed, api.CategoryClosed, "sent", jetstream.ErrJetStream),
	"ErrFetchTimeout":                                   errortest.Says(jetstream.ErrFetchTimeout, api.CategoryTimeout, "retry", api.ErrTimeout, jetstream.ErrJetStream),
	"ErrNoMessages":                                     errortest.Says(jetstream.ErrNoMessages, api.CategoryTimeout, "retry", jetstream.ErrFetchTimeout),
	"ErrNoHeartbeat":                                    errortest.Says(jetstream.ErrNoHeartbeat, api.CategoryUnavailable, "retry", jetstream.ErrJetStream),
	"ErrMsgIteratorClosed":                              errortest.Says(jetstream.ErrMsgIteratorClosed, api.CategoryClosed, "", jetstream.ErrJetStream),
	"ErrPullBadRequest":                                 errortest.Says(jetstream.ErrPullBadRequest, api.CategoryInput, "", jetstream.ErrBadRequest),
	"ErrConsumerDeleted":                                errortest.Says(jetstream.ErrConsumerDeleted, api.CategoryNotFound, "", jetstream.ErrConsumerNotFound),
	"ErrConsumerLeadershipChanged":                      errortest.Says(jetstream.ErrConsumerLeadershipChanged, api.CategoryUnavailable, "retry", jetstream.ErrJetStream),
	"ErrServerShutdown":                                 errortest.Says(jetstream.ErrServerShutdown, api.CategoryUnavailable, "retry", jetstream.ErrJetStream),
	"ErrPinIDMismatch":                                  errortest.Says(jetstream.ErrPinIDMismatch, api.CategoryConflict, "retry", jetstream.ErrJetStream),
	"ErrMaxBytesExceeded":                               errortest.Says(jetstream.ErrMaxBytesExceeded, api.CategoryLimit, "retry", jetstream.ErrJetStream),
	"ErrBatchCompleted":                                 errortest.Says(jetstream.ErrBatchCompleted, api.CategoryLimit, "retry", jetstream.ErrJetStream),
	"ErrConsumerSequenceMismatch":                       errortest.Says(jetstream.ErrConsumerSequenceMismatch, api.CategoryLimit, "", jetstream.ErrJetStream),
	"ErrConsumerLimits":                                 errortest.Says(jetstream.ErrConsumerLimits, api.CategoryInput, "", jetstream.ErrJetStream),
	"ErrMaxRequestBatch":                                errortest.Says(jetstream.ErrMaxRequestBatch, api.CategoryInput, "", jetstream.ErrConsumerLimits),
	"ErrMaxRequestExpires":                              errortest.Says(jetstream.ErrMaxRequestExpires, api.CategoryInput, "", jetstream.ErrConsumerLimits),
	"ErrMaxRequestMaxBytes":                             errortest.Says(jetstream.ErrMaxRequestMaxBytes, api.CategoryInput, "", jetstream.ErrConsumerLimits),
	"ErrMaxWaiting":                                     errortest.Says(jetstream.ErrMaxWaiting, api.CategoryLimit, "retry", jetstream.ErrConsumerLimits),
	"ErrOrderedConsumerReset":                           errortest.Says(jetstream.ErrOrderedConsumerReset, api.CategoryUnavailable, "retry", jetstream.ErrJetStream),
	"ErrStreamRegressed":                                errortest.Says(jetstream.ErrStreamRegressed, api.CategoryConflict, "", jetstream.ErrJetStream),
	"ErrOrderConsumerUsedAsFetch":                       errortest.Says(jetstream.ErrOrderConsumerUsedAsFetch, api.CategoryInput, "", jetstream.ErrJetStream),
	"ErrOrderConsumerUsedAsConsume":                     errortest.Says(jetstream.ErrOrderConsumerUsedAsConsume, api.CategoryInput, "", jetstream.ErrJetStream),
	"ErrOrderedConsumerConcurrentRequests":              errortest.Says(jetstream.ErrOrderedConsumerConcurrentRequests, api.CategoryInput, "", jetstream.ErrJetStream),
	"ErrOrderedConsumerNotCreated":                      errortest.Says(jetstream.ErrOrderedConsumerNotCreated, api.CategoryInput, "", jetstream.ErrJetStream),
	"ErrMsgsReplaced":                                   errortest.Says(jetstream.ErrMsgsReplaced, api.CategoryConflict, "retry", jetstream.ErrJetStream),
	"ErrTooManyResults":                                 errortest.Says(jetstream.ErrTooManyResults, api.CategoryInput, "", jetstream.ErrAPI),
	"ErrJetStreamNotEnabled":                            errortest.Says(jetstream.ErrJetStreamNotEnabled, api.CategoryServer, "", jetstream.ErrServiceUnavailable),
	"ErrJetStreamNotEnabledForAccount":                  errortest.Says(jetstream.ErrJetStreamNotEnabledForAccount, api.CategoryPermission, "", jetstream.ErrServiceUnavailable),
	"ErrAccountNotFound":                                errortest.Says(jetstream.ErrAccountNotFound, api.CategoryAuthorization, "", jetstream.ErrServiceUnavailable),
	"ErrClusterNotAvailable":                            errortest.Says(jetstream.ErrClusterNotAvailable, api.CategoryUnavailable, "retry", jetstream.ErrServiceUnavailable),
	"ErrClusterNotLeader":                               errortest.Says(jetstream.ErrClusterNotLeader, api.CategoryUnavailable, "retry", jetstream.ErrServer),
	"ErrNotClustered":                                   errortest.Says(jetstream.ErrNotClustered, api.CategoryServer, "", jetstream.ErrServer),
	"ErrNotAssigned":                                    errortest.Says(jetstream.ErrNotAssigned, api.CategoryServer, "", jetstream.ErrServer),
	"ErrClusterRequired":                                errortest.Says(jetstream.ErrClusterRequired, api.CategoryServer, "", jetstream.ErrServiceUnavailable),
	"ErrNoSuitablePeers":                                errortest.Says(jetstream.ErrNoSuitablePeers, api.CategoryInput, "", jetstream.ErrBadRequest),
	"ErrPeerNotMember":                                  errortest.Says(jetstream.ErrPeerNotMember, api.CategoryInput, "", jetstream.ErrBadRequest),
	"ErrServerNotMember":                                errortest.Says(jetstream.ErrServerNotMember, api.CategoryInput, "", jetstream.ErrBadRequest),
	"ErrMemberChangeInProgress":                         errortest.Says(jetstream.ErrMemberChangeInProgress, api.CategoryUnavailable, "retry", jetstream.ErrBadRequest),
	"ErrInsufficientResources":                          errortest.Says(jetstream.ErrInsufficientResources, api.CategoryLimit, "retry", jetstream.ErrServiceUnavailable),
	"ErrAccountResourcesExceeded":                       errortest.Says(jetstream.ErrAccountResourcesExceeded, api.CategoryLimit, "retry", jetstream.ErrBadRequest),
	"ErrInsufficientMemory":                             errortest.Says(jetstream.ErrInsufficientMemory, api.CategoryLimit, "", jetstream.ErrServer),
	"ErrInsufficientStorage":                            errortest.Says(jetstream.ErrInsufficientStorage, api.CategoryLimit, "", jetstream.ErrServer),
	"ErrMaximumStreamsLimit":                            errortest.Says(jetstream.ErrMaximumStreamsLimit, api.CategoryLimit, "", jetstream.ErrBadRequest),
	"ErrMaximumConsumersLimit":                          errortest.Says(jetstream.ErrMaximumConsumersLimit, api.CategoryLimit, "", jetstream.ErrBadRequest),
	"ErrMaxBytesRequired":                               errortest.Says(jetstream.ErrMaxBytesRequired, api.CategoryInput, "", jetstream.ErrBadRequest),
	"ErrMaxStreamBytesExceeded":                         errortest.Says(jetstream.ErrMaxStreamBytesExceeded, api.CategoryInput, "", jetstream.ErrBadRequest),
	"ErrNoLimits":                                       errortest.Says(jetstream.ErrNoLimits, api.CategoryInput, "", jetstream.ErrBadRequest),
	"ErrRequiredAPILevel":                               errortest.Says(jetstream.ErrRequiredAPILevel, api.CategoryServer, "", jetstream.ErrAPI),
	"ErrAPIBadRequest":                                  errortest.Says(jetstream.ErrAPIBadRequest, api.CategoryInput, "", jetstream.ErrBadRequest),
	"ErrInvalidJSON":                                    errortest.Says(jetstream.ErrInvalidJSON, api.CategoryInput, "", jetstream.ErrBadRequest),
	"ErrNotEmptyRequest":                                errortest.Says(jetstream.ErrNotEmptyRequest, api.CategoryInput, "", jetstream.ErrBadRequest),
	"ErrPedantic":                                       errortest.Says(jetstream.ErrPedantic, api.CategoryInput, "", jetstream.ErrBadRequest),
	"ErrStreamNotFound":                                 errortest.Says(jetstream.ErrStreamNotFound, api.CategoryNotFound, "", jetstream.ErrNotFound),
	"ErrStreamNameAlreadyInUse":                         errortest.Says(jetstream.ErrStreamNameAlreadyInUse, api.CategoryConflict, "", jetstream.ErrBadRequest),
	"ErrSubjectOverlap":                                 errortest.Says(jetstream.ErrSubjectOverlap, api.CategoryInput, "", jetstream.ErrBadRequest),
	"ErrStreamMismatch":                                 errortest.Says(jetstream.ErrStreamMismatch, api.CategoryInput, "", jetstream.ErrBadRequest),
	"ErrStreamInvalidConfig":                            errortest.Says(jetstream.ErrStreamInvalidConfig, api.CategoryInput, "", jetstream.ErrServer),
	"ErrStreamCreate":                                   errortest.Says(jetstream.ErrStreamCreate, api.CategoryServer, "sent", jetstream.ErrServer),
	"ErrStreamUpdate":                                   errortest.Says(jetstream.ErrStreamUpdate, api.CategoryServer, "sent", jetstream.ErrServer),
	"ErrStreamDelete":                                   errortest.Says(jetstream.ErrStreamDelete, api.CategoryServer, "sent", jetstream.ErrServer),
	"ErrStreamRestore":                                  errortest.Says(jetstream.ErrStreamRestore, api.CategoryServer, "sent", jetstream.ErrServer),
	"ErrStreamSnapshot":                                 errortest.Says(jetstream.ErrStreamSnapshot, api.CategoryServer, "sent", jetstream.ErrServer),
	"ErrReplicasNotSupported":                           errortest.Says(jetstream.ErrReplicasNotSupported, api.CategoryInput, "", jetstream.ErrServer),
	"ErrStreamMirrorNotUpdatable":                       errortest.Says(jetstream.ErrStreamMirrorNotUpdatable, api.CategoryInput, "", jetstream.ErrImmutable, jetstream.ErrBadRequest),
	"ErrStreamOffline":                                  errortest.Says(jetstream.ErrStreamOffline, api.CategoryUnavailable, "retry", jetstream.ErrServer),
	"ErrStreamSealed":                                   errortest.Says(jetstream.ErrStreamSealed, api.CategoryInput, "", jetstream.ErrBadRequest),
	"ErrStreamMoveInProgress":                           errortest.Says(jetstream.ErrStreamMoveInProgress, api.CategoryUnavailable, "retry", jetstream.ErrBadRequest),
	"ErrStreamReconfigureInProgress":                    errortest.Says(jetstream.ErrStreamReconfigureInProgress, api.CategoryUnavailable, "retry", jetstream.ErrBadRequest),
	"ErrStreamReconfigureNotInProgress":                 errortest.Says(jetstream.ErrStreamReconfigureNotInProgress, api.CategoryInput, "", jetstream.ErrBadRequest),
	"ErrStreamMoveAndScale":                             errortest.Says(jetstream.ErrStreamMoveAndScale, api.CategoryInput, "", jetstream.ErrBadRequest),
	"ErrPurgeFailed":                                    errortest.Says(jetstream.ErrPurgeFailed, api.CategoryInput, "", jetstream.ErrServer),
	"ErrMsgNotFound":                                    errortest.Says(jetstream.ErrMsgNotFound, api.CategoryNotFound, "", jetstream.ErrNotFound),
	"ErrMsgDeleteUnsuccessful":                          errortest.Says(jetstream.ErrMsgDeleteUnsuccessful, api.CategoryInput, "", jetstream.ErrServer),
	"ErrSequenceNotFound":                               errortest.Says(jetstream.ErrSequenceNotFound, api.CategoryNotFound, "", jetstream.ErrMsgNotFound, jetstream.ErrMsgDeleteUnsuccessful, jetstream.ErrBadRequest),
	"ErrMirrorConfig":                                   errortest.Says(jetstream.ErrMirrorConfig, api.CategoryInput, "", jetstream.ErrBadRequest),
	"ErrSourceConfig":                                   errortest.Says(jetstream.ErrSourceConfig, api.CategoryInput, "", jetstream.ErrBadRequest),
	"ErrMirrorWithSubjects":                             errortest.Says(jetstream.ErrMirrorWithSubjects, api.CategoryInput, "", jetstream.ErrMirrorConfig, jetstream.ErrBadRequest),
	"ErrMirrorWithSources":                              errortest.Says(jetstream.ErrMirrorWithSources, api.CategoryInput, "", jetstream.ErrMirrorConfig, jetstream.ErrBadRequest),
	"ErrMirrorWithFirstSeq":                             errortest.Says(jetstream.ErrMirrorWithFirstSeq, api.CategoryInput, "", jetstream.ErrMirrorConfig, jetstream.ErrBadRequest),
	"ErrMirrorWithMsgSchedules":                         errortest.Says(jetstream.ErrMirrorWithMsgSchedules, api.CategoryInput, "", jetstream.ErrMirrorConfig, jetstream.ErrBadRequest),
	"ErrSourceWithMsgSchedules":                         errortest.Says(jetstream.ErrSourceWithMsgSchedules, api.CategoryInput, "", jetstream.ErrSourceConfig, jetstream.ErrBadRequest),
	"ErrWrongLastSequence":                              errortest.Says(jetstream.ErrWrongLastSequence, api.CategoryConflict, "", jetstream.ErrBadRequest),
	"ErrWrongLastMsgID":                                 errortest.Says(jetstream.ErrWrongLastMsgID, api.CategoryConflict, "", jetstream.ErrBadRequest),
	"ErrExpectedStream":                                 errortest.Says(jetstream.ErrExpectedStream, api.CategoryInput, "", jetstream.ErrBadRequest),
	"ErrStreamSequenceMismatch":                         errortest.Says(jetstream.ErrStreamSequenceMismatch, api.CategoryConflict, "", jetstream.ErrServiceUnavailable),
	"ErrExpectedLastSequenceInvalid":                    errortest.Says(jetstream.ErrExpectedLastSequenceInvalid, api.CategoryInput, "", jetstream.ErrBadRequest),
	"ErrStreamStoreFailed":                              errortest.Says(jetstream.ErrStreamStoreFailed, api.CategoryLimit, "retry", jetstream.ErrServiceUnavailable),
	"ErrMaxMessagesExceeded":                            errortest.Says(jetstream.ErrMaxMessagesExceeded, api.CategoryLimit, "retry", jetstream.ErrStreamStoreFailed),
	"ErrMaxStoredBytesExceeded":                         errortest.Says(jetstream.ErrMaxStoredBytesExceeded, api.CategoryLimit, "retry", jetstream.ErrStreamStoreFailed),
	"ErrMaxMessagesPerSubjectExceeded":                  errortest.Says(jetstream.ErrMaxMessagesPerSubjectExceeded, api.CategoryLimit, "retry", jetstream.ErrStreamStoreFailed),
	"ErrStreamMessageExceedsMaximum":                    errortest.Says(jetstream.ErrStreamMessageExceedsMaximum, api.CategoryInput, "", jetstream.ErrBadRequest),
	"ErrStreamHeaderExceedsMaximum":                     errortest.Says(jetstream.ErrStreamHeaderExceedsMaximum, api.CategoryInput, "", jetstream.ErrBadRequest),
	"ErrDuplicateMsgInProcess":                          errortest.Says(jetstream.ErrDuplicateMsgInProcess, api.CategoryConflict, "retry", jetstream.ErrAPI),
	"ErrRollupFailed":                                   errortest.Says(jetstream.ErrRollupFailed, api.CategoryInput, "", jetstream.ErrServer),
	"ErrMsgTTLInvalid":                                  errortest.Says(jetstream.ErrMsgTTLInvalid, api.CategoryInput, "", jetstream.ErrBadRequest),
	"ErrMsgTTLDisabled":                                 errortest.Says(jetstream.ErrMsgTTLDisabled, api.CategoryInput, "", jetstream.ErrBadRequest),
	"ErrMsgSourceHeader":                                errortest.Says(jetstream.ErrMsgSourceHeader, api.CategoryInput, "", jetstream.ErrBadRequest),
	"ErrCounter":                                        errortest.Says(jetstream.ErrCounter, api.CategoryInput, "", jetstream.ErrBadRequest),
	"ErrCounterDisabled":                                errortest.Says(jetstream.ErrCounterDisabled, api.CategoryInput, "", jetstream.ErrCounter, jetstream.ErrBadRequest),
	"ErrCounterIncrMissing":                             errortest.Says(jetstream.ErrCounterIncrMissing, api.CategoryInput, "", jetstream.ErrCounter, jetstream.ErrBadRequest),
	"ErrCounterPayload":                                 errortest.Says(jetstream.ErrCounterPayload, api.CategoryInput, "", jetstream.ErrCounter, jetstream.ErrBadRequest),
	"ErrCounterIncrInvalid":                             errortest.Says(jetstream.ErrCounterIncrInvalid, api.CategoryInput, "", jetstream.ErrCounter, jetstream.ErrBadRequest),
	"ErrCounterBroken":                                  errortest.Says(jetstream.ErrCounterBroken, api.CategoryServer, "", jetstream.ErrCounter, jetstream.ErrBadRequest),
	"ErrAtomicPublish":                                  errortest.Says(jetstream.ErrAtomicPublish, api.CategoryInput, "", jetstream.ErrBadRequest),
	"ErrAtomicPublishDisabled":                          errortest.Says(jetstream.ErrAtomicPublishDisabled, api.CategoryInput, "", jetstream.ErrAtomicPublish, jetstream.ErrBadRequest),
	"ErrAtomicPublishMissingSeq":                        errortest.Says(jetstream.ErrAtomicPublishMissingSeq, api.CategoryInput, "", jetstream.ErrAtomicPublish, jetstream.ErrBadRequest),
	"ErrAtomicPublishIncompleteBatch":                   errortest.Says(jetstream.ErrAtomicPublishIncompleteBatch, api.CategoryLimit, "retry", jetstream.ErrAtomicPublish, jetstream.ErrBadRequest),
	"ErrAtomicPublishUnsupportedHeader":                 errortest.Says(jetstream.ErrAtomicPublishUnsupportedHeader, api.CategoryInput, "", jetstream.ErrAtomicPublish, jetstream.ErrBadRequest),
	"ErrAtomicPublishInvalidBatchID":                    errortest.Says(jetstream.ErrAtomicPublishInvalidBatchID, api.CategoryInput, "", jetstream.ErrAtomicPublish, jetstream.ErrBadRequest),
	"ErrAtomicPublishTooLargeBatch":                     errortest.Says(jetstream.ErrAtomicPublishTooLargeBatch, api.CategoryInput, "", jetstream.ErrAtomicPublish, jetstream.ErrBadRequest),
	"ErrAtomicPublishInvalidBatchCommit":                errortest.Says(jetstream.ErrAtomicPublishInvalidBatchCommit, api.CategoryInput, "", jetstream.ErrAtomicPublish, jetstream.ErrBadRequest),
	"ErrBatchDuplicate":                                 errortest.Says(jetstream.ErrBatchDuplicate, api.CategoryInput, "", jetstream.ErrAtomicPublish, jetstream.ErrBadRequest),
	"ErrTooManyInflightBatches":                         errortest.Says(jetstream.ErrTooManyInflightBatches, api.CategoryLimit, "retry", jetstream.ErrTooManyRequests),
	"ErrBatchPublish":                                   errortest.Says(jetstream.ErrBatchPublish, api.CategoryInput, "", jetstream.ErrBadRequest),
	"ErrBatchPublishDisabled":                           errortest.Says(jetstream.ErrBatchPublishDisabled, api.CategoryInput, "", jetstream.ErrBatchPublish, jetstream.ErrBadRequest),
	"ErrBatchPublishInvalidPattern":                     errortest.Says(jetstream.ErrBatchPublishInvalidPattern, api.CategoryInput, "", jetstream.ErrBatchPublish, jetstream.ErrBadRequest),
	"ErrBatchPublishInvalidBatchID":                     errortest.Says(jetstream.ErrBatchPublishInvalidBatchID, api.CategoryInput, "", jetstream.ErrBatchPublish, jetstream.ErrBadRequest),
	"ErrBatchPublishUnknownBatchID":                     errortest.Says(jetstream.ErrBatchPublishUnknownBatchID, api.CategoryNotFound, "", jetstream.ErrBatchPublish, jetstream.ErrBadRequest),
	"ErrSchedule":                                       errortest.Says(jetstream.ErrSchedule, api.CategoryInput, "", jetstream.ErrBadRequest),
	"ErrMessageSchedulesDisabled":                       errortest.Says(jetstream.ErrMessageSchedulesDisabled, api.CategoryInput, "", jetstream.ErrSchedule, jetstream.ErrBadRequest),
	"ErrSchedulePatternInvalid":                         errortest.Says(jetstream.ErrSchedulePatternInvalid, api.CategoryInput, "", jetstream.ErrSchedule, jetstream.ErrBadRequest),
	"ErrScheduleTargetInvalid":                          errortest.Says(jetstream.ErrScheduleTargetInvalid, api.CategoryInput, "", jetstream.ErrSchedule, jetstream.ErrBadRequest),
	"ErrScheduleSourceInvalid":                          errortest.Says(jetstream.ErrScheduleSourceInvalid, api.CategoryInput, "", jetstream.ErrSchedule, jetstream.ErrBadRequest),
	"ErrScheduleTTLInvalid":                             errortest.Says(jetstream.ErrScheduleTTLInvalid, api.CategoryInput, "", jetstream.ErrSchedule, jetstream.ErrBadRequest),
	"ErrScheduleRollupInvalid":                          errortest.Says(jetstream.ErrScheduleRollupInvalid, api.CategoryInput, "", jetstream.ErrSchedule, jetstream.ErrBadRequest),
	"ErrScheduleSchedulerInvalid":                       errortest.Says(jetstream.ErrScheduleSchedulerInvalid, api.CategoryInput, "", jetstream.ErrSchedule, jetstream.ErrBadRequest),
	"ErrScheduleTimeZoneInvalid":                        errortest.Says(jetstream.ErrScheduleTimeZoneInvalid, api.CategoryInput, "", jetstream.ErrSchedule, jetstream.ErrBadRequest),
	"ErrConsumerNotFound":                               errortest.Says(jetstream.ErrConsumerNotFound, api.CategoryNotFound, "", jetstream.ErrNotFound),
	"ErrConsumerExists":                                 errortest.Says(jetstream.ErrConsumerExists, api.CategoryConflict, "", jetstream.ErrBadRequest),
	"ErrConsumerDoesNotExist":                           errortest.Says(jetstream.ErrConsumerDoesNotExist, api.CategoryNotFound, "", jetstream.ErrConsumerNotFound, jetstream.ErrBadRequest),
	"ErrConsumerActive":                                 errortest.Says(jetstream.ErrConsumerActive, api.CategoryConflict, "", jetstream.ErrBadRequest),
	"ErrConsumerCreate":                                 errortest.Says(jetstream.ErrConsumerCreate, api.CategoryInput, "", jetstream.ErrServer),
	"ErrConsumerConfig":                                 errortest.Says(jetstream.ErrConsumerConfig, api.CategoryInput, "", jetstream.ErrBadRequest),
	"ErrDuplicateFilterSubjects":                        errortest.Says(jetstream.ErrDuplicateFilterSubjects, api.CategoryInput, "", jetstream.ErrConsumerConfig, jetstream.ErrBadRequest),
	"ErrOverlappingFilterSubjects":                      errortest.Says(jetstream.ErrOverlappingFilterSubjects, api.CategoryInput, "", jetstream.ErrConsumerConfig, jetstream.ErrBadRequest),
	"ErrEmptyFilter":                                    errortest.Says(jetstream.ErrEmptyFilter, api.CategoryInput, "", jetstream.ErrConsumerConfig, jetstream.ErrBadRequest),
	"ErrFilterMismatch":                                 errortest.Says(jetstream.ErrFilterMismatch, api.CategoryInput, "", jetstream.ErrConsumerConfig, jetstream.ErrBadRequest),
	"ErrDurableNameMismatch":                            errortest.Says(jetstream.ErrDurableNameMismatch, api.CategoryInput, "", jetstream.ErrConsumerConfig, jetstream.ErrBadRequest),
	"ErrWorkQueue":                                      errortest.Says(jetstream.ErrWorkQueue, api.CategoryInput, "", jetstream.ErrConsumerConfig),
	"ErrWorkQueueRequiresAck":                           errortest.Says(jetstream.ErrWorkQueueRequiresAck, api.CategoryInput, "", jetstream.ErrWorkQueue, jetstream.ErrBadRequest),
	"ErrWorkQueueRequiresExplicitAck":                   errortest.Says(jetstream.ErrWorkQueueRequiresExplicitAck, api.CategoryInput, "", jetstream.ErrWorkQueue, jetstream.ErrBadRequest),
	"ErrWorkQueueMultipleUnfiltered":                    errortest.Says(jetstream.ErrWorkQueueMultipleUnfiltered, api.CategoryInput, "", jetstream.ErrWorkQueue, jetstream.ErrBadRequest),
	"ErrWorkQueueNotUnique":                             errortest.Says(jetstream.ErrWorkQueueNotUnique, api.CategoryInput, "", jetstream.ErrWorkQueue, jetstream.ErrBadRequest),
	"ErrWorkQueueNotDeliverAll":                         errortest.Says(jetstream.ErrWorkQueueNotDeliverAll, api.CategoryInput, "", jetstream.ErrWorkQueue, jetstream.ErrBadRequest),
	"ErrFlowControlNeedsHeartbeat":                      errortest.Says(jetstream.ErrFlowControlNeedsHeartbeat, api.CategoryInput, "", jetstream.ErrConsumerConfig, jetstream.ErrBadRequest),
	"ErrSmallHeartbeat":                                 errortest.Says(jetstream.ErrSmallHeartbeat, api.CategoryInput, "", jetstream.ErrConsumerConfig, jetstream.ErrBadRequest),
	"ErrDeliverWildcards":                               errortest.Says(jetstream.ErrDeliverWildcards, api.CategoryInput, "", jetstream.ErrConsumerConfig, jetstream.ErrBadRequest),
	"ErrDeliverCycle":                                   errortest.Says(jetstream.ErrDeliverCycle, api.CategoryInput, "", jetstream.ErrConsumerConfig, jetstream.ErrBadRequest),
	"ErrPriorityGroup":                                  errortest.Says(jetstream.ErrPriorityGroup, api.CategoryInput, "", jetstream.ErrConsumerConfig),
	"ErrConsumerInvalidReset":                           errortest.Says(jetstream.ErrConsumerInvalidReset, api.CategoryInput, "", jetstream.ErrBadRequest),
	"ErrConsumerOffline":                                errortest.Says(jetstream.ErrConsumerOffline, api.CategoryUnavailable, "retry", jetstream.ErrServer),
	"ErrStreamIdentityMismatch":                         errortest.Says(jetstream.ErrStreamIdentityMismatch, api.CategoryConflict, "", jetstream.ErrBadRequest),
	"ErrAmbiguousSubject":                               errortest.Says(jetstream.ErrAmbiguousSubject, api.CategoryInput, "", jetstream.ErrJetStream),
	"ErrIncomplete":                                     errortest.Says(jetstream.ErrIncomplete, api.CategoryUnavailable, "retry", jetstream.ErrJetStream),
	"ErrNotSystemAccount":                               errortest.Says(jetstream.ErrNotSystemAccount, api.CategoryPermission, "", jetstream.ErrJetStream),
	"ErrDirectAccessRequired":                           errortest.Says(jetstream.ErrDirectAccessRequired, api.CategoryServer, "", jetstream.ErrJetStream),
	"ErrSubjectRequired":                                errortest.Says(jetstream.ErrSubjectRequired, api.CategoryInput, "", jetstream.ErrInvalidOption),
	"ErrPublishUnknown":                                 errortest.Says(jetstream.ErrPublishUnknown, api.CategoryUnknown, "retry sent", jetstream.ErrJetStream),
	"ErrInterrupted":                                    errortest.Says(jetstream.ErrInterrupted, api.CategoryUnavailable, "retry", jetstream.ErrJetStream),
	"ErrDigestMismatch":                                 errortest.Says(jetstream.ErrDigestMismatch, api.CategoryInput, "", jetstream.ErrJetStream),
	"ErrNoBatchFailed":                                  errortest.Says(jetstream.ErrNoBatchFailed, api.CategoryInput, "", jetstream.ErrJetStream),
	"ErrBatchClosed":                                    errortest.Says(jetstream.ErrBatchClosed, api.CategoryClosed, "", jetstream.ErrJetStream),
	"ErrEmptyBatch":                                     errortest.Says(jetstream.ErrEmptyBatch, api.CategoryInput, "", jetstream.ErrJetStream),
	"ErrInvalidBatchAck":                                errortest.Says(jetstream.ErrInvalidBatchAck, api.CategoryProtocol, "sent", jetstream.ErrInvalidJSAck),
	"ErrBatchAbandoned":                                 errortest.Says(jetstream.ErrBatchAbandoned, api.CategoryLimit, "retry", jetstream.ErrAtomicPublish),
	"ErrFastBatchGap":                                   errortest.Says(jetstream.ErrFastBatchGap, api.CategoryConnection, "", jetstream.ErrJetStream),
	"ErrFastBatchUnknown":                               errortest.Says(jetstream.ErrFastBatchUnknown, api.CategoryConnection, "sent", jetstream.ErrJetStream),
	"ErrCounterNotEnabled":                              errortest.Says(jetstream.ErrCounterNotEnabled, api.CategoryServer, "", jetstream.ErrCounter),
	"ErrInvalidCounterValue":                            errortest.Says(jetstream.ErrInvalidCounterValue, api.CategoryInput, "", jetstream.ErrCounter),
	"ErrNoCounterForSubject":                            errortest.Says(jetstream.ErrNoCounterForSubject, api.CategoryNotFound, "", jetstream.ErrMsgNotFound),
	"ErrScheduleNotFound":                               errortest.Says(jetstream.ErrScheduleNotFound, api.CategoryNotFound, "", jetstream.ErrMsgNotFound),
}

func said(code int, number jetstream.ErrorCode, text string) *jetstream.APIError {
	return &jetstream.APIError{Code: code, ErrorCode: number, Description: text}
}

// saidTo is the answer of a server to a call about the stream ORDERS.
func saidTo(op string, code int, number jetstream.ErrorCode, text string) *jetstream.APIError {
	return &jetstream.APIError{Op: op, Stream: "ORDERS", Code: code, ErrorCode: number, Description: text}
}

// badJSON is the error of a parser for a truncated answer.
var badJSON = json.Unmarshal([]byte(`{"type":`), new(struct{}))

// dataAnswers lists every exported error type, with what matters in it.
var dataAnswers = map[string][]errortest.Verdict{
	"JetStreamError": nil, // an interface
	"APIError": {
		errortest.Says(saidTo("stream info", 404, 10059, "stream not found"), api.CategoryNotFound, "", jetstream.ErrStreamNotFound, jetstream.ErrNotFound, jetstream.ErrAPI, jetstream.ErrJetStream),
		errortest.Says(saidTo("create stream", 400, 10058, "stream name already in use with a different configuration"), api.CategoryConflict, "", jetstream.ErrStreamNameAlreadyInUse, jetstream.ErrBadRequest),
		errortest.Says(saidTo("create stream", 400, 10003, "bad request"), api.CategoryInput, "", jetstream.ErrBadRequest, jetstream.ErrAPIBadRequest),
		errortest.Says(saidTo("create stream", 503, 10008, "JetStream system temporarily unavailable"), api.CategoryUnavailable, "retry", jetstream.ErrClusterNotAvailable, jetstream.ErrServiceUnavailable),
		errortest.Says(saidTo("publish", 503, 10077, "maximum bytes exceeded"), api.CategoryLimit, "retry", jetstream.ErrMaxStoredBytesExceeded, jetstream.ErrStreamStoreFailed),
		errortest.Says(saidTo("publish", 503, 10077, "no space left on device"), api.CategoryLimit, "retry", jetstream.ErrStreamStoreFailed),
		errortest.Says(&jetstream.APIError{Op: "delete message", Stream: "ORDERS", Seq: 7, Code: 500, ErrorCode: 10057, Description: "no message found"}, api.CategoryNotFound, "", jetstream.ErrSequenceNotFound, jetstream.ErrMsgNotFound, jetstream.ErrMsgDeleteUnsuccessful, jetstream.ErrServer),
		errortest.Says(&jetstream.APIError{Op: "delete message", Stream: "ORDERS", Seq: 7, Code: 500, ErrorCode: 10057, Description: "message delete not permitted"}, api.CategoryInput, "", jetstream.ErrMsgDeleteUnsuccessful, jetstream.ErrServer),
		errortest.Says(saidTo("stream info", 500, 10194, "stream is offline: unsupported"), api.CategoryUnavailable, "retry", jetstream.ErrStreamOffline),
		errortest.Says(saidTo("create stream", 400, 10150, "mirrored streams do not support counters"), api.CategoryInput, "", jetstream.ErrMirrorConfig),
		errortest.Says(saidTo("publish", 429, 10211, "too many inflight atomic publish batches"), api.CategoryLimit, "retry", jetstream.ErrTooManyInflightBatches, jetstream.ErrTooManyRequests),
		errortest.Says(said(400, 19999, "of tomorrow"), api.CategoryInput, "", jetstream.ErrBadRequest),
		errortest.Says(said(500, 19999, "of tomorrow"), api.CategoryServer, "sent", jetstream.ErrServer),
		errortest.Says(said(418, 0, ""), api.CategoryServer, "", jetstream.ErrAPI),
	},
	"WrongLastSequenceError": {errortest.Says(&jetstream.WrongLastSequenceError{Expected: 4, Actual: 5, HasActual: true, Err: saidTo("publish", 400, 10071, "wrong last sequence: 5")}, api.CategoryConflict, "", jetstream.ErrWrongLastSequence, jetstream.ErrBadRequest)},
	"PublishError": {
		errortest.Says(&jetstream.PublishError{Subject: "orders.new", Attempts: 3, Err: jetstream.ErrNoStreamResponse}, api.CategoryUnavailable, "retry", jetstream.ErrNoStreamResponse, api.ErrNoResponders, jetstream.ErrJetStream),
		errortest.Says(&jetstream.PublishError{Subject: "orders.new", MsgID: "order-7", Stream: "ORDERS", Unknown: true, Err: context.DeadlineExceeded}, api.CategoryTimeout, "retry sent", jetstream.ErrPublishUnknown, context.DeadlineExceeded, jetstream.ErrJetStream),
		errortest.Says(&jetstream.PublishError{Subject: "orders.new", Attempts: 1, Unknown: true, Err: jetstream.ErrAsyncPublishTimeout}, api.CategoryTimeout, "retry sent", jetstream.ErrAsyncPublishTimeout, jetstream.ErrPublishUnknown, api.ErrTimeout),
		errortest.Says(&jetstream.PublishError{Subject: "orders.new", Err: jetstream.ErrAsyncPublishTimeout}, api.CategoryTimeout, "retry", api.ErrTimeout, jetstream.ErrJetStream),
	},
	"StalledError": {errortest.Says(&jetstream.StalledError{Pending: 4000, Max: 4000, Waited: 200 * time.Millisecond}, api.CategoryLimit, "retry", jetstream.ErrTooManyStalledMsgs)},
	"FetchError": {
		errortest.Says(&jetstream.FetchError{Stream: "ORDERS", Consumer: "billing", Requested: 5, Status: 408, Description: "Request Timeout", Err: jetstream.ErrFetchTimeout}, api.CategoryTimeout, "retry", jetstream.ErrFetchTimeout, api.ErrTimeout, context.DeadlineExceeded),
		errortest.Says(&jetstream.FetchError{Stream: "ORDERS", Consumer: "billing", Requested: 5, Status: 404, Description: "No Messages", Err: jetstream.ErrNoMessages}, api.CategoryTimeout, "retry", jetstream.ErrNoMessages, jetstream.ErrFetchTimeout),
	},
	"ConsumerSequenceMismatchError": {errortest.Says(&jetstream.ConsumerSequenceMismatchError{Stream: "ORDERS", Consumer: "billing", StreamResumeSequence: 41, ConsumerSequence: 17, LastConsumerSequence: 19}, api.CategoryLimit, "", jetstream.ErrConsumerSequenceMismatch, jetstream.ErrJetStream)},
	"StreamRegressedError":          {errortest.Says(&jetstream.StreamRegressedError{Stream: "ORDERS", Seen: 41, Last: 7, Resume: time.Date(2026, time.March, 1, 12, 30, 0, 0, time.UTC)}, api.CategoryConflict, "", jetstream.ErrStreamRegressed)},
	"OptionError": {
		errortest.Says(&jetstream.OptionError{Option: "WithDefaultTimeout", Reason: "is not positive"}, api.CategoryInput, "", jetstream.ErrInvalidOption, api.ErrInvalidArg),
		errortest.Says(&jetstream.OptionError{Option: "Consume", Reason: "has no handler", Err: jetstream.ErrHandlerRequired}, api.CategoryInput, "", jetstream.ErrHandlerRequired, jetstream.ErrInvalidOption),
	},
	"NameError":             {errortest.Says(&jetstream.NameError{Name: "orders new", Reason: "has a blank", Err: jetstream.ErrInvalidSubject}, api.CategoryInput, "", jetstream.ErrInvalidSubject, api.ErrBadSubject)},
	"ResponseError":         {errortest.Says(&jetstream.ResponseError{Err: badJSON}, api.CategoryProtocol, "sent", jetstream.ErrInvalidJetStreamResponse)},
	"APILevelError":         {errortest.Says(&jetstream.APILevelError{Op: "create stream", Feature: "AllowMsgCounter", Needed: 2, Have: 1}, api.CategoryServer, "", jetstream.ErrRequiredAPILevel)},
	"CallError":             {errortest.Says(&jetstream.CallError{Op: "create stream", Stream: "ORDERS", Err: api.ErrNoResponders}, api.CategoryUnavailable, "retry", api.ErrNoResponders, jetstream.ErrServiceUnavailable)},
	"ConfigError":           {errortest.Says(&jetstream.ConfigError{Asset: "stream", Name: "my orders", Field: "Name", Reason: "has a blank", Kind: jetstream.ErrInvalidStreamName}, api.CategoryInput, "", jetstream.ErrInvalidConfig, jetstream.ErrInvalidStreamName)},
	"AmbiguousSubjectError": {errortest.Says(&jetstream.AmbiguousSubjectError{Subject: "orders.new", Streams: []string{"ARCHIVE", "ORDERS"}}, api.CategoryInput, "", jetstream.ErrAmbiguousSubject)},
	"SubjectNotFoundError":  {errortest.Says(&jetstream.SubjectNotFoundError{Subject: "orders.new"}, api.CategoryNotFound, "", jetstream.ErrStreamNotFound)},
	"IncompleteError":       {errortest.Says(&jetstream.IncompleteError{Op: "list streams", Listed: 256, Err: api.ErrTimeout}, api.CategoryUnavailable, "retry", jetstream.ErrIncomplete, api.ErrTimeout)},
	"NotSupportedError":     {errortest.Says(&jetstream.NotSupportedError{Op: "create stream", Stream: "ORDERS", Feature: "Sources", RolledBack: true, Err: jetstream.ErrStreamSourceNotSupported}, api.CategoryServer, "sent", jetstream.ErrNotSupported)},
	"ConsumerTypeError":     {errortest.Says(&jetstream.ConsumerTypeError{Stream: "ORDERS", Consumer: "billing", Err: jetstream.ErrNotPullConsumer}, api.CategoryInput, "", jetstream.ErrNotPullConsumer)},
	"InterruptedError":      {errortest.Says(&jetstream.InterruptedError{Op: "restore", Stream: "ORDERS", Chunks: 3, Bytes: 393216, Reason: "the link was lost", Err: api.ErrDisconnected}, api.CategoryUnavailable, "retry", jetstream.ErrInterrupted, api.ErrDisconnected)},
	"ImmutableError":        {errortest.Says(&jetstream.ImmutableError{Plan: &jetstream.Plan{Stream: "ORDERS", Changes: []jetstream.Change{{Field: "Storage", From: "File", To: "Memory", Impossible: "the storage of a stream stays"}}}}, api.CategoryInput, "", jetstream.ErrImmutable)},
	"BatchError": {
		errortest.Says(&jetstream.BatchError{BatchID: "b7", Size: 3, Outcome: jetstream.BatchUnknown, Err: jetstream.ErrAsyncPublishTimeout}, api.CategoryTimeout, "retry sent", api.ErrTimeout, jetstream.ErrAsyncPublishTimeout, jetstream.ErrJetStream),
		errortest.Says(&jetstream.BatchError{BatchID: "b7", Size: 3, Outcome: jetstream.BatchRejected, Err: saidTo("publish", 400, 10176, "atomic publish batch is incomplete")}, api.CategoryLimit, "retry", jetstream.ErrAtomicPublishIncompleteBatch),
	},
	"BatchMsgError":    {errortest.Says(&jetstream.BatchMsgError{Seq: 3, Subject: "orders.new", Field: "Nats-Msg-Id", Reason: "was used before in this batch", Err: jetstream.ErrBatchDuplicate}, api.CategoryInput, "", jetstream.ErrBatchDuplicate)},
	"FastMsgError":     {errortest.Says(&jetstream.FastMsgError{Seq: 12, Err: saidTo("fast publish", 400, 10071, "wrong last sequence: 5")}, api.CategoryConflict, "", jetstream.ErrWrongLastSequence)},
	"FastGapError":     {errortest.Says(&jetstream.FastGapError{First: 12, Last: 14}, api.CategoryConnection, "", jetstream.ErrFastBatchGap)},
	"FastUnknownError": {errortest.Says(&jetstream.FastUnknownError{First: 12, Last: 14}, api.CategoryConnection, "sent", jetstream.ErrFastBatchUnknown)},
	"AckError":         {errortest.Says(&jetstream.AckError{Data: []byte("hello")}, api.CategoryProtocol, "sent", jetstream.ErrInvalidJSAck)},
}

func TestEveryErrorHasItsAnswers(t *testing.T) {
	errortest.List{Package: "jetstream", Kinds: kindAnswers, All: jetstream.Kinds, Data: dataAnswers}.Check(t)
}

// TestErrorsAreThoseOfTheirCodes: a kind that servers send matches an answer with its code, and
// the other way round, also if a program built the answer.
func TestErrorsAreThoseOfTheirCodes(t *testing.T) {
	for name, a := range kindAnswers {
		asked, ok := a.Err.(jetstream.JetStreamError) // the kind itself, not a parent
		if !ok || asked.APIError() == nil {
			continue
		}
		t.Run(name, func(t *testing.T) {
			answer := asked.APIError()
			if !errors.Is(answer, a.Err) {
				t.Errorf("%v is not found", answer)
			}
			if api.CategoryOf(answer) != a.Category {
				t.Errorf("the answer is about %v", api.CategoryOf(answer))
			}
			if answer == asked.APIError() {
				t.Error("the answer can be changed by everybody")
			}
			if !errors.Is(fmt.Errorf("wrapped: %w", answer), &jetstream.APIError{ErrorCode: answer.ErrorCode}) {
				t.Error("it is not an answer with the same code")
			}
		})
	}
	if errors.Is(jetstream.ErrStreamNameAlreadyInUse, &jetstream.APIError{ErrorCode: jetstream.JSErrCodeBadRequest}) {
		t.Error("a special kind has the code of its class")
	}
	if !errors.Is(jetstream.ErrStreamNotFound, &jetstream.APIError{ErrorCode: jetstream.JSErrCodeStreamNotFound}) {
		t.Error("a kind has not the code of its answer")
	}
	var none *jetstream.APIError
	if errors.Is(none, jetstream.ErrAPI) || none.Error() == "" || errors.Is(said(400, 10003, ""), none) {
		t.Error("nothing is an error")
	}
}

func TestErrorsIsAllocatesNothing(t *testing.T) {
	errs := []error{jetstream.ErrConsumerDoesNotExist, jetstream.ErrNoMessages, said(400, 10071, "wrong last sequence: 5"), said(503, 10077, "disk")}
	targets := []error{jetstream.ErrJetStream, jetstream.ErrStreamNotFound, net.ErrClosed, said(400, 1, "")}
	if n := testing.AllocsPerRun(100, func() {
		for _, err := range errs {
			for _, target := range targets {
				errors.Is(err, target)
			}
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func TestErrorTexts(t *testing.T) {
	for _, c := range []struct {
		err  error
		want string
	}{
		{&jetstream.APIError{Code: 404, ErrorCode: 10014, Description: "consumer not found", Op: "consumer info", Stream: "S", Consumer: "C"},
			`troupe: consumer info "C" on "S": consumer not found (404, code 10014)`},
		{&jetstream.APIError{Code: 404, ErrorCode: 10037, Description: "no message found", Op: "get message", Stream: "S", Seq: 7},
			`troupe: get message "S" seq 7: no message found (404, code 10037)`},
		{&jetstream.APIError{Code: 500}, `troupe: jetstream: server error (500, code 0)`},
		{&jetstream.WrongLastSequenceError{Expected: 3, Err: said(400, 10071, "wrong last sequence: 5")},
			`troupe: jetstream: wrong last sequence: 5 (400, code 10071), expected 3`},
		{&jetstream.PublishError{Subject: "a.b", MsgID: "7", Stream: "S", Attempts: 2, Err: jetstream.ErrNoStreamResponse},
			`troupe: publish to "a.b" with id "7" in "S", 2 times: no response from stream`},
		{&jetstream.StalledError{Pending: 3, Max: 4, Waited: time.Second},
			`troupe: stalled with too many outstanding async published messages: 3 of 4 for 1s`},
		{&jetstream.FetchError{Stream: "S", Consumer: "C", Requested: 5, Received: 2, Status: 408, Description: "Request Timeout", Err: jetstream.ErrFetchTimeout},
			`troupe: fetch from "C" on "S": 2 of 5 messages: fetch timeout (408 Request Timeout)`},
		{&jetstream.FetchError{Stream: "S", Consumer: "C", Received: 2, Status: 409, Description: "Consumer Deleted", Err: jetstream.ErrConsumerDeleted},
			`troupe: consume from "C" on "S": consumer deleted (409 Consumer Deleted)`},
		{&jetstream.ConsumerSequenceMismatchError{Stream: "S", Consumer: "C", StreamResumeSequence: 9, ConsumerSequence: 3, LastConsumerSequence: 5},
			`troupe: consumer sequence mismatch of "C" on "S": received up to sequence 3, the server sent 5; resume from stream sequence 9`},
		{&jetstream.OptionError{Option: "WithA", Reason: "is negative"}, `troupe: invalid jetstream option: WithA is negative`},
		{&jetstream.NameError{Name: "a b", Reason: "has a blank", Err: jetstream.ErrInvalidStreamName}, `troupe: invalid stream name: "a b" has a blank`},
		{&jetstream.ResponseError{}, `troupe: invalid jetstream api response: no cause`},
	} {
		if got := c.err.Error(); got != c.want {
			t.Errorf("text is %s, want %s", got, c.want)
		}
	}
	gap := &jetstream.ConsumerSequenceMismatchError{ConsumerSequence: 5, LastConsumerSequence: 3}
	if gap.Gap() != -2 {
		t.Errorf("the gap is %d", gap.Gap())
	}
}
