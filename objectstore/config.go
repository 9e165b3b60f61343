package objectstore

import (
	"slices"
	"strings"
	"time"

	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/protocol"
)

// Config is the configuration of a bucket. The zero value of each field except Bucket is its
// default.
type Config struct {
	// Bucket is its name: letters, digits, '-' and '_'.
	Bucket string `json:"bucket"`
	// Description says what it is for.
	Description string `json:"description,omitempty"`
	// TTL is how long objects are kept; 0 is for ever.
	TTL time.Duration `json:"max_age,omitempty"`
	// MaxBytes bounds the bucket, in bytes; 0 for no bound. A full bucket refuses new objects.
	MaxBytes int64 `json:"max_bytes,omitempty"`
	// Storage is where the bucket is kept. Default: in files.
	Storage jetstream.StorageType `json:"storage,omitempty"`
	// Replicas is how many servers keep the bucket, 1 to 5; 0 is 1.
	Replicas int `json:"num_replicas,omitempty"`
	// Placement says which servers may keep it; nil for any.
	Placement *jetstream.Placement `json:"placement,omitempty"`
	// Compression compresses the files of the bucket. Default: no.
	Compression bool `json:"compression,omitempty"`
	// Metadata is the program's own.
	Metadata map[string]string `json:"metadata,omitempty"`
	// PerObjectTTL allows single objects to have a time to live: see ObjectTTL. It needs server
	// 2.11, and cannot be switched off again. Default: no.
	PerObjectTTL bool `json:"allow_msg_ttl,omitempty"`
}

// stream returns the config of the bucket's stream.
func (c *Config) stream() jetstream.StreamConfig {
	s := jetstream.StreamConfig{
		Name: stores.Stream(c.Bucket), Description: c.Description,
		Subjects: []string{"$O." + c.Bucket + ".C.>", "$O." + c.Bucket + ".M.>"},
		MaxAge:   c.TTL, MaxBytes: c.MaxBytes, Storage: c.Storage, Replicas: max(1, c.Replicas), Placement: c.Placement,
		Discard: jetstream.DiscardNew, AllowRollup: true, AllowDirect: true, Metadata: c.Metadata, AllowMsgTTL: c.PerObjectTTL,
	}
	if c.MaxBytes == 0 {
		s.MaxBytes = -1
	}
	if c.Compression {
		s.Compression = jetstream.S2Compression
	}
	return s
}

// configOf returns the config that a stream was made from.
func configOf(bucket string, s *jetstream.StreamConfig) Config {
	return Config{
		Bucket: bucket, Description: s.Description, TTL: s.MaxAge, MaxBytes: max(0, s.MaxBytes), Storage: s.Storage, Replicas: s.Replicas,
		Placement: s.Placement, Compression: s.Compression != jetstream.NoCompression, Metadata: own(s.Metadata), PerObjectTTL: s.AllowMsgTTL,
	}
}

// own returns the metadata without what servers add; nil for none.
func own(all map[string]string) map[string]string {
	var own map[string]string
	for key, value := range all {
		if strings.HasPrefix(key, "_nats.") {
			continue
		}
		if own == nil {
			own = map[string]string{}
		}
		own[key] = value
	}
	return own
}

// misfit says why a stream cannot be an object bucket; empty if it can. A mirror, or a stream
// with sources, may be that of a bucket.
func misfit(bucket string, c *jetstream.StreamConfig) string {
	if c.Mirror != nil || len(c.Sources) > 0 {
		return ""
	}
	for _, subjects := range []string{"$O." + bucket + ".C.", "$O." + bucket + ".M."} {
		if !slices.ContainsFunc(c.Subjects, func(s string) bool { return protocol.Match(s, subjects+"x") }) {
			return "its stream does not take " + subjects + ">"
		}
	}
	return ""
}
