package api

import (
	"context"
	"hash/maphash"

	"github.com/troupe-go/troupe/actors"
)

// borrowed is the consumer of a subscription with Borrow. It reuses one Msg, whose
// strings and data lie in the read buffer, for all messages. It allocates nothing.
type borrowed struct {
	sub    *Subscription
	call   MsgHandler
	giveUp context.CancelCauseFunc
	at     *actors.Cursor // the runtime's: it walks with the calls
	raw    actors.Raw
	msg    Msg
	header headerReader // memory of msg.Header
}

func (s *Subscription) borrowedConsumer() actors.Consumer {
	c := &borrowed{sub: s}
	c.call, c.giveUp = s.caller()
	return c
}

// Build has nothing to prepare: Call reads each message when its turn comes.
func (c *borrowed) Build(at *actors.Cursor, n int) int {
	c.at = at
	return n
}

// Call reads the next message and hands it to the handler.
func (c *borrowed) Call(int) {
	raw, m := &c.raw, &c.msg
	c.at.Next(raw)
	m.Subject = stringOf(raw.Subject)
	m.Reply = stringOf(raw.Reply)
	m.Data = raw.Payload
	m.Header = nil
	m.Sub = c.sub
	if len(raw.Header) > 0 {
		c.setHeader()
		defer c.dropHeader()
	}
	c.call(m)
	if poisoning {
		poison(m, raw)
	}
}

// GivenUp tells the handler that its call was given up.
func (c *borrowed) GivenUp(cause error) { c.giveUp(cause) }

// dropHeader releases the borrowed header, even when the handler panicked: an idle
// subscription does not retain a large one.
func (c *borrowed) dropHeader() {
	c.msg.Header = nil
	c.header.release()
}

func (c *borrowed) setHeader() {
	header, err := c.header.read(stringOf(c.raw.Header))
	if err != nil {
		c.sub.nc.reportBadHeader(c.sub.nc.core, c.sub.bound(), err)
	}
	c.msg.Header = header
}

// keyed wraps the program's key function for the runtime. The message that it is
// called with is borrowed.
func keyed(sub *Subscription, key func(*Msg) string) func(*actors.Raw) uint64 {
	seed := maphash.MakeSeed()
	return func(raw *actors.Raw) uint64 {
		m := viewed(sub, raw)
		return maphash.String(seed, key(&m))
	}
}

// lost wraps the program's OnDropped function for the runtime.
func lost(sub *Subscription, hear func(*Msg, error)) func(*actors.Raw, bool) {
	return func(raw *actors.Raw, ended bool) {
		m, why := viewed(sub, raw), ErrSlowConsumer
		if ended {
			why = ErrBadSubscription
		}
		hear(&m, why)
	}
}

// viewed returns a borrowed message for a function that only reads it. A bad header is
// reported when the message is delivered.
func viewed(sub *Subscription, raw *actors.Raw) Msg {
	m := Msg{Subject: stringOf(raw.Subject), Reply: stringOf(raw.Reply), Data: raw.Payload, Sub: sub}
	if len(raw.Header) > 0 {
		m.Header, _ = ownedHeader(raw.Header)
	}
	return m
}
