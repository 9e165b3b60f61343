package kv

import (
	"maps"
	"strings"
	"time"

	"github.com/troupe-go/troupe/jetstream"
)

// Status is the state and the config of a bucket as of one moment. It is immutable.
type Status interface {
	// Bucket returns the name of the bucket.
	Bucket() string
	// Values returns how many values and markers the bucket has, including those of the history.
	Values() uint64
	// History returns how many values of a key are kept.
	History() int64
	// TTL returns how long values are kept; 0 is for ever.
	TTL() time.Duration
	// BackingStore returns "JetStream".
	BackingStore() string
	// Bytes returns the size of the bucket in bytes.
	Bytes() uint64
	// IsCompressed reports whether its files are compressed.
	IsCompressed() bool
	// LimitMarkerTTL returns how long the markers of expired keys are kept; 0 if expired keys
	// leave none.
	LimitMarkerTTL() time.Duration
	// Metadata returns the metadata, including what the server added. It must not be changed.
	Metadata() map[string]string
	// Config returns a config that creates such a bucket, with zero values for defaults.
	Config() Config
	// StreamInfo returns the info of the bucket's stream. It must not be changed.
	StreamInfo() *jetstream.StreamInfo
}

// status implements Status.
type status struct{ info *jetstream.StreamInfo }

func (s *status) Bucket() string {
	return strings.TrimPrefix(s.info.Config.Name, string(stores))
}
func (s *status) Values() uint64                    { return s.info.State.Msgs }
func (s *status) History() int64                    { return s.info.Config.MaxMsgsPerSubject }
func (s *status) TTL() time.Duration                { return s.info.Config.MaxAge }
func (s *status) BackingStore() string              { return "JetStream" }
func (s *status) Bytes() uint64                     { return s.info.State.Bytes }
func (s *status) IsCompressed() bool                { return s.info.Config.Compression != jetstream.NoCompression }
func (s *status) LimitMarkerTTL() time.Duration     { return s.info.Config.SubjectDeleteMarkerTTL }
func (s *status) Metadata() map[string]string       { return s.info.Config.Metadata }
func (s *status) StreamInfo() *jetstream.StreamInfo { return s.info }

// Config is the inverse of Config.stream.
func (s *status) Config() Config {
	used := &s.info.Config
	c := Config{
		Bucket: s.Bucket(), Description: used.Description, MaxValueSize: max(0, used.MaxMsgSize),
		History: uint8(min(max(1, used.MaxMsgsPerSubject), MaxHistory)), TTL: used.MaxAge, MaxBytes: max(0, used.MaxBytes),
		Storage: used.Storage, Replicas: used.Replicas, Placement: used.Placement, RePublish: used.RePublish,
		Compression: s.IsCompressed(), LimitMarkerTTL: used.SubjectDeleteMarkerTTL, Metadata: ownMetadata(used.Metadata),
		Transactions: used.AllowAtomicPublish, Counters: used.AllowMsgCounter,
	}
	if used.Mirror != nil {
		mirror := *used.Mirror
		mirror.Name = withoutPrefix(mirror.Name)
		c.Mirror = &mirror
	}
	for _, source := range used.Sources {
		c.Sources = append(c.Sources, c.sourceBack(source))
	}
	return c
}

// sourceBack is the inverse of Config.source.
func (c *Config) sourceBack(used *jetstream.StreamSource) *jetstream.StreamSource {
	changed := *used
	changed.SubjectTransforms = nil
	changed.Name = withoutPrefix(used.Name)
	again := c.source(&changed)
	if again.Name == used.Name && sameTransforms(again.SubjectTransforms, used.SubjectTransforms) {
		return &changed
	}
	return used
}

func sameTransforms(a, b []jetstream.SubjectTransformConfig) bool {
	if len(a) != len(b) {
		return false
	}
	for i := range a {
		if a[i] != b[i] {
			return false
		}
	}
	return true
}

// ownMetadata leaves out the metadata that servers add.
func ownMetadata(all map[string]string) map[string]string {
	own := maps.Clone(all)
	maps.DeleteFunc(own, func(key, _ string) bool { return strings.HasPrefix(key, "_nats.") })
	if len(own) == 0 {
		return nil
	}
	return own
}
