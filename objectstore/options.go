package objectstore

import (
	"fmt"
	"time"

	"github.com/troupe-go/troupe/jetstream"
)

// GetObjectOpt is an option of Get, GetBytes, GetString and GetFile. A nil one is skipped.
type GetObjectOpt func(*getObjectOptions) error

// getObjectOptions are the options of a Get.
type getObjectOptions struct {
	deleted  bool
	parallel int            // pages that are fetched at a time; 0 is one
	progress func(Progress) // nil for none
	keeps    bool           // the reader keeps the chunks
}

// GetObjectShowDeleted also returns an object that was deleted; it has no bytes.
func GetObjectShowDeleted() GetObjectOpt {
	return func(o *getObjectOptions) error {
		o.deleted = true
		return nil
	}
}

// GetObjectInfoOpt is an option of GetInfo. A nil one is skipped.
type GetObjectInfoOpt func(*getInfoOptions) error

// getInfoOptions are the options of a GetInfo.
type getInfoOptions struct {
	deleted, resolve bool
}

// GetObjectInfoShowDeleted also returns the info of an object that was deleted.
func GetObjectInfoShowDeleted() GetObjectInfoOpt {
	return func(o *getInfoOptions) error {
		o.deleted = true
		return nil
	}
}

// GetObjectInfoResolve returns, for a link, the info of the object that it points to, which may
// be in another bucket. Additional errors of GetInfo: ErrLinkIsABucket; ErrLinkCycle; those of
// Open.
func GetObjectInfoResolve() GetObjectInfoOpt {
	return func(o *getInfoOptions) error {
		o.resolve = true
		return nil
	}
}

// PutOpt is an option of PutWith. A nil one is skipped. Every WriteOpt is a PutOpt.
type PutOpt interface {
	configurePut(*putOptions) error
}

// putOptions are the options of a PutWith.
type putOptions struct {
	writeOptions

	ttl      time.Duration  // 0 for none
	window   int            // bytes
	progress func(Progress) // nil for none
}

// ttlOpt is ObjectTTL.
type ttlOpt time.Duration

// ObjectTTL makes the object expire after ttl, in whole seconds, at least one. The bucket needs
// Config.PerObjectTTL. Errors: ErrInvalidOption for any other ttl.
func ObjectTTL(ttl time.Duration) PutOpt { return ttlOpt(ttl) }

// configurePut implements PutOpt.
func (o ttlOpt) configurePut(p *putOptions) error {
	if d := time.Duration(o); d < time.Second || d%time.Second != 0 {
		return &jetstream.OptionError{Option: "ObjectTTL", Reason: fmt.Sprintf("%v is not a number of seconds", d), Err: jetstream.ErrMsgTTLInvalid}
	}
	p.ttl = time.Duration(o)
	return nil
}

// WriteOpt is an option of the calls that change the info of an object: PutWith and
// UpdateMetaWith. A nil one is skipped.
type WriteOpt func(*writeOptions) error

// writeOptions are the options of a change.
type writeOptions struct {
	create bool
	expect uint64 // revision; 0 for any
}

// configurePut implements PutOpt.
func (o WriteOpt) configurePut(p *putOptions) error {
	if o == nil {
		return nil
	}
	return o(&p.writeOptions)
}

// CreateOnly makes the call fail, with an ErrObjectAlreadyExists, if there is an object of that
// name, or another client stores one meanwhile. A deleted object does not count.
func CreateOnly() WriteOpt {
	return func(o *writeOptions) error {
		if o.expect != 0 {
			return &jetstream.OptionError{Option: "CreateOnly", Reason: "contradicts ExpectRevision"}
		}
		o.create = true
		return nil
	}
}

// ExpectRevision makes the call fail, with an ErrObjectChanged, unless the object has that
// Info.Revision. Errors: ErrInvalidOption for 0, which no object has: see CreateOnly.
func ExpectRevision(revision uint64) WriteOpt {
	return func(o *writeOptions) error {
		switch {
		case revision == 0:
			return &jetstream.OptionError{Option: "ExpectRevision", Reason: "is 0"}
		case o.create:
			return &jetstream.OptionError{Option: "ExpectRevision", Reason: "contradicts CreateOnly"}
		}
		o.expect = revision
		return nil
	}
}
