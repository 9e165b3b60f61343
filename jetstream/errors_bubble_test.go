package jetstream_test

import (
	"context"
	"encoding/json"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
)

// asked sends a request "SUBJECT BODY" to the server, with the fields of a header, and
// returns the error of its answer, nil for none. A subject in capitals is one of the API.
func asked(b *faults.Env, js jetstream.JetStream, request string, fields ...string) *jetstream.APIError {
	b.T.Helper()
	subject, body, _ := strings.Cut(request, " ")
	if strings.ToUpper(subject) == subject {
		subject = "$JS.API." + subject
	}
	m := api.NewMsg(subject)
	m.Data = []byte(body)
	for i := 0; i+1 < len(fields); i += 2 {
		m.Header.Set(fields[i], fields[i+1])
	}
	answer := must.Get(js.Conn().RequestMsg(m, 5*time.Second))(b.T)
	var said struct {
		Error *jetstream.APIError `json:"error"`
	}
	must.Do(b.T, json.Unmarshal(answer.Data, &said))
	return said.Error
}

// refusal is something that a server refuses.
type refusal struct {
	code    jetstream.ErrorCode
	kind    error
	before  []string // requests that succeed
	request string
	fields  []string
}

// made creates the stream "S", with more of a config.
func made(more string) string {
	return `STREAM.CREATE.S {"name":"S","subjects":["s.>"],"storage":"memory"` + more + `}`
}

// madeConsumer creates a consumer of it.
func madeConsumer(name, more string) string {
	return `CONSUMER.CREATE.S.` + name + ` {"stream_name":"S","config":{"durable_name":"` + name + `","ack_policy":"explicit"` + more + `}}`
}

