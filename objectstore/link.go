package objectstore

import (
	"context"
	"errors"

	"github.com/nats-io/nuid"

	"github.com/troupe-go/troupe/jetstream"
)

// link.go - objects that point to others, or to a bucket.

// AddLink implements Store.
func (s *store) AddLink(ctx context.Context, name string, obj *Info) (*Info, error) {
	const op = "link"
	if err := s.checkName(op, name); err != nil {
		return nil, err
	}
	switch {
	case obj == nil, obj.Name == "":
		return nil, s.refused(op, name, ErrObjectRequired, "")
	case obj.Deleted:
		return nil, s.refused(op, name, ErrNoLinkToDeleted, "")
	case obj.link() != nil:
		return nil, s.refused(op, name, ErrNoLinkToLink, "")
	case obj.Bucket == "":
		return nil, s.refused(op, name, ErrBucketRequired, "")
	}
	ctx, cancel := s.bound(ctx)
	defer cancel()
	if err := s.linkable(ctx, name, obj); err != nil {
		return nil, err
	}
	return s.putLink(ctx, name, Link{Bucket: obj.Bucket, Name: obj.Name})
}

// linkable asks the bucket of an object for its current info, because obj may be old.
func (s *store) linkable(ctx context.Context, name string, obj *Info) error {
	const op = "link"
	at, err := s.beside(ctx, obj.Bucket)
	if err != nil {
		return s.failed(op, name, err)
	}
	info, err := at.info(ctx, lookup{op: op, name: obj.Name, opts: []jetstream.GetMsgOpt{jetstream.WithGetMsgLeader()}})
	switch {
	case errors.Is(err, ErrObjectDeleted):
		return &ObjectError{Op: op, Bucket: s.bucket, Name: name, Kind: ErrNoLinkToDeleted, Err: err}
	case err != nil:
		return err
	case info.link() != nil:
		return s.refused(op, name, ErrNoLinkToLink, "")
	}
	return nil
}

// AddBucketLink implements Store.
func (s *store) AddBucketLink(ctx context.Context, name string, bucket Store) (*Info, error) {
	const op = "link"
	if err := s.checkName(op, name); err != nil {
		return nil, err
	}
	if own, is := bucket.(*store); bucket == nil || is && own == nil {
		return nil, s.refused(op, name, ErrBucketRequired, "")
	}
	if badBucket(bucket.Bucket()) {
		return nil, s.refused(op, name, ErrBucketMalformed, "")
	}
	return s.putLink(ctx, name, Link{Bucket: bucket.Bucket()})
}

// putLink stores a link under a name that has no object, a link, or a deleted object.
func (s *store) putLink(ctx context.Context, name string, to Link) (*Info, error) {
	const op = "link"
	_, info, err := s.change(ctx, change{op, name, func(now replaced) (*Info, error) {
		if now.live() && (now.info == nil || now.info.link() == nil) {
			return nil, s.refused(op, name, ErrObjectAlreadyExists, "")
		}
		return &Info{Meta: Meta{Name: name, Opts: &MetaOptions{Link: &to}}, Bucket: s.bucket, NUID: nuid.Next()}, nil
	}})
	return info, err
}
