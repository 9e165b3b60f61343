package jetstream_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/errortest"
	"github.com/troupe-go/troupe/jetstream"
)

// verdict is what an error has to say of itself.
type verdict struct {
	err      error
	category api.Category
	traits   string // "retry", "sent", both, or neither
	parents  []error
}

// check asks an error everything.
func (a verdict) check(t *testing.T) {
	t.Helper()
	errortest.Check(t, a.err, errortest.Want{Category: a.category, Traits: a.traits, Parents: a.parents})
	if strings.Count(a.err.Error(), "troupe") != 1 {
		t.Errorf("its text is %q", a.err)
	}
}

func under(parents ...error) []error { return parents }

// kindAnswers lists every exported kind. A new one has to be added here: somebody
// has to think about what a program is to do.
var kindAnswers = map[string]verdict{
	"ErrInvalidConfig":                            {jetstream.ErrInvalidConfig, api.CategoryInput, "", under(jetstream.ErrJetStream)},
	"ErrUnknownValue":                             {jetstream.ErrUnknownValue, api.CategoryInput, "", under(jetstream.ErrInvalidConfig)},
	"ErrJetStream":                                {jetstream.ErrJetStream, api.CategoryServer, "sent", nil},
	"ErrAPI":                                      {jetstream.ErrAPI, api.CategoryServer, "", under(jetstream.ErrJetStream)},
	"ErrBadRequest":                               {jetstream.ErrBadRequest, api.CategoryInput, "", under(jetstream.ErrAPI)},
	"ErrNotFound":                                 {jetstream.ErrNotFound, api.CategoryNotFound, "", under(jetstream.ErrAPI)},
	"ErrServer":                                   {jetstream.ErrServer, api.CategoryServer, "sent", under(jetstream.ErrAPI)},
	"ErrServiceUnavailable":                       {jetstream.ErrServiceUnavailable, api.CategoryUnavailable, "retry", under(jetstream.ErrAPI)},
	"ErrTooManyRequests":                          {jetstream.ErrTooManyRequests, api.CategoryLimit, "retry", under(jetstream.ErrAPI)},
	"ErrConnectionClosed":                         {jetstream.ErrConnectionClosed, api.CategoryClosed, "", nil},
	"ErrMsgNotBound":                              {jetstream.ErrMsgNotBound, api.CategoryInput, "", nil},
	"ErrMsgNoReply":                               {jetstream.ErrMsgNoReply, api.CategoryInput, "", nil},
	"ErrInvalidOption":                            {jetstream.ErrInvalidOption, api.CategoryInput, "", under(jetstream.ErrJetStream, api.ErrInvalidArg)},
	"ErrInvalidName":                              {jetstream.ErrInvalidName, api.CategoryInput, "", under(jetstream.ErrJetStream)},
	"ErrStreamNameRequired":                       {jetstream.ErrStreamNameRequired, api.CategoryInput, "", under(jetstream.ErrInvalidName)},
	"ErrInvalidStreamName":                        {jetstream.ErrInvalidStreamName, api.CategoryInput, "", under(jetstream.ErrInvalidName)},
	"ErrInvalidConsumerName":                      {jetstream.ErrInvalidConsumerName, api.CategoryInput, "", under(jetstream.ErrInvalidName)},
	"ErrInvalidSubject":                           {jetstream.ErrInvalidSubject, api.CategoryInput, "", under(jetstream.ErrJetStream, api.ErrBadSubject)},
	"ErrHandlerRequired":                          {jetstream.ErrHandlerRequired, api.CategoryInput, "", under(jetstream.ErrJetStream, api.ErrInvalidCallback)},
	"ErrAsyncPublishReplySubjectSet":              {jetstream.ErrAsyncPublishReplySubjectSet, api.CategoryInput, "", under(jetstream.ErrJetStream)},
	"ErrNotJSMessage":                             {jetstream.ErrNotJSMessage, api.CategoryInput, "", under(jetstream.ErrJetStream)},
	"ErrMsgAlreadyAckd":                           {jetstream.ErrMsgAlreadyAckd, api.CategoryInput, "", under(jetstream.ErrJetStream)},
	"ErrNotPullConsumer":                          {jetstream.ErrNotPullConsumer, api.CategoryInput, "", under(jetstream.ErrJetStream)},
	"ErrNotPushConsumer":                          {jetstream.ErrNotPushConsumer, api.CategoryInput, "", under(jetstream.ErrJetStream)},
	"ErrConsumerAlreadyConsuming":                 {jetstream.ErrConsumerAlreadyConsuming, api.CategoryInput, "", under(jetstream.ErrJetStream)},
	"ErrConsumerHasActiveSubscription":            {jetstream.ErrConsumerHasActiveSubscription, api.CategoryConflict, "", under(jetstream.ErrJetStream)},
	"ErrConsumerNameAlreadyInUse":                 {jetstream.ErrConsumerNameAlreadyInUse, api.CategoryConflict, "", under(jetstream.ErrBadRequest)},
	"ErrImmutable":                                {jetstream.ErrImmutable, api.CategoryInput, "", under(jetstream.ErrJetStream)},
	"ErrInvalidJetStreamResponse":                 {jetstream.ErrInvalidJetStreamResponse, api.CategoryProtocol, "sent", under(jetstream.ErrJetStream)},
	"ErrConsumerCreationResponseEmpty":            {jetstream.ErrConsumerCreationResponseEmpty, api.CategoryProtocol, "sent", under(jetstream.ErrInvalidJetStreamResponse)},
	"ErrConsumerResetResponseEmpty":               {jetstream.ErrConsumerResetResponseEmpty, api.CategoryProtocol, "sent", under(jetstream.ErrInvalidJetStreamResponse)},
	"ErrInvalidJSAck":                             {jetstream.ErrInvalidJSAck, api.CategoryProtocol, "sent", under(jetstream.ErrInvalidJetStreamResponse)},
	"ErrEndOfData":                                {jetstream.ErrEndOfData, api.CategoryNotFound, "", under(jetstream.ErrJetStream)},
	"ErrNotSupported":                             {jetstream.ErrNotSupported, api.CategoryServer, "sent", under(jetstream.ErrJetStream)},
	"ErrStreamSubjectTransformNotSupported":       {jetstream.ErrStreamSubjectTransformNotSupported, api.CategoryServer, "sent", under(jetstream.ErrNotSupported)},
	"ErrStreamSourceSubjectTransformNotSupported": {jetstream.ErrStreamSourceSubjectTransformNotSupported, api.CategoryServer, "sent", under(jetstream.ErrNotSupported)},
	"ErrStreamSourceNotSupported":                 {jetstream.ErrStreamSourceNotSupported, api.CategoryServer, "sent", under(jetstream.ErrNotSupported)},
	"ErrStreamSourceMultipleFilterSubjectsNotSupported": {jetstream.ErrStreamSourceMultipleFilterSubjectsNotSupported, api.CategoryServer, "sent", under(jetstream.ErrNotSupported)},
	"ErrConsumerMultipleFilterSubjectsNotSupported":     {jetstream.ErrConsumerMultipleFilterSubjectsNotSupported, api.CategoryServer, "sent", under(jetstream.ErrNotSupported)},
	"ErrNoStreamResponse":                               {jetstream.ErrNoStreamResponse, api.CategoryUnavailable, "retry", under(api.ErrNoResponders, jetstream.ErrJetStream)},
	"ErrTooManyStalledMsgs":                             {jetstream.ErrTooManyStalledMsgs, api.CategoryLimit, "retry", under(jetstream.ErrJetStream)},
	"ErrAsyncPublishTimeout":                            {jetstream.ErrAsyncPublishTimeout, api.CategoryTimeout, "retry sent", under(api.ErrTimeout, jetstream.ErrJetStream)},
	"ErrJetStreamPublisherClosed":                       {jetstream.ErrJetStreamPublisherClosed, api.CategoryClosed, "sent", under(jetstream.ErrJetStream)},
	"ErrFetchTimeout":                                   {jetstream.ErrFetchTimeout, api.CategoryTimeout, "retry", under(api.ErrTimeout, jetstream.ErrJetStream)},
	"ErrNoMessages":                                     {jetstream.ErrNoMessages, api.CategoryTimeout, "retry", under(jetstream.ErrFetchTimeout)},
	"ErrNoHeartbeat":                                    {jetstream.ErrNoHeartbeat, api.CategoryUnavailable, "retry", under(jetstream.ErrJetStream)},
	"ErrMsgIteratorClosed":                              {jetstream.ErrMsgIteratorClosed, api.CategoryClosed, "", under(jetstream.ErrJetStream)},
	"ErrPullBadRequest":                                 {jetstream.ErrPullBadRequest, api.CategoryInput, "", under(jetstream.ErrBadRequest)},
	"ErrConsumerDeleted":                                {jetstream.ErrConsumerDeleted, api.CategoryNotFound, "", under(jetstream.ErrConsumerNotFound)},
	"ErrConsumerLeadershipChanged":                      {jetstream.ErrConsumerLeadershipChanged, api.CategoryUnavailable, "retry", under(jetstream.ErrJetStream)},
	"ErrServerShutdown":                                 {jetstream.ErrServerShutdown, api.CategoryUnavailable, "retry", under(jetstream.ErrJetStream)},
	"ErrPinIDMismatch":                                  {jetstream.ErrPinIDMismatch, api.CategoryConflict, "retry", under(jetstream.ErrJetStream)},
	"ErrMaxBytesExceeded":                               {jetstream.ErrMaxBytesExceeded, api.CategoryLimit, "retry", under(jetstream.ErrJetStream)},
	"ErrBatchCompleted":                                 {jetstream.ErrBatchCompleted, api.CategoryLimit, "retry", under(jetstream.ErrJetStream)},
	"ErrConsumerSequenceMismatch":                       {jetstream.ErrConsumerSequenceMismatch, api.CategoryLimit, "", under(jetstream.ErrJetStream)},
	"ErrConsumerLimits":                                 {jetstream.ErrConsumerLimits, api.CategoryInput, "", under(jetstream.ErrJetStream)},
	"ErrMaxRequestBatch":                                {jetstream.ErrMaxRequestBatch, api.CategoryInput, "", under(jetstream.ErrConsumerLimits)},
	"ErrMaxRequestExpires":                              {jetstream.ErrMaxRequestExpires, api.CategoryInput, "", under(jetstream.ErrConsumerLimits)},
	"ErrMaxRequestMaxBytes":                             {jetstream.ErrMaxRequestMaxBytes, api.CategoryInput, "", under(jetstream.ErrConsumerLimits)},
	"ErrMaxWaiting":                                     {jetstream.ErrMaxWaiting, api.CategoryLimit, "retry", under(jetstream.ErrConsumerLimits)},
	"ErrOrderedConsumerReset":                           {jetstream.ErrOrderedConsumerReset, api.CategoryUnavailable, "retry", under(jetstream.ErrJetStream)},
	"ErrStreamRegressed":                                {jetstream.ErrStreamRegressed, api.CategoryConflict, "", under(jetstream.ErrJetStream)},
	"ErrOrderConsumerUsedAsFetch":                       {jetstream.ErrOrderConsumerUsedAsFetch, api.CategoryInput, "", under(jetstream.ErrJetStream)},
	"ErrOrderConsumerUsedAsConsume":                     {jetstream.ErrOrderConsumerUsedAsConsume, api.CategoryInput, "", under(jetstream.ErrJetStream)},
	"ErrOrderedConsumerConcurrentRequests":              {jetstream.ErrOrderedConsumerConcurrentRequests, api.CategoryInput, "", under(jetstream.ErrJetStream)},
	"ErrOrderedConsumerNotCreated":                      {jetstream.ErrOrderedConsumerNotCreated, api.CategoryInput, "", under(jetstream.ErrJetStream)},
	"ErrMsgsReplaced":                                   {jetstream.ErrMsgsReplaced, api.CategoryConflict, "retry", under(jetstream.ErrJetStream)},
	"ErrTooManyResults":                                 {jetstream.ErrTooManyResults, api.CategoryInput, "", under(jetstream.ErrAPI)},
	"ErrJetStreamNotEnabled":                            {jetstream.ErrJetStreamNotEnabled, api.CategoryServer, "", under(jetstream.ErrServiceUnavailable)},
	"ErrJetStreamNotEnabledForAccount":                  {jetstream.ErrJetStreamNotEnabledForAccount, api.CategoryPermission, "", under(jetstream.ErrServiceUnavailable)},
	"ErrAccountNotFound":                                {jetstream.ErrAccountNotFound, api.CategoryAuthorization, "", under(jetstream.ErrServiceUnavailable)},
	"ErrClusterNotAvailable":                            {jetstream.ErrClusterNotAvailable, api.CategoryUnavailable, "retry", under(jetstream.ErrServiceUnavailable)},
	"ErrClusterNotLeader":                               {jetstream.ErrClusterNotLeader, api.CategoryUnavailable, "retry", under(jetstream.ErrServer)},
	"ErrNotClustered":                                   {jetstream.ErrNotClustered, api.CategoryServer, "", under(jetstream.ErrServer)},
	"ErrNotAssigned":                                    {jetstream.ErrNotAssigned, api.CategoryServer, "", under(jetstream.ErrServer)},
	"ErrClusterRequired":                                {jetstream.ErrClusterRequired, api.CategoryServer, "", under(jetstream.ErrServiceUnavailable)},
	"ErrNoSuitablePeers":                                {jetstream.ErrNoSuitablePeers, api.CategoryInput, "", under(jetstream.ErrBadRequest)},
	"ErrPeerNotMember":                                  {jetstream.ErrPeerNotMember, api.CategoryInput, "", under(jetstream.ErrBadRequest)},
	"ErrServerNotMember":                                {jetstream.ErrServerNotMember, api.CategoryInput, "", under(jetstream.ErrBadRequest)},
	"ErrMemberChangeInProgress":                         {jetstream.ErrMemberChangeInProgress, api.CategoryUnavailable, "retry", under(jetstream.ErrBadRequest)},
	"ErrInsufficientResources":                          {jetstream.ErrInsufficientResources, api.CategoryLimit, "retry", under(jetstream.ErrServiceUnavailable)},
	"ErrAccountResourcesExceeded":                       {jetstream.ErrAccountResourcesExceeded, api.CategoryLimit, "retry", under(jetstream.ErrBadRequest)},
	"ErrInsufficientMemory":                             {jetstream.ErrInsufficientMemory, api.CategoryLimit, "", under(jetstream.ErrServer)},
	"ErrInsufficientStorage":                            {jetstream.ErrInsufficientStorage, api.CategoryLimit, "", under(jetstream.ErrServer)},
	"ErrMaximumStreamsLimit":                            {jetstream.ErrMaximumStreamsLimit, api.CategoryLimit, "", under(jetstream.ErrBadRequest)},
	"ErrMaximumConsumersLimit":                          {jetstream.ErrMaximumConsumersLimit, api.CategoryLimit, "", under(jetstream.ErrBadRequest)},
	"ErrMaxBytesRequired":                               {jetstream.ErrMaxBytesRequired, api.CategoryInput, "", under(jetstream.ErrBadRequest)},
	"ErrMaxStreamBytesExceeded":                         {jetstream.ErrMaxStreamBytesExceeded, api.CategoryInput, "", under(jetstream.ErrBadRequest)},
	"ErrNoLimits":                                       {jetstream.ErrNoLimits, api.CategoryInput, "", under(jetstream.ErrBadRequest)},
	"ErrRequiredAPILevel":                               {jetstream.ErrRequiredAPILevel, api.CategoryServer, "", under(jetstream.ErrAPI)},
	"ErrAPIBadRequest":                                  {jetstream.ErrAPIBadRequest, api.CategoryInput, "", under(jetstream.ErrBadRequest)},
	"ErrInvalidJSON":                                    {jetstream.ErrInvalidJSON, api.CategoryInput, "", under(jetstream.ErrBadRequest)},
	"ErrNotEmptyRequest":                                {jetstream.ErrNotEmptyRequest, api.CategoryInput, "", under(jetstream.ErrBadRequest)},
	"ErrPedantic":                                       {jetstream.ErrPedantic, api.CategoryInput, "", under(jetstream.ErrBadRequest)},
	"ErrStreamNotFound":                                 {jetstream.ErrStreamNotFound, api.CategoryNotFound, "", under(jetstream.ErrNotFound)},
	"ErrStreamNameAlreadyInUse":                         {jetstream.ErrStreamNameAlreadyInUse, api.CategoryConflict, "", under(jetstream.ErrBadRequest)},
	"ErrSubjectOverlap":                                 {jetstream.ErrSubjectOverlap, api.CategoryInput, "", under(jetstream.ErrBadRequest)},
	"ErrStreamMismatch":                                 {jetstream.ErrStreamMismatch, api.CategoryInput, "", under(jetstream.ErrBadRequest)},
	"ErrStreamInvalidConfig":                            {jetstream.ErrStreamInvalidConfig, api.CategoryInput, "", under(jetstream.ErrServer)},
	"ErrStreamCreate":                                   {jetstream.ErrStreamCreate, api.CategoryServer, "sent", under(jetstream.ErrServer)},
	"ErrStreamUpdate":                                   {jetstream.ErrStreamUpdate, api.CategoryServer, "sent", under(jetstream.ErrServer)},
	"ErrStreamDelete":                                   {jetstream.ErrStreamDelete, api.CategoryServer, "sent", under(jetstream.ErrServer)},
	"ErrStreamRestore":                                  {jetstream.ErrStreamRestore, api.CategoryServer, "sent", under(jetstream.ErrServer)},
	"ErrStreamSnapshot":                                 {jetstream.ErrStreamSnapshot, api.CategoryServer, "sent", under(jetstream.ErrServer)},
	"ErrReplicasNotSupported":                           {jetstream.ErrReplicasNotSupported, api.CategoryInput, "", under(jetstream.ErrServer)},
	"ErrStreamMirrorNotUpdatable":                       {jetstream.ErrStreamMirrorNotUpdatable, api.CategoryInput, "", under(jetstream.ErrImmutable, jetstream.ErrBadRequest)},
	"ErrStreamOffline":                                  {jetstream.ErrStreamOffline, api.CategoryUnavailable, "retry", under(jetstream.ErrServer)},
	"ErrStreamSealed":                                   {jetstream.ErrStreamSealed, api.CategoryInput, "", under(jetstream.ErrBadRequest)},
	"ErrStreamMoveInProgress":                           {jetstream.ErrStreamMoveInProgress, api.CategoryUnavailable, "retry", under(jetstream.ErrBadRequest)},
	"ErrStreamReconfigureInProgress":                    {jetstream.ErrStreamReconfigureInProgress, api.CategoryUnavailable, "retry", under(jetstream.ErrBadRequest)},
	"ErrStreamReconfigureNotInProgress":                 {jetstream.ErrStreamReconfigureNotInProgress, api.CategoryInput, "", under(jetstream.ErrBadRequest)},
	"ErrStreamMoveAndScale":                             {jetstream.ErrStreamMoveAndScale, api.CategoryInput, "", under(jetstream.ErrBadRequest)},
	"ErrPurgeFailed":                                    {jetstream.ErrPurgeFailed, api.CategoryInput, "", under(jetstream.ErrServer)},
	"ErrMsgNotFound":                                    {jetstream.ErrMsgNotFound, api.CategoryNotFound, "", under(jetstream.ErrNotFound)},
	"ErrMsgDeleteUnsuccessful":                          {jetstream.ErrMsgDeleteUnsuccessful, api.CategoryInput, "", under(jetstream.ErrServer)},
	"ErrSequenceNotFound":                               {jetstream.ErrSequenceNotFound, api.CategoryNotFound, "", under(jetstream.ErrMsgNotFound, jetstream.ErrMsgDeleteUnsuccessful, jetstream.ErrBadRequest)},
	"ErrMirrorConfig":                                   {jetstream.ErrMirrorConfig, api.CategoryInput, "", under(jetstream.ErrBadRequest)},
	"ErrSourceConfig":                                   {jetstream.ErrSourceConfig, api.CategoryInput, "", under(jetstream.ErrBadRequest)},
	"ErrMirrorWithSubjects":                             {jetstream.ErrMirrorWithSubjects, api.CategoryInput, "", under(jetstream.ErrMirrorConfig, jetstream.ErrBadRequest)},
	"ErrMirrorWithSources":                              {jetstream.ErrMirrorWithSources, api.CategoryInput, "", under(jetstream.ErrMirrorConfig, jetstream.ErrBadRequest)},
	"ErrMirrorWithFirstSeq":                             {jetstream.ErrMirrorWithFirstSeq, api.CategoryInput, "", under(jetstream.ErrMirrorConfig, jetstream.ErrBadRequest)},
	"ErrMirrorWithMsgSchedules":                         {jetstream.ErrMirrorWithMsgSchedules, api.CategoryInput, "", under(jetstream.ErrMirrorConfig, jetstream.ErrBadRequest)},
	"ErrSourceWithMsgSchedules":                         {jetstream.ErrSourceWithMsgSchedules, api.CategoryInput, "", under(jetstream.ErrSourceConfig, jetstream.ErrBadRequest)},
	"ErrWrongLastSequence":                              {jetstream.ErrWrongLastSequence, api.CategoryConflict, "", under(jetstream.ErrBadRequest)},
	"ErrWrongLastMsgID":                                 {jetstream.ErrWrongLastMsgID, api.CategoryConflict, "", under(jetstream.ErrBadRequest)},
	"ErrExpectedStream":                                 {jetstream.ErrExpectedStream, api.CategoryInput, "", under(jetstream.ErrBadRequest)},
	"ErrStreamSequenceMismatch":                         {jetstream.ErrStreamSequenceMismatch, api.CategoryConflict, "", under(jetstream.ErrServiceUnavailable)},
	"ErrExpectedLastSequenceInvalid":                    {jetstream.ErrExpectedLastSequenceInvalid, api.CategoryInput, "", under(jetstream.ErrBadRequest)},
	"ErrStreamStoreFailed":                              {jetstream.ErrStreamStoreFailed, api.CategoryLimit, "retry", under(jetstream.ErrServiceUnavailable)},
	"ErrMaxMessagesExceeded":                            {jetstream.ErrMaxMessagesExceeded, api.CategoryLimit, "retry", under(jetstream.ErrStreamStoreFailed)},
	"ErrMaxStoredBytesExceeded":                         {jetstream.ErrMaxStoredBytesExceeded, api.CategoryLimit, "retry", under(jetstream.ErrStreamStoreFailed)},
	"ErrMaxMessagesPerSubjectExceeded":                  {jetstream.ErrMaxMessagesPerSubjectExceeded, api.CategoryLimit, "retry", under(jetstream.ErrStreamStoreFailed)},
	"ErrStreamMessageExceedsMaximum":                    {jetstream.ErrStreamMessageExceedsMaximum, api.CategoryInput, "", under(jetstream.ErrBadRequest)},
	"ErrStreamHeaderExceedsMaximum":                     {jetstream.ErrStreamHeaderExceedsMaximum, api.CategoryInput, "", under(jetstream.ErrBadRequest)},
	"ErrDuplicateMsgInProcess":                          {jetstream.ErrDuplicateMsgInProcess, api.CategoryConflict, "retry", under(jetstream.ErrAPI)},
	"ErrRollupFailed":                                   {jetstream.ErrRollupFailed, api.CategoryInput, "", under(jetstream.ErrServer)},
	"ErrMsgTTLInvalid":                                  {jetstream.ErrMsgTTLInvalid, api.CategoryInput, "", under(jetstream.ErrBadRequest)},
	"ErrMsgTTLDisabled":                                 {jetstream.ErrMsgTTLDisabled, api.CategoryInput, "", under(jetstream.ErrBadRequest)},
	"ErrMsgSourceHeader":                                {jetstream.ErrMsgSourceHeader, api.CategoryInput, "", under(jetstream.ErrBadRequest)},
	"ErrCounter":                                        {jetstream.ErrCounter, api.CategoryInput, "", under(jetstream.ErrBadRequest)},
	"ErrCounterDisabled":                                {jetstream.ErrCounterDisabled, api.CategoryInput, "", under(jetstream.ErrCounter, jetstream.ErrBadRequest)},
	"ErrCounterIncrMissing":                             {jetstream.ErrCounterIncrMissing, api.CategoryInput, "", under(jetstream.ErrCounter, jetstream.ErrBadRequest)},
	"ErrCounterPayload":                                 {jetstream.ErrCounterPayload, api.CategoryInput, "", under(jetstream.ErrCounter, jetstream.ErrBadRequest)},
	"ErrCounterIncrInvalid":                             {jetstream.ErrCounterIncrInvalid, api.CategoryInput, "", under(jetstream.ErrCounter, jetstream.ErrBadRequest)},
	"ErrCounterBroken":                                  {jetstream.ErrCounterBroken, api.CategoryServer, "", under(jetstream.ErrCounter, jetstream.ErrBadRequest)},
	"ErrAtomicPublish":                                  {jetstream.ErrAtomicPublish, api.CategoryInput, "", under(jetstream.ErrBadRequest)},
	"ErrAtomicPublishDisabled":                          {jetstream.ErrAtomicPublishDisabled, api.CategoryInput, "", under(jetstream.ErrAtomicPublish, jetstream.ErrBadRequest)},
	"ErrAtomicPublishMissingSeq":                        {jetstream.ErrAtomicPublishMissingSeq, api.CategoryInput, "", under(jetstream.ErrAtomicPublish, jetstream.ErrBadRequest)},
	"ErrAtomicPublishIncompleteBatch":                   {jetstream.ErrAtomicPublishIncompleteBatch, api.CategoryLimit, "retry", under(jetstream.ErrAtomicPublish, jetstream.ErrBadRequest)},
	"ErrAtomicPublishUnsupportedHeader":                 {jetstream.ErrAtomicPublishUnsupportedHeader, api.CategoryInput, "", under(jetstream.ErrAtomicPublish, jetstream.ErrBadRequest)},
	"ErrAtomicPublishInvalidBatchID":                    {jetstream.ErrAtomicPublishInvalidBatchID, api.CategoryInput, "", under(jetstream.ErrAtomicPublish, jetstream.ErrBadRequest)},
	"ErrAtomicPublishTooLargeBatch":                     {jetstream.ErrAtomicPublishTooLargeBatch, api.CategoryInput, "", under(jetstream.ErrAtomicPublish, jetstream.ErrBadRequest)},
	"ErrAtomicPublishInvalidBatchCommit":                {jetstream.ErrAtomicPublishInvalidBatchCommit, api.CategoryInput, "", under(jetstream.ErrAtomicPublish, jetstream.ErrBadRequest)},
	"ErrBatchDuplicate":                                 {jetstream.ErrBatchDuplicate, api.CategoryInput, "", under(jetstream.ErrAtomicPublish, jetstream.ErrBadRequest)},
	"ErrTooManyInflightBatches":                         {jetstream.ErrTooManyInflightBatches, api.CategoryLimit, "retry", under(jetstream.ErrTooManyRequests)},
	"ErrBatchPublish":                                   {jetstream.ErrBatchPublish, api.CategoryInput, "", under(jetstream.ErrBadRequest)},
	"ErrBatchPublishDisabled":                           {jetstream.ErrBatchPublishDisabled, api.CategoryInput, "", under(jetstream.ErrBatchPublish, jetstream.ErrBadRequest)},
	"ErrBatchPublishInvalidPattern":                     {jetstream.ErrBatchPublishInvalidPattern, api.CategoryInput, "", under(jetstream.ErrBatchPublish, jetstream.ErrBadRequest)},
	"ErrBatchPublishInvalidBatchID":                     {jetstream.ErrBatchPublishInvalidBatchID, api.CategoryInput, "", under(jetstream.ErrBatchPublish, jetstream.ErrBadRequest)},
	"ErrBatchPublishUnknownBatchID":                     {jetstream.ErrBatchPublishUnknownBatchID, api.CategoryNotFound, "", under(jetstream.ErrBatchPublish, jetstream.ErrBadRequest)},
	"ErrSchedule":                                       {jetstream.ErrSchedule, api.CategoryInput, "", under(jetstream.ErrBadRequest)},
	"ErrMessageSchedulesDisabled":                       {jetstream.ErrMessageSchedulesDisabled, api.CategoryInput, "", under(jetstream.ErrSchedule, jetstream.ErrBadRequest)},
	"ErrSchedulePatternInvalid":                         {jetstream.ErrSchedulePatternInvalid, api.CategoryInput, "", under(jetstream.ErrSchedule, jetstream.ErrBadRequest)},
	"ErrScheduleTargetInvalid":                          {jetstream.ErrScheduleTargetInvalid, api.CategoryInput, "", under(jetstream.ErrSchedule, jetstream.ErrBadRequest)},
	"ErrScheduleSourceInvalid":                          {jetstream.ErrScheduleSourceInvalid, api.CategoryInput, "", under(jetstream.ErrSchedule, jetstream.ErrBadRequest)},
	"ErrScheduleTTLInvalid":                             {jetstream.ErrScheduleTTLInvalid, api.CategoryInput, "", under(jetstream.ErrSchedule, jetstream.ErrBadRequest)},
	"ErrScheduleRollupInvalid":                          {jetstream.ErrScheduleRollupInvalid, api.CategoryInput, "", under(jetstream.ErrSchedule, jetstream.ErrBadRequest)},
	"ErrScheduleSchedulerInvalid":                       {jetstream.ErrScheduleSchedulerInvalid, api.CategoryInput, "", under(jetstream.ErrSchedule, jetstream.ErrBadRequest)},
	"ErrScheduleTimeZoneInvalid":                        {jetstream.ErrScheduleTimeZoneInvalid, api.CategoryInput, "", under(jetstream.ErrSchedule, jetstream.ErrBadRequest)},
	"ErrConsumerNotFound":                               {jetstream.ErrConsumerNotFound, api.CategoryNotFound, "", under(jetstream.ErrNotFound)},
	"ErrConsumerExists":                                 {jetstream.ErrConsumerExists, api.CategoryConflict, "", under(jetstream.ErrBadRequest)},
	"ErrConsumerDoesNotExist":                           {jetstream.ErrConsumerDoesNotExist, api.CategoryNotFound, "", under(jetstream.ErrConsumerNotFound, jetstream.ErrBadRequest)},
	"ErrConsumerActive":                                 {jetstream.ErrConsumerActive, api.CategoryConflict, "", under(jetstream.ErrBadRequest)},
	"ErrConsumerCreate":                                 {jetstream.ErrConsumerCreate, api.CategoryInput, "", under(jetstream.ErrServer)},
	"ErrConsumerConfig":                                 {jetstream.ErrConsumerConfig, api.CategoryInput, "", under(jetstream.ErrBadRequest)},
	"ErrDuplicateFilterSubjects":                        {jetstream.ErrDuplicateFilterSubjects, api.CategoryInput, "", under(jetstream.ErrConsumerConfig, jetstream.ErrBadRequest)},
	"ErrOverlappingFilterSubjects":                      {jetstream.ErrOverlappingFilterSubjects, api.CategoryInput, "", under(jetstream.ErrConsumerConfig, jetstream.ErrBadRequest)},
	"ErrEmptyFilter":                                    {jetstream.ErrEmptyFilter, api.CategoryInput, "", under(jetstream.ErrConsumerConfig, jetstream.ErrBadRequest)},
	"ErrFilterMismatch":                                 {jetstream.ErrFilterMismatch, api.CategoryInput, "", under(jetstream.ErrConsumerConfig, jetstream.ErrBadRequest)},
	"ErrDurableNameMismatch":                            {jetstream.ErrDurableNameMismatch, api.CategoryInput, "", under(jetstream.ErrConsumerConfig, jetstream.ErrBadRequest)},
	"ErrWorkQueue":                                      {jetstream.ErrWorkQueue, api.CategoryInput, "", under(jetstream.ErrConsumerConfig)},
	"ErrWorkQueueRequiresAck":                           {jetstream.ErrWorkQueueRequiresAck, api.CategoryInput, "", under(jetstream.ErrWorkQueue, jetstream.ErrBadRequest)},
	"ErrWorkQueueRequiresExplicitAck":                   {jetstream.ErrWorkQueueRequiresExplicitAck, api.CategoryInput, "", under(jetstream.ErrWorkQueue, jetstream.ErrBadRequest)},
	"ErrWorkQueueMultipleUnfiltered":                    {jetstream.ErrWorkQueueMultipleUnfiltered, api.CategoryInput, "", under(jetstream.ErrWorkQueue, jetstream.ErrBadRequest)},
	"ErrWorkQueueNotUnique":                             {jetstream.ErrWorkQueueNotUnique, api.CategoryInput, "", under(jetstream.ErrWorkQueue, jetstream.ErrBadRequest)},
	"ErrWorkQueueNotDeliverAll":                         {jetstream.ErrWorkQueueNotDeliverAll, api.CategoryInput, "", under(jetstream.ErrWorkQueue, jetstream.ErrBadRequest)},
	"ErrFlowControlNeedsHeartbeat":                      {jetstream.ErrFlowControlNeedsHeartbeat, api.CategoryInput, "", under(jetstream.ErrConsumerConfig, jetstream.ErrBadRequest)},
	"ErrSmallHeartbeat":                                 {jetstream.ErrSmallHeartbeat, api.CategoryInput, "", under(jetstream.ErrConsumerConfig, jetstream.ErrBadRequest)},
	"ErrDeliverWildcards":                               {jetstream.ErrDeliverWildcards, api.CategoryInput, "", under(jetstream.ErrConsumerConfig, jetstream.ErrBadRequest)},
	"ErrDeliverCycle":                                   {jetstream.ErrDeliverCycle, api.CategoryInput, "", under(jetstream.ErrConsumerConfig, jetstream.ErrBadRequest)},
	"ErrPriorityGroup":                                  {jetstream.ErrPriorityGroup, api.CategoryInput, "", under(jetstream.ErrConsumerConfig)},
	"ErrConsumerInvalidReset":                           {jetstream.ErrConsumerInvalidReset, api.CategoryInput, "", under(jetstream.ErrBadRequest)},
	"ErrConsumerOffline":                                {jetstream.ErrConsumerOffline, api.CategoryUnavailable, "retry", under(jetstream.ErrServer)},
	"ErrStreamIdentityMismatch":                         {jetstream.ErrStreamIdentityMismatch, api.CategoryConflict, "", under(jetstream.ErrBadRequest)},
	"ErrAmbiguousSubject":                               {jetstream.ErrAmbiguousSubject, api.CategoryInput, "", under(jetstream.ErrJetStream)},
	"ErrIncomplete":                                     {jetstream.ErrIncomplete, api.CategoryUnavailable, "retry", under(jetstream.ErrJetStream)},
	"ErrNotSystemAccount":                               {jetstream.ErrNotSystemAccount, api.CategoryPermission, "", under(jetstream.ErrJetStream)},
	"ErrDirectAccessRequired":                           {jetstream.ErrDirectAccessRequired, api.CategoryServer, "", under(jetstream.ErrJetStream)},
	"ErrSubjectRequired":                                {jetstream.ErrSubjectRequired, api.CategoryInput, "", under(jetstream.ErrInvalidOption)},
	"ErrPublishUnknown":                                 {jetstream.ErrPublishUnknown, api.CategoryUnknown, "retry sent", under(jetstream.ErrJetStream)},
	"ErrInterrupted":                                    {jetstream.ErrInterrupted, api.CategoryUnavailable, "retry", under(jetstream.ErrJetStream)},
	"ErrDigestMismatch":                                 {jetstream.ErrDigestMismatch, api.CategoryInput, "", under(jetstream.ErrJetStream)},
	"ErrNoBatchFailed":                                  {jetstream.ErrNoBatchFailed, api.CategoryInput, "", under(jetstream.ErrJetStream)},
	"ErrBatchClosed":                                    {jetstream.ErrBatchClosed, api.CategoryClosed, "", under(jetstream.ErrJetStream)},
	"ErrEmptyBatch":                                     {jetstream.ErrEmptyBatch, api.CategoryInput, "", under(jetstream.ErrJetStream)},
	"ErrInvalidBatchAck":                                {jetstream.ErrInvalidBatchAck, api.CategoryProtocol, "sent", under(jetstream.ErrInvalidJSAck)},
	"ErrBatchAbandoned":                                 {jetstream.ErrBatchAbandoned, api.CategoryLimit, "retry", under(jetstream.ErrAtomicPublish)},
	"ErrFastBatchGap":                                   {jetstream.ErrFastBatchGap, api.CategoryConnection, "", under(jetstream.ErrJetStream)},
	"ErrFastBatchUnknown":                               {jetstream.ErrFastBatchUnknown, api.CategoryConnection, "sent", under(jetstream.ErrJetStream)},
	"ErrCounterNotEnabled":                              {jetstream.ErrCounterNotEnabled, api.CategoryServer, "", under(jetstream.ErrCounter)},
	"ErrInvalidCounterValue":                            {jetstream.ErrInvalidCounterValue, api.CategoryInput, "", under(jetstream.ErrCounter)},
	"ErrNoCounterForSubject":                            {jetstream.ErrNoCounterForSubject, api.CategoryNotFound, "", under(jetstream.ErrMsgNotFound)},
	"ErrScheduleNotFound":                               {jetstream.ErrScheduleNotFound, api.CategoryNotFound, "", under(jetstream.ErrMsgNotFound)},
}

