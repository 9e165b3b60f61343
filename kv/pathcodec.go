package kv

import (
	"strings"
)

// pathcodec.go - keys that look like the paths of files. It is pure.

const (
	pathRoot   = "_root_" // replaces the slash that a path begins with
	pathEscape = '='      // begins the escape of a byte that a token cannot have
	hexDigits  = "0123456789ABCDEF"
)

// Path encodes keys that look like file paths: their parts are separated by "/", and a pattern
// is "/etc/*/hosts" or "/etc/>". It is a KeyCodec and a FilterCodec.
//
//	/etc/hosts.d/my file    _root_.etc.hosts=2Ed.my=20file
//	etc/hosts               etc.hosts
//	etc//hosts/             etc.=.hosts.=
//	/                       _root_
//
// Paths are not cleaned: each is a different key, and decodes to what was encoded, whatever
// bytes it has. A dot does not end a part. Paths whose parts consist of letters, digits, '-' and
// '_' are encoded as by orbit.go's codec.
type Path struct{}

// EncodeKey implements KeyCodec.
func (Path) EncodeKey(path string) (string, error) {
	return encodePath(path, func(string, bool) bool { return false })
}

// EncodeFilter implements FilterCodec.
func (Path) EncodeFilter(pattern string) (string, error) {
	return encodePath(pattern, func(part string, last bool) bool { return part == "*" || part == AllKeys && last })
}

// encodePath encodes a path except for its wildcards.
func encodePath(path string, wild func(part string, last bool) bool) (string, error) {
	if path == "" {
		return "", &CodecError{Codec: "path", Reason: "a path is empty"}
	}
	var key strings.Builder
	rest, rooted := strings.CutPrefix(path, "/")
	if rooted {
		key.WriteString(pathRoot)
		if rest == "" {
			return key.String(), nil
		}
		key.WriteByte('.')
	}
	for first := true; ; first = false {
		part, behind, more := strings.Cut(rest, "/")
		if wild(part, !more) {
			key.WriteString(part)
		} else {
			writePart(&key, part, first && !rooted && part == pathRoot)
		}
		if !more {
			return key.String(), nil
		}
		key.WriteByte('.')
		rest = behind
	}
}

// writePart writes the encoding of one part of a path; that of an empty one is an escape of
// nothing. taken means that the part as it is would be taken for something else.
func writePart(key *strings.Builder, part string, taken bool) {
	if part == "" {
		key.WriteByte(pathEscape)
	}
	for i := range len(part) {
		c := part[i]
		if c != pathEscape && keyByte(c) && (!taken || i > 0) {
			key.WriteByte(c)
			continue
		}
		key.Write([]byte{pathEscape, hexDigits[c>>4], hexDigits[c&15]})
	}
}

// DecodeKey implements KeyCodec.
func (p Path) DecodeKey(key string) (string, error) {
	path, reason := decodePath(key)
	if reason == "" {
		if again, err := p.EncodeKey(path); err != nil || again != key {
			reason = "it is not the encoding of a path"
		}
	}
	if reason != "" {
		return "", &CodecError{Codec: "path", Key: key, Reason: reason}
	}
	return path, nil
}

func decodePath(key string) (path, reason string) {
	if key == pathRoot {
		return "/", ""
	}
	var b strings.Builder
	rest, rooted := strings.CutPrefix(key, pathRoot+".")
	if rooted {
		b.WriteByte('/')
	}
	for i := 0; i < len(rest); i++ {
		switch c := rest[i]; {
		case c == '.':
			b.WriteByte('/')
		case c != pathEscape:
			b.WriteByte(c)
		case i+1 == len(rest) || rest[i+1] == '.':
		case i+2 >= len(rest):
			return "", "an escape is cut off"
		default:
			high, low := strings.IndexByte(hexDigits, rest[i+1]), strings.IndexByte(hexDigits, rest[i+2])
			if high < 0 || low < 0 {
				return "", "an escape is invalid"
			}
			b.WriteByte(byte(high<<4 | low))
			i += 2
		}
	}
	return b.String(), ""
}
