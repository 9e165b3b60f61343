package jetstream_test

import (
	"errors"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
)

func TestMain(m *testing.M) {
	natsserver.Child()
	clock := goleak.IgnoreAnyFunction(natsserver.StoreClock)
	goleak.VerifyTestMain(must.Settled(m, func() error { return goleak.Find(clock) }), clock)
}

// connect returns a connection to the server that ends with the test.
func connect(t testing.TB, s *natsserver.Server, options ...api.Option) *api.Conn {
	t.Helper()
	nc := must.Get(api.Connect(s.URL(), options...))(t)
	t.Cleanup(nc.Close)
	return nc
}

func TestNewTakesItsOptions(t *testing.T) {
	nc := connect(t, natsserver.Run(t, natsserver.Options{}))
	js := must.Get(jetstream.NewWithDomain(nc, "hub", jetstream.WithDefaultTimeout(time.Second)))(t)
	if o := js.Options(); o.Domain != "hub" || o.DefaultTimeout != time.Second {
		t.Errorf("options are %+v", o)
	}
	if js.Conn() != nc {
		t.Error("the connection is another one")
	}
	if o := must.Get(jetstream.New(nc))(t).Options(); o.DefaultTimeout != 5*time.Second {
		t.Errorf("default timeout is %v", o.DefaultTimeout)
	}
}

func TestNewRefusesBadInput(t *testing.T) {
	nc := connect(t, natsserver.Run(t, natsserver.Options{}))
	refused := func(what string, _ jetstream.JetStream, err error) {
		t.Helper()
		if !errors.Is(err, jetstream.ErrInvalidOption) {
			t.Errorf("%s gave %v", what, err)
		}
	}
	for _, bad := range []string{"", ".", "a b", "a.*", ">", "a..b", ".a"} {
		js, err := jetstream.NewWithAPIPrefix(nc, bad)
		refused("prefix "+bad, js, err)
		js, err = jetstream.NewWithDomain(nc, bad)
		refused("domain "+bad, js, err)
	}
	js, err := jetstream.NewWithDomain(nc, "a.b")
	refused("a domain with a dot", js, err)
	js, err = jetstream.New(nc, jetstream.WithDefaultTimeout(0))
	refused("no timeout", js, err)
	js, err = jetstream.New(nc, jetstream.WithClientTrace(nil))
	refused("no trace", js, err)
	if _, err := jetstream.New(nil); !errors.Is(err, api.ErrInvalidConnection) {
		t.Errorf("no connection gave %v", err)
	}
}
