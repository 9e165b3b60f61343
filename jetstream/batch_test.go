package jetstream_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/nats-server/v2/server"
	"pgregory.net/rapid"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
)

// batchStreams are the configurations that the test uses.
func batchStreams() []jetstream.StreamConfig {
	return []jetstream.StreamConfig{
		{Name: "ALL", Subjects: []string{"all.>"}, AllowAtomicPublish: true, AllowMsgTTL: true, AllowRollup: true, AllowMsgSchedules: true, MaxMsgSize: 1000},
		{Name: "BARE", Subjects: []string{"bare.>"}, AllowAtomicPublish: true},
		{Name: "COUNT", Subjects: []string{"count.>"}, AllowAtomicPublish: true, AllowMsgCounter: true},
	}
}

// maybe draws one of the values for a field, nearly always none.
func maybe(rt *rapid.T, h api.Header, key string, values ...string) {
	if rapid.IntRange(0, 24).Draw(rt, key+"?") == 0 {
		h[key] = []string{rapid.SampledFrom(values).Draw(rt, key)}
	}
}

// anyBatchMsg draws a message that a batch may take or not.
func anyBatchMsg(rt *rapid.T, prefix string, counter bool, last uint64) *api.Msg {
	subject := func(label string) string {
		return prefix + rapid.SampledFrom([]string{"a", "b", "c"}).Draw(rt, label)
	}
	h := api.Header{}
	m := &api.Msg{Subject: subject("subject"), Header: h, Data: []byte("data")}
	if counter && rapid.IntRange(0, 19).Draw(rt, "counts") > 0 {
		h["Nats-Incr"] = []string{rapid.SampledFrom([]string{"1", "+2", "-3", "0", "99999999999999999999", "x", "1.5"}).Draw(rt, "incr")}
		m.Data = nil
	} else {
		maybe(rt, h, "Nats-Incr", "1")
	}
	maybe(rt, h, jetstream.MsgIDHeader, prefix+"1", prefix+"2", prefix+"3")
	maybe(rt, h, jetstream.MsgTTLHeader, "1s", "never", "60", "0", "900ms", "-1s", "soon", "1h")
	maybe(rt, h, jetstream.MsgRollup, "sub", "all", "SUB", "none")
	maybe(rt, h, jetstream.ExpectedStreamHeader, "ALL", "BARE", "COUNT")
	maybe(rt, h, jetstream.ExpectedLastMsgIDHeader, "id")
	maybe(rt, h, jetstream.ExpectedLastSeqHeader, strconv.FormatUint(last, 10), "x")
	maybe(rt, h, jetstream.ExpectedLastSubjSeqHeader, "0", "x")
	maybe(rt, h, jetstream.ExpectedLastSubjSeqSubjHeader, prefix+"a", prefix+"b", prefix+"none")
	maybe(rt, h, "Nats-Stream-Source", "ALL 1")
	if rapid.IntRange(0, 11).Draw(rt, "schedule?") == 0 {
		h[jetstream.ScheduleHeader] = []string{rapid.SampledFrom([]string{
			"@at 2100-01-01T00:00:00Z", "@at soon", "@every 1h", "@every 10ms", "0 0 1 * * *", "0 0 1 * *", "0 0 25 * * *", "@hourly", "@never", "*/5 1-3,7 * * jan mon-fri",
		}).Draw(rt, "schedule")}
		h[jetstream.ScheduleTargetHeader] = []string{rapid.SampledFrom([]string{prefix + "t", prefix + "t", prefix + "a", "", prefix + "*"}).Draw(rt, "target")}
		maybe(rt, h, jetstream.ScheduleSourceHeader, prefix+"s", prefix+"t", prefix+"a", prefix+">")
		maybe(rt, h, jetstream.ScheduleTTLHeader, "1m", "never", "0s")
		maybe(rt, h, jetstream.ScheduleRollupHeader, "sub", "all")
		maybe(rt, h, jetstream.ScheduleTimeZoneHeader, "UTC", "")
	}
	maybe(rt, h, jetstream.ScheduleNextHeader, "purge", "now")
	maybe(rt, h, jetstream.SchedulerHeader, prefix+"a", prefix+"b", prefix+"none", "")
	if rapid.IntRange(0, 39).Draw(rt, "large") == 0 {
		m.Data = make([]byte, rapid.SampledFrom([]int{200, 990, 1001}).Draw(rt, "bytes"))
	}
	return m
}

