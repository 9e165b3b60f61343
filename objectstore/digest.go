package objectstore

import (
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"strings"
)

// digestPrefix is what a digest begins with: how it was made.
const digestPrefix = "SHA-256="

// GetObjectDigestValue returns what Info.Digest says of the bytes that went into a SHA-256.
func GetObjectDigestValue(data hash.Hash) string {
	return digestPrefix + base64.URLEncoding.EncodeToString(data.Sum(nil))
}

// DecodeObjectDigest returns the bytes of an Info.Digest. ErrInvalidDigestFormat unless it says
// how it was made, and the rest is base64 for URLs.
func DecodeObjectDigest(data string) ([]byte, error) {
	how, sum, found := strings.Cut(data, "=")
	if !found || how == "" {
		return nil, ErrInvalidDigestFormat
	}
	raw, err := base64.URLEncoding.DecodeString(sum)
	if err != nil {
		return nil, &digestError{err}
	}
	return raw, nil
}

// readDigest is DecodeObjectDigest for a SHA-256.
func readDigest(text string) ([]byte, error) {
	sum, err := DecodeObjectDigest(text)
	if err != nil {
		return nil, err
	}
	if len(sum) != sha256.Size || !strings.HasPrefix(text, digestPrefix) {
		return nil, ErrInvalidDigestFormat
	}
	return sum, nil
}

// digestError is a digest that is no base64.
type digestError struct{ err error }

// Error quotes what is wrong.
func (e *digestError) Error() string { return ErrInvalidDigestFormat.Error() + ": " + e.err.Error() }

// Unwrap returns ErrInvalidDigestFormat, and what is wrong.
func (e *digestError) Unwrap() []error { return []error{ErrInvalidDigestFormat, e.err} }
