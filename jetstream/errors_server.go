package jetstream

import "github.com/troupe-go/troupe/internal/kind"

// Kinds of refusals by servers: the system and the account.
var (
	// ErrJetStreamNotEnabled: JetStream is not enabled on the servers.
	ErrJetStreamNotEnabled JetStreamError = sent(JSErrCodeJetStreamNotEnabled, 503, "jetstream not enabled", ErrServiceUnavailable).In(kind.Server)
	// ErrJetStreamNotEnabledForAccount: the account may not use JetStream.
	ErrJetStreamNotEnabledForAccount JetStreamError = sent(JSErrCodeJetStreamNotEnabledForAccount, 503, "jetstream not enabled for account", ErrServiceUnavailable).In(kind.Permission)
	// ErrAccountNotFound: the servers no longer know the account.
	ErrAccountNotFound JetStreamError = sent(JSErrCodeNoAccount, 503, "account not found", ErrServiceUnavailable).In(kind.Authorization)
	// ErrClusterNotAvailable: too few servers are online, or they have no leader yet.
	ErrClusterNotAvailable JetStreamError = sent(JSErrCodeClusterNotAvail, 503, "jetstream system temporarily unavailable", ErrServiceUnavailable)
	// ErrClusterNotLeader: the server that answered is not the leader.
	ErrClusterNotLeader JetStreamError = sent(JSErrCodeClusterNotLeader, 500, "jetstream cluster can not handle request", ErrServer).In(kind.Unavailable, kind.Retry)
	// ErrNotClustered: the call needs a cluster.
	ErrNotClustered JetStreamError = sent(JSErrCodeClusterNotActive, 500, "jetstream not in clustered mode", ErrServer).In(kind.Server)
	// ErrNotAssigned: the server that answered does not hold the stream or consumer.
	ErrNotAssigned JetStreamError = sent(JSErrCodeClusterNotAssigned, 500, "jetstream cluster not assigned to this server", ErrServer).In(kind.Server)
	// ErrClusterRequired: the call needs a cluster.
	ErrClusterRequired JetStreamError = sent(JSErrCodeClusterRequired, 503, "jetstream clustering support required", ErrServiceUnavailable).In(kind.Server)
	// ErrNoSuitablePeers: there are not enough servers that match the replicas and the placement.
	ErrNoSuitablePeers JetStreamError = refused(JSErrCodeClusterNoPeers, "no suitable peers for placement")
	// ErrPeerNotMember: the server is not a peer of the stream or consumer.
	ErrPeerNotMember JetStreamError = refused(JSErrCodeClusterPeerNotMember, "peer not a member")
	// ErrServerNotMember: the server is not a member of the cluster.
	ErrServerNotMember JetStreamError = refused(JSErrCodeClusterServerNotMember, "server is not a member of the cluster")
	// ErrMemberChangeInProgress: another server is being added or removed.
	ErrMemberChangeInProgress JetStreamError = refused(JSErrCodeClusterServerMemberChangeInflight, "cluster member change is in progress").In(kind.Unavailable, kind.Retry)
	// ErrInsufficientResources: the servers have no room, or the stream failed.
	ErrInsufficientResources JetStreamError = sent(JSErrCodeInsufficientResources, 503, "insufficient resources", ErrServiceUnavailable).In(kind.Limit, kind.Retry)
	// ErrAccountResourcesExceeded: the account has used up its storage.
	ErrAccountResourcesExceeded JetStreamError = refused(JSErrCodeAccountResourcesExceeded, "resource limits exceeded for account").In(kind.Limit, kind.Retry)
	// ErrInsufficientMemory: a stream reserves more memory than the account has left.
	ErrInsufficientMemory JetStreamError = sent(JSErrCodeMemoryResourcesExceeded, 500, "insufficient memory resources available", ErrServer).In(kind.Limit)
	// ErrInsufficientStorage: a stream reserves more storage than the account has left.
	ErrInsufficientStorage JetStreamError = sent(JSErrCodeStorageResourcesExceeded, 500, "insufficient storage resources available", ErrServer).In(kind.Limit)
	// ErrMaximumStreamsLimit: the account has reached its maximum number of streams.
	ErrMaximumStreamsLimit JetStreamError = refused(JSErrCodeMaximumStreamsLimit, "maximum number of streams reached").In(kind.Limit)
	// ErrMaximumConsumersLimit: the stream or the account has reached its maximum number of
	// consumers.
	ErrMaximumConsumersLimit JetStreamError = refused(JSErrCodeMaximumConsumersLimit, "maximum consumers limit reached").In(kind.Limit)
	// ErrMaxBytesRequired: streams of the account must have MaxBytes.
	ErrMaxBytesRequired JetStreamError = refused(JSErrCodeStreamMaxBytesRequired, "account requires a stream config to have max bytes set")
	// ErrMaxStreamBytesExceeded: MaxBytes is more than a stream of the account may have.
	ErrMaxStreamBytesExceeded JetStreamError = refused(JSErrCodeStreamMaxStreamBytesExceeded, "stream max bytes exceeds account limit")
	// ErrNoLimits: the account has no limits for that number of replicas, and so cannot have such
	// streams.
	ErrNoLimits JetStreamError = refused(JSErrCodeNoLimits, "no jetstream default or applicable tiered limit present")
	// ErrRequiredAPILevel: the server is too old for the request. See APILevelError.
	ErrRequiredAPILevel JetStreamError = sent(JSErrCodeRequiredAPILevel, 412, "required api level", ErrAPI)
	// ErrAPIBadRequest: the server does not understand the request, and gives no details.
	ErrAPIBadRequest JetStreamError = refused(JSErrCodeBadRequest, "bad request")
	// ErrInvalidJSON: the request is not JSON, or not the expected JSON.
	ErrInvalidJSON JetStreamError = refused(JSErrCodeInvalidJSON, "invalid JSON")
	// ErrNotEmptyRequest: the request has a body and should have none.
	ErrNotEmptyRequest JetStreamError = refused(JSErrCodeNotEmptyRequest, "expected an empty request payload")
	// ErrPedantic: the server would have had to change what was asked for.
	ErrPedantic JetStreamError = refused(JSErrCodePedantic, "pedantic mode")
)

