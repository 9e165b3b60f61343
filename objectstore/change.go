package objectstore

import (
	"cmp"
	"context"
	"errors"
	"maps"
	"time"

	"github.com/nats-io/nuid"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/jetstream"
)

// change.go - changes the info of an object, and deletes objects.
//
// Renaming takes two steps, and each leaves a consistent state:
//
//	old: object      new: nothing, or deleted
//	old: object      new: the same object       the info under the new name is stored
//	old: deleted     new: the same object       the old info is replaced, if it has not changed
//
// If the call is interrupted after the first step, one object has two names; the same call again
// continues. The old name stays as that of a deleted object, so that watchers learn of it. Its
// info gets a new id, so that deleting it once more removes no chunks.

// UpdateMeta implements Store.
func (s *store) UpdateMeta(ctx context.Context, name string, meta Meta) error {
	_, err := s.UpdateMetaWith(ctx, name, meta)
	return err
}

// UpdateMetaWith implements Store.
func (s *store) UpdateMetaWith(ctx context.Context, name string, meta Meta, opts ...WriteOpt) (*Info, error) {
	const op = "update"
	var o writeOptions
	for _, opt := range opts {
		if opt == nil {
			continue
		}
		if err := opt(&o); err != nil {
			return nil, s.failed(op, name, err)
		}
	}
	if o.create {
		return nil, s.failed(op, name, &jetstream.OptionError{Option: "CreateOnly", Reason: "contradicts an update"})
	}
	if err := cmp.Or(s.checkName(op, name), s.checkName(op, meta.Name)); err != nil {
		return nil, err
	}
	ctx, cancel := s.bound(ctx)
	defer cancel()
	if meta.Name != name {
		return s.rename(ctx, renaming{name, meta, o})
	}
	_, info, err := s.change(ctx, change{op, name, func(now replaced) (*Info, error) { return s.edited(op, name, now, edit{meta, o}) }})
	return info, err
}

// edit is the change of an info that a program asks for.
type edit struct {
	meta Meta
	o    writeOptions
}

// edited returns the info of an object with the change applied.
func (s *store) edited(op, name string, now replaced, e edit) (*Info, error) {
	switch {
	case now.revision == 0:
		return nil, s.refused(op, name, ErrUpdateMetaDeleted, "")
	case now.info == nil:
		return nil, &ObjectError{Op: op, Bucket: s.bucket, Name: name, Revision: now.revision, Kind: ErrBadObjectMeta}
	case now.info.Deleted:
		return nil, s.deleted(op, now.info, ErrUpdateMetaDeleted)
	}
	if kind := e.o.admits(now); kind != nil {
		return nil, s.refused(op, name, kind, "")
	}
	next := *now.info
	next.Name, next.Description = e.meta.Name, e.meta.Description
	next.Headers, next.Metadata = api.Header(maps.Clone(e.meta.Headers)), maps.Clone(e.meta.Metadata)
	return &next, nil
}

// renaming is a change of the name.
type renaming struct {
	from string
	to   Meta
	o    writeOptions
}

// rename gives an object another name.
func (s *store) rename(ctx context.Context, r renaming) (*Info, error) {
	const op = "rename"
	old, err := s.current(ctx, op, r.from, jetstream.WithGetMsgLeader())
	if err != nil {
		return nil, err
	}
	next, err := s.edited(op, r.from, old, edit{r.to, r.o})
	if err != nil {
		return nil, err
	}
	_, info, err := s.change(ctx, change{op, r.to.Name, func(now replaced) (*Info, error) {
		if now.live() && !sameObject(now.info, old.info) {
			return nil, s.refused(op, r.to.Name, ErrObjectAlreadyExists, "")
		}
		again := *next
		return &again, nil
	}})
	if err != nil {
		return nil, err
	}
	err = s.writeMeta(ctx, op, left(old.info), metaWrite{expect: old.revision})
	if !errors.Is(err, ErrObjectChanged) {
		return info, err
	}
	// Another client has removed the bytes, or is about to: remove the new name as well, unless
	// it has been given to another object.
	if again := s.writeMeta(ctx, op, left(info), metaWrite{expect: info.Revision}); !errors.Is(again, ErrObjectChanged) {
		err = errors.Join(err, again)
	}
	return nil, err
}

// sameObject reports whether two infos are about the same bytes, or are the same link.
func sameObject(a, b *Info) bool { return a != nil && a.NUID == b.NUID }

// marker returns the info of an object that is being deleted.
func marker(info *Info) *Info {
	gone := *info
	gone.Deleted, gone.Expires = true, time.Time{}
	gone.Size, gone.Chunks, gone.Digest = 0, 0, ""
	return &gone
}

// left returns the info of a name that an object had before: it has no chunks of its own.
func left(info *Info) *Info {
	gone := marker(info)
	gone.NUID = nuid.Next()
	return gone
}

// Delete implements Store.
func (s *store) Delete(ctx context.Context, name string) error {
	const op = "delete"
	if err := s.checkName(op, name); err != nil {
		return err
	}
	ctx, cancel := s.bound(ctx)
	defer cancel()
	now, _, err := s.change(ctx, change{op, name, func(now replaced) (*Info, error) {
		switch {
		case now.revision == 0:
			return nil, s.refused(op, name, ErrObjectNotFound, "")
		case now.info == nil:
			return nil, &ObjectError{Op: op, Bucket: s.bucket, Name: name, Revision: now.revision, Kind: ErrBadObjectMeta}
		case now.info.Deleted:
			return nil, s.deleted(op, now.info, ErrObjectDeleted)
		}
		return marker(now.info), nil
	}})
	if errors.Is(err, ErrObjectDeleted) {
		err = nil // chunks may be left
	}
	if err != nil || now.info.link() != nil {
		return err
	}
	return s.failed(op, name, s.stream.Purge(ctx, jetstream.WithPurgeSubject(s.chunksOf(now.info.NUID))))
}
