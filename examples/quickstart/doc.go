// Command quickstart shows what troupe does, in a few seconds.
//
//	go run ./examples/quickstart                     starts a nats-server of its own
//	go run ./examples/quickstart -url nats://host    uses yours, and does not kill it
//
//	          ┌──────────────── this program ─────────────────┐
//	          │  nats-server ◄── socket ──► one connection    │
//	steps ──► │      ▲                        │               │ ──► one line each,
//	          │      └── killed, restarted    └── tree, events│     every count checked
//	          └───────────────────────────────────────────────┘
//
// A service is discovered and called; it returns an error from its handler, and sheds
// excess load. Then the program starts three more servers with a replicated stream, kills
// the one that leads the consumer, and balances the books: published = stored = handled.
//
// Each step counts what it sent and what happened to it. The last line is "quickstart:
// ok", and the exit code 0, only if every count was right. Otherwise the last line is
// "quickstart: FAILED:" with the reason, and the code is 1. The code is 2, with the
// reason on standard error, when a flag is wrong or the server at -url cannot be reached.
package main
