package plan

import (
	"time"

	"github.com/troupe-go/troupe/protocol"
)

// Plan is what goes wrong in a run: rules that hold side by side. The zero value is
// a run without faults. A plan is data: it can be printed, parsed, drawn from a seed
// and made smaller, and nothing happens until it is played.
type Plan struct {
	Rules []Rule
}

// Rule is one fault: where, when, and what. Its text form is one line, whose grammar
// is in the comment of the package.
//
//	at 12s for 3s link(client, s2) blackhole(out)
//	when op(HMSG) index(3) reset
type Rule struct {
	// Target is what the rule is about. The zero value is whatever the rule is
	// given to: a proxy, or each link of a run.
	Target Target

	// At is when the rule begins to hold, counted from the moment at which it is
	// injected; 0 is at once. Up to [DurationMax], as every duration here.
	At time.Duration

	// For is how long the fault lasts once it has begun; 0 is to the end. A fault of
	// operations begins at At: it meets those that pass within For of it. What has no
	// length, like a reset, refuses it.
	For time.Duration

	// When is what sets the fault off from At on. The zero value is nothing: it is
	// set off by the time alone.
	When When

	// Fault is what happens.
	Fault Fault
}

// TargetKind says what kind of thing a rule is about.
type TargetKind uint8

// The kinds of targets.
const (
	TargetAny    TargetKind = iota // whatever the rule is given to
	TargetLink                     // link(client, server): connections of a client to a server
	TargetServer                   // server(name): a server as a whole
	TargetActor                    // actor(kind): each actor of a kind, such as reader or dispatcher
)

// Any stands for every name in a [Target].
const Any = "*"

// Target names what a rule is about. The fields that belong to its kind are set, with
// [Any] for every one; the others are empty. A name has up to [NameMax] bytes.
type Target struct {
	Kind   TargetKind
	Client string // TargetLink: the name under which the client dials
	Server string // TargetLink, TargetServer
	Actor  string // TargetActor: the actor's kind
}

// When says what sets a fault off. All that is set must hold. Counting is over all
// connections of a link, in the order in which things pass, from At on, and each rule
// counts for itself. An actor's rule counts the messages of all actors of the kind
// together; Index, Every and Prob are all that it takes. A server's rule takes nothing.
type When struct {
	// Op is the operation that sets the fault off as it passes, before it is handed
	// on; OpNone is none.
	Op protocol.Op

	// Subject is a pattern that the subject of Op has to match, wildcards included;
	// empty is every subject. It goes with MSG, HMSG, PUB, HPUB and SUB.
	Subject string

	// Index makes it the n-th match only, counted from 1, and Every each n-th; 0 is
	// each match. One of the two at most. On a link they go with Op or Bytes, which
	// say what is counted.
	Index, Every int

	// Prob is the share of matches that count, drawn from the seed of the run; 0 is all
	// of them. From 0 to 1. Index and Every count those that are left. On a link it goes
	// with Op or Bytes.
	Prob float64

	// Bytes sets the fault off when so many bytes of one connection have passed in
	// the fault's direction; the next byte is the first that meets it. With [Both]
	// each direction counts for itself. 0 is none. It does not go with Op.
	Bytes int64

	// Conn makes it the n-th connection of the link only, counted from 1 since the
	// link was made; 0 is each.
	Conn int
}

// Direction is a direction on a link, as its client sees it. Its String is its name in
// the text form.
type Direction uint8

// The directions. A fault that an operation sets off needs none: with Both it is the
// direction in which that operation passes.
const (
	Both Direction = iota // either
	In                    // from the server to the client
	Out                   // from the client to the server
)

// Fault is what happens. Which of the fields a kind takes is said at the kind, in the
// order of its text form; the others are zero.
type Fault struct {
	Kind Kind
	Dir  Direction

	Duration time.Duration
	Jitter   time.Duration
	Size     int64
	Prob     float64
	Text     string // raw bytes, as they stand on the wire; up to TextMax
}

// Kind is a kind of fault. Its String is its name in the text form.
type Kind uint8

// Faults of a link that last. Each but the last two takes a direction. One that the
// time sets off holds for all connections of the link, those that are made later
// included; one that Op or Bytes set off holds for the connection that did it. The
// last two are about connections that are made, and take no condition.
const (
	KindNone  Kind = iota
	Latency        // latency(d, jitter): bytes arrive d later, give or take up to jitter, in their order; jitter is at most d
	Bandwidth      // bandwidth(n): n bytes a second
	Slice          // slice(n): no more than n bytes in one write
	Coalesce       // coalesce(d): bytes are gathered for d, and written in one
	Blackhole      // blackhole: nothing passes; what was held passes when it ends, as after retransmission
	HalfOpen       // halfopen: the other side is gone without a word: bytes vanish; a reset when it ends
	Corrupt        // corrupt(p): each byte has one bit flipped with probability p
	SlowClose      // slowclose(d): the end of one side is told to the other d later
	Refuse         // refuse: new connections are refused
	Limit          // limit(n): connections beyond n at a time are refused
)

// Faults of a link that happen at a moment: at their time to all connections that are
// open then, at what sets them off to the one connection concerned. Each takes a
// direction; for a reset it only says which bytes or which operations are counted.
const (
	Reset  Kind = iota + 32 // reset: the connection is reset (RST), what was not yet handed on is lost
	Fin                     // fin: the end of the stream is told to the side that Dir points to
	Replay                  // replay(n): the last n bytes come again, up to ReplayMax
	Inject                  // inject(text): text comes, between two operations, before the one that sets it off
)

// Faults of the operation that sets them off, each time that it does. They need
// When.Op, and take a direction for an operation that both sides send. Delay is for
// actors, too, and takes neither there.
const (
	Drop      Kind = iota + 64 // drop: it does not arrive
	Delay                      // delay(d): it arrives d later, and what follows it, too; actor: each message takes d longer
	Duplicate                  // duplicate: it arrives twice
	Rewrite                    // rewrite(text): text arrives in its place
)

// Faults of servers, and of actors. For is the time until a server that was killed or
// sent away is started again, or goes on after a pause; with 0 it stays so.
const (
	Kill     Kind = iota + 96 // kill: the server ends without a farewell
	Restart                   // restart: the server ends and starts again at once
	Pause                     // pause: the server stands still, its connections stay open
	LameDuck                  // lameduck: the server asks its clients to leave, then ends
	Kick                      // kick: the server closes each connection that it has
	Panic                     // panic: the actor panics at each message that counts; without a condition at the next one only
)
