package fakeserver

import (
	"context"
	"slices"

	"github.com/troupe-go/troupe/protocol"
)

// Verdict says what becomes of a frame. The zero value lets it pass: the server acts
// as if nobody had looked.
type Verdict struct {
	// Send is sent to the client before the server acts; nil is nothing. The server
	// does not write to it.
	Send []byte

	// Drop keeps the frame from the server.
	Drop bool

	// Close ends the connection behind what is sent.
	Close bool
}

// Pass lets the server act on the frame.
func Pass() Verdict { return Verdict{} }

// Drop keeps the frame from the server: it never came.
func Drop() Verdict { return Verdict{Drop: true} }

// Answer keeps the frame from the server and sends raw bytes instead.
func Answer(raw string) Verdict { return Verdict{Drop: true, Send: []byte(raw)} }

// Control is a function that looks at frames. Its methods may be called from any
// goroutine.
type Control struct {
	server *Server
	op     protocol.Op
	f      func(c *Client, frame Frame) Verdict
	hits   int // frames that were shown. Guarded by server.mu
}

// Control shows f each frame with the operation op that a client sends, and each frame
// of all with protocol.OpNone, before the server acts on it. A nil f lets everything
// pass, which is for counting and waiting. Functions are asked in the order in which
// they came; the first that does not let a frame pass decides, and the others are not
// asked.
//
// It is called on the goroutine that reads that client, for one client one frame after
// the other, and may make any call but [Server.Close]. While it runs the client is not
// read, but written to.
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

// Lift takes the function away. A call of it that has begun is not waited for. Further
// calls do nothing.
func (c *Control) Lift() {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	c.server.controls = slices.DeleteFunc(slices.Clone(c.server.controls), func(other *Control) bool { return other == c })
}

// Hits returns how many frames the function was shown, those it let pass included.
func (c *Control) Hits() int {
	c.server.mu.Lock()
	defer c.server.mu.Unlock()
	return c.hits
}

// Wait returns when the function has been shown n frames and has decided about each.
// The error is a *[WaitError] if ctx ends before that.
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
