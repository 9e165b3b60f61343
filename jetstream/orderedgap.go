package jetstream

import (
	"fmt"
	"time"
)

// orderedgap.go - whether messages may have been removed before an ordered consumer saw
// them, and how clients that keep a copy of a stream react.

// Gap says why messages may have been removed from a stream before an ordered consumer saw them:
// there was no consumer at the time, and the next one continues with those that are left.
type Gap uint8

// The reasons, in the order in which they are checked.
const (
	// GapNone: everything stored meanwhile can still be delivered.
	GapNone Gap = iota
	// GapReplaced: the stream was deleted and created again.
	GapReplaced
	// GapRegressed: the stream ends before the last message that was delivered from it. See
	// StreamRegressedError.
	GapRegressed
	// GapRemoved: the stream begins after the message that would have been next.
	GapRemoved
	// GapAway: there was no consumer for so long that markers of removed messages may have been
	// removed themselves.
	GapAway
)

// gapTexts are in the order of the reasons.
var gapTexts = [...]string{"no gap", "the stream was created again", "the stream has lost messages that were delivered",
	"the stream begins after the next message", "the consumer was away for too long"}

// String returns the reason in plain words.
func (g Gap) String() string {
	if int(g) < len(gapTexts) {
		return gapTexts[g]
	}
	return fmt.Sprintf("gap %d", uint8(g))
}

// Renewal is what an ordered consumer knows when it has created its next underlying consumer; see
// OnRenewed.
type Renewal struct {
	// Consumer is the info of the new consumer. NumPending is what it had to deliver at that
	// moment.
	Consumer *ConsumerInfo
	// Stream is the info of the stream just before. Nil if nothing was delivered yet, unless
	// there is a RestartOnGap.
	Stream *StreamInfo
	// Last is the sequence of the last message that was delivered, or the one after which the
	// config makes it begin; 0 for none. That message may still be in its handler.
	Last uint64
	// Gap says whether messages may be missing after Last. If nothing was delivered yet it is
	// GapNone, or GapReplaced with a RestartOnGap.
	Gap Gap
	// Anew reports that it starts over, as RestartOnGap demands. If false, it continues after
	// Last, or, if the stream has regressed, with messages stored later than Last.
	Anew bool

	facts orderedFacts
}

// regressed returns the error for a stream that ends before what was delivered, if the consumer
// continues in it, and nil otherwise.
func (r *Renewal) regressed() *StreamRegressedError {
	if r.Stream == nil || r.Anew || r.Stream.State.LastSeq >= r.Last {
		return nil
	}
	return &StreamRegressedError{Stream: r.Stream.Config.Name, Seen: r.Last, Last: r.Stream.State.LastSeq, Resume: r.facts.place.at.Add(1)}
}

// OnRenewed calls f whenever an ordered consumer has created its next underlying consumer; the
// first one is in its CachedInfo. f is called before any message of that consumer is delivered,
// while the handler may still run for the last message of the previous one: MsgMetadata.Consumer
// tells them apart. f must be quick and must not block. It has no effect on other consumers.
func OnRenewed(f func(Renewal)) interface {
	PullConsumeOpt
	PullMessagesOpt
} {
	return pullOpt(func(o *consumeOpts) error {
		o.more.renewed = f
		return nil
	})
}

// RestartOnGap makes an ordered consumer start over when there is a Gap, for clients that keep a
// copy of what it delivers: with all messages, or with the last of each subject, as policy says,
// which must be DeliverAllPolicy or DeliverLastPerSubjectPolicy. OnRenewed reports it. Default:
// it continues with what is left.
//
// away is how long there may be no consumer before it is a GapAway: the time for which markers of
// removed messages are kept; at least 1 ns. A shorter MaxAge or SubjectDeleteMarkerTTL of the
// stream replaces it. The time counts from the last sign of life of one consumer to the creation
// of the next. It has no effect on other consumers.
func RestartOnGap(policy DeliverPolicy, away time.Duration) interface {
	PullConsumeOpt
	PullMessagesOpt
} {
	return pullOpt(func(o *consumeOpts) error {
		if policy != DeliverAllPolicy && policy != DeliverLastPerSubjectPolicy {
			return &OptionError{Option: "RestartOnGap", Reason: "needs DeliverAllPolicy or DeliverLastPerSubjectPolicy"}
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

// orderedFacts determine the next consumer.
type orderedFacts struct {
	place   orderedPlace
	created time.Time       // of the stream of the previous consumer; zero if not known
	silence time.Duration   // since the last sign of life of the previous consumer
	policy  DeliverPolicy   // where to begin if there is no place
	restart *orderedRestart // nil for none
}

// gap compares the place with the stream.
func (f *orderedFacts) gap(stream *StreamInfo) Gap {
	switch {
	case !f.created.IsZero() && !stream.Created.Equal(f.created):
		return GapReplaced
	case f.place.seq == 0: // nothing was delivered
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
