package plan

import (
	"fmt"
	"unicode/utf8"
)

// SyntaxError says where a text is no plan.
type SyntaxError struct {
	Line   int    // counted from 1
	Column int    // counted from 1, in bytes
	Near   string // what stands there, shortened; "end of line" if nothing does
	Want   string // what was wanted there
}

// Error says all of it.
func (e *SyntaxError) Error() string {
	near := e.Near
	if near != endOfLine {
		near = fmt.Sprintf("%q", near)
	}
	return fmt.Sprintf("plan: line %d, column %d: %s stands where %s is wanted", e.Line, e.Column, near, e.Want)
}

// RangeError says which field of a rule has a value that it can't have, or not
// together with the others.
type RangeError struct {
	Rule  Rule
	Line  int    // where the rule stands in the text, counted from 1; 0 if it was not read from one
	Field string // by its name in the text form, such as "at" or "prob"
	Value string // shortened
	Want  string // what it may be
}

// Error says all of it, the rule in short.
func (e *RangeError) Error() string {
	where := ""
	if e.Line > 0 {
		where = fmt.Sprintf("line %d: ", e.Line)
	}
	return fmt.Sprintf("plan: %s%s is %s, want %s, in: %s", where, e.Field, e.Value, e.Want, brief(e.Rule.String()))
}

// nearMax bounds in bytes what an error quotes.
const nearMax = 120

// brief shortens s to nearMax bytes, at the start of a character.
func brief(s string) string {
	if len(s) <= nearMax {
		return s
	}
	end := nearMax
	for end > nearMax-utf8.UTFMax && !utf8.RuneStart(s[end]) {
		end--
	}
	return s[:end] + "..."
}
