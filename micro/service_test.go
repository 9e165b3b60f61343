package micro_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/micro"
)

// patience bounds what has to happen soon, on a busy machine.
const patience = 30 * time.Second

// connected returns a connection to a server of its own.
func connected(t *testing.T, options ...api.Option) *api.Conn {
	t.Helper()
	s := natsserver.Run(t, natsserver.Options{})
	return connectTo(t, s.URL(), options...)
}

func connectTo(t *testing.T, url string, options ...api.Option) *api.Conn {
	t.Helper()
	nc := must.Get(api.Connect(url, options...))(t)
	t.Cleanup(nc.Close)
	return nc
}

// echo answers with what it is asked.
var echo = micro.HandlerFunc(func(r micro.Request) { _ = r.Respond(r.Data()) })

// added returns a service with that configuration, whose name and version may be missing.
func added(t *testing.T, nc *api.Conn, config micro.Config) micro.Service {
	t.Helper()
	if config.Name == "" {
		config.Name = "Test"
	}
	if config.Version == "" {
		config.Version = "1.2.3"
	}
	svc := must.Get(micro.AddService(nc, config))(t)
	t.Cleanup(func() { stopped(t, svc) })
	return svc
}

// stopped stops a service and waits until it has.
func stopped(t *testing.T, svc micro.Service) {
	t.Helper()
	must.Do(t, svc.Stop())
	select {
	case <-svc.Done():
	case <-time.After(patience):
		t.Error("the service does not stop")
	}
}

func ask(t *testing.T, nc *api.Conn, subject, data string) *api.Msg {
	t.Helper()
	return must.Get(nc.Request(subject, []byte(data), patience))(t)
}

// asked returns the answer to a verb as the JSON that it is.
func asked[T any](t *testing.T, nc *api.Conn, subject string) (v T) {
	t.Helper()
	m := ask(t, nc, subject, "")
	must.Do(t, json.Unmarshal(m.Data, &v))
	return v
}

func TestServiceAnswers(t *testing.T) {
	nc := connected(t)
	svc := added(t, nc, micro.Config{Endpoint: &micro.EndpointConfig{Subject: "svc.echo", Handler: echo}})
	must.Do(t, svc.AddEndpoint("func", micro.HandlerFunc(func(r micro.Request) {
		_ = r.RespondJSON(map[string]string{"subject": r.Subject(), "field": r.Headers().Get("Field"), "reply": fmt.Sprint(r.Reply() != "")},
			micro.WithHeaders(micro.Headers{"Own": {"a", "b"}}))
	}), micro.WithEndpointSubject("svc.*.func")))
	if m := ask(t, nc, "svc.echo", "hello"); string(m.Data) != "hello" || len(m.Header) != 0 {
		t.Errorf("%s, %v", m.Data, m.Header)
	}
	question := api.NewMsg("svc.x.func")
	question.Header.Set("Field", "value")
	m := must.Get(nc.RequestMsg(question, patience))(t)
	if string(m.Data) != `{"field":"value","reply":"true","subject":"svc.x.func"}` || !slices.Equal(m.Header.Values("Own"), []string{"a", "b"}) {
		t.Errorf("%s, %v", m.Data, m.Header)
	}
}