func said(code int, number jetstream.ErrorCode, text string) *jetstream.APIError {
	return &jetstream.APIError{Code: code, ErrorCode: number, Description: text}
}

// dataAnswers lists every exported error type, with what matters in it.
var dataAnswers = map[string][]verdict{
	"JetStreamError": nil, // an interface
	"APIError": {
		{said(404, 10059, "stream not found"), api.CategoryNotFound, "", under(jetstream.ErrStreamNotFound, jetstream.ErrNotFound, jetstream.ErrAPI, jetstream.ErrJetStream)},
		{said(400, 10058, "taken"), api.CategoryConflict, "", under(jetstream.ErrStreamNameAlreadyInUse, jetstream.ErrBadRequest)},
		{said(400, 10003, "bad request"), api.CategoryInput, "", under(jetstream.ErrBadRequest, jetstream.ErrAPIBadRequest)},
		{said(503, 10008, "no quorum"), api.CategoryUnavailable, "retry", under(jetstream.ErrClusterNotAvailable, jetstream.ErrServiceUnavailable)},
		{said(503, 10077, "maximum bytes exceeded"), api.CategoryLimit, "retry", under(jetstream.ErrMaxStoredBytesExceeded, jetstream.ErrStreamStoreFailed)},
		{said(503, 10077, "disk failed"), api.CategoryLimit, "retry", under(jetstream.ErrStreamStoreFailed)},
		{said(500, 10057, "no message found"), api.CategoryNotFound, "", under(jetstream.ErrSequenceNotFound, jetstream.ErrMsgNotFound, jetstream.ErrMsgDeleteUnsuccessful, jetstream.ErrServer)},
		{said(500, 10057, "message delete not permitted"), api.CategoryInput, "", under(jetstream.ErrMsgDeleteUnsuccessful, jetstream.ErrServer)},
		{said(500, 10194, "stream is offline: unsupported"), api.CategoryUnavailable, "retry", under(jetstream.ErrStreamOffline)},
		{said(400, 10150, "mirror"), api.CategoryInput, "", under(jetstream.ErrMirrorConfig)},
		{said(429, 10211, "busy"), api.CategoryLimit, "retry", under(jetstream.ErrTooManyInflightBatches, jetstream.ErrTooManyRequests)},
		{said(400, 19999, "of tomorrow"), api.CategoryInput, "", under(jetstream.ErrBadRequest)},
		{said(500, 19999, "of tomorrow"), api.CategoryServer, "sent", under(jetstream.ErrServer)},
		{said(418, 0, ""), api.CategoryServer, "", under(jetstream.ErrAPI)},
	},
	"WrongLastSequenceError": {{&jetstream.WrongLastSequenceError{Err: said(400, 10164, "wrong last sequence")}, api.CategoryConflict, "", under(jetstream.ErrWrongLastSequence, jetstream.ErrBadRequest)}},
	"PublishError": {
		{&jetstream.PublishError{Subject: "a", Attempts: 3, Err: jetstream.ErrNoStreamResponse}, api.CategoryUnavailable, "retry", under(jetstream.ErrNoStreamResponse, api.ErrNoResponders, jetstream.ErrJetStream)},
		{&jetstream.PublishError{Subject: "a", MsgID: "1", Stream: "S", Unknown: true, Err: context.DeadlineExceeded}, api.CategoryTimeout, "retry sent", under(context.DeadlineExceeded, jetstream.ErrPublishUnknown, jetstream.ErrJetStream)},
		{&jetstream.PublishError{Subject: "a", Err: jetstream.ErrAsyncPublishTimeout}, api.CategoryTimeout, "retry", under(api.ErrTimeout, jetstream.ErrJetStream)},
	},
	"StalledError": {{&jetstream.StalledError{Pending: 4, Max: 4, Waited: time.Second}, api.CategoryLimit, "retry", under(jetstream.ErrTooManyStalledMsgs)}},
	"FetchError": {
		{&jetstream.FetchError{Requested: 5, Status: 408, Description: "Request Timeout", Err: jetstream.ErrFetchTimeout}, api.CategoryTimeout, "retry", under(jetstream.ErrFetchTimeout, api.ErrTimeout, context.DeadlineExceeded)},
		{&jetstream.FetchError{Err: jetstream.ErrNoMessages}, api.CategoryTimeout, "retry", under(jetstream.ErrNoMessages, jetstream.ErrFetchTimeout)},
	},
	"ConsumerSequenceMismatchError": {{&jetstream.ConsumerSequenceMismatchError{}, api.CategoryLimit, "", under(jetstream.ErrConsumerSequenceMismatch, jetstream.ErrJetStream)}},
	"StreamRegressedError":          {{&jetstream.StreamRegressedError{}, api.CategoryConflict, "", under(jetstream.ErrStreamRegressed)}},
	"OptionError": {
		{&jetstream.OptionError{Option: "a", Reason: "is b"}, api.CategoryInput, "", under(jetstream.ErrInvalidOption, api.ErrInvalidArg)},
		{&jetstream.OptionError{Option: "a", Reason: "is b", Err: jetstream.ErrHandlerRequired}, api.CategoryInput, "", under(jetstream.ErrInvalidOption, jetstream.ErrHandlerRequired)},
	},
	"NameError":             {{&jetstream.NameError{Name: "a b", Reason: "has a blank", Err: jetstream.ErrInvalidSubject}, api.CategoryInput, "", under(jetstream.ErrInvalidSubject, api.ErrBadSubject)}},
	"ResponseError":         {{&jetstream.ResponseError{Err: &json.SyntaxError{}}, api.CategoryProtocol, "sent", under(jetstream.ErrInvalidJetStreamResponse)}},
	"APILevelError":         {{&jetstream.APILevelError{Op: "create stream", Feature: "a", Needed: 2, Have: 1}, api.CategoryServer, "", under(jetstream.ErrRequiredAPILevel)}},
	"CallError":             {{&jetstream.CallError{Op: "a", Err: api.ErrNoResponders}, api.CategoryUnavailable, "retry", under(api.ErrNoResponders, jetstream.ErrServiceUnavailable)}},
	"ConfigError":           {{&jetstream.ConfigError{Kind: jetstream.ErrInvalidStreamName}, api.CategoryInput, "", under(jetstream.ErrInvalidConfig, jetstream.ErrInvalidStreamName)}},
	"AmbiguousSubjectError": {{&jetstream.AmbiguousSubjectError{}, api.CategoryInput, "", under(jetstream.ErrAmbiguousSubject)}},
	"SubjectNotFoundError":  {{&jetstream.SubjectNotFoundError{}, api.CategoryNotFound, "", under(jetstream.ErrStreamNotFound)}},
	"IncompleteError":       {{&jetstream.IncompleteError{Err: api.ErrTimeout}, api.CategoryUnavailable, "retry", under(jetstream.ErrIncomplete, api.ErrTimeout)}},
	"NotSupportedError":     {{&jetstream.NotSupportedError{Err: jetstream.ErrStreamSourceNotSupported}, api.CategoryServer, "sent", under(jetstream.ErrNotSupported)}},
	"ConsumerTypeError":     {{&jetstream.ConsumerTypeError{Err: jetstream.ErrNotPullConsumer}, api.CategoryInput, "", under(jetstream.ErrNotPullConsumer)}},
	"InterruptedError":      {{&jetstream.InterruptedError{Err: api.ErrDisconnected}, api.CategoryUnavailable, "retry", under(jetstream.ErrInterrupted, api.ErrDisconnected)}},
	"ImmutableError":        {{&jetstream.ImmutableError{Plan: &jetstream.Plan{}}, api.CategoryInput, "", under(jetstream.ErrImmutable)}},
	"BatchError": {
		{&jetstream.BatchError{Outcome: jetstream.BatchUnknown, Err: jetstream.ErrAsyncPublishTimeout}, api.CategoryTimeout, "retry sent", under(jetstream.ErrJetStream)},
		{&jetstream.BatchError{Outcome: jetstream.BatchRejected, Err: said(400, 10176, "incomplete")}, api.CategoryLimit, "retry", under(jetstream.ErrAtomicPublishIncompleteBatch)},
	},
	"BatchMsgError":    {{&jetstream.BatchMsgError{Err: jetstream.ErrBatchDuplicate}, api.CategoryInput, "", under(jetstream.ErrBatchDuplicate)}},
	"FastMsgError":     {{&jetstream.FastMsgError{Err: said(400, 10071, "wrong last sequence: 5")}, api.CategoryConflict, "", under(jetstream.ErrWrongLastSequence)}},
	"FastGapError":     {{&jetstream.FastGapError{}, api.CategoryConnection, "", under(jetstream.ErrFastBatchGap)}},
	"FastUnknownError": {{&jetstream.FastUnknownError{}, api.CategoryConnection, "sent", under(jetstream.ErrFastBatchUnknown)}},
	"AckError":         {{&jetstream.AckError{}, api.CategoryProtocol, "sent", under(jetstream.ErrInvalidJSAck)}},
}

