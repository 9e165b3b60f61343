package jetstream

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strconv"

	"github.com/troupe-go/troupe/api"
)

// requiredLevelHeader makes a server refuse what it does not know, instead of ignoring it.
const requiredLevelHeader = "Nats-Required-Api-Level"

// request is one call of the JetStream API.
type request struct {
	op               string     // for errors: "create stream"
	subject          string     // below the prefix: "STREAM.CREATE.ORDERS"
	body             any        // encoded as JSON; nil for nothing, []byte as it is
	stream, consumer string     // that it concerns, for errors
	level            int        // of the API that it needs; 0 for any
	feature          string     // what needs the level
	header           api.Header // nil for none; not changed
}

// call makes an API call and decodes its answer. One that only reads is sent again when its
// answer does not come. Errors: an *APIError, or what
// contains one, when the server refuses; a *CallError without an answer; an
// *APILevelError before anything is sent.
func call[T any](ctx context.Context, js *jetStream, r request) (T, error) {
	var answer T
	m, err := js.exchange(ctx, r)
	if err != nil {
		return answer, err
	}
	if err := json.Unmarshal(m.Data, &answer); err != nil {
		return answer, js.callError(r, &ResponseError{Err: err})
	}
	return answer, nil
}

// exchange makes an API call and returns its answer if it is not a refusal.
func (js *jetStream) exchange(ctx context.Context, r request) (*api.Msg, error) {
	ctx, cancel := js.bound(ctx)
	defer cancel()
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
	answer, err := js.ask(ctx, r, m)
	if err != nil {
		return nil, js.callError(r, err)
	}
	if trace := js.opts.ClientTrace; trace != nil && trace.ResponseReceived != nil {
		trace.ResponseReceived(m.Subject, answer.Data, answer.Header)
	}
	return answer, js.refused(r, answer.Data)
}

// ask sends a request and waits for its answer: a request that only reads is sent again, one that
// changes something is not.
func (js *jetStream) ask(ctx context.Context, r request, m *api.Msg) (*api.Msg, error) {
	if r.reads() {
		return js.read(ctx, m)
	}
	js.traceRequest(m)
	return js.nc.RequestMsgWithContext(ctx, m)
}

// traceRequest reports a request that is sent to the user's trace.
func (js *jetStream) traceRequest(m *api.Msg) {
	if trace := js.opts.ClientTrace; trace != nil && trace.RequestSent != nil {
		trace.RequestSent(m.Subject, m.Data)
	}
}

// encodeBody returns the body of a request as it is sent.
func encodeBody(body any) ([]byte, error) {
	switch body := body.(type) {
	case nil:
		return nil, nil
	case []byte:
		return body, nil
	default:
		return json.Marshal(body)
	}
}

// withField returns a copy of a header with one more field.
func withField(header api.Header, key, value string) api.Header {
	more := make(api.Header, len(header)+1)
	for k, v := range header {
		more[k] = v
	}
	more[key] = []string{value}
	return more
}

// refused returns the error in an answer, nil if there is none.
func (js *jetStream) refused(r request, answer []byte) error {
	if !bytes.Contains(answer, []byte(`"error"`)) {
		return nil
	}
	var said struct {
		Error *APIError `json:"error"`
	}
	if err := json.Unmarshal(answer, &said); err != nil {
		return js.callError(r, &ResponseError{Err: err})
	}
	if said.Error == nil {
		return nil
	}
	e := said.Error
	e.Op, e.APISubject, e.Stream, e.Consumer = r.op, js.subject(r.subject), r.stream, r.consumer
	return apiError(e)
}

// callError says which call failed.
func (js *jetStream) callError(r request, err error) error {
	return &CallError{Op: r.op, APISubject: js.subject(r.subject), Stream: r.stream, Consumer: r.consumer, Err: err}
}

// needLevel refuses a call that the connected server does not know. Without a server only the
// header of the request protects it.
func (js *jetStream) needLevel(ctx context.Context, r request) error {
	if r.level == 0 {
		return nil
	}
	enabled, have := js.nc.ConnectedServerJetStream()
	if !enabled || have >= r.level {
		return nil // JetStream may be elsewhere: behind a leaf node
	}
	if have == 0 { // before server 2.12 INFO does not say
		info, err := call[struct {
			API struct {
				Level int `json:"level"`
			} `json:"api"`
		}](ctx, js, request{op: "account info", subject: "INFO"})
		if err != nil {
			return err
		}
		have = info.API.Level
	}
	if have >= r.level {
		return nil
	}
	return &APILevelError{Op: r.op, Feature: r.feature, Needed: r.level, Have: have}
}

// CallError says which API call got no usable answer, and why. It is what Err is; without
// responders it is also an ErrServiceUnavailable, and for AccountInfo an ErrJetStreamNotEnabled.
type CallError struct {
	Op               string // "create stream"
	APISubject       string
	Stream, Consumer string // empty if the call concerns none
	Err              error
}

// Error says what was tried and why it failed.
func (e *CallError) Error() string {
	return "troupe: " + about(e.Op, e.Stream, e.Consumer) + ": " + plain(e.Err)
}

// Unwrap returns what the error belongs to.
func (e *CallError) Unwrap() []error {
	switch {
	case !errors.Is(e.Err, api.ErrNoResponders):
		return []error{e.Err, ErrJetStream}
	case e.Op == "account info":
		return []error{e.Err, ErrServiceUnavailable, ErrJetStreamNotEnabled}
	default:
		return []error{e.Err, ErrServiceUnavailable}
	}
}
