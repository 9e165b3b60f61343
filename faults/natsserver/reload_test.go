package natsserver_test

import (
	"crypto/tls"
	"errors"
	"strings"
	"testing"

	"github.com/nats-io/nats-server/v2/server"
	"github.com/nats-io/nats.go"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
)

// reloader is what a server and a process have in common here.
type reloader interface {
	URL() string
	Reload(edit func(*natsserver.Options)) error
	Restart() error
	Kill()
}

func TestReloadWithoutASocket(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{DontListen: true})
	must.Do(t, s.Reload(func(o *natsserver.Options) { o.MaxPayload = 1000 }))
	nc, err := nats.Connect("", nats.InProcessServer(s))
	must.Do(t, err)
	defer nc.Close()
	if nc.MaxPayload() != 1000 {
		t.Errorf("after a reload the limit is %d bytes", nc.MaxPayload())
	}
}

// reloads changes the accounts of a server that has the user ann in account A.
func reloads(t *testing.T, s reloader) {
	t.Helper()
	closed := make(chan struct{})
	ann, err := nats.Connect(s.URL(), nats.UserInfo("ann", "a"), nats.NoReconnect(), nats.ClosedHandler(func(*nats.Conn) { close(closed) }))
	must.Do(t, err)
	defer ann.Close()
	must.Do(t, s.Reload(func(o *natsserver.Options) {
		o.MaxPayload = 1000
		o.Accounts[0].Users = append(o.Accounts[0].Users, natsserver.User{Name: "bob", Password: "b"})
	}))
	bob, err := nats.Connect(s.URL(), nats.UserInfo("bob", "b"))
	must.Do(t, err)
	defer bob.Close()
	if bob.MaxPayload() != 1000 {
		t.Errorf("after a reload the limit is %d bytes", bob.MaxPayload())
	}
	if !ann.IsConnected() {
		t.Error("a reload has sent another user away")
	}
	must.Do(t, s.Reload(func(o *natsserver.Options) { o.Accounts[0].Users = o.Accounts[0].Users[1:] }))
	receive(t, closed, "end of a user that is gone")
	if _, err := nats.Connect(s.URL(), nats.UserInfo("ann", "a")); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("a user that is gone: %v", err)
	}

	var option *natsserver.OptionError
	err = s.Reload(func(o *natsserver.Options) {
		o.Accounts[0].Users[0].Password = "changed"
		o.StoreDir = "elsewhere"
	})
	if !errors.As(err, &option) || option.Option != "StoreDir" {
		t.Errorf("a reload of what is fixed: %v", err)
	}
	if err = s.Reload(func(o *natsserver.Options) { o.Name = "other" }); err == nil || !strings.Contains(err.Error(), "ServerName") {
		t.Errorf("a reload of what the server cannot change: %v", err)
	}
	err = s.Reload(func(o *natsserver.Options) { o.Accounts = append(o.Accounts, natsserver.Account{}) })
	if err == nil || !strings.Contains(err.Error(), "an account has no name") {
		t.Errorf("a reload of what is wrong: %v", err)
	}
	// All of this also holds after a restart; a server that is down applies it when it
	// starts.
	s.Kill()
	must.Do(t, s.Reload(func(o *natsserver.Options) { o.MaxPayload = 500 }))
	must.Do(t, s.Restart())
	bob2, err := nats.Connect(s.URL(), nats.UserInfo("bob", "b"))
	must.Do(t, err)
	defer bob2.Close()
	if bob2.MaxPayload() != 500 {
		t.Errorf("after a restart the limit is %d bytes", bob2.MaxPayload())
	}
}

func oneAccount() natsserver.Options {
	return natsserver.Options{Accounts: []natsserver.Account{{Name: "A", Users: []natsserver.User{{Name: "ann", Password: "a"}}}}}
}

func TestOptionsAreReloaded(t *testing.T) {
	s := natsserver.Run(t, oneAccount())
	reloads(t, s)
	s.Shutdown()
	if err := s.Reload(func(*natsserver.Options) {}); !errors.Is(err, natsserver.ErrShutdown) {
		t.Errorf("a reload after shutdown: %v", err)
	}
}

func TestWhatTheFirstStartFixesIsNotReloaded(t *testing.T) {
	operator, err := natsserver.NewOperator()
	must.Do(t, err)
	s := natsserver.Run(t, natsserver.Options{})
	for want, edit := range map[string]func(o *natsserver.Options){
		"DontListen":   func(o *natsserver.Options) { o.DontListen = true },
		"JetStream":    func(o *natsserver.Options) { o.JetStream = true },
		"WebSocket":    func(o *natsserver.Options) { o.WebSocket = true },
		"Operator":     func(o *natsserver.Options) { o.Operator = operator },
		"TLS":          func(o *natsserver.Options) { o.TLS = new(tls.Config) },
		"WebSocketTLS": func(o *natsserver.Options) { o.WebSocketTLS = new(tls.Config) },
	} {
		var option *natsserver.OptionError
		if err := s.Reload(edit); !errors.As(err, &option) || option.Option != want {
			t.Errorf("a reload of %s: %v", want, err)
		}
	}
}

func TestAReloadKeepsTheLog(t *testing.T) {
	lines := make(chan string, 100)
	s := natsserver.Run(t, natsserver.Options{Log: func(_, line string) { lines <- line }})
	must.Do(t, s.Reload(func(o *natsserver.Options) { o.Config = "debug: true" }))
	client(t, s)
	for line := receive(t, lines, "line about a client"); !strings.Contains(line, "Client connection created"); {
		line = receive(t, lines, "line about a client")
	}
}

func TestTheLanguageOfTheServerIsUnderstood(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{MaxPayload: 10, Config: "max_payload: 2000\nauthorization { user: ann, password: a }",
		Edit: func(so *server.Options) { so.MaxConn = 7 }})
	nc := client(t, s, nats.UserInfo("ann", "a"))
	if nc.MaxPayload() != 2000 {
		t.Errorf("the limit is %d bytes", nc.MaxPayload())
	}
	for config, want := range map[string]string{"max_payload: {": "map", "no_such_option: 1": "no_such_option"} {
		if _, err := natsserver.Start(natsserver.Options{Config: config}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("a start with %q: %v", config, err)
		}
	}
}
