package objectstore

import (
	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/kind"
)

// Kinds returns the kinds of errors of this package that are about one of the categories; for
// no category, all of them. The slice is the caller's.
func Kinds(about ...api.Category) []error {
	return kind.About(about, []error{
		ErrBucketNotFound, ErrBucketExists, ErrInvalidBucketName, ErrBadBucket, ErrConfigRequired, ErrBucketRequired,
		ErrBucketNotWritable, ErrBucketAmbiguous, ErrBucketMalformed, ErrObjectStore, ErrObjectNotFound,
		ErrObjectDeleted, ErrObjectAlreadyExists, ErrObjectChanged, ErrLinkCycle, ErrInvalidObjectName,
		ErrNameRequired, ErrObjectRequired, ErrBadObjectMeta, ErrDigestMismatch, ErrInvalidDigestFormat,
		ErrNoObjectsFound, ErrSlowWatcher, ErrLinkIsABucket, ErrLinkNotAllowed, ErrNoLinkToDeleted, ErrNoLinkToLink,
		ErrUpdateMetaDeleted,
	})
}
