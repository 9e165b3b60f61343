package api_test

import (
	"bytes"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/nats-io/jwt/v2"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
)

func TestCredentialFiles(t *testing.T) {
	op := newOperator(t)
	s := natsserver.Run(t, op.options())
	u := op.user(0)
	dir := t.TempDir()
	t.Setenv("HOME", dir)
	t.Setenv("CREDS_DIR", dir)
	write := func(name string, content []byte) string {
		path := filepath.Join(dir, name)
		must.Do(t, os.WriteFile(path, content, 0o600))
		return path
	}
	chained := write("user.creds", u.file(t))
	token, seed := write("user.jwt", []byte(u.jwt)), write("user.nk", []byte(u.seed))
	windows := write("windows.creds", bytes.ReplaceAll(u.file(t), []byte("\n"), []byte("\r\n")))
	lines := write("lines.nk", []byte("\r\n"+u.seed+"\r\n"))
	begun, _, _ := bytes.Cut(u.file(t), []byte(u.seed))
	open := write("open.creds", append(begun, u.seed...))
	for name, option := range map[string]api.Option{
		"one file":             api.UserCredentials(chained),
		"two files":            api.UserCredentials(token, seed),
		"tilde":                api.UserCredentials("~/user.creds"),
		"tilde, two":           api.UserCredentials("~/user.jwt", "~/user.nk"),
		"environment":          api.UserCredentials("${CREDS_DIR}/user.creds"),
		"line ends of Windows": api.UserCredentials(windows),
		"blank lines":          api.UserCredentials(token, lines),
		"no end of the seed":   api.UserCredentials(open),
		"bytes":                api.UserCredentialBytes(u.file(t)),
		"two times bytes":      api.UserCredentialBytes([]byte(u.jwt), []byte(u.seed)),
		"strings":              api.UserJWTAndSeed(u.jwt, u.seed),
	} {
		t.Run(name, func(t *testing.T) { flushed(t, dial(t, s, option)) })
	}
}

func TestBytesOfCredentialsAreCopied(t *testing.T) {
	op := newOperator(t)
	s := natsserver.Run(t, op.options())
	content := op.user(0).file(t)
	before := bytes.Clone(content)
	option := api.UserCredentialBytes(content)
	clear(content)
	nc := dial(t, s, append(quickly, option)...)
	outage(t, s, nc, func() {})
	flushed(t, nc)
	option = api.UserCredentialBytes(before)
	flushed(t, dial(t, s, option), dial(t, s, option))
}

// hides checks that an error shows no secret.
func hides(t *testing.T, err error, secrets []string) {
	t.Helper()
	for _, secret := range secrets {
		if strings.Contains(err.Error(), secret) {
			t.Errorf("it shows a secret: %v", err)
		}
	}
}

// flipped is another letter of base32.
func flipped(b byte) string {
	if b == 'A' {
		return "B"
	}
	return "A"
}

func TestUnreadableCredentials(t *testing.T) {
	op := newOperator(t)
	token := filepath.Join(t.TempDir(), "user.jwt")
	must.Do(t, os.WriteFile(token, []byte(op.user(0).jwt), 0o600))
	for name, option := range map[string]api.Option{
		"no file":      api.UserCredentials("/does/not/exist"),
		"no seed file": api.UserCredentials(token, "/does/not/exist"),
		"no name":      api.UserCredentials(""),
		"no seed name": api.UserCredentials(token, ""),
		"user's home":  api.UserCredentials("~nobody/user.creds"),
	} {
		_, err := api.Connect("nats://127.0.0.1:1", option)
		kinds(t, err, api.ErrInvalidUserCredentials, fs.ErrNotExist)
		if bad := holds[*api.UserCredentialsError](t, err); bad.Reason != "unreadable" || bad.Option != "UserCredentials" {
			t.Errorf("%s: option %q, reason %q", name, bad.Option, bad.Reason)
		}
	}
	_, err := api.Connect("", api.UserCredentials(t.TempDir()))
	kinds(t, err, api.ErrInvalidUserCredentials)
	t.Setenv("HOME", "")
	_, err = api.Connect("", api.UserCredentials("~/user.creds"))
	kinds(t, err, api.ErrInvalidUserCredentials)
}

