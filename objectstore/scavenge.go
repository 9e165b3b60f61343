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
//	all infos, then those that came meanwhile ──► refer to some ──► taken out of it
//	                                                                   │
//	                                                                   ▼  orphans
//
// The infos are read after the chunks, and those that came meanwhile again, until none has come:
// an object that gets another name is seen under one of them, whenever that happens.

const (
	// orphanAge is how old the newest chunk of an orphan is at least, by default.
	orphanAge = time.Hour
	// orphanBatch bounds how many ids are held in memory: all infos are read once for each batch.
	orphanBatch = 1 << 16
	// roundsMax is how often infos are looked for that came meanwhile. A round is short: not even
	// in a busy bucket does an object get another name in each of them just before it is seen.
	roundsMax = 16
)

// Orphan are chunks that belong to no object: of a Put that was cut, or of an object that was
// replaced or deleted by a call that was.
type Orphan struct {
	// NUID is the id of the chunks.
	NUID string
	// Newest is when the last of them was stored, and Revision its sequence in the stream.
	Newest   time.Time
	Revision uint64
}

// Scavenged is what Scavenge has removed.
type Scavenged struct {
	// Orphans is how many there were, and Chunks how many chunks they had.
	Orphans int
	Chunks  uint64
}

// Scavenge removes the orphans that Orphans yields, and returns what it has removed, also with
// an error. Errors: those of Orphans and of Stream.Purge.
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

// Orphans yields chunks that no object has, and changes nothing. Only such count whose newest
// chunk is older than olderThan by the clock of the program, so that those of a Put that is on
// its way are left alone; zero is an hour, and it should be more than any Put pauses. As long
// counts an object that was deleted. It reads a header for each object, and what the store says
// of all of them; in memory it has no more than 65,536 ids. The error is the last: ErrInvalidOption
// for a negative olderThan and a store of another package; ErrBadObjectMeta, as an info that
// cannot be read may refer to any chunks; ErrBucketNotFound.
func Orphans(ctx context.Context, of Store, olderThan time.Duration) iter.Seq2[Orphan, error] {
	return orphans(ctx, of, scavenging{olderThan, orphanBatch})
}

// scavenging says what is looked for.
type scavenging struct {
	olderThan time.Duration
	batch     int // ids in memory
}

func orphans(ctx context.Context, of Store, what scavenging) iter.Seq2[Orphan, error] {
	return func(yield func(Orphan, error) bool) {
		s, own := of.(*store)
		switch {
		case !own:
			yield(Orphan{}, refusedOption("store", "is none of this package"))
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

// yieldOrphans yields what no info refers to, and empties the batch.
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

// takeReferred takes out of a batch what infos refer to.
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
