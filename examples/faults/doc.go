// Command faults injects the same faults for two clients, nats.go and troupe, and judges
// both by the same rules.
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
// Each rule of the plan is one act: it is injected, messages flow, it is lifted, and then
// everything has to work again. What the clients report, and what the witness has seen
// arrive, goes into a history; the validators of package check depend on neither client.
//
// A flag sets the seed of everything random in the faults: -seed 7. The verdicts are the
// same for every seed.
//
// The last line is "faults: ok", and the exit code 0, only if troupe kept every guarantee
// for which the run has evidence.
package main
