// Package bare does a client's work with a bare socket loop: the same bytes,
// read or written and otherwise left alone. What it needs is the limit that no
// client can beat.
//
//	dispatch   read the burst in large reads, look at nothing
//	publish    write prepared frames in large writes, wait for the PONG
//	request    write one request, read its reply, through the same server
package bare
