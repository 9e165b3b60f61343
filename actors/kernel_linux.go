package actors

import (
	"net"

	"golang.org/x/sys/unix"
)

// askKernel returns what the kernel knows of the socket behind conn. It does not block;
// ok is false if there is no socket.
func askKernel(conn net.Conn) (k kernelView, ok bool) {
	tcp := socketOf(conn)
	if tcp == nil {
		return k, false
	}
	raw, err := tcp.SyscallConn()
	if err != nil {
		return k, false
	}
	_ = raw.Control(func(fd uintptr) { k, ok = viewOf(int(fd)) })
	return k, ok
}

func viewOf(fd int) (kernelView, bool) {
	unread, err := unix.IoctlGetInt(fd, unix.TIOCINQ)
	if err != nil {
		return kernelView{}, false
	}
	unsent, err := unix.IoctlGetInt(fd, unix.TIOCOUTQ)
	if err != nil {
		return kernelView{}, false
	}
	info, err := unix.GetsockoptTCPInfo(fd, unix.IPPROTO_TCP, unix.TCP_INFO)
	if err != nil {
		return kernelView{}, false
	}
	return kernelView{unread: unread, acked: info.Bytes_acked, unsent: unsent}, true
}
