package jetstream_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
)

// sameJSON returns how the JSON forms of two values differ.
func sameJSON(t testing.TB, a, b any) string {
	t.Helper()
	form := func(v any) (form any) {
		must.Do(t, json.Unmarshal(must.Get(json.Marshal(v))(t), &form))
		return form
	}
	return cmp.Diff(form(a), form(b))
}

// roundTrip writes a value and reads it again.
func roundTrip[T comparable](t *testing.T, values ...T) {
	t.Helper()
	for _, v := range values {
		var back T
		data := must.Get(json.Marshal(v))(t)
		must.Do(t, json.Unmarshal(data, &back))
		if back != v {
			t.Errorf("%v is %s is %v", v, data, back)
		}
		if text := fmt.Sprint(v); text == "" || strings.HasPrefix(text, "Unknown") {
			t.Errorf("%s reads %q", data, text)
		}
		kept := v
		if err := json.Unmarshal([]byte(`"nonsense"`), &kept); !errors.Is(err, jetstream.ErrUnknownValue) || kept != v {
			t.Errorf("nonsense made %v of %v: %v", kept, v, err)
		}
		if err := json.Unmarshal([]byte(`7`), &kept); !errors.Is(err, jetstream.ErrUnknownValue) {
			t.Errorf("7 gave %v", err)
		}
	}
}

func TestEnumsBothWays(t *testing.T) {
	roundTrip(t, jetstream.LimitsPolicy, jetstream.InterestPolicy, jetstream.WorkQueuePolicy)
	roundTrip(t, jetstream.DiscardOld, jetstream.DiscardNew)
	roundTrip(t, jetstream.FileStorage, jetstream.MemoryStorage)
	roundTrip(t, jetstream.NoCompression, jetstream.S2Compression)
	roundTrip(t, jetstream.DefaultPersistMode, jetstream.AsyncPersistMode)
	roundTrip(t, jetstream.DeliverAllPolicy, jetstream.DeliverLastPolicy, jetstream.DeliverNewPolicy, jetstream.DeliverByStartSequencePolicy,
		jetstream.DeliverByStartTimePolicy, jetstream.DeliverLastPerSubjectPolicy)
	roundTrip(t, jetstream.AckExplicitPolicy, jetstream.AckAllPolicy, jetstream.AckNonePolicy, jetstream.AckFlowControlPolicy)
	roundTrip(t, jetstream.ReplayInstantPolicy, jetstream.ReplayOriginalPolicy)
	roundTrip(t, jetstream.PriorityPolicyNone, jetstream.PriorityPolicyPinned, jetstream.PriorityPolicyOverflow, jetstream.PriorityPolicyPrioritized)
	if _, err := json.Marshal(jetstream.RetentionPolicy(9)); !errors.Is(err, jetstream.ErrUnknownValue) {
		t.Errorf("an unknown value gave %v", err)
	}
}

func TestPriorityPolicyOfNoName(t *testing.T) {
	for _, word := range []string{`""`, `"none"`, `"NONE"`} {
		p := jetstream.PriorityPolicyPinned
		if err := json.Unmarshal([]byte(word), &p); err != nil || p != jetstream.PriorityPolicyNone {
			t.Errorf("%s is %v: %v", word, p, err)
		}
	}
	if data := must.Get(json.Marshal(jetstream.ConsumerConfig{}))(t); strings.Contains(string(data), "priority") {
		t.Errorf("a config without a policy is %s", data)
	}
}

