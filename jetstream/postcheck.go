package jetstream

import (
	"context"
	"errors"
)

// postcheck.go - finds what a server has ignored in a config. Servers silently skip fields that
// they do not know, and some fields are older than the levels of the API.

// lost is a field that a server ignored.
type lost struct {
	is      bool
	feature string // of the config
	kind    error
}

// firstLost returns the first field that is lost; the zero value for none.
func firstLost(fields []lost) lost {
	for _, f := range fields {
		if f.is {
			return f
		}
	}
	return lost{}
}

// missingIn returns a field that was asked for but is not in use.
func (c *StreamConfig) missingIn(used StreamConfig) lost {
	return firstLost([]lost{
		{c.SubjectTransform != nil && used.SubjectTransform == nil, "SubjectTransform", ErrStreamSubjectTransformNotSupported},
		{c.Mirror != nil && used.Mirror == nil, "Mirror", ErrStreamSourceNotSupported},
		{len(c.Sources) > len(used.Sources), "Sources", ErrStreamSourceNotSupported},
		{c.Mirror.transformsLost(used.Mirror), "Mirror.SubjectTransforms", ErrStreamSourceSubjectTransformNotSupported},
		{transformsLost(c.Sources, used.Sources), "Sources.SubjectTransforms", ErrStreamSourceMultipleFilterSubjectsNotSupported},
		{c.Compression != used.Compression && used.Compression == NoCompression, "Compression", ErrNotSupported},
		{c.FirstSeq > 1 && used.FirstSeq == 0, "FirstSeq", ErrNotSupported},
		{c.RePublish != nil && used.RePublish == nil, "RePublish", ErrNotSupported},
		{c.AllowDirect && !used.AllowDirect, "AllowDirect", ErrNotSupported},
		{c.DiscardNewPerSubject && !used.DiscardNewPerSubject, "DiscardNewPerSubject", ErrNotSupported},
		{c.ConsumerLimits != (StreamConsumerLimits{}) && used.ConsumerLimits == (StreamConsumerLimits{}), "ConsumerLimits", ErrNotSupported},
		{len(c.Metadata) > 0 && len(used.Metadata) == 0, "Metadata", ErrNotSupported},
		{c.AllowMsgTTL && !used.AllowMsgTTL, "AllowMsgTTL", ErrNotSupported},
		{c.SubjectDeleteMarkerTTL > 0 && used.SubjectDeleteMarkerTTL == 0, "SubjectDeleteMarkerTTL", ErrNotSupported},
		{c.AllowMsgCounter && !used.AllowMsgCounter, "AllowMsgCounter", ErrNotSupported},
		{c.AllowAtomicPublish && !used.AllowAtomicPublish, "AllowAtomicPublish", ErrNotSupported},
		{c.AllowMsgSchedules && !used.AllowMsgSchedules, "AllowMsgSchedules", ErrNotSupported},
		{c.PersistMode != used.PersistMode && used.PersistMode == DefaultPersistMode, "PersistMode", ErrNotSupported},
		{c.AllowBatchPublish && !used.AllowBatchPublish, "AllowBatchPublish", ErrNotSupported},
	})
}

// transformsLost reports whether the transforms of a source are not in use.
func (s *StreamSource) transformsLost(used *StreamSource) bool {
	return s != nil && used != nil && len(s.SubjectTransforms) > len(used.SubjectTransforms)
}

// transformsLost does the same for a list of sources; a server keeps their order.
func transformsLost(asked, used []*StreamSource) bool {
	for i, source := range asked {
		if i < len(used) && source.transformsLost(used[i]) {
			return true
		}
	}
	return false
}

// missingIn returns a field that was asked for but is not in use.
func (c *ConsumerConfig) missingIn(used ConsumerConfig) lost {
	return firstLost([]lost{
		{len(c.FilterSubjects) > 0 && len(used.FilterSubjects) == 0 && used.FilterSubject == "", "FilterSubjects",
			ErrConsumerMultipleFilterSubjectsNotSupported},
		{len(c.Metadata) > 0 && len(used.Metadata) == 0, "Metadata", ErrNotSupported},
		{c.PriorityPolicy != used.PriorityPolicy, "PriorityPolicy", ErrNotSupported},
	})
}

// mayLose reports whether the connected server may silently ignore a part of the config: it is
// too old to have levels, or to announce its own.
func (js *jetStream) mayLose(c *StreamConfig) bool {
	enabled, level := js.nc.ConnectedServerJetStream()
	return enabled && level == 0 && c.requiredLevel().level == 0 && c.validate() == nil && c.missingIn(StreamConfig{}).feature != ""
}

// isMissing reports whether no stream has that name.
func (js *jetStream) isMissing(ctx context.Context, name string) bool {
	_, err := js.Stream(ctx, name)
	return errors.Is(err, ErrStreamNotFound)
}

// unsupportedStream says what a server has ignored in a new stream, and removes the stream if no
// other client can have created it: it did not exist before, and is empty.
func (js *jetStream) unsupportedStream(ctx context.Context, info *StreamInfo, l lost, isNew bool) error {
	e := &NotSupportedError{Op: "create stream", Stream: info.Config.Name, Feature: l.feature, Err: l.kind}
	if isNew && info.DidCreate && info.State.LastSeq == 0 && info.State.Consumers == 0 {
		e.RollbackErr = js.DeleteStream(ctx, info.Config.Name)
		e.RolledBack = e.RollbackErr == nil
	}
	return e
}
