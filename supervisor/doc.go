// Package supervisor decides what happens when an actor fails, and describes
// the tree of actors. It is pure: it starts nothing, waits for nothing, reads no
// clock and draws no random number. Time and randomness are arguments, so every
// decision can be repeated in a table, a property test or a fuzzer.
//
// Programs use package api, which has names for the types of this one: Policy,
// Directive, Backoff, Event, Node, RetryPolicy and others.
//
//	            failure, now, random number
//	                        │
//	                        ▼
//	   policy ─────►     Decide     ◄───── history
//	 what to do,            │              past failures
//	 how often              ▼
//	                     Decision
//	        ┌───────────────┼────────────────┐
//	        ▼               ▼                ▼
//	    Directive         Event           History
//	resume, restart    exactly one,     the next one,
//	after Delay, stop,  to publish       to keep
//	escalate, crash
//
// The executor (package actors) does what a Decision says: it waits for Delay, restarts
// the actors that Affected names, keeps the History, and numbers and publishes the Event.
// The result is visible in a snapshot of the tree:
//
//	conn-1             connected  12s
//	├── link           live       3s    restarts 2
//	│   ├── reader     live       3s
//	│   └── writer     live       3s
//	└── subscriptions  running    12s
//	    └── orders     busy       1.2s  degraded  mailbox 17 (2.1 KiB)  slow consumer
//
// The snapshot is a Node; Health reduces it to nil or a list of the actors that are not
// well.
//
// The guarantees, each with a property test:
//
//   - A decision has a directive and exactly one event, whatever the input.
//   - No more than Intensity.Max restarts are granted within Intensity.Within.
//   - A delay lies between zero and the bound of its attempt, which never
//     decreases until the actor has been quiet for Policy.StableAfter: a link
//     that flaps keeps its backoff.
//   - A history has a fixed size, for any number of failures.
//   - A DialLimiter lets no more than rate*t + burst dials through in a time t.
//   - A clock that goes back, attempts near 2^63 and durations of centuries
//     change none of this.
package supervisor