var refusals = []refusal{
	{10003, jetstream.ErrAPIBadRequest, []string{made("")}, "STREAM.MSG.GET.S", nil},
	{10012, jetstream.ErrConsumerCreate, []string{made(""), madeConsumer("C", "")}, madeConsumer("C", `,"deliver_policy":"new"`), nil},
	{10014, jetstream.ErrConsumerNotFound, []string{made("")}, "CONSUMER.INFO.S.C", nil},
	{10017, jetstream.ErrDurableNameMismatch, []string{made("")}, `CONSUMER.DURABLE.CREATE.S.D {"stream_name":"S","config":{"durable_name":"C","ack_policy":"explicit"}}`, nil},
	{10025, jetstream.ErrInvalidJSON, nil, `STREAM.CREATE.S {`, nil},
	{10026, jetstream.ErrMaximumConsumersLimit, []string{made(`,"max_consumers":1`), madeConsumer("C", "")}, madeConsumer("D", ""), nil},
	{10034, jetstream.ErrMirrorWithSubjects, nil, made(`,"mirror":{"name":"O"}`), nil},
	{10037, jetstream.ErrMsgNotFound, []string{made("")}, `STREAM.MSG.GET.S {"seq":9}`, nil},
	{10043, jetstream.ErrSequenceNotFound, []string{made("")}, `STREAM.MSG.DELETE.S {"seq":9}`, nil},
	{10052, jetstream.ErrStreamInvalidConfig, nil, made(`,"max_age":1`), nil},
	{10054, jetstream.ErrStreamMessageExceedsMaximum, []string{made(`,"max_msg_size":5`)}, "s.1 123456", nil},
	{10056, jetstream.ErrStreamMismatch, nil, `STREAM.CREATE.T {"name":"S"}`, nil},
	{10057, jetstream.ErrMsgNotFound, []string{`STREAM.CREATE.F {"name":"F","subjects":["f"]}`, "f 1"}, `STREAM.MSG.DELETE.F {"seq":9}`, nil},
	{10058, jetstream.ErrStreamNameAlreadyInUse, []string{made("")}, made(`,"max_msgs":5`), nil},
	{10059, jetstream.ErrStreamNotFound, nil, "STREAM.INFO.S", nil},
	{10060, jetstream.ErrExpectedStream, []string{made("")}, "s.1 x", []string{"Nats-Expected-Stream", "T"}},
	{10065, jetstream.ErrSubjectOverlap, []string{made("")}, `STREAM.CREATE.T {"name":"T","subjects":["s.1"]}`, nil},
	{10070, jetstream.ErrWrongLastMsgID, []string{made("")}, "s.1 x", []string{"Nats-Expected-Last-Msg-Id", "7"}},
	{10071, jetstream.ErrWrongLastSequence, []string{made("")}, "s.1 x", []string{"Nats-Expected-Last-Sequence", "7"}},
	{10074, jetstream.ErrReplicasNotSupported, nil, made(`,"num_replicas":3`), nil},
	{10077, jetstream.ErrMaxMessagesExceeded, []string{made(`,"discard":"new","max_msgs":1`), "s.1 x"}, "s.2 x", nil},
	{10077, jetstream.ErrMaxStoredBytesExceeded, []string{made(`,"discard":"new","max_bytes":30`), "s.1 x"}, "s.2 x", nil},
	{10077, jetstream.ErrMaxMessagesPerSubjectExceeded, []string{made(`,"discard":"new","max_msgs_per_subject":1,"discard_new_per_subject":true`), "s.1 x"}, "s.1 x", nil},
	{10079, jetstream.ErrDeliverWildcards, []string{made("")}, madeConsumer("C", `,"deliver_subject":"d.*"`), nil},
	{10084, jetstream.ErrWorkQueueRequiresAck, []string{made(`,"retention":"workqueue"`)}, `CONSUMER.CREATE.S.C {"stream_name":"S","config":{"durable_name":"C","ack_policy":"none"}}`, nil},
	{10099, jetstream.ErrWorkQueueMultipleUnfiltered, []string{made(`,"retention":"workqueue"`), madeConsumer("C", "")}, madeConsumer("D", ""), nil},
	{10100, jetstream.ErrWorkQueueNotUnique, []string{made(`,"retention":"workqueue"`), madeConsumer("C", `,"filter_subject":"s.1"`)}, madeConsumer("D", `,"filter_subject":"s.1"`), nil},
	{10108, jetstream.ErrFlowControlNeedsHeartbeat, []string{made("")}, madeConsumer("C", `,"deliver_subject":"d","flow_control":true`), nil},
	{10109, jetstream.ErrStreamSealed, []string{made(""), strings.Replace(made(`,"sealed":true`), "CREATE", "UPDATE", 1)}, "s.1 x", nil},
	{10111, jetstream.ErrRollupFailed, []string{made("")}, "s.1 x", []string{"Nats-Rollup", "all"}},
	{10131, jetstream.ErrFilterMismatch, []string{made("")}, `CONSUMER.CREATE.S.C.S.1 {"stream_name":"S","config":{"durable_name":"C","filter_subject":"s.2","ack_policy":"explicit"}}`, nil},
	{10136, jetstream.ErrDuplicateFilterSubjects, []string{made("")}, madeConsumer("C", `,"filter_subject":"s.1","filter_subjects":["s.2"]`), nil},
	{10138, jetstream.ErrOverlappingFilterSubjects, []string{made("")}, madeConsumer("C", `,"filter_subjects":["s.*","s.2"]`), nil},
	{10139, jetstream.ErrEmptyFilter, []string{made("")}, madeConsumer("C", `,"filter_subjects":["s.1",""]`), nil},
	{10148, jetstream.ErrConsumerExists, []string{made(""), madeConsumer("C", "")}, strings.Replace(madeConsumer("C", `,"max_deliver":5`), `"config"`, `"action":"create","config"`, 1), nil},
	{10149, jetstream.ErrConsumerDoesNotExist, []string{made("")}, strings.Replace(madeConsumer("C", ""), `"config"`, `"action":"update","config"`, 1), nil},
	{10157, jetstream.ErrPedantic, nil, made(`,"pedantic":true,"max_msgs":-5`), nil},
	{10165, jetstream.ErrMsgTTLInvalid, []string{made(`,"allow_msg_ttl":true`)}, "s.1 x", []string{"Nats-TTL", "soon"}},
	{10166, jetstream.ErrMsgTTLDisabled, []string{made("")}, "s.1 x", []string{"Nats-TTL", "5s"}},
	{10168, jetstream.ErrCounterDisabled, []string{made("")}, "s.1", []string{"Nats-Incr", "1"}},
	{10169, jetstream.ErrCounterIncrMissing, []string{made(`,"allow_msg_counter":true`)}, "s.1", nil},
	{10174, jetstream.ErrAtomicPublishDisabled, []string{made("")}, "s.1 x", []string{"Nats-Batch-Id", "b", "Nats-Batch-Sequence", "1"}},
	{10185, jetstream.ErrRequiredAPILevel, nil, "INFO", []string{"Nats-Required-Api-Level", "999"}},
	{10188, jetstream.ErrMessageSchedulesDisabled, []string{made("")}, "s.1 x", []string{"Nats-Schedule", "@every 5m", "Nats-Schedule-Target", "s.2"}},
}

