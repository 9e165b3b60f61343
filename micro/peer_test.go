package micro_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	peer "github.com/nats-io/nats.go/micro"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/micro"
)

// twins are a service of ours and one of nats.go's with the same description, on servers of
// their own.
type twins struct {
	own, their *api.Conn  // clients of ours, of each
	nats       *nats.Conn // a client of nats.go's, of ours
}

func newTwins(t *testing.T) *twins {
	t.Helper()
	ours, theirs := natsserver.Run(t, natsserver.Options{}), natsserver.Run(t, natsserver.Options{})
	w := &twins{own: connectTo(t, ours.URL()), their: connectTo(t, theirs.URL())}
	w.nats = must.Get(nats.Connect(ours.URL()))(t)
	t.Cleanup(w.nats.Close)
	metadata := map[string]string{"k": "v"}
	of := connectTo(t, ours.URL())
	svc := added(t, of, micro.Config{Name: "Twin", Version: "1.0.0", Description: "d", Metadata: metadata, QueueGroup: "s",
		Endpoint:     &micro.EndpointConfig{Subject: "base", Handler: micro.HandlerFunc(func(r micro.Request) { twinHandler(r, nil) }), Metadata: metadata},
		StatsHandler: func(*micro.Endpoint) any { return 1 }})
	g := svc.AddGroup("g", micro.WithGroupQueueGroup("gq")).AddGroup("h")
	must.Do(t, g.AddEndpoint("plain", micro.HandlerFunc(func(r micro.Request) { twinHandler(r, nil) }), micro.WithEndpointQueueGroupDisabled(),
		micro.WithEndpointMetadata(metadata), micro.WithEndpointMetadataKey("a", "b")))
	must.Do(t, g.AddEndpoint("star", micro.HandlerFunc(func(r micro.Request) { twinHandler(r, nil) }), micro.WithEndpointSubject("s.*"),
		micro.WithEndpointMetadata(metadata)))

	nc := must.Get(nats.Connect(theirs.URL()))(t)
	t.Cleanup(nc.Close)
	their := must.Get(peer.AddService(nc, peer.Config{Name: "Twin", Version: "1.0.0", Description: "d", Metadata: metadata, QueueGroup: "s",
		Endpoint:     &peer.EndpointConfig{Subject: "base", Handler: peer.HandlerFunc(func(r peer.Request) { twinHandler(nil, r) }), Metadata: metadata},
		StatsHandler: func(*peer.Endpoint) any { return 1 }}))(t)
	h := their.AddGroup("g", peer.WithGroupQueueGroup("gq")).AddGroup("h")
	must.Do(t, h.AddEndpoint("plain", peer.HandlerFunc(func(r peer.Request) { twinHandler(nil, r) }), peer.WithEndpointQueueGroupDisabled(),
		peer.WithEndpointMetadata(metadata), peer.WithEndpointMetadataKey("a", "b")))
	must.Do(t, h.AddEndpoint("star", peer.HandlerFunc(func(r peer.Request) { twinHandler(nil, r) }), peer.WithEndpointSubject("s.*"),
		peer.WithEndpointMetadata(metadata)))
	must.Do(t, errors.Join(nc.Flush(), of.Flush()))
	return w
}

// twinHandler does the same for a request of either.
func twinHandler(own micro.Request, their peer.Request) {
	var data string
	var respond func([]byte)
	var respondJSON func(any)
	var fail func(code, description string, data []byte)
	if own != nil {
		data = string(own.Data())
		respond = func(b []byte) { _ = own.Respond(b, micro.WithHeaders(micro.Headers{"H": {"a", "b"}})) }
		respondJSON = func(v any) { _ = own.RespondJSON(v) }
		fail = func(code, description string, data []byte) { _ = own.Error(code, description, data) }
	} else {
		data = string(their.Data())
		respond = func(b []byte) { _ = their.Respond(b, peer.WithHeaders(peer.Headers{"H": {"a", "b"}})) }
		respondJSON = func(v any) { _ = their.RespondJSON(v) }
		fail = func(code, description string, data []byte) { _ = their.Error(code, description, data) }
	}
	switch data {
	case "json":
		respondJSON(map[string]int{"a": 1})
	case "fail":
		fail("404", "not\nhere", []byte("data"))
	default:
		respond([]byte(data))
	}
}

