// Command worker drives one client through one job. It is compiled twice from
// the same source: the build tag troupe decides which client its names mean.
//
//	               ┌── client_natsgo.go   Conn = nats.Conn   (no tag)
//	suites ──► Conn┤
//	               └── client_troupe.go   Conn = api.Conn    (tag troupe)
//
// It reads a job from standard input and prints the result. Both clients get the
// same options, the same calls and the same handlers.
package main
