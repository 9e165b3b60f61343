package supervisor

import (
	"fmt"
	"math"
	"strconv"
	"strings"
	"time"
)

// EventKind says what an Event reports. Names are stable; numbers are not, so
// store the name.
type EventKind uint8

// The kinds of events. Those ending in Began and Ended, Lost and Restored,
// Blocked and Unblocked come in pairs.
const (
	// EventUnknown is the zero value; no event carries it.
	EventUnknown EventKind = iota

	// ActorStarted: an actor was started for the first time.
	ActorStarted
	// ActorFailed: an actor failed; Directive says how its supervisor responds.
	ActorFailed
	// ActorRestarted: the restart that was decided has happened.
	ActorRestarted
	// ActorStopped: an actor ended; Cause is nil if it was asked to.
	ActorStopped
	// StateChanged: an actor went from state Before to state After.
	StateChanged

	// LinkLost: a connection lost its socket; Cause says why.
	LinkLost
	// LinkRestored: the connection has a server again, after Attempt attempts.
	LinkRestored
	// LinkMoved: the connection moved from server Before to server After without losing
	// its link in between.
	LinkMoved
	// ConnectAttemptFailed: one dial or greeting failed; Delay is the wait until
	// the next.
	ConnectAttemptFailed
	// ServersDiscovered: the server announced Count servers unknown before.
	ServersDiscovered
	// LameDuck: the server is about to shut down.
	LameDuck
	// ServerErrorReported: the server sent an error that does not end the link.
	ServerErrorReported
	// PermissionDenied: the server refused a publish or a subscription.
	PermissionDenied
	// AuthenticationFailed: the server refused the credentials.
	AuthenticationFailed
	// ConnectionClosed: a connection ended for good; Cause is nil if it was
	// asked to.
	ConnectionClosed

	// SlowConsumerBegan: a mailbox is full and its policy applies.
	SlowConsumerBegan
	// SlowConsumerEnded: the mailbox has room again; Count messages of Bytes bytes were
	// dropped in between.
	SlowConsumerEnded
	// PublishUncertain: Count messages of Bytes bytes may or may not have
	// reached the server before the link was lost.
	PublishUncertain
	// MessagesDropped: Count messages of Bytes bytes were dropped because of Cause.
	MessagesDropped

	// HandlerPanicked: a handler panicked or exited its goroutine.
	HandlerPanicked
	// HandlerFailed: a handler returned an error; Count of them did, and Cause is
	// the last.
	HandlerFailed
	// HandlerBlocked: a handler has been running for longer than its limit.
	HandlerBlocked
	// HandlerUnblocked: a handler that was reported as blocked has returned.
	HandlerUnblocked
	// SubscriptionRestored: a subscription is known to the server again.
	SubscriptionRestored
	// SubscriptionStopped: a subscription ended for good; Cause is nil if it was
	// asked to.
	SubscriptionStopped

	// CallRetried: a call that failed with Cause is made again after Delay; Attempt is
	// the one that failed. Count says how many there were in the last second, if they are
	// not reported one by one.
	CallRetried

	// DrainTimedOut: a drain or close did not finish in time; Cause says what did not.
	DrainTimedOut
	// EventsDropped: Count events were dropped because a slow callback left no room for
	// them.
	EventsDropped

	eventKindEnd // one past the last kind
)

// eventKinds holds the stable name and the text for humans of each kind.
var eventKinds = [eventKindEnd]struct{ name, words string }{
	EventUnknown:         {"EventUnknown", "something happened"},
	ActorStarted:         {"ActorStarted", "started"},
	ActorFailed:          {"ActorFailed", "failed"},
	ActorRestarted:       {"ActorRestarted", "restarted"},
	ActorStopped:         {"ActorStopped", "stopped"},
	StateChanged:         {"StateChanged", "changed state"},
	LinkLost:             {"LinkLost", "link lost"},
	LinkRestored:         {"LinkRestored", "link restored"},
	LinkMoved:            {"LinkMoved", "link moved"},
	ConnectAttemptFailed: {"ConnectAttemptFailed", "connect attempt failed"},
	ServersDiscovered:    {"ServersDiscovered", "servers discovered"},
	LameDuck:             {"LameDuck", "server is shutting down"},
	ServerErrorReported:  {"ServerErrorReported", "server reported an error"},
	PermissionDenied:     {"PermissionDenied", "permission denied"},
	AuthenticationFailed: {"AuthenticationFailed", "authentication failed"},
	ConnectionClosed:     {"ConnectionClosed", "connection closed"},
	SlowConsumerBegan:    {"SlowConsumerBegan", "slow consumer began"},
	SlowConsumerEnded:    {"SlowConsumerEnded", "slow consumer ended"},
	PublishUncertain:     {"PublishUncertain", "publish uncertain"},
	MessagesDropped:      {"MessagesDropped", "messages dropped"},
	HandlerPanicked:      {"HandlerPanicked", "handler panicked"},
	HandlerFailed:        {"HandlerFailed", "handler failed"},
	HandlerBlocked:       {"HandlerBlocked", "handler blocked"},
	HandlerUnblocked:     {"HandlerUnblocked", "handler returned after all"},
	SubscriptionRestored: {"SubscriptionRestored", "subscription restored"},
	SubscriptionStopped:  {"SubscriptionStopped", "subscription stopped"},
	CallRetried:          {"CallRetried", "call retried"},
	DrainTimedOut:        {"DrainTimedOut", "drain timed out"},
	EventsDropped:        {"EventsDropped", "events dropped"},
}

