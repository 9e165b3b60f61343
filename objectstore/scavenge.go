package objectstore

import (
	"cmp"
	"context"
	"iter"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/nats-io/nuid"

	"github.com/troupe-go/troupe/internal/bucket"
	"github.com/troupe-go/troupe/internal/watch"
	"github.com/troupe-go/troupe/jetstream"
)

// scavenge.go - finds chunks that no info refers to.
//
//	the last chunk of each id, without its data ──► old enough ──► a batch of ids
//	                                                                   │
//	all infos, then those that came meanwhile ──► refer to some ──► removed from it
//	                                                                   │
//	                                                                   ▼  orphans
//
// The infos are read after the chunks, and then those that came meanwhile, until none has come:
// so an object that is renamed at any time is seen under one of its names.

const (
	// orphanAge is the default for the minimum age of the newest chunk of an orphan.
	orphanAge = time.Hour
	// orphanBatch bounds how many ids are held in memory: all infos are read once for each batch.
	orphanBatch = 1 << 16
	// roundsMax is how often infos that came meanwhile are looked for. A round is short: even in
	// a busy bucket no object is renamed in each of them just before it is seen.
	roundsMax = 16
)

// Orphan is the chunks with one id that belong to no object: those of a Put that was
// interrupted, or of an object whose replacement or deletion was.
type Orphan struct {
	// NUID is the id of the chunks.
	NUID string
	// Newest is when the last of them was stored, and Revision its sequence in the stream.
	Newest   time.Time
	Revision uint64
}

// Scavenged says what Scavenge removed.
type Scavenged struct {
	// Orphans is how many orphans it removed, and Chunks how many chunks they had.
	Orphans int
	Chunks  uint64
}

// Scavenge removes the orphans that Orphans yields, and returns what it removed, even with an
// error. Errors: those of Orphans and of Stream.Purge.
func Scavenge(ctx context.Context, of Store, olderThan time.Duration) (Scavenged, error) {
	var done Scavenged
	s, _ := of.(*store) // Orphans refuses others
	for orphan, err := range Orphans(ctx, of, olderThan) {
		if err != nil {
			return done, err
		}
		n, err := s.stream.PurgeCount(ctx, jetstream.WithPurgeSubject(s.chunksOf(orphan.NUID)), jetstream.WithPurgeSequence(orphan.Revision+1))
		if err != nil {
			return done, s.bucketFailed("scavenge", err)
		}
		done.Orphans++
		done.Chunks += n
	}
	return done, nil
}

// Orphans yields the chunks that belong to no object, and changes nothing. Chunks count only if
// the newest one with their id is older than olderThan by the program's clock, so that those of
// a Put under way are left alone; 0 is an hour, and it should be longer than any Put pauses. For
// the same time, a deleted object still counts as the owner of its chunks. It reads a header for
// each object, and all infos, and holds at most 65,536 ids in memory. An error comes last:
// ErrInvalidOption for a negative olderThan, and for a store of another package;
// ErrBadObjectMeta, because an unreadable info may refer to any chunks; ErrBucketNotFound.
func Orphans(ctx context.Context, of Store, olderThan time.Duration) iter.Seq2[Orphan, error] {
	return orphans(ctx, of, scavenging{olderThan, orphanBatch})
}

// scavenging are the parameters of a search.
type scavenging struct {
	olderThan time.Duration
	batch     int // ids in memory
}

func orphans(ctx context.Context, of Store, what scavenging) iter.Seq2[Orphan, error] {
	return func(yield func(Orphan, error) bool) {
		s, own := of.(*store)
		switch {
		case !own:
			yield(Orphan{}, refusedOption("store", "is not of this package"))
			return
		case what.olderThan < 0:
			yield(Orphan{}, s.bucketFailed("scavenge", refusedOption("olderThan", "is negative")))
			return
		case what.olderThan == 0:
			what.olderThan = orphanAge
		}
		before := time.Now().Add(-what.olderThan)
		batch := map[string]Orphan{}
		for orphan, err := range s.tails(ctx) {
			if err != nil {
				yield(Orphan{}, err)
				return
			}
			if orphan.Newest.After(before) {
				continue
			}
			batch[orphan.NUID] = orphan
			if len(batch) == what.batch && !s.yieldOrphans(ctx, batch, before, yield) {
				return
			}
		}
		s.yieldOrphans(ctx, batch, before, yield)
	}
}

// yieldOrphans yields the ids that no info refers to, and empties the batch.
func (s *store) yieldOrphans(ctx context.Context, batch map[string]Orphan, before time.Time, yield func(Orphan, error) bool) bool {
	if len(batch) == 0 {
		return true
	}
	if err := s.takeReferred(ctx, batch, before); err != nil {
		yield(Orphan{}, err)
		return false
	}
	inOrder := func(a, b Orphan) int { return cmp.Compare(a.Revision, b.Revision) }
	for _, orphan := range slices.SortedFunc(maps.Values(batch), inOrder) {
		if !yield(orphan, nil) {
			return false
		}
	}
	clear(batch)
	return true
}

// takeReferred removes from a batch the ids that infos refer to.
func (s *store) takeReferred(ctx context.Context, batch map[string]Orphan, before time.Time) error {
	after, came := uint64(0), true
	for round := 0; came && round < roundsMax; round++ {
		status, err := s.Status(ctx)
		if err != nil {
			return err
		}
		came = false
		for info, err := range s.load(ctx, "scavenge", after) {
			if err != nil {
				return err
			}
			came = true
			if !info.Deleted || info.ModTime.After(before) {
				delete(batch, info.NUID)
			}
		}
		after = status.(*BucketStatus).info.State.LastSeq
	}
	return nil
}

// tails yields the last chunk of each id.
func (s *store) tails(ctx context.Context) iter.Seq2[Orphan, error] {
	return func(yield func(Orphan, error) bool) {
		config := watch.Config[Orphan]{
			Name: string(stores) + s.bucket + "-" + nuid.Next(), JetStream: s.js, Stream: s.stream, Filters: []string{s.read + "C.>"},
			Deliver: jetstream.DeliverLastPerSubjectPolicy, HeadersOnly: true,
			Decode: func(m jetstream.Msg, meta *jetstream.MsgMetadata) (Orphan, bool, error) {
				id := strings.TrimPrefix(m.Subject(), s.read+"C.")
				return Orphan{id, meta.Timestamp, meta.Sequence.Stream}, isID(id), nil
			},
		}
		p := bucket.NewPatience(ctx, "scavenge", s.js.Options().DefaultTimeout)
		defer p.End()
		for orphan, err := range watch.Load(p.Context, config) {
			p.Came()
			if err != nil {
				err = s.unread("scavenge", err)
			}
			if !yield(orphan, err) || err != nil {
				return
			}
			p.Wait()
		}
	}
}