// badStreams are configs that are refused before anything is sent.
var badStreams = []struct {
	what string
	cfg  jetstream.StreamConfig
	kind error
}{
	{"no name", jetstream.StreamConfig{}, jetstream.ErrStreamNameRequired},
	{"a dot", jetstream.StreamConfig{Name: "a.b"}, jetstream.ErrInvalidStreamName},
	{"a blank", jetstream.StreamConfig{Name: "a b"}, jetstream.ErrInvalidStreamName},
	{"a slash", jetstream.StreamConfig{Name: "a/b"}, jetstream.ErrInvalidStreamName},
	{"a backslash", jetstream.StreamConfig{Name: `a\b`}, jetstream.ErrInvalidStreamName},
	{"a long name", jetstream.StreamConfig{Name: strings.Repeat("a", 256)}, jetstream.ErrInvalidStreamName},
	{"a bad subject", jetstream.StreamConfig{Name: "S", Subjects: []string{"a..b"}}, jetstream.ErrInvalidSubject},
	{"overlap", jetstream.StreamConfig{Name: "S", Subjects: []string{"a.*", "a.b"}}, jetstream.ErrSubjectOverlap},
	{"everything", jetstream.StreamConfig{Name: "S", Subjects: []string{">"}}, jetstream.ErrInvalidConfig},
	{"retention", jetstream.StreamConfig{Name: "S", Retention: 9}, jetstream.ErrUnknownValue},
	{"description", jetstream.StreamConfig{Name: "S", Description: strings.Repeat("a", 4097)}, jetstream.ErrInvalidConfig},
	{"metadata", jetstream.StreamConfig{Name: "S", Metadata: map[string]string{"k": strings.Repeat("a", 128<<10)}}, jetstream.ErrInvalidConfig},
	{"replicas", jetstream.StreamConfig{Name: "S", Replicas: 6}, jetstream.ErrInvalidConfig},
	{"age", jetstream.StreamConfig{Name: "S", MaxAge: time.Millisecond}, jetstream.ErrInvalidConfig},
	{"window", jetstream.StreamConfig{Name: "S", MaxAge: time.Second, Duplicates: time.Minute}, jetstream.ErrInvalidConfig},
	{"per subject", jetstream.StreamConfig{Name: "S", DiscardNewPerSubject: true}, jetstream.ErrInvalidConfig},
	{"marker", jetstream.StreamConfig{Name: "S", SubjectDeleteMarkerTTL: time.Millisecond}, jetstream.ErrInvalidConfig},
	{"counter", jetstream.StreamConfig{Name: "S", AllowMsgCounter: true, AllowMsgTTL: true}, jetstream.ErrInvalidConfig},
	{"schedules", jetstream.StreamConfig{Name: "S", AllowMsgSchedules: true, Discard: jetstream.DiscardNew}, jetstream.ErrInvalidConfig},
	{"async", jetstream.StreamConfig{Name: "S", PersistMode: jetstream.AsyncPersistMode, Storage: jetstream.MemoryStorage}, jetstream.ErrInvalidConfig},
	{"preferred", jetstream.StreamConfig{Name: "S", Placement: &jetstream.Placement{Preferred: "s1"}}, jetstream.ErrInvalidConfig},
	{"mirror", jetstream.StreamConfig{Name: "S", Subjects: []string{"a"}, Mirror: &jetstream.StreamSource{Name: "T"}}, jetstream.ErrMirrorWithSubjects},
	{"mirror atomic", jetstream.StreamConfig{Name: "S", AllowAtomicPublish: true, Mirror: &jetstream.StreamSource{Name: "T"}}, jetstream.ErrMirrorConfig},
	{"source", jetstream.StreamConfig{Name: "S", Sources: []*jetstream.StreamSource{nil}}, jetstream.ErrInvalidConfig},
	{"source name", jetstream.StreamConfig{Name: "S", Sources: []*jetstream.StreamSource{{Name: "a.b"}}}, jetstream.ErrInvalidStreamName},
	{"source domain", jetstream.StreamConfig{Name: "S", Sources: []*jetstream.StreamSource{{Name: "T", Domain: "d", External: &jetstream.ExternalStream{}}}}, jetstream.ErrInvalidConfig},
	{"source filter", jetstream.StreamConfig{Name: "S", Sources: []*jetstream.StreamSource{{Name: "T", FilterSubject: "a b"}}}, jetstream.ErrInvalidSubject},
	{"source consumer", jetstream.StreamConfig{Name: "S", Sources: []*jetstream.StreamSource{{Name: "T", Consumer: &jetstream.StreamConsumerSource{Name: "c"}}}}, jetstream.ErrInvalidSubject},
}

