package jetstream

import (
	"math"
	"math/big"
	"strconv"
	"strings"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/protocol"
)

// publishrules.go - refuses what every stream would refuse, before it is sent.

func isLiteral(subject string) bool { return protocol.CheckPublishSubject(subject) == nil }
func isFilter(subject string) bool  { return protocol.CheckSubscribeSubject(subject) == nil }

// checkPublish checks the header that a message is to be sent with. An *OptionError says what is
// wrong with it.
func checkPublish(m *api.Msg, header api.Header) error {
	special := false
	for key := range header {
		special = special || strings.HasPrefix(key, "Nats-") && key != MsgIDHeader
	}
	if !special {
		return nil
	}
	p := published{m, header}
	for _, check := range []func() *OptionError{p.checkSize, p.checkCounter, p.checkExpected, p.checkFields, p.checkSchedule} {
		if err := check(); err != nil {
			return err
		}
	}
	return nil
}

// published is a message with the header that it is sent with.
type published struct {
	msg    *api.Msg
	header api.Header
}

// get returns a field as servers see it.
func (p published) get(key string) string { return strings.TrimLeft(p.header.Get(key), " \t") }

func wrongField(key, reason string, kind error) *OptionError {
	return &OptionError{Option: "header " + key, Reason: reason, Err: kind}
}

func (p published) checkSize() *OptionError {
	if protocol.HeaderSize(p.header) > math.MaxUint16 {
		return &OptionError{Option: "header", Reason: "is larger than 64 KiB", Err: ErrStreamHeaderExceedsMaximum}
	}
	return nil
}

// checkCounter checks an increment.
func (p published) checkCounter() *OptionError {
	by := p.get(incrementHeader)
	if by == "" {
		return nil
	}
	if _, ok := new(big.Int).SetString(by, 10); !ok {
		return wrongField(incrementHeader, strconv.Quote(by)+" is not a number", ErrCounterIncrInvalid)
	}
	if len(p.msg.Data) > 0 {
		return wrongField(incrementHeader, "does not go with data", ErrCounterPayload)
	}
	for _, other := range []string{MsgRollup, ExpectedStreamHeader, ExpectedLastMsgIDHeader, ExpectedLastSubjSeqSubjHeader, ExpectedLastSeqHeader, ExpectedLastSubjSeqHeader} {
		if p.get(other) != "" {
			return wrongField(incrementHeader, "does not go with "+other, ErrCounterIncrInvalid)
		}
	}
	return nil
}

// checkExpected checks what the message expects of the stream.
func (p published) checkExpected() *OptionError {
	for _, key := range []string{ExpectedLastSeqHeader, ExpectedLastSubjSeqHeader} {
		if text := p.get(key); text != "" {
			if _, err := strconv.ParseUint(text, 10, 64); err != nil {
				return wrongField(key, strconv.Quote(text)+" is not a sequence", ErrExpectedLastSequenceInvalid)
			}
		}
	}
	if p.get(ExpectedLastSubjSeqSubjHeader) != "" && p.get(ExpectedLastSubjSeqHeader) == "" {
		return wrongField(ExpectedLastSubjSeqSubjHeader, "needs "+ExpectedLastSubjSeqHeader, ErrExpectedLastSequenceInvalid)
	}
	return nil
}

// checkFields checks fields that do not depend on others.
func (p published) checkFields() *OptionError {
	if ttl := p.get(MsgTTLHeader); ttl != "" && !isTTL(ttl) {
		return wrongField(MsgTTLHeader, strconv.Quote(ttl)+" is neither a time of at least 1s nor never", ErrMsgTTLInvalid)
	}
	if rollup := strings.ToLower(p.get(MsgRollup)); rollup != "" && rollup != MsgRollupSubject && rollup != MsgRollupAll {
		return wrongField(MsgRollup, strconv.Quote(rollup)+" is neither sub nor all", ErrRollupFailed)
	}
	if _, has := p.header["Nats-Stream-Source"]; has {
		return wrongField("Nats-Stream-Source", "is reserved for servers", ErrMsgSourceHeader)
	}
	return nil
}

// isTTL reports whether a time to live is valid for servers.
func isTTL(ttl string) bool {
	if strings.EqualFold(ttl, ttlNever) {
		return true
	}
	if d, err := time.ParseDuration(ttl); err == nil {
		return d >= time.Second
	}
	seconds, err := strconv.ParseUint(ttl, 10, 63)
	return err == nil && seconds > 0
}

// checkSchedule checks a schedule, and fields that require one.
func (p published) checkSchedule() *OptionError {
	pattern := p.get(ScheduleHeader)
	if pattern == "" {
		for _, key := range []string{ScheduleTargetHeader, ScheduleSourceHeader, ScheduleTTLHeader, ScheduleTimeZoneHeader, ScheduleRollupHeader} {
			if p.get(key) != "" {
				return wrongField(key, "needs "+ScheduleHeader, ErrSchedulePatternInvalid)
			}
		}
		return nil
	}
	zone, zoned := p.header[ScheduleTimeZoneHeader]
	if zoned && (len(zone) == 0 || zone[0] == "") {
		return wrongField(ScheduleTimeZoneHeader, "is empty", ErrScheduleTimeZoneInvalid)
	}
	if reason := badPattern(pattern, zoned); reason != "" {
		return wrongField(ScheduleHeader, strconv.Quote(pattern)+" "+reason, ErrSchedulePatternInvalid)
	}
	if ttl := p.get(ScheduleTTLHeader); ttl != "" && !isTTL(ttl) {
		return wrongField(ScheduleTTLHeader, strconv.Quote(ttl)+" is neither a time of at least 1s nor never", ErrScheduleTTLInvalid)
	}
	target, source := p.get(ScheduleTargetHeader), p.get(ScheduleSourceHeader)
	if target == p.msg.Subject || !isLiteral(target) {
		return wrongField(ScheduleTargetHeader, strconv.Quote(target)+" is not another subject", ErrScheduleTargetInvalid)
	}
	if source != "" && (source == target || source == p.msg.Subject || !isLiteral(source)) {
		return wrongField(ScheduleSourceHeader, strconv.Quote(source)+" is not another subject", ErrScheduleSourceInvalid)
	}
	if rollup := p.get(ScheduleRollupHeader); rollup != "" && rollup != MsgRollupSubject {
		return wrongField(ScheduleRollupHeader, strconv.Quote(rollup)+" is not sub", ErrScheduleRollupInvalid)
	}
	if rollup := strings.ToLower(p.get(MsgRollup)); rollup == MsgRollupAll {
		return wrongField(MsgRollup, "of all does not go with a schedule", ErrScheduleRollupInvalid)
	}
	return nil
}
