package objectstore

import (
	"strconv"
	"strings"
)

// putchunk.go - what chunks are called.

// String is what a chunk is called in its id and its reply subject.
func (id chunkID) String() string {
	number := strconv.FormatUint(uint64(id.number), 10)
	if id.copy == 0 {
		return number
	}
	return number + "-" + strconv.FormatUint(uint64(id.copy), 10)
}

// parseChunkID reads what String has written.
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
