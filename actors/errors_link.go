package actors

import (
	"fmt"

	"github.com/troupe-go/troupe/internal/kind"
	"github.com/troupe-go/troupe/protocol"
)

// DialError is a failed attempt to reach a server, with the phase that failed.
type DialError struct {
	URL   string // without credentials
	Phase string // dial, tls, upgrade, info, connect
	Err   error
	info  *protocol.Info // INFO of a server that then refused us; nil for none
}

// Error names server, phase and cause.
func (e *DialError) Error() string {
	return fmt.Sprintf("troupe: %s %s: %s", e.Phase, e.URL, kind.Plain(e.Err))
}

// Unwrap returns the cause.
func (e *DialError) Unwrap() error { return e.Err }

// Category returns what the cause is about.
func (e *DialError) Category() kind.Category { return kind.CategoryOf(e.Err) }

// Retryable reports whether what failed may succeed later.
func (e *DialError) Retryable() bool { return kind.CanRetry(e.Err) }

// MaybeSent reports false: before a handshake is complete no user data is sent.
func (e *DialError) MaybeSent() bool { return false }

// LinkError is the loss of a live connection to a server.
type LinkError struct {
	URL   string // without credentials
	Phase string // read, write, parse, stale, server
	Err   error
}

// Error names server, phase and cause.
func (e *LinkError) Error() string {
	return fmt.Sprintf("troupe: connection to %s lost (%s): %s", e.URL, e.Phase, kind.Plain(e.Err))
}

// Unwrap returns the cause.
func (e *LinkError) Unwrap() error { return e.Err }

// Category returns what the cause is about.
func (e *LinkError) Category() kind.Category { return kind.CategoryOf(e.Err) }

// Retryable reports whether what failed may succeed later.
func (e *LinkError) Retryable() bool { return kind.CanRetry(e.Err) }

// MaybeSent reports true: what was not confirmed may have arrived.
func (e *LinkError) MaybeSent() bool { return true }
