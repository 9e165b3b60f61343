package objectstore

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/nats-io/nuid"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/jetstream"
)

// doubt.go - finds out whether an info was stored whose acknowledgement did not come.
//
//	no answer ──► sent again ──► refused: because of another info, or because of itself?
//
//	the last info ──┬── has its id ──────────────► stored
//	                ├── the one to be replaced ──► it may still be on its way
//	                └── another one ──► a message with the same id, on an unused subject
//	                                      ├── is a duplicate ──► stored, and replaced since
//	                                      └── is stored ───────► not stored, and never will be
//
// A cluster recognizes the id of a message that is sent again. A server that is not clustered
// compares revisions first, and so the stored message itself makes it refuse the second one.

// doubt is about an info that was published. It is for one goroutine.
type doubt struct {
	name   string
	id     string // of its message: no other info has it
	expect uint64 // the revision that it replaces
	since  time.Time
	chunks string // id of its object, if no other info had it before; empty otherwise
	probe  string // id of chunks under which the probe is published; empty before
	maybe  bool   // the info may have been stored
	over   bool   // the info is not sent again
}

func newDoubt(name string, expect uint64) *doubt {
	return &doubt{name: name, id: nuid.Next(), expect: expect, since: time.Now()}
}

// outcome returns the revision under which an info was stored, given the result of its publish.
// Errors: ErrWrongLastSequence if another info kept it from being stored; ErrPublishUnknown if
// it may have been stored; that of the publish.
func (s *store) outcome(ctx context.Context, d *doubt, ack *jetstream.PubAck, err error) (uint64, error) {
	if err == nil && ack.Sequence != 0 {
		return ack.Sequence, nil // of a duplicate, the sequence of the first message
	}
	if err == nil { // the info is on its way to the replicas
		err = &jetstream.PublishError{Subject: s.metaOf(d.name), MsgID: d.id, Attempts: 1, Unknown: true, Err: jetstream.ErrDuplicateMsgInProcess}
	}
	publish, sent := errors.AsType[*jetstream.PublishError](err)
	d.maybe = d.maybe || sent && publish.Unknown
	if !d.maybe || !sent {
		return 0, err
	}
	revision, asked := s.fate(ctx, d)
	if asked == nil && revision != 0 {
		return revision, nil
	}
	told := *publish
	told.Unknown = asked != nil
	wrong := errors.Is(err, jetstream.ErrWrongLastSequence)
	switch {
	case asked == nil && !wrong:
		told.Err = jetstream.ErrWrongLastSequence
	case asked != nil && wrong:
		told.Err = asked
	case asked != nil && !errors.Is(asked, errAwaited):
		told.Err = fmt.Errorf("%w; %w", publish.Err, asked)
	}
	return 0, &told
}

// fate returns the revision under which an info was stored; 0 if it was not, and never will be.
// Errors, if that is unknown: errAwaited; errForgotten; those of reads and publishes.
func (s *store) fate(ctx context.Context, d *doubt) (uint64, error) {
	var now uint64
	m, err := s.stream.GetMsg(ctx, 0, jetstream.WithGetMsgLast(s.metaOf(d.name)), jetstream.WithGetMsgLeader())
	switch {
	case errors.Is(err, jetstream.ErrMsgNotFound):
	case err != nil:
		return 0, err
	case s.isIt(d, m):
		return m.Sequence, nil
	default:
		now = m.Sequence
	}
	if now == d.expect && !d.over {
		return 0, errAwaited
	}
	revision, err := s.known(ctx, d)
	if now == d.expect && (errors.Is(err, errForgotten) || denied(err)) {
		return 0, nil
	}
	return revision, err
}

// isIt reports whether a message is the info, or was derived from it.
func (s *store) isIt(d *doubt, m *jetstream.RawStreamMsg) bool {
	if m.Header.Get(jetstream.MsgIDHeader) == d.id {
		return true
	}
	info, err := decodeInfo(s.bucket, m)
	return err == nil && d.chunks != "" && info.NUID == d.chunks
}

// known finds out whether the stream has stored an info, by publishing a message with the same
// id: if it is stored, the info will be refused as its duplicate. The message is removed
// afterwards.
func (s *store) known(ctx context.Context, d *doubt) (uint64, error) {
	info, err := s.stream.Info(ctx)
	if err != nil {
		return 0, err
	}
	to, err := s.writePrefix(ctx, "settle")
	if err != nil {
		return 0, err
	}
	if d.probe == "" {
		d.probe = nuid.Next()
	}
	ack, err := s.js.Publish(ctx, to+"C."+d.probe, nil, jetstream.WithMsgID(d.id), jetstream.WithExpectStream(stores.Stream(s.bucket)))
	switch {
	case err != nil:
		return 0, err
	case ack.Sequence == 0:
		return 0, errAwaited
	}
	revision := uint64(0)
	if ack.Duplicate {
		m, err := s.stream.GetMsg(ctx, ack.Sequence, jetstream.WithGetMsgLeader())
		switch {
		case errors.Is(err, jetstream.ErrMsgNotFound):
			revision = ack.Sequence
		case err != nil:
			return 0, err
		case m.Subject != s.chunksOf(d.probe):
			revision = ack.Sequence
		}
	}
	s.sweep(ctx, &sweep{chunks: d.probe})
	// For a mirror, the origin remembers the ids.
	if revision == 0 && (info.Config.Mirror != nil || time.Since(d.since) >= info.Config.Duplicates) {
		return 0, errForgotten
	}
	return revision, nil
}

// denied reports whether a bucket accepts no messages, or none of this client.
func denied(err error) bool {
	return errors.Is(err, jetstream.ErrAPI) && !passes(err) || errors.Is(err, api.ErrPermissionViolation)
}
