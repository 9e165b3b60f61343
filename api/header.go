package api

import (
	"strings"

	"github.com/troupe-go/troupe/protocol"
)

// header.go - decodes header blocks whose memory lives as long as the result.
//
// protocol.ParseHeader copies the block first, which is one copy too many for a
// block that is owned already, or is lent. What is read here is the plain form
// that every client sends; any other block is left to ParseHeader, which alone
// decides what is well-formed.

// headerReader keeps the memory of decoded headers for the next one. Its zero
// value is ready.
type headerReader struct {
	header Header
	values []string // one place for each field
}

// read decodes a block into the reader's memory: the header is valid until the
// next read, its strings as long as block. nil and an error for a bad block.
func (r *headerReader) read(block string) (Header, error) {
	clear(r.header)
	rest, fields, ok := plainBlock(block)
	if !ok {
		return protocol.ParseHeader([]byte(block))
	}
	if r.header == nil {
		r.header = make(Header, fields)
	}
	if cap(r.values) < fields {
		r.values = make([]string, fields)
	}
	if !fillHeader(r.header, r.values[:0:fields], rest) {
		clear(r.header)
		return protocol.ParseHeader([]byte(block))
	}
	return r.header, nil
}

// ownedHeader decodes a block that the message owns: the header's strings lie in it.
func ownedHeader(block []byte) (Header, error) {
	var r headerReader
	return r.read(stringOf(block))
}

// headerStart is the first line of a block without a status.
const headerStart = "NATS/1.0\r\n"

// plainBlock reports whether a block has no status, a blank line at its end and
// none before it, and returns its lines and their number.
func plainBlock(block string) (lines string, fields int, ok bool) {
	lines, ok = strings.CutPrefix(block, headerStart)
	if !ok {
		return "", 0, false
	}
	if lines, ok = strings.CutSuffix(lines, "\r\n"); !ok {
		return "", 0, false
	}
	return lines, strings.Count(lines, "\n"), lines == "" || strings.HasSuffix(lines, "\r\n")
}

// fillHeader reads "name: value" lines into h, which is empty; values has the
// capacity for all. It reports false for a line that is not of the plain form, and
// for a name that comes twice: both are rare.
func fillHeader(h Header, values []string, lines string) bool {
	if cap(values) > protocol.HeaderFieldsMax {
		return false
	}
	for lines != "" {
		end := strings.IndexByte(lines, '\n') - 1
		colon := strings.IndexByte(lines, ':')
		if end < 0 || colon <= 0 || colon >= end || strings.IndexByte(lines, '\r') != end {
			return false
		}
		value := colon + 1
		for value < end && (lines[value] == ' ' || lines[value] == '\t') {
			value++
		}
		n := len(values)
		values = append(values, lines[value:end])
		// Capacity 1: a value that is added moves away instead of overwriting a neighbour's.
		h[lines[:colon]] = values[n : n+1 : n+1]
		if len(h) == n {
			return false
		}
		lines = lines[end+2:]
	}
	return true
}

// headerCost estimates, in bytes, what a decoded header with a block of that size
// takes beside the block: the map, its values and their slices.
func headerCost(blockLen int) int { return headerMapBytes + blockLen }

// headerMapBytes is about what a map of up to eight fields takes.
const headerMapBytes = 400
