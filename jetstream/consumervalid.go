package jetstream

import (
	"strconv"
	"strings"
	"time"

	"github.com/troupe-go/troupe/protocol"
)

const (
	heartbeatMin     = 100 * time.Millisecond // IdleHeartbeat of a push consumer
	groupNameMax     = 16                     // bytes of a priority group's name
	pullExpiresMin   = time.Millisecond       // MaxRequestExpires
	groupNameSymbols = "/_=-"
)

// validate returns what a server would refuse in the config regardless of the stream, as a
// *ConfigError; nil if nothing. Name or Durable must be set.
func (c *ConsumerConfig) validate() error {
	name := c.name()
	if err := checkConsumerName(name); err != nil {
		return err
	}
	rules := c.pullRules()
	if c.DeliverSubject != "" {
		rules = c.pushRules()
	}
	return firstError(
		firstBroken("consumer", name, c.valueRules()),
		firstBroken("consumer", name, c.startRules()),
		c.checkFilters(),
		firstBroken("consumer", name, rules),
		firstBroken("consumer", name, c.flowRules()),
		firstBroken("consumer", name, c.groupRules()),
	)
}

// name returns the name of the consumer, which either field may hold.
func (c *ConsumerConfig) name() string {
	if c.Durable != "" {
		return c.Durable
	}
	return c.Name
}

func (c *ConsumerConfig) valueRules() []rule {
	negative := false
	for _, wait := range c.BackOff {
		negative = negative || wait < 0
	}
	return []rule{
		{c.Name != "" && c.Durable != "" && c.Name != c.Durable, "Durable", "differs from Name", ErrDurableNameMismatch},
		{len(c.Description) > descriptionBytesMax, "Description", "has more than 4 KiB", nil},
		{metadataSize(c.Metadata) > metadataBytesMax, "Metadata", "has more than 128 KiB", nil},
		{unknown(c.DeliverPolicy), "DeliverPolicy", "is unknown", ErrUnknownValue},
		{unknown(c.AckPolicy), "AckPolicy", "is unknown", ErrUnknownValue},
		{unknown(c.ReplayPolicy), "ReplayPolicy", "is unknown", ErrUnknownValue},
		{unknown(c.PriorityPolicy), "PriorityPolicy", "is unknown", ErrUnknownValue},
		{c.Replicas < 0, "Replicas", "is negative", nil},
		{c.Replicas > replicasMax, "Replicas", "is more than 5", nil},
		{c.AckWait < 0, "AckWait", "is negative", nil},
		{negative, "BackOff", "is negative", nil},
		{c.MaxDeliver > 0 && len(c.BackOff) > c.MaxDeliver, "BackOff", "has more than MaxDeliver", nil},
		{!isPercentage(c.SampleFrequency), "SampleFrequency", "is not a percentage", nil},
	}
}

// isPercentage reports whether text is empty, or a number with or without a percent sign.
func isPercentage(text string) bool {
	if text == "" {
		return true
	}
	n, err := strconv.Atoi(strings.TrimSuffix(text, "%"))
	return err == nil && n >= 0
}

// startRules concern where to begin.
func (c *ConsumerConfig) startRules() []rule {
	bySeq, byTime := c.DeliverPolicy == DeliverByStartSequencePolicy, c.DeliverPolicy == DeliverByStartTimePolicy
	filtered := c.FilterSubject != "" || len(c.FilterSubjects) > 0
	return []rule{
		{bySeq && c.OptStartSeq == 0, "OptStartSeq", "is needed by the DeliverPolicy", nil},
		{!bySeq && c.OptStartSeq > 0, "OptStartSeq", "is excluded by the DeliverPolicy", nil},
		{byTime && c.OptStartTime == nil, "OptStartTime", "is needed by the DeliverPolicy", nil},
		{!byTime && c.OptStartTime != nil, "OptStartTime", "is excluded by the DeliverPolicy", nil},
		{c.DeliverPolicy == DeliverLastPerSubjectPolicy && !filtered, "DeliverPolicy", "needs a filter", nil},
	}
}

