package objectstore

import (
	"context"
	"time"

	"github.com/troupe-go/troupe/jetstream"
)

// Status is the state and the config of a bucket when it was asked for. It is immutable.
type Status interface {
	// Bucket returns the name of the bucket.
	Bucket() string
	// Description returns what the bucket is for.
	Description() string
	// TTL returns how long objects are kept; 0 is for ever.
	TTL() time.Duration
	// Storage returns where the bucket is kept.
	Storage() jetstream.StorageType
	// Replicas returns how many servers keep the bucket.
	Replicas() int
	// Sealed reports whether the bucket can no longer be changed.
	Sealed() bool
	// Size returns the size of the bucket in bytes, including the infos.
	Size() uint64
	// BackingStore returns "JetStream".
	BackingStore() string
	// Metadata returns the metadata, including what servers added. It must not be changed.
	Metadata() map[string]string
	// IsCompressed reports whether its files are compressed.
	IsCompressed() bool
	// Config returns a config that creates such a bucket. See Plan.
	Config() Config
}

// BucketStatus implements Status.
type BucketStatus struct {
	bucket string
	info   *jetstream.StreamInfo
}

// Bucket implements Status.
func (s *BucketStatus) Bucket() string { return s.bucket }

// Description implements Status.
func (s *BucketStatus) Description() string { return s.info.Config.Description }

// TTL implements Status.
func (s *BucketStatus) TTL() time.Duration { return s.info.Config.MaxAge }

// Storage implements Status.
func (s *BucketStatus) Storage() jetstream.StorageType { return s.info.Config.Storage }

// Replicas implements Status.
func (s *BucketStatus) Replicas() int { return s.info.Config.Replicas }

// Sealed implements Status.
func (s *BucketStatus) Sealed() bool { return s.info.Config.Sealed }

// Size implements Status.
func (s *BucketStatus) Size() uint64 { return s.info.State.Bytes }

// BackingStore implements Status.
func (s *BucketStatus) BackingStore() string { return "JetStream" }

// Metadata implements Status.
func (s *BucketStatus) Metadata() map[string]string { return s.info.Config.Metadata }

// IsCompressed implements Status.
func (s *BucketStatus) IsCompressed() bool {
	return s.info.Config.Compression != jetstream.NoCompression
}

// Config implements Status.
func (s *BucketStatus) Config() Config { return configOf(s.bucket, &s.info.Config) }

// StreamInfo returns the info of the bucket's stream. It must not be changed.
func (s *BucketStatus) StreamInfo() *jetstream.StreamInfo { return s.info }

// Status implements Reader.
func (s *store) Status(ctx context.Context) (Status, error) {
	info, err := s.stream.Info(ctx)
	if err != nil {
		return nil, s.bucketFailed("status of", err)
	}
	return &BucketStatus{s.bucket, info}, nil
}

// Seal implements Store.
func (s *store) Seal(ctx context.Context) error {
	ctx, cancel := s.bound(ctx)
	defer cancel()
	info, err := s.stream.Info(ctx)
	if err != nil {
		return s.bucketFailed("seal", err)
	}
	config := info.Config
	config.Sealed = true
	if _, err := s.js.UpdateStream(ctx, config); err != nil {
		return s.bucketFailed("seal", err)
	}
	return nil
}
