package objectstore

import (
	"context"
	"io"
	"iter"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/troupe-go/troupe/internal/bucket"
	"github.com/troupe-go/troupe/jetstream"
)

// stores is what kind of buckets these are.
const stores = bucket.Object

// Getter reads the bytes of objects.
type Getter interface {
	// Get returns the object. A link to an object is followed, also into another bucket.
	// Errors: ErrObjectNotFound, and among it ErrObjectDeleted; ErrLinkIsABucket;
	// ErrBadObjectMeta; ErrInvalidObjectName. What is wrong with the bytes is an error of the
	// Result.
	Get(ctx context.Context, name string, opts ...GetObjectOpt) (Result, error)
	// GetBytes returns the bytes of the object. Errors: as Get and Result.
	GetBytes(ctx context.Context, name string, opts ...GetObjectOpt) ([]byte, error)
	// GetString is GetBytes for text.
	GetString(ctx context.Context, name string, opts ...GetObjectOpt) (string, error)
	// GetFile writes the bytes of the object into a file.
	GetFile(ctx context.Context, name, file string, opts ...GetObjectOpt) error
}

// Putter stores the bytes of objects.
type Putter interface {
	// Put stores what r has until its end as an object, in the place of one of that name. What a
	// *bytes.Reader, *bytes.Buffer or *strings.Reader has is sent from its memory, without a copy;
	// nothing of it is read when the call has returned.
	// Errors: ErrInvalidObjectName; ErrLinkNotAllowed; that of r; those of jetstream.Publisher.
	// After an error the object is what it was before; only after an ErrPublishUnknown may it be
	// the new one.
	Put(ctx context.Context, meta Meta, r io.Reader) (*Info, error)
	// PutWith is Put with options.
	PutWith(ctx context.Context, meta Meta, r io.Reader, opts ...PutOpt) (*Info, error)
	// PutBytes is Put for bytes.
	PutBytes(ctx context.Context, name string, data []byte) (*Info, error)
	// PutString is Put for text.
	PutString(ctx context.Context, name, data string) (*Info, error)
	// PutFile is Put for a file. The object has the name of the file as it is given.
	PutFile(ctx context.Context, file string) (*Info, error)
}

// Result is an object that is being read. Nothing is fetched before the first Read, WriteTo
// or ReadAt. Read, WriteTo and Seek are for one goroutine; the others may be called at any time.
// The context of the Get bounds its life.
type Result interface {
	// Read reads on. At the end of an object that was read from its beginning its digest has been
	// checked: then it is io.EOF. Whatever becomes of links and leaders, it goes on behind
	// the last byte as long as the context lasts; only a store that does not answer at all on
	// a link that is there is given up, after six default timeouts.
	//
	// Errors, from then on each time: a *DigestMismatchError, as soon as it can be told;
	// ErrObjectChanged for an object that is replaced or deleted while it is read; that of the
	// context; the connection's when it is closed.
	io.Reader
	// WriteTo is Read until the end, without a copy on the way.
	io.WriterTo
	// Seek has the next Read begin elsewhere. The first Seek asks the stream where the chunks
	// are. The digest is that of the whole object and is not checked then, unless it goes on
	// where it was, or back to the beginning.
	io.Seeker
	// ReadAt reads a part of the object, from the stream. Its digest is not checked. It is safe
	// for concurrent use.
	io.ReaderAt
	// Close ends reading, and whatever is under way. It returns nil.
	io.Closer

	// Info returns what the store says of the object: of the one that a link points to.
	Info() (*Info, error)
	// Error returns the error that ended reading, nil if there is none.
	Error() error
}

