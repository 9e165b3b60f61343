package check

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// Guarantee is one promise of a client. Each has a validator with its name.
type Guarantee uint8

// The guarantees. The comment of each validator says what breaks it.
const (
	G1  Guarantee = iota + 1 // AckedKept
	G2                       // OneOutcome
	G3                       // NoSilentDup
	G4                       // Ordered
	G5                       // SubsRestored
	G6                       // AtMostOnceCore
	G7                       // AtLeastOnceJS
	G8                       // NoStall
	G9                       // Bounded
	G10                      // NoLeak
	G11                      // Typed
	G12                      // NoCrash
	G13                      // CloseBounded
	G14                      // NoStorm
	G15                      // Replay
	G16                      // NoOrphans
)

// last is the highest guarantee.
const last = G16

// All returns every guarantee in order. The slice is the caller's.
func All() []Guarantee {
	all := make([]Guarantee, last)
	for i := range all {
		all[i] = Guarantee(i + 1)
	}
	return all
}

// Errors of validators. A *[Broken] unwraps to the one of its guarantee, a *[Void] to
// ErrVoid.
var (
	ErrVoid = errors.New("check: void")

	ErrBrokeAckedKept      = errors.New("check: AckedKept is broken")
	ErrBrokeOneOutcome     = errors.New("check: OneOutcome is broken")
	ErrBrokeNoSilentDup    = errors.New("check: NoSilentDup is broken")
	ErrBrokeOrdered        = errors.New("check: Ordered is broken")
	ErrBrokeSubsRestored   = errors.New("check: SubsRestored is broken")
	ErrBrokeAtMostOnceCore = errors.New("check: AtMostOnceCore is broken")
	ErrBrokeAtLeastOnceJS  = errors.New("check: AtLeastOnceJS is broken")
	ErrBrokeNoStall        = errors.New("check: NoStall is broken")
	ErrBrokeBounded        = errors.New("check: Bounded is broken")
	ErrBrokeNoLeak         = errors.New("check: NoLeak is broken")
	ErrBrokeTyped          = errors.New("check: Typed is broken")
	ErrBrokeNoCrash        = errors.New("check: NoCrash is broken")
	ErrBrokeCloseBounded   = errors.New("check: CloseBounded is broken")
	ErrBrokeNoStorm        = errors.New("check: NoStorm is broken")
	ErrBrokeReplay         = errors.New("check: Replay is broken")
	ErrBrokeNoOrphans      = errors.New("check: NoOrphans is broken")
)

// guarantees has the name and the error of each guarantee. Index 0 is for invalid ones.
var guarantees = [last + 1]struct {
	name string
	err  error
}{
	0:   {"unknown", nil},
	G1:  {"AckedKept", ErrBrokeAckedKept},
	G2:  {"OneOutcome", ErrBrokeOneOutcome},
	G3:  {"NoSilentDup", ErrBrokeNoSilentDup},
	G4:  {"Ordered", ErrBrokeOrdered},
	G5:  {"SubsRestored", ErrBrokeSubsRestored},
	G6:  {"AtMostOnceCore", ErrBrokeAtMostOnceCore},
	G7:  {"AtLeastOnceJS", ErrBrokeAtLeastOnceJS},
	G8:  {"NoStall", ErrBrokeNoStall},
	G9:  {"Bounded", ErrBrokeBounded},
	G10: {"NoLeak", ErrBrokeNoLeak},
	G11: {"Typed", ErrBrokeTyped},
	G12: {"NoCrash", ErrBrokeNoCrash},
	G13: {"CloseBounded", ErrBrokeCloseBounded},
	G14: {"NoStorm", ErrBrokeNoStorm},
	G15: {"Replay", ErrBrokeReplay},
	G16: {"NoOrphans", ErrBrokeNoOrphans},
}

func (g Guarantee) row() int {
	if g > last {
		return 0
	}
	return int(g)
}

// String returns the name of the guarantee.
func (g Guarantee) String() string { return guarantees[g.row()].name }

// Blame says who caused a loss, as far as the history shows.
type Blame uint8

// Who may be to blame.
const (
	Unproven Blame = iota // the history does not show it
	Client                // the client under test
	Server                // the server: it provably had the lost value
)

// String returns the blame in plain words.
func (b Blame) String() string {
	return [...]string{"unproven", "the client's", "the server's"}[min(b, Server)]
}

// Example is one violation of a guarantee.
type Example struct {
	At    time.Duration // since the history began; 0 if it shows only at the end
	What  string
	Blame Blame // of a loss; otherwise Unproven
}

// Broken is the error of a validator whose guarantee did not hold. It is immutable,
// and unwraps to the ErrBroke of the guarantee.
type Broken struct {
	Guarantee Guarantee
	Count     int       // how often; exact
	Examples  []Example // the first ones, as many as Options.Examples
}

// Error names the guarantee, the count and the first example.
func (b *Broken) Error() string {
	var text strings.Builder
	fmt.Fprintf(&text, "check: %v (G%d) is broken, count %d", b.Guarantee, b.Guarantee, b.Count)
	for i, e := range b.Examples {
		text.WriteString([...]string{": ", "; "}[min(i, 1)])
		text.WriteString(e.What)
		if e.Blame != Unproven {
			fmt.Fprintf(&text, " (%v)", e.Blame)
		}
	}
	return text.String()
}

// Unwrap returns the ErrBroke of the guarantee.
func (b *Broken) Unwrap() error { return guarantees[b.Guarantee.row()].err }

// Void is the error of a validator that saw too little to judge. It unwraps to
// [ErrVoid].
type Void struct {
	Guarantee Guarantee // 0: the run as a whole
	Got, Want int       // pieces of evidence
	Need      string    // what counts as evidence
}

// Error says how much was there, and how much is needed.
func (v *Void) Error() string {
	name := "the run"
	if v.Guarantee != 0 {
		name = fmt.Sprintf("%v (G%d)", v.Guarantee, v.Guarantee)
	}
	return fmt.Sprintf("check: %s is void: %d of at least %d %s", name, v.Got, v.Want, v.Need)
}

// Unwrap returns [ErrVoid].
func (v *Void) Unwrap() error { return ErrVoid }

// tally counts the violations of a guarantee, and keeps the first examples.
type tally struct {
	count    int
	examples []Example
}

func (t *tally) add(keep int, e Example) {
	t.count++
	if len(t.examples) < keep {
		t.examples = append(t.examples, e)
	}
}