// badConsumers are configs that are refused before anything is sent.
var badConsumers = []struct {
	what string
	cfg  jetstream.ConsumerConfig
	kind error
}{
	{"name", jetstream.ConsumerConfig{Name: "a.b"}, jetstream.ErrInvalidConsumerName},
	{"two names", jetstream.ConsumerConfig{Name: "a", Durable: "b"}, jetstream.ErrDurableNameMismatch},
	{"both filters", jetstream.ConsumerConfig{FilterSubject: "a", FilterSubjects: []string{"b"}}, jetstream.ErrDuplicateFilterSubjects},
	{"overlap", jetstream.ConsumerConfig{FilterSubjects: []string{"a.>", "a.*"}}, jetstream.ErrOverlappingFilterSubjects},
	{"empty filter", jetstream.ConsumerConfig{FilterSubjects: []string{""}}, jetstream.ErrEmptyFilter},
	{"bad filter", jetstream.ConsumerConfig{FilterSubject: "a."}, jetstream.ErrInvalidSubject},
	{"policy", jetstream.ConsumerConfig{AckPolicy: 9}, jetstream.ErrUnknownValue},
	{"start", jetstream.ConsumerConfig{OptStartSeq: 5}, jetstream.ErrInvalidConfig},
	{"no start", jetstream.ConsumerConfig{DeliverPolicy: jetstream.DeliverByStartTimePolicy}, jetstream.ErrInvalidConfig},
	{"last per subject", jetstream.ConsumerConfig{DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy}, jetstream.ErrInvalidConfig},
	{"backoff", jetstream.ConsumerConfig{MaxDeliver: 1, BackOff: []time.Duration{1, 2}}, jetstream.ErrInvalidConfig},
	{"negative", jetstream.ConsumerConfig{AckWait: -1}, jetstream.ErrInvalidConfig},
	{"sampling", jetstream.ConsumerConfig{SampleFrequency: "often"}, jetstream.ErrInvalidConfig},
	{"pull heartbeat", jetstream.ConsumerConfig{IdleHeartbeat: time.Second}, jetstream.ErrInvalidConfig},
	{"expires", jetstream.ConsumerConfig{MaxRequestExpires: 1}, jetstream.ErrInvalidConfig},
	{"flow acks", jetstream.ConsumerConfig{AckPolicy: jetstream.AckFlowControlPolicy}, jetstream.ErrInvalidConfig},
	{"no group", jetstream.ConsumerConfig{PriorityPolicy: jetstream.PriorityPolicyOverflow}, jetstream.ErrPriorityGroup},
	{"bad group", jetstream.ConsumerConfig{PriorityPolicy: jetstream.PriorityPolicyOverflow, PriorityGroups: []string{"a b"}}, jetstream.ErrPriorityGroup},
	{"no policy", jetstream.ConsumerConfig{PriorityGroups: []string{"a"}}, jetstream.ErrPriorityGroup},
	{"pinned", jetstream.ConsumerConfig{PinnedTTL: time.Second}, jetstream.ErrPriorityGroup},
}

// badPushConsumers have a deliver subject.
var badPushConsumers = []struct {
	what string
	cfg  jetstream.ConsumerConfig
	kind error
}{
	{"wildcard", jetstream.ConsumerConfig{DeliverSubject: "a.*"}, jetstream.ErrInvalidSubject},
	{"flow control", jetstream.ConsumerConfig{DeliverSubject: "a", FlowControl: true}, jetstream.ErrFlowControlNeedsHeartbeat},
	{"heartbeat", jetstream.ConsumerConfig{DeliverSubject: "a", IdleHeartbeat: time.Millisecond}, jetstream.ErrSmallHeartbeat},
	{"waiting", jetstream.ConsumerConfig{DeliverSubject: "a", MaxWaiting: 5}, jetstream.ErrInvalidConfig},
	{"group", jetstream.ConsumerConfig{DeliverSubject: "a", DeliverGroup: "a b"}, jetstream.ErrInvalidConfig},
	{"priority", jetstream.ConsumerConfig{DeliverSubject: "a", PriorityPolicy: jetstream.PriorityPolicyPinned, PriorityGroups: []string{"g"}}, jetstream.ErrPriorityGroup},
	{"acks", jetstream.ConsumerConfig{DeliverSubject: "a", AckPolicy: jetstream.AckFlowControlPolicy, MaxDeliver: 3}, jetstream.ErrInvalidConfig},
}

// TestBadConfigsAreNotSent counts the requests that reach the server.
func TestBadConfigsAreNotSent(t *testing.T) {
	nc := connect(t, natsserver.Run(t, natsserver.Options{JetStream: true}))
	sent := 0
	js := must.Get(jetstream.New(nc, jetstream.WithClientTrace(&jetstream.ClientTrace{RequestSent: func(string, []byte) { sent++ }})))(t)
	refused := func(what string, err, kind error) {
		t.Helper()
		if !errors.Is(err, kind) || api.CategoryOf(err) != api.CategoryOf(jetstream.ErrInvalidConfig) || api.Retryable(err) || api.MaybeSent(err) {
			t.Errorf("%s: %v", what, err)
		}
	}
	for _, bad := range badStreams {
		_, err := js.CreateStream(t.Context(), bad.cfg)
		refused(bad.what, err, bad.kind)
		_, err = js.UpdateStream(t.Context(), bad.cfg)
		refused(bad.what, err, bad.kind)
	}
	for _, bad := range badConsumers {
		_, err := js.CreateConsumer(t.Context(), "S", bad.cfg)
		refused(bad.what, err, bad.kind)
	}
	for _, bad := range badPushConsumers {
		_, err := js.CreateOrUpdatePushConsumer(t.Context(), "S", bad.cfg)
		refused(bad.what, err, bad.kind)
	}
	refused("delete", js.DeleteStream(t.Context(), "a.b"), jetstream.ErrInvalidStreamName)
	refused("delete consumer", js.DeleteConsumer(t.Context(), "S", ""), jetstream.ErrInvalidConsumerName)
	if sent > 0 {
		t.Errorf("%d requests were sent", sent)
	}
}
