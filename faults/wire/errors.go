package wire

import (
	"errors"
	"fmt"
	"net"
	"syscall"

	"github.com/troupe-go/troupe/faults/plan"
)

// ErrClosed is returned by a link that was closed. It is a [net.ErrClosed].
var ErrClosed = fmt.Errorf("wire: the link is closed: %w", net.ErrClosed)

// ErrEnded is returned by [Injection.Wait] when the rule has ended, so that the awaited
// hits can no longer happen.
var ErrEnded = errors.New("wire: the rule has ended")

// RefusedError says that a rule of a link refuses a new connection. It is a
// [syscall.ECONNREFUSED].
type RefusedError struct {
	Link plan.Target
	Rule plan.Rule
}

// Error names the link and the rule.
func (e *RefusedError) Error() string {
	return fmt.Sprintf("wire: %s refuses the connection, by the rule: %s", named(e.Link), e.Rule)
}

// Unwrap returns [syscall.ECONNREFUSED].
func (e *RefusedError) Unwrap() error { return syscall.ECONNREFUSED }

// TargetError says that a rule given to a link names another target.
type TargetError struct {
	Link plan.Target
	Rule plan.Rule
}

// Error names the link and the rule.
func (e *TargetError) Error() string {
	return fmt.Sprintf("wire: %s is not the target of the rule: %s", named(e.Link), e.Rule)
}

// WaitError says that a rule did not get the awaited number of hits.
type WaitError struct {
	Rule plan.Rule
	Hits int // when the wait ended
	Want int
	Err  error // [ErrEnded], or the cause of the context's end
}

// Error names the rule and how many hits there were.
func (e *WaitError) Error() string {
	return fmt.Sprintf("wire: %d of %d hits of the rule %s: %v", e.Hits, e.Want, e.Rule, e.Err)
}

// Unwrap returns Err.
func (e *WaitError) Unwrap() error { return e.Err }

// named returns the name of a link for error texts.
func named(link plan.Target) string {
	if link.Kind == plan.TargetAny {
		return "the link"
	}
	return link.String()
}
