package objectstore

import (
	"context"
	"io"
	"iter"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/bucket"
	"github.com/troupe-go/troupe/jetstream"
)

// stores is the type of these buckets.
const stores = bucket.Object

// Getter reads the bytes of objects.
type Getter interface {
	// Get returns the object. It follows a link to an object, also into another bucket. Errors:
	// ErrObjectNotFound, or its special case ErrObjectDeleted; ErrLinkIsABucket; ErrLinkCycle;
	// ErrBadObjectMeta; ErrInvalidObjectName. The Result returns errors about the bytes.
	Get(ctx context.Context, name string, opts ...GetObjectOpt) (Result, error)
	// GetBytes returns the bytes of the object. Errors: those of Get and Result.
	GetBytes(ctx context.Context, name string, opts ...GetObjectOpt) ([]byte, error)
	// GetString is GetBytes for text.
	GetString(ctx context.Context, name string, opts ...GetObjectOpt) (string, error)
	// GetFile writes the bytes of the object to a file. Errors: those of GetBytes and of the
	// file system.
	GetFile(ctx context.Context, name, file string, opts ...GetObjectOpt) error
}

// Putter stores the bytes of objects.
type Putter interface {
	// Put reads r to its end and stores the bytes as an object, which replaces one of the same
	// name. The bytes of a *bytes.Reader, *bytes.Buffer or *strings.Reader are sent without a
	// copy; they are not read after the call has returned. Errors: ErrInvalidObjectName;
	// ErrLinkNotAllowed; that of r; those of jetstream.Publisher. After an error the object is
	// what it was before, except that after an ErrPublishUnknown it may be the new one.
	Put(ctx context.Context, meta Meta, r io.Reader) (*Info, error)
	// PutWith is Put with options.
	PutWith(ctx context.Context, meta Meta, r io.Reader, opts ...PutOpt) (*Info, error)
	// PutBytes is Put for bytes.
	PutBytes(ctx context.Context, name string, data []byte) (*Info, error)
	// PutString is Put for text.
	PutString(ctx context.Context, name, data string) (*Info, error)
	// PutFile is Put for a file. The name of the object is file, unchanged.
	PutFile(ctx context.Context, file string) (*Info, error)
}

// Result is an object that is being read. Nothing is fetched before the first Read, WriteTo or
// ReadAt. Read, WriteTo and Seek are for one goroutine at a time; the other methods are safe for
// concurrent use. It ends with the context of the Get.
type Result interface {
	// Read reads the next bytes. If the object was read from its beginning, io.EOF means that
	// its digest was checked and is right. When links or leaders are lost, Read continues after
	// the last byte until the context ends. It gives up only if there is a link but the store
	// does not answer for six default timeouts.
	//
	// Errors, which every later call returns again: a *DigestMismatchError, as soon as it is
	// known; ErrObjectChanged for an object that is replaced or deleted while it is read; that
	// of the context; that of the connection when it is closed.
	io.Reader
	// WriteTo reads to the end, without a copy: w may use the bytes until Write returns.
	io.WriterTo
	// Seek sets where the next Read begins. The first Seek asks the stream where the chunks are.
	// The digest is that of the whole object, so it is no longer checked, unless Seek stays
	// where it is or goes back to the beginning.
	io.Seeker
	// ReadAt reads a part of the object from the stream. The digest is not checked. It is safe
	// for concurrent use.
	io.ReaderAt
	// Close ends reading, and all calls under way. It returns nil.
	io.Closer

	// Info returns the info of the object; after a link, that of the object it points to.
	Info() (*Info, error)
	// Error returns the error that ended reading; nil if there is none.
	Error() error
}

