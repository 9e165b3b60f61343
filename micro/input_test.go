package micro_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/micro"
)

// TestServiceRefused: what cannot be a service is refused at once, by kind.
func TestServiceRefused(t *testing.T) {
	nc := connected(t)
	type in = micro.Config
	cases := map[string]struct {
		config in
		want   error
	}{
		"no name":              {in{Version: "1.0.0"}, micro.ErrInvalidName},
		"a dot":                {in{Name: "a.b", Version: "1.0.0"}, micro.ErrInvalidName},
		"a blank":              {in{Name: "a b", Version: "1.0.0"}, micro.ErrInvalidName},
		"a wildcard":           {in{Name: "*", Version: "1.0.0"}, micro.ErrInvalidName},
		"a line break":         {in{Name: "a\n", Version: "1.0.0"}, micro.ErrInvalidName},
		"another alphabet":     {in{Name: "ä", Version: "1.0.0"}, micro.ErrInvalidName},
		"no version":           {in{Name: "a"}, micro.ErrInvalidVersion},
		"a short version":      {in{Name: "a", Version: "1.0"}, micro.ErrInvalidVersion},
		"a zero in front":      {in{Name: "a", Version: "01.0.0"}, micro.ErrInvalidVersion},
		"a v in front":         {in{Name: "a", Version: "v1.0.0"}, micro.ErrInvalidVersion},
		"an empty pre-release": {in{Name: "a", Version: "1.0.0-"}, micro.ErrInvalidVersion},
		"a bad pre-release":    {in{Name: "a", Version: "1.0.0-01"}, micro.ErrInvalidVersion},
		"a version and more":   {in{Name: "a", Version: "1.0.0\n"}, micro.ErrInvalidVersion},
		"a bad queue group":    {in{Name: "a", Version: "1.0.0", QueueGroup: ">.a"}, micro.ErrInvalidSubject},
		"a prefix of its own":  {in{Name: "a", Version: "1.0.0", APIPrefix: "a.*"}, micro.ErrInvalidSubject},
		"no middleware":        {in{Name: "a", Version: "1.0.0", Middleware: []micro.Middleware{nil}}, micro.ErrHandlerRequired},
		"a code below 1":       {in{Name: "a", Version: "1.0.0", NumericCodes: map[string]int{"A": 0}}, micro.ErrConfigValidation},
		"no handler":           {in{Name: "a", Version: "1.0.0", Endpoint: &micro.EndpointConfig{}}, micro.ErrHandlerRequired},
		"a bad subject":        {in{Name: "a", Version: "1.0.0", Endpoint: &micro.EndpointConfig{Subject: "a..b", Handler: echo}}, micro.ErrInvalidSubject},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			c.config.DoneHandler = func(micro.Service) { t.Error("the end of what was not") }
			svc, err := micro.AddService(nc, c.config)
			if svc != nil || !errors.Is(err, c.want) || !errors.Is(err, micro.ErrConfigValidation) || !errors.Is(err, api.ErrInvalidArg) {
				t.Errorf("got %v, %v; want %v", svc, err, c.want)
			}
			var data *micro.ConfigError
			if !errors.As(err, &data) || data.Field == "" || data.Reason == "" {
				t.Errorf("it says %+v", data)
			}
		})
	}
	if n := nc.NumSubscriptions(); n != 0 {
		t.Errorf("%d subscriptions are left", n)
	}
}

func TestServiceNeedsAConnection(t *testing.T) {
	config := micro.Config{Name: "a", Version: "1.0.0", DoneHandler: func(micro.Service) { t.Error("the end of what was not") }}
	if _, err := micro.AddService(nil, config); !errors.Is(err, api.ErrInvalidConnection) {
		t.Errorf("without: %v", err)
	}
	nc := connected(t)
	nc.Close()
	if _, err := micro.AddService(nc, config); !errors.Is(err, api.ErrConnectionClosed) {
		t.Errorf("closed: %v", err)
	}
}

