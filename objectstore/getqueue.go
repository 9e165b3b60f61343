package objectstore

import (
	"context"
	"io"
	"sync"

	"github.com/troupe-go/troupe/api"
)

// getqueue.go - chunks between the actor that fetches them and the reader.

// queueBytesMax is how many bytes may wait for the reader before fetching pauses. The chunk that
// reaches it is still taken.
const queueBytesMax = 4 << 20

// queue holds chunks in order. It has one writer and one reader.
type queue struct {
	mu     sync.Mutex
	chunks [][]byte
	bytes  int
	err    error         // after the last chunk: io.EOF if all is well
	filled chan struct{} // there is something for the reader
	room   chan struct{} // there is room again
}

func newQueue() *queue {
	return &queue{filled: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// put adds a chunk, and waits until there is room for the next one, or ctx is done.
func (q *queue) put(ctx context.Context, data []byte) {
	q.mu.Lock()
	if q.err == nil {
		q.chunks = append(q.chunks, data)
		q.bytes += len(data)
	}
	full := q.bytes >= queueBytesMax
	q.mu.Unlock()
	wake(q.filled)
	for full {
		select {
		case <-q.room:
			q.mu.Lock()
			full = q.bytes >= queueBytesMax && q.err == nil
			q.mu.Unlock()
		case <-ctx.Done():
			return
		}
	}
}

// end ends the queue, unless it has ended. The reader still gets what waits if the error is
// io.EOF; otherwise nothing.
func (q *queue) end(err error) {
	q.mu.Lock()
	if q.err == nil {
		q.err = err
	}
	if q.err != io.EOF {
		q.chunks, q.bytes = nil, 0
	}
	q.mu.Unlock()
	wake(q.filled)
	wake(q.room)
}

// take waits for the next chunk, or the error after the last one, or until the connection ends:
// an actor that has not started by then never will.
func (q *queue) take(nc *api.Conn) ([]byte, error) {
	for {
		q.mu.Lock()
		if len(q.chunks) > 0 {
			data := q.chunks[0]
			q.chunks[0] = nil
			q.chunks = q.chunks[1:]
			full := q.bytes >= queueBytesMax
			q.bytes -= len(data)
			free := full && q.bytes < queueBytesMax
			q.mu.Unlock()
			if free {
				wake(q.room)
			}
			return data, nil
		}
		err := q.err
		q.mu.Unlock()
		if err != nil {
			return nil, err
		}
		select {
		case <-q.filled:
		case <-nc.Done():
			return nil, endOf(nc)
		}
	}
}

// wake sets a signal, which may be set already.
func wake(c chan struct{}) {
	select {
	case c <- struct{}{}:
	default:
	}
}
