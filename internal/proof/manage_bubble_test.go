package proof_test

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults"
	"github.com/troupe-go/troupe/faults/fakeserver"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
)

// scripted runs f with a JetStream whose API is a function: subject below $JS.API. and
// body make the answer; an empty one is none.
func scripted(t *testing.T, level int, answer func(subject string, body []byte) string, f func(b *faults.Env, js jetstream.JetStream)) {
	t.Helper()
	faults.Bubble(t, func(b *faults.Env) {
		info := fakeserver.DefaultInfo()
		info.JetStream, info.APILevel = true, level
		b.Attach("s1", fakeserver.Run(b.T, fakeserver.Options{DontListen: true, Info: info}))
		behind := enter(b, "behind")
		must.Get(behind.Subscribe("$JS.API.>", func(m *api.Msg) {
			if text := answer(strings.TrimPrefix(m.Subject, "$JS.API."), m.Data); text != "" {
				_ = m.Respond([]byte(text))
			}
		}))(b.T)
		must.Do(b.T, behind.Flush())
		f(b, must.Get(jetstream.New(enter(b, "client")))(b.T))
	}, faults.NoServer())
}

// roster is a list of the API that changes.
type roster struct {
	mu     sync.Mutex
	names  []string // sorted
	page   int      // how many names an answer has
	change func(asked int, names []string) []string
	asked  int
	lose   map[int]bool // answers that are lost, counted from 1
}

func (r *roster) answer(_ string, body []byte) string {
	r.mu.Lock()
	defer r.mu.Unlock()
	var req struct{ Offset int }
	_ = json.Unmarshal(body, &req)
	r.asked++
	if r.lose[r.asked] {
		return ""
	}
	if r.change != nil && r.asked > 1 {
		r.names = r.change(r.asked, r.names)
		slices.Sort(r.names)
	}
	from := min(req.Offset, len(r.names))
	part := r.names[from:min(from+r.page, len(r.names))]
	data, _ := json.Marshal(map[string]any{"total": len(r.names), "offset": from, "limit": r.page, "streams": part})
	return string(data)
}

// listed returns the names that come, and the error after them.
func listed(js jetstream.JetStream) (names []string, err error) {
	for name, err := range js.AllStreamNames(context.Background()) {
		if err != nil {
			return names, err
		}
		names = append(names, name)
	}
	return names, nil
}

// many are names in order.
func manyNames(n int) (names []string) {
	for i := range n {
		names = append(names, fmt.Sprintf("S%04d", i))
	}
	return names
}

// TestJ16APageIsLost: a page whose answer is lost is asked for again; one that is lost
// each time ends the list with what it has not.
func TestJ16APageIsLost(t *testing.T) {
	for name, row := range map[string]struct {
		lose   map[int]bool
		listed int
		kinds  []error
	}{
		"none":             {nil, 50, nil},
		"the first":        {map[int]bool{1: true}, 50, nil},
		"one in between":   {map[int]bool{3: true}, 50, nil},
		"every other one":  {map[int]bool{2: true, 4: true, 6: true}, 50, nil},
		"two in a row":     {map[int]bool{1: true, 2: true, 5: true, 6: true}, 50, nil},
		"all of the first": {map[int]bool{1: true, 2: true, 3: true}, 0, []error{api.ErrTimeout}},
		"all of one":       {map[int]bool{3: true, 4: true, 5: true}, 19, []error{jetstream.ErrIncomplete, api.ErrTimeout}},
	} {
		t.Run(name, func(t *testing.T) {
			r := &roster{names: manyNames(50), page: 10, lose: row.lose}
			scripted(t, 5, r.answer, func(b *faults.Env, js jetstream.JetStream) {
				got, err := listed(js)
				if !slices.Equal(got, manyNames(row.listed)) {
					b.T.Errorf("listed %d: %v", len(got), got)
				}
				kinds(b.T, err, row.kinds...)
				if incomplete, ok := errors.AsType[*jetstream.IncompleteError](err); ok && incomplete.Listed != row.listed {
					b.T.Errorf("%+v", incomplete)
				}
			})
		})
	}
}

