package kv

import (
	"slices"
	"strconv"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/jetstream"
)

// Op is what a revision did to its key.
type Op uint8

// The operations.
const (
	// OpPut: it gave the key a value.
	OpPut Op = iota
	// OpDelete: it deleted the key, and kept the earlier values.
	OpDelete
	// OpPurge: it deleted the key and its history, or marks that the key expired.
	OpPurge
)

// String returns the operation in nats.go's words.
func (op Op) String() string {
	switch op {
	case OpPut:
		return "KeyValuePutOp"
	case OpDelete:
		return "KeyValueDeleteOp"
	case OpPurge:
		return "KeyValuePurgeOp"
	default:
		return "Unknown Operation"
	}
}

// Entry is one revision of a key. It belongs to the caller, and is safe for concurrent use
// unless the caller changes its value.
type Entry interface {
	// Bucket returns the name of the bucket.
	Bucket() string
	// Key returns the key.
	Key() string
	// Value returns the value; empty for a marker, and with MetaOnly.
	Value() []byte
	// Revision returns the revision: the sequence in the bucket's stream.
	Revision() uint64
	// Created returns when it was stored, by the server's clock.
	Created() time.Time
	// Delta returns how many entries were still to come when a watcher got this one; 0 if it was
	// not watched.
	Delta() uint64
	// Operation returns what it did to the key.
	Operation() Op
	// Expired reports whether it is the marker that the server left when the key expired.
	Expired() bool
	// Header returns the header that it was stored with; nil without fields. It must not be
	// changed.
	Header() api.Header
}

// Headers that say what a message does to its key.
const (
	operationHeader    = "KV-Operation"
	operationDelete    = "DEL"
	operationPurge     = "PURGE"
	markerReasonHeader = "Nats-Marker-Reason"
)

// entry implements Entry.
type entry struct {
	bucket, key string
	value       []byte
	revision    uint64
	created     time.Time
	delta       uint64
	op          Op
	expired     bool
	header      api.Header
}

func (e *entry) Bucket() string     { return e.bucket }
func (e *entry) Key() string        { return e.key }
func (e *entry) Value() []byte      { return e.value }
func (e *entry) Revision() uint64   { return e.revision }
func (e *entry) Created() time.Time { return e.created }
func (e *entry) Delta() uint64      { return e.delta }
func (e *entry) Operation() Op      { return e.op }
func (e *entry) Expired() bool      { return e.expired }

// Header returns the fields of the message, without those that a server appends when it is read.
func (e *entry) Header() api.Header {
	if seq := e.header.Values(jetstream.SequenceHeader); len(seq) == 0 || seq[len(seq)-1] != strconv.FormatUint(e.revision, 10) {
		return e.header
	}
	var own api.Header
	for key, values := range e.header {
		if slices.Contains(readFields[:], key) {
			values = values[:len(values)-1]
		}
		if len(values) == 0 {
			continue
		}
		if own == nil {
			own = make(api.Header, len(e.header))
		}
		own[key] = values
	}
	return own
}

// readFields are the fields that a server adds to a message that is read directly.
var readFields = [...]string{jetstream.StreamHeader, jetstream.SubjectHeader, jetstream.SequenceHeader, jetstream.TimeStampHeaer}

// marking returns the word of a header that makes it a marker; empty if it is not a marker.
func marking(header api.Header) string {
	if op := header.Get(operationHeader); op == operationDelete || op == operationPurge {
		return op
	}
	return header.Get(markerReasonHeader)
}

// operation reads from the header what a message does to its key. An unknown operation is a put.
func operation(header api.Header) (op Op, expired bool) {
	if header == nil {
		return OpPut, false
	}
	switch header.Get(operationHeader) {
	case operationDelete:
		return OpDelete, false
	case operationPurge:
		return OpPurge, false
	}
	switch header.Get(markerReasonHeader) {
	case "MaxAge":
		return OpPurge, true
	case "Purge":
		return OpPurge, false
	case "Remove":
		return OpDelete, false
	}
	return OpPut, false
}