func (c *ConsumerConfig) checkFilters() error {
	if c.FilterSubject != "" {
		if err := checkConfigSubject("consumer", c.name(), "FilterSubject", c.FilterSubject); err != nil {
			return err
		}
	}
	for _, filter := range c.FilterSubjects {
		if filter == "" {
			return &ConfigError{"consumer", c.name(), "FilterSubjects", "contain an empty one", ErrEmptyFilter}
		}
		if err := checkConfigSubject("consumer", c.name(), "FilterSubjects", filter); err != nil {
			return err
		}
	}
	a, b, twice := firstOverlap(c.FilterSubjects)
	return firstBroken("consumer", c.name(), []rule{
		{c.FilterSubject != "" && len(c.FilterSubjects) > 0, "FilterSubjects", "exclude FilterSubject", ErrDuplicateFilterSubjects},
		{twice, "FilterSubjects", "overlap: " + strconv.Quote(a) + " and " + strconv.Quote(b), ErrOverlappingFilterSubjects},
	})
}

// pullRules are for a consumer without a DeliverSubject.
func (c *ConsumerConfig) pullRules() []rule {
	return []rule{
		{c.RateLimit > 0, "RateLimit", "needs a DeliverSubject", nil},
		{c.IdleHeartbeat > 0, "IdleHeartbeat", "needs a DeliverSubject", nil},
		{c.FlowControl, "FlowControl", "needs a DeliverSubject", nil},
		{c.DeliverGroup != "", "DeliverGroup", "needs a DeliverSubject", nil},
		{c.MaxRequestExpires > 0 && c.MaxRequestExpires < pullExpiresMin, "MaxRequestExpires", "is less than a millisecond", nil},
	}
}

// pushRules are for a consumer with a DeliverSubject.
func (c *ConsumerConfig) pushRules() []rule {
	err := protocol.CheckPublishSubject(c.DeliverSubject)
	group := protocol.CheckQueue(c.DeliverGroup)
	return []rule{
		{err != nil, "DeliverSubject", "cannot be delivered to", ErrInvalidSubject},
		{group != nil, "DeliverGroup", "is not a valid queue group", nil},
		{c.MaxWaiting > 0, "MaxWaiting", "is excluded by DeliverSubject", nil},
		{c.MaxAckPending > 0 && c.AckPolicy == AckNonePolicy, "MaxAckPending", "is excluded by AckNonePolicy", nil},
		{c.IdleHeartbeat > 0 && c.IdleHeartbeat < heartbeatMin, "IdleHeartbeat", "is less than 100ms", ErrSmallHeartbeat},
		{c.PriorityPolicy != PriorityPolicyNone, "PriorityPolicy", "is excluded by DeliverSubject", ErrPriorityGroup},
	}
}

// flowRules concern AckFlowControlPolicy and FlowControl.
func (c *ConsumerConfig) flowRules() []rule {
	acks := c.AckPolicy == AckFlowControlPolicy
	return []rule{
		{acks && c.DeliverSubject == "", "AckPolicy", "needs a DeliverSubject", nil},
		{acks && c.MaxAckPending < 0, "AckPolicy", "needs a limit in MaxAckPending", nil},
		{acks && (c.AckWait > 0 || len(c.BackOff) > 0), "AckPolicy", "excludes AckWait and BackOff", nil},
		{acks && c.MaxDeliver > 0, "AckPolicy", "excludes MaxDeliver", nil},
		{c.FlowControl && !acks && c.IdleHeartbeat <= 0, "FlowControl", "needs IdleHeartbeat", ErrFlowControlNeedsHeartbeat},
	}
}

// groupRules concern priority groups.
func (c *ConsumerConfig) groupRules() []rule {
	prioritized := c.PriorityPolicy != PriorityPolicyNone
	invalid := false
	for _, group := range c.PriorityGroups {
		invalid = invalid || !isGroupName(group)
	}
	return []rule{
		{prioritized && len(c.PriorityGroups) == 0, "PriorityGroups", "are needed by PriorityPolicy", ErrPriorityGroup},
		{!prioritized && len(c.PriorityGroups) > 0, "PriorityGroups", "need a PriorityPolicy", ErrPriorityGroup},
		{invalid, "PriorityGroups", "have a name that is not 1 to 16 letters, digits or /_=-", ErrPriorityGroup},
		{c.PinnedTTL > 0 && c.PriorityPolicy != PriorityPolicyPinned, "PinnedTTL", "needs PriorityPolicyPinned", ErrPriorityGroup},
	}
}

// isGroupName reports whether a priority group can have that name.
func isGroupName(name string) bool {
	letter := func(c rune) bool {
		return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune(groupNameSymbols, c)
	}
	return name != "" && len(name) <= groupNameMax && !strings.ContainsFunc(name, func(c rune) bool { return !letter(c) })
}