// TestVerbs: each verb is answered on its three subjects, and says what ADR-32 wants.
func TestVerbs(t *testing.T) {
	nc := connected(t)
	svc := added(t, nc, micro.Config{Name: "Verbs_1", Version: "1.0.0-rc.1+build", Description: "about",
		Metadata: map[string]string{"k": "v"}, Endpoint: &micro.EndpointConfig{Handler: echo}})
	must.Do(t, svc.AddGroup("g").AddEndpoint("e", echo, micro.WithEndpointMetadataKey("a", "b")))
	id := svc.Info().ID
	for _, to := range []string{"", ".Verbs_1", ".Verbs_1." + id} {
		ping := ask(t, nc, "$SRV.PING"+to, "")
		want := fmt.Sprintf(`{"name":"Verbs_1","id":%q,"version":"1.0.0-rc.1+build","metadata":{"k":"v"},"type":"io.nats.micro.v1.ping_response"}`, id)
		if string(ping.Data) != want {
			t.Errorf("ping%s: %s", to, ping.Data)
		}
		info := ask(t, nc, "$SRV.INFO"+to, "")
		want = fmt.Sprintf(`{"name":"Verbs_1","id":%q,"version":"1.0.0-rc.1+build","metadata":{"k":"v"},"type":"io.nats.micro.v1.info_response",`+
			`"description":"about","endpoints":[{"name":"default","subject":"default","queue_group":"q","metadata":{}},`+
			`{"name":"e","subject":"g.e","queue_group":"q","metadata":{"a":"b"}}]}`, id)
		if string(info.Data) != want {
			t.Errorf("info%s: %s", to, info.Data)
		}
		stats := asked[micro.Stats](t, nc, "$SRV.STATS"+to)
		if diff := cmp.Diff(svc.Stats(), stats); diff != "" {
			t.Errorf("stats%s (-own +sent):\n%s", to, diff)
		}
	}
}

// TestNothingIsNull: what is empty is empty, and not null.
func TestNothingIsNull(t *testing.T) {
	nc := connected(t)
	added(t, nc, micro.Config{})
	for _, verb := range []string{"PING", "INFO", "STATS"} {
		if m := ask(t, nc, "$SRV."+verb+".Test", ""); strings.Contains(string(m.Data), "null") || !strings.Contains(string(m.Data), `"metadata":{}`) {
			t.Errorf("%s: %s", verb, m.Data)
		}
	}
}

// TestStats: what counts as a request, and what as an error.
func TestStats(t *testing.T) {
	nc := connected(t)
	svc := added(t, nc, micro.Config{StatsHandler: func(e *micro.Endpoint) any { return map[string]string{"of": e.Name + " " + e.Subject} }})
	handler := micro.HandlerFunc(func(r micro.Request) {
		switch string(r.Data()) {
		case "error":
			_ = r.Error("404", "not here", nil)
		default:
			_ = r.Respond(r.Data())
		}
	})
	must.Do(t, svc.AddEndpoint("e", handler))
	ask(t, nc, "e", "1")
	ask(t, nc, "e", "error")
	must.Do(t, nc.Publish("e", []byte("nobody waits")))
	ask(t, nc, "e", "2")
	got := awaitRequests(t, svc, 4)
	if got.NumErrors != 2 || !strings.Contains(got.LastError, "reply") || got.ProcessingTime <= 0 ||
		got.AverageProcessingTime != got.ProcessingTime/4 || string(got.Data) != `{"of":"e e"}` {
		t.Errorf("%+v", got)
	}
	before := svc.Stats().Started
	svc.Reset()
	after := svc.Stats()
	if got := after.Endpoints[0]; got.NumRequests != 0 || got.NumErrors != 0 || got.LastError != "" || got.ProcessingTime != 0 ||
		got.AverageProcessingTime != 0 || got.Name != "e" || got.Subject != "e" || got.QueueGroup != "q" || !after.Started.After(before) {
		t.Errorf("after a reset: %+v, %v", got, after.Started)
	}
}

// awaitRequests waits until the first endpoint has handled that many: a handler has
// answered before it is counted.
func awaitRequests(t *testing.T, svc micro.Service, n int) *micro.EndpointStats {
	t.Helper()
	for ctx := must.Within(t, patience); ctx.Err() == nil; {
		if s := svc.Stats().Endpoints[0]; s.NumRequests >= n {
			return s
		}
	}
	t.Fatalf("%+v, want %d requests", svc.Stats().Endpoints[0], n)
	return nil
}

