// Command bench measures troupe against nats.go: the same source compiled for
// both clients, runs in turn, ratios of neighbouring runs.
//
//	                     ┌── worker (nats.go) ──┐
//	bench ── A B A B ────┼── worker (troupe) ───┼──► stub, or a real nats-server with
//	  │                  └── bare socket ───────┘    an echo responder
//	  └── table | -json | -markdown                        each a process of its own
//
// Every run is a process of its own: connect, warm up, measure. It reports its result as
// one JSON document. A row compares the medians of its pairs; a run that lost a message
// has no figure.
//
//	go run ./bench                              everything, about six minutes
//	go run ./bench -suite dispatch -subs 1,100  part of it
//	go run ./bench -self                        nats.go against itself: the noise of the machine
//	go run ./bench -short                       a smoke test: that it runs, not how fast
package main