// TestJ16TheListChanges while it is read: who is there from the beginning to the end is
// listed once, in order, whatever happens to the others.
func TestJ16TheListChanges(t *testing.T) {
	for seed := range uint64(40) {
		random := rand.New(rand.NewPCG(seed, 0))
		stays := func(name string) bool { return strings.HasSuffix(name, "0") || strings.HasSuffix(name, "5") }
		r := &roster{names: manyNames(200), page: 2 + random.IntN(30)}
		r.change = func(asked int, names []string) []string {
			if asked > 60 {
				return names // it calms down
			}
			chance := random.Float64()
			names = slices.DeleteFunc(names, func(name string) bool { return !stays(name) && random.Float64() < chance })
			for range random.IntN(20) {
				names = append(names, fmt.Sprintf("S%04d-%dx", random.IntN(200), asked))
			}
			slices.Sort(names)
			return slices.Compact(names)
		}
		scripted(t, 5, r.answer, func(b *faults.Env, js jetstream.JetStream) {
			got, err := listed(js)
			must.Do(b.T, err)
			if !slices.IsSorted(got) || len(slices.Compact(slices.Clone(got))) != len(got) {
				b.T.Fatalf("seed %d: out of order or twice: %v", seed, got)
			}
			kept := slices.DeleteFunc(got, func(name string) bool { return !stays(name) })
			if want := slices.DeleteFunc(manyNames(200), func(name string) bool { return !stays(name) }); !slices.Equal(kept, want) {
				b.T.Errorf("seed %d, pages of %d: %d of %d that were there all the time", seed, r.page, len(kept), len(want))
			}
		})
	}
}

// TestJ16ALyingServer: a list without an end, and one that stands still.
func TestJ16ALyingServer(t *testing.T) {
	for name, answer := range map[string]string{
		"the same page again and again": `{"total":1000,"offset":0,"limit":2,"streams":["A","B"]}`,
		"one name again and again":      `{"total":1000,"offset":0,"limit":1,"streams":["A"]}`,
	} {
		scripted(t, 5, func(string, []byte) string { return answer }, func(b *faults.Env, js jetstream.JetStream) {
			_, err := listed(js)
			if !errors.Is(err, jetstream.ErrIncomplete) || !errors.Is(err, jetstream.ErrInvalidJetStreamResponse) {
				b.T.Errorf("%s: %v", name, err)
			}
		})
	}
	scripted(t, 5, func(string, []byte) string { return `{"total":1000,"streams":[]}` }, func(b *faults.Env, js jetstream.JetStream) {
		_, err := listed(js)
		kinds(b.T, err, jetstream.ErrInvalidJetStreamResponse)
	})
}

