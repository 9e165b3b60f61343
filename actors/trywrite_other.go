//go:build !unix

package actors

import "net"

// tryWriter is not available here: the writer writes everything.
func tryWriter(net.Conn) func(frames []byte) int { return nil }
