package objectstore

import (
	"context"
	"errors"
	"slices"
	"sort"
	"strconv"

	"github.com/troupe-go/troupe/jetstream"
)

// getindex.go - where each chunk of an object is, in the stream and in the object.
//
//	index:     seq 7    seq 8    seq 12   seq 13        read from headers alone; messages of
//	object:   |0 … 99  |… 199   |… 299   |… 320|        others may lie in between
//
// Without it an object can only be read from its beginning.

// index is the chunks of an object, in order.
type index struct {
	seqs []uint64
	ends []uint64 // offset in the object of the end of the chunk
}

// msgSizeHeader has the size in bytes of a message whose data was left out.
const msgSizeHeader = "Nats-Msg-Size"

// find reads the index of an object from its stream.
func (s *store) find(ctx context.Context, from *fetcher) (*index, error) {
	var consumer jetstream.Consumer
	err := s.patiently(ctx, func(ctx context.Context) (err error) {
		consumer, err = s.js.OrderedConsumer(ctx, stores.Stream(s.bucket),
			jetstream.OrderedConsumerConfig{FilterSubjects: []string{from.subject}, HeadersOnly: true})
		return err
	})
	if err != nil {
		return nil, err
	}
	messages, err := consumer.Messages()
	if err != nil {
		return nil, err
	}
	defer messages.Stop()
	x, o := &index{}, newOrder(from.info, place{})
	for pending, e := consumer.CachedInfo().NumPending, s.endurance(); pending > 0; {
		m, err := s.await(ctx, messages)
		switch {
		case ctx.Err() != nil:
			return nil, context.Cause(ctx)
		case errors.Is(err, errNoAnswer):
			if err := from.gone(ctx, &o, e); err != nil {
				return nil, err
			}
			if o.whole() {
				pending = 0
			}
			continue
		case err != nil:
			return nil, err
		}
		e.gotOn()
		if pending, err = x.add(&o, m); err != nil {
			return nil, err
		}
	}
	if !o.whole() || o.bytes != from.info.Size {
		return nil, o.wrong("chunks are missing")
	}
	return x, nil
}

// await waits for the next message, at most the default timeout.
func (s *store) await(ctx context.Context, messages jetstream.MessagesContext) (jetstream.Msg, error) {
	once, cancel := context.WithTimeoutCause(ctx, s.js.Options().DefaultTimeout, errNoAnswer)
	defer cancel()
	m, err := messages.NextWithContext(once)
	if err != nil && once.Err() != nil {
		return nil, context.Cause(once)
	}
	return m, err
}

// gone returns an error if the object is no longer there, or if there was no answer for too
// long. Chunks that were counted when the consumer was created may have been removed since.
func (f *fetcher) gone(ctx context.Context, o *order, e *endurance) error {
	switch err := f.missing(ctx); {
	case errors.Is(err, errLostChunks):
		return o.wrong("chunks are missing")
	case !passes(err) || !e.lasts():
		return err
	}
	return nil
}

// add adds the next chunk, and returns how many are still to come.
func (x *index) add(o *order, m jetstream.Msg) (pending uint64, err error) {
	meta, err := m.Metadata()
	if err != nil {
		return 0, err
	}
	size, err := strconv.ParseUint(m.Headers().Get(msgSizeHeader), 10, 64)
	switch {
	case err != nil:
		return 0, o.wrong("a chunk does not say how long it is")
	case o.chunks == o.info.Chunks:
		return 0, o.wrong("there are more chunks than there should be")
	case size > o.info.Size-o.bytes:
		return 0, o.wrong("there are more bytes than there should be")
	}
	o.chunks++
	o.bytes += size
	x.seqs, x.ends = append(x.seqs, meta.Sequence.Stream), append(x.ends, o.bytes)
	return meta.NumPending, nil
}

// at returns the chunk that has the byte at an offset; the number of chunks if none has.
func (x *index) at(offset uint64) int {
	return sort.Search(len(x.ends), func(i int) bool { return x.ends[i] > offset })
}

// start returns the offset of a chunk.
func (x *index) start(i int) uint64 {
	if i == 0 {
		return 0
	}
	return x.ends[i-1]
}

// place returns the place of a chunk.
func (x *index) place(i int) place {
	if i == 0 {
		return place{}
	}
	return place{before: x.seqs[i-1], chunks: uint32(i), bytes: x.ends[i-1]}
}

// from returns the first chunk after a sequence.
func (x *index) from(seq uint64) int {
	i, found := slices.BinarySearch(x.seqs, seq)
	if found {
		i++
	}
	return i
}
