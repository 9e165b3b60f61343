package jetstream

import "time"

// StreamConfig is the configuration of a stream. Only Name is required. A config from a
// StreamInfo can be modified and sent back with UpdateStream. The comment of a field names the
// server version that it requires; it is never sent to a server that does not know it: the call
// returns ErrRequiredAPILevel.
//
// Limits: 0 and -1 mean no limit. Durations have nanosecond resolution.
type StreamConfig struct {
	// Name of the stream: at most 255 bytes, without blanks, dots, wildcards and slashes.
	Name string `json:"name"`
	// Description is for people; at most 4 KiB.
	Description string `json:"description,omitempty"`
	// Subjects that the stream takes, with wildcards. Default: its name; none for a mirror, and
	// for a stream with sources. Subjects of two streams of an account cannot overlap.
	Subjects []string `json:"subjects,omitempty"`
	// Retention says when a message is removed. Default: LimitsPolicy.
	Retention RetentionPolicy `json:"retention"`

	// MaxConsumers is how many consumers the stream may have. It cannot be changed.
	MaxConsumers int `json:"max_consumers"`
	// MaxMsgs is how many messages the stream holds.
	MaxMsgs int64 `json:"max_msgs"`
	// MaxBytes is how many bytes the stream holds, subjects and headers included.
	MaxBytes int64 `json:"max_bytes"`
	// Discard says what a stream at MaxMsgs or MaxBytes does. Default: DiscardOld.
	Discard DiscardPolicy `json:"discard"`
	// DiscardNewPerSubject also refuses messages beyond MaxMsgsPerSubject. It needs that limit,
	// and DiscardNew.
	DiscardNewPerSubject bool `json:"discard_new_per_subject,omitempty"`
	// MaxAge is how long a message is kept, at least 100 ms; 0 is forever.
	MaxAge time.Duration `json:"max_age"`
	// MaxMsgsPerSubject is how many messages of one subject the stream holds.
	MaxMsgsPerSubject int64 `json:"max_msgs_per_subject"`
	// MaxMsgSize is how many bytes a message may have, including its header.
	MaxMsgSize int32 `json:"max_msg_size,omitempty"`

	// Storage says where messages are kept. It cannot be changed. Default: FileStorage.
	Storage StorageType `json:"storage"`
	// Replicas is how many servers hold the stream, at most 5. Default: 1.
	Replicas int `json:"num_replicas"`
	// NoAck makes the stream not acknowledge published messages. A stream that takes every
	// subject needs it.
	NoAck bool `json:"no_ack,omitempty"`
	// Duplicates is how long a message ID is remembered, at least 100 ms. Default: 2 minutes, or
	// MaxAge if that is less.
	Duplicates time.Duration `json:"duplicate_window,omitempty"`
	// Placement says which servers may hold the stream; nil for any.
	Placement *Placement `json:"placement,omitempty"`

	// Mirror is the stream that this one is a copy of; nil for none. It can be removed later,
	// which makes the copy an ordinary stream.
	Mirror *StreamSource `json:"mirror,omitempty"`
	// Sources are streams whose messages this one takes as well.
	Sources []*StreamSource `json:"sources,omitempty"`

	// Sealed closes the stream: no message is added or removed any more. Like DenyDelete,
	// DenyPurge and AllowMsgTTL it can be set by an update, but not undone.
	Sealed bool `json:"sealed,omitempty"`
	// DenyDelete refuses to delete messages by sequence.
	DenyDelete bool `json:"deny_delete,omitempty"`
	// DenyPurge refuses to purge.
	DenyPurge bool `json:"deny_purge,omitempty"`
	// AllowRollup allows a message to replace all older ones of its subject or of the stream.
	AllowRollup bool `json:"allow_rollup_hdrs,omitempty"`

	// Compression of messages on disk. Default: NoCompression. Server 2.10.
	Compression StoreCompression `json:"compression"`
	// FirstSeq is the sequence of the first message; 0 means 1. Server 2.10.
	FirstSeq uint64 `json:"first_seq,omitempty"`
	// SubjectTransform changes the subjects of incoming messages. Server 2.10.
	SubjectTransform *SubjectTransformConfig `json:"subject_transform,omitempty"`
	// RePublish publishes stored messages again to another subject; nil for no.
	RePublish *RePublish `json:"republish,omitempty"`
	// AllowDirect lets every replica, not only the leader, answer reads of messages: faster, but
	// possibly stale.
	AllowDirect bool `json:"allow_direct"`
	// MirrorDirect lets a mirror answer them for the stream that it copies.
	MirrorDirect bool `json:"mirror_direct"`
	// ConsumerLimits are limits, and defaults, for the stream's consumers. Server 2.10.
	ConsumerLimits StreamConsumerLimits `json:"consumer_limits,omitempty"`

	// Metadata is the program's own. Keys that begin with _nats. belong to the server, which adds
	// some; 128 KiB in all. Server 2.10.
	Metadata map[string]string `json:"metadata,omitempty"`
	// Template that created the stream, on servers that had templates.
	Template string `json:"template_owner,omitempty"`

	// AllowMsgTTL lets a message have its own time to live. Server 2.11.
	AllowMsgTTL bool `json:"allow_msg_ttl,omitempty"`
	// SubjectDeleteMarkerTTL is the lifetime, at least a second, of the marker that the server
	// writes when the last message of a subject ages out; 0 for no marker. It sets AllowMsgTTL
	// and AllowRollup. Server 2.11.
	SubjectDeleteMarkerTTL time.Duration `json:"subject_delete_marker_ttl,omitempty"`
	// AllowMsgCounter makes every subject a counter. It cannot be changed. Server 2.12.
	AllowMsgCounter bool `json:"allow_msg_counter,omitempty"`
	// AllowAtomicPublish allows batches that are stored completely or not at all. Server 2.12.
	AllowAtomicPublish bool `json:"allow_atomic,omitempty"`
	// AllowMsgSchedules allows messages that the server publishes later, or repeatedly. It sets
	// AllowRollup. Server 2.12.
	AllowMsgSchedules bool `json:"allow_msg_schedules,omitempty"`
	// PersistMode says when a message counts as stored. It cannot be changed. Default:
	// DefaultPersistMode. Server 2.12.
	PersistMode PersistModeType `json:"persist_mode,omitempty"`
	// AllowBatchPublish allows fast ingest. Server 2.14.
	AllowBatchPublish bool `json:"allow_batched,omitempty"`
}

