package jetstream

import (
	"encoding/json"
	"strconv"
	"strings"
	"time"

	"github.com/troupe-go/troupe/api"
)

// pullrequest.go - the format of a pull and of its statuses.

// pullRequest is one request for messages.
type pullRequest struct {
	expires   time.Duration // 0 for none
	heartbeat time.Duration // 0 for none
	batch     int
	maxBytes  int // 0 for any
	noWait    bool
	pullPriority
	pin string // empty if there is none
}

// append appends the body of the request. It allocates only for a group.
func (r *pullRequest) append(b []byte) []byte {
	b = append(b, `{"batch":`...)
	b = strconv.AppendInt(b, int64(r.batch), 10)
	b = appendField(b, `,"expires":`, int64(r.expires))
	b = appendField(b, `,"max_bytes":`, int64(r.maxBytes))
	b = appendField(b, `,"idle_heartbeat":`, int64(r.heartbeat))
	b = appendField(b, `,"min_pending":`, r.minPending)
	b = appendField(b, `,"min_ack_pending":`, r.minAckPending)
	b = appendField(b, `,"priority":`, int64(r.priority))
	if r.noWait {
		b = append(b, `,"no_wait":true`...)
	}
	b = appendText(b, `,"group":`, r.group)
	b = appendText(b, `,"id":`, r.pin)
	return append(b, '}')
}

// appendField appends a number that is not zero.
func appendField(b []byte, key string, n int64) []byte {
	if n == 0 {
		return b
	}
	return strconv.AppendInt(append(b, key...), n, 10)
}

// appendText appends a text that is not empty.
func appendText(b []byte, key, text string) []byte {
	if text == "" {
		return b
	}
	quoted, err := json.Marshal(text)
	if err != nil {
		return b // encoding a string does not fail
	}
	return append(append(b, key...), quoted...)
}

// pullBytes is the approximate length of the body of a pull.
const pullBytes = 128

// nextSubject is where pulls from a consumer go.
func (js *jetStream) nextSubject(stream, consumer string) string {
	return js.subject("CONSUMER.MSG.NEXT." + stream + "." + consumer)
}

// pinHeader is in the messages that the pinned client gets.
const pinHeader = "Nats-Pin-Id"

// pullWord is a status about a pull.
type pullWord struct {
	id          uint64 // of the pull
	code        int
	text        string
	meaning     statusMeaning
	msgs, bytes int // that will not be delivered; -1 for all that is left
}

// wordOf reads a status that came to the inbox of its pull, which ends with its number.
func wordOf(m *api.Msg) pullWord {
	w := pullWord{code: m.Status(), text: m.Description(), msgs: -1, bytes: -1}
	w.meaning = meaningOf(fromConsumer, w.code, w.text)
	if w.meaning.pending {
		w.msgs, w.bytes = pendingIn(m.Header)
	}
	w.id, _ = parseCount(m.Subject[strings.LastIndexByte(m.Subject, '.')+1:])
	return w
}

// firstDelivery reports whether an ack subject is of a first delivery. at is the position of the
// number of deliveries in the first form.
func firstDelivery(reply string, at int) bool {
	if len(reply) > at+1 && reply[at-1] == '.' && reply[at+1] == '.' {
		return reply[at] == '1'
	}
	var meta MsgMetadata
	return !parseAckSubject(reply, &meta) || meta.NumDelivered <= 1
}
