package actors

import (
	"net"
	"sync/atomic"
)

// pulse is what shows that the far end of one socket lives. The reader writes it,
// the heartbeat reads it.
type pulse struct {
	socket  net.Conn
	reads   atomic.Uint64 // reads that were begun: all but the last brought something
	writes  atomic.Uint64 // pieces that the socket has taken
	reading atomic.Bool   // the reader waits for bytes, and for nothing else
}

// read reads from the socket and leaves a trace.
func (p *pulse) read(buf []byte) (int, error) {
	p.reads.Add(1)
	p.reading.Store(true)
	n, err := p.socket.Read(buf)
	p.reading.Store(false)
	return n, err
}

// look returns how many reads were begun, and whether bytes of the server may be
// waiting for us. If neither that nor a new read is found in two looks, the reader
// has waited for bytes, and for nothing else, in all of the time between them.
func (p *pulse) look() (reads uint64, waits bool) {
	waits = p.waits() // first: a reader that begins now has counted before it shows
	return p.reads.Load(), waits
}

// waits reports whether bytes of the server may be waiting for us: then it is not
// the server that is slow.
func (p *pulse) waits() bool {
	if !p.reading.Load() {
		return true
	}
	k, ok := askKernel(p.socket)
	return ok && k.unread > 0
}

// kernelView is what the system knows of a socket.
type kernelView struct {
	unread int    // bytes that came and have not been read
	acked  uint64 // bytes that the far end's system has confirmed, ever
	unsent int    // bytes that were written and that it has not
}

// socketOf returns the socket below TLS, nil if there is none.
func socketOf(conn net.Conn) *net.TCPConn {
	for {
		switch c := conn.(type) {
		case *net.TCPConn:
			return c
		case interface{ NetConn() net.Conn }:
			conn = c.NetConn()
		default:
			return nil
		}
	}
}
