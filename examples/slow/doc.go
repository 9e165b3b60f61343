// Command slow shows what can be done with messages that a slow handler has no room for.
//
//	go run ./examples/slow
//
//	                       ┌─ drop newest ───► keeps what arrived first
//	100 messages ──► room  ├─ drop oldest ───► keeps what arrived last
//	                for 10 ├─ block ─────────► keeps all, and the connection waits
//	                       ├─ restart empty ─► drops all, goes on with what comes next
//	                       └─ stop ──────────► ends the subscription, and says so
//
// The handler blocks until all messages are sent. Each message is either handled or
// counted as dropped. The last line is "slow: ok", and the exit code 0, only if the
// counts add up.
package main
