package objectstore

import (
	"bytes"
	"io"
	"strings"
)

// putsource.go - cuts what is put into chunks.

// source is where the bytes of an object come from.
type source interface {
	// next returns the next chunk, which is empty at the end. It may be in buffer, which may be
	// nil. What is returned with an error is of no use.
	next(buffer []byte) ([]byte, error)
	// lends reports whether chunks are in buffers, which are free again when a chunk is stored.
	lends() bool
	// size returns how many bytes there are; 0 if that is not known.
	size() uint64
}

// newSource returns the source for a reader. One that has all of it in memory, as PutBytes
// makes, is read without a copy.
func newSource(r io.Reader, chunk int) source {
	switch r := r.(type) {
	case nil:
		return &memory{chunk: chunk}
	case *memory:
		r.chunk = chunk
		return r
	case *bytes.Reader:
		return &stream{r: r, chunk: chunk, total: uint64(r.Len())}
	case *bytes.Buffer:
		return &stream{r: r, chunk: chunk, total: uint64(r.Len())}
	case *strings.Reader:
		return &stream{r: r, chunk: chunk, total: uint64(r.Len())}
	default:
		return &stream{r: r, chunk: chunk}
	}
}

// memory is a source that is in memory. As a reader it is only what PutWith gets.
type memory struct {
	data  []byte // what is left
	all   uint64
	chunk int
}

func newMemory(data []byte) *memory { return &memory{data: data, all: uint64(len(data))} }

func (m *memory) next([]byte) ([]byte, error) {
	n := min(m.chunk, len(m.data))
	chunk := m.data[:n:n]
	m.data = m.data[n:]
	return chunk, nil
}

func (m *memory) lends() bool  { return false }
func (m *memory) size() uint64 { return m.all }

// Read implements io.Reader.
func (m *memory) Read(p []byte) (int, error) {
	n := copy(p, m.data)
	m.data = m.data[n:]
	if n == 0 && len(p) > 0 {
		return 0, io.EOF
	}
	return n, nil
}

// stream is a source that reads.
type stream struct {
	r     io.Reader
	chunk int
	total uint64 // what the reader says that it has; 0 for nothing
	got   uint64
	ended bool
}

// emptyReadsMax is how often in a row a reader may return nothing.
const emptyReadsMax = 100

// next fills a chunk, however little the reader returns at a time: but for the last one all
// chunks have the same size.
func (s *stream) next(buffer []byte) ([]byte, error) {
	if s.ended {
		return nil, nil
	}
	if cap(buffer) < s.chunk {
		buffer = make([]byte, s.room())
	}
	buffer = buffer[:cap(buffer)]
	n := 0
	for empty := 0; n < s.chunk; {
		if n == len(buffer) { // the reader had more than it said
			buffer = append(buffer, make([]byte, s.chunk-n)...)
		}
		got, err := s.r.Read(buffer[n:min(len(buffer), s.chunk)])
		if got < 0 || got > min(len(buffer), s.chunk)-n {
			return nil, errBadCount
		}
		n += got
		switch {
		case err == io.EOF:
			s.ended = true
			s.got += uint64(n)
			return buffer[:n], nil
		case err != nil:
			return nil, err
		case got > 0:
			empty = 0
		default:
			if empty++; empty == emptyReadsMax {
				return nil, io.ErrNoProgress
			}
		}
	}
	s.got += uint64(n)
	return buffer[:n], nil
}

// room returns how large the next buffer is: no larger than what the reader says is left,
// and one byte to find the end.
func (s *stream) room() int {
	if s.total > s.got && s.total-s.got < uint64(s.chunk) {
		return int(s.total-s.got) + 1
	}
	return s.chunk
}

func (s *stream) lends() bool  { return true }
func (s *stream) size() uint64 { return s.total }
