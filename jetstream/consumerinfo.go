package jetstream

import "time"

// ConsumerInfo is what a server reports about a consumer. The caller owns it.
type ConsumerInfo struct {
	// Stream that the consumer belongs to.
	Stream string `json:"stream_name"`
	// Name of the consumer.
	Name string `json:"name"`
	// Created is when it was created.
	Created time.Time `json:"created"`
	// Config in use: the one that was asked for, with the defaults of the server.
	Config ConsumerConfig `json:"config"`
	// Delivered is what was delivered last.
	Delivered SequenceInfo `json:"delivered"`
	// AckFloor is the position up to which everything is acknowledged.
	AckFloor SequenceInfo `json:"ack_floor"`
	// NumAckPending is how many messages wait for their acknowledgement.
	NumAckPending int `json:"num_ack_pending"`
	// NumRedelivered is how many of them were delivered more than once.
	NumRedelivered int `json:"num_redelivered"`
	// NumWaiting is how many pulls wait.
	NumWaiting int `json:"num_waiting"`
	// NumPending is how many messages are still to be delivered.
	NumPending uint64 `json:"num_pending"`
	// Cluster says which servers hold the consumer; nil for a server without a cluster.
	Cluster *ClusterInfo `json:"cluster,omitempty"`
	// PushBound reports whether a client is subscribed to a push consumer.
	PushBound bool `json:"push_bound,omitempty"`
	// TimeStamp is when the server gathered the info.
	TimeStamp time.Time `json:"ts"`
	// PriorityGroups are the consumer's groups.
	PriorityGroups []PriorityGroupState `json:"priority_groups,omitempty"`
	// Paused reports whether the consumer is paused.
	Paused bool `json:"paused,omitempty"`
	// PauseRemaining is how long the pause still lasts.
	PauseRemaining time.Duration `json:"pause_remaining,omitempty"`
}

// SequenceInfo is a position that a consumer has reached.
type SequenceInfo struct {
	// Consumer is the sequence of the delivery.
	Consumer uint64 `json:"consumer_seq"`
	// Stream is the sequence in the stream.
	Stream uint64 `json:"stream_seq"`
	// Last is when it was reached; nil for never.
	Last *time.Time `json:"last_active,omitempty"`
}

// PriorityGroupState is the state of a consumer's priority group.
type PriorityGroupState struct {
	// Group is its name.
	Group string `json:"group"`
	// PinnedClientID is the client that gets everything; empty for none.
	PinnedClientID string `json:"pinned_client_id,omitempty"`
	// PinnedTS is when it was pinned.
	PinnedTS time.Time `json:"pinned_ts,omitempty"`
}
