package micro_test

import (
	"errors"
	"testing"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/micro"
)

// TestErrorsAreTheirOwners: a service gets the errors of its own subscriptions only, whatever
// the subjects; the connection's handler gets all of them.
func TestErrorsAreTheirOwners(t *testing.T) {
	connection := make(chan error, 100)
	nc := connected(t, api.ErrorHandler(func(_ *api.Conn, _ *api.Subscription, err error) { connection <- err }))
	told := map[string]chan *micro.NATSError{"a": make(chan *micro.NATSError, 100), "b": make(chan *micro.NATSError, 100)}
	gate := make(chan struct{})
	stuck := micro.HandlerFunc(func(micro.Request) { <-gate })
	for name, errs := range told {
		svc := added(t, nc, micro.Config{Name: name, ErrorHandler: func(_ micro.Service, err *micro.NATSError) { errs <- err }})
		must.Do(t, svc.AddEndpoint("slow", stuck, micro.WithEndpointSubject(name+".slow"), micro.WithEndpointPendingLimits(1, -1)))
	}
	for _, subject := range []string{"a.slow", "*.slow", "$SRV.PING"} { // the user's own
		must.Get(nc.Subscribe(subject, func(*api.Msg) { <-gate }, api.PendingLimits(1, -1)))(t)
	}
	for range 3 {
		must.Do(t, nc.Publish("a.slow", nil))
		must.Do(t, nc.Publish("$SRV.PING", nil))
	}
	must.Do(t, nc.Flush())
	for range 4 { // a's endpoint, and three of the user's
		if err := <-connection; !errors.Is(err, api.ErrSlowConsumer) {
			t.Errorf("the connection is told %v", err)
		}
	}
	err := <-told["a"]
	if !errors.Is(err, api.ErrSlowConsumer) || err.Subject != "a.slow" || err.Description == "" || err.Error() != `"a.slow": `+err.Description {
		t.Errorf("told %v", err)
	}
	if other := (&micro.NATSError{Subject: err.Subject, Description: err.Description}); !errors.Is(err, other) || errors.Is(err, &micro.NATSError{}) {
		t.Error("not equal to one like it")
	}
	close(gate)
	must.Do(t, nc.Flush())
	must.Do(t, nc.Barrier(func() {}))
	if len(told["a"]) != 0 || len(told["b"]) != 0 {
		t.Errorf("told %d and %d more", len(told["a"]), len(told["b"]))
	}
}

// TestRefusedSubscriptions: an endpoint that the server does not let us have is Down, and
// its service is told.
func TestRefusedSubscriptions(t *testing.T) {
	user := natsserver.User{Name: "u", Password: "p", Subscribe: natsserver.Permission{Deny: []string{"secret", "$SRV.INFO.Test"}}}
	s := natsserver.Run(t, natsserver.Options{Accounts: []natsserver.Account{{Name: "A", Users: []natsserver.User{user}}}})
	nc := connectTo(t, s.URL(), api.UserInfo("u", "p"))
	told := make(chan *micro.NATSError, 10)
	svc := added(t, nc, micro.Config{ErrorHandler: func(_ micro.Service, err *micro.NATSError) { told <- err }})
	must.Do(t, svc.AddEndpoint("secret", echo))
	want := map[string]bool{"secret": true, "$SRV.INFO.Test": true}
	for range 2 {
		err := <-told
		if !want[err.Subject] || !errors.Is(err, api.ErrPermissionViolation) {
			t.Errorf("told %v", err)
		}
		delete(want, err.Subject)
	}
	if nc.Health() == nil {
		t.Error("the connection is well")
	}
	if ask(t, nc, "$SRV.PING.Test", "") == nil {
		t.Error("the others are not answered")
	}
}
