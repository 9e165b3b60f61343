package objectstore

import (
	"strconv"
	"strings"
)

// putchunk.go - the ids of chunks.

// String returns the id as it is in the message id and the reply subject of the chunk.
func (id chunkID) String() string {
	number := strconv.FormatUint(uint64(id.number), 10)
	if id.copy == 0 {
		return number
	}
	return number + "-" + strconv.FormatUint(uint64(id.copy), 10)
}

// parseChunkID is the inverse of String.
func parseChunkID(text string) (chunkID, bool) {
	first, second, again := strings.Cut(text, "-")
	number, err := strconv.ParseUint(first, 10, 32)
	if err != nil || number == 0 {
		return chunkID{}, false
	}
	id := chunkID{number: uint32(number)}
	if again {
		n, err := strconv.ParseUint(second, 10, 32)
		if err != nil || n == 0 {
			return chunkID{}, false
		}
		id.copy = uint32(n)
	}
	return id, true
}

// msgID returns the id of the message of a chunk.
func (p *putting) msgID(id chunkID) string { return p.id + "-" + id.String() }

// late returns the ids of messages that may be on their way yet: those of chunks that were sent, and
// are not known to be stored. It is for when no more are sent.
func (p *putting) late() (ids []string) {
	p.sending.Lock()
	defer p.sending.Unlock()
	for n := uint32(p.acked.Load()) + 1; n <= p.reached; n++ {
		ids = append(ids, p.msgID(chunkID{n, p.copies[n]}))
	}
	return ids
}
