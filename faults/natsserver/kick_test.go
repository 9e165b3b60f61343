package natsserver_test

import (
	"errors"
	"io"
	"slices"
	"testing"

	"github.com/nats-io/nats.go"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
)

// kicker is what a server and a process have in common here.
type kicker interface {
	URL() string
	Kick(name string) (int, error)
	KickID(id uint64) error
	KickAll() (int, error)
}

// once connects a client that does not reconnect, and returns a channel for its end.
func once(t *testing.T, url, name string) (*nats.Conn, <-chan struct{}) {
	t.Helper()
	end := make(chan struct{})
	nc, err := nats.Connect(url, nats.Name(name), nats.NoReconnect(), nats.ClosedHandler(func(*nats.Conn) { close(end) }))
	must.Do(t, err)
	t.Cleanup(nc.Close)
	return nc, end
}

// kicks kicks clients by name, by id, and all.
func kicks(t *testing.T, s kicker) {
	t.Helper()
	ann, annEnd := once(t, s.URL(), "ann")
	_, annsEnd := once(t, s.URL(), "ann")
	bob, bobEnd := once(t, s.URL(), "bob")
	_, eveEnd := once(t, s.URL(), "eve")
	if n, err := s.Kick("ann"); n != 2 || err != nil {
		t.Errorf("%d clients kicked: %v", n, err)
	}
	receive(t, annEnd, "end of the first ann")
	receive(t, annsEnd, "end of the second ann")
	if err := ann.LastError(); !errors.Is(err, io.EOF) {
		t.Errorf("the kick said %v", err)
	}
	id, err := bob.GetClientID()
	must.Do(t, err)
	must.Do(t, s.KickID(id))
	receive(t, bobEnd, "end of bob")

	var unknown *natsserver.UnknownClientError
	_, err = s.Kick("ann")
	if !errors.As(err, &unknown) || unknown.Name != "ann" || !slices.Contains(unknown.Known, "eve") {
		t.Errorf("a kick of who is gone: %v", err)
	}
	if err = s.KickID(id); !errors.As(err, &unknown) || unknown.ID != id {
		t.Errorf("a kick of who is gone: %v", err)
	}
	if n, err := s.KickAll(); n != 1 || err != nil {
		t.Errorf("%d clients kicked: %v", n, err)
	}
	receive(t, eveEnd, "end of eve")
}

func TestClientsAreKicked(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{})
	kicks(t, s)
	s.Kill()
	if _, err := s.KickAll(); !errors.Is(err, natsserver.ErrDown) {
		t.Errorf("a kick while down: %v", err)
	}
}

func TestAnUnknownClientIsNamed(t *testing.T) {
	for want, err := range map[string]error{
		`natsserver: no client with name "ann"; connected are [bob, eve]`: &natsserver.UnknownClientError{Name: "ann", Known: []string{"bob", "eve"}},
		`natsserver: no client with id 7; connected are []`:               &natsserver.UnknownClientError{ID: 7},
	} {
		if err.Error() != want {
			t.Errorf("%q, want %q", err, want)
		}
	}
}