// TestQueueGroups: endpoint, nearest group, service, default, in this order.
func TestQueueGroups(t *testing.T) {
	nc := connected(t)
	disabled := micro.Config{EndpointDefaults: []micro.EndpointOpt{micro.WithEndpointQueueGroupDisabled()}}
	cases := []struct {
		name    string
		config  micro.Config
		group   []micro.GroupOpt
		inner   []micro.GroupOpt
		options []micro.EndpointOpt
		want    string
	}{
		{"default", micro.Config{}, nil, nil, nil, "q"},
		{"service", micro.Config{QueueGroup: "s"}, nil, nil, nil, "s"},
		{"group", micro.Config{QueueGroup: "s"}, []micro.GroupOpt{micro.WithGroupQueueGroup("g")}, nil, nil, "g"},
		{"inner group", micro.Config{}, []micro.GroupOpt{micro.WithGroupQueueGroup("g")}, []micro.GroupOpt{nil, micro.WithGroupQueueGroup("i")}, nil, "i"},
		{"endpoint", micro.Config{QueueGroup: "s"}, []micro.GroupOpt{micro.WithGroupQueueGroup("g")}, nil, []micro.EndpointOpt{nil, micro.WithEndpointQueueGroup("e")}, "e"},
		{"empty inherits", micro.Config{QueueGroup: "s"}, []micro.GroupOpt{micro.WithGroupQueueGroup("")}, nil, []micro.EndpointOpt{micro.WithEndpointQueueGroup("")}, "s"},
		{"disabled service", micro.Config{QueueGroupDisabled: true}, nil, nil, nil, ""},
		{"disabled wins over a name", micro.Config{QueueGroup: "s", QueueGroupDisabled: true}, nil, nil, nil, ""},
		{"disabled group", micro.Config{}, []micro.GroupOpt{micro.WithGroupQueueGroupDisabled()}, nil, nil, ""},
		{"disabled endpoint", micro.Config{QueueGroup: "s"}, nil, nil, []micro.EndpointOpt{micro.WithEndpointQueueGroupDisabled()}, ""},
		{"enabled again by a group", micro.Config{QueueGroupDisabled: true}, []micro.GroupOpt{micro.WithGroupQueueGroup("g")}, nil, nil, "g"},
		{"enabled again by an endpoint", micro.Config{}, []micro.GroupOpt{micro.WithGroupQueueGroupDisabled()}, nil, []micro.EndpointOpt{micro.WithEndpointQueueGroup("e")}, "e"},
		{"enabled again, against the defaults", disabled, nil, nil, []micro.EndpointOpt{micro.WithEndpointQueueGroup("e")}, "e"},
		{"disabled by the defaults", disabled, []micro.GroupOpt{micro.WithGroupQueueGroup("g")}, nil, nil, ""},
		{"disabled, whatever the order", micro.Config{}, nil, nil, []micro.EndpointOpt{micro.WithEndpointQueueGroupDisabled(), micro.WithEndpointQueueGroup("e")}, ""},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			svc := added(t, nc, c.config)
			g := svc.AddGroup("a", c.group...).AddGroup("").AddGroup("b", c.inner...)
			must.Do(t, g.AddEndpoint("e", echo, c.options...))
			if got := svc.Info().Endpoints[0]; got.QueueGroup != c.want || got.Subject != "a.b.e" {
				t.Errorf("%+v, want %q", got, c.want)
			}
			if got := svc.Stats().Endpoints[0]; got.QueueGroup != c.want {
				t.Errorf("stats say %q", got.QueueGroup)
			}
			stopped(t, svc)
		})
	}
}

// TestDefaultEndpoint: Config.Endpoint has the options of any other.
func TestDefaultEndpoint(t *testing.T) {
	nc := connected(t)
	cases := []struct {
		name   string
		config micro.Config
		want   micro.EndpointInfo
	}{
		{"its subject", micro.Config{Endpoint: &micro.EndpointConfig{Subject: "a.b", Handler: echo, Metadata: map[string]string{"k": "v"}}},
			micro.EndpointInfo{Name: "default", Subject: "a.b", QueueGroup: "q", Metadata: map[string]string{"k": "v"}}},
		{"its queue group", micro.Config{QueueGroup: "s", Endpoint: &micro.EndpointConfig{Handler: echo, QueueGroup: "e"}},
			micro.EndpointInfo{Name: "default", Subject: "default", QueueGroup: "e", Metadata: map[string]string{}}},
		{"none", micro.Config{Endpoint: &micro.EndpointConfig{Handler: echo, QueueGroupDisabled: true}},
			micro.EndpointInfo{Name: "default", Subject: "default", Metadata: map[string]string{}}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			svc := added(t, nc, c.config)
			if diff := cmp.Diff([]micro.EndpointInfo{c.want}, svc.Info().Endpoints); diff != "" {
				t.Error(diff)
			}
			stopped(t, svc)
		})
	}
}

