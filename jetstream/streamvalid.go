package jetstream

import (
	"strconv"
	"time"

	"github.com/troupe-go/troupe/protocol"
)

const (
	replicasMax      = 5                      // of a stream, StreamMaxReplicas of the server
	streamAgeMin     = 100 * time.Millisecond // MaxAge and Duplicates
	deleteMarkersMin = time.Second            // SubjectDeleteMarkerTTL
)

// validate returns what a server would refuse in the config regardless of its other streams, as a
// *ConfigError; nil if nothing.
func (c *StreamConfig) validate() error {
	return firstError(
		checkStreamName(c.Name),
		firstBroken("stream", c.Name, c.valueRules()),
		firstBroken("stream", c.Name, c.featureRules()),
		firstBroken("stream", c.Name, c.mirrorRules()),
		c.checkSubjects(),
		c.checkSources(),
	)
}

func unknown[E interface{ MarshalJSON() ([]byte, error) }](value E) bool {
	_, err := value.MarshalJSON()
	return err != nil
}

func (c *StreamConfig) valueRules() []rule {
	p := c.Placement
	return []rule{
		{len(c.Description) > descriptionBytesMax, "Description", "has more than 4 KiB", nil},
		{metadataSize(c.Metadata) > metadataBytesMax, "Metadata", "has more than 128 KiB", nil},
		{unknown(c.Retention), "Retention", "is unknown", ErrUnknownValue},
		{unknown(c.Discard), "Discard", "is unknown", ErrUnknownValue},
		{unknown(c.Storage), "Storage", "is unknown", ErrUnknownValue},
		{unknown(c.Compression), "Compression", "is unknown", ErrUnknownValue},
		{unknown(c.PersistMode), "PersistMode", "is unknown", ErrUnknownValue},
		{c.Replicas < 0, "Replicas", "is negative", nil},
		{c.Replicas > replicasMax, "Replicas", "is more than 5", nil},
		{c.MaxAge < 0, "MaxAge", "is negative", nil},
		{c.MaxAge > 0 && c.MaxAge < streamAgeMin, "MaxAge", "is less than 100ms", nil},
		{c.Duplicates < 0, "Duplicates", "is negative", nil},
		{c.Duplicates > 0 && c.Duplicates < streamAgeMin, "Duplicates", "is less than 100ms", nil},
		{c.MaxAge > 0 && c.Duplicates > c.MaxAge, "Duplicates", "is longer than MaxAge", nil},
		{c.SubjectDeleteMarkerTTL < 0, "SubjectDeleteMarkerTTL", "is negative", nil},
		{c.SubjectDeleteMarkerTTL > 0 && c.SubjectDeleteMarkerTTL < deleteMarkersMin,
			"SubjectDeleteMarkerTTL", "is less than a second", nil},
		{p != nil && p.Preferred != "", "Placement", "has a Preferred leader, which only a step-down may have", nil},
	}
}

// featureRules are for features that exclude each other.
func (c *StreamConfig) featureRules() []rule {
	counter, async, schedules := c.AllowMsgCounter, c.PersistMode == AsyncPersistMode, c.AllowMsgSchedules
	return []rule{
		{c.DenyPurge && c.AllowRollup, "DenyPurge", "excludes AllowRollup", nil},
		{c.DiscardNewPerSubject && c.Discard != DiscardNew, "DiscardNewPerSubject", "needs DiscardNew", nil},
		{c.DiscardNewPerSubject && c.MaxMsgsPerSubject <= 0, "DiscardNewPerSubject", "needs MaxMsgsPerSubject", nil},
		{counter && c.Discard == DiscardNew, "AllowMsgCounter", "excludes DiscardNew", nil},
		{counter && c.AllowMsgTTL, "AllowMsgCounter", "excludes AllowMsgTTL", nil},
		{counter && schedules, "AllowMsgCounter", "excludes AllowMsgSchedules", nil},
		{counter && c.Retention != LimitsPolicy, "AllowMsgCounter", "needs LimitsPolicy", nil},
		{schedules && c.Discard == DiscardNew, "AllowMsgSchedules", "excludes DiscardNew", nil},
		{schedules && len(c.Sources) > 0, "AllowMsgSchedules", "excludes Sources", ErrSourceWithMsgSchedules},
		{async && c.Storage != FileStorage, "PersistMode", "needs FileStorage", nil},
		{async && c.Replicas > 1, "PersistMode", "needs a single replica", nil},
		{async && c.AllowAtomicPublish, "PersistMode", "excludes AllowAtomicPublish", nil},
	}
}

