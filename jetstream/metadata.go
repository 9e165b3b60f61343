package jetstream

import (
	"strings"
	"time"
)

// metadata.go - reads the metadata in the reply subject of a message.
//
//	1  $JS.ACK.<stream>.<consumer>.<delivered>.<stream seq>.<consumer seq>.<time>.<pending>
//	2  $JS.ACK.<domain>.<account>.<stream>.<consumer>. … .<pending>[.<more>]
//
// The first form has 9 tokens, the second at least 11.

// MsgMetadata describes one delivery of a message. Its strings share memory with the message's
// reply subject.
type MsgMetadata struct {
	// Sequence has the sequence of the message in the stream, and that of the delivery in the
	// consumer.
	Sequence SequencePair
	// NumDelivered counts the deliveries of the message; 1 for the first.
	NumDelivered uint64
	// NumPending is how many messages the consumer still had to deliver after this one.
	NumPending uint64
	// Timestamp is when the message was stored.
	Timestamp time.Time
	// Stream is the stream that the message is stored in.
	Stream string
	// Consumer is the consumer that delivered it.
	Consumer string
	// Domain is the JetStream domain; empty without one.
	Domain string
}

// SequencePair has the sequences of a message and of its delivery.
type SequencePair struct {
	// Consumer counts the deliveries of the consumer, redeliveries included.
	Consumer uint64 `json:"consumer_seq"`
	// Stream is the sequence number in the stream.
	Stream uint64 `json:"stream_seq"`
}

// Read fills in the metadata of msg: it is Msg.Metadata without the allocation. ErrNotJSMessage,
// and unspecified contents, for a message that was not delivered by a consumer.
func (m *MsgMetadata) Read(msg Msg) error {
	if !parseAckSubject(msg.Reply(), m) {
		return ErrNotJSMessage
	}
	return nil
}

const (
	ackPrefix = "$JS.ACK."

	// Number of tokens after the prefix.
	ackTokensV1 = 7
	ackTokensV2 = 9 // and possibly more
	ackNumbers  = 5 // the last tokens of the first form

	noDomain = "_" // in the second form, for none
)

// parseAckSubject reads the metadata in an ack subject into meta. It reports false,
// with meta in an unspecified state, for a subject that is of neither form. It
// allocates nothing.
func parseAckSubject(subject string, meta *MsgMetadata) bool {
	rest, ok := strings.CutPrefix(subject, ackPrefix)
	if !ok {
		return false
	}
	n := strings.Count(rest, ".") + 1
	if n != ackTokensV1 && n < ackTokensV2 {
		return false
	}
	meta.Domain = ""
	if n >= ackTokensV2 {
		meta.Domain, rest, _ = strings.Cut(rest, ".")
		if meta.Domain == noDomain {
			meta.Domain = ""
		}
		_, rest, _ = strings.Cut(rest, ".") // the account's hash
	}
	meta.Stream, rest, _ = strings.Cut(rest, ".")
	meta.Consumer, rest, _ = strings.Cut(rest, ".")
	var numbers [ackNumbers]uint64
	for i := range numbers {
		var token string
		token, rest, _ = strings.Cut(rest, ".")
		if numbers[i], ok = parseCount(token); !ok {
			return false
		}
	}
	meta.NumDelivered = numbers[0]
	meta.Sequence = SequencePair{Stream: numbers[1], Consumer: numbers[2]}
	meta.Timestamp = time.Unix(0, int64(numbers[3]))
	meta.NumPending = numbers[4]
	return meta.Stream != "" && meta.Consumer != ""
}

// parseCount reads a decimal number of 63 bits.
func parseCount(s string) (uint64, bool) {
	if s == "" || len(s) > len("9223372036854775807") {
		return 0, false
	}
	var n uint64
	for i := range len(s) {
		d := s[i] - '0'
		if d > 9 {
			return 0, false
		}
		n = n*10 + uint64(d)
	}
	return n, n <= 1<<63-1
}
