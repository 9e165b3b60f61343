//go:build unix

package actors

import (
	"net"
	"syscall"
)

// tryWriter returns a function that writes as much as the socket takes at once and
// returns the number of bytes. It never blocks and reports no error: the writer will run
// into it. It is nil for connections without a socket of their own.
func tryWriter(conn net.Conn) func(frames []byte) int {
	tcp, ok := conn.(*net.TCPConn)
	if !ok {
		return nil
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return nil
	}
	t := &trial{raw: raw}
	t.step = t.write
	return t.run
}

// trial is the memory of one attempt, reused: only one goroutine writes at a time.
type trial struct {
	raw    syscall.RawConn
	step   func(fd uintptr) bool // t.write, made once
	frames []byte
	n      int
}

func (t *trial) run(frames []byte) int {
	t.frames, t.n = frames, 0
	_ = t.raw.Write(t.step)
	t.frames = nil
	return t.n
}

func (t *trial) write(fd uintptr) bool {
	if n, err := syscall.Write(int(fd), t.frames); err == nil {
		t.n = n
	}
	return true // done, whatever the result
}
