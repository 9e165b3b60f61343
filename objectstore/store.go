package objectstore

import (
	"strings"

	"github.com/troupe-go/troupe/internal/bucket"
	"github.com/troupe-go/troupe/jetstream"
)

// stores is what kind of buckets these are.
const stores = bucket.Object

// Store is a bucket of objects. It is safe for concurrent use, and goes on to be one when the
// bucket is removed and made anew. It is an interface so that a program's tests can put something
// in its place.
type Store interface {
	// Bucket returns the name of the bucket.
	Bucket() string
}

// store implements Store.
type store struct {
	js     jetstream.JetStream
	stream jetstream.Stream
	bucket string
	read   string // what the subjects of its stream begin with: "$O.<bucket>."
}

func newStore(js jetstream.JetStream, s jetstream.Stream) *store {
	name := strings.TrimPrefix(s.CachedInfo().Config.Name, string(stores))
	return &store{js: js, stream: s, bucket: name, read: "$O." + name + "."}
}

// Bucket implements Store.
func (s *store) Bucket() string { return s.bucket }
