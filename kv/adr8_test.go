package kv_test

import (
	"errors"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/kv"
)

// What the architecture record of the key-value store (ADR-8) asks for, rule by rule.

// TestRuleBucketNames: letters, digits, '-' and '_'.
func TestRuleBucketNames(t *testing.T) {
	js := streaming(t)
	for name, valid := range map[string]bool{
		"a": true, "A-b_9": true, "_": true, "": false, "a.b": false, "a b": false, "a*": false, ">": false, "a/b": false, "é": false, "a\n": false,
	} {
		_, err := kv.Create(t.Context(), js, kv.Config{Bucket: name, Storage: jetstream.MemoryStorage})
		if valid {
			must.Do(t, err)
			continue
		}
		is(t, err, kv.ErrInvalidBucketName)
	}
}

// TestRuleStreamOfABucket: the name, the subjects and the settings of the stream.
func TestRuleStreamOfABucket(t *testing.T) {
	js := streaming(t)
	plain := jetstream.StreamConfig{
		Name: "KV_b", Subjects: []string{"$KV.b.>"}, MaxMsgsPerSubject: 1, MaxMsgs: -1, MaxBytes: -1, MaxMsgSize: -1, MaxConsumers: -1,
		Discard: jetstream.DiscardNew, Duplicates: 2 * time.Minute, Storage: jetstream.MemoryStorage, Replicas: 1,
		AllowRollup: true, DenyDelete: true, AllowDirect: true,
	}
	for _, test := range []struct {
		name   string
		config kv.Config
		change func(want *jetstream.StreamConfig)
	}{
		{"the least", kv.Config{}, func(*jetstream.StreamConfig) {}},
		{"history", kv.Config{History: 64}, func(w *jetstream.StreamConfig) { w.MaxMsgsPerSubject = 64 }},
		{"a long time to live", kv.Config{TTL: time.Hour}, func(w *jetstream.StreamConfig) { w.MaxAge = time.Hour }},
		{"a short time to live", kv.Config{TTL: time.Minute}, func(w *jetstream.StreamConfig) { w.MaxAge, w.Duplicates = time.Minute, time.Minute }},
		{"limits", kv.Config{MaxBytes: 10_000, MaxValueSize: 100}, func(w *jetstream.StreamConfig) { w.MaxBytes, w.MaxMsgSize = 10_000, 100 }},
		{"description and metadata", kv.Config{Description: "d", Metadata: map[string]string{"a": "b"}}, func(w *jetstream.StreamConfig) {
			w.Description, w.Metadata = "d", map[string]string{"a": "b"}
		}},
		{"republish", kv.Config{RePublish: &jetstream.RePublish{Source: ">", Destination: "seen.>"}}, func(w *jetstream.StreamConfig) {
			w.RePublish = &jetstream.RePublish{Source: ">", Destination: "seen.>"}
		}},
		{"compression", kv.Config{Compression: true, Storage: jetstream.FileStorage}, func(w *jetstream.StreamConfig) {
			w.Compression, w.Storage = jetstream.S2Compression, jetstream.FileStorage
		}},
		{"limit markers", kv.Config{LimitMarkerTTL: time.Minute}, func(w *jetstream.StreamConfig) {
			w.AllowMsgTTL, w.SubjectDeleteMarkerTTL = true, time.Minute
		}},
	} {
		t.Run(test.name, func(t *testing.T) {
			cfg := test.config
			cfg.Bucket = "b"
			if !cfg.Compression {
				cfg.Storage = jetstream.MemoryStorage
			}
			s := must.Get(kv.Create(t.Context(), js, cfg))(t)
			got := must.Get(s.Status(t.Context()))(t).StreamInfo().Config
			want := plain
			test.change(&want)
			for key := range got.Metadata {
				if strings.HasPrefix(key, "_nats.") {
					delete(got.Metadata, key)
				}
			}
			if len(got.Metadata) == 0 {
				got.Metadata = nil
			}
			if diff := cmp.Diff(want, got); diff != "" {
				t.Error(diff)
			}
			must.Do(t, kv.Delete(t.Context(), js, "b"))
		})
	}
}

// sent returns what a change publishes.
func sent(t *testing.T, nc *api.Conn, change func()) *api.Msg {
	t.Helper()
	sub := must.Get(nc.SubscribeSync("$KV.b.>"))(t)
	must.Do(t, nc.Flush())
	change()
	m := must.Get(sub.NextMsg(time.Minute))(t)
	must.Do(t, sub.Unsubscribe())
	return m
}

