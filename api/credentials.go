package api

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/nats-io/nkeys"

	"github.com/troupe-go/troupe/internal/kind"
)

// ErrInvalidUserCredentials: a user's JWT or seed cannot be used.
var ErrInvalidUserCredentials error = kind.New("troupe: invalid user credentials").In(kind.Authorization)

// UserCredentialsError says which credentials cannot be used, and why. It never
// quotes them.
type UserCredentialsError struct {
	Option string // that they were given by
	Source string // path as it was given, or "inline"
	Reason string // unreadable, no JWT, no seed, bad seed, not a user key, not the JWT's, expired
	Err    error  // of the file system or of package nkeys; nil if there is no more to tell
}

// Error names option, source and reason.
func (e *UserCredentialsError) Error() string {
	text := fmt.Sprintf("%v: option %s: %s: %s", ErrInvalidUserCredentials, e.Option, e.Source, e.Reason)
	if e.Err != nil {
		text += ": " + e.Err.Error()
	}
	return text
}

// Unwrap returns ErrInvalidUserCredentials and the cause.
func (e *UserCredentialsError) Unwrap() []error { return []error{ErrInvalidUserCredentials, e.Err} }

// credentials is where a JWT or a seed comes from: a file that is read each time,
// or bytes.
type credentials struct {
	by     string // the option
	file   bool
	path   string // as it was given; empty unless file
	inline []byte // never changed
}

func (c credentials) bad(reason string, err error) error {
	source := "inline"
	if c.file {
		source = c.path
	}
	return &UserCredentialsError{Option: c.by, Source: source, Reason: reason, Err: err}
}

// read returns the content with line ends as package nkeys wants them. The caller
// has to wipe it.
func (c credentials) read() ([]byte, error) {
	content := bytes.Clone(c.inline)
	if c.file {
		path, err := expandPath(c.path)
		if err != nil {
			return nil, c.bad("unreadable", err)
		}
		if content, err = os.ReadFile(path); err != nil {
			return nil, c.bad("unreadable", err)
		}
	}
	defer clear(content)
	lines := make([]byte, 0, len(content)+1)
	for _, b := range content {
		if b != '\r' {
			lines = append(lines, b)
		}
	}
	return append(lines, '\n'), nil
}

// jwt returns the JWT, for one attempt: it must not have expired by our clock.
// A server would refuse it twice, and then the connection would be given up; so
// the attempts go on until it has been renewed.
func (c credentials) jwt() (string, error) {
	token, claims, err := c.claimed()
	if err != nil {
		return "", err
	}
	// As seconds: the last of 64 bits are no time.Time.
	if end := claims.Expires; end > 0 && time.Now().Unix() >= end {
		return "", c.bad("expired", fmt.Errorf("%w at %s", errExpired, time.Unix(end, 0).UTC().Format(time.RFC3339)))
	}
	return token, nil
}

// userClaims is what we need of a user's JWT.
type userClaims struct {
	Subject string `json:"sub"` // public key
	Expires int64  `json:"exp"` // seconds since 1970, 0 for never
	NATS    struct {
		Bearer bool `json:"bearer_token"` // it needs no signature
	} `json:"nats"`
}

// claimed returns the JWT and what it says. It is expired, maybe.
func (c credentials) claimed() (token string, claims userClaims, err error) {
	content, err := c.read()
	if err != nil {
		return "", claims, err
	}
	defer clear(content)
	token, err = nkeys.ParseDecoratedJWT(content)
	if err != nil {
		return "", claims, c.bad("no JWT", err)
	}
	token = strings.TrimSpace(token)
	if checkJWT(token) != nil {
		return "", claims, c.bad("no JWT", nil)
	}
	parts := strings.Split(token, ".")
	body, _ := base64.RawURLEncoding.DecodeString(parts[1])
	signature, _ := base64.RawURLEncoding.DecodeString(parts[2])
	if json.Unmarshal(body, &claims) != nil || len(signature) != signatureBytes {
		return "", claims, c.bad("no JWT", nil)
	}
	if !nkeys.IsValidPublicUserKey(claims.Subject) {
		return "", claims, c.bad("not a user key", nil)
	}
	return token, claims, nil
}

// signatureBytes is the length of every signature by a key of package nkeys.
const signatureBytes = 64

// What is wrong with a JWT.
var (
	errNotJWT  error = kind.New("it returned what is no JWT", ErrCallbackFailed)
	errExpired error = kind.New("its time was up", ErrInvalidUserCredentials)
)

// checkJWT refuses what does not look like a JWT: three parts in base64.
func checkJWT(token string) error {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return errNotJWT
	}
	for _, part := range parts {
		if _, err := base64.RawURLEncoding.DecodeString(part); err != nil || part == "" || strings.ContainsAny(part, "\r\n") {
			return errNotJWT
		}
	}
	return nil
}

// key returns the user's key. The caller has to wipe it.
func (c credentials) key() (nkeys.KeyPair, error) {
	content, err := c.read()
	if err != nil {
		return nil, err
	}
	defer clear(content)
	key, err := nkeys.ParseDecoratedNKey(content)
	if errors.Is(err, nkeys.ErrNoSeedFound) {
		if otherSeed(content) {
			return nil, c.bad("not a user key", nkeys.ErrInvalidUserSeed)
		}
		return nil, c.bad("no seed", err)
	}
	if err != nil {
		return nil, c.bad("bad seed", err)
	}
	public, err := key.PublicKey()
	if err == nil && !nkeys.IsValidPublicUserKey(public) {
		err = nkeys.ErrInvalidUserSeed
	}
	if err != nil {
		key.Wipe()
		return nil, c.bad("not a user key", err)
	}
	return key, nil
}

// otherSeed reports whether content holds a seed that package nkeys does not look for
// where users keep theirs: a server's, a cluster's, one for encryption.
func otherSeed(content []byte) bool {
	for line := range bytes.Lines(content) {
		if _, raw, err := nkeys.DecodeSeed(bytes.TrimSpace(line)); err == nil {
			clear(raw)
			return true
		}
	}
	return false
}

// publicKey returns the public half of the user's key.
func (c credentials) publicKey() (string, error) {
	key, err := c.key()
	if err != nil {
		return "", err
	}
	defer key.Wipe()
	public, err := key.PublicKey()
	if err != nil {
		return "", c.bad("bad seed", err)
	}
	return public, nil
}

// sign signs a server's nonce.
func (c credentials) sign(nonce []byte) ([]byte, error) {
	key, err := c.key()
	if err != nil {
		return nil, err
	}
	defer key.Wipe()
	return key.Sign(nonce)
}

// expandPath replaces environment variables, and a tilde for the home directory.
func expandPath(path string) (string, error) {
	path = os.ExpandEnv(path)
	rest, ok := strings.CutPrefix(path, "~")
	if !ok || rest != "" && !os.IsPathSeparator(rest[0]) {
		return path, nil
	}
	home, err := os.UserHomeDir()
	if err != nil {
		return "", err
	}
	return filepath.Join(home, rest), nil
}
