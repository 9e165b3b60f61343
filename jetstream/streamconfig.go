package jetstream

import "time"

// StreamConfig says what a stream takes, how much of it, and what can be done with it.
// Only Name is needed. A config that a server gave can be changed and sent back with
// UpdateStream. What a newer server has to know says so in its comment; a server that
// does not know it is never sent it: the call is an ErrRequiredAPILevel.
//
// Limits: 0 and -1 are no limit. Durations have the resolution of a nanosecond.
type StreamConfig struct {
	// Name of the stream: at most 255 bytes, without blanks, dots, wildcards and slashes.
	Name string `json:"name"`
	// Description is for people; at most 4 KiB.
	Description string `json:"description,omitempty"`
	// Subjects that the stream takes, with wildcards. Default: its name; none for a
	// mirror, and for a stream with sources. No two streams of an account take the same one.
	Subjects []string `json:"subjects,omitempty"`
	// Retention says when a message goes. Default: LimitsPolicy.
	Retention RetentionPolicy `json:"retention"`

	// MaxConsumers is how many consumers the stream may have. It cannot be changed.
	MaxConsumers int `json:"max_consumers"`
	// MaxMsgs is how many messages the stream holds.
	MaxMsgs int64 `json:"max_msgs"`
	// MaxBytes is how many bytes the stream holds, subjects and headers included.
	MaxBytes int64 `json:"max_bytes"`
	// Discard says what a stream at MaxMsgs or MaxBytes does. Default: DiscardOld.
	Discard DiscardPolicy `json:"discard"`
	// DiscardNewPerSubject refuses what is over MaxMsgsPerSubject, too. It needs that
	// limit, and DiscardNew.
	DiscardNewPerSubject bool `json:"discard_new_per_subject,omitempty"`
	// MaxAge is how old a message gets; 0 is for ever, and 100 ms the least.
	MaxAge time.Duration `json:"max_age"`
	// MaxMsgsPerSubject is how many messages of one subject the stream holds.
	MaxMsgsPerSubject int64 `json:"max_msgs_per_subject"`
	// MaxMsgSize is how many bytes a message may have, its headers included.
	MaxMsgSize int32 `json:"max_msg_size,omitempty"`

	// Storage says where messages are kept. It cannot be changed. Default: FileStorage.
	Storage StorageType `json:"storage"`
	// Replicas is how many servers hold the stream, at most 5. Default: 1.
	Replicas int `json:"num_replicas"`
	// NoAck has the stream acknowledge nothing that is published. A stream that takes
	// every subject needs it.
	NoAck bool `json:"no_ack,omitempty"`
	// Duplicates is how long a message ID is remembered, 100 ms at the least. Default: 2
	// minutes, or MaxAge if that is less.
	Duplicates time.Duration `json:"duplicate_window,omitempty"`
	// Placement says which servers may hold the stream; nil for any.
	Placement *Placement `json:"placement,omitempty"`

	// Mirror is the stream that this one is a copy of; nil for none. It can be taken
	// away later, which makes the copy a stream like any other.
	Mirror *StreamSource `json:"mirror,omitempty"`
	// Sources are streams whose messages this one takes as well.
	Sources []*StreamSource `json:"sources,omitempty"`

	// Sealed closes the stream: nothing comes in or goes any more. Like DenyDelete,
	// DenyPurge and AllowMsgTTL it can be set by an update, and not be taken back.
	Sealed bool `json:"sealed,omitempty"`
	// DenyDelete refuses to delete messages by sequence.
	DenyDelete bool `json:"deny_delete,omitempty"`
	// DenyPurge refuses to purge.
	DenyPurge bool `json:"deny_purge,omitempty"`
	// AllowRollup allows a message to replace all that is older, of its subject or of
	// the stream.
	AllowRollup bool `json:"allow_rollup_hdrs,omitempty"`

	// Compression of messages on disk. Default: NoCompression. Server 2.10.
	Compression StoreCompression `json:"compression"`
	// FirstSeq is the sequence of the first message; 0 is 1. Server 2.10.
	FirstSeq uint64 `json:"first_seq,omitempty"`
	// SubjectTransform changes the subjects of messages that come in. Server 2.10.
	SubjectTransform *SubjectTransformConfig `json:"subject_transform,omitempty"`
	// RePublish publishes what was stored once more; nil for not.
	RePublish *RePublish `json:"republish,omitempty"`
	// AllowDirect lets every replica answer reads of single messages, rather than the
	// leader alone: quicker, and possibly behind.
	AllowDirect bool `json:"allow_direct"`
	// MirrorDirect lets a mirror answer them for the stream that it is a copy of.
	MirrorDirect bool `json:"mirror_direct"`
	// ConsumerLimits are limits, and defaults, for the stream's consumers. Server 2.10.
	ConsumerLimits StreamConsumerLimits `json:"consumer_limits,omitempty"`

	// Metadata is the program's own. Keys that begin with _nats. are the server's, who
	// adds some; 128 KiB in all. Server 2.10.
	Metadata map[string]string `json:"metadata,omitempty"`
	// Template that the stream was made by, in servers that had templates.
	Template string `json:"template_owner,omitempty"`

	// AllowMsgTTL lets a message say how long it lives. Server 2.11.
	AllowMsgTTL bool `json:"allow_msg_ttl,omitempty"`
	// SubjectDeleteMarkerTTL is how long a marker lives that the server leaves behind
	// the last message of a subject when it ages out; 0 for no marker, and a second the
	// least. It sets AllowMsgTTL and AllowRollup. Server 2.11.
	SubjectDeleteMarkerTTL time.Duration `json:"subject_delete_marker_ttl,omitempty"`
	// AllowMsgCounter makes every subject a counter. It cannot be changed. Server 2.12.
	AllowMsgCounter bool `json:"allow_msg_counter,omitempty"`
	// AllowAtomicPublish allows batches that are stored whole or not at all. Server 2.12.
	AllowAtomicPublish bool `json:"allow_atomic,omitempty"`
	// AllowMsgSchedules allows messages that the server publishes later, or again and
	// again. It sets AllowRollup. Server 2.12.
	AllowMsgSchedules bool `json:"allow_msg_schedules,omitempty"`
	// PersistMode says when a message counts as stored. It cannot be changed. Default:
	// DefaultPersistMode. Server 2.12.
	PersistMode PersistModeType `json:"persist_mode,omitempty"`
	// AllowBatchPublish allows fast ingest. Server 2.14.
	AllowBatchPublish bool `json:"allow_batched,omitempty"`
}

