package objectstore

import (
	"crypto/sha256"
	"encoding/base64"
	"hash"
	"strings"
)

// digestPrefix is what a digest begins with: its algorithm.
const digestPrefix = "SHA-256="

// GetObjectDigestValue returns the Info.Digest for the bytes that were written to a SHA-256
// hash.
func GetObjectDigestValue(data hash.Hash) string {
	return digestPrefix + base64.URLEncoding.EncodeToString(data.Sum(nil))
}

// DecodeObjectDigest returns the bytes of an Info.Digest. It returns ErrInvalidDigestFormat
// unless data names an algorithm, and the rest is base64 in the URL alphabet.
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

// digestError is the error for a digest that is not base64.
type digestError struct{ err error }

// Error quotes what is wrong.
func (e *digestError) Error() string { return ErrInvalidDigestFormat.Error() + ": " + e.err.Error() }

// Unwrap returns ErrInvalidDigestFormat, and what is wrong.
func (e *digestError) Unwrap() []error { return []error{ErrInvalidDigestFormat, e.err} }
