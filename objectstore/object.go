package objectstore

import (
	"context"
	"io"
	"os"
	"sync"
	"sync/atomic"
)

// object.go - an object that is being read.
//
//	Read, WriteTo ──► from the beginning: chunk after chunk, then the digest is checked
//	Seek ───────────► the next Read begins elsewhere, without the digest
//	ReadAt ─────────► single chunks, independent of the others

// object implements Result.
type object struct {
	s    *store
	info *Info
	opts getObjectOptions
	from *fetcher
	ctx  context.Context // bounds the life of the reader, because Read takes no context
	life context.Context // ends with Close
	end  context.CancelCauseFunc

	reading *getting     // nil before the first Read, and after the end; owned by the reading goroutine, like all below
	stop    func()       // stops waiting for ctx and life
	chunk   []byte       // the chunk that is being read
	rest    []byte       // the rest of it
	offset  uint64       // of the next byte to be read
	chunks  uint32       // how many chunks precede the end of rest
	ended   bool         // the end was read, and the digest is right
	failed  atomic.Value // readFailure; shared

	mu    sync.Mutex
	table *index                // nil until it is needed
	last  atomic.Pointer[piece] // the chunk that ReadAt fetched last
}

// readFailure is the error that ended reading.
type readFailure struct{ err error }

func newObject(ctx context.Context, s *store, info *Info, o getObjectOptions) *object {
	r := &object{s: s, info: info, opts: o, from: s.fetcher(info), ctx: ctx}
	r.life, r.end = context.WithCancelCause(context.Background())
	return r
}

// Info implements Result.
func (r *object) Info() (*Info, error) { return r.info, nil }

// Error implements Result.
func (r *object) Error() error {
	if f, ok := r.failed.Load().(readFailure); ok {
		return f.err
	}
	return nil
}

// Close implements Result.
func (r *object) Close() error {
	r.end(os.ErrClosed)
	return nil
}

// closed reports whether Close was called.
func (r *object) closed() bool { return r.life.Err() != nil }

// alive returns a context that also ends with Close.
func (r *object) alive() (context.Context, context.CancelFunc) {
	ctx, cancel := context.WithCancelCause(r.ctx)
	stop := context.AfterFunc(r.life, func() { cancel(os.ErrClosed) })
	return ctx, func() { stop(); cancel(nil) }
}

// leave ends the actor, if there is one.
func (r *object) leave(err error) {
	if r.reading != nil {
		r.free()
		r.stop()
		r.reading.close(err)
		if b := r.reading.from.buffers; r.ended && b != nil { // otherwise it may still be fetching
			r.s.spare.Put(b)
		}
	}
	r.reading, r.rest = nil, nil
}

// Read implements Result.
func (r *object) Read(p []byte) (int, error) {
	if len(p) == 0 {
		return 0, nil
	}
	if err := r.fill(); err != nil {
		return 0, err
	}
	n := copy(p, r.rest)
	r.rest = r.rest[n:]
	r.offset += uint64(n)
	return n, nil
}

// WriteTo implements Result.
func (r *object) WriteTo(w io.Writer) (written int64, err error) {
	for {
		err := r.fill()
		if err == io.EOF {
			return written, nil
		}
		if err != nil {
			return written, err
		}
		data := r.rest
		n, err := w.Write(data)
		n = max(0, min(n, len(data)))
		r.rest = r.rest[n:]
		r.offset += uint64(n)
		written += int64(n)
		if err == nil && n < len(data) {
			err = io.ErrShortWrite
		}
		if err != nil {
			return written, err
		}
	}
}

// fill makes some bytes ready, or returns the error after the last one.
func (r *object) fill() error {
	for r.closed() || len(r.rest) == 0 {
		if err := r.Error(); err != nil {
			return err
		}
		switch {
		case r.closed():
			r.leave(os.ErrClosed)
			return os.ErrClosed
		case r.ended || r.info.Chunks == 0 || r.offset >= r.info.Size && r.reading == nil && r.offset > 0:
			return io.EOF
		}
		if err := r.next(); err != nil {
			return err
		}
	}
	return nil
}

