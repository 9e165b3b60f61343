package plan_test

import (
	"errors"
	"slices"
	"testing"

	"github.com/troupe-go/troupe/faults/plan"
)

// FuzzParse reads any text: it never panics, an error has a place or a rule, and what
// is read passes Check and prints as a text that reads back the same.
func FuzzParse(f *testing.F) {
	f.Fuzz(func(t *testing.T, text string) {
		p, err := plan.Parse(text)
		var syntax *plan.SyntaxError
		var wrong *plan.RangeError
		switch {
		case errors.As(err, &syntax):
			if syntax.Line < 1 || syntax.Column < 1 || syntax.Near == "" || syntax.Want == "" {
				t.Fatalf("%q: %+v", text, syntax)
			}
			return
		case errors.As(err, &wrong):
			if wrong.Line < 1 || wrong.Field == "" || wrong.Want == "" {
				t.Fatalf("%q: %+v", text, wrong)
			}
			return
		case err != nil:
			t.Fatalf("%q: %T", text, err)
		}
		if err := p.Check(); err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		printed := p.String()
		back, err := plan.Parse(printed)
		if err != nil || !slices.Equal(back.Rules, p.Rules) || back.String() != printed {
			t.Fatalf("%q is printed as %q, which reads as %q, %v", text, printed, back, err)
		}
	})
}
