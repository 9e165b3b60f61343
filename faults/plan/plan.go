package plan

import (
	"time"

	"github.com/troupe-go/troupe/protocol"
)

// Plan is a set of rules that hold at the same time. The zero value is a run without
// faults. A plan is data: it can be printed, parsed, drawn from a seed and made smaller.
// Nothing happens until it is played.
type Plan struct {
	Rules []Rule
}

// Rule is one fault: where, when, and what. Its text form is one line; the package
// comment has the grammar.
//
//	at 12s for 3s link(client, s2) blackhole(out)
//	when op(HMSG) index(3) reset
type Rule struct {
	// Target is what the rule applies to. The zero value is whatever the rule is given
	// to: a proxy, or each link of a run.
	Target Target

	// At is when the rule begins to hold, counted from its injection; 0 is at once. Up to
	// [DurationMax], like every duration here.
	At time.Duration

	// For is how long the fault lasts once it has begun; 0 is until the end. A fault of
	// operations begins at At, and applies to those that pass within For of it. A fault
	// without a length, such as a reset, does not allow For.
	For time.Duration

	// When is what triggers the fault, from At on. The zero value means that the fault is
	// triggered by time alone.
	When When

	// Fault is what happens.
	Fault Fault
}

// TargetKind is a kind of target.
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

// Target names what a rule applies to. The fields of its kind are set, to [Any] for every
// name; the others are empty. A name has up to [NameMax] bytes.
type Target struct {
	Kind   TargetKind
	Client string // TargetLink: the name under which the client dials
	Server string // TargetLink, TargetServer
	Actor  string // TargetActor: the actor's kind
}

// When is what triggers a fault. All conditions that are set must hold. Counting runs
// over all connections of a link, in the order in which things pass, from At on, and
// separately for each rule. A rule for actors counts the messages of all actors of the
// kind together, and takes only Index, Every and Prob. A rule for servers takes no
// conditions.
type When struct {
	// Op is the operation that triggers the fault as it passes, before it is forwarded;
	// OpNone is none.
	Op protocol.Op

	// Subject is a pattern, wildcards included, that the subject of Op has to match;
	// empty is every subject. It requires MSG, HMSG, PUB, HPUB or SUB.
	Subject string

	// Index selects the n-th match only, counted from 1, and Every each n-th match; 0 is
	// each match. At most one of the two may be set. On a link they require Op or Bytes,
	// which determine what is counted.
	Index, Every int

	// Prob is the share of matches that count, drawn from the seed of the run, from 0 to
	// 1; 0 is all of them. Index and Every count the matches that remain. On a link it
	// requires Op or Bytes.
	Prob float64

	// Bytes triggers the fault when that many bytes of one connection have passed in the
	// fault's direction; the next byte is the first one affected. With [Both] each
	// direction counts separately. 0 is none. It excludes Op.
	Bytes int64

	// Conn selects the n-th connection of the link only, counted from 1 since the link
	// was created; 0 is each connection.
	Conn int
}

// Direction is a direction on a link, as seen by its client. String returns its name in
// the text form.
type Direction uint8

// The directions. A fault triggered by an operation needs none: Both then means the
// direction in which that operation passes.
const (
	Both Direction = iota // either
	In                    // from the server to the client
	Out                   // from the client to the server
)

// Fault is what happens. Which fields a kind takes is described at the kind, in the order
// of its text form; the others are zero.
type Fault struct {
	Kind Kind
	Dir  Direction

	Duration time.Duration
	Jitter   time.Duration
	Size     int64
	Prob     float64
	Text     string // raw bytes, as on the wire; up to TextMax
}

// Kind is a kind of fault. String returns its name in the text form.
type Kind uint8

// Faults of a link that last. Each but the last two takes a direction. If triggered by
// time, such a fault holds for all connections of the link, later ones included; if
// triggered by Op or Bytes, it holds for the connection that triggered it. The last two
// are about new connections, and take no condition.
const (
	KindNone  Kind = iota
	Latency        // latency(d, jitter): bytes arrive in order, later by d plus or minus up to jitter; jitter is at most d
	Bandwidth      // bandwidth(n): at most n bytes per second
	Slice          // slice(n): at most n bytes in one write
	Coalesce       // coalesce(d): bytes are collected for d, and written together
	Blackhole      // blackhole: nothing passes; what was held back passes when it ends, as after retransmission
	HalfOpen       // halfopen: the other side vanishes without closing: bytes disappear; a reset when it ends
	Corrupt        // corrupt(p): each byte has one bit flipped with probability p
	SlowClose      // slowclose(d): when one side closes, the other learns of it d later
	Refuse         // refuse: new connections are refused
	Limit          // limit(n): connections beyond n at the same time are refused
)

// Faults of a link that happen at one moment: if triggered by time, to all connections
// that are open then, otherwise to the connection that triggered them. Each takes a
// direction; for a reset it only says which bytes or operations are counted.
const (
	Reset  Kind = iota + 32 // reset: the connection is reset (RST); what was not yet forwarded is lost
	Fin                     // fin: the side that Dir points to sees the end of the stream
	Replay                  // replay(n): the last n bytes arrive again; n is up to ReplayMax
	Inject                  // inject(text): text arrives between two operations, before the one that triggers it
)

// Faults of the operation that triggers them, each time that it does. They need When.Op,
// and take a direction for an operation that both sides send. Delay also applies to
// actors, and takes neither there.
const (
	Drop      Kind = iota + 64 // drop: it does not arrive
	Delay                      // delay(d): it and everything after it arrive d later; actor: each message takes d longer
	Duplicate                  // duplicate: it arrives twice
	Rewrite                    // rewrite(text): text arrives in its place
)

// Faults of servers, and of actors. For is the time until a server that was killed or put
// into lame duck mode is started again, or a paused one resumes; with 0 it never is.
const (
	Kill     Kind = iota + 96 // kill: the server ends without notice to its clients
	Restart                   // restart: the server ends and starts again at once
	Pause                     // pause: the server freezes; its connections stay open
	LameDuck                  // lameduck: the server asks its clients to leave, then ends
	Kick                      // kick: the server closes all its client connections
	Panic                     // panic: the actor panics at each message that matches; without a condition, only at the next one
)
