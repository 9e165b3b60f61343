package jetstream

import "time"

// StreamInfo is what a server says of a stream. It belongs to the caller.
type StreamInfo struct {
	// Config in use: the one that was asked for, with the defaults of the server.
	Config StreamConfig `json:"config"`
	// Created is when the stream was made.
	Created time.Time `json:"created"`
	// State is what the stream holds.
	State StreamState `json:"state"`
	// Domain that the stream is in; empty for none.
	Domain string `json:"domain,omitempty"`
	// Cluster is where the stream is; nil for a server without a cluster.
	Cluster *ClusterInfo `json:"cluster,omitempty"`
	// Mirror is how far the copy is, nil for a stream that is none.
	Mirror *StreamSourceInfo `json:"mirror,omitempty"`
	// Sources is how far each source is.
	Sources []*StreamSourceInfo `json:"sources,omitempty"`
	// Alternates are the stream and its mirrors, the nearest first; empty without mirrors.
	Alternates []StreamAlternate `json:"alternates,omitempty"`
	// TimeStamp is when the server gathered the info.
	TimeStamp time.Time `json:"ts"`
	// DidCreate is what the server says of CreateStream: whether it made the stream. In a
	// cluster it is false when an equal one was there already; a single server says true
	// then as well. It is false for every other call.
	DidCreate bool `json:"did_create,omitempty"`
}

// StreamState is what a stream holds.
type StreamState struct {
	// Msgs is how many messages there are.
	Msgs uint64 `json:"messages"`
	// Bytes is how much they take in the store.
	Bytes uint64 `json:"bytes"`
	// FirstSeq is the sequence of the first message, or of the next if there is none.
	FirstSeq uint64 `json:"first_seq"`
	// FirstTime is when that message was stored; zero if there is none.
	FirstTime time.Time `json:"first_ts"`
	// LastSeq is the sequence of the last message, though it may have gone.
	LastSeq uint64 `json:"last_seq"`
	// LastTime is when that message was stored.
	LastTime time.Time `json:"last_ts"`
	// Consumers is how many consumers there are.
	Consumers int `json:"consumer_count"`
	// Deleted are the sequences between first and last that are gone; see WithDeletedDetails.
	Deleted []uint64 `json:"deleted"`
	// NumDeleted is how many they are.
	NumDeleted int `json:"num_deleted"`
	// NumSubjects is how many subjects have messages.
	NumSubjects uint64 `json:"num_subjects"`
	// Subjects is how many messages each of them has; see WithSubjectFilter.
	Subjects map[string]uint64 `json:"subjects"`
	// Lost is what the server found damaged; nil for nothing.
	Lost *LostStreamData `json:"lost,omitempty"`
}

// LostStreamData is what a server found damaged in its store.
type LostStreamData struct {
	// Msgs are the sequences.
	Msgs []uint64 `json:"msgs"`
	// Bytes is how much it was.
	Bytes uint64 `json:"bytes"`
}

// StreamSourceInfo is how far a mirror or a source is.
type StreamSourceInfo struct {
	// Name of the stream that the messages come from.
	Name string `json:"name"`
	// External is how it is reached; nil for a stream of the same account and domain.
	External *ExternalStream `json:"external,omitempty"`
	// Lag is how many messages it is ahead.
	Lag uint64 `json:"lag"`
	// Seq is the last sequence taken from it.
	Seq uint64 `json:"seq,omitempty"`
	// Active is how long ago something was heard of it; -1 is never.
	Active time.Duration `json:"active"`
	// Error is what stands in the way; nil for nothing.
	Error *APIError `json:"error,omitempty"`
	// FilterSubject is what is taken; empty for all.
	FilterSubject string `json:"filter_subject,omitempty"`
	// SubjectTransforms say what is taken and what becomes of its subjects.
	SubjectTransforms []SubjectTransformConfig `json:"subject_transforms,omitempty"`
}

// StreamAlternate is a stream, or a mirror of it, that can be read instead.
type StreamAlternate struct {
	// Name of the stream.
	Name string `json:"name"`
	// Domain that it is in; empty for none.
	Domain string `json:"domain,omitempty"`
	// Cluster that it is in.
	Cluster string `json:"cluster"`
}

// ClusterInfo says which servers hold a stream or a consumer.
type ClusterInfo struct {
	// Name of the cluster.
	Name string `json:"name,omitempty"`
	// RaftGroup is the name of the group that its servers are.
	RaftGroup string `json:"raft_group,omitempty"`
	// Leader is the name of the server that leads; empty while none does.
	Leader string `json:"leader,omitempty"`
	// LeaderSince is since when; nil if there is only one server, or none leads.
	LeaderSince *time.Time `json:"leader_since,omitempty"`
	// SystemAcc reports whether the group's traffic is in the system account.
	SystemAcc bool `json:"system_account,omitempty"`
	// TrafficAcc is the account of the group's traffic.
	TrafficAcc string `json:"traffic_account,omitempty"`
	// Replicas are the servers beside the leader.
	Replicas []*PeerInfo `json:"replicas,omitempty"`
	// Desired is what the group is on its way to; nil when it is there. Server 2.15.
	Desired *DesiredClusterInfo `json:"desired,omitempty"`
}

// PeerInfo is a server that holds a stream or a consumer.
type PeerInfo struct {
	// Name of the server.
	Name string `json:"name"`
	// Current reports whether it has all that the leader has.
	Current bool `json:"current"`
	// Offline reports whether it cannot be reached.
	Offline bool `json:"offline,omitempty"`
	// Active is how long ago it was heard of.
	Active time.Duration `json:"active"`
	// Lag is how many operations it is behind.
	Lag uint64 `json:"lag,omitempty"`
	// Peer is its name within the group; see RemovePeer.
	Peer string `json:"peer"`
	// Pending reports whether it is about to join the group or to leave it. Server 2.15.
	Pending bool `json:"pending,omitempty"`
}

// DesiredClusterInfo is what a group of servers is on its way to.
type DesiredClusterInfo struct {
	// Created is when that was asked for.
	Created time.Time `json:"created"`
	// Name of the cluster.
	Name string `json:"name,omitempty"`
	// Replicas are the servers that there will be.
	Replicas []*DesiredPeerInfo `json:"replicas,omitempty"`
	// Origin is what it was before; nil if unknown.
	Origin *DesiredClusterInfoOrigin `json:"origin,omitempty"`
	// Status is what the group leader does about it; nil if unknown.
	Status *DesiredClusterInfoStatus `json:"status,omitempty"`
}

// DesiredClusterInfoOrigin is what a group was before it was asked to change.
type DesiredClusterInfoOrigin struct {
	// Replicas is how many servers there were.
	Replicas int `json:"replicas"`
	// Placement that was asked for then; nil for any.
	Placement *Placement `json:"placement,omitempty"`
	// Retention of the stream then; nil if it stays.
	Retention *RetentionPolicy `json:"retention,omitempty"`
}

// DesiredClusterInfoStatus is what a group leader does, or waits for.
type DesiredClusterInfoStatus struct {
	// Description is for people.
	Description string `json:"description"`
	// Type is what has to change.
	Type MigrationStatusType `json:"type"`
	// Err is the failure behind it, if it lasts; empty for none.
	Err string `json:"err,omitempty"`
}

// DesiredPeerInfo is a server that a group will have.
type DesiredPeerInfo struct {
	// Name of the server.
	Name string `json:"name"`
	// Offline reports whether it cannot be reached.
	Offline bool `json:"offline,omitempty"`
	// Peer is its name within the group.
	Peer string `json:"peer"`
}