// TestJ04ReadsAreRepeated: while no server answers, as in an election, a call that only reads is
// sent again, at most three times and within its time; an answer to any of them counts. What
// changes something is sent once.
func TestJ04ReadsAreRepeated(t *testing.T) {
	info := `{"config":{"name":"S"}}`
	for name, row := range map[string]struct {
		lost  int // answers
		slow  time.Duration
		event string
		write bool
		asked int
		took  time.Duration // 0 for about none
		kinds []error
	}{
		"answered":           {asked: 1},
		"one answer is lost": {lost: 1, asked: 2, took: 1250 * time.Millisecond},
		"two are":            {lost: 2, asked: 3, took: 2187500 * time.Microsecond},
		"all are":            {lost: 9, asked: 3, took: 5 * time.Second, kinds: []error{api.ErrTimeout}},
		"a slow answer":      {slow: 4 * time.Second, asked: 3, took: 4 * time.Second},
		"a lost link":        {lost: 1, event: "link(client,s1) reset", asked: 2},
		"a write":            {lost: 9, write: true, asked: 1, took: 5 * time.Second, kinds: []error{api.ErrTimeout}},
	} {
		t.Run(name, func(t *testing.T) {
			var asked atomic.Int64
			scripted(t, 5, func(string, []byte) string {
				n := asked.Add(1)
				time.Sleep(row.slow)
				if n <= int64(row.lost) {
					return ""
				}
				return info
			}, func(b *faults.Env, js jetstream.JetStream) {
				began := time.Now()
				if row.event != "" {
					time.AfterFunc(100*time.Millisecond, func() { b.Inject(row.event) })
				}
				var err error
				if row.write {
					err = js.DeleteStream(context.Background(), "S")
				} else {
					_, err = js.Stream(context.Background(), "S")
				}
				kinds(b.T, err, row.kinds...)
				if took := time.Since(began) - row.took; took < 0 || took > 500*time.Millisecond {
					b.T.Errorf("took %v longer than %v", took, row.took)
				}
				time.Sleep(10 * time.Second)
				if n := asked.Load(); n != int64(row.asked) {
					b.T.Errorf("asked %d times, want %d", n, row.asked)
				}
			})
		})
	}
}

// TestJ16WhatServersDoNotTell: names of which no server tells more are missing, and why.
func TestJ16WhatServersDoNotTell(t *testing.T) {
	answer := `{"total":2,"offset":0,"limit":256,"streams":[],"missing":["A","B"],"offline":{"B":"of tomorrow"}}`
	scripted(t, 5, func(string, []byte) string { return answer }, func(b *faults.Env, js jetstream.JetStream) {
		lister := js.ListStreams(b.T.Context())
		for info := range lister.Info() {
			b.T.Errorf("listed %+v", info)
		}
		kinds(b.T, lister.Err(), jetstream.ErrIncomplete)
		incomplete, ok := errors.AsType[*jetstream.IncompleteError](lister.Err())
		if !ok || !slices.Equal(incomplete.Missing, []string{"A", "B"}) || incomplete.Offline["B"] != "of tomorrow" || len(incomplete.Offline) != 1 {
			b.T.Errorf("%+v", incomplete)
		}
	})
}

// TestJ16AgainstAServer: half of the first page goes while it is read.
func TestJ16AgainstAServer(t *testing.T) {
	faults.Bubble(t, func(b *faults.Env) {
		other := must.Get(jetstream.New(enter(b, "other")))(b.T)
		for _, name := range manyNames(400) {
			must.Get(other.CreateStream(b.T.Context(), jetstream.StreamConfig{Name: name, Storage: jetstream.MemoryStorage}))(b.T)
		}
		js := must.Get(jetstream.New(enter(b, "client")))(b.T)
		var got []string
		for info, err := range js.AllStreams(b.T.Context()) {
			must.Do(b.T, err)
			if got = append(got, info.Config.Name); len(got) == 200 {
				for _, name := range manyNames(100) {
					must.Do(b.T, other.DeleteStream(b.T.Context(), name))
				}
			}
		}
		if !slices.Equal(got, manyNames(400)) {
			b.T.Errorf("listed %d of 400, of which 100 went when they had been listed", len(got))
		}
	})
}

// TestJ16TheSubjectsChange while a stream's info is read, and never calm down.
func TestJ16TheSubjectsChange(t *testing.T) {
	for name, calm := range map[string]int{"for a moment": 3, "for ever": 1 << 30} {
		asked := 0
		answer := func(_ string, body []byte) string {
			asked++
			var req struct{ Offset int }
			_ = json.Unmarshal(body, &req)
			total := 4
			if asked <= calm {
				total += asked % 2
			}
			subjects := map[string]int{fmt.Sprintf("s.%d", req.Offset): 1, fmt.Sprintf("s.%d", req.Offset+1): 1}
			data, _ := json.Marshal(map[string]any{"config": map[string]any{"name": "S"}, "state": map[string]any{"subjects": subjects}, "total": total})
			return string(data)
		}
		scripted(t, 5, answer, func(b *faults.Env, js jetstream.JetStream) {
			asked = 0
			s := must.Get(js.Stream(b.T.Context(), "S"))(b.T)
			info, err := s.Info(b.T.Context(), jetstream.WithSubjectFilter(">"))
			switch {
			case calm < 100 && (err != nil || len(info.State.Subjects) != 4):
				b.T.Errorf("%s: %v", name, err)
			case calm > 100 && !errors.Is(err, jetstream.ErrIncomplete):
				b.T.Errorf("%s: %v", name, err)
			}
		})
	}
}

