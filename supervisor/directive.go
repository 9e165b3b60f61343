package supervisor

import "strconv"

// Directive says what happens to an actor that failed.
type Directive uint8

// The directives, from the mildest to the hardest.
const (
	// Unset is the zero value. In a Policy it stands for the default of its
	// field; a Decision never carries it.
	Unset Directive = iota
	// Resume keeps the actor and its state and goes on with the next message.
	Resume
	// Restart replaces the actor by a fresh incarnation after Decision.Delay.
	// It is the only directive that counts against Intensity and grows Backoff.
	Restart
	// Stop ends the actor for good. It stays in the tree, stopped, with the reason.
	Stop
	// Escalate hands the failure to the supervisor above, as its own failure.
	Escalate
	// Crash ends the process with the cause, for programs that are restarted from
	// outside.
	Crash

	directiveEnd // one past the last directive
)

var directiveNames = [directiveEnd]string{
	Unset:    "unset",
	Resume:   "resume",
	Restart:  "restart",
	Stop:     "stop",
	Escalate: "escalate",
	Crash:    "crash",
}

// String returns the stable name of the directive in lower case.
func (d Directive) String() string {
	if d >= directiveEnd {
		return "directive(" + strconv.Itoa(int(d)) + ")"
	}
	return directiveNames[d]
}

// MarshalText returns the stable name, so that JSON shows words and not numbers.
func (d Directive) MarshalText() ([]byte, error) { return []byte(d.String()), nil }

// set reports whether d is one of the five directives.
func (d Directive) set() bool { return d > Unset && d < directiveEnd }
