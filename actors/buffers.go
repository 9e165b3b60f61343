package actors

import "sync"

// buffers.go - reusable memory for payloads.

// buffersMax is how much memory stays in Buffers.
const buffersMax = 16 << 20

// Buffers holds memory for large payloads that is reused, so that they create no garbage.
// The zero value is ready to use. Safe for concurrent use. It keeps up to 16 MiB of the
// memory that is put back.
type Buffers struct {
	mu    sync.Mutex
	free  [][]byte
	bytes int // in free
}

// Take returns memory of the given size with arbitrary contents: the buffer that was put
// back last, which is most likely still in a cache, or new memory if there is none or it
// is too small, in which case it is dropped.
func (b *Buffers) Take(size int) []byte {
	b.mu.Lock()
	var buffer []byte
	if n := len(b.free); n > 0 {
		buffer = b.free[n-1]
		b.free[n-1] = nil
		b.free = b.free[:n-1]
		b.bytes -= cap(buffer)
	}
	b.mu.Unlock()
	if cap(buffer) < size {
		return make([]byte, size)
	}
	return buffer[:size]
}

// Put gives memory back; the caller must not use it afterwards. It need not come from
// Take.
func (b *Buffers) Put(buffer []byte) {
	if cap(buffer) == 0 {
		return
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.bytes+cap(buffer) <= buffersMax {
		b.free = append(b.free, buffer)
		b.bytes += cap(buffer)
	}
}
