package actors

import (
	"fmt"
	"time"

	"github.com/troupe-go/troupe/protocol"
)

// heartbeat.go - notices when the server is gone.
//
//	pingDue ─► PING … PONG within PingsMax intervals, or the link is stale
//	watch   ─► every second while the server owes us something: nothing read for
//	           one ─► PING, for six ─► the link is stale
//
// No server is given up while bytes from it may still be unread.

// Messages, in the order of heartbeat.Receive.
type (
	heartbeatMsg interface{ isHeartbeatMsg() }

	// pingDue fires at the start and then every PingInterval.
	pingDue struct{}

	// watch says that something was written to a server that owed us nothing.
	watch struct{}

	// watchDue fires every watchEvery while the server owes us something.
	watchDue struct{}
)

func (pingDue) isHeartbeatMsg()  {}
func (watch) isHeartbeatMsg()    {}
func (watchDue) isHeartbeatMsg() {}

// A server that owes us an answer but is silent gets a PING after one watchEvery, and is
// given up after silentMax: soon enough for waiting callers, but not before a round trip
// of four seconds is over.
const (
	watchEvery = time.Second
	silentMax  = 6
)

type heartbeat struct {
	conn    *Conn
	attempt uint32
	pulse   *pulse
	begun   bool
	beaten  uint64 // pulse.reads at the last beat

	watching bool
	watched  uint64 // pulse.reads at the last look
	silent   int    // looks in a row that found nothing new
	probe    probe
}

// probe is the PING that was sent because of a silence.
type probe struct {
	write   uint64 // number of the write that carries it
	acked   uint64 // bytes that the peer's kernel had acknowledged at the last look
	writes  uint64 // of the pulse at the last look
	arrived uint64 // value of acked once the PING has arrived; 0 while unknown
}

// Receive handles one message.
func (h *heartbeat) Receive(c *Context, m heartbeatMsg) {
	switch m.(type) {
	case pingDue:
		h.onPingDue(c)
	case watch:
		h.onWatch(c)
	case watchDue:
		h.onWatchDue(c)
	default:
		panic(fmt.Sprintf("heartbeat: unhandled message %T", m))
	}
}

func (h *heartbeat) onPingDue(c *Context) {
	interval := h.conn.cfg.PingInterval
	if interval <= 0 {
		return
	}
	if !h.begun {
		h.onWatch(c) // an earlier incarnation may have been watching
	} else if !h.beat() {
		return
	}
	h.begun = true
	c.After(interval, heartbeatMsg(pingDue{}))
}

// beat sends a PING, or gives the link up when too many are unanswered.
func (h *heartbeat) beat() bool {
	conn := h.conn
	reads, waits := h.pulse.look()
	quiet := reads == h.beaten && !waits
	h.beaten = reads
	if out := int(conn.pongsOut.Load()); out >= conn.cfg.PingsMax && (quiet || conn.cfg.PingsMax < 0) {
		h.giveUp(&StaleConnectionError{PingsOut: out, Interval: conn.cfg.PingInterval})
		return false
	}
	conn.pongsOut.Add(1)
	_, _ = conn.out.ping(mark{})
	return true
}

func (h *heartbeat) giveUp(stale *StaleConnectionError) {
	stale.URL, stale.LastPong = h.conn.serverName(), h.conn.lastPong()
	_ = h.conn.linkBox.must(lost{attempt: h.attempt, cause: stale})
}

func (h *heartbeat) onWatch(c *Context) {
	if h.watching || h.conn.cfg.PingInterval <= 0 {
		return
	}
	h.watching = true
	h.watched, h.silent = h.pulse.reads.Load(), 0
	c.After(watchEvery, heartbeatMsg(watchDue{}))
}

func (h *heartbeat) onWatchDue(c *Context) {
	conn := h.conn
	if conn.reqs.waiting() == 0 && conn.out.quits(h.attempt) {
		h.watching = false
		return
	}
	h.look()
	if h.silent >= silentMax {
		h.giveUp(&StaleConnectionError{PingsOut: 1, Interval: silentMax * watchEvery})
		return
	}
	c.After(watchEvery, heartbeatMsg(watchDue{}))
}

// look counts one more silent second, sends a PING in the first, and starts over when
// something was read.
func (h *heartbeat) look() {
	reads, waits := h.pulse.look()
	if reads != h.watched || waits {
		h.watched, h.silent = reads, 0
		return
	}
	if h.silent == 0 {
		h.probe = probe{writes: h.pulse.writes.Load()}
		h.probe.write, _ = h.conn.out.ping(mark{})
	} else if h.underway() {
		h.silent = 1
		return
	}
	h.silent++
}

// underway reports whether the PING is still on its way over a slow line.
func (h *heartbeat) underway() bool {
	written, writes := h.conn.out.hasWritten(h.probe.write), h.pulse.writes.Load()
	moved := writes != h.probe.writes
	h.probe.writes = writes
	if k, ok := askKernel(h.pulse.socket); ok {
		return h.probe.underway(k, written)
	}
	return moved && !written // where the kernel cannot be asked
}

// underway reports whether the data before the PING is still arriving piece by piece;
// written says that the socket has taken the PING. Once the PING has arrived, the result
// is false.
func (p *probe) underway(k kernelView, written bool) bool {
	moved := k.acked > p.acked
	p.acked = k.acked
	if p.arrived == 0 && written {
		p.arrived = k.acked + uint64(k.unsent)
	}
	return moved && (p.arrived == 0 || k.acked < p.arrived)
}

// StaleConnectionError says that one side has not answered for too long: the server or,
// according to the server, this client.
type StaleConnectionError struct {
	URL      string // without credentials
	PingsOut int    // unanswered
	Interval time.Duration
	LastPong time.Time // when the server last answered
	ByServer bool      // the server reported it; PingsOut and Interval are unknown
	Err      error     // its *protocol.ServerError; nil unless ByServer
}

// Error names the server and what was not answered.
func (e *StaleConnectionError) Error() string {
	if e.ByServer {
		return fmt.Sprintf("%v: %s got no answer from us", e.Err, e.URL)
	}
	return fmt.Sprintf("troupe: stale connection: %s left %d pings unanswered, one every %v", e.URL, e.PingsOut, e.Interval)
}

// Unwrap returns ErrStaleConnection and the server's error.
func (e *StaleConnectionError) Unwrap() []error { return []error{protocol.ErrStaleConnection, e.Err} }
