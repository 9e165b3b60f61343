package objectstore

import (
	"crypto/sha256"
	"errors"
	"fmt"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/jetstream"
)

// drawn is an object, and the messages that its chunks are.
func drawn(t *rapid.T) (*Info, []*jetstream.RawStreamMsg) {
	info := &Info{Meta: Meta{Name: "x"}, Bucket: "b", NUID: "id"}
	digest := sha256.New()
	named := rapid.Bool().Draw(t, "ids")
	var all []*jetstream.RawStreamMsg
	seq := uint64(0)
	for range rapid.IntRange(1, 8).Draw(t, "chunks") {
		data := rapid.SliceOfN(rapid.Byte(), 1, 4).Draw(t, "data")
		seq += uint64(rapid.IntRange(1, 3).Draw(t, "others"))
		m := &jetstream.RawStreamMsg{Sequence: seq, Data: data}
		info.Chunks++
		if named {
			m.Header = api.Header{jetstream.MsgIDHeader: {fmt.Sprintf("id-%d", info.Chunks)}}
		}
		digest.Write(data)
		info.Size += uint64(len(data))
		all = append(all, m)
	}
	info.Digest = GetObjectDigestValue(digest)
	return info, all
}

// read has an order take all messages.
func readAll(info *Info, all []*jetstream.RawStreamMsg) error {
	o := newOrder(info, place{})
	for _, m := range all {
		if err := o.take(m); err != nil {
			return err
		}
	}
	return o.end(0)
}

// TestOnlyTheObjectIsTheObject: whatever happens to its chunks is seen.
func TestOnlyTheObjectIsTheObject(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		info, all := drawn(t)
		if err := readAll(info, all); err != nil {
			t.Fatal(err)
		}
		i := rapid.IntRange(0, len(all)-1).Draw(t, "which")
		bad := slices.Clone(all)
		other := *all[i]
		switch rapid.IntRange(0, 5).Draw(t, "harm") {
		case 0:
			bad = slices.Delete(bad, i, i+1)
		case 1:
			bad = slices.Insert(bad, i, all[i])
		case 2:
			other.Sequence = all[len(all)-1].Sequence + 1
			bad = append(bad, &other)
		case 3:
			other.Data = slices.Clone(other.Data)
			other.Data[0]++
			bad[i] = &other
		case 4:
			other.Data = append(slices.Clone(other.Data), 1)
			bad[i] = &other
		case 5:
			other.Data = other.Data[1:]
			bad[i] = &other
		}
		var wrong *DigestMismatchError
		if err := readAll(info, bad); !errors.As(err, &wrong) || !errors.Is(err, ErrDigestMismatch) {
			t.Fatalf("%v", err)
		}
		if wrong.Size > info.Size || wrong.Chunks > info.Chunks {
			t.Fatalf("%+v", wrong)
		}
	})
}

// TestPagesGrowAsLongAsTheyComeQuickly, and shrink when they do not.
func TestPagesGrowAsLongAsTheyComeQuickly(t *testing.T) {
	p := newPacer(&Info{})
	if n := p.next(3); n != 3 {
		t.Error(n)
	}
	for _, want := range []int{8, 16, 32, 32} {
		if n := p.next(1000); n != want {
			t.Errorf("%d, want %d", n, want)
		}
		p.took(p.count, 0, nil)
	}
	for _, want := range []int{16, 8, 4, 2, 1, 1} {
		p.took(p.count, 0, errBehind)
		if n := p.next(1000); n != want {
			t.Errorf("%d, want %d", n, want)
		}
	}
	p.took(1, pageQuick, nil)
	if n := p.next(0); n != 1 {
		t.Error(n)
	}
	for size, most := range map[uint32]int{1: pageChunksMax, 1 << 31: 1} {
		if p := newPacer(&Info{Meta: Meta{Opts: &MetaOptions{ChunkSize: size}}}); p.most != most || p.count > most {
			t.Errorf("%d: %+v", size, p)
		}
	}
}