// sendRaw publishes messages as a batch without checks, and returns the server's answer.
func sendRaw(t testing.TB, nc *api.Conn, id string, msgs []*api.Msg) (jetstream.PubAck, *jetstream.APIError) {
	t.Helper()
	for i, m := range msgs {
		h := api.Header{"Nats-Batch-Id": {id}, "Nats-Batch-Sequence": {strconv.Itoa(i + 1)}}
		for k, v := range m.Header {
			h[k] = v
		}
		raw := &api.Msg{Subject: m.Subject, Header: h, Data: m.Data}
		if i < len(msgs)-1 {
			must.Do(t, nc.PublishMsg(raw))
			continue
		}
		h["Nats-Batch-Commit"] = []string{"1"}
		answer := must.Get(nc.RequestMsg(raw, 5*time.Second))(t)
		var said struct {
			jetstream.PubAck
			Error *jetstream.APIError `json:"error"`
		}
		must.Do(t, json.Unmarshal(answer.Data, &said))
		return said.PubAck, said.Error
	}
	return jetstream.PubAck{}, nil
}

// TestBatchRulesAreTheServers: the rules of batches accept and refuse exactly what the server
// does.
func TestBatchRulesAreTheServers(t *testing.T) {
	nc := connect(t, natsserver.Run(t, natsserver.Options{JetStream: true, Edit: func(o *server.Options) {
		o.JetStreamLimits.MaxBatchInflightPerStream, o.JetStreamLimits.MaxBatchInflightTotal = 100_000, 100_000 // refused batches are not dropped at once
	}}))
	js := must.Get(jetstream.New(nc))(t)
	configs := batchStreams()
	last := map[string]uint64{}
	for _, c := range configs {
		c.Storage = jetstream.MemoryStorage
		ask(t, nc, "STREAM.CREATE."+c.Name, string(must.Get(json.Marshal(c))(t)))
	}
	round, accepted, refused := 0, 0, 0
	property := func(rt *rapid.T) {
		round++
		config := rapid.SampledFrom(configs).Draw(rt, "stream")
		prefix := fmt.Sprintf("%s.%d.", strings.ToLower(config.Name), round)
		msgs := make([]*api.Msg, rapid.IntRange(1, 6).Draw(rt, "messages"))
		for i := range msgs {
			msgs[i] = anyBatchMsg(rt, prefix, config.AllowMsgCounter, last[config.Name])
		}
		ack, err := jetstream.PublishMsgBatch(t.Context(), js, msgs, jetstream.BatchForStream(config))
		if err == nil {
			accepted++
			last[config.Name] = ack.Sequence
			if ack.Count != len(msgs) {
				rt.Fatalf("%d of %d messages were stored", ack.Count, len(msgs))
			}
			return
		}
		refused++
		if _, ours := errors.AsType[*jetstream.BatchMsgError](err); !ours {
			rt.Fatalf("the rules hold, and the server says %v", err)
		}
		raw, no := sendRaw(t, nc, fmt.Sprint("raw", round), msgs)
		if no == nil {
			last[config.Name] = raw.Sequence
			rt.Fatalf("the server accepts what has %v", err)
		}
	}
	for round < 100 && !t.Failed() { // one check draws fewer with -short, maybe all of one kind
		rapid.Check(t, property)
	}
	t.Logf("%d batches were accepted, %d refused", accepted, refused)
	if accepted == 0 || refused == 0 {
		t.Errorf("%d batches were accepted, %d refused", accepted, refused)
	}
}
