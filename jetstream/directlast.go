package jetstream

import (
	"context"
	"errors"
	"slices"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/protocol"
)

// groupMax is how many subjects a server finds the last messages of at a time.
const groupMax = 1024

// lastReading is one run of a GetLastMsgsFor.
//
//	subjects ──► one group ──► pages ──► messages
//	               │ 413, or more than a group
//	               └──► their names from STREAM.INFO ──► groups, all up to one sequence
type lastReading struct {
	js       *jetStream
	stream   string
	subjects []string
	lastRead
	expected int // messages that are left of the group; 0 before its first page
	seen     ReadEnd
	got      bool
}

// each yields all messages, and then the error that ended the read, if there is one. It
// reports whether the read came to its end.
func (r *lastReading) each(ctx context.Context, yield func(*RawStreamMsg, error) bool) bool {
	if ctx == nil {
		ctx = context.Background()
	}
	more, err := r.all(ctx, yield)
	if err == nil && more && !r.got {
		err = r.none()
	}
	if err != nil {
		yield(nil, err)
	}
	return more && err == nil
}

// all reports whether the reader has not stopped.
func (r *lastReading) all(ctx context.Context, yield func(*RawStreamMsg, error) bool) (bool, error) {
	if len(r.subjects) <= groupMax {
		more, err := r.group(ctx, r.subjects, yield)
		if !errors.Is(err, ErrTooManyResults) || r.got || r.count > 0 {
			return more, err
		}
	}
	if r.count > 0 {
		return true, r.tooMany()
	}
	return r.named(ctx, yield)
}

// named reads group by group. A filter without wildcards is its own name; a subject that an
// earlier filter has named is not named again.
func (r *lastReading) named(ctx context.Context, yield func(*RawStreamMsg, error) bool) (bool, error) {
	if r.req.UpToSeq == 0 && r.req.UpToTime == nil {
		names, err := r.names(ctx, r.subjects[0], 0)
		if err != nil {
			return true, err
		}
		if names.State.LastSeq == 0 {
			return true, nil
		}
		r.req.UpToSeq = names.State.LastSeq
	}
	var literal []string
	for i, s := range r.subjects {
		if !protocol.HasWildcard(s) {
			if !matched(r.subjects[:i], s) {
				literal = append(literal, s)
			}
			continue
		}
		if more, err := r.filter(ctx, i, yield); err != nil || !more {
			return more, err
		}
	}
	literal = slices.DeleteFunc(literal, func(s string) bool { return wild(r.subjects, s) })
	return r.groups(ctx, literal, yield)
}

// matched reports whether one of the patterns matches a subject.
func matched(patterns []string, subject string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return protocol.Match(p, subject) })
}

// wild is matched for the patterns that have wildcards.
func wild(patterns []string, subject string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return protocol.HasWildcard(p) && protocol.Match(p, subject) })
}

// filter reads all subjects that the i-th filter matches.
func (r *lastReading) filter(ctx context.Context, i int, yield func(*RawStreamMsg, error) bool) (bool, error) {
	for offset := 0; ; {
		names, err := r.names(ctx, r.subjects[i], offset)
		if err != nil {
			return true, err
		}
		offset += len(names.State.Subjects)
		var fresh []string
		for s := range names.State.Subjects {
			if !wild(r.subjects[:i], s) {
				fresh = append(fresh, s)
			}
		}
		slices.Sort(fresh)
		if more, err := r.groups(ctx, fresh, yield); err != nil || !more {
			return more, err
		}
		if len(names.State.Subjects) == 0 || offset >= names.Total {
			return true, nil
		}
	}
}

// groups reads the last messages of literal subjects.
func (r *lastReading) groups(ctx context.Context, literal []string, yield func(*RawStreamMsg, error) bool) (bool, error) {
	for group := range slices.Chunk(literal, groupMax) {
		if more, err := r.group(ctx, group, yield); err != nil || !more {
			return more, err
		}
	}
	return true, nil
}

// subjectNames is what STREAM.INFO reports about a stream's subjects.
type subjectNames struct {
	State struct {
		LastSeq  uint64            `json:"last_seq"`
		Subjects map[string]uint64 `json:"subjects"`
	} `json:"state"`
	Total int `json:"total"`
}

// names asks for a page of the subjects that a filter matches.
func (r *lastReading) names(ctx context.Context, filter string, offset int) (subjectNames, error) {
	return call[subjectNames](ctx, r.js, request{
		op: "get last messages", subject: "STREAM.INFO." + r.stream, stream: r.stream,
		body: struct {
			Filter string `json:"subjects_filter"`
			Offset int    `json:"offset"`
		}{filter, offset},
	})
}

