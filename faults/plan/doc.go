// Package plan describes what goes wrong in a run, where, and when, as data.
//
//	text ──Parse──► Plan ──String──► text
//	seed ──Random──►  │
//	                  ├──Check──► invalid rules
//	                  ├──CheckTargets──► targets that do not exist
//	                  └──Shrink──► the smallest plan that still fails
//
// It is pure: no I/O, no clock, no goroutine, no lock. Everything in it is safe for
// concurrent use, as nothing is changed.
//
// # Text form
//
// A plan is a text with one rule on each line. Blank lines are ignored, and so is everything
// that follows a # outside of quotes.
//
//	# the second server can't be reached for a while
//	at 12s for 3s link(client, s2) blackhole(out)
//	when op(HMSG) index(3) reset
//	when op(MSG) subject("orders.>") every(10) prob(0.5) drop
//	when bytes(100) conn(2) reset(in)
//	for 5s server(s1) kill
//	when index(3) actor(reader) panic
//
// The grammar of a line, where [x] is optional and {x} may occur any number of times:
//
//	rule      = { clause } fault
//	clause    = "at" duration | "for" duration | "when" condition { condition } | target
//	condition = "op" "(" op ")" | "subject" "(" string ")"
//	          | "index" "(" number ")" | "every" "(" number ")" | "prob" "(" share ")"
//	          | "bytes" "(" size ")" | "conn" "(" number ")"
//	target    = "link" "(" name "," name ")" | "server" "(" name ")" | "actor" "(" name ")"
//	fault     = kind [ "(" argument { "," argument } ")" ]
//	argument  = duration | size | share | string | direction
//	direction = "in" | "out" | "both"
//	op        = "INFO" | "MSG" | "HMSG" | "PING" | "PONG" | "+OK" | "-ERR"
//	          | "CONNECT" | "PUB" | "HPUB" | "SUB" | "UNSUB"
//	name      = word | string
//	word      = one or more of A-Z a-z 0-9 _ . : / + - * @ $
//	duration  = as time.ParseDuration reads it: 1.5s, 2m, 100us
//	number    = decimal digits
//	size      = decimal digits [ "KiB" | "MiB" | "GiB" ]
//	share     = a decimal number, with or without exponent, above 0, up to 1
//	string    = in double quotes, with the escapes of Go, valid UTF-8
//
// Clauses come in any order, each at most once, and so do conditions. Which arguments a
// kind takes, and in which order, is described at its constant; a direction comes last.
// String writes the canonical form: at, for, when, target, fault; conditions in the order
// above; the shortest duration; plain numbers; names without quotes where they are words;
// nothing that is the default.
//
// # Errors
//
// A text that can't be parsed is a [*SyntaxError] with line, column, what was found and
// what was expected. A rule that can be parsed and is invalid is a [*RangeError] with the
// rule, the field, its value and the possible values. [Plan.CheckTargets] compares the
// targets with those that exist, and returns an [*UnknownTargetError]. The first error is
// returned.
//
// # From a failure to a test
//
// [Random] draws a plan from a seed, so that each seed is another mixture of faults;
// [Shrink] deletes and reduces what a failure does not need. The text of what is left
// is the regression test.
package plan
