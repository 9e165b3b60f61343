package watch

import (
	"cmp"
	"slices"
	"strconv"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/jetstream"
)

// Slow says what a watcher does when events are not taken as fast as they come.
type Slow uint8

// The answers.
const (
	// Wait has the server wait: nothing is lost, and nothing more is asked for. The default.
	Wait Slow = iota
	// Conflate keeps the newest entry of each subject: what waits is bounded by their number. It
	// never waits.
	Conflate
	// Stop ends the watcher with a SlowError.
	Stop
)

const (
	// DefaultAway is how long markers of deletions are kept at least, unless a program wants otherwise.
	DefaultAway = 30 * time.Minute
	// DefaultWaiting bounds the events that wait with Wait.
	DefaultWaiting = 256
	// DefaultStopAt bounds the events that wait with Stop.
	DefaultStopAt = 65_536
)

// Config says what is watched, and how.
type Config[T any] struct {
	// Name is that of the actor in the tree, below consumers: no other may have it.
	Name string
	// JetStream has the connection that the watcher belongs to.
	JetStream jetstream.JetStream
	// Stream is what is watched. What its CachedInfo says of its making is relied on.
	Stream jetstream.Stream
	// Filters are the subjects that are watched; none is all.
	Filters []string
	// Deliver says where the first sync begins: DeliverLastPerSubjectPolicy, DeliverAllPolicy, DeliverNewPolicy or
	// DeliverByStartSequencePolicy. A later one begins with DeliverAllPolicy as it did, and otherwise with the last of
	// each subject.
	Deliver jetstream.DeliverPolicy
	// StartSeq is where DeliverByStartSequencePolicy begins; at least 1. If the stream has not come so far, or has
	// removed messages from there on, the first sync is a Resync.
	StartSeq uint64
	// HeadersOnly leaves the data out.
	HeadersOnly bool
	// Decode makes a value of a message. It keeps the message if it likes, but not meta, which is valid until it
	// returns. Without keep there is no event. An error is an Undecoded event. It must not block.
	Decode func(m jetstream.Msg, meta *jetstream.MsgMetadata) (value T, keep bool, err error)
	// Missing says what happens when the stream is gone: MissingStop, the zero value, ends the watcher with the
	// error; MissingWait waits for it, and begins anew when it is back.
	Missing jetstream.Missing
	// Away is how long a watcher may be without a consumer, at most, before it begins anew; zero is DefaultAway.
	// See jetstream.RestartOnGap.
	Away time.Duration
	// Slow says what happens when events are not taken.
	Slow Slow
	// Waiting bounds the events that wait: zero is DefaultWaiting with Wait, and DefaultStopAt with Stop.
	// Without a meaning for Conflate. Beside them up to 4 MiB of messages, or two, may have come.
	Waiting int
	// Strict ends a watcher of Channel with the DecodeError of the first event that is Undecoded, when all before
	// it was handed on. Watchers with Events see it there.
	Strict bool
	// Live is called with true when all is handed on as it is stored, and with false when it is not:
	// there is no server, no consumer, or it begins anew. It must not block. Nil for nobody.
	Live func(live bool)
	// Progress returns counters that stand before those of the watcher; see api.Spec. Nil for none.
	Progress func() []api.Counter

	once bool // of Load: it does not begin anew
}

// complete fills in the defaults, and refuses what makes no sense.
func (c *Config[T]) complete() error {
	refuse := func(field, reason string) error {
		return &jetstream.OptionError{Option: "watch." + field, Reason: reason}
	}
	switch c.Deliver {
	case jetstream.DeliverLastPerSubjectPolicy, jetstream.DeliverAllPolicy, jetstream.DeliverNewPolicy:
		if c.StartSeq > 0 {
			return refuse("StartSeq", "is for DeliverByStartSequencePolicy")
		}
	case jetstream.DeliverByStartSequencePolicy:
		if c.StartSeq == 0 {
			return refuse("StartSeq", "is missing")
		}
	default:
		return refuse("Deliver", "is not for watchers")
	}
	switch {
	case c.JetStream == nil || c.Stream == nil || c.Decode == nil:
		return refuse("Config", "lacks JetStream, Stream or Decode")
	case c.Missing != jetstream.MissingStop && c.Missing != jetstream.MissingWait:
		return refuse("Missing", "is not for watchers")
	case c.Slow > Stop:
		return refuse("Slow", "is unknown")
	case c.Waiting < 0:
		return refuse("Waiting", "is negative")
	case c.Away < 0:
		return refuse("Away", "is negative")
	}
	c.Filters = slices.Clone(c.Filters)
	c.Away = cmp.Or(c.Away, DefaultAway)
	if c.Slow == Stop {
		c.Waiting = cmp.Or(c.Waiting, DefaultStopAt)
	}
	c.Waiting = cmp.Or(c.Waiting, DefaultWaiting)
	return nil
}

// again is where another sync begins.
func (c *Config[T]) again() jetstream.DeliverPolicy {
	if c.Deliver == jetstream.DeliverAllPolicy {
		return jetstream.DeliverAllPolicy
	}
	return jetstream.DeliverLastPerSubjectPolicy
}

// options are those of the consumer.
func (w *Watcher[T]) options() []jetstream.PullConsumeOpt {
	options := []jetstream.PullConsumeOpt{
		jetstream.PullMaxBytes(max(ahead, 2*int(w.cfg.JetStream.Conn().MaxPayload()))), jetstream.OnRenewed(w.onRenewed), jetstream.OnEnded(w.onEnded),
		jetstream.ConsumeErrHandler(w.onTrouble),
	}
	if !w.cfg.once {
		options = append(options, jetstream.RestartOnGap(w.cfg.again(), w.cfg.Away))
	}
	return options
}

// ahead is how many bytes are asked for ahead, if two messages are not more.
const ahead = 4 << 20

// CheckSlow returns an OptionError about an option that sets Config.Slow and Config.Waiting.
func CheckSlow(option string, answer Slow, waiting int) error {
	switch {
	case answer > Stop:
		return &jetstream.OptionError{Option: option, Reason: "has no such answer as " + strconv.Itoa(int(answer))}
	case waiting < 0:
		return &jetstream.OptionError{Option: option, Reason: strconv.Itoa(waiting) + " waiting are less than none"}
	}
	return nil
}

// CheckMissing returns an OptionError about an option that sets Config.Missing.
func CheckMissing(option string, answer jetstream.Missing) error {
	if answer != jetstream.MissingStop && answer != jetstream.MissingWait {
		return &jetstream.OptionError{Option: option, Reason: "is MissingStop or MissingWait for a watcher"}
	}
	return nil
}
