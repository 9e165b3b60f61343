package fakeserver

import (
	"net"
	"time"

	"github.com/troupe-go/troupe/protocol"
)

// run decides how the client is greeted, before anything that it sends is read, and then
// reads and writes until the end.
func (c *Client) run() {
	var greeting Greeting
	if decide := c.server.options.Greeting; decide != nil {
		greeting = decide(c.number)
	}
	c.mu.Lock()
	c.silent = greeting.Silent
	c.mu.Unlock()
	c.server.running.Go(func() { c.write(greeting) })
	c.read()
}

// write greets the client and writes what is queued, until the end has begun and the
// queue is empty. It closes the connection.
func (c *Client) write(greeting Greeting) {
	defer close(c.over)
	defer c.hangUp()
	if !greeting.Silent && !c.greet(greeting) {
		return
	}
	var bound *time.Timer // bounds the writes once the end has begun
	for {
		batch, ended := c.take()
		if ended && bound == nil {
			bound = time.AfterFunc(linger, c.hangUp)
			defer bound.Stop()
		}
		switch {
		case len(batch) > 0:
			if _, err := c.conn.Write(batch); err != nil {
				c.finish(&ClientError{Client: c.number, Cause: err})
				return
			}
		case ended:
			c.farewell()
			return
		default:
			select {
			case <-c.wake:
			case <-c.stop:
			}
		}
	}
}

// take returns what is queued. The batch belongs to the writer, which calls take again
// after writing it.
func (c *Client) take() (batch []byte, ended bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	batch, c.out = c.out, nil
	c.writing = len(batch)
	return batch, c.end != nil
}

// greet sends the greeting. It reports false if the connection ended before all of it was
// sent.
func (c *Client) greet(greeting Greeting) bool {
	raw := greeting.Raw
	if raw == nil {
		raw = protocol.AppendInfo(nil, c.infoOf(c.server.Info()))
	}
	if !pause(greeting.Delay, c.stop) {
		return false
	}
	piece := len(raw)
	if greeting.Pace > 0 {
		piece = 1
	}
	for ; len(raw) > 0; raw = raw[piece:] {
		if _, err := c.conn.Write(raw[:piece]); err != nil {
			c.finish(&ClientError{Client: c.number, Cause: err})
			return false
		}
		if !pause(greeting.Pace, c.stop) {
			return false
		}
	}
	if c.refused != "" {
		c.sayErr(c.refused, ErrRefused)
	}
	return true
}

// farewell lets the client read what was written last. Closing a socket that has unread
// bytes of the client would discard it: so only our half is closed first, and the client
// closes the other one, if it does so in time.
func (c *Client) farewell() {
	c.mu.Lock()
	abort := c.abort
	c.mu.Unlock()
	half, ok := c.conn.(interface{ CloseWrite() error })
	if abort || !ok || half.CloseWrite() != nil {
		return
	}
	timer := time.NewTimer(linger)
	defer timer.Stop()
	select {
	case <-c.deaf:
	case <-timer.C:
	}
}

// reset closes conn with a reset, if it can.
func reset(conn net.Conn) {
	switch conn := conn.(type) {
	case interface{ Reset() error }:
		_ = conn.Reset()
	case *net.TCPConn:
		_ = conn.SetLinger(0) // what is not sent is dropped, and the peer gets a reset
		conn.Close()
	default:
		conn.Close()
	}
}

// pause waits for d and reports false when stop was closed before that.
func pause(d time.Duration, stop <-chan struct{}) bool {
	if d <= 0 {
		return true
	}
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return true
	case <-stop:
		return false
	}
}
