// Command health is a service whose HTTP endpoint reports the state of its connection.
//
//	go run ./examples/health
//
//	load balancer ── GET /health ──► 200, or 503 with what is wrong
//	operator ─────── GET /tree ────► every actor: state, since when, why
//	                                   │
//	                                connection ◄──► server (killed and restarted)
//
// The program plays the load balancer, and kills the server meanwhile. The last line is
// "health: ok", and the exit code 0, only if the endpoint answered 200, then 503, then
// 200 again.
package main
