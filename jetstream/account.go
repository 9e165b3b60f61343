package jetstream

import "context"

// AccountInfo is an account's usage and limits of JetStream.
type AccountInfo struct {
	// Tier holds the totals; its limits are those of an account without tiers.
	Tier
	// Domain of the JetStream that answered; empty for none.
	Domain string `json:"domain"`
	// API counts the account's calls.
	API APIStats `json:"api"`
	// Tiers are usage and limits by tier, "R1", "R3"; empty for an account without tiers.
	Tiers map[string]Tier `json:"tiers"`
}

// Tier is a part of an account's usage, with its limits.
type Tier struct {
	// Memory in use, bytes.
	Memory uint64 `json:"memory"`
	// Store is the storage on disk in use, bytes.
	Store uint64 `json:"storage"`
	// ReservedMemory is the memory reserved by streams with MaxBytes, bytes.
	ReservedMemory uint64 `json:"reserved_memory"`
	// ReservedStore is the disk space reserved by streams with MaxBytes, bytes.
	ReservedStore uint64 `json:"reserved_storage"`
	// Streams is how many there are.
	Streams int `json:"streams"`
	// Consumers is how many there are.
	Consumers int `json:"consumers"`
	// Limits of the account or the tier.
	Limits AccountLimits `json:"limits"`
}

// APIStats counts calls of the JetStream API.
type APIStats struct {
	// Level of the API that the server supports.
	Level int `json:"level"`
	// Total is how many calls there were.
	Total uint64 `json:"total"`
	// Errors is how many of them failed.
	Errors uint64 `json:"errors"`
	// Inflight is how many are in progress.
	Inflight uint64 `json:"inflight,omitempty"`
}

// AccountLimits are the limits of an account, or of a tier. -1 means no limit.
type AccountLimits struct {
	// MaxMemory is how much memory streams may use, bytes.
	MaxMemory int64 `json:"max_memory"`
	// MaxStore is how much of the disk streams may use, bytes.
	MaxStore int64 `json:"max_storage"`
	// MaxStreams is how many streams there may be.
	MaxStreams int `json:"max_streams"`
	// MaxConsumers is how many consumers a stream may have.
	MaxConsumers int `json:"max_consumers"`
	// MaxAckPending is the most that a consumer's MaxAckPending may be.
	MaxAckPending int `json:"max_ack_pending"`
	// MemoryMaxStreamBytes is the most that MaxBytes of a stream in memory may be.
	MemoryMaxStreamBytes int64 `json:"memory_max_stream_bytes"`
	// StoreMaxStreamBytes is the most that MaxBytes of a stream on disk may be.
	StoreMaxStreamBytes int64 `json:"storage_max_stream_bytes"`
	// MaxBytesRequired reports whether a stream must have MaxBytes.
	MaxBytesRequired bool `json:"max_bytes_required"`
}

// AccountInfo requests the account's usage and limits.
func (js *jetStream) AccountInfo(ctx context.Context) (*AccountInfo, error) {
	info, err := call[AccountInfo](ctx, js, request{op: "account info", subject: "INFO"})
	if err != nil {
		return nil, err
	}
	return &info, nil
}