// TestTwins: to any client, a service of ours and one of nats.go are the same.
func TestTwins(t *testing.T) {
	w := newTwins(t)
	for _, subject := range []string{"base", "g.h.plain", "g.h.s.x"} {
		for _, data := range []string{"", "text", "json", "fail"} {
			own, their := ask(t, w.own, subject, data), ask(t, w.their, subject, data)
			own.Header.Del(micro.InstanceHeader)
			own.Subject = their.Subject // an inbox
			if diff := cmp.Diff(their, own); diff != "" {
				t.Errorf("%s %q (-theirs +ours):\n%s", subject, data, diff)
			}
		}
	}
	for _, verb := range []string{"$SRV.PING", "$SRV.INFO", "$SRV.STATS.Twin"} {
		own, their := awaitAnswer(t, w.own, verb), awaitAnswer(t, w.their, verb)
		if diff := cmp.Diff(their, own); diff != "" {
			t.Errorf("%s (-theirs +ours):\n%s", verb, diff)
		}
	}
}

// awaitAnswer returns what a verb is answered with, without what differs from instance to
// instance, once all requests are counted.
func awaitAnswer(t *testing.T, nc *api.Conn, verb string) map[string]any {
	t.Helper()
	for ctx := must.Within(t, patience); ctx.Err() == nil; {
		answer := asked[map[string]any](t, nc, verb)
		level(answer, "id", "started")
		all := true
		endpoints, _ := answer["endpoints"].([]any)
		for _, e := range endpoints {
			numbers := e.(map[string]any)
			level(numbers, "processing_time", "average_processing_time")
			delete(numbers, "metrics") // theirs has none, and nobody else looks at it
			n, counted := numbers["num_requests"].(float64)
			all = all && (!counted || n == 4)
		}
		if all {
			return answer
		}
	}
	t.Fatalf("%s: not all requests are counted", verb)
	return nil
}

// level makes fields equal whose values differ, if they have one.
func level(answer map[string]any, fields ...string) {
	for _, key := range fields {
		if v := answer[key]; v != nil && v != "" && v != 0.0 {
			answer[key] = "set"
		}
	}
}

// TestPeerAsksUs: what a client of nats.go's makes of our answers.
func TestPeerAsksUs(t *testing.T) {
	w := newTwins(t)
	m := must.Get(w.nats.Request("base", []byte("fail"), patience))(t)
	if m.Header.Get(peer.ErrorHeader) != "not here" || m.Header.Get(peer.ErrorCodeHeader) != "404" || string(m.Data) != "data" {
		t.Errorf("%v %s", m.Header, m.Data)
	}
	subject := must.Get(peer.ControlSubject(peer.StatsVerb, "Twin", ""))(t)
	m = must.Get(w.nats.Request(subject, nil, patience))(t)
	stats := peer.Stats{}
	must.Do(t, json.Unmarshal(m.Data, &stats))
	if stats.Type != peer.StatsResponseType || len(stats.Endpoints) != 3 || time.Since(stats.Started) > time.Hour || stats.Started.Location() != time.UTC {
		t.Errorf("%+v", stats)
	}
}

