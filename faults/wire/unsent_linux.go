package wire

import (
	"net"

	"golang.org/x/sys/unix"
)

// unsent returns how many bytes were written to a connection and not yet taken by its
// peer. A reset would lose them.
func unsent(conn *net.TCPConn) int {
	raw, err := conn.SyscallConn()
	if err != nil {
		return 0
	}
	var n int
	if err := raw.Control(func(fd uintptr) { n, err = unix.IoctlGetInt(int(fd), unix.SIOCOUTQ) }); err != nil {
		return 0
	}
	if err != nil {
		return 0
	}
	return n
}
