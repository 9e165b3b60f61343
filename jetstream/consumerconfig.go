package jetstream

import "time"

// ConsumerConfig is the configuration of a consumer. The zero value is a pull consumer of the
// whole stream with explicit acknowledgements and a generated name, removed 5 s after its last
// use. With a DeliverSubject it is a push consumer. The comment of a field names the server
// version that it requires; it is never sent to a server that does not know it: the call returns
// ErrRequiredAPILevel.
type ConsumerConfig struct {
	// Name of the consumer, under the rules of a stream's. Default: generated.
	Name string `json:"name,omitempty"`
	// Durable is the name of a consumer that is kept when it is not used. If Name is set too,
	// they must be equal.
	Durable string `json:"durable_name,omitempty"`
	// Description is for people; at most 4 KiB.
	Description string `json:"description,omitempty"`

	// DeliverPolicy says where in the stream to begin. Default: DeliverAllPolicy.
	DeliverPolicy DeliverPolicy `json:"deliver_policy"`
	// OptStartSeq is where DeliverByStartSequencePolicy begins.
	OptStartSeq uint64 `json:"opt_start_seq,omitempty"`
	// OptStartTime is where DeliverByStartTimePolicy begins.
	OptStartTime *time.Time `json:"opt_start_time,omitempty"`

	// AckPolicy says which messages are acknowledged. Default: AckExplicitPolicy.
	AckPolicy AckPolicy `json:"ack_policy"`
	// AckWait is how long a message waits for its acknowledgement before it is delivered
	// again. Default: 30 s.
	AckWait time.Duration `json:"ack_wait,omitempty"`
	// MaxDeliver is how often a message is delivered; 0 and -1 mean without limit.
	MaxDeliver int `json:"max_deliver,omitempty"`
	// BackOff are the waits before each redelivery, instead of AckWait; the last one repeats. At
	// most MaxDeliver of them.
	BackOff []time.Duration `json:"backoff,omitempty"`

	// FilterSubject is what to deliver, with wildcards; empty for all.
	FilterSubject string `json:"filter_subject,omitempty"`
	// ReplayPolicy says how quickly to deliver. Default: ReplayInstantPolicy.
	ReplayPolicy ReplayPolicy `json:"replay_policy"`
	// RateLimit is how many bits per second a push consumer delivers; 0 for no limit.
	RateLimit uint64 `json:"rate_limit_bps,omitempty"`
	// SampleFrequency is the percentage of acknowledgements for which the server publishes an
	// AckMetric; a percent sign may follow.
	SampleFrequency string `json:"sample_freq,omitempty"`

	// MaxWaiting is how many pulls may wait at once. Default: 512.
	MaxWaiting int `json:"max_waiting,omitempty"`
	// MaxAckPending is how many messages may wait for their acknowledgement; -1 for no
	// limit. Default: 1000, or the limit of the stream.
	MaxAckPending int `json:"max_ack_pending,omitempty"`
	// HeadersOnly leaves the data out; Nats-Msg-Size gives its size.
	HeadersOnly bool `json:"headers_only,omitempty"`
	// MaxRequestBatch is how many messages a pull may ask for; 0 for no limit.
	MaxRequestBatch int `json:"max_batch,omitempty"`
	// MaxRequestExpires is how long a pull may wait, at least a millisecond; 0 for no limit.
	MaxRequestExpires time.Duration `json:"max_expires,omitempty"`
	// MaxRequestMaxBytes is how many bytes a pull may ask for; 0 for no limit.
	MaxRequestMaxBytes int `json:"max_bytes,omitempty"`
	// InactiveThreshold is how long the consumer may be without a client before it is removed.
	// Default: 5 s; none for a durable.
	InactiveThreshold time.Duration `json:"inactive_threshold,omitempty"`

	// Replicas is how many servers hold the consumer. Default: as many as the stream.
	Replicas int `json:"num_replicas"`
	// MemoryStorage keeps the consumer's state in memory, wherever the stream is.
	MemoryStorage bool `json:"mem_storage,omitempty"`

	// FilterSubjects is what to deliver, instead of FilterSubject. No two may overlap.
	// Server 2.10.
	FilterSubjects []string `json:"filter_subjects,omitempty"`
	// Metadata is the program's own. Keys that begin with _nats. belong to the server, which adds
	// some; 128 KiB in all. Server 2.10.
	Metadata map[string]string `json:"metadata,omitempty"`
	// PauseUntil is when the consumer starts to deliver; nil for at once. Server 2.11.
	PauseUntil *time.Time `json:"pause_until,omitempty"`

	// PriorityPolicy says which clients are served first. Default: PriorityPolicyNone.
	// Server 2.11; prioritized 2.12.
	PriorityPolicy PriorityPolicy `json:"priority_policy,omitempty"`
	// PinnedTTL is how long the pinned client may be silent before another is chosen.
	// Default: 2 minutes. It needs PriorityPolicyPinned.
	PinnedTTL time.Duration `json:"priority_timeout,omitempty"`
	// PriorityGroups are the names of the groups that the policy is for: at most 16 of
	// letters, digits and /_=-. A priority policy needs one; servers use the first.
	PriorityGroups []string `json:"priority_groups,omitempty"`

	// DeliverSubject is where a push consumer delivers to. Empty: the consumer is pulled
	// from.
	DeliverSubject string `json:"deliver_subject,omitempty"`
	// DeliverGroup is the queue group that shares what a push consumer delivers.
	DeliverGroup string `json:"deliver_group,omitempty"`
	// FlowControl makes a push consumer wait until the client has received what it delivered. It
	// needs IdleHeartbeat.
	FlowControl bool `json:"flow_control,omitempty"`
	// IdleHeartbeat is how long a push consumer is silent before it sends a heartbeat, at least
	// 100 ms; 0 for never.
	IdleHeartbeat time.Duration `json:"idle_heartbeat,omitempty"`
}

// OrderedConsumerConfig says what an ordered consumer delivers. The zero value is the
// whole stream.
type OrderedConsumerConfig struct {
	// FilterSubjects is what to deliver, with wildcards; none for all.
	FilterSubjects []string `json:"filter_subjects,omitempty"`
	// DeliverPolicy says where in the stream to begin. Default: DeliverAllPolicy.
	DeliverPolicy DeliverPolicy `json:"deliver_policy"`
	// OptStartSeq is where DeliverByStartSequencePolicy begins.
	OptStartSeq uint64 `json:"opt_start_seq,omitempty"`
	// OptStartTime is where DeliverByStartTimePolicy begins.
	OptStartTime *time.Time `json:"opt_start_time,omitempty"`
	// ReplayPolicy says how quickly to deliver. Default: ReplayInstantPolicy.
	ReplayPolicy ReplayPolicy `json:"replay_policy"`
	// InactiveThreshold is how long the underlying consumer may be without the client before it
	// is removed. Default: 5 minutes.
	InactiveThreshold time.Duration `json:"inactive_threshold,omitempty"`
	// HeadersOnly leaves the data out; Nats-Msg-Size gives its size.
	HeadersOnly bool `json:"headers_only,omitempty"`
	// MaxResetAttempts is how often in a row the underlying consumer is created again before
	// consuming ends; 0 and -1 mean without limit.
	MaxResetAttempts int
	// Metadata of the underlying consumers.
	Metadata map[string]string `json:"metadata,omitempty"`
	// NamePrefix is the prefix of their names. Default: generated.
	NamePrefix string `json:"-"`
}
