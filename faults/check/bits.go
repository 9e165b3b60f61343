package check

// chunkBits determines how many values one chunk of a store holds: enough that the
// overhead of chunks is negligible, few enough that a short run stays small.
const (
	chunkShift = 12
	chunkBits  = 1 << chunkShift
	chunkMask  = chunkBits - 1
)

// bits is a set of counters, with one bit each in the chunks that are in use. The zero
// value is empty.
type bits struct {
	chunks []*[chunkBits / 64]uint64
}

func (b *bits) has(n uint32) bool {
	i := int(n >> chunkShift)
	return i < len(b.chunks) && b.chunks[i] != nil && b.chunks[i][n&chunkMask/64]&(1<<(n%64)) != 0
}

// add puts n into the set, and reports whether it was new.
func (b *bits) add(n uint32) bool {
	i := int(n >> chunkShift)
	for len(b.chunks) <= i {
		b.chunks = append(b.chunks, nil)
	}
	if b.chunks[i] == nil {
		b.chunks[i] = new([chunkBits / 64]uint64)
	}
	word, bit := &b.chunks[i][n&chunkMask/64], uint64(1)<<(n%64)
	fresh := *word&bit == 0
	*word |= bit
	return fresh
}

// wide is a set of stream sequences, which may begin at any number. The zero value is
// empty.
type wide struct {
	pages map[uint64]*[chunkBits / 64]uint64
}

func (w *wide) has(seq uint64) bool {
	page := w.pages[seq>>chunkShift]
	return page != nil && page[seq&chunkMask/64]&(1<<(seq%64)) != 0
}

func (w *wide) add(seq uint64) {
	if w.pages == nil {
		w.pages = map[uint64]*[chunkBits / 64]uint64{}
	}
	page := w.pages[seq>>chunkShift]
	if page == nil {
		page = new([chunkBits / 64]uint64)
		w.pages[seq>>chunkShift] = page
	}
	page[seq&chunkMask/64] |= 1 << (seq % 64)
}

// flags is what is known of one value.
type flags uint16

// The low bits hold the outcome of the call that published the value.
const (
	pending flags = iota
	accepted
	acked
	rejected
	unknown

	outcomeMask flags = 7
)

// The other bits hold what happened to the value.
const (
	stored       flags = 1 << (iota + 3) // seen on the second path, in the latest read
	storedBefore                         // seen on the second path, in an earlier read
	storedTwice                          // more than once in one read
	storedLate                           // after one that was published later
	arrived                              // delivered to a subscription
	arrivedTwice                         // more than once, where at most once is promised
	arrivedLate                          // after one that was published later, where order is promised
)

// cells holds the flags of one publisher's values, and the sequences of those that have
// one. A value takes 2 bytes, and 8 more with a sequence.
type cells struct {
	chunks []*cellChunk
}

type cellChunk struct {
	flags [chunkBits]flags
	seqs  *[chunkBits]uint64
}

func (c *cells) grow(n uint32) {
	if int(n>>chunkShift) == len(c.chunks) {
		c.chunks = append(c.chunks, new(cellChunk))
	}
}

func (c *cells) at(n uint32) *flags { return &c.chunks[n>>chunkShift].flags[n&chunkMask] }

func (c *cells) seq(n uint32) uint64 {
	seqs := c.chunks[n>>chunkShift].seqs
	if seqs == nil {
		return 0
	}
	return seqs[n&chunkMask]
}

func (c *cells) setSeq(n uint32, seq uint64) {
	chunk := c.chunks[n>>chunkShift]
	if chunk.seqs == nil {
		chunk.seqs = new([chunkBits]uint64)
	}
	chunk.seqs[n&chunkMask] = seq
}