// Reader is what can be read of a bucket. It is safe for concurrent use.
type Reader interface {
	Getter

	// Bucket returns the name of the bucket.
	Bucket() string
	// GetInfo returns what the store says of an object, or of a link: see GetObjectInfoResolve. In
	// a bucket with replicas any of them answers, and may be a moment behind; only of the leader is
	// it believed that there is no object.
	// Errors: ErrObjectNotFound, and among it ErrObjectDeleted; ErrBadObjectMeta;
	// ErrInvalidObjectName, and among it ErrNameRequired.
	GetInfo(ctx context.Context, name string, opts ...GetObjectInfoOpt) (*Info, error)
	// List returns what the store says of each object that is there, in the order of their
	// revisions. ErrNoObjectsFound if there is none. Infos that cannot be read are an
	// ErrBadObjectMeta, beside those that can. ErrBucketNotFound.
	List(ctx context.Context, opts ...ListObjectsOpt) ([]*Info, error)
	// Objects yields what List returns, as it comes; nothing for an empty bucket. An object that
	// changes meanwhile may come twice. An ErrBadObjectMeta does not end it, any other error
	// does.
	Objects(ctx context.Context, opts ...ListObjectsOpt) iter.Seq2[*Info, error]
	// Watch hands on through a channel what becomes of objects, what there is at first. The
	// watcher ends with ctx. Errors: ErrInvalidOption; ErrBucketNotFound.
	Watch(ctx context.Context, opts ...WatchOpt) (Watcher, error)
	// Events is Watch as a loop, which the context ends, and break. What has ended it is its
	// last error.
	Events(ctx context.Context, opts ...WatchOpt) iter.Seq2[Event, error]
	// Status returns what the bucket is like. Errors: ErrBucketNotFound.
	Status(ctx context.Context) (Status, error)
}

// Store is a bucket of objects. It is safe for concurrent use, and goes on to be one when the
// bucket is removed and made anew. It is an interface so that a program's tests can put something
// in its place.
//
// What publishes returns the errors of jetstream.Publisher, too: ErrStreamSealed;
// ErrPublishUnknown. Behind an API prefix, or in another domain, also ErrBucketNotWritable.
type Store interface {
	Reader
	Putter

	// UpdateMeta changes what is said of an object: its name, description, headers and
	// metadata. The options in meta count for nothing. Another name must not be one of an
	// object: ErrObjectAlreadyExists. Errors: ErrUpdateMetaDeleted if there is no such object;
	// ErrObjectChanged if another name was asked for and somebody else has changed the object
	// meanwhile; ErrInvalidObjectName.
	//
	// When a change of the name fails with another error there may be two names for the same
	// bytes. The same call again goes on.
	UpdateMeta(ctx context.Context, name string, meta Meta) error
	// UpdateMetaWith is UpdateMeta with options, and returns what the store says now.
	UpdateMetaWith(ctx context.Context, name string, meta Meta, opts ...WriteOpt) (*Info, error)
	// Delete removes the bytes of an object, and says of it that it was deleted. Of one that
	// was, it removes what bytes there still are. Errors: ErrObjectNotFound; ErrBadObjectMeta.
	Delete(ctx context.Context, name string) error
	// AddLink stores a link to an object, in this bucket or in another one, under a name that no
	// object has: ErrObjectAlreadyExists. Errors: ErrObjectRequired; ErrBucketRequired;
	// ErrNoLinkToDeleted; ErrNoLinkToLink; ErrObjectNotFound; those of Open.
	AddLink(ctx context.Context, name string, obj *Info) (*Info, error)
	// AddBucketLink stores a link to a bucket under a name that no object has:
	// ErrObjectAlreadyExists. Errors: ErrBucketRequired; ErrBucketMalformed.
	AddBucketLink(ctx context.Context, name string, bucket Store) (*Info, error)
	// Seal has the bucket take no changes any more. Errors: ErrBucketNotFound.
	Seal(ctx context.Context) error
}

// store implements Store.
type store struct {
	js       jetstream.JetStream
	stream   jetstream.Stream
	bucket   string
	read     string                 // what the subjects of its stream begin with: "$O.<bucket>."
	overhead int                    // of the longest subject of a request, beside the name of an object in it
	write    atomic.Pointer[string] // what the subject of a publish begins with; nil until it is known
	spare    sync.Pool              // memory for chunks
}

func newStore(js jetstream.JetStream, s jetstream.Stream) *store {
	name := strings.TrimPrefix(s.CachedInfo().Config.Name, string(stores))
	read := "$O." + name + "."
	return &store{js: js, stream: s, bucket: name, read: read, overhead: overhead(js.Options(), read)}
}

// overhead returns how many bytes the subject of a direct get has beside the name.
func overhead(o jetstream.JetStreamOptions, read string) int {
	prefix := max(len(jetstream.DefaultAPIPrefix), len(o.APIPrefix)+1, len("$JS..API.")+len(o.Domain))
	return prefix + len("DIRECT.GET.OBJ_") + 2*len(read) + len("M.")
}

// Bucket implements Store.
func (s *store) Bucket() string { return s.bucket }
