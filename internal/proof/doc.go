// Package proof has only tests: the catalogue of faults, one test for each row, named by its id.
// They drive the client of package api through the fault kit, and each says which guarantees it
// checks.
//
//	catalogue row ──► TestP11BrokenMessages ──► api.Conn ◄──► faults/… ◄──► server
//	guarantees    ──► checked in its body                     fake, or a real one
//
// The rows are: N the network, P the protocol, S servers and clusters, C the client, T
// time, B failures that other clients had.
package proof
