package jetstream_test

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats-server/v2/server"

	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
)

// TestAdvisoriesAreReadWhole: everything that a server can put into an advisory is decoded.
func TestAdvisoriesAreReadWhole(t *testing.T) {
	for kind, theirs := range map[string]any{
		server.JSStreamActionAdvisoryType:               &server.JSStreamActionAdvisory{},
		server.JSConsumerActionAdvisoryType:             &server.JSConsumerActionAdvisory{},
		server.JSConsumerPauseAdvisoryType:              &server.JSConsumerPauseAdvisory{},
		server.JSConsumerAckMetricType:                  &server.JSConsumerAckMetric{},
		server.JSConsumerDeliveryExceededAdvisoryType:   &server.JSConsumerDeliveryExceededAdvisory{},
		server.JSConsumerDeliveryNakAdvisoryType:        &server.JSConsumerDeliveryNakAdvisory{},
		server.JSConsumerDeliveryTerminatedAdvisoryType: &server.JSConsumerDeliveryTerminatedAdvisory{},
		server.JSSnapshotCreatedAdvisoryType:            &server.JSSnapshotCreateAdvisory{},
		server.JSSnapshotCompleteAdvisoryType:           &server.JSSnapshotCompleteAdvisory{},
		server.JSRestoreCreateAdvisoryType:              &server.JSRestoreCreateAdvisory{},
		server.JSRestoreCompleteAdvisoryType:            &server.JSRestoreCompleteAdvisory{},
		server.JSDomainLeaderElectedAdvisoryType:        &server.JSDomainLeaderElectedAdvisory{},
		server.JSStreamLeaderElectedAdvisoryType:        &server.JSStreamLeaderElectedAdvisory{},
		server.JSStreamQuorumLostAdvisoryType:           &server.JSStreamQuorumLostAdvisory{},
		server.JSStreamBatchAbandonedAdvisoryType:       &server.JSStreamBatchAbandonedAdvisory{},
		server.JSConsumerLeaderElectedAdvisoryType:      &server.JSConsumerLeaderElectedAdvisory{},
		server.JSConsumerQuorumLostAdvisoryType:         &server.JSConsumerQuorumLostAdvisory{},
		server.JSConsumerGroupPinnedAdvisoryType:        &server.JSConsumerGroupPinnedAdvisory{},
		server.JSConsumerGroupUnpinnedAdvisoryType:      &server.JSConsumerGroupUnpinnedAdvisory{},
		server.JSServerOutOfStorageAdvisoryType:         &server.JSServerOutOfSpaceAdvisory{},
		server.JSServerRemovedAdvisoryType:              &server.JSServerRemovedAdvisory{},
		server.JSMetaRescueAdvisoryType:                 &server.JSMetaRescueAdvisory{},
		server.JSAPILimitReachedAdvisoryType:            &server.JSAPILimitReachedAdvisory{},
		server.JSAPIAuditType:                           &server.JSAPIAudit{},
	} {
		t.Run(kind, func(t *testing.T) {
			fillWith(reflect.ValueOf(theirs).Elem(), 2)
			var said, read map[string]any
			data := must.Get(json.Marshal(theirs))(t)
			must.Do(t, json.Unmarshal(data, &said))
			said["type"] = kind
			data = must.Get(json.Marshal(said))(t)
			got := must.Get(jetstream.DecodeAdvisory(data))(t)
			if _, unknown := got.(*jetstream.UnknownAdvisory); unknown {
				t.Fatal("its type is unknown")
			}
			must.Do(t, json.Unmarshal(must.Get(json.Marshal(got))(t), &read))
			for _, detail := range []string{"client", "state"} { // our types leave some of it out
				if said[detail] != nil && read[detail] == nil {
					t.Errorf("%s is missing", detail)
				}
				delete(said, detail)
				delete(read, detail)
			}
			if diff := cmp.Diff(said, read); diff != "" {
				t.Errorf("the server said, and we read:\n%s", diff)
			}
		})
	}
}

// fillWith sets exported fields to non-zero values, up to a depth.
func fillWith(v reflect.Value, deep int) {
	switch v.Kind() {
	case reflect.String:
		v.SetString("x")
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(7)
	case reflect.Uint64:
		v.SetUint(7)
	case reflect.Slice:
		if deep > 0 && v.Type().Elem().Kind() != reflect.Uint8 {
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
			fillWith(v.Index(0), deep-1)
		}
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fillWith(v.Elem(), deep)
	case reflect.Struct:
		fillStruct(v, deep)
	}
}

func fillStruct(v reflect.Value, deep int) {
	if v.Type() == reflect.TypeFor[time.Time]() {
		v.Set(reflect.ValueOf(time.Date(2026, 1, 2, 3, 4, 5, 6, time.UTC)))
		return
	}
	for i := range v.NumField() {
		if v.Type().Field(i).IsExported() {
			fillWith(v.Field(i), deep)
		}
	}
}

func TestUnknownAdvisoriesAreKept(t *testing.T) {
	data := `{"type":"io.nats.jetstream.advisory.v9.of_tomorrow","id":"1","more":true}`
	a := must.Get(jetstream.DecodeAdvisory([]byte(data)))(t)
	unknown, ok := a.(*jetstream.UnknownAdvisory)
	if !ok || string(unknown.Data) != data || unknown.Head().ID != "1" {
		t.Errorf("it is %+v", a)
	}
	for _, bad := range []string{"", "{", "[]", `{"id":"1"}`, `{"type":"a.max_deliver","stream":5}`} {
		_, err := jetstream.DecodeAdvisory([]byte(bad))
		is(t, err, jetstream.ErrInvalidJetStreamResponse)
	}
}

// TestAdvisoriesOfACluster: a change of the leader is reported.
func TestAdvisoriesOfACluster(t *testing.T) {
	c := natsserver.RunCluster(t, 3, natsserver.Options{JetStream: true})
	js := must.Get(jetstream.New(connect(t, c.Members()[0]), jetstream.WithDefaultTimeout(time.Minute)))(t)
	ctx := must.Within(t, time.Minute)
	all := must.Get(js.Advisories(ctx, jetstream.AdvisoryKinds(jetstream.AdvisoryStreamLeader, jetstream.AdvisoryConsumerLeader)))(t)
	for _, m := range c.Members() { // one that knows of no interest sends nothing
		eventually(t, func() error {
			for _, subject := range []string{"$JS.EVENT.ADVISORY.STREAM.LEADER_ELECTED.S", "$JS.EVENT.ADVISORY.CONSUMER.LEADER_ELECTED.S.C"} {
				if !m.Server().GlobalAccount().SubscriptionInterest(subject) {
					return fmt.Errorf("%s knows of no interest in %s", m.Server().Name(), subject)
				}
			}
			return nil
		})
	}
	s := must.Get(js.CreateStream(ctx, jetstream.StreamConfig{Name: "S", Replicas: 3}))(t)
	must.Get(s.CreateConsumer(ctx, jetstream.ConsumerConfig{Durable: "C"}))(t)
	leaders := map[string]string{}
	for a, err := range all {
		must.Do(t, err)
		switch a := a.(type) {
		case *jetstream.StreamLeaderAdvisory:
			leaders[a.Stream] = a.Leader
		case *jetstream.ConsumerLeaderAdvisory:
			leaders[a.Stream+"."+a.Consumer] = a.Leader
		}
		if len(leaders) == 2 {
			break
		}
	}
	if leaders["S"] == "" || leaders["S.C"] == "" || strings.Contains(leaders["S"], ".") {
		t.Errorf("led by %v", leaders)
	}
}
