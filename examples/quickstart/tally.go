package main

import (
	"encoding/binary"
	"fmt"
	"strconv"
	"sync/atomic"
)

// tally counts how often each message arrived. Safe for concurrent use.
type tally struct{ seen []atomic.Uint32 }

func newTally(n int) *tally { return &tally{seen: make([]atomic.Uint32, n)} }

// number returns the payload of the i-th message.
func number(i int) []byte { return binary.BigEndian.AppendUint64(nil, uint64(i)) }

// numberOf returns the number of a payload's message, -1 for none.
func numberOf(payload []byte) int {
	if len(payload) != 8 {
		return -1
	}
	return int(binary.BigEndian.Uint64(payload))
}

// count records one message and reports whether it is one of ours.
func (t *tally) count(payload []byte) bool {
	i := numberOf(payload)
	if i < 0 || i >= len(t.seen) {
		return false
	}
	t.seen[i].Add(1)
	return true
}

// sum returns how many messages arrived, and how many of these more than once.
func (t *tally) sum() (came, twice int) {
	for i := range t.seen {
		switch t.seen[i].Load() {
		case 0:
		case 1:
			came++
		default:
			came++
			twice++
		}
	}
	return came, twice
}

// group writes a count with commas: 100,000.
func group[N int | int64 | uint64](n N) string {
	s := strconv.FormatInt(int64(n), 10)
	for i := len(s) - 3; i > 0 && s[i-1] != '-'; i -= 3 {
		s = s[:i] + "," + s[i:]
	}
	return s
}

// plural writes a count with its noun.
func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%s %ss", group(n), noun)
}
