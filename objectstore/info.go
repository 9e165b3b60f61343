package objectstore

import (
	"context"
	"errors"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/jetstream"
)

// info.go - the info of one object, and where links lead.
//
//	GetInfo(resolve)   a ──link──► b ──link──► other bucket: c, an object
//	                               └──link──► a: ErrLinkCycle

// linksMax bounds the links on the way to an object.
const linksMax = 16

// GetInfo implements Reader.
func (s *store) GetInfo(ctx context.Context, name string, opts ...GetObjectInfoOpt) (*Info, error) {
	var o getInfoOptions
	for _, opt := range opts {
		if opt == nil {
			continue
		}
		if err := opt(&o); err != nil {
			return nil, s.failed("get info of", name, err)
		}
	}
	if o.resolve {
		_, info, err := s.resolve(ctx, lookup{op: "get info of", name: name, deleted: o.deleted})
		return info, err
	}
	return s.info(ctx, lookup{op: "get info of", name: name, deleted: o.deleted})
}

// lookup is what is looked up, and for which call.
type lookup struct {
	op, name string
	deleted  bool // return a deleted one, too
	opts     []jetstream.GetMsgOpt
}

// info returns the info of an object, or of a link. It may be an older one; but that there is
// none is confirmed by the leader.
func (s *store) info(ctx context.Context, l lookup) (*Info, error) {
	if err := s.checkName(l.op, l.name); err != nil {
		return nil, err
	}
	info, err := s.readMeta(ctx, l.op, l.name, l.opts...)
	if unsure := err == nil && info.Deleted || errors.Is(err, ErrObjectNotFound) || errors.Is(err, ErrBadObjectMeta); unsure {
		if now, asked := s.readMeta(ctx, l.op, l.name, jetstream.WithGetMsgLeader()); !errors.Is(asked, api.ErrPermissionViolation) {
			info, err = now, asked
		}
	}
	if err != nil {
		return nil, err
	}
	if info.Deleted && !l.deleted {
		return nil, s.deleted(l.op, info, ErrObjectDeleted)
	}
	return info, nil
}

// deleted returns the error for an object that was deleted.
func (s *store) deleted(op string, info *Info, kind error) error {
	return &ObjectError{Op: op, Bucket: s.bucket, Name: info.Name, DeletedAt: info.ModTime, Kind: kind}
}

// resolve follows links to an object, and returns its info and the bucket that it is in. Errors:
// those of info; ErrLinkIsABucket; ErrLinkCycle; those of Open.
func (s *store) resolve(ctx context.Context, l lookup) (*store, *Info, error) {
	seen := map[Link]bool{}
	for at, name := s, l.name; ; {
		info, err := at.info(ctx, lookup{op: l.op, name: name, deleted: l.deleted})
		if err != nil {
			return nil, nil, err
		}
		to := info.link()
		if to == nil || info.Deleted {
			return at, info, nil
		}
		seen[Link{at.bucket, name}] = true
		switch {
		case to.Name == "":
			return nil, nil, &ObjectError{Op: l.op, Bucket: at.bucket, Name: name, LinkBucket: to.Bucket, Kind: ErrLinkIsABucket}
		case seen[*to] || len(seen) > linksMax:
			return nil, nil, s.refused(l.op, l.name, ErrLinkCycle, "its links form a cycle or too long a chain")
		}
		if at, err = at.beside(ctx, to.Bucket); err != nil {
			return nil, nil, s.failed(l.op, l.name, err)
		}
		name = to.Name
	}
}

// beside returns another bucket of the same JetStream.
func (s *store) beside(ctx context.Context, bucket string) (*store, error) {
	if bucket == s.bucket {
		return s, nil
	}
	return open(ctx, s.js, bucket)
}