// Placement says which servers may hold a stream, or, for a step-down, lead it. The
// zero value is any.
type Placement struct {
	// Cluster is the name of a cluster; empty for any.
	Cluster string `json:"cluster"`
	// Tags that a server must have, all of them.
	Tags []string `json:"tags,omitempty"`
	// Preferred is the name of the server that is to lead. It is for step-downs: in the
	// config of a stream it is refused.
	Preferred string `json:"preferred,omitempty"`
}

// RePublish says which messages are published once more when they are stored, and to
// where. The new message has the fields Nats-Stream, Nats-Subject, Nats-Sequence,
// Nats-Time-Stamp and Nats-Last-Sequence in its header.
type RePublish struct {
	// Source is the subject to republish, with wildcards; empty for all.
	Source string `json:"src,omitempty"`
	// Destination is where to, in the form of a subject transform's.
	Destination string `json:"dest"`
	// HeadersOnly leaves the data out; Nats-Msg-Size says how much it was.
	HeadersOnly bool `json:"headers_only,omitempty"`
}

// SubjectTransformConfig changes subjects: orders.* to new.{{wildcard(1)}}.
type SubjectTransformConfig struct {
	// Source is the subject to change, with wildcards; empty for all.
	Source string `json:"src"`
	// Destination is what becomes of it.
	Destination string `json:"dest"`
}

// StreamSource is a stream that another one takes its messages from. Filter and
// transforms exclude each other; so do Domain and External.
type StreamSource struct {
	// Name of the stream.
	Name string `json:"name"`
	// OptStartSeq is the sequence to begin at; 0 for the first. It is looked at when the
	// source is new.
	OptStartSeq uint64 `json:"opt_start_seq,omitempty"`
	// OptStartTime is the time to begin at; OptStartSeq goes first.
	OptStartTime *time.Time `json:"opt_start_time,omitempty"`
	// FilterSubject is what to take, with wildcards; empty for all.
	FilterSubject string `json:"filter_subject,omitempty"`
	// SubjectTransforms say what to take and what becomes of its subjects. Server 2.10.
	SubjectTransforms []SubjectTransformConfig `json:"subject_transforms,omitempty"`
	// External is how a stream of another account or domain is reached; nil for one of
	// the same.
	External *ExternalStream `json:"external,omitempty"`
	// Consumer is a durable consumer to take the messages from, made beforehand with
	// AckFlowControlPolicy; nil for one of the server's own. Server 2.14.
	Consumer *StreamConsumerSource `json:"consumer,omitempty"`
	// Domain that the stream is in. It stands for the External with that domain's API.
	Domain string `json:"-"`
}

// StreamConsumerSource names the consumer that a source is fed by.
type StreamConsumerSource struct {
	// Name of the consumer.
	Name string `json:"name,omitempty"`
	// DeliverSubject of the consumer.
	DeliverSubject string `json:"deliver_subject,omitempty"`
}

// ExternalStream says how a stream of another account or domain is reached.
type ExternalStream struct {
	// APIPrefix is what the subjects of its API begin with, without a dot at the end.
	APIPrefix string `json:"api"`
	// DeliverPrefix is what the subjects begin with that it delivers to; empty for the default.
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
