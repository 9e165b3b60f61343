package objectstore

import (
	"context"
	"slices"
	"sort"
	"strconv"

	"github.com/troupe-go/troupe/jetstream"
)

// getindex.go - where in the stream each chunk of an object is, and where in the object.
//
//	index:     seq 7    seq 8    seq 12   seq 13        from headers alone: what others have
//	object:   |0 … 99  |… 199   |… 299   |… 320|        published meanwhile lies in between
//
// Without it an object can only be read from its beginning.

// index is the chunks of an object, in order.
type index struct {
	seqs []uint64
	ends []uint64 // offset in the object behind the chunk
}

// msgSizeHeader is how many bytes a message has whose data was left out.
const msgSizeHeader = "Nats-Msg-Size"

// find reads the index of an object from its stream.
func (s *store) find(ctx context.Context, info *Info) (*index, error) {
	var consumer jetstream.Consumer
	err := s.patiently(ctx, func(ctx context.Context) (err error) {
		consumer, err = s.js.OrderedConsumer(ctx, stores.Stream(s.bucket),
			jetstream.OrderedConsumerConfig{FilterSubjects: []string{s.chunksOf(info.NUID)}, HeadersOnly: true})
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
	x, o := &index{}, newOrder(info, place{})
	for pending := consumer.CachedInfo().NumPending; pending > 0; {
		m, err := messages.NextWithContext(ctx)
		if err != nil {
			return nil, err
		}
		if pending, err = x.add(&o, m); err != nil {
			return nil, err
		}
	}
	if !o.whole() || o.bytes != info.Size {
		return nil, o.wrong("chunks are missing")
	}
	return x, nil
}

// add adds the next chunk, and returns how many are to come.
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

// at returns which chunk has the byte at an offset; the number of chunks if none has.
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

// from returns which chunk stands first behind a sequence.
func (x *index) from(seq uint64) int {
	i, found := slices.BinarySearch(x.seqs, seq)
	if found {
		i++
	}
	return i
}
