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
// It makes all of these at its start, in a directory that it removes at its end,
// and then leaves out one after the other to show what is refused, and how the
// errors tell. The last line is "tls: ok", and the exit code 0, only if the client
// that has everything got in, and no other.
package main
