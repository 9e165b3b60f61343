package objectstore

import (
	"context"
	"errors"
	"strings"

	"github.com/troupe-go/troupe/jetstream"
)

// putjob.go - asks the store which chunks of a put it has, and removes those that are out of
// place.

// job is everything that a task needs.
type job struct {
	s      *store
	stored string // subject of the chunks
	id     string // prefix of the ids of the chunks
	after  uint64 // sequence of the last chunk that is in its place
	strays []uint64
}

// do does a task.
func (j *job) do(ctx context.Context, t task) (done taskDone) {
	switch t {
	case taskLook:
		done.found, done.err = j.look(ctx)
	case taskClear:
		done.err = j.clear(ctx)
	case taskCount:
		done.count, done.err = j.count(ctx)
	}
	return done
}

// lookMax bounds how many chunks a look finds; it is larger than any window.
const lookMax = 4 * windowChunksMax

// look lists the chunks after the last one in its place. It asks the leader, because a replica
// may lag.
func (j *job) look(ctx context.Context) ([]found, error) {
	var all []found
	for seq := j.after + 1; len(all) < lookMax; {
		m, err := j.s.stream.GetMsg(ctx, seq, jetstream.WithGetMsgSubject(j.stored), jetstream.WithGetMsgLeader())
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			break
		}
		if err != nil {
			return nil, err
		}
		id, _ := parseChunkID(strings.TrimPrefix(m.Header.Get(jetstream.MsgIDHeader), j.id+"-"))
		all = append(all, found{id, m.Sequence})
		seq = m.Sequence + 1
	}
	return all, nil
}

// count returns how many chunks the store has.
func (j *job) count(ctx context.Context) (uint64, error) {
	info, err := j.s.stream.Info(ctx, jetstream.WithSubjectFilter(j.stored))
	if err != nil {
		return 0, err
	}
	return info.State.Subjects[j.stored], nil
}

// clear removes the strays. It ignores a stray that is already gone.
func (j *job) clear(ctx context.Context) error {
	for _, seq := range j.strays {
		err := j.s.stream.DeleteMsg(ctx, seq)
		if err != nil && !errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful) && !errors.Is(err, jetstream.ErrMsgNotFound) {
			return err
		}
	}
	return nil
}
