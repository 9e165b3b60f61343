package api_test

import (
	"bytes"
	"net"
)

// mute hands out connections to a server that answers the first PING and no other.
type mute struct{}

// InProcessConn opens a connection.
func (*mute) InProcessConn() (net.Conn, error) {
	here, there := net.Pipe()
	go func() {
		_, _ = there.Write([]byte("INFO {\"max_payload\":1024,\"proto\":1,\"headers\":true}\r\n"))
		answered := false
		buf := make([]byte, 4096)
		for {
			n, err := there.Read(buf)
			if err != nil {
				_ = there.Close()
				return
			}
			if !answered && bytes.Contains(buf[:n], []byte("PING\r\n")) {
				answered = true
				_, _ = there.Write([]byte("PONG\r\n"))
			}
		}
	}()
	return here, nil
}
