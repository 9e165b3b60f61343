package jetstream

import (
	"fmt"
	"time"
)

// orderedgap.go - whether messages may have been removed before an ordered consumer saw
// them, and what those who keep a copy of a stream do about it.

// Gap says why messages may have been removed from a stream that an ordered consumer has not
// seen: it was not there at the time, and goes on with those that are left.
type Gap uint8

// The reasons, in the order in which they are looked for.
const (
	// GapNone: whatever was stored meanwhile is there to be delivered.
	GapNone Gap = iota
	// GapReplaced: the stream was deleted, and made anew.
	GapReplaced
	// GapRegressed: the stream ends before what was delivered of it. See
	// StreamRegressedError.
	GapRegressed
	// GapRemoved: the stream begins behind the message that was to be the next.
	GapRemoved
	// GapAway: there was no consumer for so long that the message which says that something is gone
	// may be gone itself.
	GapAway
)

// gapTexts are in the order of the reasons.
var gapTexts = [...]string{"no gap", "the stream was made anew", "the stream has lost what was delivered",
	"the stream begins behind what is next", "the consumer was away for too long"}

// String returns the reason in plain words.
func (g Gap) String() string {
	if int(g) < len(gapTexts) {
		return gapTexts[g]
	}
	return fmt.Sprintf("gap %d", uint8(g))
}

// Renewal is what an ordered consumer knows when it has made its next consumer; see OnRenewed.
type Renewal struct {
	// Consumer is the new consumer as the server has made it. NumPending is what it had to
	// deliver at that moment.
	Consumer *ConsumerInfo
	// Stream is the stream as it was just before. Nil if nothing was handed on yet, unless there is a
	// RestartOnGap.
	Stream *StreamInfo
	// Last is the number of the last message that was handed on, or the number behind which the
	// config has it begin; 0 for none. One that was handed on last may
	// yet be in its handler.
	Last uint64
	// Gap says whether messages may be missing behind Last. If nothing was handed on yet it is GapNone, or
	// with a RestartOnGap GapReplaced.
	Gap Gap
	// Anew reports that it begins anew, as RestartOnGap wants it. If not, it goes on behind Last, or with
	// what was stored after it, if the stream has regressed.
	Anew bool

	facts orderedFacts
}

// regressed returns the error of a stream that ends before what was delivered, if the
// consumer goes on in it, and nil otherwise.
func (r *Renewal) regressed() *StreamRegressedError {
	if r.Stream == nil || r.Anew || r.Stream.State.LastSeq >= r.Last {
		return nil
	}
	return &StreamRegressedError{Stream: r.Stream.Config.Name, Seen: r.Last, Last: r.Stream.State.LastSeq, Resume: r.facts.place.at.Add(1)}
}

// OnRenewed has f called whenever an ordered consumer has made its next consumer: the
// first one is that of its CachedInfo. It is called before any message of that consumer is
// handed on, while the handler may run for the last message of the one before: MsgMetadata.Consumer
// tells them apart. It must be quick, and must not block. Without a meaning for other consumers.
func OnRenewed(f func(Renewal)) interface {
	PullConsumeOpt
	PullMessagesOpt
} {
	return pullOpt(func(o *consumeOpts) error {
		o.more.renewed = f
		return nil
	})
}

// RestartOnGap has an ordered consumer begin anew when there is a Gap, for those who keep
// a copy of what it delivers: with all messages, or with the last of each subject, as policy says,
// which is DeliverAllPolicy or DeliverLastPerSubjectPolicy. OnRenewed tells of it. Unless set it goes on
// with what is left.
//
// away is how long there may be no consumer before it is a GapAway: the time for which messages
// are kept that say that something is gone; at least 1 ns. A shorter MaxAge or SubjectDeleteMarkerTTL of the stream
// takes its place. Time counts from the last sign of life of one consumer to the making of the next.
// Without a meaning for other consumers.
func RestartOnGap(policy DeliverPolicy, away time.Duration) interface {
	PullConsumeOpt
	PullMessagesOpt
} {
	return pullOpt(func(o *consumeOpts) error {
		if policy != DeliverAllPolicy && policy != DeliverLastPerSubjectPolicy {
			return &OptionError{Option: "RestartOnGap", Reason: "begins with all messages, or with the last of each subject"}
		}
		o.more.restart = &orderedRestart{policy: policy, away: away}
		return within("RestartOnGap", away, 1, 1<<63-1)
	})
}

// orderedRestart is what RestartOnGap has set.
type orderedRestart struct {
	policy DeliverPolicy
	away   time.Duration
}

// orderedFacts are what decides about the next consumer.
type orderedFacts struct {
	place   orderedPlace
	created time.Time       // of the stream that the consumer before was of; zero if not known
	silence time.Duration   // since the last sign of life of the consumer before
	policy  DeliverPolicy   // where to begin without a place
	restart *orderedRestart // nil for none
}

// gap compares the place with the stream.
func (f *orderedFacts) gap(stream *StreamInfo) Gap {
	switch {
	case !f.created.IsZero() && !stream.Created.Equal(f.created):
		return GapReplaced
	case f.place.seq == 0: // nothing was handed on
	case stream.State.LastSeq < f.place.seq:
		return GapRegressed
	case stream.State.FirstSeq > f.place.seq+1:
		return GapRemoved
	case f.restart != nil && f.silence > f.restart.limit(&stream.Config):
		return GapAway
	}
	return GapNone
}

// limit is how long there may be no consumer of a stream.
func (r *orderedRestart) limit(cfg *StreamConfig) time.Duration {
	d := r.away
	for _, kept := range []time.Duration{cfg.MaxAge, cfg.SubjectDeleteMarkerTTL} {
		if kept > 0 {
			d = min(d, kept)
		}
	}
	return d
}
