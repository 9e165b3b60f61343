package plan

import (
	"strconv"
	"strings"
	"time"

	"github.com/troupe-go/troupe/protocol"
)

// String returns the plan in its canonical text form, one rule on each line, each with a
// line ending. [Parse] reads it back if [Plan.Check] accepts the plan.
func (p Plan) String() string {
	var b []byte
	for _, rule := range p.Rules {
		b = append(appendRule(b, rule), '\n')
	}
	return string(b)
}

// String returns the rule in its canonical text form, without a line ending. [ParseRule]
// reads it back if [Rule.Check] accepts the rule; of an invalid rule, whatever has no
// place in the form is left out.
func (r Rule) String() string { return string(appendRule(nil, r)) }

// String returns the target in its text form, "" for TargetAny.
func (t Target) String() string { return string(appendTarget(nil, t)) }

func appendRule(b []byte, r Rule) []byte {
	if r.At != 0 {
		b = append(appendDuration(append(b, "at "...), r.At), ' ')
	}
	if r.For != 0 {
		b = append(appendDuration(append(b, "for "...), r.For), ' ')
	}
	if r.When != (When{}) {
		b = append(appendWhen(append(b, "when "...), r.When), ' ')
	}
	if r.Target.Kind != TargetAny {
		b = append(appendTarget(b, r.Target), ' ')
	}
	return appendFault(b, r.Fault)
}

func appendWhen(b []byte, w When) []byte {
	start := len(b)
	call := func(name string) {
		if len(b) > start {
			b = append(b, ' ')
		}
		b = append(append(b, name...), '(')
	}
	number := func(name string, n int64) {
		if n != 0 {
			call(name)
			b = append(strconv.AppendInt(b, n, 10), ')')
		}
	}
	if w.Op != protocol.OpNone {
		call("op")
		b = append(append(b, w.Op.String()...), ')')
	}
	if w.Subject != "" {
		call("subject")
		b = append(strconv.AppendQuote(b, w.Subject), ')')
	}
	number("index", int64(w.Index))
	number("every", int64(w.Every))
	if w.Prob != 0 {
		call("prob")
		b = append(appendShare(b, w.Prob), ')')
	}
	number("bytes", w.Bytes)
	number("conn", int64(w.Conn))
	return b
}

func appendTarget(b []byte, t Target) []byte {
	switch t.Kind {
	case TargetAny:
		return b
	case TargetLink:
		b = append(appendName(append(b, "link("...), t.Client), ", "...)
		b = appendName(b, t.Server)
	case TargetServer:
		b = appendName(append(b, "server("...), t.Server)
	case TargetActor:
		b = appendName(append(b, "actor("...), t.Actor)
	default:
		b = strconv.AppendUint(append(b, "target("...), uint64(t.Kind), 10)
	}
	return append(b, ')')
}

func appendFault(b []byte, f Fault) []byte {
	b = append(b, f.Kind.String()...)
	start := len(b)
	next := func() {
		if len(b) > start {
			b = append(b, ", "...)
			return
		}
		b = append(b, '(')
	}
	for _, a := range f.Kind.form().args {
		if a == argJitter && f.Jitter == 0 {
			continue
		}
		next()
		b = appendArg(b, f, a)
	}
	if f.Dir != Both {
		next()
		b = append(b, f.Dir.String()...)
	}
	if len(b) > start {
		b = append(b, ')')
	}
	return b
}

func appendArg(b []byte, f Fault, a arg) []byte {
	switch a {
	case argDuration:
		return appendDuration(b, f.Duration)
	case argJitter:
		return appendDuration(b, f.Jitter)
	case argSize:
		return strconv.AppendInt(b, f.Size, 10)
	case argProb:
		return appendShare(b, f.Prob)
	}
	return strconv.AppendQuote(b, f.Text)
}

func appendShare(b []byte, p float64) []byte { return strconv.AppendFloat(b, p, 'g', -1, 64) }

// appendDuration writes 1m where time has 1m0s, and us in place of the micro sign, so
// that the text form is ASCII.
func appendDuration(b []byte, d time.Duration) []byte {
	s := d.String()
	if strings.HasSuffix(s, "m0s") {
		s = strings.TrimSuffix(s, "0s")
	}
	if strings.HasSuffix(s, "h0m") {
		s = strings.TrimSuffix(s, "0m")
	}
	return append(b, strings.Replace(s, "µs", "us", 1)...)
}

func appendName(b []byte, name string) []byte {
	if isWord(name) {
		return append(b, name...)
	}
	return strconv.AppendQuote(b, name)
}

// isWord reports whether a name needs no quotes.
func isWord(name string) bool {
	for i := range len(name) {
		if !wordByte(name[i]) {
			return false
		}
	}
	return name != ""
}

// wordByte reports whether c can be part of a word.
func wordByte(c byte) bool {
	switch {
	case 'a' <= c && c <= 'z', 'A' <= c && c <= 'Z', '0' <= c && c <= '9':
		return true
	}
	return strings.IndexByte("_.:/+-*@$", c) >= 0
}