// TestServersRefuseWithTheirCodes: a real server refuses, and the kind is matched.
func TestServersRefuseWithTheirCodes(t *testing.T) {
	for _, r := range refusals {
		t.Run(r.kind.Error(), func(t *testing.T) {
			managed(t, func(b *faults.Env, js jetstream.JetStream) {
				for _, request := range r.before {
					if e := asked(b, js, request); e != nil {
						b.T.Fatalf("%s: %v", request, e)
					}
				}
				e := asked(b, js, r.request, r.fields...)
				if e == nil || e.ErrorCode != r.code || !errors.Is(e, r.kind) || !errors.Is(e, jetstream.ErrAPI) {
					b.T.Errorf("refused with %v", e)
				}
			})
		})
	}
}

// TestErrorOfJetstream: every error about a stream belongs to one kind, whether a server refuses
// or the call is not even sent.
func TestErrorOfJetstream(t *testing.T) {
	managed(t, func(b *faults.Env, js jetstream.JetStream) {
		ctx := b.T.Context()
		_, refused := js.Stream(ctx, "NOPE")
		_, unheard := js.Publish(ctx, "nobody", nil)
		_, named := js.Stream(ctx, "a.b")
		_, meant := js.CreateStream(ctx, jetstream.StreamConfig{Name: "S", MaxAge: 1})
		for _, err := range []error{refused, unheard, named, meant} {
			is(b.T, err, jetstream.ErrJetStream)
			if asked, ok := errors.AsType[jetstream.JetStreamError](err); !ok || (err == refused) != (asked.APIError() != nil) {
				b.T.Errorf("%v stands for %v", err, asked)
			}
		}
	})
}

func TestErrorAPI(t *testing.T) {
	managed(t, func(b *faults.Env, js jetstream.JetStream) {
		e := asked(b, js, "INFO", "Nats-Required-Api-Level", "999")
		is(b.T, e, jetstream.ErrAPI, jetstream.ErrJetStream, jetstream.ErrRequiredAPILevel, &jetstream.APIError{ErrorCode: 10185})
		if errors.Is(e, jetstream.ErrBadRequest) || errors.Is(e, jetstream.ErrServer) {
			b.T.Errorf("%v is of another class", e)
		}
	})
}

func TestErrorServiceUnavailable(t *testing.T) {
	faults.Bubble(t, func(b *faults.Env) {
		nc := must.Get(api.Connect(b.URL("s1"), api.System(b.System), api.SetCustomDialer(b.Dialer("c"))))(b.T)
		defer nc.Close()
		_, err := must.Get(jetstream.New(nc))(b.T).AccountInfo(b.T.Context())
		is(b.T, err, jetstream.ErrServiceUnavailable, jetstream.ErrJetStreamNotEnabled, api.ErrNoResponders)
	}, faults.ServerOptions(natsserver.Options{}))
	faults.Bubble(t, func(b *faults.Env) {
		nc := must.Get(api.Connect(b.URL("s1"), api.System(b.System), api.SetCustomDialer(b.Dialer("c"))))(b.T)
		defer nc.Close()
		_, err := must.Get(jetstream.New(nc))(b.T).AccountInfo(b.T.Context())
		is(b.T, err, jetstream.ErrServiceUnavailable, jetstream.ErrJetStreamNotEnabledForAccount)
		if api.Retryable(err) || api.CategoryOf(err) != api.CategoryPermission {
			b.T.Errorf("%v is to be tried again", err)
		}
	}, faults.ServerOptions(natsserver.Options{JetStream: true, Config: `accounts { A { users: [{user: u, password: p}] } }, no_auth_user: u`}))
}

func TestErrorServer(t *testing.T) {
	managed(t, func(b *faults.Env, js jetstream.JetStream) {
		_, err := js.CreateStream(b.T.Context(), jetstream.StreamConfig{Name: "S", Replicas: 3})
		is(b.T, err, jetstream.ErrServer, jetstream.ErrReplicasNotSupported, jetstream.ErrJetStream)
		if api.Retryable(err) || api.MaybeSent(err) {
			b.T.Errorf("%v is no mistake of the program's", err)
		}
	})
}

func TestErrorNotFound(t *testing.T) {
	managed(t, func(b *faults.Env, js jetstream.JetStream) {
		ctx := b.T.Context()
		_, err := js.Stream(ctx, "NOPE")
		is(b.T, err, jetstream.ErrNotFound, jetstream.ErrStreamNotFound)
		for _, storage := range []jetstream.StorageType{jetstream.MemoryStorage, jetstream.FileStorage} {
			s := must.Get(js.CreateStream(ctx, jetstream.StreamConfig{Name: "S" + storage.String(), Storage: storage}))(b.T)
			_, err = s.Consumer(ctx, "NOPE")
			is(b.T, err, jetstream.ErrNotFound, jetstream.ErrConsumerNotFound)
			_, err = s.GetMsg(ctx, 999)
			is(b.T, err, jetstream.ErrNotFound, jetstream.ErrMsgNotFound)
			stored(b, js, "S"+storage.String())
			err = s.DeleteMsg(ctx, 999)
			is(b.T, err, jetstream.ErrNotFound, jetstream.ErrMsgNotFound, jetstream.ErrMsgDeleteUnsuccessful)
			if api.CategoryOf(err) != api.CategoryNotFound {
				b.T.Errorf("%v is about %v", err, api.CategoryOf(err))
			}
		}
	})
}

