// Command faults lets the same things go wrong for two clients, nats.go and troupe, and
// judges both by the same rules.
//
//	go run ./examples/faults
//
//	                   faults of a plan
//	                          │
//	nats.go, then troupe ──► proxy ──► server ◄── witness: sees what has arrived
//	         │                                       │
//	         └── published, delivered ──► history ◄──┘
//	                                         │
//	                              sixteen verdicts, side by side
//
// Each rule of the plan is an act: it is injected, messages flow, it is lifted, and
// then everything has to work again. What the two clients are told, and what has
// arrived by the witness, goes into a history; the validators of package check know
// nothing of either client.
//
// A flag sets the seed of all that is random on the line: -seed 7. The verdicts are the
// same with each.
//
// The last line is "faults: ok", and the exit code 0, only if troupe kept every
// guarantee that the run can tell of.
package main
