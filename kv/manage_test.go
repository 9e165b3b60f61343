package kv_test

import (
	"slices"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/kv"
)

// TestMakingABucketIsOneCall counts what is sent. Without limit markers that is the call
// itself.
func TestMakingABucketIsOneCall(t *testing.T) {
	var sent []string
	js := streaming(t, jetstream.WithClientTrace(&jetstream.ClientTrace{RequestSent: func(subject string, _ []byte) {
		sent = append(sent, subject)
	}}))
	s := made(t, js, kv.Config{Bucket: "a", History: 2, TTL: time.Hour, LimitMarkerTTL: time.Minute})
	must.Get(s.PutString(t.Context(), "k", "v"))(t)
	if want := []string{"$JS.API.STREAM.CREATE.KV_a"}; !slices.Equal(sent, want) {
		t.Errorf("sent %v, want %v", sent, want)
	}
}

// TestErrLimitMarkerTTLNotSupported: a server that is too old says so by its level of the API.
func TestErrLimitMarkerTTLNotSupported(t *testing.T) {
	js := streaming(t)
	fake := must.Get(js.Conn().Subscribe("$JS.old.API.>", func(m *api.Msg) {
		_ = m.Respond([]byte(`{"error":{"code":412,"err_code":10185,"description":"JetStream minimum api level required"}}`))
	}))(t)
	defer func() { must.Do(t, fake.Unsubscribe()) }()
	old := must.Get(jetstream.NewWithDomain(js.Conn(), "old"))(t)
	_, err := kv.Create(t.Context(), old, kv.Config{Bucket: "a", LimitMarkerTTL: time.Minute})
	is(t, err, kv.ErrLimitMarkerTTLNotSupported)
	is(t, err, jetstream.ErrRequiredAPILevel)
	is(t, err, kv.ErrKeyValue)
}
