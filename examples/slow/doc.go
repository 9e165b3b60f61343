// Command slow shows what can be done with messages that a slow handler has no room for.
//
//	go run ./examples/slow
//
//	                       ┌─ drop newest ───► keeps what came first
//	100 messages ──► room  ├─ drop oldest ───► keeps what came last
//	                for 10 ├─ block ─────────► keeps all, and the connection waits
//	                       ├─ restart empty ─► begins anew with what comes next
//	                       └─ stop ──────────► ends the subscription, and says so
//
// The handler stands still until all are sent. Each message is either handled or
// counted as dropped. The last line is "slow: ok", and the exit code 0, only if the
// counts add up.
package main
