package objectstore

import (
	"time"

	"github.com/troupe-go/troupe/api"
)

// Meta describes an object; the program provides it.
type Meta struct {
	// Name is the name of the object: any UTF-8 text that is not empty, up to about 2.5 kB.
	Name string `json:"name"`
	// Description says what the object is.
	Description string `json:"description,omitempty"`
	// Headers are the program's own; each may have several values.
	Headers api.Header `json:"headers,omitempty"`
	// Metadata is the program's own as well.
	Metadata map[string]string `json:"metadata,omitempty"`
	// Opts says how the object is kept; nil for the defaults.
	Opts *MetaOptions `json:"options,omitempty"`
}

// MetaOptions say how an object is kept.
type MetaOptions struct {
	// Link is what the object points to; nil if it has bytes of its own. AddLink sets it.
	Link *Link `json:"link,omitempty"`
	// ChunkSize is the maximum size of a chunk in bytes; 0 is DefaultChunkSize.
	ChunkSize uint32 `json:"max_chunk_size,omitempty"`
}

// Link is what an object points to: a bucket, or an object in it.
type Link struct {
	// Bucket is the name of the bucket.
	Bucket string `json:"bucket"`
	// Name is the name of the object; empty for a link to the bucket.
	Name string `json:"name,omitempty"`
}

// Info is what the store knows about an object.
type Info struct {
	Meta

	// Bucket is the name of the bucket.
	Bucket string `json:"bucket"`
	// NUID is the id of its chunks, a new one for each Put.
	NUID string `json:"nuid"`
	// Size is its size in bytes.
	Size uint64 `json:"size"`
	// ModTime is when the info was stored, by the server's clock; in the result of the call that
	// stored it, by the program's clock.
	ModTime time.Time `json:"mtime"`
	// Chunks is how many chunks it has.
	Chunks uint32 `json:"chunks"`
	// Digest is the digest of its bytes: see DecodeObjectDigest.
	Digest string `json:"digest,omitempty"`
	// Deleted reports whether the object was deleted.
	Deleted bool `json:"deleted,omitempty"`
	// Revision is the sequence of this info in the stream of the bucket; each change gives a new
	// one. See ExpectRevision.
	Revision uint64 `json:"-"`
	// Expires is when the object expires, as set by ObjectTTL; zero without it.
	Expires time.Time `json:"-"`
}

// DefaultChunkSize is the maximum size of a chunk in bytes, unless MetaOptions.ChunkSize sets
// it.
const DefaultChunkSize = 128 * 1024

// link returns what the object points to, nil if it has bytes of its own.
func (m *Meta) link() *Link {
	if m.Opts == nil {
		return nil
	}
	return m.Opts.Link
}
