package jetstream

// Levels of the JetStream API, by the servers that have them first.
const (
	level211 = 1
	level212 = 2
	level214 = 4
	level215 = 5
)

// need is a level of the API and the feature that needs it.
type need struct {
	level   int    // 0 for any server
	feature string // empty for level 0
}

// most returns the highest of the needs.
func most(needs []need) need {
	var top need
	for _, n := range needs {
		if n.level > top.level {
			top = n
		}
	}
	return top
}

// when returns the need if there is true, and none otherwise.
func when(there bool, level int, feature string) need {
	if !there {
		return need{}
	}
	return need{level, feature}
}

// requiredLevel returns the level of the API that a server must have for all of the
// config. It leaves out fields that servers refuse or had before there were levels.
func (c *StreamConfig) requiredLevel() need {
	return most([]need{
		when(c.AllowMsgTTL, level211, "AllowMsgTTL"),
		when(c.SubjectDeleteMarkerTTL > 0, level211, "SubjectDeleteMarkerTTL"),
		when(c.AllowMsgCounter, level212, "AllowMsgCounter"),
		when(c.AllowAtomicPublish, level212, "AllowAtomicPublish"),
		when(c.AllowMsgSchedules, level212, "AllowMsgSchedules"),
		when(c.PersistMode != DefaultPersistMode, level212, "PersistMode"),
		when(c.AllowBatchPublish, level214, "AllowBatchPublish"),
		when(c.durablySourced(), level214, "StreamSource.Consumer"),
	})
}

// durablySourced reports whether a source of the stream names its consumer.
func (c *StreamConfig) durablySourced() bool {
	for _, source := range c.Sources {
		if source != nil && source.Consumer != nil {
			return true
		}
	}
	return c.Mirror != nil && c.Mirror.Consumer != nil
}

// requiredLevel returns the level of the API that a server must have for all of the
// config.
func (c *ConsumerConfig) requiredLevel() need {
	return most([]need{
		when(c.PauseUntil != nil && !c.PauseUntil.IsZero(), level211, "PauseUntil"),
		when(c.PriorityPolicy != PriorityPolicyNone, level211, "PriorityPolicy"),
		when(len(c.PriorityGroups) > 0, level211, "PriorityGroups"),
		when(c.PinnedTTL > 0, level211, "PinnedTTL"),
		when(c.PriorityPolicy == PriorityPolicyPrioritized, level212, "PriorityPolicyPrioritized"),
		when(c.AckPolicy == AckFlowControlPolicy, level214, "AckFlowControlPolicy"),
	})
}
