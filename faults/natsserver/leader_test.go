package natsserver_test

import (
	"context"
	"errors"
	"testing"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
)

// stepsDown makes the leader of a group step down, twice.
func stepsDown(t *testing.T, c *natsserver.Cluster, g natsserver.Group) {
	t.Helper()
	for range 2 {
		old, err := c.Leader(t.Context(), g)
		must.Do(t, err)
		leader, err := c.StepDown(t.Context(), g)
		if err != nil {
			t.Fatalf("step-down of %v: %v", g, err)
		}
		if now, err := c.Leader(t.Context(), g); leader == old || now != leader || err != nil {
			t.Errorf("the %v was led by %s, is said to be by %s, and is by %s: %v", g, old.URL(), leader.URL(), now.URL(), err)
		}
	}
}

// keep creates a stream with the consumer BILLING.
func keep(t *testing.T, nc *nats.Conn, stream string, replicas int) {
	t.Helper()
	js, err := jetstream.New(nc)
	must.Do(t, err)
	ctx := must.Within(t, wait) // an election may come between
	s, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: stream, Subjects: []string{stream + ".>"}, Replicas: replicas})
	must.Do(t, err)
	_, err = s.CreateConsumer(ctx, jetstream.ConsumerConfig{Durable: "BILLING"})
	must.Do(t, err)
}

func TestLeadersStepDown(t *testing.T) {
	c := natsserver.RunCluster(t, 3, natsserver.Options{JetStream: true})
	if v, err := c.Members()[0].Server().Varz(nil); err != nil || v.AuthTimeout < 60 {
		t.Errorf("where nobody needs credentials, a client has %v s for them, %v", v.AuthTimeout, err)
	}
	nc := client(t, c.Members()[0])
	keep(t, nc, "ORDERS", 3)
	keep(t, nc, "ALONE", 1)
	consumer := natsserver.Group{Stream: "ORDERS", Consumer: "BILLING"}
	stepsDown(t, c, natsserver.Group{})
	stepsDown(t, c, natsserver.Group{Stream: "ORDERS"})
	stepsDown(t, c, consumer)

	for _, g := range []natsserver.Group{{Stream: "NONE"}, {Stream: "ORDERS", Consumer: "NONE"}, {Account: "NONE", Stream: "ORDERS"}} {
		var unknown *natsserver.UnknownGroupError
		if _, err := c.StepDown(t.Context(), g); !errors.As(err, &unknown) || unknown.Group != g {
			t.Errorf("step-down of %v: %v", g, err)
		}
	}
	var election *natsserver.NoElectionError
	if _, err := c.StepDown(t.Context(), natsserver.Group{Stream: "ALONE"}); !errors.As(err, &election) || election.Replicas != 1 {
		t.Errorf("step-down of one that is alone: %v", err)
	}
	// Without a majority no leader is elected.
	leader, err := c.Leader(t.Context(), consumer)
	must.Do(t, err)
	for _, m := range c.Members() {
		if m != leader {
			m.Kill()
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var none *natsserver.NoLeaderError
	if _, err := c.StepDown(ctx, consumer); !errors.As(err, &none) || !errors.Is(err, context.Canceled) {
		t.Errorf("a step-down without a majority: %v", err)
	}
}

func TestTheMetaLeaderStepsDownWhoeverMayConnect(t *testing.T) {
	account, signedOpts := signed(t)
	must.Do(t, account.Edit(func(c *jwt.AccountClaims) {
		c.Limits.JetStreamLimits = jwt.JetStreamLimits{MemoryStorage: -1, DiskStorage: -1, Streams: -1, Consumer: -1}
	}))
	_, file := issued(t, account)
	cases := map[string]struct {
		opts natsserver.Options
		user nats.Option
	}{
		"user":     {natsserver.Options{User: "ann", Password: "a"}, nats.UserInfo("ann", "a")},
		"token":    {natsserver.Options{Token: "secret"}, nats.Token("secret")},
		"accounts": {oneAccount(), nats.UserInfo("ann", "a")},
		"operator": {signedOpts, nats.UserCredentials(file)},
		"system account of its own": {natsserver.Options{Config: `accounts: {ROOT: {users: [{user: root, password: r}]}, A: {jetstream: enabled,
			users: [{user: ann, password: a}]}}, system_account: ROOT`}, nats.UserInfo("root", "r")},
	}
	for name, row := range cases {
		t.Run(name, func(t *testing.T) {
			row.opts.JetStream = true
			c := natsserver.RunCluster(t, 3, row.opts)
			for _, m := range c.Members() {
				client(t, m, row.user)
				if _, err := nats.Connect(m.URL()); !errors.Is(err, nats.ErrAuthorization) {
					t.Errorf("without credentials: %v", err)
				}
			}
			stepsDown(t, c, natsserver.Group{})
		})
	}
}

func TestALeaderOfNothing(t *testing.T) {
	c := natsserver.RunCluster(t, 2, natsserver.Options{})
	var unknown *natsserver.UnknownGroupError
	if _, err := c.Leader(t.Context(), natsserver.Group{}); !errors.As(err, &unknown) {
		t.Errorf("the leader of a cluster without JetStream: %v", err)
	}
}

func TestAStepDownThatCannotBeAskedForSaysWhy(t *testing.T) {
	c := natsserver.RunCluster(t, 2, natsserver.Options{JetStream: true, Edit: func(so *server.Options) { so.CustomClientAuthentication = nobody{} }})
	var option *natsserver.OptionError
	if _, err := c.StepDown(t.Context(), natsserver.Group{}); !errors.As(err, &option) {
		t.Errorf("a step-down where nobody may connect: %v", err)
	}
}

// nobody lets nobody in.
type nobody struct{}

func (nobody) Check(server.ClientAuthentication) bool { return false }

func TestGroupsAreNamed(t *testing.T) {
	for want, err := range map[string]error{
		"natsserver: the cluster has no meta group":                                &natsserver.UnknownGroupError{},
		"natsserver: the cluster has no stream S in account A":                     &natsserver.UnknownGroupError{Group: natsserver.Group{Account: "A", Stream: "S"}},
		"natsserver: consumer C of stream S has 1 replicas: no other one can lead": &natsserver.NoElectionError{Group: natsserver.Group{Stream: "S", Consumer: "C"}, Replicas: 1},
		"natsserver: no leader of stream S: context canceled":                      &natsserver.NoLeaderError{Group: natsserver.Group{Stream: "S"}, Cause: context.Canceled},
	} {
		if err.Error() != want {
			t.Errorf("%q, want %q", err, want)
		}
	}
}