// TestS18ReducedJetStream: what the server is too old for is refused before it is sent,
// with the feature and both levels.
func TestS18ReducedJetStream(t *testing.T) {
	now := time.Now()
	for _, row := range []struct {
		feature string
		level   int
		try     func(ctx context.Context, js jetstream.JetStream) error
	}{
		{"AllowMsgTTL", 1, creating(jetstream.StreamConfig{AllowMsgTTL: true})},
		{"SubjectDeleteMarkerTTL", 1, creating(jetstream.StreamConfig{SubjectDeleteMarkerTTL: time.Minute})},
		{"AllowMsgCounter", 2, creating(jetstream.StreamConfig{AllowMsgCounter: true})},
		{"AllowAtomicPublish", 2, creating(jetstream.StreamConfig{AllowAtomicPublish: true, AllowMsgTTL: true})},
		{"AllowMsgSchedules", 2, creating(jetstream.StreamConfig{AllowMsgSchedules: true})},
		{"PersistMode", 2, creating(jetstream.StreamConfig{PersistMode: jetstream.AsyncPersistMode})},
		{"AllowBatchPublish", 4, creating(jetstream.StreamConfig{AllowBatchPublish: true, AllowAtomicPublish: true})},
		{"PauseUntil", 1, consuming(jetstream.ConsumerConfig{PauseUntil: &now})},
		{"PriorityPolicy", 1, consuming(jetstream.ConsumerConfig{PriorityPolicy: jetstream.PriorityPolicyOverflow, PriorityGroups: []string{"g"}})},
		{"PriorityPolicyPrioritized", 2, consuming(jetstream.ConsumerConfig{PriorityPolicy: jetstream.PriorityPolicyPrioritized, PriorityGroups: []string{"g"}})},
		{"AckFlowControlPolicy", 4, consuming(jetstream.ConsumerConfig{AckPolicy: jetstream.AckFlowControlPolicy, DeliverSubject: "d"})},
		{"CONSUMER.PAUSE", 1, func(ctx context.Context, js jetstream.JetStream) error {
			_, err := js.PauseConsumer(ctx, "S", "c", now)
			return err
		}},
		{"CONSUMER.UNPIN", 1, func(ctx context.Context, js jetstream.JetStream) error { return js.UnpinConsumer(ctx, "S", "c", "g") }},
	} {
		for level := range 6 {
			var sent []string
			answer := func(subject string, _ []byte) string {
				if subject == "INFO" { // by which servers without a level in their greeting are asked
					return `{"api":{"level":0}}`
				}
				sent = append(sent, subject)
				return `{"error":{"code":503,"err_code":10008,"description":"not now"}}`
			}
			scripted(t, level, answer, func(b *faults.Env, js jetstream.JetStream) {
				err := row.try(b.T.Context(), js)
				if level >= row.level {
					kinds(b.T, err, jetstream.ErrClusterNotAvailable)
					return
				}
				kinds(b.T, err, jetstream.ErrRequiredAPILevel)
				lacks, ok := errors.AsType[*jetstream.APILevelError](err)
				if !ok || lacks.Feature != row.feature || lacks.Needed != row.level || lacks.Have != level || len(sent) > 0 {
					b.T.Errorf("%s at level %d: %v, sent %v", row.feature, level, err, sent)
				}
			})
		}
	}
}

