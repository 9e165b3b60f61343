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

// The policies.
const (
	// Wait makes the server wait: nothing is lost, and nothing more is requested. It is the
	// default.
	Wait Slow = iota
	// Conflate keeps only the newest entry of each subject, so at most one per subject waits.
	// The handler never waits.
	Conflate
	// Stop ends the watcher with a SlowError.
	Stop
)

const (
	// DefaultAway is the default of how long markers of deletions are kept at least.
	DefaultAway = 30 * time.Minute
	// DefaultWaiting bounds the events that wait with Wait.
	DefaultWaiting = 256
	// DefaultStopAt bounds the events that wait with Stop.
	DefaultStopAt = 65_536
)

// Config says what is watched, and how.
type Config[T any] struct {
	// Name is the name of the actor in the tree, below consumers. It must be unique.
	Name string
	// JetStream is on the connection that the watcher belongs to.
	JetStream jetstream.JetStream
	// Stream is the stream that is watched. The creation time in its CachedInfo must be right.
	Stream jetstream.Stream
	// Filters are the subjects that are watched; without any, all of them.
	Filters []string
	// Deliver says where the first sync begins: DeliverLastPerSubjectPolicy, DeliverAllPolicy,
	// DeliverNewPolicy or DeliverByStartSequencePolicy. Later ones begin the same way with
	// DeliverAllPolicy, and otherwise with the last message of each subject.
	Deliver jetstream.DeliverPolicy
	// StartSeq is where DeliverByStartSequencePolicy begins; at least 1. If the stream has not
	// reached the sequence before it, or has removed messages from it on, the first sync is a
	// Resync.
	StartSeq uint64
	// HeadersOnly leaves the data out.
	HeadersOnly bool
	// Decode makes a value of a message. It may keep the message, but not meta, which is valid
	// until it returns. If keep is false there is no event. An error becomes an Undecoded event.
	// It must not block.
	Decode func(m jetstream.Msg, meta *jetstream.MsgMetadata) (value T, keep bool, err error)
	// Missing says what happens when the stream is gone: MissingStop, the zero value, ends the
	// watcher with the error; MissingWait waits for a stream, and then starts over.
	Missing jetstream.Missing
	// Away is how long a watcher may be without a consumer before it starts over; zero is
	// DefaultAway. See jetstream.RestartOnGap.
	Away time.Duration
	// Slow says what happens when events are not taken.
	Slow Slow
	// Waiting bounds the events that wait: zero is DefaultWaiting with Wait, and DefaultStopAt
	// with Stop; it is ignored with Conflate. In addition up to 4 MiB of messages, or two
	// messages, may have come.
	Waiting int
	// Strict ends a watcher of Channel with the DecodeError of the first Undecoded event, after
	// all events before it were sent. With Events it is ignored: they yield the error.
	Strict bool
	// Live is called with true when events are handed on as they are stored, and with false when
	// they are not: there is no server or no consumer, or the watcher starts over. It must not
	// block. Nil for none.
	Live func(live bool)
	// Progress returns counters to show before those of the watcher; see api.Spec. Nil for none.
	Progress func() []api.Counter

	once bool // for Load: do not start over
}

// complete sets the defaults, and returns an error for an invalid config.
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

// again returns where a later sync begins.
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

// ahead is how many bytes are requested ahead, unless two messages are more.
const ahead = 4 << 20

// CheckSlow returns an OptionError about an option that sets Config.Slow and Config.Waiting.
func CheckSlow(option string, answer Slow, waiting int) error {
	switch {
	case answer > Stop:
		return &jetstream.OptionError{Option: option, Reason: "has no policy " + strconv.Itoa(int(answer))}
	case waiting < 0:
		return &jetstream.OptionError{Option: option, Reason: strconv.Itoa(waiting) + " waiting is negative"}
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
