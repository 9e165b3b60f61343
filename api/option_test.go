package api_test

import (
	"errors"
	"strings"
	"testing"

	"github.com/troupe-go/troupe/api"
)

// TestOptionsThatContradictAreRefused in any order, by name, before anything is dialed.
func TestOptionsThatContradictAreRefused(t *testing.T) {
	for name, c := range map[string]struct {
		options []api.Option
		named   string
	}{
		"a limit":        {[]api.Option{api.NeverGiveUp(), api.MaxReconnects(3)}, "NeverGiveUp"},
		"a limit before": {[]api.Option{api.MaxReconnects(0), api.NeverGiveUp()}, "NeverGiveUp"},
		"no reconnect":   {[]api.Option{api.NeverGiveUp(), api.NoReconnect()}, "NeverGiveUp"},
		"none before":    {[]api.Option{api.NoReconnect(), api.NeverGiveUp()}, "NeverGiveUp"},
		"blank in it":    {[]api.Option{api.TLSServerName("a b")}, "TLSServerName"},
		"not ASCII":      {[]api.Option{api.TLSServerName("bücher.example")}, "TLSServerName"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := api.Connect("nats://127.0.0.1:1", c.options...)
			refusedOption(t, err, c.named)
		})
	}
	_, nc := both(t, api.NeverGiveUp(), api.MaxReconnects(-1))
	if o := nc.Opts; o.MaxReconnect != -1 || !o.IgnoreAuthErrorAbort || !o.AllowReconnect {
		t.Errorf("options %v", o)
	}
}

// refusedOption checks that err is an InvalidArgError about the option of that name.
func refusedOption(t *testing.T, err error, name string) {
	t.Helper()
	kinds(t, err, api.ErrInvalidArg)
	var bad *api.InvalidArgError
	if !errors.As(err, &bad) || !strings.Contains(bad.What, name) {
		t.Errorf("error %v does not name %s", err, name)
	}
}