// Reader reads a bucket. It is safe for concurrent use.
type Reader interface {
	Getter

	// Bucket returns the name of the bucket.
	Bucket() string
	// GetInfo returns the info of an object, or of a link: see GetObjectInfoResolve. Any replica
	// of the bucket may answer, and may lag for a moment; that there is no object is confirmed
	// by the leader. Errors: ErrObjectNotFound, or its special case ErrObjectDeleted;
	// ErrBadObjectMeta; ErrInvalidObjectName, or its special case ErrNameRequired.
	GetInfo(ctx context.Context, name string, opts ...GetObjectInfoOpt) (*Info, error)
	// List returns the infos of the objects, in the order of their revisions. Errors:
	// ErrNoObjectsFound if there are none; ErrBadObjectMeta, together with the other infos, if
	// some cannot be read; ErrBucketNotFound.
	List(ctx context.Context, opts ...ListObjectsOpt) ([]*Info, error)
	// Objects yields what List returns, as it comes, and nothing for an empty bucket. An object
	// that changes meanwhile may come twice. An ErrBadObjectMeta does not end the sequence; any
	// other error does.
	Objects(ctx context.Context, opts ...ListObjectsOpt) iter.Seq2[*Info, error]
	// Watch delivers the infos of all objects, and then every change, through a channel. The
	// watcher ends with ctx. Errors: ErrInvalidOption; ErrBucketNotFound.
	Watch(ctx context.Context, opts ...WatchOpt) (Watcher, error)
	// Events is Watch without a channel: it watches while the program ranges over it. The error
	// comes last, and says why the watcher ended.
	Events(ctx context.Context, opts ...WatchOpt) iter.Seq2[Event, error]
	// Status asks for the state and the config of the bucket. Errors: ErrBucketNotFound.
	Status(ctx context.Context) (Status, error)
}

// Store is a bucket of objects. It is safe for concurrent use, and remains usable when the
// bucket is removed and created again. It is an interface so that tests of a program can replace
// it.
//
// Methods that publish also return the errors of jetstream.Publisher, such as ErrStreamSealed
// and ErrPublishUnknown; with an API prefix, or in another domain, also ErrBucketNotWritable.
type Store interface {
	Reader
	Putter

	// UpdateMeta changes the name, description, headers and metadata of an object. The options
	// in meta are ignored. Errors: ErrUpdateMetaDeleted if there is no such object; for a new
	// name, ErrObjectAlreadyExists if an object has it, and ErrObjectChanged if another client
	// changed the object meanwhile; ErrInvalidObjectName.
	//
	// If renaming fails with any other error, the same bytes may have two names. The same call
	// again continues.
	UpdateMeta(ctx context.Context, name string, meta Meta) error
	// UpdateMetaWith is UpdateMeta with options, and returns the new info.
	UpdateMetaWith(ctx context.Context, name string, meta Meta, opts ...WriteOpt) (*Info, error)
	// Delete removes the bytes of an object, and marks it as deleted. For a deleted object, it
	// removes any bytes that are left. Errors: ErrObjectNotFound; ErrBadObjectMeta.
	Delete(ctx context.Context, name string) error
	// AddLink stores a link to an object in this or another bucket. Errors:
	// ErrObjectAlreadyExists if an object has that name; ErrObjectRequired; ErrBucketRequired;
	// ErrNoLinkToDeleted; ErrNoLinkToLink; ErrObjectNotFound; those of Open.
	AddLink(ctx context.Context, name string, obj *Info) (*Info, error)
	// AddBucketLink stores a link to a bucket. Errors: ErrObjectAlreadyExists if an object has
	// that name; ErrBucketRequired; ErrBucketMalformed.
	AddBucketLink(ctx context.Context, name string, bucket Store) (*Info, error)
	// Seal makes the bucket read-only; it cannot be undone. Errors: ErrBucketNotFound.
	Seal(ctx context.Context) error
}

// store implements Store.
type store struct {
	js       jetstream.JetStream
	stream   jetstream.Stream
	bucket   string
	read     string                 // prefix of the subjects of its stream: "$O.<bucket>."
	overhead int                    // bytes of the longest subject of a request, besides the name of an object
	write    atomic.Pointer[string] // prefix of the subject of a publish; nil until it is known
	puts     atomic.Int32           // how many are under way
	spare    sync.Pool              // of *api.Buffers, with memory of chunks of finished transfers
}

func newStore(js jetstream.JetStream, s jetstream.Stream) *store {
	name := strings.TrimPrefix(s.CachedInfo().Config.Name, string(stores))
	read := "$O." + name + "."
	return &store{js: js, stream: s, bucket: name, read: read, overhead: overhead(js.Options(), read)}
}

// buffers returns memory for the chunks of a transfer, which puts it into spare at its end.
func (s *store) buffers() *api.Buffers {
	if left, ok := s.spare.Get().(*api.Buffers); ok {
		return left
	}
	return &api.Buffers{}
}

// overhead returns how many bytes the subject of a direct get has besides the name.
func overhead(o jetstream.JetStreamOptions, read string) int {
	prefix := max(len(jetstream.DefaultAPIPrefix), len(o.APIPrefix)+1, len("$JS..API.")+len(o.Domain))
	return prefix + len("DIRECT.GET.OBJ_") + 2*len(read) + len("M.")
}

// Bucket implements Store.
func (s *store) Bucket() string { return s.bucket }