// group reads as many subjects as a server looks up at once, page by page. It is not an error
// here if no message matches.
func (r *lastReading) group(ctx context.Context, subjects []string, yield func(*RawStreamMsg, error) bool) (bool, error) {
	req := r.req
	req.MultiLastFor = subjects
	left := r.count
	r.expected = 0
	for tries := 0; ; {
		msgs, end, err := r.page(ctx, req, left)
		if err != nil && tries < resumesMax && ctx.Err() == nil && passing(err) {
			tries++
			continue
		}
		if err != nil {
			return true, err
		}
		tries, r.expected = 0, int(end.Pending)
		r.seen.UpToSeq, r.seen.Pending = max(r.seen.UpToSeq, end.UpToSeq), end.Pending
		for _, m := range msgs {
			r.got = true
			r.seen.LastSeq = max(r.seen.LastSeq, m.Sequence)
			if !yield(m, nil) {
				return false, nil
			}
		}
		left -= len(msgs)
		if end.Pending == 0 || len(msgs) == 0 || r.alone || r.count > 0 && left <= 0 {
			return true, nil
		}
		req.Seq, req.UpToSeq, req.UpToTime = end.LastSeq+1, end.UpToSeq, nil
	}
}

// passing reports whether the page may arrive complete when it is requested again: over another
// link, or from a replica that does not lag behind.
func passing(err error) bool {
	return errors.Is(err, api.ErrDisconnected) || errors.Is(err, errGap) || errors.Is(err, ErrMsgsReplaced)
}

// page reads one page completely before anything of it is yielded: only its end says up to which
// sequence it goes, and a page that loses its link is requested again.
func (r *lastReading) page(ctx context.Context, req directRequest, left int) ([]*RawStreamMsg, ReadEnd, error) {
	req.MaxBytes, req.Batch = pageBytesMax, max(1, r.js.nc.Opts.SubChanLen/2)
	if left > 0 {
		req.Batch = min(req.Batch, left)
	}
	c := request{op: "get last messages", subject: "DIRECT.GET." + r.stream, body: req, stream: r.stream, level: level211, feature: "a batch"}
	m, err := r.js.directMessage(ctx, c)
	if err != nil {
		return nil, ReadEnd{}, err
	}
	var end *api.Msg
	var msgs []*RawStreamMsg
	for m, err := range r.js.nc.RequestManyMsg(ctx, m, r.js.pageOptions(ctx, &end)...) {
		if err != nil {
			return nil, ReadEnd{}, r.js.directFailed(ctx, c, err)
		}
		raw, err := directMsg(m)
		if err != nil {
			return nil, ReadEnd{}, r.js.callError(c, err)
		}
		msgs = append(msgs, raw)
	}
	switch {
	case end == nil:
		return nil, ReadEnd{}, r.js.callError(c, r.js.lateError(ctx, c))
	case end.Status() == statusNotFound && len(msgs) == 0 && r.exact && r.expected > 0:
		return nil, ReadEnd{}, r.js.callError(c, ErrMsgsReplaced)
	case end.Status() == statusNotFound && len(msgs) == 0:
		return nil, ReadEnd{UpToSeq: req.UpToSeq}, nil
	case end.Status() == statusNotFound: // a message was removed during the read
		return nil, ReadEnd{}, r.js.callError(c, errGap)
	case end.Status() != statusEOB:
		return nil, ReadEnd{}, r.js.directStatus(c, end)
	}
	e, err := lastEnd(end.Header)
	if err == nil && len(msgs) > 0 && msgs[len(msgs)-1].Sequence != e.LastSeq {
		err = errGap
	}
	if err == nil && r.exact && len(msgs)+int(e.Pending) < r.expected {
		err = ErrMsgsReplaced
	}
	if err != nil {
		return nil, ReadEnd{}, r.js.callError(c, err)
	}
	return msgs, e, nil
}

// lastEnd reads the end of a page.
func lastEnd(h api.Header) (ReadEnd, error) {
	pending, err1 := numberField(h, numPendingHeader)
	last, err2 := numberField(h, LastSequenceHeader)
	upTo, err3 := numberField(h, upToSequenceHeader)
	return ReadEnd{LastSeq: last, UpToSeq: upTo, Pending: pending}, errors.Join(err1, err2, err3)
}

// none is the error for a read that found nothing.
func (r *lastReading) none() error {
	return apiError(&APIError{
		Code: statusNotFound, ErrorCode: JSErrCodeMessageNotFound, Description: "no message has one of the subjects",
		Op: "get last messages", APISubject: r.js.subject("DIRECT.GET." + r.stream), Stream: r.stream,
	})
}

// tooMany is the error for more subjects than a continued read allows.
func (r *lastReading) tooMany() error {
	return &statusError{kind: ErrTooManyResults, APIError: &APIError{
		Code: statusTooMany, Description: "more subjects than a server looks up at once",
		Op: "get last messages", APISubject: r.js.subject("DIRECT.GET." + r.stream), Stream: r.stream,
	}}
}