// TestRuleWhatChangesAKey: the subject, the header and the data of each change.
func TestRuleWhatChangesAKey(t *testing.T) {
	ctx := t.Context()
	js := streaming(t)
	s := made(t, js, kv.Config{Bucket: "b", History: 5, LimitMarkerTTL: time.Minute})
	var last uint64
	for _, test := range []struct {
		name   string
		change func()
		data   string
		header api.Header
	}{
		{"put", func() { last = must.Get(s.Put(ctx, "k", []byte("1")))(t) }, "1", nil},
		{"update", func() { last = must.Get(s.Update(ctx, "k", []byte("2"), last))(t) }, "2", api.Header{"Nats-Expected-Last-Subject-Sequence": {"1"}}},
		{"delete", func() { must.Do(t, s.Delete(ctx, "k")) }, "", api.Header{"KV-Operation": {"DEL"}}},
		{"delete a revision", func() { must.Do(t, s.Delete(ctx, "k", kv.LastRevision(3))) }, "",
			api.Header{"KV-Operation": {"DEL"}, "Nats-Expected-Last-Subject-Sequence": {"3"}}},
		{"purge", func() { must.Do(t, s.Purge(ctx, "k")) }, "", api.Header{"KV-Operation": {"PURGE"}, "Nats-Rollup": {"sub"}}},
		{"purge a revision, for a time", func() { must.Do(t, s.Purge(ctx, "k", kv.LastRevision(5), kv.PurgeTTL(time.Hour))) }, "",
			api.Header{"KV-Operation": {"PURGE"}, "Nats-Rollup": {"sub"}, "Nats-Expected-Last-Subject-Sequence": {"5"}, "Nats-TTL": {"1h0m0s"}}},
		{"create", func() { must.Get(s.Create(ctx, "k.2", []byte("3")))(t) }, "3", api.Header{"Nats-Expected-Last-Subject-Sequence": {"0"}}},
		{"create, for a time", func() { must.Get(s.Create(ctx, "k.3", []byte("4"), kv.KeyTTL(time.Second)))(t) }, "4",
			api.Header{"Nats-Expected-Last-Subject-Sequence": {"0"}, "Nats-TTL": {"1s"}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			m := sent(t, js.Conn(), test.change)
			delete(m.Header, jetstream.MsgIDHeader) // it is for the second try
			if len(m.Header) == 0 {
				m.Header = nil
			}
			if diff := cmp.Diff(test.header, m.Header); diff != "" || string(m.Data) != test.data || !strings.HasPrefix(m.Subject, "$KV.b.k") {
				t.Errorf("%s %q %s", m.Subject, m.Data, diff)
			}
		})
	}
}

// TestRuleMarkersAreNoValues: neither those of programs nor those of servers, whatever says so.
func TestRuleMarkersAreNoValues(t *testing.T) {
	ctx := t.Context()
	js := streaming(t)
	s := made(t, js, kv.Config{Bucket: "b", History: 5})
	for _, test := range []struct {
		name   string
		header api.Header
		op     kv.Op
		marked bool
	}{
		{"deleted", api.Header{"KV-Operation": {"DEL"}}, kv.OpDelete, true},
		{"purged", api.Header{"KV-Operation": {"PURGE"}}, kv.OpPurge, true},
		{"expired", api.Header{"Nats-Marker-Reason": {"MaxAge"}}, kv.OpPurge, true},
		{"purged by the server", api.Header{"Nats-Marker-Reason": {"Purge"}}, kv.OpPurge, true},
		{"removed by the server", api.Header{"Nats-Marker-Reason": {"Remove"}}, kv.OpDelete, true},
		{"something unknown", api.Header{"KV-Operation": {"PUT"}, "Other": {"x"}}, kv.OpPut, false},
		{"a reason unknown", api.Header{"Nats-Marker-Reason": {"Other"}}, kv.OpPut, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			ack := must.Get(js.PublishMsg(ctx, &api.Msg{Subject: "$KV.b.k", Header: test.header, Data: []byte("x")}))(t)
			e, err := s.Get(ctx, "k")
			if !test.marked {
				must.Do(t, err)
				if e.Operation() != test.op || e.Revision() != ack.Sequence {
					t.Error(told(e))
				}
				return
			}
			for _, err := range []error{err, second(s.GetRevision(ctx, "k", ack.Sequence))} {
				is(t, err, kv.ErrKeyDeleted)
				is(t, err, kv.ErrKeyNotFound)
				found := as[*kv.KeyError](t, err)
				if want := test.header.Get("KV-Operation") + test.header.Get("Nats-Marker-Reason"); found.Operation != want {
					t.Errorf("the error says %q, the marker %q", found.Operation, want)
				}
				marker := found.Entry
				if marker.Operation() != test.op || marker.Revision() != ack.Sequence || marker.Expired() != (test.name == "expired") {
					t.Error(told(marker))
				}
			}
			if _, err := s.Create(ctx, "k", []byte("again")); err != nil {
				t.Errorf("it is in the way: %v", err)
			}
		})
	}
}

