package objectstore

import (
	"bytes"
	"io"
	"strings"
	"sync"
	"unsafe"
)

// putsource.go - cuts what is put into chunks.

// source is where the bytes of an object come from.
type source interface {
	// next returns the next chunk, which is empty at the end. It may be in the memory of one
	// before it that was freed.
	next() ([]byte, error)
	// free takes the memory of a chunk that is stored. It may be called at any time.
	free(chunk []byte)
	// size returns how many bytes there are; 0 if that is not known.
	size() uint64
	// end ends it. Nobody uses a chunk any more that was freed.
	end()
}

// source returns the source for a reader. What a reader of the standard library has in memory is
// put from there, without a copy.
func (s *store) source(r io.Reader, chunk int) source {
	m := &memory{chunk: chunk}
	switch r := r.(type) {
	case nil:
	case *bytes.Reader:
		_, _ = r.WriteTo(m) // m takes all
	case *bytes.Buffer:
		_, _ = r.WriteTo(m)
	case *strings.Reader:
		_, _ = r.WriteTo(m)
	default:
		return &stream{r: r, chunk: chunk, spare: spare{more: &s.spare}}
	}
	return m
}

// memory is a source that is in memory: what is written to it, once. It only reads it.
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

// stream is a source that reads.
type stream struct {
	r     io.Reader
	chunk int
	spare spare
	ended bool
}

// emptyReadsMax is how often in a row a reader may return nothing.
const emptyReadsMax = 100

// next fills a chunk, however little the reader returns at a time: but for the last one all
// chunks have the same size.
func (s *stream) next() ([]byte, error) {
	if s.ended {
		return nil, nil
	}
	buffer := s.spare.take(s.chunk)
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

func (s *stream) free(chunk []byte) { s.spare.put(chunk) }
func (s *stream) size() uint64      { return 0 }
func (s *stream) end()              { s.spare.end() }

// spare is the memory for the chunks of a put. What was given back last is taken first: most
// likely it is still in a cache.
type spare struct {
	more *sync.Pool // what puts before have left

	mu  sync.Mutex
	all []*[]byte
}

// take returns memory of a size, with whatever is in it.
func (s *spare) take(size int) []byte {
	s.mu.Lock()
	defer s.mu.Unlock()
	var buffer *[]byte
	if n := len(s.all); n > 0 {
		buffer, s.all = s.all[n-1], s.all[:n-1]
	} else {
		buffer, _ = s.more.Get().(*[]byte)
	}
	if buffer == nil || cap(*buffer) < size {
		return make([]byte, size)
	}
	return (*buffer)[:size]
}

func (s *spare) put(buffer []byte) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all = append(s.all, &buffer)
}

// end leaves it all to other puts.
func (s *spare) end() {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, buffer := range s.all {
		s.more.Put(buffer)
	}
	s.all = nil
}
