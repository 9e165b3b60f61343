package wire

import (
	"errors"
	"io"
	"net"
	"sync"
	"time"

	"github.com/troupe-go/troupe/faults/plan"
	"github.com/troupe-go/troupe/protocol"
)

// readMax is how many bytes one read takes at most.
const readMax = 64 << 10

// pump forwards one direction of a connection.
//
//	reader: source.Read ─► take: bytes to items ─► queue
//	drainer:                                       queue ─► next ─► sink.Write, or carries out the item
//
// The drainer is the reader itself as long as nothing has to wait: then a chunk is
// written from the buffer that it was read into. The first item that has to wait hands
// the queue over to the writer, a goroutine that is started then and drains until the
// queue is empty. Only the drainer takes items from the front.
type pump struct {
	conn         *connection
	dir          plan.Direction
	source, sink net.Conn
	other        *pump // the other direction
	count        *traffic
	wake         chan struct{} // tells the writer that something has changed
	room         chan struct{} // tells the reader that the queue has become shorter

	mu      sync.Mutex
	rules   watch   // what this direction has to watch
	effects effects // the lasting faults in force

	// What comes in; see take.
	parser  *protocol.Parser
	reading reading
	offset  int64 // bytes of the source that were passed on or dropped
	ending  bool  // the end is in the queue: what still arrives is read and discarded
	chunk   chunk // the chunk being taken

	// What goes out; see next.
	queue    queue
	draining bool // there is a drainer
	handed   bool // and it is the writer
	started  bool // the writer runs
	retired  bool // no writer may be started any more
	ended    bool // the sink was told that no more comes, or never will be
	broken   bool // the sink can't be written to
	pace     pace
	pausing  time.Time // nothing passes before that
	until    time.Time // how long the drainer waits unless something changes; zero is forever
	past     []byte    // the last bytes that were forwarded, after older ones
}

// chunk is the result of one read.
type chunk struct {
	at   time.Time
	lent bool // its bytes are in the reader's buffer, as the reader itself drains them
}

func newPump(c *connection, dir plan.Direction, parser *protocol.Parser) *pump {
	return &pump{conn: c, dir: dir, parser: parser, wake: make(chan struct{}, 1), room: make(chan struct{}, 1)}
}

// read forwards until the source ends or the connection is over.
func (p *pump) read() {
	buf := make([]byte, readMax)
	for {
		free, ok := p.free()
		if !ok {
			return
		}
		n, err := p.source.Read(buf[:min(free, len(buf))])
		if n > 0 {
			p.count.read.Add(int64(n))
			p.bring(buf[:n])
		}
		if err != nil {
			p.close(err)
			return
		}
	}
}

// free waits until the window has room, and returns how much; false means that the
// connection is over.
func (p *pump) free() (int, bool) {
	for {
		p.mu.Lock()
		free := p.conn.link.window - p.queue.bytes
		if p.queue.length() >= itemsMax {
			free = 0
		}
		p.mu.Unlock()
		if free > 0 {
			return free, true
		}
		select {
		case <-p.room:
		case <-p.conn.done:
			return 0, false
		}
	}
}

// bring puts what was read into the queue, and drains it if there is no drainer.
func (p *pump) bring(data []byte) {
	p.mu.Lock()
	p.chunk = chunk{at: time.Now(), lent: !p.draining}
	p.take(data)
	p.lead()
}

// close puts the end of the source into the queue: the end of the stream, or any other
// error, which the other side sees as a reset.
func (p *pump) close(err error) {
	end := itemReset
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrClosedPipe) || errors.Is(err, net.ErrClosed) {
		end = itemFin
	}
	p.mu.Lock()
	p.chunk = chunk{at: time.Now()}
	p.releaseLine()
	if !p.ending || end == itemReset {
		p.ending = true
		p.queue.push(item{kind: end, at: p.chunk.at})
	}
	p.lead()
}

// lead makes the reader the drainer if there is none. p.mu is held, and released.
func (p *pump) lead() {
	if p.draining {
		p.mu.Unlock()
		signal(p.wake)
		return
	}
	p.draining = true
	p.mu.Unlock()
	if p.drain() {
		return
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	p.queue.own()
	p.handOver()
}

// follow makes sure that the queue is drained after a goroutine other than the reader has
// put something into it. p.mu is held.
func (p *pump) follow() {
	if !p.draining {
		p.draining = true
		p.handOver()
		return
	}
	signal(p.wake)
}

// handOver makes the writer the drainer. p.mu is held.
func (p *pump) handOver() {
	p.handed = true
	if !p.started && !p.retired {
		p.started = true
		p.conn.writers.Go(p.write)
	}
	signal(p.wake)
}

// retire prevents further writers from being started.
func (p *pump) retire() {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.retired = true
}

// write is the writer.
func (p *pump) write() {
	for {
		select {
		case <-p.wake:
		case <-p.conn.done:
			return
		}
		p.mu.Lock()
		mine := p.handed
		p.mu.Unlock()
		for mine && !p.drain() {
			if !p.wait() {
				return
			}
		}
	}
}

// install sets the rules of the pump.
func (p *pump) install(rules []*Injection, holds []*hold) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.effects = sum(holds, p.dir)
	p.watch(rules)
	signal(p.wake)
}

// held returns how many bytes wait.
func (p *pump) held() int64 {
	p.mu.Lock()
	defer p.mu.Unlock()
	return int64(p.queue.bytes)
}

// hasEnded reports whether nothing passes any more.
func (p *pump) hasEnded() bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.ended
}

// signal puts a token into ch, unless there is one.
func signal(ch chan struct{}) {
	select {
	case ch <- struct{}{}:
	default:
	}
}
