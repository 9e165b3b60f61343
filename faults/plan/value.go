package plan

import (
	"errors"
	"math"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/troupe-go/troupe/protocol"
)

func (p *parser) fault() Fault {
	f := Fault{Kind: kindNamed(p.now.text)}
	if p.now.kind != tokenWord || f.Kind == KindNone {
		p.fail(p.wantFault())
		return f
	}
	p.advance()
	args, end := p.arguments()
	form := f.Kind.form()
	for _, a := range form.args {
		switch optional := a == argJitter; {
		case optional && (len(args) == 0 || isDirection(args[0])):
		case len(args) == 0:
			p.failAt(end, a.want())
		default:
			p.argument(&f, a, args[0])
			args = args[1:]
		}
	}
	if len(args) > 0 && form.aim != noAim {
		f.Dir = p.direction(args[0])
		args = args[1:]
	}
	if len(args) > 0 {
		p.failAt(args[0], "no such argument")
	}
	return f
}

// wantFault describes what is expected where there is neither a clause nor a fault.
func (p *parser) wantFault() string {
	if meant := similar(p.now.text); meant != "" {
		return meant + ", or another clause or fault"
	}
	if len(p.seen) == 0 {
		return wantClause
	}
	return "a clause or a fault such as reset"
}

// argsMax is more than the number of arguments of any fault.
const argsMax = 4

// arguments returns the arguments in brackets, if any, and the token after them.
func (p *parser) arguments() (args []token, end token) {
	if p.now.kind != tokenOpen {
		return nil, p.now
	}
	for p.now.kind == tokenOpen || p.now.kind == tokenComma {
		p.advance()
		if len(args) > argsMax {
			p.fail("no such argument")
			return nil, p.now
		}
		if p.now.kind != tokenWord && p.now.kind != tokenString {
			p.fail("an argument")
			return nil, p.now
		}
		args = append(args, p.now)
		p.advance()
	}
	end = p.now
	p.take(tokenClose, "a comma or )")
	return args, end
}

// argument sets the field of f that holds a.
func (p *parser) argument(f *Fault, a arg, t token) {
	switch a {
	case argDuration:
		f.Duration = p.duration(t)
	case argJitter:
		f.Jitter = p.duration(t)
	case argSize:
		f.Size = p.size(t)
	case argProb:
		f.Prob = p.share(t)
	case argText:
		if t.kind != tokenString {
			p.failAt(t, a.want())
		}
		f.Text = t.value
	}
}

// want describes a in text.
func (a arg) want() string {
	switch a {
	case argDuration, argJitter:
		return wantDuration
	case argSize:
		return wantNumber
	case argProb:
		return wantShare
	}
	return wantString
}

// directions has the directions by name.
var directions = []Direction{Both, In, Out}

func isDirection(t token) bool {
	return t.kind == tokenWord && slices.ContainsFunc(directions, func(d Direction) bool { return d.String() == t.text })
}

func (p *parser) direction(t token) Direction {
	for _, d := range directions {
		if t.kind == tokenWord && t.text == d.String() {
			return d
		}
	}
	p.failAt(t, wantDirection)
	return Both
}

func (p *parser) op(t token) protocol.Op {
	op := opNamed(t.text)
	if op == protocol.OpNone {
		p.failAt(t, wantOp)
	}
	return op
}

// duration reads what time.ParseDuration reads. A negative one is read, and refused with
// the rule.
func (p *parser) duration(t token) time.Duration {
	d, err := time.ParseDuration(t.text)
	if t.kind != tokenWord || err != nil {
		p.failAt(t, wantDuration)
		return 0
	}
	return d
}

// share reads a decimal number: no infinity, no NaN, no hexadecimal digits.
func (p *parser) share(t token) float64 {
	odd := func(c rune) bool { return !strings.ContainsRune("0123456789.eE+-", c) }
	f, err := strconv.ParseFloat(t.text, 64)
	if t.kind != tokenWord || strings.ContainsFunc(t.text, odd) || err != nil {
		p.failAt(t, wantShare)
		return 0
	}
	return f
}

// count reads a number that is an int on this machine.
func (p *parser) count(t token) int { return int(p.integer(t, t.text, strconv.IntSize)) }

// size reads a number of bytes.
func (p *parser) size(t token) int64 {
	for i, unit := range []string{"KiB", "MiB", "GiB"} {
		digits, found := strings.CutSuffix(t.text, unit)
		if !found {
			continue
		}
		n := p.integer(t, digits, 64)
		shift := 10 * (i + 1)
		if n > math.MaxInt64>>shift || n < math.MinInt64>>shift {
			p.failAt(t, wantNumber+" that fits into 64 bits")
		}
		return n << shift
	}
	return p.integer(t, t.text, 64)
}

// integer reads a decimal number with an optional sign. A negative one is read, and
// refused with the rule.
func (p *parser) integer(t token, digits string, bitSize int) int64 {
	n, err := strconv.ParseInt(digits, 10, bitSize)
	switch {
	case errors.Is(err, strconv.ErrRange):
		p.failAt(t, wantNumber+" that fits into "+strconv.Itoa(bitSize)+" bits")
	case err != nil || t.kind != tokenWord:
		p.failAt(t, wantNumber)
	}
	return n
}
