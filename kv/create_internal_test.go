package kv

import "testing"

// TestAfterConflict is the whole decision of Create: what the leader said, what a read has
// found since, and what follows.
func TestAfterConflict(t *testing.T) {
	actual := func(expected, actual uint64) *KeyWrongLastSequenceError {
		return &KeyWrongLastSequenceError{Expected: expected, Actual: actual, HasActual: true}
	}
	for _, test := range []struct {
		name  string
		wrong *KeyWrongLastSequenceError
		found *found
		want  next
	}{
		{"a value", actual(0, 3), &found{3, OpPut}, next{exists: true}},
		{"a newer value", actual(0, 3), &found{5, OpPut}, next{exists: true}},
		{"a marker", actual(0, 3), &found{3, OpDelete}, next{expected: 3}},
		{"a newer marker", actual(0, 3), &found{4, OpPurge}, next{expected: 4}},
		{"an older value: the read is behind", actual(0, 3), &found{2, OpPut}, next{expected: 0, pause: true}},
		{"an older marker: the read is behind", actual(2, 3), &found{2, OpDelete}, next{expected: 2, pause: true}},
		{"nothing yet: the read is behind", actual(0, 3), nil, next{expected: 0, pause: true}},
		{"nothing, as the leader says", actual(2, 0), nil, next{expected: 0, pause: true}},
		{"another change under way", &KeyWrongLastSequenceError{Expected: 2}, nil, next{expected: 2, pause: true}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := afterConflict(test.wrong, test.found); got != test.want {
				t.Errorf("%+v, want %+v", got, test.want)
			}
		})
	}
}
