package kv

import (
	"fmt"

	"github.com/troupe-go/troupe/internal/kind"
)

// Kinds of errors of codecs. They come in a *KeyError with the codec's own error.
var (
	// ErrCodec: everything that goes wrong with codecs.
	ErrCodec error = kind.New("troupe: codec", ErrKeyValue).In(kind.Input)
	// ErrKeyEncodeFailed: the codec cannot encode the key. It is an ErrInvalidKey.
	ErrKeyEncodeFailed error = kind.New("troupe: key cannot be encoded", ErrCodec, ErrInvalidKey)
	// ErrKeyDecodeFailed: the codec cannot decode a key in the bucket.
	ErrKeyDecodeFailed error = kind.New("troupe: key cannot be decoded", ErrCodec).In(kind.Protocol)
	// ErrValueEncodeFailed: the codec cannot encode the value.
	ErrValueEncodeFailed error = kind.New("troupe: value cannot be encoded", ErrCodec)
	// ErrValueDecodeFailed: the codec cannot decode a value in the bucket.
	ErrValueDecodeFailed error = kind.New("troupe: value cannot be decoded", ErrCodec).In(kind.Protocol)
	// ErrWildcardNotSupported: the codec of the keys is not a FilterCodec, or a chain of codecs
	// does not keep the wildcards.
	ErrWildcardNotSupported error = kind.New("troupe: codec does not support wildcards", ErrCodec, ErrInvalidKey)
)

// CodecError says what a codec could not encode or decode. It is an ErrCodec.
type CodecError struct {
	// Codec is the codec's name: "base64".
	Codec string
	// Key is the key or the pattern; empty for a value.
	Key string
	// Reason says what is wrong with it.
	Reason string
	// Err is the cause; nil if there is none.
	Err error
}

// Error says which codec, and what was wrong.
func (e *CodecError) Error() string {
	if e.Key == "" {
		return "troupe: codec " + e.Codec + ": " + e.Reason
	}
	return fmt.Sprintf("troupe: codec %s: key %q: %s", e.Codec, e.Key, e.Reason)
}

// Unwrap returns ErrCodec and the cause.
func (e *CodecError) Unwrap() []error { return []error{ErrCodec, e.Err} }
