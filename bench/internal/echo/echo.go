package echo

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"strconv"
)

// readBytes is the size of the read buffer, and with it the largest request.
const readBytes = 1 << 20

// Start connects to the server at address (host:port), subscribes to subject and echoes
// the payload of each request to its reply subject until the connection ends. It returns
// when the server has the subscription.
func Start(address, subject string) (net.Conn, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("echo: %w", err)
	}
	hello := `CONNECT {"verbose":false,"pedantic":false,"name":"echo"}` + "\r\nSUB " + subject + " 1\r\nPING\r\n"
	if _, err := conn.Write([]byte(hello)); err != nil {
		conn.Close()
		return nil, fmt.Errorf("echo: %w", err)
	}
	e := &echo{conn: conn, buf: make([]byte, readBytes)}
	for !e.ready {
		if err := e.turn(); err != nil {
			conn.Close()
			return nil, fmt.Errorf("echo: %w", err)
		}
	}
	go func() {
		defer conn.Close()
		for e.turn() == nil {
		}
	}()
	return conn, nil
}

// echo is the state of one responder.
type echo struct {
	conn  net.Conn
	buf   []byte
	have  int    // bytes in buf
	out   []byte // answers to one read
	ready bool   // the first PONG has arrived
}

var errFrame = errors.New("frame that no server sends here")

// turn reads once and answers what has arrived.
func (e *echo) turn() error {
	n, err := e.conn.Read(e.buf[e.have:])
	if err != nil {
		return err
	}
	e.have += n
	e.out = e.out[:0]
	at := 0
	for {
		used, err := e.frame(e.buf[at:e.have])
		if err != nil {
			return err
		}
		if used == 0 {
			break
		}
		at += used
	}
	e.have = copy(e.buf, e.buf[at:e.have])
	if len(e.out) == 0 {
		return nil
	}
	_, err = e.conn.Write(e.out)
	return err
}

// frame handles one frame at the front of b and returns its length, 0 if it is incomplete.
func (e *echo) frame(b []byte) (int, error) {
	line := bytes.IndexByte(b, '\n') + 1
	if line == 0 {
		return 0, nil
	}
	switch {
	case bytes.HasPrefix(b, []byte("PING")):
		e.out = append(e.out, "PONG\r\n"...)
	case bytes.HasPrefix(b, []byte("PONG")):
		e.ready = true
	case bytes.HasPrefix(b, []byte("MSG ")):
		return e.answer(b, line)
	case bytes.HasPrefix(b, []byte("INFO ")), bytes.HasPrefix(b, []byte("+OK")):
	default:
		return 0, errFrame
	}
	return line, nil
}

// answer publishes the payload of MSG subject sid reply size to reply.
func (e *echo) answer(b []byte, line int) (int, error) {
	f := bytes.Fields(b[:line])
	size, err := strconv.Atoi(string(f[len(f)-1]))
	if err != nil || len(f) != 5 {
		return 0, errFrame
	}
	whole := line + size + 2
	if len(b) < whole {
		return 0, nil
	}
	e.out = append(append(e.out, "PUB "...), f[3]...)
	e.out = append(append(append(e.out, ' '), f[4]...), "\r\n"...)
	e.out = append(e.out, b[line:whole]...)
	return whole, nil
}
