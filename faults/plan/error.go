package plan

import (
	"fmt"
	"unicode/utf8"
)

// SyntaxError says where a text is not a valid plan.
type SyntaxError struct {
	Line   int    // counted from 1
	Column int    // counted from 1, in bytes
	Near   string // what was found there, shortened; "end of line" if nothing was
	Want   string // what was expected there
}

// Error returns a text with all fields.
func (e *SyntaxError) Error() string {
	near := e.Near
	if near != endOfLine {
		near = fmt.Sprintf("%q", near)
	}
	return fmt.Sprintf("plan: line %d, column %d: found %s, want %s", e.Line, e.Column, near, e.Want)
}

// RangeError says which field of a rule has a value that is invalid, by itself or
// together with other fields.
type RangeError struct {
	Rule  Rule
	Line  int    // line of the rule in the text, counted from 1; 0 if the rule was not read from a text
	Field string // by its name in the text form, such as "at" or "prob"
	Value string // shortened
	Want  string // the possible values
}

// Error returns a text with all fields, and a short form of the rule.
func (e *RangeError) Error() string {
	where := ""
	if e.Line > 0 {
		where = fmt.Sprintf("line %d: ", e.Line)
	}
	return fmt.Sprintf("plan: %s%s is %s, want %s, in: %s", where, e.Field, e.Value, e.Want, brief(e.Rule.String()))
}

// nearMax is how many bytes an error quotes at most.
const nearMax = 120

// brief shortens s to nearMax bytes, at a character boundary.
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