// free gives back the memory of the chunk that was read, if it is pooled.
func (r *object) free() {
	if from := r.reading.from; r.chunk != nil && from.buffers != nil && !from.single.Load() {
		from.buffers.Put(r.chunk)
	}
	r.chunk = nil
}

// next takes the next chunk.
func (r *object) next() error {
	if r.reading == nil {
		if err := r.begin(); err != nil {
			return r.fail(err)
		}
	}
	r.free()
	data, err := r.reading.queue.take(r.s.js.Conn())
	switch {
	case err == io.EOF:
		r.ended = true
		r.tell()
		r.leave(io.EOF)
		return io.EOF
	case err != nil:
		return r.fail(err)
	}
	skip := r.reading.skip
	r.reading.skip = 0
	r.chunks++
	r.chunk, r.rest = data, data[min(skip, len(data)):]
	r.tell()
	return nil
}

// begin spawns an actor that fetches the object from the offset on.
func (r *object) begin() error {
	if err := r.ctx.Err(); err != nil {
		return context.Cause(r.ctx)
	}
	var at place
	var skip int
	if r.offset > 0 || r.opts.parallel > 1 {
		x, err := r.index()
		if err != nil {
			return err
		}
		i := x.at(r.offset)
		at, skip = x.place(i), int(r.offset-x.start(i))
	}
	reading, err := r.s.startGet(r.info, at, &r.opts, r.table)
	if err != nil {
		return err
	}
	reading.skip = skip
	r.reading, r.chunks = reading, at.chunks
	left := context.AfterFunc(r.ctx, func() { reading.close(r.s.failed("get", r.info.Name, context.Cause(r.ctx))) })
	closed := context.AfterFunc(r.life, func() { left(); reading.close(os.ErrClosed) })
	r.stop = func() { left(); closed() }
	return nil
}

// fail keeps the error that ends reading.
func (r *object) fail(err error) error {
	err = r.s.failed("get", r.info.Name, err)
	r.failed.Store(readFailure{err})
	r.leave(err)
	return err
}

// tell reports the progress of reading.
func (r *object) tell() {
	if r.opts.progress == nil {
		return
	}
	at := r.offset + uint64(len(r.rest))
	r.opts.progress(Progress{Bytes: at, Chunks: r.chunks, Size: r.info.Size, Resumed: r.reading.resumed.Load()})
}

// index returns where the chunks are.
func (r *object) index() (*index, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.table != nil {
		return r.table, nil
	}
	ctx, cancel := r.alive()
	defer cancel()
	x, err := r.s.find(ctx, r.from)
	switch {
	case err == nil:
		r.table = x
	case ctx.Err() != nil:
		err = context.Cause(ctx)
	}
	return x, err
}

// Seek implements Result.
func (r *object) Seek(offset int64, whence int) (int64, error) {
	switch whence {
	case io.SeekStart:
	case io.SeekCurrent:
		offset += int64(r.offset)
	case io.SeekEnd:
		offset += int64(r.info.Size)
	default:
		return 0, r.s.refused("seek", r.info.Name, errBadSeek, "whence is not one of io.Seek…")
	}
	switch {
	case r.closed():
		return 0, os.ErrClosed
	case offset < 0:
		return 0, r.s.refused("seek", r.info.Name, errBadSeek, "the position is negative")
	case uint64(offset) == r.offset:
		return offset, nil
	}
	if n := uint64(offset) - r.offset; uint64(offset) > r.offset && n <= uint64(len(r.rest)) {
		r.rest = r.rest[n:] // within the chunk
		r.offset = uint64(offset)
		return offset, nil
	}
	r.leave(io.EOF)
	r.offset, r.ended = uint64(offset), false
	return offset, nil
}