// TestRuleHistory: as many values of a key are kept as the bucket says, markers among them; a
// purge leaves its own.
func TestRuleHistory(t *testing.T) {
	ctx := t.Context()
	s := made(t, streaming(t), kv.Config{Bucket: "b", History: 3})
	revisions := func() (all []uint64) {
		for _, e := range must.Get(s.History(ctx, "k"))(t) {
			all = append(all, e.Revision())
		}
		return all
	}
	for range 4 {
		must.Get(s.PutString(ctx, "k", "v"))(t)
	}
	must.Do(t, s.Delete(ctx, "k"))
	if got := revisions(); !slices.Equal(got, []uint64{3, 4, 5}) {
		t.Errorf("revisions %v", got)
	}
	must.Do(t, s.Purge(ctx, "k"))
	if got := revisions(); !slices.Equal(got, []uint64{6}) {
		t.Errorf("revisions %v", got)
	}
}

// TestRuleRevisionOfAnotherKey: it is not found, though it is there.
func TestRuleRevisionOfAnotherKey(t *testing.T) {
	ctx := t.Context()
	s := made(t, streaming(t), kv.Config{Bucket: "b"})
	must.Get(s.PutString(ctx, "a", "1"))(t)
	other := must.Get(s.PutString(ctx, "b", "2"))(t)
	_, err := s.GetRevision(ctx, "a", other)
	is(t, err, kv.ErrKeyNotFound)
	_, err = s.GetRevision(ctx, "a", 99)
	is(t, err, kv.ErrKeyNotFound)
}

// TestRuleDelta: an entry says how many are to follow.
func TestRuleDelta(t *testing.T) {
	s := made(t, streaming(t), kv.Config{Bucket: "b"})
	for _, key := range []string{"a", "b", "c"} {
		must.Get(s.PutString(t.Context(), key, "v"))(t)
	}
	w := must.Get(s.WatchAll(t.Context()))(t)
	for want := uint64(2); ; want-- {
		if e := next(t, w); e.Delta() != want {
			t.Errorf("%s: delta %d, want %d", told(e), e.Delta(), want)
		}
		if want == 0 {
			break
		}
	}
	must.Do(t, w.Stop())
}

// TestRuleStatus: what a status tells.
func TestRuleStatus(t *testing.T) {
	ctx := t.Context()
	s := made(t, streaming(t), kv.Config{Bucket: "b", History: 4, TTL: time.Hour, LimitMarkerTTL: time.Minute, Metadata: map[string]string{"a": "b"}})
	must.Get(s.PutString(ctx, "k", "1"))(t)
	must.Get(s.PutString(ctx, "k", "2"))(t)
	st := must.Get(s.Status(ctx))(t)
	if st.Bucket() != "b" || st.Values() != 2 || st.History() != 4 || st.TTL() != time.Hour || st.BackingStore() != "JetStream" ||
		st.Bytes() == 0 || st.IsCompressed() || st.LimitMarkerTTL() != time.Minute || st.Metadata()["a"] != "b" || s.Bucket() != "b" {
		t.Errorf("%+v", st)
	}
}

func second[T any](_ T, err error) error { return err }

// as ends the test unless there is an error of that type.
func as[E error](t testing.TB, err error) E {
	t.Helper()
	e, ok := errors.AsType[E](err)
	if !ok {
		t.Fatalf("%v (%T) is none", err, err)
	}
	return e
}
