package jetstream

// Fields of the header of a message that is published, under nats.go's names. The
// options of Publish set them.
const (
	// MsgIDHeader identifies a message, so that the stream detects duplicates within its window.
	// See WithMsgID.
	MsgIDHeader = "Nats-Msg-Id"
	// ExpectedStreamHeader names the stream that must take the message. See WithExpectStream.
	ExpectedStreamHeader = "Nats-Expected-Stream"
	// ExpectedLastSeqHeader is the expected sequence of the stream's last message. See
	// WithExpectLastSequence.
	ExpectedLastSeqHeader = "Nats-Expected-Last-Sequence"
	// ExpectedLastSubjSeqHeader is the expected sequence of the last message of the subject, 0
	// for none. See WithExpectLastSequencePerSubject.
	ExpectedLastSubjSeqHeader = "Nats-Expected-Last-Subject-Sequence"
	// ExpectedLastSubjSeqSubjHeader is the subject for ExpectedLastSubjSeqHeader, if it is not
	// the message's. See WithExpectLastSequenceForSubject.
	ExpectedLastSubjSeqSubjHeader = "Nats-Expected-Last-Subject-Sequence-Subject"
	// ExpectedLastMsgIDHeader is the expected id of the stream's last message. See
	// WithExpectLastMsgID.
	ExpectedLastMsgIDHeader = "Nats-Expected-Last-Msg-Id"
	// MsgTTLHeader is how long the stream keeps the message. See WithMsgTTL.
	MsgTTLHeader = "Nats-TTL"
	// MsgRollup removes earlier messages: MsgRollupSubject or MsgRollupAll. See WithRollup.
	MsgRollup = "Nats-Rollup"
	// ScheduleHeader says when the stream publishes copies of the message. See WithScheduleAt,
	// WithScheduleEvery and WithScheduleCron.
	ScheduleHeader = "Nats-Schedule"
	// ScheduleTargetHeader is the subject of the messages that the schedule publishes. See
	// WithScheduleTarget.
	ScheduleTargetHeader = "Nats-Schedule-Target"
	// ScheduleSourceHeader is the subject whose last message they copy. See WithScheduleSource.
	ScheduleSourceHeader = "Nats-Schedule-Source"
	// ScheduleTTLHeader is how long the stream keeps them. See WithScheduleTTL.
	ScheduleTTLHeader = "Nats-Schedule-TTL"
	// ScheduleTimeZoneHeader is the time zone of a cron pattern. See WithScheduleTimeZone.
	ScheduleTimeZoneHeader = "Nats-Schedule-Time-Zone"
	// ScheduleRollupHeader is the MsgRollup of the messages that the schedule publishes. See
	// WithScheduleRollup.
	ScheduleRollupHeader = "Nats-Schedule-Rollup"
)

// Values of MsgRollup.
const (
	// MsgRollupSubject removes all earlier messages of the subject.
	MsgRollupSubject = "sub"
	// MsgRollupAll removes all earlier messages of the stream.
	MsgRollupAll = "all"
)

// Fields of the header of a message that a stream delivers, under nats.go's names.
const (
	// MarkerReasonHeader says why a stream wrote a marker in place of removed messages: MaxAge,
	// Purge or Remove.
	MarkerReasonHeader = "Nats-Marker-Reason"
	// StreamHeader names the stream, in messages that are read directly or republished.
	StreamHeader = "Nats-Stream"
	// SequenceHeader is the sequence in the stream.
	SequenceHeader = "Nats-Sequence"
	// TimeStampHeaer is when the stream received the message. The misspelled name is nats.go's.
	TimeStampHeaer = "Nats-Time-Stamp"
	// SubjectHeader is the subject of the message.
	SubjectHeader = "Nats-Subject"
	// LastSequenceHeader is the sequence of the previous message on the same subject, in
	// republished messages.
	LastSequenceHeader = "Nats-Last-Sequence"
	// SchedulerHeader is the subject of the schedule that published the message.
	SchedulerHeader = "Nats-Scheduler"
	// ScheduleNextHeader is when the schedule publishes the next one, or "purge" for never.
	ScheduleNextHeader = "Nats-Schedule-Next"
)
