package objectstore

import (
	"context"
	"time"

	"github.com/troupe-go/troupe/jetstream"
)

// Config is what a bucket is made with. The zero value of each field but Bucket is its
// default.
type Config struct {
	// Bucket is its name: letters, digits, '-' and '_'.
	Bucket string `json:"bucket"`
	// Description says what it is for.
	Description string `json:"description,omitempty"`
	// TTL is how long objects are kept; 0 for ever.
	TTL time.Duration `json:"max_age,omitempty"`
	// MaxBytes bounds the bucket; 0 for no bound. A full bucket refuses what is put.
	MaxBytes int64 `json:"max_bytes,omitempty"`
	// Storage is where it is kept: in files, unless it says memory.
	Storage jetstream.StorageType `json:"storage,omitempty"`
	// Replicas is how many servers keep it, 1 to 5; 0 is 1.
	Replicas int `json:"num_replicas,omitempty"`
	// Placement says which servers may keep it; nil for any.
	Placement *jetstream.Placement `json:"placement,omitempty"`
	// Compression has files compressed. Default: not.
	Compression bool `json:"compression,omitempty"`
	// Metadata is the program's own.
	Metadata map[string]string `json:"metadata,omitempty"`
}

// stream returns the config of the bucket's stream.
func (c *Config) stream() jetstream.StreamConfig {
	s := jetstream.StreamConfig{
		Name: stores.Stream(c.Bucket), Description: c.Description,
		Subjects: []string{"$O." + c.Bucket + ".C.>", "$O." + c.Bucket + ".M.>"},
		MaxAge:   c.TTL, MaxBytes: c.MaxBytes, Storage: c.Storage, Replicas: max(1, c.Replicas), Placement: c.Placement,
		Discard: jetstream.DiscardNew, AllowRollup: true, AllowDirect: true, Metadata: c.Metadata,
	}
	if c.MaxBytes == 0 {
		s.MaxBytes = -1
	}
	if c.Compression {
		s.Compression = jetstream.S2Compression
	}
	return s
}

// Create makes a bucket. One that is there with the same config is opened. Errors, each a
// *BucketError: ErrInvalidBucketName; ErrBucketExists; what CreateStream returns.
func Create(ctx context.Context, js jetstream.JetStream, cfg Config) (Store, error) {
	if err := stores.Check("create", js, cfg.Bucket); err != nil {
		return nil, err
	}
	s, err := stores.Create(ctx, js, cfg.stream())
	if err != nil {
		return nil, err
	}
	return newStore(js, s), nil
}
