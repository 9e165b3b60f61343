package fakeserver

import (
	"errors"

	"github.com/troupe-go/troupe/protocol"
)

// readSize is how many bytes are read from a client at once.
const readSize = 8 << 10

// read reads frames until the connection ends. Once the end has begun it goes on reading,
// and drops what arrives, so that a client that is still writing can read the last bytes.
func (c *Client) read() {
	defer close(c.deaf)
	parser := protocol.NewClientParser(protocol.Limits{})
	chunk := make([]byte, readSize)
	var buf []byte
	for {
		n, err := c.conn.Read(chunk)
		buf = c.parse(parser, append(buf, chunk[:n]...))
		if err != nil {
			c.finish(&ClientError{Client: c.number, Cause: err})
			return
		}
	}
}

// parse acts on the whole frames in buf and returns the rest. The rest grows with what
// arrives, not with the size that a frame announces.
func (c *Client) parse(parser *protocol.Parser, buf []byte) []byte {
	var f protocol.Frame
	for !c.ended() {
		parser.SetLimits(c.server.limits())
		n, err := parser.Next(buf, &f)
		if err != nil {
			c.onBroken(err)
			return nil
		}
		if n == 0 {
			return buf
		}
		c.onFrame(newFrame(&f, buf[:n]))
		buf = buf[n:]
	}
	return nil
}

// ended reports whether what the client sends is dropped.
func (c *Client) ended() bool {
	if c.refused != "" {
		return true
	}
	select {
	case <-c.stop:
		return true
	default:
		return false
	}
}

// limits returns the limits for reading frames.
func (s *Server) limits() protocol.Limits {
	return protocol.Limits{Payload: int(s.Info().MaxPayload)}
}

// onBroken ends the connection of a client that sent something that is not a frame, with
// the text that nats-server uses.
func (c *Client) onBroken(err error) {
	text := ""
	switch {
	case errors.Is(err, protocol.ErrMaxPayload), errors.Is(err, protocol.ErrMaxHeader):
		text = "Maximum Payload Violation"
	case errors.Is(err, protocol.ErrMaxControlLine):
		text = "maximum control line exceeded"
	case errors.Is(err, protocol.ErrUnknownOp), errors.Is(err, protocol.ErrNotNATS), errors.Is(err, protocol.ErrBadFrameEnd):
		text = "Unknown Protocol Operation"
	}
	if text == "" && bare(err) {
		text = "Unknown Protocol Operation"
	}
	if text == "" { // bad arguments, for which nats-server sends no -ERR
		c.finish(&ClientError{Client: c.number, Cause: err})
		return
	}
	c.sayErr(text, err)
}

// bare reports whether an operation had no argument at all.
func bare(err error) bool {
	var broken *protocol.Error
	if !errors.As(err, &broken) || !errors.Is(err, protocol.ErrBadArguments) {
		return false
	}
	name := len(broken.Op.String())
	return len(broken.Snippet) <= name || broken.Snippet[name] != ' ' && broken.Snippet[name] != '\t'
}

// onFrame stores a frame, asks the control functions, and acts.
func (c *Client) onFrame(f Frame) {
	c.mu.Lock()
	c.transcript.add(f, c.server.options.TranscriptMax)
	c.mu.Unlock()
	verdict := c.server.judge(c, f)
	if verdict.Send != nil {
		if err := c.Send(verdict.Send); errors.Is(err, ErrQueueFull) {
			c.cut(ErrQueueFull)
		}
	}
	if verdict.Close {
		c.Close()
	}
	if !verdict.Drop {
		c.act(&f)
	}
}

// act does what an honest server does with a frame.
func (c *Client) act(f *Frame) {
	if f.Op != protocol.OpConnect && c.server.options.Auth != nil && !c.letIn() {
		c.sayErr("Authorization Violation", ErrRefused)
		return
	}
	switch f.Op {
	case protocol.OpConnect:
		c.onConnect(f)
	case protocol.OpPing:
		c.onPing()
	case protocol.OpPub, protocol.OpHPub:
		c.onPub(f)
	case protocol.OpSub:
		c.onSub(f)
	case protocol.OpUnsub:
		c.onUnsub(f)
	case protocol.OpPong: // nothing waits for it
	}
}

