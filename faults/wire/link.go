package wire

import (
	"net"
	"slices"
	"sync"
	"sync/atomic"

	"github.com/troupe-go/troupe/faults/plan"
)

// WindowDefault is the default of [Options.Window], in bytes.
const WindowDefault = 1 << 20

// Options configure a link. The zero value is valid. They are read by [New].
type Options struct {
	// Seed is the seed of everything random: shares of matches, jitter, bit flips. Two
	// links with the same seed and different names draw differently.
	Seed uint64

	// Window is how many bytes a connection holds in each direction while they are
	// delayed or can't pass. Then it stops reading, and its peer blocks, as with a full
	// TCP window. 0 or less is [WindowDefault].
	Window int

	// Info gets each INFO that a server sends, with its line ending, and returns what is
	// forwarded in its place, before any rule applies. It must not change or keep the
	// line. It is called with a lock of the connection held, and concurrently for several
	// connections. nil forwards lines unchanged. It does not see a stream that can't be
	// parsed, such as TLS after its first INFO.
	Info func(line []byte) []byte
}

// Link is the path from a client to a server: the state that their connections share. All
// methods are safe for concurrent use.
type Link struct {
	name   plan.Target
	seed   uint64 // derived from name and options
	window int
	info   func(line []byte) []byte // may be nil

	in, out  traffic
	refused  atomic.Int64
	resets   atomic.Int64
	rules    atomic.Pointer[[]*Injection] // rules in force, in the order in which they were added; immutable
	relays   sync.WaitGroup               // Relay calls
	callouts sync.WaitGroup               // timers that are set or run

	mu     sync.Mutex
	added  int                      // rules so far
	list   []*Injection             // added and not lifted
	conns  map[*connection]struct{} // being relayed
	made   int                      // connections so far
	closed bool
}

// New returns a link without rules. If name is of kind [plan.TargetLink], it is compared
// with the target of a rule. With the zero target the link has no name, and accepts every
// rule for links.
func New(name plan.Target, options Options) *Link {
	l := &Link{name: name, seed: draw(options.Seed, drawText(name.String())), window: options.Window, info: options.Info,
		conns: map[*connection]struct{}{}}
	if l.window <= 0 {
		l.window = WindowDefault
	}
	l.rules.Store(new([]*Injection))
	return l
}

// Name returns the target that the link was created with.
func (l *Link) Name() plan.Target { return l.name }

// Admit reports whether a new connection is allowed; call it before the connection is
// made. Its error is a [*RefusedError] if a rule refuses the connection, or [ErrClosed].
func (l *Link) Admit() error {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.admit(plan.Refuse, plan.Limit)
}

// admit checks the rules of some kinds. l.mu is held.
func (l *Link) admit(kinds ...plan.Kind) error {
	if l.closed {
		return ErrClosed
	}
	for _, i := range *l.rules.Load() {
		kind := i.rule.Fault.Kind
		if !slices.Contains(kinds, kind) || kind == plan.Limit && int64(len(l.conns)) < i.rule.Fault.Size {
			continue
		}
		i.hit(1)
		l.refused.Add(1)
		return &RefusedError{Link: l.name, Rule: i.rule}
	}
	return nil
}

// Relay takes ownership of both ends of a connection and forwards bytes until both ends
// or the link are closed. When it returns they are closed, and nothing of the connection
// is left. Any number of connections may be relayed at the same time; they are numbered
// in the order of the calls.
//
// An end whose type has Reset() error can be reset, and so can a [*net.TCPConn]; one with
// CloseWrite() error can be half-closed. An end that lacks the method is closed with
// Close instead.
//
// A connection that exceeds a limit, because another one was begun since Admit, is reset
// at once; so is every connection of a closed link.
func (l *Link) Relay(client, server net.Conn) {
	if relay, err := l.Open(client, server); err == nil {
		relay()
	}
}

// Open is the first part of [Link.Relay], for callers that have to know when the link has
// the connection: when Open returns, the connection has its number, counts as open, and
// faults that happen later apply to it. The caller has to call relay, once, which is the
// rest of Relay. The errors are those of [Link.Admit]; both ends are then reset.
func (l *Link) Open(client, server net.Conn) (relay func(), err error) {
	c := newConnection(l, client, server)
	if err := l.begin(c); err != nil {
		c.reset()
		return nil, err
	}
	return func() {
		c.relay()
		l.mu.Lock()
		delete(l.conns, c)
		l.mu.Unlock()
		l.relays.Done()
	}, nil
}

// begin gives a connection its number, unless it may not be relayed.
func (l *Link) begin(c *connection) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if err := l.admit(plan.Limit); err != nil {
		return err
	}
	l.made++
	c.number = l.made
	l.conns[c] = struct{}{}
	l.relays.Add(1)
	return nil
}

// open returns the connections that are being relayed, in the order of their numbers.
// l.mu is held.
func (l *Link) open() []*connection {
	all := make([]*connection, 0, len(l.conns))
	for c := range l.conns {
		all = append(all, c)
	}
	slices.SortFunc(all, func(a, b *connection) int { return a.number - b.number })
	return all
}

// Close ends all rules, resets all connections and waits until nothing of them is
// left. It may be called more than once.
func (l *Link) Close() {
	l.mu.Lock()
	l.closed = true
	conns := l.open()
	l.mu.Unlock()
	for _, c := range conns {
		c.reset()
	}
	l.Clear()
	l.relays.Wait()
	l.callouts.Wait()
}
