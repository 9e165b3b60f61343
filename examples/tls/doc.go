// Command tls connects with mutual TLS and a credentials file.
//
//	go run ./examples/tls
//
//	            certificate ◄── authority ──► certificate
//	                │           (ca.pem)          │
//	    client ─────┴───────────── TLS ───────────┴───── server
//	       │                                               │
//	    user.creds ◄── account ◄── signed by ── operator ──┘ trusts
//
// It creates all of these at its start, in a directory that it removes at its end, and
// then leaves out one after the other to show what is refused, and with which errors. The
// last line is "tls: ok", and the exit code 0, only if the client that has everything was
// let in, and no other.
package main