// creating tries to create a stream with a config.
func creating(cfg jetstream.StreamConfig) func(context.Context, jetstream.JetStream) error {
	cfg.Name = "S"
	return func(ctx context.Context, js jetstream.JetStream) error {
		_, err := js.CreateStream(ctx, cfg)
		return err
	}
}

// consuming tries to create a consumer with a config.
func consuming(cfg jetstream.ConsumerConfig) func(context.Context, jetstream.JetStream) error {
	return func(ctx context.Context, js jetstream.JetStream) error {
		if cfg.DeliverSubject != "" {
			_, err := js.CreatePushConsumer(ctx, "S", cfg)
			return err
		}
		_, err := js.CreateConsumer(ctx, "S", cfg)
		return err
	}
}

// oldServer keeps streams and consumers, but of their configs only the name.
type oldServer struct {
	mu      sync.Mutex
	assets  map[string]bool
	deleted []string
}

func (o *oldServer) answer(subject string, _ []byte) string {
	o.mu.Lock()
	defer o.mu.Unlock()
	call, name := subject[:strings.LastIndexByte(subject, '.')], subject[strings.LastIndexByte(subject, '.')+1:]
	info := fmt.Sprintf(`{"config":{"name":%q},"did_create":true,"name":%q,"stream_name":"S"}`, name, name)
	switch {
	case strings.Contains(call, ".CREATE"):
		o.assets[name] = true
		return info
	case strings.Contains(call, ".DELETE"):
		o.deleted = append(o.deleted, name)
		delete(o.assets, name)
		return `{"success":true}`
	case o.assets[name]:
		return info
	default:
		return `{"error":{"code":404,"err_code":10059,"description":"stream not found"}}`
	}
}

// TestS18WhatAnOldServerLeavesOut: a stream or a consumer that would not be what was asked for
// is taken back, unless another client may have created it.
func TestS18WhatAnOldServerLeavesOut(t *testing.T) {
	transform := &jetstream.SubjectTransformConfig{Source: "a", Destination: "b"}
	sources := []*jetstream.StreamSource{{Name: "T"}}
	for _, row := range []struct {
		try     func(context.Context, jetstream.JetStream) error
		feature string
		kind    error
		before  bool
	}{
		{creating(jetstream.StreamConfig{SubjectTransform: transform}), "SubjectTransform", jetstream.ErrStreamSubjectTransformNotSupported, false},
		{creating(jetstream.StreamConfig{Sources: sources}), "Sources", jetstream.ErrStreamSourceNotSupported, false},
		{creating(jetstream.StreamConfig{Compression: jetstream.S2Compression}), "Compression", jetstream.ErrNotSupported, false},
		{creating(jetstream.StreamConfig{FirstSeq: 7}), "FirstSeq", jetstream.ErrNotSupported, true},
		{consuming(jetstream.ConsumerConfig{FilterSubjects: []string{"a", "b"}}), "FilterSubjects", jetstream.ErrConsumerMultipleFilterSubjectsNotSupported, false},
		{consuming(jetstream.ConsumerConfig{Durable: "S", FilterSubjects: []string{"a", "b"}}), "FilterSubjects", jetstream.ErrNotSupported, true},
	} {
		o := &oldServer{assets: map[string]bool{}}
		if row.before {
			o.assets["S"] = true
		}
		scripted(t, 0, o.answer, func(b *faults.Env, js jetstream.JetStream) {
			err := row.try(b.T.Context(), js)
			kinds(b.T, err, jetstream.ErrNotSupported, row.kind)
			e, ok := errors.AsType[*jetstream.NotSupportedError](err)
			if !ok || e.Feature != row.feature || e.RolledBack == row.before || len(o.assets) > 0 != row.before {
				b.T.Errorf("%s: %v, left are %v", row.feature, err, o.assets)
			}
		})
	}
}

