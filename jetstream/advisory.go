package jetstream

import (
	"encoding/json"
	"time"
)

// Advisory is an event or a measurement that a server publishes: a pointer to one of the types
// whose names end in Advisory, or to an AckMetric. The receiver owns it.
type Advisory interface {
	// Head returns the fields that all advisories have.
	Head() AdvisoryHead
}

// AdvisoryHead has the fields of all advisories.
type AdvisoryHead struct {
	Type   string    `json:"type"` // "io.nats.jetstream.advisory.v1.max_deliver"
	ID     string    `json:"id"`   // of this one alone
	Time   time.Time `json:"timestamp"`
	Domain string    `json:"domain,omitempty"` // of the server; empty without
}

// Head returns the fields that all advisories have.
func (h *AdvisoryHead) Head() AdvisoryHead { return *h }

// ClientInfo says who sent a request to a server. What the server does not report is empty.
type ClientInfo struct {
	Account    string `json:"acc,omitempty"`
	User       string `json:"user,omitempty"`
	Name       string `json:"name,omitempty"` // of the connection
	Host       string `json:"host,omitempty"`
	ID         uint64 `json:"id,omitempty"` // of the connection, at its server
	Kind       string `json:"kind,omitempty"`
	ClientType string `json:"client_type,omitempty"`
	Language   string `json:"lang,omitempty"`
	Version    string `json:"ver,omitempty"`
	Server     string `json:"server,omitempty"`
	Cluster    string `json:"cluster,omitempty"`
}

// StreamActionAdvisory: a stream was created, updated or deleted.
type StreamActionAdvisory struct {
	AdvisoryHead
	Stream string `json:"stream"`
	Action string `json:"action"` // "create", "modify" or "delete"
}

// ConsumerActionAdvisory: a consumer was created or deleted.
type ConsumerActionAdvisory struct {
	AdvisoryHead
	Stream   string `json:"stream"`
	Consumer string `json:"consumer"`
	Action   string `json:"action"` // "create" or "delete"
}

// ConsumerPauseAdvisory: a consumer was paused or resumed.
type ConsumerPauseAdvisory struct {
	AdvisoryHead
	Stream     string    `json:"stream"`
	Consumer   string    `json:"consumer"`
	Paused     bool      `json:"paused"`
	PauseUntil time.Time `json:"pause_until"` // zero if it was resumed
}

// MaxDeliveriesAdvisory: a message was delivered as often as its consumer allows and
// never acknowledged. It is a dead letter; see DeadLetterReader.
type MaxDeliveriesAdvisory struct {
	AdvisoryHead
	Stream     string `json:"stream"`
	Consumer   string `json:"consumer"`
	StreamSeq  uint64 `json:"stream_seq"`
	Deliveries uint64 `json:"deliveries"`
}

// TerminatedAdvisory: a message was terminated by its receiver. It is a dead letter; see
// DeadLetterReader.
type TerminatedAdvisory struct {
	AdvisoryHead
	Stream      string `json:"stream"`
	Consumer    string `json:"consumer"`
	ConsumerSeq uint64 `json:"consumer_seq"`
	StreamSeq   uint64 `json:"stream_seq"`
	Deliveries  uint64 `json:"deliveries"`
	Reason      string `json:"reason,omitempty"`
}

// NakedAdvisory: the receiver of a message asked for it to be delivered again.
type NakedAdvisory struct {
	AdvisoryHead
	Stream      string `json:"stream"`
	Consumer    string `json:"consumer"`
	ConsumerSeq uint64 `json:"consumer_seq"`
	StreamSeq   uint64 `json:"stream_seq"`
	Deliveries  uint64 `json:"deliveries"`
}

// AckMetric says how long it took until a message was acknowledged. It is sent for the share of
// messages set by SampleFrequency of the consumer.
type AckMetric struct {
	AdvisoryHead
	Stream      string        `json:"stream"`
	Consumer    string        `json:"consumer"`
	ConsumerSeq uint64        `json:"consumer_seq"`
	StreamSeq   uint64        `json:"stream_seq"`
	Delay       time.Duration `json:"ack_time"` // since the last delivery
	Deliveries  uint64        `json:"deliveries"`
}

