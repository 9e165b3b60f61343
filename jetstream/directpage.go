package jetstream

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/troupe-go/troupe/api"
)

const (
	// pageMsgsMax and pageBytesMax bound one page, and so the memory in use. The message that
	// reaches the limit of bytes is still part of the page.
	pageMsgsMax  = 4096
	pageBytesMax = 4 << 20

	// resumesMax is how often in a row a read is resumed without a new message.
	resumesMax = 3

	// blockFrame is what surrounds the fields of a header block.
	blockFrame = len("NATS/1.0\r\n\r\n")
)

// directRequest is the body of a direct get.
type directRequest struct {
	Seq          uint64     `json:"seq,omitempty"`
	LastFor      string     `json:"last_by_subj,omitempty"`
	NextFor      string     `json:"next_by_subj,omitempty"`
	Batch        int        `json:"batch,omitempty"`
	MaxBytes     int        `json:"max_bytes,omitempty"`
	StartTime    *time.Time `json:"start_time,omitempty"`
	MultiLastFor []string   `json:"multi_last,omitempty"`
	UpToSeq      uint64     `json:"up_to_seq,omitempty"`
	UpToTime     *time.Time `json:"up_to_time,omitempty"`
	NoHeaders    bool       `json:"no_hdr,omitempty"`
}

// directRead is one read, of as many pages as it takes.
type directRead struct {
	js     *jetStream
	stream string
	op     string
	req    directRequest // for the next page
	count  int           // how many messages are still wanted
	bytes  int           // how many bytes are still wanted
	got    int           // how many messages were yielded
	memory *api.Buffers  // for their data; nil for the heap
	end    ReadEnd
}

// page is one page as it comes in.
type page struct {
	last    uint64 // sequence of the last message, 0 before the first
	msgs    int
	bytes   int
	end     *api.Msg // the status that ended it; nil if none came
	stopped bool     // the reader has stopped
}

// each yields all messages, and then the error that ended the read, if there is one. It
// reports whether the read came to its end.
func (d *directRead) each(ctx context.Context, yield func(*RawStreamMsg, error) bool) bool {
	if ctx == nil {
		ctx = context.Background()
	}
	for tries := 0; ; {
		before := d.got
		p, err := d.page(ctx, yield)
		if p.stopped {
			return false
		}
		if d.got > before {
			tries = 0
		}
		switch {
		case err != nil && tries < resumesMax && d.canResume(ctx, p, err):
			tries++
		case err != nil:
			yield(nil, err)
			return false
		case d.over(p):
			return true
		}
	}
}

// canResume reports whether the rest of the page, after its last message, may be requested again.
func (d *directRead) canResume(ctx context.Context, p page, err error) bool {
	if ctx.Err() != nil || d.req.NoHeaders && p.msgs > 0 {
		return false
	}
	return errors.Is(err, api.ErrDisconnected) || errors.Is(err, errGap)
}

// over reports whether a page that is complete was the last one.
func (d *directRead) over(p page) bool {
	return d.count == 0 || d.bytes == 0 || p.msgs == 0 || d.end.Pending == 0
}

// page asks for one page and yields it.
func (d *directRead) page(ctx context.Context, yield func(*RawStreamMsg, error) bool) (page, error) {
	var p page
	req := d.req
	req.Batch = min(d.count, pageMsgsMax, max(1, d.js.nc.Opts.SubChanLen/2))
	req.MaxBytes = min(d.bytes, pageBytesMax)
	call := d.call(req)
	m, err := d.js.directMessage(ctx, call)
	if err != nil {
		return p, err
	}
	options := d.js.pageOptions(ctx, &p.end)
	if d.memory != nil {
		options = append(options, api.RequestManyMemory(d.memory))
	}
	for m, err := range d.js.nc.RequestManyMsg(ctx, m, options...) {
		if err != nil {
			return p, d.js.directFailed(ctx, call, err)
		}
		if err := d.take(&p, m, yield); err != nil || p.stopped {
			return p, err
		}
	}
	return p, d.finish(ctx, call, &p)
}