// onConnect accepts the client, or refuses it.
func (c *Client) onConnect(f *Frame) {
	connect, err := protocol.ParseConnect(f.Arg)
	if err != nil {
		c.finish(&ClientError{Client: c.number, Cause: err})
		return
	}
	if text := c.objection(connect); text != "" {
		c.sayErr(text, ErrRefused)
		return
	}
	c.mu.Lock()
	c.connect, c.in = connect, true
	c.mu.Unlock()
	c.server.mu.Lock()
	c.server.changed()
	c.server.mu.Unlock()
	c.okay(connect)
}

// objection returns why a client is not let in, as a text for -ERR; empty if it is let
// in.
func (c *Client) objection(connect *protocol.Connect) string {
	if auth := c.server.options.Auth; auth != nil {
		if text := auth(c, *connect); text != "" {
			return text
		}
	}
	switch {
	case connect.Account != "" || connect.NewAccount:
		return "Authorization Violation"
	case connect.Protocol < 0 || connect.Protocol > 1:
		return "invalid client protocol"
	case connect.NoResponders && !(connect.Headers && c.server.Info().Headers):
		return "no responders requires headers support"
	}
	return ""
}

// okay answers +OK to a client in verbose mode.
func (c *Client) okay(connect *protocol.Connect) {
	if connect.Verbose {
		c.answer(protocol.AppendOK(nil))
	}
}

// onPing answers; the first time after CONNECT it also sends an INFO, as nats-server
// does.
func (c *Client) onPing() {
	c.answer(protocol.AppendPong(nil))
	c.mu.Lock()
	tell := c.in && !c.ponged && c.connect.Protocol >= 1
	c.ponged = c.in
	c.mu.Unlock()
	if tell {
		info := c.infoOf(c.server.Info())
		info.ConnectInfo, info.RemoteAccount = true, "$G"
		c.answer(protocol.AppendInfo(nil, info))
	}
}

// onPub delivers a message to all its subscribers.
func (c *Client) onPub(f *Frame) {
	connect := c.hello()
	if f.Op == protocol.OpHPub && !(connect.Headers && c.letIn() && c.server.Info().Headers) {
		c.finish(&ClientError{Client: c.number, Cause: ErrRefused})
		return
	}
	if connect.Pedantic && !literal(f.Subject) {
		c.answer(protocol.AppendErr(nil, "Invalid Publish Subject"))
	}
	c.okay(&connect)
	c.server.mu.Lock()
	slow := c.server.route(c, f)
	c.server.mu.Unlock()
	for _, client := range slow {
		client.cut(ErrQueueFull)
	}
}

// literal reports whether a subject has neither wildcards nor empty tokens.
func literal(subject string) bool {
	return !protocol.HasWildcard(subject) && protocol.Match(">", subject)
}

// onSub adds a subscription. If its number is taken, the existing subscription stays.
func (c *Client) onSub(f *Frame) {
	connect := c.hello()
	if protocol.CheckSubscribeSubject(f.Subject) != nil {
		c.answer(protocol.AppendErr(nil, "Invalid Subject"))
		return
	}
	if !c.server.subscribe(c, f) {
		c.answer(protocol.AppendErr(nil, "maximum subscriptions exceeded"))
		return
	}
	c.okay(&connect)
}

// subscribe adds a subscription and reports false when the client has too many.
func (s *Server) subscribe(c *Client, f *Frame) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	subs, connected := s.interest.clients[c]
	switch {
	case !connected:
		return true
	case len(subs) >= s.options.SubscriptionsMax:
		return false
	case subs[f.SID] == nil:
		s.interest.add(&subscription{client: c, Subscription: Subscription{Subject: f.Subject, Queue: f.Queue, SID: f.SID}})
		s.changed()
	}
	return true
}

// onUnsub ends a subscription, or limits how many messages it gets.
func (c *Client) onUnsub(f *Frame) {
	connect := c.hello()
	c.okay(&connect)
	s := c.server
	s.mu.Lock()
	defer s.mu.Unlock()
	sub := s.interest.clients[c][f.SID]
	switch {
	case sub == nil:
	case f.Max > sub.Delivered:
		sub.Max = f.Max
	default:
		s.interest.remove(sub)
	}
	s.changed()
}
