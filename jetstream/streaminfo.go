package jetstream

import "time"

// StreamInfo is what a server reports about a stream. The caller owns it.
type StreamInfo struct {
	// Config in use: the one that was asked for, with the defaults of the server.
	Config StreamConfig `json:"config"`
	// Created is when the stream was created.
	Created time.Time `json:"created"`
	// State is what the stream holds.
	State StreamState `json:"state"`
	// Domain that the stream is in; empty for none.
	Domain string `json:"domain,omitempty"`
	// Cluster says which servers hold the stream; nil for a server without a cluster.
	Cluster *ClusterInfo `json:"cluster,omitempty"`
	// Mirror is the progress of a mirror; nil for a stream that is not a mirror.
	Mirror *StreamSourceInfo `json:"mirror,omitempty"`
	// Sources is the progress of each source.
	Sources []*StreamSourceInfo `json:"sources,omitempty"`
	// Alternates are the stream and its mirrors, the nearest first; empty without mirrors.
	Alternates []StreamAlternate `json:"alternates,omitempty"`
	// TimeStamp is when the server gathered the info.
	TimeStamp time.Time `json:"ts"`
	// DidCreate reports, after CreateStream, whether the server created the stream. In a cluster
	// it is false if an equal one already existed; a single server reports true then as well. It
	// is false for every other call.
	DidCreate bool `json:"did_create,omitempty"`
}

// StreamState is what a stream holds.
type StreamState struct {
	// Msgs is how many messages there are.
	Msgs uint64 `json:"messages"`
	// Bytes is their size in the store.
	Bytes uint64 `json:"bytes"`
	// FirstSeq is the sequence of the first message, or of the next if there is none.
	FirstSeq uint64 `json:"first_seq"`
	// FirstTime is when that message was stored; zero if there is none.
	FirstTime time.Time `json:"first_ts"`
	// LastSeq is the sequence of the last message, even if that was removed.
	LastSeq uint64 `json:"last_seq"`
	// LastTime is when that message was stored.
	LastTime time.Time `json:"last_ts"`
	// Consumers is how many consumers there are.
	Consumers int `json:"consumer_count"`
	// Deleted are the removed sequences between first and last; see WithDeletedDetails.
	Deleted []uint64 `json:"deleted"`
	// NumDeleted is how many sequences are removed.
	NumDeleted int `json:"num_deleted"`
	// NumSubjects is how many subjects have messages.
	NumSubjects uint64 `json:"num_subjects"`
	// Subjects is how many messages each of them has; see WithSubjectFilter.
	Subjects map[string]uint64 `json:"subjects"`
	// Lost is the data that the server found damaged; nil for none.
	Lost *LostStreamData `json:"lost,omitempty"`
}

// LostStreamData is the data that a server found damaged in its store.
type LostStreamData struct {
	// Msgs are the sequences of the messages.
	Msgs []uint64 `json:"msgs"`
	// Bytes is their size.
	Bytes uint64 `json:"bytes"`
}

// StreamSourceInfo is the progress of a mirror or a source.
type StreamSourceInfo struct {
	// Name of the stream that the messages come from.
	Name string `json:"name"`
	// External says how it is reached; nil for a stream of the same account and domain.
	External *ExternalStream `json:"external,omitempty"`
	// Lag is how many messages are still to be taken from it.
	Lag uint64 `json:"lag"`
	// Seq is the last sequence taken from it.
	Seq uint64 `json:"seq,omitempty"`
	// Active is how long ago it last sent something; -1 for never.
	Active time.Duration `json:"active"`
	// Error is why nothing can be taken from it; nil for no error.
	Error *APIError `json:"error,omitempty"`
	// FilterSubject selects what is taken; empty for all.
	FilterSubject string `json:"filter_subject,omitempty"`
	// SubjectTransforms select what is taken and change its subjects.
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
	// RaftGroup is the name of the Raft group that its servers form.
	RaftGroup string `json:"raft_group,omitempty"`
	// Leader is the name of the server that leads; empty while none does.
	Leader string `json:"leader,omitempty"`
	// LeaderSince is since when it leads; nil if there is only one server, or no leader.
	LeaderSince *time.Time `json:"leader_since,omitempty"`
	// SystemAcc reports whether the group's traffic is in the system account.
	SystemAcc bool `json:"system_account,omitempty"`
	// TrafficAcc is the account of the group's traffic.
	TrafficAcc string `json:"traffic_account,omitempty"`
	// Replicas are the servers besides the leader.
	Replicas []*PeerInfo `json:"replicas,omitempty"`
	// Desired is the target of a reconfiguration in progress; nil if there is none. Server 2.15.
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
	// Active is how long ago it was last heard from.
	Active time.Duration `json:"active"`
	// Lag is how many operations it is behind.
	Lag uint64 `json:"lag,omitempty"`
	// Peer is its name within the group; see RemovePeer.
	Peer string `json:"peer"`
	// Pending reports whether it is about to join the group or to leave it. Server 2.15.
	Pending bool `json:"pending,omitempty"`
}

// DesiredClusterInfo is the target of the reconfiguration of a group of servers.
type DesiredClusterInfo struct {
	// Created is when it was requested.
	Created time.Time `json:"created"`
	// Name of the cluster.
	Name string `json:"name,omitempty"`
	// Replicas are the servers that the group will have.
	Replicas []*DesiredPeerInfo `json:"replicas,omitempty"`
	// Origin is the configuration before; nil if unknown.
	Origin *DesiredClusterInfoOrigin `json:"origin,omitempty"`
	// Status is what the group leader is doing; nil if unknown.
	Status *DesiredClusterInfoStatus `json:"status,omitempty"`
}

// DesiredClusterInfoOrigin is the configuration of a group before a reconfiguration.
type DesiredClusterInfoOrigin struct {
	// Replicas is how many servers there were.
	Replicas int `json:"replicas"`
	// Placement that was requested then; nil for any.
	Placement *Placement `json:"placement,omitempty"`
	// Retention of the stream then; nil if it does not change.
	Retention *RetentionPolicy `json:"retention,omitempty"`
}

// DesiredClusterInfoStatus is what a group leader is doing, or waiting for.
type DesiredClusterInfoStatus struct {
	// Description is for people.
	Description string `json:"description"`
	// Type is what the reconfiguration waits for.
	Type MigrationStatusType `json:"type"`
	// Err is the persistent failure that causes it; empty for none.
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
