package plan

import (
	"fmt"
	"slices"
	"strings"
	"time"
)

// Limits of a text and of a rule. All are inclusive.
const (
	RulesMax    = 10_000                       // rules in a text
	TextMax     = 4 << 20                      // bytes of Fault.Text
	NameMax     = 1 << 10                      // bytes of a name in a target
	ReplayMax   = 1 << 20                      // bytes that replay sends again
	DurationMax = 100 * 365 * 24 * time.Hour   // any duration
	lineMax     = 4*(TextMax+8*NameMax) + 4096 // bytes of a line: in quotes, a byte takes up to four
)

// Parse reads a plan: one rule on each line, with blank lines and # comments allowed. It
// returns the rules in their order, or the first [*SyntaxError] or [*RangeError]. A plan
// that it returns passes [Plan.Check]. Time and memory grow with the length of the text.
func Parse(text string) (Plan, error) {
	var p Plan
	number := 0
	for line := range strings.Lines(text) {
		number++
		rule, found, err := parseLine(trimEnd(line), number)
		if err != nil {
			return Plan{}, err
		}
		if !found {
			continue
		}
		if len(p.Rules) == RulesMax {
			return Plan{}, &SyntaxError{Line: number, Column: 1, Near: brief(trimEnd(line)), Want: fmt.Sprintf("the end after %d rules", RulesMax)}
		}
		p.Rules = append(p.Rules, rule)
	}
	return p, nil
}

// ParseRule reads one rule. Its errors are those of [Parse].
func ParseRule(line string) (Rule, error) {
	line = trimEnd(line)
	rule, found, err := parseLine(line, 1)
	if err == nil && !found {
		err = &SyntaxError{Line: 1, Column: len(line) + 1, Near: endOfLine, Want: wantClause}
	}
	if err != nil {
		return Rule{}, err
	}
	return rule, nil
}

// trimEnd removes the line ending.
func trimEnd(line string) string {
	return strings.TrimSuffix(strings.TrimSuffix(line, "\n"), "\r")
}

// parseLine reads the rule of a line; found is false if there is none.
func parseLine(line string, number int) (rule Rule, found bool, err error) {
	if len(line) > lineMax {
		return Rule{}, false, &SyntaxError{Line: number, Column: lineMax + 1, Near: brief(line[lineMax:]),
			Want: fmt.Sprintf("the end of the line after %d bytes", lineMax)}
	}
	p := parser{scan: scanner{line: line}, number: number}
	p.advance()
	if p.now.kind == tokenEnd && p.now.want == "" {
		return Rule{}, false, nil
	}
	rule = p.rule()
	if p.err == nil {
		p.err = p.checked(rule)
	}
	return rule, p.err == nil, p.err
}

// parser reads one line. It keeps the first error; after that nothing advances and
// returned values have no meaning.
type parser struct {
	scan   scanner
	number int // of the line
	now    token
	seen   []string // clauses and conditions read so far
	zero   string   // a field that was written as zero, which would count as left out
	err    error
}

// checked returns the first problem with the values of the rule, nil if there is none.
func (p *parser) checked(rule Rule) error {
	if p.zero != "" {
		return &RangeError{Rule: rule, Line: p.number, Field: p.zero, Value: "zero", Want: "a value other than zero, or none"}
	}
	if wrong := rule.wrong(); wrong != nil {
		wrong.Line = p.number
		return wrong
	}
	return nil
}

// What errors say is expected.
const (
	wantClause    = "at, for, when, a target or a fault"
	wantCondition = "a condition: op, subject, index, every, prob, bytes or conn"
	wantDuration  = "a duration such as 1.5s, up to 876000h"
	wantNumber    = "a whole number"
	wantShare     = "a share such as 0.5"
	wantString    = "a string in double quotes"
	wantName      = "a name"
	wantDirection = "in, out or both"
	wantOp        = "an operation: INFO, MSG, HMSG, PING, PONG, +OK, -ERR, CONNECT, PUB, HPUB, SUB or UNSUB"
)

func (p *parser) advance() {
	if p.err == nil {
		p.now = p.scan.next()
	}
}

