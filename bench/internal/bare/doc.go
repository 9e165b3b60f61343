// Package bare does a client's work with a bare socket loop: it only reads or writes the
// same bytes. Its time is the limit that no client can beat.
//
//	dispatch   read the burst in large reads, without parsing
//	publish    write prepared frames in large writes, wait for the PONG
//	request    write one request, read its reply, through the same server
//	object     write chunks from memory, or read them into the same memory; compute their digest
package bare
