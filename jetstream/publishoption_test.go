package jetstream_test

import (
	"context"
	"errors"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
)

// in makes a slice of options.
func in(options ...jetstream.PublishOpt) []jetstream.PublishOpt { return options }

// TestPublishOptionsRefused: what every stream would refuse is refused at once, whether it is in
// options or in the message, and nothing is sent.
func TestPublishOptionsRefused(t *testing.T) {
	every, target := jetstream.WithScheduleEvery(time.Second), jetstream.WithScheduleTarget("orders.target")
	cases := map[string]struct {
		options []jetstream.PublishOpt
		header  api.Header
		data    string
		kind    error
	}{
		"ttl below 1s":          {options: in(jetstream.WithMsgTTL(time.Second - 1)), kind: jetstream.ErrMsgTTLInvalid},
		"negative ttl":          {options: in(jetstream.WithMsgTTL(-time.Second)), kind: jetstream.ErrMsgTTLInvalid},
		"two ttls":              {options: in(jetstream.WithMsgTTL(time.Second), jetstream.WithMsgTTLNever())},
		"ttl in the header":     {header: api.Header{"Nats-TTL": {"soon"}}, kind: jetstream.ErrMsgTTLInvalid},
		"two expectations":      {options: in(jetstream.WithExpectLastSequencePerSubject(1), jetstream.WithExpectLastSequenceForSubject(1, "a"))},
		"expect of no subject":  {options: in(jetstream.WithExpectLastSequenceForSubject(1, "")), kind: jetstream.ErrInvalidSubject},
		"subject without seq":   {header: api.Header{jetstream.ExpectedLastSubjSeqSubjHeader: {"a"}}, kind: jetstream.ErrExpectedLastSequenceInvalid},
		"seq that is none":      {header: api.Header{jetstream.ExpectedLastSeqHeader: {"x"}}, kind: jetstream.ErrExpectedLastSequenceInvalid},
		"rollup":                {options: in(jetstream.WithRollup("x")), kind: jetstream.ErrRollupFailed},
		"rollup in the header":  {header: api.Header{jetstream.MsgRollup: {"x"}}, kind: jetstream.ErrRollupFailed},
		"retry wait":            {options: in(jetstream.WithRetryWait(0))},
		"retry attempts":        {options: in(jetstream.WithRetryAttempts(-1))},
		"stall wait":            {options: in(jetstream.WithStallWait(0))},
		"increment nil":         {options: in(jetstream.WithIncrementBig(nil)), kind: jetstream.ErrCounterIncrInvalid},
		"increment with data":   {options: in(jetstream.WithIncrement(1)), data: "x", kind: jetstream.ErrCounterPayload},
		"increment and expect":  {options: in(jetstream.WithIncrement(1), jetstream.WithExpectStream("S")), kind: jetstream.ErrCounterIncrInvalid},
		"increment no number":   {header: api.Header{"Nats-Incr": {"1.5"}}, kind: jetstream.ErrCounterIncrInvalid},
		"source":                {header: api.Header{"Nats-Stream-Source": {"x"}}, kind: jetstream.ErrMsgSourceHeader},
		"header too large":      {header: api.Header{"Nats-X": {strings.Repeat("x", 1<<16)}}, kind: jetstream.ErrStreamHeaderExceedsMaximum},
		"at no time":            {options: in(jetstream.WithScheduleAt(time.Time{}), target), kind: jetstream.ErrSchedulePatternInvalid},
		"every below 1s":        {options: in(jetstream.WithScheduleEvery(999*time.Millisecond), target), kind: jetstream.ErrSchedulePatternInvalid},
		"cron empty":            {options: in(jetstream.WithScheduleCron(""), target), kind: jetstream.ErrSchedulePatternInvalid},
		"cron of five fields":   {options: in(jetstream.WithScheduleCron("* * * * *"), target), kind: jetstream.ErrSchedulePatternInvalid},
		"two schedules":         {options: in(every, jetstream.WithScheduleCron(jetstream.ScheduleDaily), target)},
		"no target":             {options: in(every), kind: jetstream.ErrScheduleTargetInvalid},
		"target of its own":     {options: in(every, jetstream.WithScheduleTarget("orders.new")), kind: jetstream.ErrScheduleTargetInvalid},
		"target with wildcard":  {options: in(every, jetstream.WithScheduleTarget("orders.*")), kind: jetstream.ErrScheduleTargetInvalid},
		"source is target":      {options: in(every, target, jetstream.WithScheduleSource("orders.target")), kind: jetstream.ErrScheduleSourceInvalid},
		"source with wildcard":  {options: in(every, target, jetstream.WithScheduleSource(">")), kind: jetstream.ErrScheduleSourceInvalid},
		"zone beside every":     {options: in(every, target, jetstream.WithScheduleTimeZone("Europe/Berlin")), kind: jetstream.ErrSchedulePatternInvalid},
		"no zone":               {options: in(jetstream.WithScheduleTimeZone("")), kind: jetstream.ErrScheduleTimeZoneInvalid},
		"schedule ttl":          {options: in(every, target, jetstream.WithScheduleTTL(1)), kind: jetstream.ErrScheduleTTLInvalid},
		"target alone":          {options: in(target), kind: jetstream.ErrSchedulePatternInvalid},
		"rollup all, scheduled": {options: in(every, target, jetstream.WithRollup(jetstream.MsgRollupAll)), kind: jetstream.ErrScheduleRollupInvalid},
	}
	nc, js := opened(t)
	sent := nc.Stats().OutMsgs
	for name, c := range cases {
		m := &api.Msg{Subject: "orders.new", Header: c.header, Data: []byte(c.data)}
		_, sync := js.PublishMsg(must.Within(t, patience), m, c.options...)
		f, async := js.PublishMsgAsync(m, c.options...)
		for _, err := range []error{sync, async} {
			if !errors.Is(err, jetstream.ErrInvalidOption) || c.kind != nil && !errors.Is(err, c.kind) || f != nil {
				t.Errorf("%s: %v", name, err)
			}
		}
	}
	if n := nc.Stats().OutMsgs - sent; n != 0 {
		t.Errorf("%d were sent", n)
	}
	_, err := js.Publish(must.Within(t, patience), "orders.new", nil, jetstream.WithStallWait(1))
	if !errors.Is(err, jetstream.ErrInvalidOption) {
		t.Error(err)
	}
	_, err = js.PublishMsgAsync(&api.Msg{Subject: "orders.new", Reply: "a"})
	if !errors.Is(err, jetstream.ErrAsyncPublishReplySubjectSet) {
		t.Error(err)
	}
	_, err = js.PublishMsgAsync(nil)
	if !errors.Is(err, api.ErrInvalidMsg) {
		t.Error(err)
	}
	for _, option := range []jetstream.JetStreamOpt{jetstream.WithPublishAsyncMaxPending(0), jetstream.WithPublishAsyncMaxPending(1<<24 + 1),
		jetstream.WithPublishAsyncTimeout(-1), jetstream.WithDuplicateWindow(0)} {
		if _, err := jetstream.New(nc, option); !errors.Is(err, jetstream.ErrInvalidOption) {
			t.Error(err)
		}
	}
}