// TestMetadataIsTheServicesOwn: neither side changes what the other has.
func TestMetadataIsTheServicesOwn(t *testing.T) {
	nc := connected(t)
	given := map[string]string{"k": "v"}
	svc := added(t, nc, micro.Config{Metadata: given})
	must.Do(t, svc.AddEndpoint("e", echo, micro.WithEndpointMetadata(given), micro.WithEndpointMetadataKey("a", "b")))
	given["k"] = "changed"
	info := svc.Info()
	info.Metadata["k"], info.Endpoints[0].Metadata["k"] = "changed", "changed"
	again := svc.Info()
	if again.Metadata["k"] != "v" || !maps.Equal(again.Endpoints[0].Metadata, map[string]string{"k": "v", "a": "b"}) {
		t.Errorf("%+v", again)
	}
}

// TestDone: once, when nothing runs any more, however it ends.
func TestDone(t *testing.T) {
	ends := map[string]func(*api.Conn, micro.Service){
		"stop":             func(_ *api.Conn, svc micro.Service) { _ = svc.Stop(); _ = svc.Stop() },
		"close":            func(nc *api.Conn, _ micro.Service) { nc.Close() },
		"drain":            func(nc *api.Conn, _ micro.Service) { _, _ = nc.DrainContext(context.Background()) },
		"stop, then close": func(nc *api.Conn, svc micro.Service) { _ = svc.Stop(); nc.Close() },
		"close, then stop": func(nc *api.Conn, svc micro.Service) { nc.Close(); _ = svc.Stop() },
	}
	for name, end := range ends {
		t.Run(name, func(t *testing.T) {
			nc := connected(t)
			told := make(chan micro.Service, 10)
			svc := added(t, nc, micro.Config{Endpoint: &micro.EndpointConfig{Handler: echo}, DoneHandler: func(svc micro.Service) {
				_ = svc.Stop() // from anywhere
				told <- svc
			}})
			ask(t, nc, "default", "")
			if svc.Stopped() {
				t.Error("it has stopped by itself")
			}
			end(nc, svc)
			if !svc.Stopped() {
				t.Error("it does not say so")
			}
			<-svc.Done()
			if got := <-told; got != svc {
				t.Errorf("told of %v", got)
			}
			if err := svc.AddEndpoint("late", echo); !errors.Is(err, micro.ErrServiceStopped) {
				t.Errorf("an endpoint too late: %v", err)
			}
			nc.Close()
			if len(told) != 0 {
				t.Error("told twice")
			}
		})
	}
}

// TestStopAnswersWhatHasCome: requests that wait are answered, monitoring ones as well.
func TestStopAnswersWhatHasCome(t *testing.T) {
	nc := connected(t)
	begun, gate := make(chan struct{}), make(chan struct{})
	svc := added(t, nc, micro.Config{})
	must.Do(t, svc.AddEndpoint("e", micro.HandlerFunc(func(r micro.Request) {
		if string(r.Data()) == "0" {
			close(begun)
			<-gate
		}
		_ = r.Respond(r.Data())
	})))
	replies := make(chan *api.Msg, 100)
	must.Get(nc.ChanSubscribe("replies", replies))(t)
	for i := range 10 {
		must.Do(t, nc.PublishRequest("e", "replies", fmt.Append(nil, i)))
	}
	<-begun
	must.Do(t, nc.PublishRequest("$SRV.PING", "replies", nil))
	must.Do(t, svc.Stop())
	close(gate)
	<-svc.Done()
	must.Do(t, nc.Flush())
	if len(replies) != 11 {
		t.Errorf("%d of 11 are answered", len(replies))
	}
	if _, err := nc.Request("e", nil, patience); !errors.Is(err, api.ErrNoResponders) {
		t.Errorf("after the end: %v", err)
	}
}
