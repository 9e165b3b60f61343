package actors

import (
	"net"
	"sync/atomic"
)

// pulse records the activity on one socket. The reader updates it, the heartbeat reads
// it.
type pulse struct {
	socket  net.Conn
	reads   atomic.Uint64 // reads begun; all but the last have returned data
	writes  atomic.Uint64 // writes that the socket has taken
	reading atomic.Bool   // the reader is blocked in a socket read
}

// read reads from the socket and counts the read.
func (p *pulse) read(buf []byte) (int, error) {
	p.reads.Add(1)
	p.reading.Store(true)
	n, err := p.socket.Read(buf)
	p.reading.Store(false)
	return n, err
}

// look returns how many reads were begun, and whether bytes of the server may be unread.
// If two looks find neither unread bytes nor a new read, the reader was blocked in a
// socket read all the time between them.
func (p *pulse) look() (reads uint64, waits bool) {
	waits = p.waits() // read first: a reader counts a read before it sets reading
	return p.reads.Load(), waits
}

// waits reports whether bytes of the server may be unread: then it is not the server that
// is slow.
func (p *pulse) waits() bool {
	if !p.reading.Load() {
		return true
	}
	k, ok := askKernel(p.socket)
	return ok && k.unread > 0
}

// kernelView is what the kernel knows of a socket.
type kernelView struct {
	unread int    // bytes received and not yet read
	acked  uint64 // bytes that the peer's kernel has acknowledged, ever
	unsent int    // bytes written and not acknowledged
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