// TestPublishOptionsOnTheWire: a server accepts the fields that the options set.
func TestPublishOptionsOnTheWire(t *testing.T) {
	nc := connect(t, natsserver.Run(t, natsserver.Options{JetStream: true}))
	js := must.Get(jetstream.New(nc))(t)
	addStream(t, nc, "ORDERS", ordersConfig)
	addStream(t, nc, "COUNT", `"subjects":["count.>"],"storage":"memory","allow_msg_counter":true`)
	sub := must.Get(nc.SubscribeSync("orders.>"))(t)
	at := time.Date(2040, 1, 2, 3, 4, 5, 678_000_000, time.FixedZone("", 3600))
	target := jetstream.WithScheduleTarget("orders.target")
	for _, c := range []struct {
		options []jetstream.PublishOpt
		want    api.Header
	}{
		{in(jetstream.WithMsgTTL(1500 * time.Millisecond)), api.Header{"Nats-TTL": {"1.5s"}}},
		{in(jetstream.WithMsgTTLNever()), api.Header{"Nats-TTL": {"never"}}},
		{in(jetstream.WithExpectStream("ORDERS"), jetstream.WithExpectLastMsgID(""), jetstream.WithMsgTTL(0), nil), api.Header{"Nats-Expected-Stream": {"ORDERS"}}},
		{in(jetstream.WithMsgID("a"), jetstream.WithMsgID("b")), api.Header{"Nats-Msg-Id": {"b"}}},
		{in(jetstream.WithExpectLastMsgID("b")), api.Header{"Nats-Expected-Last-Msg-Id": {"b"}}},
		{in(jetstream.WithExpectLastSequenceForSubject(0, "orders.other.*")), api.Header{
			"Nats-Expected-Last-Subject-Sequence": {"0"}, "Nats-Expected-Last-Subject-Sequence-Subject": {"orders.other.*"}}},
		{in(jetstream.WithRollup(jetstream.MsgRollupSubject)), api.Header{"Nats-Rollup": {"sub"}}},
		{in(jetstream.WithScheduleAt(at), target, jetstream.WithScheduleTTLNever()), api.Header{
			"Nats-Schedule": {"@at 2040-01-02T02:04:05.678Z"}, "Nats-Schedule-Target": {"orders.target"}, "Nats-Schedule-Ttl": nil, "Nats-Schedule-TTL": {"never"}}},
		{in(jetstream.WithScheduleEvery(time.Hour), target, jetstream.WithScheduleSource("orders.from"), jetstream.WithScheduleRollup(), jetstream.WithScheduleTTL(time.Minute)), api.Header{
			"Nats-Schedule": {"@every 1h0m0s"}, "Nats-Schedule-Target": {"orders.target"}, "Nats-Schedule-Source": {"orders.from"},
			"Nats-Schedule-Rollup": {"sub"}, "Nats-Schedule-TTL": {"1m0s"}}},
		{in(jetstream.WithScheduleCron("0 0 5 * * *"), target, jetstream.WithScheduleTimeZone("UTC")), api.Header{
			"Nats-Schedule": {"0 0 5 * * *"}, "Nats-Schedule-Target": {"orders.target"}, "Nats-Schedule-Time-Zone": {"UTC"}}},
	} {
		must.Get(js.Publish(must.Within(t, patience), "orders.new", nil, c.options...))(t)
		got := must.Get(sub.NextMsg(patience))(t)
		for key, want := range c.want {
			if got.Header.Get(key) != api.Header(c.want).Get(key) {
				t.Errorf("%s is %q, want %q", key, got.Header.Get(key), want)
			}
		}
	}
	ack := must.Get(js.Publish(context.Background(), "count.a", nil, jetstream.WithIncrement(5)))(t)
	big9 := must.Get(js.Publish(context.Background(), "count.a", nil, jetstream.WithIncrementBig(new(big.Int).Lsh(big.NewInt(-1), 80))))(t)
	if ack.Value != "5" || big9.Value != "-1208925819614629174706171" {
		t.Errorf("%+v, %+v", ack, big9)
	}
}
