package kv

import (
	"context"
	"time"

	"github.com/troupe-go/troupe/jetstream"
)

// markerAge is how old a marker must be, by default, before PurgeDeletes removes it: watchers
// that were disconnected for less still see it.
const markerAge = 30 * time.Minute

// PurgeOpt is an option of Store.PurgeDeletes. A nil one is skipped.
type PurgeOpt func(*purgeOptions) error

type purgeOptions struct {
	age time.Duration // 0 for markerAge; negative for all
}

// DeleteMarkersOlderThan is how old a marker must be for PurgeDeletes to remove it. Default, and
// 0: 30 minutes; a negative age removes all. Of a key with a younger marker, the values are
// removed and the marker stays.
func DeleteMarkersOlderThan(age time.Duration) PurgeOpt {
	return func(o *purgeOptions) error {
		o.age = age
		return nil
	}
}

// PurgeDeletes implements Store.
func (s *store) PurgeDeletes(ctx context.Context, opts ...PurgeOpt) error {
	o, err := applied(opts)
	if err != nil {
		return stores.Failed("purge deletes", s.bucket, err)
	}
	if o.age == 0 {
		o.age = markerAge
	}
	var markers []*entry
	for e, err := range s.load(ctx, "purge deletes", nil, []WatchOpt{MetaOnly()}) {
		if err != nil {
			return err
		}
		if e.op != OpPut {
			markers = append(markers, e)
		}
	}
	now := time.Now()
	for _, e := range markers {
		if err := s.purgeBehind(ctx, e, o.age > 0 && now.Sub(e.created) < o.age); err != nil {
			return err
		}
	}
	return nil
}

// purgeBehind removes what is older than a marker, and the marker unless it is kept. Later
// revisions of the key stay.
func (s *store) purgeBehind(ctx context.Context, e *entry, kept bool) error {
	before := e.revision
	if !kept {
		before++
	}
	in, err := s.stored("purge deletes", e.key)
	if err != nil {
		return err
	}
	if err := s.stream.Purge(ctx, jetstream.WithPurgeSubject(s.read+in), jetstream.WithPurgeSequence(before)); err != nil {
		return s.failed("purge deletes", e.key, e.revision, err)
	}
	return nil
}
