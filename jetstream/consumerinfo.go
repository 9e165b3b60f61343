package jetstream

import "time"

// ConsumerInfo is what a server says of a consumer. It belongs to the caller.
type ConsumerInfo struct {
	// Stream that the consumer is of.
	Stream string `json:"stream_name"`
	// Name of the consumer.
	Name string `json:"name"`
	// Created is when it was made.
	Created time.Time `json:"created"`
	// Config in use: the one that was asked for, with the defaults of the server.
	Config ConsumerConfig `json:"config"`
	// Delivered is what was delivered last.
	Delivered SequenceInfo `json:"delivered"`
	// AckFloor is up to where everything is acknowledged.
	AckFloor SequenceInfo `json:"ack_floor"`
	// NumAckPending is how many messages wait for their acknowledgement.
	NumAckPending int `json:"num_ack_pending"`
	// NumRedelivered is how many of them were delivered more than once.
	NumRedelivered int `json:"num_redelivered"`
	// NumWaiting is how many pulls wait.
	NumWaiting int `json:"num_waiting"`
	// NumPending is how many messages are still to be delivered.
	NumPending uint64 `json:"num_pending"`
	// Cluster is where the consumer is; nil for a server without a cluster.
	Cluster *ClusterInfo `json:"cluster,omitempty"`
	// PushBound reports whether somebody listens to a push consumer.
	PushBound bool `json:"push_bound,omitempty"`
	// TimeStamp is when the server gathered the info.
	TimeStamp time.Time `json:"ts"`
	// PriorityGroups are the consumer's groups.
	PriorityGroups []PriorityGroupState `json:"priority_groups,omitempty"`
	// Paused reports whether the consumer delivers nothing for the time being.
	Paused bool `json:"paused,omitempty"`
	// PauseRemaining is for how long.
	PauseRemaining time.Duration `json:"pause_remaining,omitempty"`
}

// SequenceInfo is a place in a stream, as a consumer has reached it.
type SequenceInfo struct {
	// Consumer is the sequence among the deliveries.
	Consumer uint64 `json:"consumer_seq"`
	// Stream is the sequence in the stream.
	Stream uint64 `json:"stream_seq"`
	// Last is when; nil for never.
	Last *time.Time `json:"last_active,omitempty"`
}

// PriorityGroupState is what a consumer knows of a priority group.
type PriorityGroupState struct {
	// Group is its name.
	Group string `json:"group"`
	// PinnedClientID is the client that gets everything; empty for none.
	PinnedClientID string `json:"pinned_client_id,omitempty"`
	// PinnedTS is since when.
	PinnedTS time.Time `json:"pinned_ts,omitempty"`
}
