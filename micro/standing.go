package micro

import (
	"strconv"

	"github.com/troupe-go/troupe/api"
)

// standing is the state of an endpoint, as its subscription and its connection report it. The
// zero value is that of one that works.
type standing struct {
	failure  error // why it ended; nil if it has not failed
	refusal  error // by the server; nil for none
	slow     error // requests find no room; nil for none
	blocked  int   // handlers that take too long
	unlinked bool
	draining bool
}

// The states of endpoints and services in the tree.
const (
	stateServing    = "serving"    // requests are answered as they come
	stateWaiting    = "waiting"    // for a link
	stateBlocked    = "blocked"    // handlers take too long
	stateOverloaded = "overloaded" // requests find no room
	stateRefused    = "refused"    // the server does not permit the subscription
	stateFailed     = "failed"     // the subscription has ended unexpectedly
	stateDraining   = "draining"   // no new requests come
)

// after returns the state after an event of its subscription.
func (s standing) after(e *api.Event) standing {
	switch e.Kind {
	case api.SlowConsumerBegan:
		s.slow = e.Cause
	case api.SlowConsumerEnded:
		s.slow = nil
	case api.PermissionDenied:
		s.refusal = e.Cause
	case api.SubscriptionRestored:
		s.refusal = nil
	case api.HandlerBlocked:
		s.blocked++
	case api.HandlerUnblocked:
		s.blocked = max(0, s.blocked-1)
	case api.SubscriptionStopped:
		s.failure = e.Cause
	}
	return s
}

// shown returns what the tree shows.
func (s standing) shown() (state string, level api.Level, reason string) {
	switch {
	case s.failure != nil:
		return stateFailed, api.Down, plain(s.failure)
	case s.refusal != nil:
		return stateRefused, api.Down, plain(s.refusal)
	case s.draining:
		return stateDraining, api.Well, ""
	case s.unlinked:
		return stateWaiting, api.Degraded, "no link"
	case s.blocked > 0:
		return stateBlocked, api.Degraded, "handlers that do not return: " + strconv.Itoa(s.blocked)
	case s.slow != nil:
		return stateOverloaded, api.Degraded, plain(s.slow)
	}
	return stateServing, api.Well, ""
}
