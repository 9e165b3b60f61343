package jetstream

// DeliverPolicy says where in the stream a consumer begins. The zero value is
// DeliverAllPolicy.
type DeliverPolicy int

// The deliver policies.
const (
	DeliverAllPolicy             DeliverPolicy = iota // at the first message
	DeliverLastPolicy                                 // at the last message
	DeliverNewPolicy                                  // after the last message
	DeliverByStartSequencePolicy                      // at OptStartSeq
	DeliverByStartTimePolicy                          // at OptStartTime
	DeliverLastPerSubjectPolicy                       // with the last message of every subject that passes the filters
)

var deliverWords = []string{"all", "last", "new", "by_start_sequence", "by_start_time", "last_per_subject"}

// String returns the word of the server, empty for another value.
func (p DeliverPolicy) String() string { return word(deliverWords, int(p), "") }

// MarshalJSON returns the word of the server. Another value is an ErrUnknownValue.
func (p DeliverPolicy) MarshalJSON() ([]byte, error) {
	return marshalWord("deliver policy", deliverWords, int(p))
}

// UnmarshalJSON reads the word of the server, and "undefined" as all. Another word is
// an ErrUnknownValue, and changes nothing.
func (p *DeliverPolicy) UnmarshalJSON(data []byte) error {
	if string(data) == `"undefined"` {
		*p = DeliverAllPolicy
		return nil
	}
	return readWord(p, "deliver policy", deliverWords, data)
}

// AckPolicy says which messages a consumer's client acknowledges. The zero value is
// AckExplicitPolicy.
type AckPolicy int

// The acknowledgement policies.
const (
	AckExplicitPolicy    AckPolicy = iota // each
	AckAllPolicy                          // one for itself and for all before it
	AckNonePolicy                         // none: delivered messages count as acknowledged
	AckFlowControlPolicy                  // none: an answer to flow control acknowledges all before it; push consumers only, server 2.14
)

var ackWords = []string{"explicit", "all", "none", "flow_control"}

// String returns AckExplicit, AckAll, AckNone or AckFlowControl.
func (p AckPolicy) String() string {
	return word([]string{"AckExplicit", "AckAll", "AckNone", "AckFlowControl"}, int(p), "Unknown AckPolicy")
}

// MarshalJSON returns the word of the server. Another value is an ErrUnknownValue.
func (p AckPolicy) MarshalJSON() ([]byte, error) { return marshalWord("ack policy", ackWords, int(p)) }

// UnmarshalJSON reads the word of the server. Another word is an ErrUnknownValue, and
// changes nothing.
func (p *AckPolicy) UnmarshalJSON(data []byte) error {
	return readWord(p, "ack policy", ackWords, data)
}

// ReplayPolicy says how quickly a consumer delivers what is in the stream. The zero
// value is ReplayInstantPolicy.
type ReplayPolicy int

// The replay policies.
const (
	ReplayInstantPolicy  ReplayPolicy = iota // as quickly as the client receives it
	ReplayOriginalPolicy                     // with the pauses between the messages as published
)

var replayWords = []string{"instant", "original"}

// String returns the word of the server, empty for another value.
func (p ReplayPolicy) String() string { return word(replayWords, int(p), "") }

// MarshalJSON returns the word of the server. Another value is an ErrUnknownValue.
func (p ReplayPolicy) MarshalJSON() ([]byte, error) {
	return marshalWord("replay policy", replayWords, int(p))
}

// UnmarshalJSON reads the word of the server. Another word is an ErrUnknownValue, and
// changes nothing.
func (p *ReplayPolicy) UnmarshalJSON(data []byte) error {
	return readWord(p, "replay policy", replayWords, data)
}

// PriorityPolicy says which of the clients that pull from one consumer are served
// first. The zero value is PriorityPolicyNone. Another one needs a priority group, and
// server 2.11.
type PriorityPolicy int

// The priority policies.
const (
	PriorityPolicyNone        PriorityPolicy = iota // in the order of their pulls
	PriorityPolicyPinned                            // one client gets everything while it is active
	PriorityPolicyOverflow                          // a client can ask to be served only when much is pending
	PriorityPolicyPrioritized                       // the lowest number first; server 2.12
)

var priorityWords = []string{"none", "pinned_client", "overflow", "prioritized"}

// String returns the word of the server, empty for another value.
func (p PriorityPolicy) String() string { return word(priorityWords, int(p), "") }

// MarshalJSON returns the word of the server. Another value is an ErrUnknownValue.
func (p PriorityPolicy) MarshalJSON() ([]byte, error) {
	return marshalWord("priority policy", priorityWords, int(p))
}

// UnmarshalJSON reads the word of the server, and an empty one as none. Another word is
// an ErrUnknownValue, and changes nothing.
func (p *PriorityPolicy) UnmarshalJSON(data []byte) error {
	if string(data) == `""` {
		*p = PriorityPolicyNone
		return nil
	}
	return readWord(p, "priority policy", priorityWords, data)
}