// TestS13Limits of an account: each is an error with a name, its code and its class, and
// core NATS goes on.
func TestS13Limits(t *testing.T) {
	config := `accounts { A { users: [{user: a, password: a}], jetstream: {max_streams: 2, max_consumers: 1, max_file: 10K, max_mem: 1K, max_bytes_required: true, store_max_stream_bytes: 8K} } }`
	faults.Bubble(t, func(b *faults.Env) {
		nc := enter(b, "client", api.UserInfo("a", "a"))
		js := must.Get(jetstream.New(nc))(b.T)
		ctx := b.T.Context()
		make := func(cfg jetstream.StreamConfig) error {
			cfg.Subjects, cfg.Discard = []string{cfg.Name + ".>"}, jetstream.DiscardNew
			cfg.MaxBytes = cmp.Or(cfg.MaxBytes, 2<<10)
			_, err := js.CreateStream(ctx, cfg)
			return err
		}
		refused := func(err error, code int, kind error) {
			b.T.Helper()
			kinds(b.T, err, kind, jetstream.ErrAPI)
			if e, ok := errors.AsType[*jetstream.APIError](err); !ok || int(e.ErrorCode) != code || e.Op == "" {
				b.T.Errorf("%v is not %d", err, code)
			}
		}
		refused(make(jetstream.StreamConfig{Name: "A", MaxBytes: -1}), 10113, jetstream.ErrMaxBytesRequired)
		refused(make(jetstream.StreamConfig{Name: "A", MaxBytes: 9 << 10}), 10122, jetstream.ErrMaxStreamBytesExceeded)
		refused(make(jetstream.StreamConfig{Name: "A", Storage: jetstream.MemoryStorage}), 10028, jetstream.ErrInsufficientMemory)
		must.Do(b.T, make(jetstream.StreamConfig{Name: "A"}))
		must.Do(b.T, make(jetstream.StreamConfig{Name: "B"}))
		refused(make(jetstream.StreamConfig{Name: "C"}), 10027, jetstream.ErrMaximumStreamsLimit)
		must.Get(js.CreateConsumer(ctx, "A", jetstream.ConsumerConfig{Durable: "one"}))(b.T)
		_, err := js.CreateConsumer(ctx, "A", jetstream.ConsumerConfig{Durable: "two"})
		refused(err, 10026, jetstream.ErrMaximumConsumersLimit)
		for range 10 {
			if _, err = js.Publish(ctx, "A.x", make1K()); err != nil {
				break
			}
		}
		refused(err, 10077, jetstream.ErrStreamStoreFailed)
		must.Do(b.T, nc.Publish("core", nil))
		settled(b.T, nc, time.Second)
	}, faults.ServerOptions(natsserver.Options{JetStream: true, Config: config}))
}

// make1K returns a KiB.
func make1K() []byte { return make([]byte, 1<<10) }

// TestS13Disabled: JetStream goes while it is used. A server then leaves calls without an
// answer: they end in time, with a type. Core NATS goes on, and with a server that has
// JetStream again it is as before.
func TestS13Disabled(t *testing.T) {
	faults.Bubble(t, func(b *faults.Env) {
		nc := enter(b, "client")
		js := must.Get(jetstream.New(nc))(b.T)
		ctx := b.T.Context()
		s := must.Get(js.CreateStream(ctx, jetstream.StreamConfig{Name: "S"}))(b.T)
		must.Do(b.T, b.Server.Server().DisableJetStream())
		_, err := js.AccountInfo(ctx)
		kinds(b.T, err, jetstream.ErrJetStream, api.ErrTimeout)
		_, err = s.Info(ctx)
		kinds(b.T, err, jetstream.ErrJetStream, api.ErrTimeout)
		_, err = js.Publish(ctx, "S", nil)
		kinds(b.T, err, jetstream.ErrNoStreamResponse)
		_, err = listed(js)
		kinds(b.T, err, jetstream.ErrJetStream, api.ErrTimeout)
		must.Do(b.T, nc.Publish("core", nil))
		settled(b.T, nc, time.Second)
		must.Do(b.T, b.Server.Restart())
		settled(b.T, nc, 5*time.Second)
		must.Get(s.Info(ctx))(b.T)
		must.Get(js.Publish(ctx, "S", nil))(b.T)
	}, faults.ServerOptions(natsserver.Options{JetStream: true}))
}