// fail notes that want is expected in place of the current token.
func (p *parser) fail(want string) { p.failAt(p.now, want) }

func (p *parser) failAt(t token, want string) {
	if p.err != nil {
		return
	}
	if t.want != "" {
		want = t.want
	}
	p.err = &SyntaxError{Line: p.number, Column: t.pos + 1, Near: t.near(), Want: want}
}

// take returns the current token, which must be of that kind, and advances.
func (p *parser) take(kind tokenKind, want string) token {
	t := p.now
	if t.kind != kind {
		p.fail(want)
	}
	if p.err != nil {
		return token{}
	}
	p.advance()
	return t
}

// once notes that the clause or condition at the current token was read, and advances.
func (p *parser) once(name string) {
	if slices.Contains(p.seen, name) {
		p.fail("no second " + name)
		return
	}
	p.seen = append(p.seen, name)
	p.advance()
}

func (p *parser) rule() Rule {
	var r Rule
	for p.err == nil {
		word := p.now.text
		if p.now.kind != tokenWord {
			word = ""
		}
		switch word {
		case "at":
			p.once(word)
			r.At = p.duration(p.take(tokenWord, wantDuration))
		case "for":
			p.once(word)
			r.For = p.duration(p.take(tokenWord, wantDuration))
			p.noteZero(word, r.For == 0)
		case "when":
			p.once(word)
			r.When = p.conditions()
		case "link", "server", "actor":
			p.once("target")
			r.Target = p.target(word)
		default:
			r.Fault = p.fault()
			p.take(tokenEnd, "the end of the line, as the fault comes last")
			return r
		}
	}
	return r
}

func (p *parser) conditions() When {
	var w When
	p.condition(&w, wantCondition)
	for p.err == nil && p.now.kind == tokenWord && conditions[p.now.text] {
		p.condition(&w, wantCondition)
	}
	return w
}

// conditions has the names of the conditions.
var conditions = map[string]bool{"op": true, "subject": true, "index": true, "every": true, "prob": true, "bytes": true, "conn": true}

func (p *parser) condition(w *When, want string) {
	name := p.now.text
	if p.now.kind != tokenWord || !conditions[name] {
		p.fail(want)
		return
	}
	p.once(name)
	p.take(tokenOpen, "(")
	value := p.take(valueOf(name), wantOf(name))
	before := *w
	switch name {
	case "op":
		w.Op = p.op(value)
	case "subject":
		w.Subject = value.value
	case "index":
		w.Index = p.count(value)
	case "every":
		w.Every = p.count(value)
	case "prob":
		w.Prob = p.share(value)
	case "bytes":
		w.Bytes = p.size(value)
	case "conn":
		w.Conn = p.count(value)
	}
	p.noteZero(name, *w == before) // a name occurs once, so a value that changed nothing is zero
	p.take(tokenClose, ")")
}

// valueOf returns the kind of token that a condition's value must be.
func valueOf(condition string) tokenKind {
	if condition == "subject" {
		return tokenString
	}
	return tokenWord
}

// wantOf describes for an error what a condition's value must be.
func wantOf(condition string) string {
	switch condition {
	case "op":
		return wantOp
	case "subject":
		return wantString
	case "prob":
		return wantShare
	}
	return wantNumber
}

// noteZero remembers a field that was written as zero.
func (p *parser) noteZero(field string, isZero bool) {
	if p.err == nil && isZero && p.zero == "" {
		p.zero = field
	}
}

func (p *parser) target(kind string) Target {
	var t Target
	p.take(tokenOpen, "(")
	switch kind {
	case "link":
		client := p.name()
		p.take(tokenComma, "a comma and the name of the server")
		t = Link(client, p.name())
	case "server":
		t = Server(p.name())
	case "actor":
		t = Actor(p.name())
	}
	p.take(tokenClose, ")")
	return t
}

func (p *parser) name() string {
	if p.now.kind == tokenString {
		return p.take(tokenString, wantName).value
	}
	if p.now.kind == tokenWord && !isWord(p.now.text) {
		p.fail("a name in double quotes")
	}
	return p.take(tokenWord, wantName).text
}
