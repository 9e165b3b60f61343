package fakeserver

import (
	"context"
	"slices"

	"github.com/troupe-go/troupe/protocol"
)

// Verdict says what happens to a frame. The zero value lets it pass: the server acts as
// without a control function.
type Verdict struct {
	// Send is sent to the client before the server acts; nil is nothing. The server does
	// not modify it.
	Send []byte

	// Drop hides the frame from the server.
	Drop bool

	// Close ends the connection after what is sent.
	Close bool
}

// Pass lets the server act on the frame.
func Pass() Verdict { return Verdict{} }

// Drop hides the frame from the server, as if it had never arrived.
func Drop() Verdict { return Verdict{Drop: true} }

// Answer hides the frame from the server and sends raw bytes instead.
func Answer(raw string) Verdict { return Verdict{Drop: true, Send: []byte(raw)} }

// Control is a function that inspects frames. Its methods are safe for concurrent use.
type Control struct {
	server *Server
	op     protocol.Op
	f      func(c *Client, frame Frame) Verdict
	hits   int // frames passed to the function. Guarded by server.mu
}

// Control calls f with each frame of operation op that a client sends, or with every
// frame if op is protocol.OpNone, before the server acts on it. A nil f lets everything
// pass, which serves for counting and waiting. Functions are called in the order in which
// they were added; the first one that does not let a frame pass decides, and the others
// are not called.
//
// f is called on the goroutine that reads that client, one frame at a time for each
// client, and may make any call except [Server.Close]. While it runs, nothing is read
// from the client, but the server still writes to it.
func (s *Server) Control(op protocol.Op, f func(c *Client, frame Frame) Verdict) *Control {
	if f == nil {
		f = func(*Client, Frame) Verdict { return Verdict{} }
	}
	control := &Control{server: s, op: op, f: f}
	s.mu.Lock()
	defer s.mu.Unlock()
	s.controls = append(slices.Clip(s.controls), control)
	return control
}

// Lift removes the function. It does not wait for a call in progress. Further calls do
// nothing.
func (c *Control) Lift() {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	c.server.controls = slices.DeleteFunc(slices.Clone(c.server.controls), func(other *Control) bool { return other == c })
}

// Hits returns how many frames were passed to the function, including those it let pass.
func (c *Control) Hits() int {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	return c.hits
}

// Wait returns when the function has decided about n frames. The error is a *[WaitError]
// if ctx ends before that.
func (c *Control) Wait(ctx context.Context, n int) error {
	return c.server.wait(ctx, "frames of "+c.op.String(), n, func() int { return c.hits })
}

// judge asks the control functions about a frame.
func (s *Server) judge(c *Client, frame Frame) Verdict {
	s.mu.Lock()
	controls := s.controls
	s.mu.Unlock()
	for _, control := range controls {
		if control.op != protocol.OpNone && control.op != frame.Op {
			continue
		}
		verdict := control.f(c, frame)
		s.mu.Lock()
		control.hits++
		s.changed()
		s.mu.Unlock()
		if verdict.Drop || verdict.Close || verdict.Send != nil {
			return verdict
		}
	}
	return Verdict{}
}
