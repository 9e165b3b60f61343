package kv

import (
	"encoding/base64"
	"strings"
)

// codec.go - how the keys and values of a program are encoded in a bucket. It is pure.
//
//	program's key ──► EncodeKey ──► key of the bucket      pattern ──► EncodeFilter
//	              ◄── DecodeKey ◄──

// KeyCodec maps the keys of a program to those of a bucket. It must be safe for concurrent
// use.
type KeyCodec interface {
	// EncodeKey returns the key in the bucket for a key of the program.
	EncodeKey(key string) (string, error)
	// DecodeKey is the inverse of EncodeKey.
	DecodeKey(key string) (string, error)
}

// ValueCodec maps the values of a program to those of a bucket. It must be safe for concurrent
// use, and must not change its argument.
type ValueCodec interface {
	// EncodeValue returns the value in the bucket for a value of the program.
	EncodeValue(value []byte) ([]byte, error)
	// DecodeValue is the inverse of EncodeValue.
	DecodeValue(value []byte) ([]byte, error)
}

// FilterCodec is a KeyCodec that can encode patterns. Without it, a handle can watch and list
// only single keys and all keys.
type FilterCodec interface {
	KeyCodec
	// EncodeFilter returns the pattern that matches what EncodeKey returns for the keys that
	// pattern matches. pattern has wildcards, and so must the result.
	EncodeFilter(pattern string) (string, error)
}

// NoOp leaves keys and values as they are. It is a KeyCodec, a FilterCodec and a ValueCodec.
type NoOp struct{}

// EncodeKey implements KeyCodec.
func (NoOp) EncodeKey(key string) (string, error) { return key, nil }

// DecodeKey implements KeyCodec.
func (NoOp) DecodeKey(key string) (string, error) { return key, nil }

// EncodeFilter implements FilterCodec.
func (NoOp) EncodeFilter(pattern string) (string, error) { return pattern, nil }

// EncodeValue implements ValueCodec.
func (NoOp) EncodeValue(value []byte) ([]byte, error) { return value, nil }

// DecodeValue implements ValueCodec.
func (NoOp) DecodeValue(value []byte) ([]byte, error) { return value, nil }

// Base64 encodes keys and values in base64, URL alphabet without padding, so that they may hold
// any byte. The tokens of a key are encoded one by one: the dots stay, and patterns work. It is
// a KeyCodec, a FilterCodec and a ValueCodec.
type Base64 struct{}

// plain64 decodes only what it would have encoded.
func plain64() *base64.Encoding { return base64.RawURLEncoding.Strict() }

// EncodeKey implements KeyCodec.
func (Base64) EncodeKey(key string) (string, error) {
	tokens := strings.Split(key, ".")
	for i, token := range tokens {
		if token == "" {
			return "", &CodecError{Codec: "base64", Key: key, Reason: "a token is empty"}
		}
		tokens[i] = plain64().EncodeToString([]byte(token))
	}
	return strings.Join(tokens, "."), nil
}

// DecodeKey implements KeyCodec.
func (Base64) DecodeKey(key string) (string, error) {
	tokens := strings.Split(key, ".")
	for i, token := range tokens {
		decoded, err := decode64([]byte(token))
		if err != nil {
			return "", &CodecError{Codec: "base64", Key: key, Reason: "a token is not base64", Err: err}
		}
		if len(decoded) == 0 || strings.Contains(string(decoded), ".") {
			return "", &CodecError{Codec: "base64", Key: key, Reason: "a token is not one of an encoded key"}
		}
		tokens[i] = string(decoded)
	}
	return strings.Join(tokens, "."), nil
}

// EncodeFilter implements FilterCodec.
func (b Base64) EncodeFilter(pattern string) (string, error) {
	return filterTokens(pattern, b.EncodeKey)
}

// EncodeValue implements ValueCodec.
func (Base64) EncodeValue(value []byte) ([]byte, error) {
	return plain64().AppendEncode(nil, value), nil
}

// DecodeValue implements ValueCodec.
func (Base64) DecodeValue(value []byte) ([]byte, error) {
	decoded, err := decode64(value)
	if err != nil {
		return nil, &CodecError{Codec: "base64", Reason: "a value is not base64", Err: err}
	}
	return decoded, nil
}

// decode64 decodes only what was encoded: it does not skip line breaks.
func decode64(text []byte) ([]byte, error) {
	for i, c := range text {
		if c == '\r' || c == '\n' {
			return nil, base64.CorruptInputError(i)
		}
	}
	return plain64().AppendDecode(nil, text)
}

// filterTokens encodes the tokens of a pattern that are not wildcards.
func filterTokens(pattern string, encode func(token string) (string, error)) (string, error) {
	tokens := strings.Split(pattern, ".")
	for i, token := range tokens {
		if token == "*" || token == AllKeys && i == len(tokens)-1 {
			continue
		}
		encoded, err := encode(token)
		if err != nil {
			return "", err
		}
		tokens[i] = encoded
	}
	return strings.Join(tokens, "."), nil
}