// TestTheSeedOfAnotherUserIsRefused before anything is dialed, except with a bearer JWT.
func TestTheSeedOfAnotherUserIsRefused(t *testing.T) {
	op := newOperator(t)
	one, other := op.user(0), op.user(0)
	mixed := filepath.Join(t.TempDir(), "mixed.creds")
	must.Do(t, os.WriteFile(mixed, bytes.Replace(one.file(t), []byte(one.seed), []byte(other.seed), 1), 0o600))
	for name, option := range map[string]api.Option{
		"UserCredentials":     api.UserCredentials(mixed),
		"UserCredentialBytes": api.UserCredentialBytes([]byte(one.jwt), []byte(other.seed)),
		"UserJWTAndSeed":      api.UserJWTAndSeed(one.jwt, other.seed),
	} {
		_, err := api.Connect("nats://127.0.0.1:1", option)
		kinds(t, err, api.ErrInvalidUserCredentials)
		bad := holds[*api.UserCredentialsError](t, err)
		if bad.Reason != "not the JWT's" || bad.Option != name || !strings.Contains(err.Error(), name) {
			t.Errorf("%s: %v", name, err)
		}
		hides(t, err, []string{one.jwt, other.seed})
	}
	claims := jwt.NewUserClaims(one.public)
	claims.BearerToken = true
	bearer := must.Get(claims.Encode(op.account))(t)
	s := natsserver.Run(t, op.options())
	flushed(t, dial(t, s, api.UserJWTAndSeed(bearer, other.seed)))
}

func TestNkeySeedFiles(t *testing.T) {
	op := newOperator(t)
	u := op.user(0)
	dir := t.TempDir()
	for name, c := range map[string]struct{ content, reason string }{
		"empty":      {"", "no seed"},
		"account's":  {string(must.Get(op.account.Seed())(t)), "not a user key"},
		"operator's": {string(must.Get(op.key.Seed())(t)), "not a user key"},
		"cut off":    {u.seed[:40], "bad seed"},
		"public key": {u.public, "no seed"},
	} {
		path := filepath.Join(dir, "seed")
		must.Do(t, os.WriteFile(path, []byte(c.content), 0o600))
		option, err := api.NkeyOptionFromSeed(path)
		kinds(t, err, api.ErrInvalidUserCredentials)
		if bad := holds[*api.UserCredentialsError](t, err); option != nil || bad.Reason != c.reason || bad.Source != path || bad.Option != "NkeyOptionFromSeed" {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := api.NkeyOptionFromSeed(filepath.Join(dir, "none"))
	kinds(t, err, fs.ErrNotExist, api.ErrInvalidUserCredentials)
}

// TestExpiredCredentialsWaitForNewOnes: an expired file does not end reconnecting, because it
// may be about to be replaced.
func TestExpiredCredentialsWaitForNewOnes(t *testing.T) {
	op := newOperator(t)
	s := natsserver.Run(t, op.options())
	path := op.user(-time.Minute).saved(t)
	_, err := api.Connect(s.URL(), api.UserCredentials(path))
	kinds(t, err, api.ErrInvalidUserCredentials, api.ErrNoServers)
	if bad := holds[*api.UserCredentialsError](t, err); bad.Reason != "expired" || bad.Source != path {
		t.Errorf("%+v", bad)
	}
	failed, up := make(chan error, 1000), make(chan struct{}, 1)
	nc := must.Get(api.Connect(s.URL(), append(quickly, api.UserCredentials(path), api.RetryOnFailedConnect(true),
		api.ReconnectErrHandler(func(_ *api.Conn, err error) { failed <- err }),
		api.ConnectHandler(func(*api.Conn) { up <- struct{}{} }))...))(t)
	defer nc.Close()
	for range 5 {
		kinds(t, await(t, failed, "a failed attempt"), api.ErrInvalidUserCredentials)
	}
	op.user(0).save(t, path)
	await(t, up, "the connection")
	flushed(t, nc)
}
