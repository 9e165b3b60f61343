package kv

import (
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/troupe-go/troupe/internal/bucket"
	"github.com/troupe-go/troupe/jetstream"
)

const (
	// MaxHistory is how many values of a key a bucket may keep.
	MaxHistory = 64
	// KeyValueMaxHistory is MaxHistory under nats.go's name.
	KeyValueMaxHistory = MaxHistory

	// duplicatesMax is how long ids of messages are remembered.
	duplicatesMax = 2 * time.Minute
)

// stores is the type of these buckets.
const stores = bucket.KeyValue

// Config is the configuration of a bucket. The zero value of each field except Bucket is its
// default.
type Config struct {
	// Bucket is its name: letters, digits, '-' and '_'.
	Bucket string `json:"bucket"`
	// Description says what it is for.
	Description string `json:"description,omitempty"`
	// MaxValueSize bounds a value with its header, in bytes; 0, or -1, for no bound.
	MaxValueSize int32 `json:"max_value_size,omitempty"`
	// History is how many values of a key are kept, at most MaxHistory; 0 is 1.
	History uint8 `json:"history,omitempty"`
	// TTL is how long values are kept; 0 is for ever.
	TTL time.Duration `json:"ttl,omitempty"`
	// MaxBytes bounds the bucket, in bytes; 0, or -1, for no bound. A full bucket refuses new
	// values.
	MaxBytes int64 `json:"max_bytes,omitempty"`
	// Storage is where the bucket is kept. Default: in files.
	Storage jetstream.StorageType `json:"storage,omitempty"`
	// Replicas is how many servers keep the bucket, 1 to 5; 0 is 1.
	Replicas int `json:"num_replicas,omitempty"`
	// Placement says which servers may keep it; nil for any.
	Placement *jetstream.Placement `json:"placement,omitempty"`
	// RePublish publishes each stored value to another subject as well; nil for none.
	RePublish *jetstream.RePublish `json:"republish,omitempty"`
	// Mirror makes the bucket a copy of another one, whose name may omit the prefix KV_; nil for
	// none. Changes go to the other bucket. It excludes Sources.
	Mirror *jetstream.StreamSource `json:"mirror,omitempty"`
	// Sources are buckets whose keys this one takes as well; their names may omit the prefix
	// KV_. A source with SubjectTransforms is used as it is, with the full name of its stream.
	Sources []*jetstream.StreamSource `json:"sources,omitempty"`
	// Compression compresses the files of the bucket. Default: no.
	Compression bool `json:"compression,omitempty"`
	// LimitMarkerTTL is how long the server keeps the marker that it leaves when a key expires,
	// at least a second; 0 for no markers. It also allows single keys to have a time to live.
	LimitMarkerTTL time.Duration `json:"limit_marker_ttl,omitempty"`
	// Transactions allows changes of several keys that are stored together or not at all: see
	// Store.Txn. It needs server 2.12.
	Transactions bool `json:"transactions,omitempty"`
	// Counters makes it a bucket of counters only: see Store.Counters. It needs server 2.12, and
	// excludes LimitMarkerTTL, Transactions, and MaxBytes, for which servers would remove the
	// oldest counters.
	Counters bool `json:"counters,omitempty"`
	// Metadata is the program's own.
	Metadata map[string]string `json:"metadata,omitempty"`
}

// stream returns the config of the bucket's stream.
func (c *Config) stream(op string) (jetstream.StreamConfig, error) {
	if c.History > MaxHistory {
		e := stores.Error(op, c.Bucket, ErrKeyHistoryTooLarge, fmt.Sprintf("a history of %d values is more than %d", c.History, MaxHistory))
		e.Requested, e.Max = int64(c.History), MaxHistory
		return jetstream.StreamConfig{}, e
	}
	if reason := c.wrong(); reason != "" {
		return jetstream.StreamConfig{}, stores.Error(op, c.Bucket, jetstream.ErrInvalidConfig, reason)
	}
	s := jetstream.StreamConfig{
		Name: stores.Stream(c.Bucket), Description: c.Description,
		MaxMsgsPerSubject: max(1, int64(c.History)), MaxAge: c.TTL, MaxBytes: orNone(c.MaxBytes), MaxMsgSize: orNone(c.MaxValueSize),
		MaxMsgs: -1, MaxConsumers: -1, Discard: jetstream.DiscardNew, Duplicates: duplicatesMax,
		Storage: c.Storage, Replicas: max(1, c.Replicas), Placement: c.Placement, RePublish: c.RePublish,
		AllowRollup: true, DenyDelete: true, AllowDirect: true,
		AllowMsgTTL: c.LimitMarkerTTL != 0, SubjectDeleteMarkerTTL: c.LimitMarkerTTL, Metadata: c.Metadata,
		AllowAtomicPublish: c.Transactions, AllowMsgCounter: c.Counters,
	}
	if c.Counters {
		s.Discard = jetstream.DiscardOld // nothing is to be discarded: there is no limit
	}
	if c.TTL > 0 {
		s.Duplicates = min(s.Duplicates, c.TTL)
	}
	if c.Compression {
		s.Compression = jetstream.S2Compression
	}
	if c.Mirror != nil {
		mirror := *c.Mirror
		mirror.Name = withPrefix(mirror.Name)
		s.Mirror, s.MirrorDirect = &mirror, true
		return s, nil
	}
	s.Subjects = []string{subjectsOf(c.Bucket)}
	for _, source := range c.Sources {
		s.Sources = append(s.Sources, c.source(source))
	}
	return s, nil
}

// wrong returns what is invalid in the config, as far as the check of the stream's config does
// not find it; empty for nothing.
func (c *Config) wrong() string {
	nameless := func(s *jetstream.StreamSource) bool { return s == nil || s.Name == "" }
	switch {
	case c.MaxBytes < -1:
		return "MaxBytes is negative"
	case c.MaxValueSize < -1:
		return "MaxValueSize is negative"
	case c.Counters && (c.MaxBytes > 0 || c.LimitMarkerTTL != 0 || c.Transactions):
		return "Counters excludes MaxBytes, LimitMarkerTTL and Transactions"
	case c.Mirror != nil && len(c.Sources) > 0:
		return "Mirror excludes Sources"
	case c.Mirror != nil && nameless(c.Mirror):
		return "Mirror has no name"
	case slices.ContainsFunc(c.Sources, nameless):
		return "one of the Sources has no name"
	}
	return ""
}

// source returns a source in the form that the stream's config needs.
func (c *Config) source(source *jetstream.StreamSource) *jetstream.StreamSource {
	if len(source.SubjectTransforms) > 0 {
		return source
	}
	changed := *source
	changed.Name = withPrefix(source.Name)
	from := strings.TrimPrefix(changed.Name, string(stores))
	if source.External == nil || from != c.Bucket {
		changed.SubjectTransforms = []jetstream.SubjectTransformConfig{{Source: subjectsOf(from), Destination: subjectsOf(c.Bucket)}}
	}
	return &changed
}

func subjectsOf(bucket string) string { return keysOf(bucket) + AllKeys }

func withPrefix(name string) string {
	if strings.HasPrefix(name, string(stores)) {
		return name
	}
	return stores.Stream(name)
}

// withoutPrefix is the inverse of withPrefix.
func withoutPrefix(stream string) string {
	name := strings.TrimPrefix(stream, string(stores))
	if withPrefix(name) != stream {
		return stream
	}
	return name
}

// orNone replaces a limit of 0 by -1, which the server takes for no limit.
func orNone[T int32 | int64](limit T) T {
	if limit == 0 {
		return -1
	}
	return limit
}