func TestErrorBadRequest(t *testing.T) {
	managed(t, func(b *faults.Env, js jetstream.JetStream) {
		ctx := b.T.Context()
		must.Get(js.CreateStream(ctx, jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}}))(b.T)
		_, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "T", Subjects: []string{"s.1"}})
		is(b.T, err, jetstream.ErrBadRequest, jetstream.ErrSubjectOverlap)
		is(b.T, asked(b, js, `STREAM.PURGE.S {"keep":1,"seq":2}`), jetstream.ErrBadRequest, jetstream.ErrAPIBadRequest)
	})
}

func TestErrorNoStreamResponse(t *testing.T) {
	managed(t, func(b *faults.Env, js jetstream.JetStream) {
		_, err := js.Publish(b.T.Context(), "nobody", nil)
		is(b.T, err, jetstream.ErrNoStreamResponse, api.ErrNoResponders, jetstream.ErrJetStream)
		if e, ok := errors.AsType[*jetstream.PublishError](err); !ok || e.Subject != "nobody" || e.Attempts != 3 || api.MaybeSent(err) || !api.Retryable(err) {
			b.T.Errorf("the error is %v", err)
		}
	})
}

func TestErrorTooManyStalledMsgs(t *testing.T) {
	managed(t, func(b *faults.Env, js jetstream.JetStream) {
		js = must.Get(jetstream.New(js.Conn(), jetstream.WithPublishAsyncMaxPending(1)))(b.T)
		defer js.CleanupPublisher()
		sub := must.Get(js.Conn().Subscribe("silent", func(*api.Msg) {}))(b.T)
		defer func() { must.Do(b.T, sub.Unsubscribe()) }()
		must.Get(js.PublishAsync("silent", nil))(b.T)
		_, err := js.PublishAsync("silent", nil)
		is(b.T, err, jetstream.ErrTooManyStalledMsgs, jetstream.ErrJetStream)
		e, ok := errors.AsType[*jetstream.StalledError](err)
		if !ok || e.Max != 1 || e.Waited != 200*time.Millisecond || errors.Is(err, api.ErrTimeout) || api.MaybeSent(err) {
			b.T.Errorf("the error is %v", err)
		}
	})
}

func TestErrorFetchTimeout(t *testing.T) {
	managed(t, func(b *faults.Env, js jetstream.JetStream) {
		s := must.Get(js.CreateStream(b.T.Context(), jetstream.StreamConfig{Name: "S"}))(b.T)
		c := must.Get(s.CreateConsumer(b.T.Context(), jetstream.ConsumerConfig{Durable: "C"}))(b.T)
		_, err := c.Next(jetstream.FetchMaxWait(2 * time.Second))
		is(b.T, err, jetstream.ErrFetchTimeout, api.ErrTimeout, context.DeadlineExceeded, jetstream.ErrJetStream)
		if e, ok := errors.AsType[*jetstream.FetchError](err); !ok || e.Stream != "S" || e.Consumer != "C" || e.Requested != 1 || !api.Retryable(err) {
			b.T.Errorf("the error is %v", err)
		}
	})
}

func TestErrorWrongLastSequence(t *testing.T) {
	managed(t, func(b *faults.Env, js jetstream.JetStream) {
		must.Get(js.CreateStream(b.T.Context(), jetstream.StreamConfig{Name: "S"}))(b.T)
		must.Get(js.Publish(b.T.Context(), "S", nil))(b.T)
		_, err := js.Publish(b.T.Context(), "S", nil, jetstream.WithExpectLastSequence(7))
		is(b.T, err, jetstream.ErrWrongLastSequence, jetstream.ErrBadRequest, &jetstream.APIError{ErrorCode: jetstream.JSErrCodeStreamWrongLastSequence})
		e, ok := errors.AsType[*jetstream.WrongLastSequenceError](err)
		if !ok || e.Expected != 7 || e.Actual != 1 || !e.HasActual || api.CategoryOf(err) != api.CategoryConflict {
			b.T.Errorf("the error is %v", err)
		}
	})
}
