package actors

import (
	"fmt"
	"time"

	"github.com/troupe-go/troupe/protocol"
)

// heartbeat.go - asks the server now and then whether it is still there.
//
//	pingDue ─► PING … PONG within PingsMax intervals, or the link is stale

// Messages, in the order of heartbeat.Receive.
type (
	heartbeatMsg interface{ isHeartbeatMsg() }

	// pingDue fires at the start and then every PingInterval.
	pingDue struct{}
)

func (pingDue) isHeartbeatMsg() {}

type heartbeat struct {
	conn    *Conn
	attempt uint32
	begun   bool
}

// Receive handles one message.
func (h *heartbeat) Receive(c *Context, m heartbeatMsg) {
	switch m.(type) {
	case pingDue:
		h.onPingDue(c)
	default:
		panic(fmt.Sprintf("heartbeat: unhandled message %T", m))
	}
}

func (h *heartbeat) onPingDue(c *Context) {
	interval := h.conn.cfg.PingInterval
	if interval <= 0 {
		return
	}
	if h.begun && !h.beat() {
		return
	}
	h.begun = true
	c.After(interval, heartbeatMsg(pingDue{}))
}

// beat sends a PING, or gives the link up when too many are unanswered.
func (h *heartbeat) beat() bool {
	conn := h.conn
	out := int(conn.pongsOut.Add(1))
	if out > conn.cfg.PingsMax {
		_ = conn.linkBox.must(lost{attempt: h.attempt, cause: &StaleConnectionError{
			URL: conn.serverName(), PingsOut: out - 1, Interval: conn.cfg.PingInterval,
		}})
		return false
	}
	_ = conn.out.ping(mark{})
	return true
}

// StaleConnectionError says that a server has not answered for too long.
type StaleConnectionError struct {
	URL      string // without credentials
	PingsOut int    // unanswered
	Interval time.Duration
}

// Error names the server and what it did not answer.
func (e *StaleConnectionError) Error() string {
	return fmt.Sprintf("troupe: stale connection: %s left %d pings unanswered, one every %v", e.URL, e.PingsOut, e.Interval)
}

// Unwrap returns ErrStaleConnection.
func (e *StaleConnectionError) Unwrap() []error { return []error{protocol.ErrStaleConnection} }