// mirrorRules are for what a mirror cannot have.
func (c *StreamConfig) mirrorRules() []rule {
	if c.Mirror == nil {
		return nil
	}
	return []rule{
		{len(c.Subjects) > 0, "Mirror", "excludes Subjects", ErrMirrorWithSubjects},
		{len(c.Sources) > 0, "Mirror", "excludes Sources", ErrMirrorWithSources},
		{c.FirstSeq > 0, "Mirror", "excludes FirstSeq", ErrMirrorWithFirstSeq},
		{c.AllowMsgCounter, "Mirror", "excludes AllowMsgCounter", ErrMirrorConfig},
		{c.AllowAtomicPublish, "Mirror", "excludes AllowAtomicPublish", ErrMirrorConfig},
		{c.AllowBatchPublish, "Mirror", "excludes AllowBatchPublish", ErrMirrorConfig},
		{c.AllowMsgSchedules, "Mirror", "excludes AllowMsgSchedules", ErrMirrorWithMsgSchedules},
		{c.SubjectDeleteMarkerTTL > 0, "Mirror", "excludes SubjectDeleteMarkerTTL", ErrMirrorConfig},
	}
}

func (c *StreamConfig) checkSubjects() error {
	for _, subject := range c.Subjects {
		if err := checkConfigSubject("stream", c.Name, "Subjects", subject); err != nil {
			return err
		}
	}
	a, b, twice := firstOverlap(c.Subjects)
	all := len(c.Subjects) == 1 && c.Subjects[0] == ">"
	return firstBroken("stream", c.Name, []rule{
		{twice, "Subjects", "overlap: " + strconv.Quote(a) + " and " + strconv.Quote(b), ErrSubjectOverlap},
		{all && !c.NoAck, "Subjects", "include all subjects, which needs NoAck", nil},
		{all && c.Replicas > 1, "Subjects", "include all subjects, which needs a single replica", nil},
		{c.RePublish != nil && c.RePublish.Destination == "", "RePublish", "has no destination", nil},
	})
}

func (c *StreamConfig) checkSources() error {
	if c.Mirror != nil {
		if err := c.Mirror.validate(c.Name, "Mirror"); err != nil {
			return err
		}
	}
	for _, source := range c.Sources {
		if source == nil {
			return &ConfigError{Asset: "stream", Name: c.Name, Field: "Sources", Reason: "contain nil"}
		}
		if err := source.validate(c.Name, "Sources"); err != nil {
			return err
		}
	}
	return nil
}

// validate checks a source of the stream of that name.
func (s *StreamSource) validate(stream, field string) error {
	if err := checkName(s.Name, ErrInvalidStreamName); err != nil {
		return err
	}
	consumer := s.Consumer
	if err := firstBroken("stream", stream, []rule{
		{s.Domain != "" && s.External != nil, field, s.Name + " has a Domain and an External", nil},
		{s.FilterSubject != "" && len(s.SubjectTransforms) > 0, field,
			s.Name + " has a FilterSubject and SubjectTransforms", nil},
		{consumer != nil && (s.OptStartSeq > 0 || s.OptStartTime != nil), field,
			s.Name + " has a Consumer and a place to start", nil},
		{consumer != nil && s.FilterSubject != "", field, s.Name + " has a Consumer and a FilterSubject", nil},
	}); err != nil {
		return err
	}
	for _, transform := range s.SubjectTransforms {
		if transform.Source == "" {
			continue
		}
		if err := checkConfigSubject("stream", stream, field, transform.Source); err != nil {
			return err
		}
	}
	if s.FilterSubject != "" {
		if err := checkConfigSubject("stream", stream, field, s.FilterSubject); err != nil {
			return err
		}
	}
	return consumer.validate(stream, field)
}

func (c *StreamConsumerSource) validate(stream, field string) error {
	if c == nil {
		return nil
	}
	if err := checkName(c.Name, ErrInvalidConsumerName); err != nil {
		return err
	}
	err := protocol.CheckPublishSubject(c.DeliverSubject)
	return firstBroken("stream", stream, []rule{
		{err != nil, field, "have a Consumer without a valid DeliverSubject", ErrInvalidSubject},
	})
}

// external returns the source in the form for servers: the domain becomes the prefix of its API.
// The source itself is not changed.
func (s *StreamSource) external() *StreamSource {
	if s == nil || s.Domain == "" {
		return s
	}
	sent := *s
	sent.External = &ExternalStream{APIPrefix: "$JS." + s.Domain + ".API"}
	return &sent
}

// sent returns the config in the form in which it is sent. The config itself is not changed.
func (c StreamConfig) sent() StreamConfig {
	c.Mirror = c.Mirror.external()
	if len(c.Sources) == 0 {
		return c
	}
	sources := make([]*StreamSource, len(c.Sources))
	for i, source := range c.Sources {
		sources[i] = source.external()
	}
	c.Sources = sources
	return c
}