// call describes the request for errors.
func (d *directRead) call(req directRequest) request {
	return request{op: d.op, subject: "DIRECT.GET." + d.stream, body: req, stream: d.stream, level: level211, feature: "a batch"}
}

// take yields one message.
func (d *directRead) take(p *page, m *api.Msg, yield func(*RawStreamMsg, error) bool) error {
	raw := &RawStreamMsg{Data: m.Data}
	if !d.req.NoHeaders {
		var err error
		if raw, err = directMsg(m); err != nil {
			return d.js.callError(d.call(d.req), err)
		}
		if before, err := numberField(m.Header, LastSequenceHeader); err != nil || before != p.last {
			return d.js.callError(d.call(d.req), errGap)
		}
		p.last = raw.Sequence
		d.advance(raw.Sequence)
	}
	size := storedSize(raw)
	p.msgs++
	p.bytes += size
	d.got++
	d.count -= min(d.count, 1)
	d.bytes -= min(d.bytes, size)
	p.stopped = !yield(raw, nil)
	return nil
}

// advance makes the next page begin after a message.
func (d *directRead) advance(seq uint64) {
	d.end.LastSeq = seq
	d.req.Seq, d.req.StartTime = seq+1, nil
}

// finish evaluates the status that ended a page.
func (d *directRead) finish(ctx context.Context, call request, p *page) error {
	if p.end == nil {
		return d.js.directFailed(ctx, call, d.js.lateError(ctx, call))
	}
	switch status := p.end.Status(); {
	case status == statusEOB:
		return d.finished(call, p)
	case status == statusNotFound && p.msgs == 0 && d.got > 0:
		d.end.Pending = 0 // the messages reported as pending are gone
		return nil
	default:
		return d.js.directStatus(call, p.end)
	}
}

// finished evaluates the end of a page. Missing messages are requested again.
func (d *directRead) finished(call request, p *page) error {
	last, err := numberField(p.end.Header, LastSequenceHeader)
	if err != nil {
		return d.js.callError(call, err)
	}
	pending, err := numberField(p.end.Header, numPendingHeader)
	if err != nil {
		return d.js.callError(call, err)
	}
	if !d.req.NoHeaders && last != p.last {
		return d.js.callError(call, errGap)
	}
	if p.msgs > 0 {
		d.advance(last)
	}
	d.end.Pending = pending
	return nil
}

// storedSize returns the size that a server counts for a message, bytes.
func storedSize(m *RawStreamMsg) int {
	size := len(m.Subject) + len(m.Data)
	fields := 0
	for key, values := range m.Header {
		for i, v := range values {
			if i == len(values)-1 && isDirectField(key) {
				continue // added by the server
			}
			fields += len(key) + len(v) + len(": \r\n")
		}
	}
	if fields > 0 {
		size += fields + blockFrame
	}
	return size
}

// pageOptions ends a RequestMany with the status that ends a page, and puts it into end.
// The context's deadline applies if it has one.
func (js *jetStream) pageOptions(ctx context.Context, end **api.Msg) []api.RequestManyOption {
	sentinel := api.RequestManySentinel(func(m *api.Msg) bool {
		if !isDirectStatus(m) {
			return false
		}
		*end = m
		return true
	})
	if _, ok := ctx.Deadline(); ok {
		return []api.RequestManyOption{sentinel}
	}
	return []api.RequestManyOption{sentinel, api.RequestManyTotal(js.opts.DefaultTimeout)}
}

// numberField reads a field that a server has added.
func numberField(h api.Header, key string) (uint64, error) {
	n, err := strconv.ParseUint(lastValue(h, key), 10, 64)
	if err != nil {
		return 0, &ResponseError{Err: err}
	}
	return n, nil
}