// TestS13AnotherAccount: one may have streams, the other may not.
func TestS13AnotherAccount(t *testing.T) {
	accounts := []natsserver.Account{
		{Name: "A", Users: []natsserver.User{{Name: "a", Password: "a"}}, JetStream: true},
		{Name: "B", Users: []natsserver.User{{Name: "b", Password: "b"}}},
	}
	faults.Bubble(t, func(b *faults.Env) {
		nc := enter(b, "client", api.UserInfo("b", "b"))
		js := must.Get(jetstream.New(nc))(b.T)
		_, err := js.AccountInfo(b.T.Context())
		kinds(b.T, err, jetstream.ErrJetStreamNotEnabledForAccount, jetstream.ErrServiceUnavailable)
		_, err = js.CreateStream(b.T.Context(), jetstream.StreamConfig{Name: "S"})
		kinds(b.T, err, jetstream.ErrJetStreamNotEnabledForAccount)
		must.Do(b.T, nc.Publish("core", nil))
		settled(b.T, nc, time.Second)
		rich := must.Get(jetstream.New(enter(b, "rich", api.UserInfo("a", "a"))))(b.T)
		must.Get(rich.CreateStream(b.T.Context(), jetstream.StreamConfig{Name: "S"}))(b.T)
	}, faults.ServerOptions(natsserver.Options{JetStream: true, Accounts: accounts}))
}

// TestS13AccountExpires: the account ends while it is used. The link ends with a reason,
// calls say that there is no server, and go on when the account is renewed.
func TestS13AccountExpires(t *testing.T) {
	operator := must.Get(natsserver.NewOperator())(t)
	account := must.Get(operator.Account("A"))(t)
	must.Do(t, account.Edit(enableJetStream))
	user := must.Get(account.User("u"))(t)
	s := natsserver.Run(t, natsserver.Options{Operator: operator, JetStream: true})
	now := &holder{user: user}
	events := newTape()
	nc := must.Get(api.Connect(s.URL(), api.UserJWT(now.jwt, now.sign), api.IgnoreAuthErrorAbort(), api.MaxReconnects(-1),
		api.ReconnectWait(20*time.Millisecond), api.Timeout(patience), events.option()))(t)
	t.Cleanup(nc.Close)
	js := must.Get(jetstream.New(nc, jetstream.WithDefaultTimeout(patience)))(t)
	stream := must.Get(js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "S"}))(t)
	must.Do(t, account.Edit(accountEnds))
	kinds(t, events.await(t, api.LinkLost, 1).Cause, api.ErrAccountAuthExpired)
	_, err := stream.Info(must.Within(t, 100*time.Millisecond))
	kinds(t, err, jetstream.ErrJetStream)
	must.Do(t, account.Edit(renewed))
	for ctx := must.Within(t, patience); ; {
		if _, err := stream.Info(ctx); err == nil {
			break
		}
		must.Do(t, ctx.Err())
	}
}

// enableJetStream lets an account have streams.
func enableJetStream(c *jwt.AccountClaims) {
	c.Limits.JetStreamLimits = jwt.JetStreamLimits{DiskStorage: -1, MemoryStorage: -1, Streams: -1, Consumer: -1}
}

// accountEnds ends an account a moment after its server is notified. Ends are whole seconds: one
// that has come when the server hears of it leaves its clients connected.
func accountEnds(c *jwt.AccountClaims) { c.Expires = time.Now().Add(3 * time.Second).Unix() }

// renewed extends it.
func renewed(c *jwt.AccountClaims) { c.Expires = 0 }
