package plan

import (
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/troupe-go/troupe/protocol"
)

// Check returns a [*RangeError] for the first invalid rule, nil if there is none.
func (p Plan) Check() error {
	for _, rule := range p.Rules {
		if err := rule.Check(); err != nil {
			return err
		}
	}
	return nil
}

// Check returns a [*RangeError] for the first field whose value is out of range or
// does not go with the others, nil if there is none. What it accepts has a text form
// that reads back as the same rule.
func (r Rule) Check() error {
	if wrong := r.wrong(); wrong != nil {
		return wrong
	}
	return nil
}

func (r Rule) wrong() *RangeError {
	c := checker{rule: r, form: r.Fault.Kind.form()}
	c.kind()
	c.target()
	c.times()
	c.when()
	c.counting()
	c.whenFits()
	c.arguments()
	c.direction()
	return c.wrong
}

// checker checks one rule and keeps the first problem.
type checker struct {
	rule  Rule
	form  form
	wrong *RangeError
}

// need records an error for the field, with its value and what is wanted, unless holds.
func (c *checker) need(holds bool, field, value, want string) {
	if holds || c.wrong != nil {
		return
	}
	c.wrong = &RangeError{Rule: c.rule, Field: field, Value: brief(value), Want: want}
}

func (c *checker) duration(field string, d, least time.Duration) {
	c.need(d >= least && d <= DurationMax, field, d.String(), fmt.Sprintf("%s to %s", least, DurationMax))
}

func (c *checker) number(field string, n, least int64) {
	c.need(n >= least, field, strconv.FormatInt(n, 10), fmt.Sprintf("%d or more", least))
}

// share accepts 0, which means that none is given; NaN is refused.
func (c *checker) share(field string, p float64) {
	c.need(p >= 0 && p <= 1, field, string(appendShare(nil, p)), "above 0, up to 1")
}

func (c *checker) kind() {
	c.need(c.form.name != "", "fault", c.rule.Fault.Kind.String(), "a kind of fault")
}

func (c *checker) target() {
	t := c.rule.Target
	c.need(t.Kind <= TargetActor, "target", t.String(), "any, link, server or actor")
	c.name("client", t.Client, t.Kind == TargetLink)
	c.name("server", t.Server, t.Kind == TargetLink || t.Kind == TargetServer)
	c.name("actor", t.Actor, t.Kind == TargetActor)
	target := t.String()
	if t.Kind == TargetAny {
		target = "missing"
	}
	c.need(c.form.places.has(t.Kind), "target", target, c.form.places.want()+" for "+c.form.name)
}

// want describes the targets for an error.
func (p places) want() string {
	var names []string
	for i, name := range []string{"link(client, server)", "server(name)", "actor(kind)"} {
		if p&(1<<i) != 0 {
			names = append(names, name)
		}
	}
	return strings.Join(names, " or ")
}

func (c *checker) name(field, name string, belongs bool) {
	if !belongs {
		c.need(name == "", field, strconv.Quote(brief(name)), "none with this kind of target")
		return
	}
	c.need(name != "" && len(name) <= NameMax, field, strconv.Quote(brief(name)), fmt.Sprintf("a name of 1 to %d bytes", NameMax))
}

func (c *checker) times() {
	c.duration("at", c.rule.At, 0)
	c.duration("for", c.rule.For, 0)
	c.need(c.rule.For == 0 || c.form.lasts, "for", c.rule.For.String(), "none: "+c.form.name+" has no length")
}

func (c *checker) when() {
	w := c.rule.When
	c.need(w.Op <= protocol.OpUnsub, "op", strconv.Itoa(int(w.Op)), "an operation")
	c.number("index", int64(w.Index), 0)
	c.number("every", int64(w.Every), 0)
	c.share("prob", w.Prob)
	c.number("bytes", w.Bytes, 0)
	c.number("conn", int64(w.Conn), 0)
	if w.Subject == "" {
		return
	}
	subject := strconv.Quote(brief(w.Subject))
	c.need(protocol.CheckSubscribeSubject(w.Subject) == nil, "subject", subject, "a subject, with or without wildcards")
	c.need(hasSubject(w.Op), "subject", subject, "none without op(MSG), HMSG, PUB, HPUB or SUB")
}

