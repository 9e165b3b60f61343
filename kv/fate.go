package kv

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/troupe-go/troupe/internal/kind"
	"github.com/troupe-go/troupe/jetstream"
)

// fate.go - whether a change was stored by a first try, when a second try was refused. The
// leader is asked for the first message of the key after the expected revision.
//
//	it is the change                             stored
//	it was stored in the change's place          refused
//	the expected revision is still there         refused: nothing that came after it is gone
//	else                                         unknown
//
// A server that is not clustered compares revisions before ids: it refuses a change that it has
// itself stored.

// errOvertaken is the cause of an unknown outcome.
var errOvertaken = kind.New("its acknowledgement was lost, and the history of the key does not tell whether it was stored", jetstream.ErrPublishUnknown)

// fate returns the revision of a change that was stored, or the error of one that was not
// stored, or whose outcome is unknown. err is the error of the last publish.
func (w *change) fate(ctx context.Context, revision uint64, err error) (uint64, error) {
	next, asked := w.s.leaderNext(ctx, w.s.read+w.in, revision+1)
	if next != nil && next.Header.Get(jetstream.MsgIDHeader) == w.id {
		return next.Sequence, nil
	}
	wrong, again := errors.AsType[*jetstream.WrongLastSequenceError](err)
	if again && wrong.HasActual && next != nil && w.missed(ctx, next, revision) {
		return 0, w.refused(revision, err)
	}
	e := jetstream.PublishError{Subject: w.msg.Subject, MsgID: w.id, Attempts: 1, Err: err}
	if publish, ok := errors.AsType[*jetstream.PublishError](err); ok {
		e = *publish
	}
	e.Unknown = true
	if again { // err proves nothing, and must not be taken for a conflict
		e.Err = errOvertaken
	}
	if asked != nil {
		e.Err = fmt.Errorf("%w; %w", e.Err, asked)
	}
	return 0, w.s.failed(w.op, w.key, 0, &e)
}

// missed reports whether the change was certainly not stored. next is the first message after
// the expected revision, read before. A mirror cannot prove it, and nothing can if the change
// may have expired since. A key that was purged meanwhile with its marker, and created again,
// counts as new.
func (w *change) missed(ctx context.Context, next *jetstream.RawStreamMsg, revision uint64) bool {
	info, err := w.s.stream.Info(ctx)
	if err != nil || info.Config.Mirror != nil || w.outlived(info.Config.MaxAge) {
		return false
	}
	expected, other := next.Header.Get(jetstream.ExpectedLastSubjSeqHeader), next.Header.Get(jetstream.ExpectedLastSubjSeqSubjHeader)
	if expected == strconv.FormatUint(revision, 10) && other == "" {
		return true
	}
	if revision == firstRevision {
		return false
	}
	m, err := w.s.stream.GetMsg(ctx, revision, jetstream.WithGetMsgLeader())
	return err == nil && m.Subject == next.Subject
}

// outlived reports whether the change, if it was stored, may have expired. maxAge is how long
// the bucket keeps a value; 0 is for ever.
func (w *change) outlived(maxAge time.Duration) bool {
	age := time.Since(w.began)
	own, err := time.ParseDuration(w.msg.Header.Get(jetstream.MsgTTLHeader))
	return maxAge != 0 && age >= maxAge || err == nil && age >= own
}
