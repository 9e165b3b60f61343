package kv

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/nats-io/nuid"
	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/jetstream"
)

// write.go - a change of a key is a message to its subject.
//
//	Put                       the value
//	Update, Create            + the expected revision, an id
//	Delete, Purge             a marker in the header, no value
//	  with LastRevision       + the expected revision, an id
//
// The id is for a second try after the acknowledgement of the first one was lost: see fate.go.

// Put implements Store.
func (s *store) Put(ctx context.Context, key string, value []byte) (uint64, error) {
	in, err := s.stored("put", key)
	if err != nil {
		return 0, err
	}
	if value, err = s.encoded("put", key, value); err != nil {
		return 0, err
	}
	ack, err := s.js.Publish(ctx, s.write+in, value)
	if err != nil {
		return 0, s.failed("put", key, 0, err)
	}
	return ack.Sequence, nil
}

// PutString implements Store.
func (s *store) PutString(ctx context.Context, key string, value string) (uint64, error) {
	return s.Put(ctx, key, []byte(value))
}

// Update implements Store.
func (s *store) Update(ctx context.Context, key string, value []byte, revision uint64) (uint64, error) {
	w, err := s.change("update", key)
	if err != nil {
		return 0, err
	}
	if w.msg.Data, err = s.encoded("update", key, value); err != nil {
		return 0, err
	}
	return w.compared(ctx, revision)
}

// Delete implements Store.
func (s *store) Delete(ctx context.Context, key string, opts ...DeleteOpt) error {
	_, err := s.delete(ctx, key, opts)
	return err
}

// delete is Delete. It returns the revision of the marker.
func (s *store) delete(ctx context.Context, key string, opts []DeleteOpt) (uint64, error) {
	w, o, err := s.marker("delete", key, opts)
	if err != nil {
		return 0, err
	}
	if o.ttl != 0 {
		return 0, &KeyError{Op: "delete", Bucket: s.bucket, Key: key, Kind: ErrTTLOnDeleteNotSupported}
	}
	w.msg.Header = api.Header{operationHeader: {operationDelete}}
	return w.mark(ctx, o)
}

// Purge implements Store.
func (s *store) Purge(ctx context.Context, key string, opts ...DeleteOpt) error {
	_, err := s.purge(ctx, key, opts)
	return err
}

// purge is Purge. It returns the revision of the marker.
func (s *store) purge(ctx context.Context, key string, opts []DeleteOpt) (uint64, error) {
	w, o, err := s.marker("purge", key, opts)
	if err != nil {
		return 0, err
	}
	w.msg.Header = purgeHeader(o.ttl)
	return w.mark(ctx, o)
}

// purgeHeader is the header of a marker that removes what was before it. The marker expires
// after ttl; 0 for never.
func purgeHeader(ttl time.Duration) api.Header {
	header := api.Header{operationHeader: {operationPurge}, jetstream.MsgRollup: {jetstream.MsgRollupSubject}}
	if ttl != 0 {
		header[jetstream.MsgTTLHeader] = []string{ttl.String()}
	}
	return header
}

// marker begins a change that leaves a marker.
func (s *store) marker(op, key string, opts []DeleteOpt) (*change, deleteOptions, error) {
	w, err := s.change(op, key)
	if err != nil {
		return nil, deleteOptions{}, err
	}
	o, err := applied(opts)
	if err != nil {
		return nil, o, s.failed(op, key, 0, err)
	}
	return w, o, nil
}

// mark stores a marker, and returns its revision.
func (w *change) mark(ctx context.Context, o deleteOptions) (uint64, error) {
	if o.revision != 0 {
		return w.compared(ctx, o.revision)
	}
	ack, err := w.s.js.PublishMsg(ctx, &w.msg)
	if err != nil {
		return 0, w.s.failed(w.op, w.key, 0, err)
	}
	return ack.Sequence, nil
}

// change is one change of a key.
type change struct {
	s       *store
	op, key string
	in      string // the key as it is in the bucket
	msg     api.Msg
	id      string    // of msg; empty before it is first sent, unless the caller sets one
	began   time.Time // when it was first sent
	maybe   bool      // it may be stored already
	// expected is the revision to pass to compared when the change is made again.
	expected uint64
}

func (s *store) change(op, key string) (*change, error) {
	in, err := s.stored(op, key)
	if err != nil {
		return nil, err
	}
	return &change{s: s, op: op, key: key, in: in, msg: api.Msg{Subject: s.write + in}}, nil
}

// compared stores the change if revision is the last one of the key. A conflict is a
// *KeyWrongLastSequenceError.
func (w *change) compared(ctx context.Context, revision uint64) (uint64, error) {
	if w.id == "" {
		w.id, w.began = nuid.Next(), time.Now()
	}
	if w.msg.Header == nil {
		w.msg.Header = make(api.Header, 3)
	}
	w.msg.Header[jetstream.MsgIDHeader] = []string{w.id}
	w.msg.Header[jetstream.ExpectedLastSubjSeqHeader] = []string{strconv.FormatUint(revision, 10)}
	ack, err := w.s.js.PublishMsg(ctx, &w.msg)
	if err == nil && ack.Sequence != 0 {
		return ack.Sequence, nil
	}
	if err == nil { // a second try, while the first one is on its way to the replicas
		err = &jetstream.PublishError{Subject: w.msg.Subject, MsgID: w.id, Attempts: 2, Unknown: true, Err: jetstream.ErrDuplicateMsgInProcess}
	}
	w.maybe = w.maybe || unknown(err)
	if w.maybe {
		return w.fate(ctx, revision, err)
	}
	return 0, w.refused(revision, err)
}

// unknown reports whether a publish that failed with err may have been stored by an earlier try
// whose acknowledgement was lost.
func unknown(err error) bool {
	publish, ok := errors.AsType[*jetstream.PublishError](err)
	return ok && publish.Unknown
}

// refused wraps the error of a publish that stored nothing in an error about the key.
func (w *change) refused(revision uint64, err error) error {
	wrong, ok := errors.AsType[*jetstream.WrongLastSequenceError](err)
	if !ok {
		return w.s.failed(w.op, w.key, 0, err)
	}
	return &KeyWrongLastSequenceError{
		Op: w.op, Bucket: w.s.bucket, Key: w.key, Expected: revision, Actual: wrong.Actual, HasActual: wrong.HasActual,
		Kind: ErrKeyWrongLastSequence, Err: wrong.Err,
	}
}
