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

func TestAPlanChangesNothing(t *testing.T) {
	ctx, js := t.Context(), streaming(t)
	cfg := kv.Config{Bucket: "a", Storage: jetstream.MemoryStorage, TTL: time.Hour}
	if plan := must.Get(kv.Plan(ctx, js, cfg))(t); !plan.Create {
		t.Errorf("without a bucket the plan is %v", plan)
	}
	_, err := kv.Open(ctx, js, "a")
	is(t, err, kv.ErrBucketNotFound)
	made(t, js, cfg)
	if plan := must.Get(kv.Plan(ctx, js, cfg))(t); !plan.Nothing() {
		t.Errorf("with the config that it has, the plan is %v", plan)
	}
	other := cfg
	other.TTL = 2 * time.Hour
	if plan := must.Get(kv.Plan(ctx, js, other))(t); len(plan.Changes) != 1 || plan.Changes[0].Field != "MaxAge" {
		t.Errorf("with another TTL the plan is %v", plan)
	}
	if plan := must.Get(kv.Plan(ctx, js, cfg))(t); !plan.Nothing() {
		t.Errorf("after a plan was made, the bucket differs: %v", plan)
	}
	_, err = kv.Plan(ctx, js, kv.Config{Bucket: "a b"})
	is(t, err, kv.ErrInvalidBucketName)
	_, err = kv.Plan(ctx, js, kv.Config{Bucket: "a", History: kv.MaxHistory + 1})
	is(t, err, kv.ErrKeyHistoryTooLarge)
}
