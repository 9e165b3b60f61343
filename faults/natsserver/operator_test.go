package natsserver_test

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
)

// operated is what a server and a process have in common here.
type operated interface {
	URL() string
	Kill()
	Restart() error
}

// signed returns an account of a new operator, and the options of a server that trusts it.
func signed(t *testing.T) (*natsserver.SignedAccount, natsserver.Options) {
	t.Helper()
	operator, err := natsserver.NewOperator()
	must.Do(t, err)
	account, err := operator.Account("A")
	must.Do(t, err)
	return account, natsserver.Options{Operator: operator, JetStream: true}
}

// issued creates credentials and a file with them.
func issued(t *testing.T, a *natsserver.SignedAccount, edits ...func(*jwt.UserClaims)) (*natsserver.Credentials, string) {
	t.Helper()
	user, err := a.User("ann", edits...)
	must.Do(t, err)
	path := filepath.Join(t.TempDir(), "ann.creds")
	must.Do(t, user.WriteFile(path))
	return user, path
}

// said returns what a server says to a client before it closes the connection.
func said() (<-chan error, nats.Option) {
	wrong := make(chan error, 10)
	return wrong, nats.ErrorHandler(func(_ *nats.Conn, _ *nats.Subscription, err error) { wrong <- err })
}

// silent keeps nats.go from printing an error that a test expects.
func silent(*nats.Conn, *nats.Subscription, error) {}

// trusts connects users, revokes one, and enables streams for an account.
func trusts(t *testing.T, start func(natsserver.Options) operated) {
	t.Helper()
	account, opts := signed(t)
	s := start(opts)
	ann, annFile := issued(t, account)
	_, bobFile := issued(t, account)
	wrong, note := said()
	first, err := nats.Connect(s.URL(), nats.UserCredentials(annFile), nats.NoReconnect(), note)
	must.Do(t, err)
	defer first.Close()
	bob, err := nats.Connect(s.URL(), nats.UserCredentials(bobFile), nats.NoReconnect())
	must.Do(t, err)
	defer bob.Close()
	if _, err := nats.Connect(s.URL()); !errors.Is(err, nats.ErrAuthorization) {
		t.Errorf("without credentials: %v", err)
	}

	must.Do(t, account.Revoke(ann))
	if err := receive(t, wrong, "word to who is revoked"); !errors.Is(err, nats.ErrAuthRevoked) {
		t.Errorf("the server said %v", err)
	}
	if !bob.IsConnected() {
		t.Error("the revocation of one user has sent another away")
	}
	_, annFile2 := issued(t, account)
	second, err := nats.Connect(s.URL(), nats.UserCredentials(annFile2), nats.NoReconnect())
	must.Do(t, err)
	defer second.Close()

	must.Do(t, account.Edit(func(c *jwt.AccountClaims) {
		c.Limits.JetStreamLimits = jwt.JetStreamLimits{MemoryStorage: -1, DiskStorage: -1, Streams: -1, Consumer: -1}
	}))
	js, err := jetstream.New(second)
	must.Do(t, err)
	_, err = js.CreateStream(t.Context(), jetstream.StreamConfig{Name: "EVENTS", Storage: jetstream.MemoryStorage})
	must.Do(t, err)

	// What changes while the server is down holds when it is back.
	third, thirdFile := issued(t, account)
	s.Kill()
	must.Do(t, account.Revoke(third))
	must.Do(t, s.Restart())
	for _, file := range []string{annFile, thirdFile} {
		if _, err := nats.Connect(s.URL(), nats.UserCredentials(file)); !errors.Is(err, nats.ErrAuthorization) {
			t.Errorf("after a restart, who is revoked gets %v", err)
		}
	}
	again, err := nats.Connect(s.URL(), nats.UserCredentials(bobFile))
	must.Do(t, err)
	again.Close()
}

func TestAServerTrustsAnOperator(t *testing.T) {
	trusts(t, func(opts natsserver.Options) operated { return natsserver.Run(t, opts) })
}

func TestCredentialsExpire(t *testing.T) {
	natsserver.Bubble(t, func(t *testing.T) {
		account, opts := signed(t)
		opts.DontListen, opts.JetStream = true, false
		s := natsserver.Run(t, opts)
		user, err := account.User("ann", natsserver.Expires(time.Hour))
		must.Do(t, err)
		wrong, note := said()
		begin := time.Now()
		nc, err := nats.Connect("", nats.InProcessServer(s), nats.UserJWTAndSeed(user.JWT, user.Seed), nats.NoReconnect(), note)
		must.Do(t, err)
		defer nc.Close()
		err = <-wrong
		if passed := time.Since(begin).Round(time.Minute); !errors.Is(err, nats.ErrAuthExpired) || passed != time.Hour {
			t.Errorf("after %v the server said %v", passed, err)
		}
	})
}

func TestServersShareAnOperator(t *testing.T) {
	account, opts := signed(t)
	one, two := natsserver.Run(t, opts), natsserver.Run(t, opts)
	two.Shutdown()
	user, file := issued(t, account)
	closed := make(chan struct{})
	nc, err := nats.Connect(one.URL(), nats.UserCredentials(file), nats.NoReconnect(), nats.ErrorHandler(silent),
		nats.ClosedHandler(func(*nats.Conn) { close(closed) }))
	must.Do(t, err)
	defer nc.Close()
	must.Do(t, account.Revoke(user))
	receive(t, closed, "end of who is revoked")
}

func TestAnAccountThatIsWrongIsNotSigned(t *testing.T) {
	account, opts := signed(t)
	natsserver.Run(t, opts)
	err := account.Edit(func(c *jwt.AccountClaims) {
		c.Exports.Add(&jwt.Export{Subject: "not a subject", Type: jwt.Stream})
	})
	if err == nil || !strings.Contains(err.Error(), "not a subject") {
		t.Errorf("a wrong export: %v", err)
	}
	must.Do(t, account.Edit(func(c *jwt.AccountClaims) {
		if len(c.Exports) != 0 {
			t.Error("the wrong export is still there")
		}
		if c.Name != "A" || c.Subject != account.PublicKey() {
			t.Errorf("the account is %s %s", c.Name, c.Subject)
		}
	}))
}

func TestCredentialsShowNoSecret(t *testing.T) {
	account, _ := signed(t)
	user, file := issued(t, account)
	text, err := os.ReadFile(file)
	must.Do(t, err)
	if !strings.Contains(string(text), user.Seed) || !strings.Contains(string(text), user.JWT) || string(text) != user.Text() {
		t.Errorf("the file says %q", text)
	}
	info, err := os.Stat(file)
	must.Do(t, err)
	if info.Mode().Perm()&0o077 != 0 {
		t.Errorf("the file has mode %v", info.Mode())
	}
	for _, printed := range []string{fmt.Sprint(user), fmt.Sprintf("%+v", user), fmt.Sprintf("%#v", user)} {
		if strings.Contains(printed, user.Seed) || !strings.Contains(printed, user.PublicKey) {
			t.Errorf("printed as %q", printed)
		}
	}
}
