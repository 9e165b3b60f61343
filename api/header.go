package api

import (
	"strings"
	"unsafe"

	"github.com/troupe-go/troupe/protocol"
)

// header.go - decodes header blocks whose memory lives as long as the result.
//
// protocol.ParseHeader copies the block first. That copy is unnecessary for a block that
// is owned already, or borrowed. This file reads the plain form that every client
// sends; any other block is left to ParseHeader, which alone decides what is
// well-formed.

// A header block is untrusted input: the number of its lines says nothing about the
// number of fields, so memory is allocated only as the fields are read.
//
//	values  [first chunk][twice as many   ][twice as many …
//	           ▲    ▲        ▲
//	header   "A"  "B"  …   "K"      each value has a capacity of its own, 1

const (
	// headerChunk is how many fields the first allocation is for.
	headerChunk = 64
	// headerFieldsKept bounds the fields whose memory a headerReader keeps from one
	// message to the next: about 100 KiB.
	headerFieldsKept = 1024
)

// headerReader reuses the memory of a decoded header for the next one, unless it is
// unusually large. The zero value is ready for use.
type headerReader struct {
	header Header
	values []string // a chunk, one place for each field
	large  bool     // header has more lines than headerFieldsKept
}

// read decodes a block into the reader's memory. The header is valid until the next
// read or release, its strings as long as block. For a bad block it returns nil and
// an error.
func (r *headerReader) read(block string) (Header, error) {
	r.release()
	lines, fields, ok := plainBlock(block)
	if !ok || fields > protocol.HeaderFieldsMax {
		return parseHeader(block)
	}
	if r.header == nil {
		r.header = make(Header, min(fields, headerChunk))
	}
	r.large = fields > headerFieldsKept
	if !r.fill(lines, fields) {
		r.release()
		return parseHeader(block)
	}
	return r.header, nil
}

// release drops the memory of a header with many fields. That of an ordinary one is
// kept for the next read.
func (r *headerReader) release() {
	if r.large {
		r.header, r.large = nil, false // a cleared map keeps its size
		return
	}
	if n := len(r.header); n > cap(r.values) && n <= headerFieldsKept {
		r.values = make([]string, 0, n) // the next header of that size is one chunk
	}
	clear(r.header)
}

// parseHeader passes a block to protocol.ParseHeader, cut after its blank line: the
// rest is ignored there, but would be copied and counted.
func parseHeader(block string) (Header, error) {
	for _, blank := range [...]string{"\n\n", "\n\r\n"} {
		if at := strings.Index(block, blank); at >= 0 {
			block = block[:at+len(blank)]
		}
	}
	return protocol.ParseHeader(unsafe.Slice(unsafe.StringData(block), len(block)))
}

// ownedHeader decodes a block that the message owns; the header's strings lie in it.
func ownedHeader(block []byte) (Header, error) {
	var r headerReader
	return r.read(stringOf(block))
}

// headerStart is the first line of a block without a status.
const headerStart = "NATS/1.0\r\n"

// plainBlock reports whether a block has no status, a blank line at its end and
// none before it, and returns its lines and their number.
func plainBlock(block string) (lines string, count int, ok bool) {
	lines, ok = strings.CutPrefix(block, headerStart)
	if !ok {
		return "", 0, false
	}
	if lines, ok = strings.CutSuffix(lines, "\r\n"); !ok {
		return "", 0, false
	}
	return lines, strings.Count(lines, "\n"), lines == "" || strings.HasSuffix(lines, "\r\n")
}

// fill reads count "name: value" lines into the header, which is empty. A line
// without a name is skipped. It returns false for a line that does not have the plain
// form, and for a name that occurs twice; both are rare.
func (r *headerReader) fill(lines string, count int) bool {
	h, values := r.header, r.values[:0]
	for ; lines != ""; count-- {
		end := strings.IndexByte(lines, '\n') - 1
		colon := strings.IndexByte(lines, ':')
		if end < 0 || colon < 0 || colon >= end || strings.IndexByte(lines, '\r') != end {
			return false
		}
		line := lines[:end]
		lines = lines[end+2:]
		if colon == 0 {
			continue
		}
		value := colon + 1
		for value < end && (line[value] == ' ' || line[value] == '\t') {
			value++
		}
		n, before := len(values), len(h)
		if n == cap(values) {
			values, n = r.chunk(before, count), 0
		}
		values = append(values, line[value:])
		// Capacity 1: appending a value reallocates instead of overwriting a neighbour.
		h[line[:colon]] = values[n : n+1 : n+1]
		if len(h) == before {
			return false
		}
	}
	return true
}

// chunk returns room for more values, given how many the header has and how many lines
// are left. The reader keeps the first chunk.
func (r *headerReader) chunk(have, left int) []string {
	values := make([]string, 0, min(left, max(headerChunk, 2*have)))
	if r.values == nil {
		r.values = values
	}
	return values
}

// headerCost estimates the bytes that a decoded header takes in addition to its block of
// the given size: the map, its values and their slices.
func headerCost(blockLen int) int { return headerMapBytes + blockLen }

// headerMapBytes is the approximate size of a map of up to eight fields.
const headerMapBytes = 400
