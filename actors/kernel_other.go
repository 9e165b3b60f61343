//go:build !linux

package actors

import "net"

// askKernel is not available on this platform.
func askKernel(net.Conn) (kernelView, bool) { return kernelView{}, false }