// SnapshotCreatedAdvisory: a client began to take a snapshot of a stream.
type SnapshotCreatedAdvisory struct {
	AdvisoryHead
	Stream string      `json:"stream"`
	State  StreamState `json:"state"`
	Client ClientInfo  `json:"client"`
}

// SnapshotCompletedAdvisory: a snapshot is complete, or failed.
type SnapshotCompletedAdvisory struct {
	AdvisoryHead
	Stream string     `json:"stream"`
	Start  time.Time  `json:"start"`
	End    time.Time  `json:"end"`
	Client ClientInfo `json:"client"`
	Error  string     `json:"error,omitempty"` // empty if it did not fail
}

// RestoreCreatedAdvisory: a client began to restore a stream.
type RestoreCreatedAdvisory struct {
	AdvisoryHead
	Stream string     `json:"stream"`
	Client ClientInfo `json:"client"`
}

// RestoreCompletedAdvisory: a stream has been restored.
type RestoreCompletedAdvisory struct {
	AdvisoryHead
	Stream string     `json:"stream"`
	Start  time.Time  `json:"start"`
	End    time.Time  `json:"end"`
	Bytes  int64      `json:"bytes"`
	Client ClientInfo `json:"client"`
}

// StreamLeaderAdvisory: a replicated stream has a new leader.
type StreamLeaderAdvisory struct {
	AdvisoryHead
	Account  string     `json:"account,omitempty"`
	Stream   string     `json:"stream"`
	Leader   string     `json:"leader"`
	Replicas []PeerInfo `json:"replicas"`
}

// StreamQuorumLostAdvisory: too few replicas of a stream are online: it cannot make progress.
type StreamQuorumLostAdvisory struct {
	AdvisoryHead
	Account  string     `json:"account,omitempty"`
	Stream   string     `json:"stream"`
	Replicas []PeerInfo `json:"replicas"`
}

// ConsumerLeaderAdvisory: a replicated consumer has a new leader.
type ConsumerLeaderAdvisory struct {
	AdvisoryHead
	Account  string     `json:"account,omitempty"`
	Stream   string     `json:"stream"`
	Consumer string     `json:"consumer"`
	Leader   string     `json:"leader"`
	Replicas []PeerInfo `json:"replicas"`
}

// ConsumerQuorumLostAdvisory: too few replicas of a consumer are online: it cannot make progress.
type ConsumerQuorumLostAdvisory struct {
	AdvisoryHead
	Account  string     `json:"account,omitempty"`
	Stream   string     `json:"stream"`
	Consumer string     `json:"consumer"`
	Replicas []PeerInfo `json:"replicas"`
}

// BatchAbandonedAdvisory: a server abandoned an atomic batch. Nothing of it was stored.
type BatchAbandonedAdvisory struct {
	AdvisoryHead
	Account string `json:"account,omitempty"`
	Stream  string `json:"stream"`
	BatchID string `json:"batch"`
	Reason  string `json:"reason"` // "timeout", "large", "incomplete" or "unsupported"
}

// PinnedAdvisory: a client became the pinned one of its priority group.
type PinnedAdvisory struct {
	AdvisoryHead
	Account  string `json:"account,omitempty"`
	Stream   string `json:"stream"`
	Consumer string `json:"consumer"`
	Group    string `json:"group"`
	PinID    string `json:"pinned_id"`
}

// UnpinnedAdvisory: a priority group is free for another client.
type UnpinnedAdvisory struct {
	AdvisoryHead
	Account  string `json:"account,omitempty"`
	Stream   string `json:"stream"`
	Consumer string `json:"consumer"`
	Group    string `json:"group"`
	Reason   string `json:"reason"` // "admin" or "timeout"
}

// DomainLeaderAdvisory: the servers of a domain have a new leader.
type DomainLeaderAdvisory struct {
	AdvisoryHead
	Leader   string     `json:"leader"`
	Replicas []PeerInfo `json:"replicas"`
	Cluster  string     `json:"cluster"`
}

