package objectstore

import (
	"context"
	"errors"
	"sync/atomic"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/jetstream"
)

// getpage.go - fetches chunks of an object from its stream, a page at a time.

// fetcher fetches the chunks of one object. It is safe for concurrent use.
type fetcher struct {
	s       *store
	info    *Info
	subject string       // of the chunks in the stream
	single  atomic.Bool  // one message at a time: the server or the stream supports nothing else
	buffers *api.Buffers // for the data of chunks; nil for the heap
}

func (s *store) fetcher(info *Info) *fetcher {
	return &fetcher{s: s, info: info, subject: s.chunksOf(info.NUID)}
}

// read reads n messages from a sequence on, and returns how many follow the last one.
func (f *fetcher) read(ctx context.Context, seq uint64, n int, yield func(*jetstream.RawStreamMsg) error) (pending uint64, err error) {
	if f.single.Load() {
		return f.readSingle(ctx, seq, n, yield)
	}
	var end jetstream.ReadEnd
	opts := []jetstream.GetBatchOpt{jetstream.GetBatchSeq(seq), jetstream.GetBatchSubject(f.subject), jetstream.GetBatchEnd(&end)}
	if f.buffers != nil {
		opts = append(opts, jetstream.GetBatchMemory(f.buffers))
	}
	messages, err := jetstream.GetBatch(ctx, f.s.js, stores.Stream(f.s.bucket), n, opts...)
	if err != nil {
		return 0, err
	}
	for m, err := range messages {
		if errors.Is(err, jetstream.ErrRequiredAPILevel) || errors.Is(err, jetstream.ErrDirectAccessRequired) {
			f.single.Store(true)
			return f.readSingle(ctx, seq, n, yield)
		}
		if err == nil {
			err = yield(m)
		}
		if err != nil {
			return 0, err
		}
	}
	return end.Pending, nil
}

// readSingle is read for servers before 2.11, and for streams whose messages only the leader
// may read.
func (f *fetcher) readSingle(ctx context.Context, seq uint64, n int, yield func(*jetstream.RawStreamMsg) error) (pending uint64, err error) {
	for range n {
		m, err := f.s.stream.GetMsg(ctx, seq, jetstream.WithGetMsgSubject(f.subject))
		if err == nil {
			err = yield(m)
		}
		if err != nil {
			return 0, err
		}
		seq = m.Sequence + 1
	}
	_, err = f.s.stream.GetMsg(ctx, seq, jetstream.WithGetMsgSubject(f.subject))
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
		return 0, nil
	case err != nil:
		return 0, err
	}
	return 1, nil
}

// missing returns why no more chunks have come; errLostChunks if there are none. The leader
// knows how many there are; the replica that answered may lag.
func (f *fetcher) missing(ctx context.Context) error {
	j := job{s: f.s, stored: f.subject}
	count, err := j.count(ctx)
	switch {
	case err != nil:
		return err
	case count >= uint64(f.info.Chunks):
		return errBehind
	}
	now, err := f.s.readMeta(ctx, "get", f.info.Name, jetstream.WithGetMsgLeader())
	switch {
	case errors.Is(err, ErrObjectNotFound), err == nil && now.NUID != f.info.NUID, err == nil && now.Deleted:
		return f.s.refused("get", f.info.Name, ErrObjectChanged, "it was replaced or deleted while it was read")
	case err != nil && !errors.Is(err, ErrBadObjectMeta):
		return err
	}
	return errLostChunks
}
