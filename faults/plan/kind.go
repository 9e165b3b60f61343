package plan

import (
	"fmt"
	"slices"

	"github.com/troupe-go/troupe/protocol"
)

// places is the set of target kinds that a fault can apply to.
type places uint8

const (
	onLink places = 1 << iota
	onServer
	onActor
)

// has reports whether a target of kind t is among them. TargetAny is a link.
func (p places) has(t TargetKind) bool {
	switch t {
	case TargetAny, TargetLink:
		return p&onLink != 0
	case TargetServer:
		return p&onServer != 0
	case TargetActor:
		return p&onActor != 0
	}
	return false
}

// arg is a kind of argument of a fault, and so the field that holds it.
type arg uint8

const (
	argDuration arg = iota
	argJitter       // optional
	argSize
	argProb
	argText
)

// aim says what a fault's direction is.
type aim uint8

const (
	noAim     aim = iota // it takes none
	aimEffect            // where it happens
	aimCause             // which bytes or operations trigger it
)

// form describes a kind: its arguments and rules, and its name in text.
type form struct {
	name   string
	places places
	args   []arg // in the order of the text form
	aim    aim
	lasts  bool // takes For
	byOp   bool // on a link it needs When.Op
	timed  bool // on a link it takes no When
}

// forms has the form of each kind; an entry without a name is not a kind.
var forms = [...]form{
	Latency:   {name: "latency", places: onLink, args: []arg{argDuration, argJitter}, aim: aimEffect, lasts: true},
	Bandwidth: {name: "bandwidth", places: onLink, args: []arg{argSize}, aim: aimEffect, lasts: true},
	Slice:     {name: "slice", places: onLink, args: []arg{argSize}, aim: aimEffect, lasts: true},
	Coalesce:  {name: "coalesce", places: onLink, args: []arg{argDuration}, aim: aimEffect, lasts: true},
	Blackhole: {name: "blackhole", places: onLink, aim: aimEffect, lasts: true},
	HalfOpen:  {name: "halfopen", places: onLink, aim: aimEffect, lasts: true},
	Corrupt:   {name: "corrupt", places: onLink, args: []arg{argProb}, aim: aimEffect, lasts: true},
	SlowClose: {name: "slowclose", places: onLink, args: []arg{argDuration}, aim: aimEffect, lasts: true},
	Refuse:    {name: "refuse", places: onLink, lasts: true, timed: true},
	Limit:     {name: "limit", places: onLink, args: []arg{argSize}, lasts: true, timed: true},

	Reset:  {name: "reset", places: onLink, aim: aimCause},
	Fin:    {name: "fin", places: onLink, aim: aimEffect},
	Replay: {name: "replay", places: onLink, args: []arg{argSize}, aim: aimEffect},
	Inject: {name: "inject", places: onLink, args: []arg{argText}, aim: aimEffect},

	Drop:      {name: "drop", places: onLink, aim: aimCause, lasts: true, byOp: true},
	Delay:     {name: "delay", places: onLink | onActor, args: []arg{argDuration}, aim: aimCause, lasts: true, byOp: true},
	Duplicate: {name: "duplicate", places: onLink, aim: aimCause, lasts: true, byOp: true},
	Rewrite:   {name: "rewrite", places: onLink, args: []arg{argText}, aim: aimCause, lasts: true, byOp: true},

	Kill:     {name: "kill", places: onServer, lasts: true},
	Restart:  {name: "restart", places: onServer},
	Pause:    {name: "pause", places: onServer, lasts: true},
	LameDuck: {name: "lameduck", places: onServer, lasts: true},
	Kick:     {name: "kick", places: onServer},
	Panic:    {name: "panic", places: onActor},
}

// form returns the form of k; its name is empty if k is not a kind.
func (k Kind) form() form {
	if int(k) < len(forms) {
		return forms[k]
	}
	return form{}
}

// String returns the name of the kind in the text form, "none" for KindNone, and
// "Kind(n)" for a value that is not a kind.
func (k Kind) String() string {
	switch f := k.form(); {
	case f.name != "":
		return f.name
	case k == KindNone:
		return "none"
	}
	return fmt.Sprintf("Kind(%d)", uint8(k))
}

// Lasts reports whether a fault of the kind has a length, so that its rule may have For.
func (k Kind) Lasts() bool { return k.form().lasts }

// On reports whether a fault of the kind can apply to a target of kind t. TargetAny
// stands for a link.
func (k Kind) On(t TargetKind) bool { return k.form().places.has(t) }

// NeedsOp reports whether a rule of the kind needs When.Op when its target is a link.
func (k Kind) NeedsOp() bool { return k.form().byOp }

// Kinds returns all kinds, in the order of their constants.
func Kinds() []Kind {
	var all []Kind
	for k := range forms {
		if forms[k].name != "" {
			all = append(all, Kind(k))
		}
	}
	return all
}

// kindNamed returns the kind with that name, KindNone if there is none.
func kindNamed(name string) Kind {
	i := slices.IndexFunc(forms[:], func(f form) bool { return f.name == name })
	if i < 0 || name == "" {
		return KindNone
	}
	return Kind(i)
}

// String returns "in", "out" or "both", and "Direction(n)" for a value that is not a
// direction.
func (d Direction) String() string {
	switch d {
	case Both:
		return "both"
	case In:
		return "in"
	case Out:
		return "out"
	}
	return fmt.Sprintf("Direction(%d)", uint8(d))
}

// DirectionOf returns the direction in which an operation passes; [Both] for one that
// either side sends, and for a value that is not an operation.
func DirectionOf(op protocol.Op) Direction {
	switch op {
	case protocol.OpInfo, protocol.OpMsg, protocol.OpHMsg, protocol.OpOK, protocol.OpErr:
		return In
	case protocol.OpConnect, protocol.OpPub, protocol.OpHPub, protocol.OpSub, protocol.OpUnsub:
		return Out
	}
	return Both
}

// hasSubject reports whether an operation carries a subject.
func hasSubject(op protocol.Op) bool {
	switch op {
	case protocol.OpMsg, protocol.OpHMsg, protocol.OpPub, protocol.OpHPub, protocol.OpSub:
		return true
	}
	return false
}

// opNamed returns the operation with that name on the wire, OpNone if there is none.
func opNamed(name string) protocol.Op {
	for op := protocol.OpInfo; op <= protocol.OpUnsub; op++ {
		if op.String() == name {
			return op
		}
	}
	return protocol.OpNone
}
