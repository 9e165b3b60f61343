package kv

import (
	"fmt"

	"github.com/troupe-go/troupe/internal/kind"
)

// Kinds of errors of codecs. They come in a *KeyError with what the codec said.
var (
	// ErrCodec: everything that goes wrong with codecs.
	ErrCodec error = kind.New("codec", ErrKeyValue).In(kind.Input)
	// ErrKeyEncodeFailed: the codec does not take the key. It is an ErrInvalidKey.
	ErrKeyEncodeFailed error = kind.New("key cannot be encoded", ErrCodec, ErrInvalidKey)
	// ErrKeyDecodeFailed: a key of the bucket is none that the codec has made.
	ErrKeyDecodeFailed error = kind.New("key cannot be decoded", ErrCodec).In(kind.Protocol)
	// ErrValueEncodeFailed: the codec does not take the value.
	ErrValueEncodeFailed error = kind.New("value cannot be encoded", ErrCodec)
	// ErrValueDecodeFailed: a value of the bucket is none that the codec has made.
	ErrValueDecodeFailed error = kind.New("value cannot be decoded", ErrCodec).In(kind.Protocol)
	// ErrWildcardNotSupported: the codec of the keys is no FilterCodec, or patterns do not come
	// through a chain of them.
	ErrWildcardNotSupported error = kind.New("codec does not support wildcards", ErrCodec, ErrInvalidKey)
)

// CodecError says what a codec could not encode or decode. It is an ErrCodec.
type CodecError struct {
	// Codec is the codec's name: "base64".
	Codec string
	// Key is the key or the pattern; empty for a value.
	Key string
	// Reason says what is wrong with it.
	Reason string
	// Err is what it comes from; nil if there is nothing else.
	Err error
}

// Error says which codec, and what was wrong.
func (e *CodecError) Error() string {
	if e.Key == "" {
		return "troupe: codec " + e.Codec + ": " + e.Reason
	}
	return fmt.Sprintf("troupe: codec %s: key %q: %s", e.Codec, e.Key, e.Reason)
}

// Unwrap returns ErrCodec, and what it comes from.
func (e *CodecError) Unwrap() []error { return []error{ErrCodec, e.Err} }
