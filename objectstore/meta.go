package objectstore

import (
	"time"

	"github.com/troupe-go/troupe/api"
)

// Meta is what a program says of an object.
type Meta struct {
	// Name of the object. Any text that is not empty, up to about 2.5 kB.
	Name string `json:"name"`
	// Description says what it is.
	Description string `json:"description,omitempty"`
	// Headers are the program's own, with several values each.
	Headers api.Header `json:"headers,omitempty"`
	// Metadata is the program's own, too.
	Metadata map[string]string `json:"metadata,omitempty"`
	// Opts say how it is kept; nil for the defaults.
	Opts *MetaOptions `json:"options,omitempty"`
}

// MetaOptions say how an object is kept.
type MetaOptions struct {
	// Link is what the object points to; nil if it has bytes of its own. AddLink sets it.
	Link *Link `json:"link,omitempty"`
	// ChunkSize is how many bytes a chunk has at most; 0 is DefaultChunkSize.
	ChunkSize uint32 `json:"max_chunk_size,omitempty"`
}

// Link is what an object points to: a bucket, or an object in it.
type Link struct {
	// Bucket is the name of the bucket.
	Bucket string `json:"bucket"`
	// Name is that of the object; empty if the whole bucket is meant.
	Name string `json:"name,omitempty"`
}

// Info is what the store says of an object.
type Info struct {
	Meta

	// Bucket is the name of the bucket.
	Bucket string `json:"bucket"`
	// NUID is the id of its chunks, another one for each Put.
	NUID string `json:"nuid"`
	// Size is how many bytes it has.
	Size uint64 `json:"size"`
	// ModTime is when it was stored, by the clock of the server; by that of the program in what
	// a call returns that has just stored it.
	ModTime time.Time `json:"mtime"`
	// Chunks is how many chunks it has.
	Chunks uint32 `json:"chunks"`
	// Digest is that of its bytes: see DecodeObjectDigest.
	Digest string `json:"digest,omitempty"`
	// Deleted reports whether the object was deleted.
	Deleted bool `json:"deleted,omitempty"`
	// Revision is the sequence of this info in the stream of the bucket: another one after each
	// change. See ExpectRevision.
	Revision uint64 `json:"-"`
	// Expires is when the object goes by itself, as ObjectTTL said; zero if it does not.
	Expires time.Time `json:"-"`
}

// DefaultChunkSize is how many bytes a chunk has at most, unless MetaOptions say it.
const DefaultChunkSize = 128 * 1024

// link returns what the object points to, nil if it has bytes of its own.
func (m *Meta) link() *Link {
	if m.Opts == nil {
		return nil
	}
	return m.Opts.Link
}
