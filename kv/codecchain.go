package kv

import "github.com/troupe-go/troupe/protocol"

// codecchain.go - several codecs as one.

// KeyChain encodes keys with one codec after another, and decodes them in reverse order. It is a
// FilterCodec if all of the codecs are: patterns go through them in turn. A nil codec is
// skipped; without any it is NoOp.
func KeyChain(codecs ...KeyCodec) KeyCodec {
	var chain keyChain
	for _, c := range codecs {
		if c != nil {
			chain = append(chain, c)
		}
	}
	switch len(chain) {
	case 0:
		return NoOp{}
	case 1:
		return chain[0]
	}
	for _, c := range chain {
		if _, can := c.(FilterCodec); !can {
			return chain
		}
	}
	return filterChain{chain}
}

type keyChain []KeyCodec

func (c keyChain) EncodeKey(key string) (string, error) {
	return through(c, key, KeyCodec.EncodeKey)
}

func (c keyChain) DecodeKey(key string) (string, error) {
	return back(c, key, KeyCodec.DecodeKey)
}

// filterChain is a keyChain whose codecs are all FilterCodecs.
type filterChain struct{ keyChain }

// EncodeFilter returns an ErrWildcardNotSupported if a codec does not keep the wildcards of the
// one before.
func (c filterChain) EncodeFilter(pattern string) (string, error) {
	for i, codec := range c.keyChain {
		encoded, err := codec.(FilterCodec).EncodeFilter(pattern)
		if err != nil {
			return "", err
		}
		if i > 0 && protocol.HasWildcard(pattern) && !protocol.HasWildcard(encoded) {
			return "", &CodecError{Codec: "chain", Key: pattern, Reason: "its wildcards are lost", Err: ErrWildcardNotSupported}
		}
		pattern = encoded
	}
	return pattern, nil
}

// ValueChain encodes values with one codec after another, and decodes them in reverse order. A
// nil codec is skipped; without any it is NoOp.
func ValueChain(codecs ...ValueCodec) ValueCodec {
	var chain valueChain
	for _, c := range codecs {
		if c != nil {
			chain = append(chain, c)
		}
	}
	if len(chain) == 0 {
		return NoOp{}
	}
	return chain
}

type valueChain []ValueCodec

func (c valueChain) EncodeValue(value []byte) ([]byte, error) {
	return through(c, value, ValueCodec.EncodeValue)
}

func (c valueChain) DecodeValue(value []byte) ([]byte, error) {
	return back(c, value, ValueCodec.DecodeValue)
}

// through applies step with each codec in turn.
func through[C, T any](codecs []C, in T, step func(C, T) (T, error)) (T, error) {
	for _, c := range codecs {
		out, err := step(c, in)
		if err != nil {
			return in, err
		}
		in = out
	}
	return in, nil
}

// back is through from the last codec to the first.
func back[C, T any](codecs []C, in T, step func(C, T) (T, error)) (T, error) {
	for i := len(codecs) - 1; i >= 0; i-- {
		out, err := step(codecs[i], in)
		if err != nil {
			return in, err
		}
		in = out
	}
	return in, nil
}
