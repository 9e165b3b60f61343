package api

import (
	"encoding/base64"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"testing"

	"github.com/nats-io/nkeys"
)

// FuzzServers reads lists of addresses. What is accepted has a scheme that is known, a
// host and a port, is read again as it is printed, and shows no secret; what is not is a
// *URLError that quotes no credentials.
func FuzzServers(f *testing.F) {
	for _, list := range []string{"", ",", "nats://a:4222", "a,b:1, tls://c", "ws://a,wss://b:8443/path?x=y", "nats://user:pass@host", "token@host:5",
		"nats://[::1]:4222", "[::1]", "::1", "http://a", "nats://", "nats://:1", "nats://a:99999", "nats://a:b", "nats://a:", "nats://%zz",
		"nats://u:p@h:1@x", "nats://h/?a=b#c", "nats://\xff\xfe@h", "a b", "nats://a\nb", "tcp://h:0", "NATS://H", "nats://h%25eth0:1"} {
		f.Add(list)
	}
	f.Fuzz(func(t *testing.T, list string) {
		names := splitServers(list)
		all, err := parseServers(names, nil, false)
		if err != nil {
			var bad *URLError
			if !errors.As(err, &bad) || bad.Position < 1 || bad.Position > len(names) || !errors.Is(err, ErrInvalidURL) && !errors.Is(err, ErrMixingWebsocketSchemes) {
				t.Fatalf("%q: %v", list, err)
			}
			return
		}
		if len(all) != len(names) {
			t.Fatalf("%q: %d addresses of %d", list, len(all), len(names))
		}
		for _, u := range all {
			port, err := strconv.ParseUint(u.Port(), 10, 16)
			if err != nil || port > 65535 || u.Hostname() == "" || isWebSocket(u) != isWebSocket(all[0]) {
				t.Fatalf("%q is %v", list, u)
			}
			again, reason := parseServer(u.String(), "other")
			if reason != "" || again.Host != u.Host || again.Scheme != u.Scheme {
				t.Fatalf("%q is printed as %q, and that is %v (%s)", list, u, again, reason)
			}
			shown, err := url.Parse(redactedURL(u))
			if err != nil {
				t.Fatalf("%q is shown as %q: %v", list, redactedURL(u), err)
			}
			if password, ok := u.User.Password(); ok {
				if masked, _ := shown.User.Password(); masked != mask {
					t.Fatalf("the password %q is shown as %q", password, masked)
				}
			} else if u.User != nil && shown.User.Username() != mask {
				t.Fatalf("the token %q is shown as %q", u.User.Username(), shown.User.Username())
			}
		}
	})
}

// fuzzSeed and fuzzJWT are credentials of a user that is nobody's.
func fuzzSeed(f *testing.F) (seed, jwt string) {
	key, err := nkeys.FromRawSeed(nkeys.PrefixByteUser, []byte(strings.Repeat("k", 32)))
	if err != nil {
		f.Fatal(err)
	}
	public, err := key.PublicKey()
	if err != nil {
		f.Fatal(err)
	}
	raw, err := key.Seed()
	if err != nil {
		f.Fatal(err)
	}
	part := func(s string) string { return base64.RawURLEncoding.EncodeToString([]byte(s)) }
	claims := `{"sub":"` + public + `","exp":4102444800,"nats":{"bearer_token":true}}`
	return string(raw), part(`{"typ":"JWT","alg":"ed25519-nkey"}`) + "." + part(claims) + "." + part(strings.Repeat("s", signatureBytes))
}

// FuzzCredentials reads files of credentials, decorated or not. What is accepted is a
// JWT of a user, or a key that signs; what is not is a *UserCredentialsError, and it
// quotes nothing of the file.
func FuzzCredentials(f *testing.F) {
	seed, jwt := fuzzSeed(f)
	decorated := "-----BEGIN NATS USER JWT-----\n" + jwt + "\n------END NATS USER JWT------\n\n" +
		"-----BEGIN USER NKEY SEED-----\n" + seed + "\n------END USER NKEY SEED------\n"
	for _, content := range []string{"", "\n", seed, jwt, seed + "\r\n", decorated, strings.ReplaceAll(decorated, "\n", "\r\n"), decorated[:len(decorated)/2],
		decorated[len(decorated)/2:], strings.ToLower(seed), seed[:len(seed)-1], jwt[:len(jwt)-1], jwt + ".x", "a.b.c", "..", "-----", "SU",
		"-----BEGIN USER NKEY SEED-----\n", strings.ReplaceAll(jwt, ".", "\n."), "\x00\xff"} {
		f.Add([]byte(content))
	}
	f.Fuzz(func(t *testing.T, content []byte) {
		c := credentials{by: "UserCredentialBytes", inline: content}
		token, claims, err := c.claimed()
		if err == nil {
			if checkJWT(token) != nil || !nkeys.IsValidPublicUserKey(claims.Subject) {
				t.Fatalf("took %q of %+v", token, claims)
			}
		} else {
			discreet(t, content, err)
		}
		if _, err := c.jwt(); err != nil {
			discreet(t, content, err)
		}
		signature, err := c.sign([]byte("nonce"))
		if err != nil {
			discreet(t, content, err)
			return
		}
		public, err := c.publicKey()
		if err != nil {
			t.Fatal(err)
		}
		verifier, err := nkeys.FromPublicKey(public)
		if err != nil || verifier.Verify([]byte("nonce"), signature) != nil {
			t.Fatalf("the signature of %s is not its own: %v", public, err)
		}
	})
}

// discreet checks an error about credentials: its type, and that it holds no line of them.
func discreet(t *testing.T, content []byte, err error) {
	t.Helper()
	var bad *UserCredentialsError
	if !errors.As(err, &bad) || bad.Reason == "" {
		t.Fatalf("%v (%T)", err, err)
	}
	text := err.Error()
	for line := range strings.Lines(string(content)) {
		if line = strings.TrimSpace(line); len(line) > 20 && strings.Contains(text, line) {
			t.Fatalf("%q is quoted in %q", line, text)
		}
	}
}
