package kv

import (
	"context"
	"errors"
	"sync"

	"github.com/troupe-go/troupe/jetstream"
)

// leader.go - reads that only the leader of the bucket's stream answers.

// leaderWindow bounds how many such reads are under way at a time.
const leaderWindow = 64

// lastMsg reads the last message of a subject.
func (s *store) lastMsg(ctx context.Context, subject string) (*jetstream.RawStreamMsg, error) {
	if s.leader {
		return s.leaderMsg(ctx, subject)
	}
	return s.stream.GetLastMsgForSubject(ctx, subject)
}

// msgAt reads the message with that sequence.
func (s *store) msgAt(ctx context.Context, seq uint64) (*jetstream.RawStreamMsg, error) {
	if s.leader {
		return s.stream.GetMsg(ctx, seq, jetstream.WithGetMsgLeader())
	}
	return s.stream.GetMsg(ctx, seq)
}

// leaderMsg is lastMsg through the leader.
func (s *store) leaderMsg(ctx context.Context, subject string) (*jetstream.RawStreamMsg, error) {
	return s.stream.GetMsg(ctx, 0, jetstream.WithGetMsgLast(subject), jetstream.WithGetMsgLeader())
}

// leaderNext reads the first message of a subject at or after a sequence; nil for none.
func (s *store) leaderNext(ctx context.Context, subject string, seq uint64) (*jetstream.RawStreamMsg, error) {
	m, err := s.stream.GetMsg(ctx, seq, jetstream.WithGetMsgSubject(subject), jetstream.WithGetMsgLeader())
	if errors.Is(err, jetstream.ErrMsgNotFound) {
		return nil, nil
	}
	return m, err
}

// leaderRead is the result for one subject.
type leaderRead struct {
	msg *jetstream.RawStreamMsg // nil for nothing
	err error
}

// leaderLasts reads the last messages of subjects, in their order.
func (s *store) leaderLasts(ctx context.Context, subjects []string) []leaderRead {
	return oneByOne(subjects, func(subject string) (*jetstream.RawStreamMsg, error) {
		m, err := s.leaderMsg(ctx, subject)
		if errors.Is(err, jetstream.ErrMsgNotFound) {
			return nil, nil
		}
		return m, err
	})
}

// oneByOne reads something of each subject, a window of them concurrently, and returns it in
// their order.
func oneByOne(subjects []string, read func(subject string) (*jetstream.RawStreamMsg, error)) []leaderRead {
	reads := make([]leaderRead, len(subjects))
	var all sync.WaitGroup
	turns := make(chan struct{}, leaderWindow)
	for i, subject := range subjects {
		turns <- struct{}{}
		all.Go(func() {
			defer func() { <-turns }()
			m, err := read(subject)
			reads[i] = leaderRead{m, err}
		})
	}
	all.Wait()
	return reads
}
