package proof_test

import "flag"

var full = flag.Bool("full", false, "run every row at the size that it names")

// sized is how much of something a test does. The whole is done with -full, the usual
// amount in every run of the tests. The race detector makes all of it five to twenty
// times as slow: it sees the raced amount, in a run beside that of the usual one, never
// in its place.
func sized(whole, usual, raced int) int {
	switch {
	case *full:
		return whole
	case raceEnabled:
		return raced
	}
	return usual
}

// stride is how far apart the bytes are that are tried: all of them, where it is 1.
func stride() int { return sized(1, 1, 37) }
