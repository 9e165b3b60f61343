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
	Option string // the option that set them
	Source string // the path as given, or "inline"
	Reason string // unreadable, no JWT, no seed, bad seed, not a user key, not the JWT's, expired
	Err    error  // of the file system or of package nkeys; may be nil
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

// credentials is the source of a JWT or a seed: a file that is read each time, or
// bytes.
type credentials struct {
	by     string // the option
	file   bool
	path   string // as given; empty unless file
	inline []byte // never changed
}

func (c credentials) bad(reason string, err error) error {
	source := "inline"
	if c.file {
		source = c.path
	}
	return &UserCredentialsError{Option: c.by, Source: source, Reason: reason, Err: err}
}

// read returns the content with the line ends that package nkeys needs. The caller
// must wipe it.
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

// jwt returns the JWT for one attempt. If it has expired by our clock, the attempt fails
// here: after two refusals by the server the connection would be given up, whereas
// these failures let the attempts continue until the JWT is renewed.
func (c credentials) jwt() (string, error) {
	token, claims, err := c.claimed()
	if err != nil {
		return "", err
	}
	// Compared in seconds: time.Time cannot represent every 64-bit value.
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

// claimed returns the JWT and its claims. It may have expired.
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

// signatureBytes is the length of a signature by any key of package nkeys.
const signatureBytes = 64

// What is wrong with a JWT.
var (
	errNotJWT  error = kind.New("it did not return a JWT", ErrCallbackFailed)
	errExpired error = kind.New("it expired", ErrInvalidUserCredentials)
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

// key returns the user's key. The caller must wipe it.
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

// otherSeed reports whether content holds a seed that is not a user's: that of a server
// or a cluster, or one for encryption. Package nkeys does not find those.
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
