package wire

import (
	"slices"

	"github.com/troupe-go/troupe/faults/plan"
)

// Inject adds a rule in its text form; the target is optional. The error is a
// [*plan.SyntaxError] or that of [Link.Add].
func (l *Link) Inject(rule string) (*Injection, error) {
	r, err := plan.ParseRule(rule)
	if err != nil {
		return nil, err
	}
	return l.Add(r)
}

// Add adds a rule to the link. Its At counts from now. The rule applies to present and
// future connections; rules apply in the order in which they were added. If there is an
// error, nothing was added: it is a [*plan.RangeError], a [*TargetError] if the rule
// names another target, or [ErrClosed].
func (l *Link) Add(rule plan.Rule) (*Injection, error) {
	if err := rule.Check(); err != nil {
		return nil, err
	}
	if !l.isMeant(rule.Target) || !rule.Fault.Kind.On(plan.TargetLink) {
		return nil, &TargetError{Link: l.name, Rule: rule}
	}
	l.mu.Lock()
	if l.closed {
		l.mu.Unlock()
		return nil, ErrClosed
	}
	l.added++
	i := &Injection{link: l, rule: rule, order: l.added, key: draw(l.seed, uint64(l.added))}
	l.list = append(l.list, i)
	if rule.At > 0 {
		i.next = l.after(rule.At, func() { l.start(i) })
		l.mu.Unlock()
		return i, nil
	}
	l.mu.Unlock()
	l.start(i)
	return i, nil
}

// isMeant reports whether a rule with that target applies to the link.
func (l *Link) isMeant(target plan.Target) bool {
	if l.name.Kind == plan.TargetAny {
		return target.Kind == plan.TargetAny || target.Kind == plan.TargetLink
	}
	return target.Matches(l.name)
}

// start puts a rule in force. A rule that is triggered by time and has no length happens
// here and ends.
func (l *Link) start(i *Injection) {
	l.mu.Lock()
	if i.state != waiting || l.closed {
		l.mu.Unlock()
		return
	}
	if i.timed() && !i.lasts() {
		conns := l.open()
		l.mu.Unlock()
		for _, c := range conns {
			if i.about(c.number) {
				c.happen(i)
			}
		}
		l.finish(i)
		return
	}
	i.state = holding
	// When a connection triggers the fault, its length counts from then, for each
	// connection.
	if i.rule.For > 0 && (i.timed() || !i.lasts()) {
		i.next = l.after(i.rule.For, func() { l.finish(i) })
	}
	conns := l.publish()
	l.mu.Unlock()
	update(conns)
}

// finish ends a rule.
func (l *Link) finish(i *Injection) {
	l.mu.Lock()
	before := i.state
	if before == ended {
		l.mu.Unlock()
		return
	}
	i.state = ended
	i.next.stop()
	var conns []*connection
	if before == holding {
		conns = l.publish()
	}
	l.mu.Unlock()
	i.finish()
	update(conns)
}

// publish stores the rules in force, and returns the connections to update. l.mu is held.
func (l *Link) publish() []*connection {
	rules := slices.DeleteFunc(slices.Clone(l.list), func(i *Injection) bool { return i.state != holding })
	l.rules.Store(&rules)
	return l.open()
}

func update(conns []*connection) {
	for _, c := range conns {
		c.update()
	}
}

// Lift ends the rule: what it held back passes, what it has done stays done. A half-open
// connection is reset. Lifting an ended rule does nothing.
func (i *Injection) Lift() {
	i.link.finish(i)
	i.link.mu.Lock()
	defer i.link.mu.Unlock()
	i.link.list = slices.DeleteFunc(i.link.list, func(o *Injection) bool { return o == i })
}

// Clear lifts all rules.
func (l *Link) Clear() {
	for _, i := range l.Injections() {
		i.Lift()
	}
}

// Injections returns the rules that were added and not lifted, including those that have
// ended by themselves, in the order in which they were added.
func (l *Link) Injections() []*Injection {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.list)
}
