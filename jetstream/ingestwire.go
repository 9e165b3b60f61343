package jetstream

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"

	"github.com/troupe-go/troupe/api"
)

// ingestwire.go - the wire format of a fast batch.
//
//	<inbox>.<batch id>.<flow>.<ok or fail>.<seq>.<op>.$FI    reply subject of each message
//	{"type":"ack","seq":500,"msgs":500}                      answers to it
//	{"type":"gap","last_seq":7,"seq":9}
//	{"type":"err","seq":8,"error":{…}}
//	{"stream":"S","seq":9000,"batch":"…","count":8000}

// ingestOp is what a message does to its batch.
type ingestOp byte

const (
	opStart ingestOp = '0' + iota
	opAppend
	opCommit
	opCommitEOB
	opPing
)

const ingestSuffix = ".$FI"

// ingestPrefix returns what the reply subjects of a batch begin with.
func ingestPrefix(inbox, id string, o *fastOptions) string {
	mode := "fail"
	if o.gaps {
		mode = "ok"
	}
	return fmt.Sprintf("%s%s.%d.%s.", inbox, id, o.Flow, mode)
}

// appendIngestReply appends the rest of a reply subject.
func appendIngestReply(dst []byte, seq uint64, op ingestOp) []byte {
	dst = strconv.AppendUint(dst, seq, 10)
	dst = append(dst, '.', byte(op))
	return append(dst, ingestSuffix...)
}

// ingestAnswer is an answer of a server to a batch.
type ingestAnswer struct {
	Type    string    `json:"type"`
	Seq     uint64    `json:"seq"`
	LastSeq uint64    `json:"last_seq"`
	Msgs    uint64    `json:"msgs"`
	Error   *APIError `json:"error"`
	Stream  string    `json:"stream"`
	Count   int       `json:"count"`

	op ingestOp // of the message that it answers
	at uint64   // number of that message in the batch
	no bool     // there are no responders
}

// parseIngestReply reads what appendIngestReply has appended to a prefix.
func parseIngestReply(subject, prefix string) (seq uint64, op ingestOp, ok bool) {
	rest, mine := strings.CutPrefix(subject, prefix)
	rest, whole := strings.CutSuffix(rest, ingestSuffix)
	number, last, found := strings.Cut(rest, ".")
	if !mine || !whole || !found || len(last) != 1 {
		return 0, 0, false
	}
	seq, err := strconv.ParseUint(number, 10, 64)
	return seq, ingestOp(last[0]), err == nil
}

// readIngestAnswer reads a message to the inbox; false for one that is not for the batch
// with that prefix, or cannot be read.
func readIngestAnswer(m *api.Msg, prefix string) (a ingestAnswer, ok bool) {
	at, op, ok := parseIngestReply(m.Subject, prefix)
	if !ok {
		return a, false
	}
	if len(m.Data) == 0 && m.Status() == 503 {
		return ingestAnswer{op: op, at: at, no: true}, true
	}
	if err := json.Unmarshal(m.Data, &a); err != nil {
		return a, false
	}
	a.op, a.at = op, at
	return a, true
}

// readIngestAck reads the acknowledgement that ends a batch.
func readIngestAck(data []byte) (*PubAck, error) {
	var r ackReader
	ack, err := r.read(data)
	return &ack, err
}
