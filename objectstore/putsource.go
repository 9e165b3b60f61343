package objectstore

import (
	"bytes"
	"io"
	"strings"
	"unsafe"

	"github.com/troupe-go/troupe/api"
)

// putsource.go - cuts the bytes of an object into chunks.

// source is where the bytes of an object come from.
type source interface {
	// next returns the next chunk, which is empty at the end. It may reuse the memory of a chunk
	// that was freed.
	next() ([]byte, error)
	// free takes back the memory of a chunk that is stored. It may be called at any time.
	free(chunk []byte)
	// size returns how many bytes there are; 0 if that is not known.
	size() uint64
	// end ends the source. Freed chunks are no longer used.
	end()
}

// source returns the source for a reader. What a reader of the standard library holds in memory
// is put from there, without a copy.
func (s *store) source(r io.Reader, chunk int) source {
	m := &memory{chunk: chunk}
	switch r := r.(type) {
	case nil:
	case *bytes.Reader:
		_, _ = r.WriteTo(m) // m does not fail
	case *bytes.Buffer:
		_, _ = r.WriteTo(m)
	case *strings.Reader:
		_, _ = r.WriteTo(m)
	default:
		return &stream{r: r, chunk: chunk, buffers: s.buffers(), store: s}
	}
	return m
}

// memory is a source in memory: the bytes of one Write, which it only reads.
type memory struct {
	data  []byte // what is left
	all   uint64
	chunk int
}

// Write implements io.Writer. It keeps p.
func (m *memory) Write(p []byte) (int, error) {
	m.data, m.all = p, uint64(len(p))
	return len(p), nil
}

// WriteString implements io.StringWriter.
func (m *memory) WriteString(s string) (int, error) {
	return m.Write(unsafe.Slice(unsafe.StringData(s), len(s)))
}

func (m *memory) next() ([]byte, error) {
	n := min(m.chunk, len(m.data))
	chunk := m.data[:n:n]
	m.data = m.data[n:]
	return chunk, nil
}

func (m *memory) free([]byte)  {}
func (m *memory) size() uint64 { return m.all }
func (m *memory) end()         {}

// stream is a source that reads from an io.Reader.
type stream struct {
	r       io.Reader
	chunk   int
	buffers *api.Buffers
	store   *store
	ended   bool
}

// emptyReadsMax is how often in a row a reader may return nothing.
const emptyReadsMax = 100

// next fills a chunk, however little the reader returns at a time: all chunks except the last
// have the same size.
func (s *stream) next() ([]byte, error) {
	if s.ended {
		return nil, nil
	}
	buffer := s.buffers.Take(s.chunk)
	n := 0
	for empty := 0; n < s.chunk; {
		got, err := s.r.Read(buffer[n:])
		if got < 0 || got > s.chunk-n {
			return nil, errBadCount
		}
		n += got
		switch {
		case err == io.EOF:
			s.ended = true
			return s.last(buffer[:n]), nil
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
	return buffer, nil
}

// last returns the last chunk.
func (s *stream) last(chunk []byte) []byte {
	if len(chunk) == 0 {
		s.free(chunk)
		return nil
	}
	return chunk
}

func (s *stream) free(chunk []byte) { s.buffers.Put(chunk) }
func (s *stream) size() uint64      { return 0 }
func (s *stream) end()              { s.store.spare.Put(s.buffers) }