// OutOfStorageAdvisory: a server has no storage left.
type OutOfStorageAdvisory struct {
	AdvisoryHead
	Server   string `json:"server"`
	ServerID string `json:"server_id"`
	Stream   string `json:"stream,omitempty"` // that had no room
	Cluster  string `json:"cluster"`
}

// ServerRemovedAdvisory: a server was removed from its cluster.
type ServerRemovedAdvisory struct {
	AdvisoryHead
	Server   string `json:"server"`
	ServerID string `json:"server_id"`
	Cluster  string `json:"cluster"`
}

// MetaRescueAdvisory: a server was told to continue with fewer peers than the cluster requires.
type MetaRescueAdvisory struct {
	AdvisoryHead
	Server         string `json:"server"`
	ServerID       string `json:"server_id"`
	PreviousQuorum int    `json:"prev_quorum"`
	NewQuorum      int    `json:"new_quorum"`
	Cluster        string `json:"cluster"`
}

// APILimitAdvisory: a server dropped API requests because it had too many.
type APILimitAdvisory struct {
	AdvisoryHead
	Server  string `json:"server"`
	Dropped int64  `json:"dropped"`
}

// APIAuditAdvisory: a client called the API.
type APIAuditAdvisory struct {
	AdvisoryHead
	Server   string     `json:"server"`
	Client   ClientInfo `json:"client"`
	Subject  string     `json:"subject"`
	Request  string     `json:"request,omitempty"`
	Response string     `json:"response"`
}

// UnknownAdvisory is an advisory of a type that this package does not know.
type UnknownAdvisory struct {
	AdvisoryHead
	Data json.RawMessage `json:"-"` // all of it
}

// newAdvisory returns an empty advisory of a type. The name is the last part of the type that
// servers use.
func newAdvisory(name string) Advisory {
	if build := advisoryTypes[name]; build != nil {
		return build()
	}
	return &UnknownAdvisory{}
}

var advisoryTypes = map[string]func() Advisory{
	"stream_action":           func() Advisory { return &StreamActionAdvisory{} },
	"consumer_action":         func() Advisory { return &ConsumerActionAdvisory{} },
	"consumer_pause":          func() Advisory { return &ConsumerPauseAdvisory{} },
	"max_deliver":             func() Advisory { return &MaxDeliveriesAdvisory{} },
	"terminated":              func() Advisory { return &TerminatedAdvisory{} },
	"nak":                     func() Advisory { return &NakedAdvisory{} },
	"consumer_ack":            func() Advisory { return &AckMetric{} },
	"snapshot_create":         func() Advisory { return &SnapshotCreatedAdvisory{} },
	"snapshot_complete":       func() Advisory { return &SnapshotCompletedAdvisory{} },
	"restore_create":          func() Advisory { return &RestoreCreatedAdvisory{} },
	"restore_complete":        func() Advisory { return &RestoreCompletedAdvisory{} },
	"stream_leader_elected":   func() Advisory { return &StreamLeaderAdvisory{} },
	"stream_quorum_lost":      func() Advisory { return &StreamQuorumLostAdvisory{} },
	"stream_batch_abandoned":  func() Advisory { return &BatchAbandonedAdvisory{} },
	"consumer_leader_elected": func() Advisory { return &ConsumerLeaderAdvisory{} },
	"consumer_quorum_lost":    func() Advisory { return &ConsumerQuorumLostAdvisory{} },
	"consumer_group_pinned":   func() Advisory { return &PinnedAdvisory{} },
	"consumer_group_unpinned": func() Advisory { return &UnpinnedAdvisory{} },
	"domain_leader_elected":   func() Advisory { return &DomainLeaderAdvisory{} },
	"server_out_of_space":     func() Advisory { return &OutOfStorageAdvisory{} },
	"server_removed":          func() Advisory { return &ServerRemovedAdvisory{} },
	"meta_rescue":             func() Advisory { return &MetaRescueAdvisory{} },
	"api_limit_reached":       func() Advisory { return &APILimitAdvisory{} },
	"api_audit":               func() Advisory { return &APIAuditAdvisory{} },
}
