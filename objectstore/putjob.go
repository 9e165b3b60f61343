package objectstore

import (
	"context"
	"errors"
	"strings"

	"github.com/troupe-go/troupe/jetstream"
)

// putjob.go - asks the store what it has of an object that is being put, and removes what is
// not in its place.

// job is all that a task needs.
type job struct {
	s      *store
	stored string // subject of the chunks
	id     string // that their ids begin with
	after  uint64 // sequence of the last chunk in its place
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

// lookMax bounds what a look finds: no window is larger.
const lookMax = 4 * windowChunksMax

// look lists the chunks behind the last one in its place. It asks the leader: a replica may
// be behind.
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

// clear removes the strays. One that is not there any more has been removed.
func (j *job) clear(ctx context.Context) error {
	for _, seq := range j.strays {
		err := j.s.stream.DeleteMsg(ctx, seq)
		if err != nil && !errors.Is(err, jetstream.ErrMsgDeleteUnsuccessful) && !errors.Is(err, jetstream.ErrMsgNotFound) {
			return err
		}
	}
	return nil
}
