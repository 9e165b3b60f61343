package jetstream

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/kind"
	"github.com/troupe-go/troupe/protocol"
)

// Fields that a server adds to the header of a message in a batch, or of its end, besides those
// that all have.
const (
	numPendingHeader   = "Nats-Num-Pending"
	upToSequenceHeader = "Nats-UpTo-Sequence"
)

// Statuses of direct gets that are not only errors; see statusMeanings for all.
const (
	statusEOB      = 204
	statusNotFound = 404
	statusTooMany  = 413
)

// Kinds of errors of direct gets.
var (
	// ErrDirectAccessRequired: the stream does not have AllowDirect.
	ErrDirectAccessRequired error = kind.New("troupe: stream does not allow direct access", ErrJetStream).In(kind.Server)
	// ErrSubjectRequired: the list of subjects is empty.
	ErrSubjectRequired error = kind.New("troupe: at least one subject is required", ErrInvalidOption).In(kind.Input)
	// ErrMsgsReplaced: messages were removed or replaced while they were read. See
	// GetLastMsgsExact.
	ErrMsgsReplaced error = kind.New("troupe: messages were replaced while they were read", ErrJetStream).In(kind.Conflict, kind.Retry)

	// errGap: a message of a page is missing.
	errGap error = kind.New("troupe: a message is missing in the answer", ErrInvalidJetStreamResponse).In(kind.Protocol, kind.Retry)
)

// isDirectField reports whether a server adds that field to messages that are read.
func isDirectField(key string) bool {
	switch key {
	case StreamHeader, SubjectHeader, SequenceHeader, TimeStampHeaer, numPendingHeader, LastSequenceHeader:
		return true
	default:
		return false
	}
}

// lastValue returns the last value of a field. A server appends its own after those that the
// stored message already has, for example because it was republished.
func lastValue(h api.Header, key string) string {
	values := h.Values(key)
	if len(values) == 0 {
		return ""
	}
	return values[len(values)-1]
}

// isDirectStatus reports whether m is a status of the server and not a message: a stored one may
// also have a field Status.
func isDirectStatus(m *api.Msg) bool {
	if len(m.Data) > 0 || m.Status() == 0 {
		return false
	}
	return len(m.Header.Values(SequenceHeader)) == 0
}

// directMsg reads the answer to a direct get.
func directMsg(m *api.Msg) (*RawStreamMsg, error) {
	subject := lastValue(m.Header, SubjectHeader)
	seq, err := strconv.ParseUint(lastValue(m.Header, SequenceHeader), 10, 64)
	if err != nil {
		return nil, &ResponseError{Err: err}
	}
	at, err := time.Parse(time.RFC3339Nano, lastValue(m.Header, TimeStampHeaer))
	if err != nil {
		return nil, &ResponseError{Err: err}
	}
	return &RawStreamMsg{Subject: subject, Sequence: seq, Header: m.Header, Data: m.Data, Time: at}, nil
}

// directMessage performs the request of a direct get, if the server supports what it needs.
func (js *jetStream) directMessage(ctx context.Context, r request) (*api.Msg, error) {
	if err := js.needLevel(ctx, r); err != nil {
		return nil, err
	}
	body, err := encodeBody(r.body)
	if err != nil {
		return nil, js.callError(r, err)
	}
	m := &api.Msg{Subject: js.subject(r.subject), Header: r.header, Data: body}
	if r.level > 0 {
		m.Header = withField(r.header, requiredLevelHeader, strconv.Itoa(r.level))
	}
	return m, nil
}

// directGet reads one message of a stream with AllowDirect: by req.Seq, the last of
// req.LastFor alone, or the first of req.NextFor from req.Seq on. ErrMsgNotFound if
// there is none.
func (js *jetStream) directGet(ctx context.Context, stream string, req directRequest) (*RawStreamMsg, error) {
	r := request{op: "get message", stream: stream}
	if req.LastFor != "" && !protocol.HasWildcard(req.LastFor) {
		// The subject of the request contains the message's, so that permissions can refer to it.
		r.subject = "DIRECT.GET." + stream + "." + req.LastFor
	} else {
		r.subject, r.body = "DIRECT.GET."+stream, req
	}
	m, err := js.directMessage(ctx, r)
	if err != nil {
		return nil, err
	}
	answer, err := js.roundTrip(ctx, m)
	if err != nil {
		return nil, js.directFailed(ctx, r, err)
	}
	if isDirectStatus(answer) {
		return nil, js.directStatus(r, answer)
	}
	raw, err := directMsg(answer)
	if err != nil {
		return nil, js.callError(r, err)
	}
	return raw, nil
}

// directStatus turns a status into an error: an *APIError with the code of its kind, where
// the kind has one.
func (js *jetStream) directStatus(r request, m *api.Msg) error {
	e := &APIError{
		Code: m.Status(), Description: m.Description(),
		Op: r.op, APISubject: js.subject(r.subject), Stream: r.stream,
	}
	kind := meaningOf(fromDirect, e.Code, e.Description).kind
	if kind == nil || errors.Is(e, kind) {
		return e
	}
	if s, ok := kind.(interface{ APIError() *APIError }); ok && s.APIError() != nil {
		e.ErrorCode = s.APIError().ErrorCode
		return e
	}
	return &statusError{kind: kind, APIError: e}
}

// statusError gives a status a kind that has no error code.
type statusError struct {
	*APIError
	kind error
}

// Unwrap returns the kind and the APIError.
func (e *statusError) Unwrap() []error { return []error{e.kind, e.APIError} }

// directFailed says why a direct get got no answer. There is none for a stream that does not
// exist or does not allow direct gets: only the API can tell which.
func (js *jetStream) directFailed(ctx context.Context, r request, err error) error {
	if !errors.Is(err, api.ErrNoResponders) {
		return js.callError(r, err)
	}
	info, infoErr := call[struct {
		Config struct {
			AllowDirect bool `json:"allow_direct"`
		} `json:"config"`
	}](ctx, js, request{op: r.op, subject: "STREAM.INFO." + r.stream, stream: r.stream})
	switch {
	case errors.Is(infoErr, ErrStreamNotFound):
		return infoErr
	case infoErr == nil && !info.Config.AllowDirect:
		return js.callError(r, ErrDirectAccessRequired)
	default:
		return js.callError(r, err)
	}
}

// lateError is the error for an answer that did not come in time.
func (js *jetStream) lateError(ctx context.Context, r request) error {
	e := &api.TimeoutError{Op: r.op, Subject: js.subject(r.subject), After: js.opts.DefaultTimeout, Elapsed: js.opts.DefaultTimeout, Sent: true}
	if ctx.Err() != nil {
		e.Cause = context.Cause(ctx)
	}
	return e
}