func TestEveryErrorHasItsAnswers(t *testing.T) {
	for name, a := range kindAnswers {
		t.Run(name, func(t *testing.T) { a.check(t) })
	}
	for name, all := range dataAnswers {
		for i, a := range all {
			t.Run(fmt.Sprint(name, " ", i), func(t *testing.T) { a.check(t) })
		}
	}
}

// TestEveryErrorIsListed finds errors that nobody gave answers to.
func TestEveryErrorIsListed(t *testing.T) {
	kinds, data := errortest.Declared(t, ".")
	errortest.Compare(t, "kinds", kinds, slices.Collect(maps.Keys(kindAnswers)))
	errortest.Compare(t, "errors with data", data, slices.Collect(maps.Keys(dataAnswers)))
}

// TestErrorsAreThoseOfTheirCodes: a kind that a server sends is found by its code, and
// finds an answer with that code, also if the answer comes from a program.
func TestErrorsAreThoseOfTheirCodes(t *testing.T) {
	for name, a := range kindAnswers {
		asked, ok := a.err.(jetstream.JetStreamError) // not a parent of it
		if !ok || asked.APIError() == nil {
			continue
		}
		t.Run(name, func(t *testing.T) {
			answer := asked.APIError()
			if !errors.Is(answer, a.err) {
				t.Errorf("%v is not found", answer)
			}
			if api.CategoryOf(answer) != a.category {
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
			`troupe: consumer sequence mismatch of "C" on "S": sequence 3 came last, the server sent 5: resume from stream sequence 9`},
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