// TestWeAskPeer: what our client makes of the answers of nats.go's services.
func TestWeAskPeer(t *testing.T) {
	w := newTwins(t)
	c := must.Get(micro.NewClient(w.their, nil))(t)
	ctx := must.Within(t, patience)
	if m, err := c.Request(ctx, "base", []byte("text")); err != nil || string(m.Data) != "text" || !slices.Equal(m.Header.Values("H"), []string{"a", "b"}) {
		t.Errorf("%v, %v", m, err)
	}
	_, err := c.Request(ctx, "g.h.s.x", []byte("fail"))
	var se *micro.ServiceError
	if !errors.As(err, &se) || !errors.Is(err, micro.ErrNotFound) || se.Description != "not here" || string(se.Data) != "data" || se.Subject != "g.h.s.x" {
		t.Errorf("%v", err)
	}
	if pings, err := c.Ping(ctx, "Twin", ""); err != nil || len(pings) != 1 || pings[0].Version != "1.0.0" || pings[0].Metadata["k"] != "v" {
		t.Errorf("%+v, %v", pings, err)
	}
	infos, err := c.Info(ctx, "", "")
	if err != nil || len(infos) != 1 || len(infos[0].Endpoints) != 3 || infos[0].Endpoints[2].Subject != "g.h.s.*" {
		t.Errorf("%+v, %v", infos, err)
	}
	if stats, err := c.Stats(ctx, "Twin", infos[0].ID); err != nil || len(stats) != 1 || string(stats[0].Endpoints[0].Data) != "1" {
		t.Errorf("%+v, %v", stats, err)
	}
}

// TestErrorOf: what other clients write for an error.
func TestErrorOf(t *testing.T) {
	h := func(fields ...string) api.Header {
		header := api.Header{}
		for _, f := range fields {
			key, value, _ := strings.Cut(f, "=")
			header[key] = append(header[key], value)
		}
		return header
	}
	for name, c := range map[string]struct {
		header api.Header
		want   string
		number int
	}{
		"none":                {nil, "<nil>", 0},
		"others":              {h("A=b"), "<nil>", 0},
		"both":                {h("Nats-Service-Error=text", "Nats-Service-Error-Code=404"), "404: text", 404},
		"text alone":          {h("Nats-Service-Error=text"), "500: text", 500},
		"code alone":          {h("Nats-Service-Error-Code=404"), "404: 404", 404},
		"empty text":          {h("Nats-Service-Error=", "Nats-Service-Error-Code=7"), "7: 7", 7},
		"empty code":          {h("Nats-Service-Error=text", "Nats-Service-Error-Code="), "500: text", 500},
		"lower case":          {h("nats-service-error=text", "NATS-SERVICE-ERROR-CODE=9"), "9: text", 9},
		"the first counts":    {h("Nats-Service-Error=one", "Nats-Service-Error=two", "Nats-Service-Error-Code=1", "Nats-Service-Error-Code=2"), "1: one", 1},
		"no number":           {h("Nats-Service-Error=text", "Nats-Service-Error-Code=a:b c"), "a:b c: text", 0},
		"a symbol":            {h("Nats-Service-Error=text", "Nats-Service-Error-Code=409", "Troupe-Service-Error-Symbol=TAKEN"), "TAKEN: text", 409},
		"a symbol, no number": {h("Nats-Service-Error=text", "Nats-Service-Error-Code=X", "Troupe-Service-Error-Symbol=TAKEN"), "X: text", 0},
		"an empty list":       {api.Header{"Nats-Service-Error": {}}, "<nil>", 0},
	} {
		t.Run(name, func(t *testing.T) {
			err := micro.ErrorOf(&api.Msg{Header: c.header, Data: []byte("data")})
			if fmt.Sprint(err) != c.want {
				t.Errorf("%v, want %s", err, c.want)
			}
			var se *micro.ServiceError
			if errors.As(err, &se) {
				if n, ok := se.NumericCode(); n != c.number || ok != (n != 0) || string(se.Data) != "data" {
					t.Errorf("%d, %v", n, ok)
				}
			}
		})
	}
	if micro.ErrorOf(nil) != nil {
		t.Error("nothing is an error")
	}
}
