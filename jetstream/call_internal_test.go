package jetstream

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
)

type anyAnswer struct {
	Type string `json:"type"`
}

func opened(t *testing.T, o natsserver.Options, options ...JetStreamOpt) *jetStream {
	t.Helper()
	s := natsserver.Run(t, o)
	nc := must.Get(api.Connect(s.URL()))(t)
	t.Cleanup(nc.Close)
	return must.Get(New(nc, options...))(t).(*jetStream)
}

func TestCallTracesWhatItSays(t *testing.T) {
	var sent, received string
	js := opened(t, natsserver.Options{JetStream: true}, WithClientTrace(&ClientTrace{
		RequestSent:      func(subj string, payload []byte) { sent = subj + " " + string(payload) },
		ResponseReceived: func(subj string, payload []byte, _ api.Header) { received = subj },
	}))
	var none context.Context // allowed, as with nats.go
	answer := must.Get(call[anyAnswer](none, js, request{op: "account info", subject: "INFO", body: []byte("")}))(t)
	if answer.Type != "io.nats.jetstream.api.v1.account_info_response" {
		t.Errorf("type is %q", answer.Type)
	}
	if sent != "$JS.API.INFO " || received != "$JS.API.INFO" {
		t.Errorf("traced %q and %q", sent, received)
	}
}

func TestCallSaysWhyItFailed(t *testing.T) {
	js := opened(t, natsserver.Options{JetStream: true})
	_, err := call[anyAnswer](context.Background(), js, request{op: "stream info", subject: "STREAM.INFO.NOPE", stream: "NOPE"})
	var refused *APIError
	if !errors.As(err, &refused) || refused.ErrorCode != 10059 || refused.Stream != "NOPE" || refused.Op != "stream info" {
		t.Errorf("a missing stream gave %v", err)
	}
	_, err = call[anyAnswer](context.Background(), js, request{op: "create it", subject: "INFO", level: 999, feature: "the future"})
	var level *APILevelError
	if !errors.As(err, &level) || level.Needed != 999 || level.Have == 0 || !errors.Is(err, ErrRequiredAPILevel) {
		t.Errorf("a level beyond gave %v", err)
	}
}

func TestCallWithoutJetStream(t *testing.T) {
	js := opened(t, natsserver.Options{})
	_, err := call[anyAnswer](context.Background(), js, request{op: "account info", subject: "INFO"})
	if !errors.Is(err, ErrJetStreamNotEnabled) || !errors.Is(err, api.ErrNoResponders) {
		t.Errorf("nobody there gave %v", err)
	}
	_, err = call[anyAnswer](context.Background(), js, request{op: "stream info", subject: "STREAM.INFO.A"})
	if !errors.Is(err, ErrServiceUnavailable) || errors.Is(err, ErrJetStreamNotEnabled) {
		t.Errorf("nobody there gave %v", err)
	}
	sub := must.Get(js.nc.Subscribe("$JS.API.>", func(m *api.Msg) { must.Do(t, m.Respond([]byte(`{"error":`))) }))(t)
	defer func() { must.Do(t, sub.Unsubscribe()) }()
	_, err = call[anyAnswer](must.Within(t, time.Minute), js, request{op: "stream info", subject: "STREAM.INFO.A"})
	if !errors.Is(err, ErrInvalidJetStreamResponse) {
		t.Errorf("half an answer gave %v", err)
	}
}