// counting checks what is counted, and how, against each other.
func (c *checker) counting() {
	w := c.rule.When
	c.need(w.Index == 0 || w.Every == 0, "every", strconv.Itoa(w.Every), "none with index")
	c.need(w.Bytes == 0 || w.Op == protocol.OpNone, "bytes", strconv.FormatInt(w.Bytes, 10), "none with op")
}

// whenFits checks the conditions against the target and the kind.
func (c *checker) whenFits() {
	w := c.rule.When
	op, bytes, conn := w.Op.String(), strconv.FormatInt(w.Bytes, 10), strconv.Itoa(w.Conn)
	switch c.rule.Target.Kind {
	case TargetServer:
		c.need(w == When{}, "when", string(appendWhen(nil, w)), "none for a server")
	case TargetActor:
		c.need(w.Op == protocol.OpNone, "op", op, "none for an actor")
		c.need(w.Bytes == 0, "bytes", bytes, "none for an actor")
		c.need(w.Conn == 0, "conn", conn, "none for an actor")
	default:
		caused := w.Op != protocol.OpNone || w.Bytes != 0
		c.need(!c.form.timed || w == When{}, "when", string(appendWhen(nil, w)), "none for "+c.form.name)
		c.need(!c.form.byOp || w.Op != protocol.OpNone, "op", op, "an operation: it is what "+c.form.name+" is done to")
		c.need(caused || w.Index == 0, "index", strconv.Itoa(w.Index), "none without op or bytes")
		c.need(caused || w.Every == 0, "every", strconv.Itoa(w.Every), "none without op or bytes")
		c.need(caused || w.Prob == 0, "prob", string(appendShare(nil, w.Prob)), "none without op or bytes")
	}
}

// arguments checks that exactly the arguments of the kind are set.
func (c *checker) arguments() {
	f := c.rule.Fault
	takes := map[arg]bool{}
	for _, a := range c.form.args {
		takes[a] = true
	}
	none := "none: " + c.form.name + " takes none"
	if takes[argDuration] {
		c.duration("duration", f.Duration, 1)
	}
	if takes[argJitter] {
		c.need(f.Jitter >= 0 && f.Jitter <= f.Duration, "jitter", f.Jitter.String(), "0s to "+f.Duration.String()+", the duration")
	}
	if takes[argSize] {
		c.number("size", f.Size, 1)
	}
	if takes[argProb] {
		c.share("prob", f.Prob)
		c.need(f.Prob > 0, "prob", "0", "above 0, up to 1")
	}
	if takes[argText] {
		c.need(f.Text != "" && len(f.Text) <= TextMax, "text", fmt.Sprintf("of %d bytes", len(f.Text)), fmt.Sprintf("1 to %d bytes", TextMax))
	}
	c.need(f.Duration == 0 || takes[argDuration], "duration", f.Duration.String(), none)
	c.need(f.Jitter == 0 || takes[argJitter], "jitter", f.Jitter.String(), none)
	c.need(f.Size == 0 || takes[argSize], "size", strconv.FormatInt(f.Size, 10), none)
	c.need(f.Prob == 0 || takes[argProb], "prob", string(appendShare(nil, f.Prob)), none)
	c.need(f.Text == "" || takes[argText], "text", fmt.Sprintf("of %d bytes", len(f.Text)), none)
	c.need(f.Kind != Replay || f.Size <= ReplayMax, "size", strconv.FormatInt(f.Size, 10), fmt.Sprintf("1 to %d", ReplayMax))
}

// direction checks that the fault has a direction only where it means something, and that
// what triggers the fault passes in that direction.
func (c *checker) direction() {
	dir, op := c.rule.Fault.Dir, c.rule.When.Op
	passes := DirectionOf(op)
	c.need(dir <= Out, "direction", dir.String(), wantDirection)
	if dir == Both {
		return
	}
	c.need(c.form.aim != noAim && c.rule.Target.Kind != TargetActor, "direction", dir.String(), "none here")
	if c.form.aim != aimCause {
		return
	}
	c.need(op != protocol.OpNone || c.rule.When.Bytes != 0, "direction", dir.String(), "none without op or bytes, which it is about")
	c.need(passes == Both || passes == dir, "direction", dir.String(), passes.String()+", or none: "+op.String()+" passes no other way")
}
