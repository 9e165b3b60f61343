// Package protocol turns bytes into NATS frames and values into bytes. It is pure: no
// sockets, no clock, no goroutines, no locks. Its results depend on its arguments
// alone, so a failing input is a byte slice that a test can keep.
//
//	bytes read ──► Parser.Next ──► Frame (spans into the caller's buffer)
//	                  │                 │
//	                  ▼                 ├── Header ──► ParseHeader, ParseStatus
//	               *Error               ├── Arg ─────► ParseInfo, ParseConnect
//	    (kind, operation, offset)       └── Arg ─────► ClassifyServerError
//
//	values ──► Check… ──► Append… ──► whole frames after dst
//
// One parser serves both ends of a connection: [NewServerParser] reads what a
// server sends, [NewClientParser] what a client sends. Clients, fake servers,
// proxies and fuzzers share it.
//
// # What the parser accepts
//
//   - Operation names in any case. Arguments are separated by runs of blanks and
//     tabs; blanks before the end of the line are ignored.
//   - A control line ends in CR LF. A bare LF is accepted as well, because the
//     reference clients do. A CR anywhere else in an argument line is an error.
//   - PING, PONG and +OK may be followed by any text up to the LF.
//   - A payload must be followed by exactly CR LF. A wrong length is an error and
//     is never skipped over, since what follows would be read as operations.
//   - Subjects are byte strings: whatever is not blank, tab, CR or LF belongs to
//     them. A server relays what others published, so being stricter here would
//     let a stranger's subject break our connection.
//
// # What it never does
//
// It allocates nothing on the message path, and never allocates a size just because a
// peer announced it: every length is checked against a named limit, with overflow-safe
// arithmetic, before the caller is asked to make room for it.
package protocol