// Kinds of refusals by servers: streams.
var (
	// ErrStreamNotFound: the stream does not exist.
	ErrStreamNotFound JetStreamError = sent(JSErrCodeStreamNotFound, 404, "stream not found", ErrNotFound)
	// ErrStreamNameAlreadyInUse: a stream of that name exists with another configuration.
	ErrStreamNameAlreadyInUse JetStreamError = refused(JSErrCodeStreamNameInUse, "stream name already in use").In(kind.Conflict).all(
		JSErrCodeStreamNameExistRestoreFailed)
	// ErrSubjectOverlap: another stream takes messages of that subject.
	ErrSubjectOverlap JetStreamError = refused(JSErrCodeStreamSubjectOverlap, "subjects overlap with an existing stream")
	// ErrStreamMismatch: the name in the configuration differs from the one in the request's
	// subject.
	ErrStreamMismatch JetStreamError = refused(JSErrCodeStreamMismatch, "stream name in subject does not match request")
	// ErrStreamInvalidConfig: the configuration contradicts itself, or cannot be changed as
	// asked.
	ErrStreamInvalidConfig JetStreamError = sent(JSErrCodeStreamInvalidConfig, 500, "stream configuration not valid", ErrServer).In(kind.Input)
	// ErrStreamCreate: the stream could not be created.
	ErrStreamCreate JetStreamError = sent(JSErrCodeStreamCreate, 500, "stream could not be created", ErrServer)
	// ErrStreamUpdate: the stream could not be updated.
	ErrStreamUpdate JetStreamError = sent(JSErrCodeStreamUpdate, 500, "stream could not be updated", ErrServer)
	// ErrStreamDelete: the stream could not be deleted.
	ErrStreamDelete JetStreamError = sent(JSErrCodeStreamDelete, 500, "stream could not be deleted", ErrServer)
	// ErrStreamRestore: the stream could not be restored.
	ErrStreamRestore JetStreamError = sent(JSErrCodeStreamRestore, 500, "stream could not be restored", ErrServer)
	// ErrStreamSnapshot: no snapshot of the stream could be made.
	ErrStreamSnapshot JetStreamError = sent(JSErrCodeStreamSnapshot, 500, "snapshot failed", ErrServer)
	// ErrReplicasNotSupported: a single server does not keep replicas.
	ErrReplicasNotSupported JetStreamError = sent(JSErrCodeStreamReplicasNotSupported, 500, "replicas > 1 not supported in non-clustered mode", ErrServer).In(kind.Input)
	// ErrStreamMirrorNotUpdatable: the Mirror of a stream cannot be replaced.
	ErrStreamMirrorNotUpdatable JetStreamError = refused(JSErrCodeStreamMirrorNotUpdatable, "stream mirror configuration can not be updated", ErrImmutable)
	// ErrStreamOffline: no server can run the stream.
	ErrStreamOffline JetStreamError = sent(JSErrCodeStreamOffline, 500, "stream is offline", ErrServer).In(kind.Unavailable, kind.Retry).all(JSErrCodeStreamOfflineReason)
	// ErrStreamSealed: the stream is sealed for good.
	ErrStreamSealed JetStreamError = refused(JSErrCodeStreamSealed, "invalid operation on sealed stream")
	// ErrStreamMoveInProgress: the stream is already being moved.
	ErrStreamMoveInProgress JetStreamError = refused(JSErrCodeStreamMoveInProgress, "stream move already in progress").In(kind.Unavailable, kind.Retry)
	// ErrStreamReconfigureInProgress: the stream's peers are already being changed.
	ErrStreamReconfigureInProgress JetStreamError = refused(JSErrCodeStreamReconfigureInProgress, "stream reconfiguration already in progress").In(kind.Unavailable, kind.Retry)
	// ErrStreamReconfigureNotInProgress: there is nothing to cancel.
	ErrStreamReconfigureNotInProgress JetStreamError = refused(JSErrCodeStreamReconfigureNotInProgress, "stream reconfiguration not in progress")
	// ErrStreamMoveAndScale: a stream is either moved or scaled, not both at once.
	ErrStreamMoveAndScale JetStreamError = refused(JSErrCodeStreamMoveAndScale, "can not move and scale a stream in a single update")
	// ErrPurgeFailed: the stream denies purges, or the purge failed.
	ErrPurgeFailed JetStreamError = sent(JSErrCodeStreamPurgeFailed, 500, "purge failed", ErrServer).In(kind.Input)
	// ErrMsgNotFound: the message does not exist.
	ErrMsgNotFound JetStreamError = sent(JSErrCodeMessageNotFound, 404, "message not found", ErrNotFound)
	// ErrMsgDeleteUnsuccessful: a message could not be deleted: the stream denies it, or does not
	// have the message.
	ErrMsgDeleteUnsuccessful JetStreamError = sent(JSErrCodeStreamMsgDeleteFailed, 500, "message deletion unsuccessful", ErrServer).In(kind.Input)
	// ErrSequenceNotFound: there is no message with that sequence to delete. It is an
	// ErrMsgNotFound and an ErrMsgDeleteUnsuccessful.
	ErrSequenceNotFound JetStreamError = refused(JSErrCodeSequenceNotFound, "sequence not found", ErrMsgNotFound, ErrMsgDeleteUnsuccessful)
	// ErrMirrorConfig: the configuration is not allowed for a mirror.
	ErrMirrorConfig JetStreamError = born("mirror configuration not valid", ErrBadRequest).all(
		JSErrCodeMirrorMaxMessageSizeTooBig, JSErrCodeMirrorWithStartSeqAndTime, JSErrCodeMirrorWithSubjectFilters,
		JSErrCodeMirrorInvalidStreamName, JSErrCodeMirrorMultipleFiltersNotAllowed, JSErrCodeMirrorInvalidSubjectFilter,
		JSErrCodeMirrorOverlappingSubjectFilters, JSErrCodeMirrorInvalidTransformDestination, JSErrCodeMirrorWithCounters,
		JSErrCodeMirrorWithAtomicPublish, JSErrCodeMirrorWithBatchPublish, JSErrCodeMirrorDurableConsumerCfgInvalid,
		JSErrCodeMirrorConsumerRequiresAckFC)
	// ErrSourceConfig: the configuration is not allowed for a source.
	ErrSourceConfig JetStreamError = born("source configuration not valid", ErrBadRequest).all(
		JSErrCodeSourceMaxMessageSizeTooBig, JSErrCodeSourceDuplicateDetected, JSErrCodeSourceInvalidStreamName,
		JSErrCodeSourceMultipleFiltersNotAllowed, JSErrCodeSourceInvalidSubjectFilter, JSErrCodeSourceInvalidTransformDestination,
		JSErrCodeSourceOverlappingSubjectFilters, JSErrCodeSourceDurableConsumerCfgInvalid,
		JSErrCodeSourceDurableConsumerDuplicateDetected, JSErrCodeSourceConsumerRequiresAckFC)
	// ErrMirrorWithSubjects: a mirror has no subjects of its own.
	ErrMirrorWithSubjects JetStreamError = refused(JSErrCodeMirrorWithSubjects, "stream mirrors can not contain subjects", ErrMirrorConfig)
	// ErrMirrorWithSources: a mirror has no sources.
	ErrMirrorWithSources JetStreamError = refused(JSErrCodeMirrorWithSources, "stream mirrors can not also contain other sources", ErrMirrorConfig)
	// ErrMirrorWithFirstSeq: a mirror cannot have FirstSeq: its sequences are those of its
	// origin.
	ErrMirrorWithFirstSeq JetStreamError = refused(JSErrCodeMirrorWithFirstSeq, "stream mirrors can not have first sequence configured", ErrMirrorConfig)
	// ErrMirrorWithMsgSchedules: a mirror does not schedule messages.
	ErrMirrorWithMsgSchedules JetStreamError = refused(JSErrCodeMirrorWithMsgSchedules, "stream mirrors can not also schedule messages", ErrMirrorConfig)
	// ErrSourceWithMsgSchedules: a stream with sources does not schedule messages.
	ErrSourceWithMsgSchedules JetStreamError = refused(JSErrCodeSourceWithMsgSchedules, "stream source can not also schedule messages", ErrSourceConfig)
)