// EventKinds returns every kind, in the order of their declaration.
func EventKinds() []EventKind {
	kinds := make([]EventKind, 0, eventKindEnd-1)
	for k := EventUnknown + 1; k < eventKindEnd; k++ {
		kinds = append(kinds, k)
	}
	return kinds
}

// String returns the stable name: the name of the constant.
func (k EventKind) String() string {
	if k >= eventKindEnd {
		return "EventKind(" + strconv.Itoa(int(k)) + ")"
	}
	return eventKinds[k].name
}

// MarshalText returns the stable name.
func (k EventKind) MarshalText() ([]byte, error) { return []byte(k.String()), nil }

// Event is one thing that happened to one actor. It is a plain value; whoever receives
// one may keep it. Fields without a meaning for its kind are zero.
type Event struct {
	// Seq numbers the events of one connection from 1 without gaps; a reader that sees a
	// gap has missed events that were dropped on the way. Zero means not numbered yet.
	Seq uint64
	// Time is when it happened.
	Time time.Time
	// Path is the actor concerned, as in Node.Path.
	Path string
	// Kind is what happened.
	Kind EventKind
	// Before and After are the actor's states around it.
	Before, After string
	// Cause is why; nil if nothing was wrong. Its text may quote the server and, unlike
	// String, may contain secrets.
	Cause error
	// Attempt numbers restarts and connect attempts, from 1.
	Attempt int
	// Delay is the wait before what happens next.
	Delay time.Duration
	// Directive is the answer to a failure; Unset for other kinds.
	Directive Directive
	// Count is a number of messages, servers or events; see Kind.
	Count uint64
	// Bytes is the size of Count messages.
	Bytes uint64
	// Stack is the stack of a panic. String does not print it.
	Stack []byte
	// Message says what was being handled: a subject, never a payload.
	Message string
}

// String returns the event in one line for humans:
//
//	#7 conn-1/link: failed (live -> restarting): connection reset by peer; restart 2 in 120ms
//
// The line is free of control characters and bounded in length, and anything in the cause
// that looks like a password, seed or token is replaced by ***. The time is left out, as
// logs have their own.
func (e Event) String() string {
	var s strings.Builder
	if e.Seq != 0 {
		fmt.Fprintf(&s, "#%d ", e.Seq)
	}
	if e.Path != "" {
		s.WriteString(oneLine(e.Path, pathRunesMax) + ": ")
	}
	if e.Kind < eventKindEnd {
		s.WriteString(eventKinds[e.Kind].words)
	} else {
		s.WriteString(e.Kind.String())
	}
	if e.Before != e.After {
		fmt.Fprintf(&s, " (%s -> %s)", oneLine(orNone(e.Before), stateRunesMax), oneLine(orNone(e.After), stateRunesMax))
	}
	if e.Count != 0 {
		fmt.Fprintf(&s, ", count %d", e.Count)
	}
	if e.Bytes != 0 {
		s.WriteString(", " + bytesText(e.Bytes))
	}
	if e.Cause != nil {
		s.WriteString(": " + oneLine(e.Cause.Error(), reasonRunesMax))
	}
	s.WriteString(e.outcome())
	return s.String()
}

// outcome returns the end of the line: what happens next.
func (e Event) outcome() string {
	when := " at once"
	if e.Delay > 0 {
		when = " in " + durationText(e.Delay)
	}
	switch {
	case e.Directive == Resume:
		return "; goes on with the next message"
	case e.Directive == Restart:
		return "; restart " + strconv.Itoa(e.Attempt) + when
	case e.Directive == Stop:
		return "; stopped for good"
	case e.Directive == Escalate:
		return "; handed to the supervisor above"
	case e.Directive == Crash:
		return "; ends the process"
	case e.Attempt > 0 && e.Delay > 0:
		return "; attempt " + strconv.Itoa(e.Attempt) + ", next" + when
	case e.Attempt > 0:
		return "; attempt " + strconv.Itoa(e.Attempt)
	case e.Delay > 0:
		return "; next" + when
	default:
		return ""
	}
}

// Sequence numbers events. Its zero value is ready. It is not safe for
// concurrent use.
type Sequence uint64

// Next returns the next number: 1, 2, 3, and so on. Zero, which means "not numbered", is
// skipped even after 2^64 events.
func (s *Sequence) Next() uint64 {
	if *s == math.MaxUint64 {
		*s = 0
	}
	*s++
	return uint64(*s)
}