// Placement says which servers may hold a stream, or, for a step-down, lead it. The zero value
// means any.
type Placement struct {
	// Cluster is the name of a cluster; empty for any.
	Cluster string `json:"cluster"`
	// Tags that a server must have, all of them.
	Tags []string `json:"tags,omitempty"`
	// Preferred is the name of the server that should lead. It is only for step-downs: in the
	// config of a stream it is refused.
	Preferred string `json:"preferred,omitempty"`
}

// RePublish says which messages are published again when they are stored, and to which subject.
// The new message has the fields Nats-Stream, Nats-Subject, Nats-Sequence, Nats-Time-Stamp and
// Nats-Last-Sequence in its header.
type RePublish struct {
	// Source is the subject to republish, with wildcards; empty for all.
	Source string `json:"src,omitempty"`
	// Destination is the subject to publish to, in the form of a subject transform.
	Destination string `json:"dest"`
	// HeadersOnly leaves the data out; Nats-Msg-Size gives its size.
	HeadersOnly bool `json:"headers_only,omitempty"`
}

// SubjectTransformConfig changes subjects: orders.* to new.{{wildcard(1)}}.
type SubjectTransformConfig struct {
	// Source is the subject to change, with wildcards; empty for all.
	Source string `json:"src"`
	// Destination is the new subject.
	Destination string `json:"dest"`
}

// StreamSource is the origin of a mirror or a source. FilterSubject and SubjectTransforms exclude
// each other; so do Domain and External.
type StreamSource struct {
	// Name of the stream.
	Name string `json:"name"`
	// OptStartSeq is the sequence to begin at; 0 for the first. It is used only when the source
	// is created.
	OptStartSeq uint64 `json:"opt_start_seq,omitempty"`
	// OptStartTime is the time to begin at; OptStartSeq takes precedence.
	OptStartTime *time.Time `json:"opt_start_time,omitempty"`
	// FilterSubject selects what to take, with wildcards; empty for all.
	FilterSubject string `json:"filter_subject,omitempty"`
	// SubjectTransforms select what to take and change its subjects. Server 2.10.
	SubjectTransforms []SubjectTransformConfig `json:"subject_transforms,omitempty"`
	// External says how a stream of another account or domain is reached; nil for one of the
	// same.
	External *ExternalStream `json:"external,omitempty"`
	// Consumer is a durable consumer to take the messages from, created beforehand with
	// AckFlowControlPolicy; nil for one that the server creates. Server 2.14.
	Consumer *StreamConsumerSource `json:"consumer,omitempty"`
	// Domain that the stream is in: a shorthand for the External with that domain's API.
	Domain string `json:"-"`
}

// StreamConsumerSource names the consumer that feeds a source.
type StreamConsumerSource struct {
	// Name of the consumer.
	Name string `json:"name,omitempty"`
	// DeliverSubject of the consumer.
	DeliverSubject string `json:"deliver_subject,omitempty"`
}

// ExternalStream says how a stream of another account or domain is reached.
type ExternalStream struct {
	// APIPrefix is the prefix of the subjects of its API, without a trailing dot.
	APIPrefix string `json:"api"`
	// DeliverPrefix is the prefix of the subjects that it delivers to; empty for the default.
	DeliverPrefix string `json:"deliver"`
}

// StreamConsumerLimits are limits for the consumers of a stream, and their defaults.
type StreamConsumerLimits struct {
	// InactiveThreshold is how long a consumer may be without a client before it is
	// removed; 0 for no limit.
	InactiveThreshold time.Duration `json:"inactive_threshold,omitempty"`
	// MaxAckPending is how many messages may wait for their acknowledgement; 0 for no limit.
	MaxAckPending int `json:"max_ack_pending,omitempty"`
}