// TestEndpointRefused: what cannot be an endpoint is refused at once, by kind.
func TestEndpointRefused(t *testing.T) {
	nc := connected(t)
	svc := added(t, nc, micro.Config{})
	must.Do(t, svc.AddEndpoint("there", echo, micro.WithEndpointSubject("a.b")))
	must.Do(t, svc.AddGroup("g").AddEndpoint("there", echo))
	before := nc.NumSubscriptions()
	with := func(options ...micro.EndpointOpt) []micro.EndpointOpt { return options }
	cases := map[string]struct {
		name    string
		handler micro.Handler
		options []micro.EndpointOpt
		want    error
	}{
		"no name":             {"", echo, nil, micro.ErrInvalidName},
		"a dot":               {"a.b", echo, nil, micro.ErrInvalidName},
		"no handler":          {"e", nil, nil, micro.ErrHandlerRequired},
		"a nil function":      {"e", micro.HandlerFunc(nil), nil, micro.ErrHandlerRequired},
		"nil with a context":  {"e", micro.ContextHandler(t.Context(), nil), nil, micro.ErrHandlerRequired},
		"a nil Func":          {"e", micro.Func(nil), nil, micro.ErrHandlerRequired},
		"blanks":              {"e", echo, with(micro.WithEndpointSubject("a b")), micro.ErrInvalidSubject},
		"an empty token":      {"e", echo, with(micro.WithEndpointSubject("a.")), micro.ErrInvalidSubject},
		"a wildcard too soon": {"e", echo, with(micro.WithEndpointSubject(">.a")), micro.ErrInvalidSubject},
		"of monitoring":       {"e", echo, with(micro.WithEndpointSubject("$SRV.PING")), micro.ErrInvalidSubject},
		"all of monitoring":   {"e", echo, with(micro.WithEndpointSubject("$SRV")), micro.ErrInvalidSubject},
		"a bad queue group":   {"e", echo, with(micro.WithEndpointQueueGroup(">.a")), micro.ErrInvalidSubject},
		"no limits":           {"e", echo, with(micro.WithEndpointPendingLimits(0, 0)), micro.ErrConfigValidation},
		"nobody at work":      {"e", echo, with(micro.WithEndpointConcurrency(0)), micro.ErrConfigValidation},
		"the same name":       {"there", echo, with(micro.WithEndpointSubject("other")), micro.ErrEndpointExists},
		"the same subject":    {"other", echo, with(micro.WithEndpointSubject("a.b")), micro.ErrEndpointExists},
		"both, by a group":    {"other", echo, with(micro.WithEndpointSubject("g.there")), micro.ErrEndpointExists},
	}
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			if err := svc.AddEndpoint(c.name, c.handler, c.options...); !errors.Is(err, c.want) || !errors.Is(err, micro.ErrConfigValidation) {
				t.Errorf("got %v, want %v", err, c.want)
			}
		})
	}
	for _, prefix := range []string{">", "a b", "a.", ".a", "a..b"} {
		if err := svc.AddGroup(prefix).AddEndpoint("e", echo); !errors.Is(err, micro.ErrInvalidSubject) {
			t.Errorf("group %q: %v", prefix, err)
		}
	}
	if after := nc.NumSubscriptions(); after != before {
		t.Errorf("%d subscriptions, not %d", after, before)
	}
	if n := len(svc.Info().Endpoints); n != 2 {
		t.Errorf("%d endpoints", n)
	}
}

func TestControlSubject(t *testing.T) {
	cases := []struct {
		verb     micro.Verb
		name, id string
		want     string
		err      error
	}{
		{micro.PingVerb, "", "", "$SRV.PING", nil},
		{micro.InfoVerb, "a", "", "$SRV.INFO.a", nil},
		{micro.StatsVerb, "a", "b", "$SRV.STATS.a.b", nil},
		{micro.PingVerb, "", "b", "", micro.ErrServiceNameRequired},
		{micro.Verb(100), "", "", "", micro.ErrVerbNotSupported},
		{micro.Verb(-1), "a", "b", "", micro.ErrVerbNotSupported},
		{micro.PingVerb, "*", "", "", micro.ErrInvalidName},
		{micro.PingVerb, "a", "*", "", micro.ErrInvalidName},
		{micro.PingVerb, "a", "b c", "", micro.ErrInvalidName},
	}
	for _, c := range cases {
		if got, err := micro.ControlSubject(c.verb, c.name, c.id); got != c.want || !errors.Is(err, c.err) {
			t.Errorf("%v of %q, %q: %q, %v", c.verb, c.name, c.id, got, err)
		}
	}
}

// TestErrorRefused: an error response that others could not read is refused, and the request
// can still be answered.
func TestErrorRefused(t *testing.T) {
	nc := connected(t)
	svc := added(t, nc, micro.Config{})
	cases := map[string]struct {
		code, description string
		want              error
	}{
		"no code":           {"", "d", micro.ErrArgRequired},
		"no description":    {"1", "", micro.ErrArgRequired},
		"a blank one":       {"1", " \n", micro.ErrArgRequired},
		"a colon":           {"a:b", "d", micro.ErrInvalidCode},
		"a line break":      {"a\nb", "d", micro.ErrInvalidCode},
		"a blank in front":  {" a", "d", micro.ErrInvalidCode},
		"no text":           {"\xff", "d", micro.ErrInvalidCode},
		"a long code":       {strings.Repeat("a", 65), "d", micro.ErrInvalidCode},
		"not to be printed": {"a\x00", "d", micro.ErrInvalidCode},
	}
	errs := make(chan error, 10)
	must.Do(t, svc.AddEndpoint("e", micro.HandlerFunc(func(r micro.Request) {
		c := cases[string(r.Data())]
		errs <- r.Error(c.code, c.description, nil)
		errs <- r.Error(strings.Repeat("a", 64), "first\nsecond", []byte("data"))
		errs <- r.Respond(nil)
		errs <- r.Error("500", "too late", nil)
		errs <- r.RespondPart(nil)
	})))
	for name, c := range cases {
		t.Run(name, func(t *testing.T) {
			m := ask(t, nc, "e", name)
			if err := <-errs; !errors.Is(err, c.want) || !errors.Is(err, api.ErrInvalidArg) {
				t.Errorf("got %v, want %v", err, c.want)
			}
			if err := <-errs; err != nil {
				t.Error(err)
			}
			for range 3 {
				if err := <-errs; !errors.Is(err, micro.ErrAlreadyResponded) {
					t.Errorf("responded twice: %v", err)
				}
			}
			if got := m.Header.Get(micro.ErrorHeader); got != "first second" || len(m.Header.Get(micro.ErrorCodeHeader)) != 64 || string(m.Data) != "data" {
				t.Errorf("%v %s", m.Header, m.Data)
			}
		})
	}
}
