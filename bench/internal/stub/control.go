package stub

import (
	"bufio"
	"fmt"
	"net"
	"time"
)

// Control is a worker's end of the control connection. Grant is safe for concurrent use;
// the commands must not overlap.
type Control struct {
	conn net.Conn
	r    *bufio.Reader
}

// Dial opens a session with the stub whose control listener is at address. Client
// connections made after it returned belong to that session.
func Dial(address string) (*Control, error) {
	conn, err := net.Dial("tcp", address)
	if err != nil {
		return nil, fmt.Errorf("stub: %w", err)
	}
	c := &Control{conn: conn, r: bufio.NewReader(conn)}
	if _, _, err := c.answer(); err != nil {
		conn.Close()
		return nil, err
	}
	return c, nil
}

// Close ends the session, and with it the client connection.
func (c *Control) Close() error { return c.conn.Close() }

// Grant allows the stub one more window.
func (c *Control) Grant() error {
	_, err := c.conn.Write([]byte{credit})
	return err
}

// do sends a command and reads the two numbers of its answer.
func (c *Control) do(format string, args ...any) (a, b int64, err error) {
	if _, err := fmt.Fprintf(c.conn, format+"\n", args...); err != nil {
		return 0, 0, fmt.Errorf("stub: %w", err)
	}
	return c.answer()
}

// answer reads the two numbers of an answer.
func (c *Control) answer() (a, b int64, err error) {
	line, err := c.r.ReadString('\n')
	if err != nil {
		return 0, 0, fmt.Errorf("stub: the session ended: %w", err)
	}
	if _, err := fmt.Sscanf(line, "ok %d %d\n", &a, &b); err != nil {
		return 0, 0, fmt.Errorf("stub: answer %q: %w", line, err)
	}
	return a, b, nil
}

// Fire has count messages of size bytes sent to the subscriptions in turn, in windows of
// the given number of messages. It returns when the first is about to be sent, with the
// total size of all frames in bytes.
func (c *Control) Fire(count, window, size, headers int) (int64, error) {
	n, _, err := c.do("fire %d %d %d %d", count, window, size, headers)
	return n, err
}

// Pace has count messages sent to the first subscription, batch at a time, one batch per
// interval; every n-th batch also begins with a message for the second subscription, none
// if n is 0. It returns when the schedule begins.
func (c *Control) Pace(count, batch int, interval time.Duration, n int) error {
	_, _, err := c.do("pace %d %d %d %d", count, batch, int64(interval), n)
	return err
}

// Cut has the client connection closed and returns when all subscriptions are back: the
// time since the cut, and since the new connection was accepted.
func (c *Control) Cut() (total, afterAccept time.Duration, err error) {
	a, b, err := c.do("cut")
	return time.Duration(a), time.Duration(b), err
}

// Pubs returns how many messages the client has published in this session. They are
// counted when the stub has read them, so call it after a flush.
func (c *Control) Pubs() (int, error) {
	n, _, err := c.do("pubs")
	return int(n), err
}
