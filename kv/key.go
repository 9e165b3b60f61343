package kv

import (
	"strings"

	"github.com/troupe-go/troupe/protocol"
)

// key.go - which keys and patterns are valid. It is pure.

// AllKeys is the pattern that every key matches.
const AllKeys = ">"

// badKey says what is wrong with a key, and where; empty for nothing. A key is tokens of
// letters, digits, '-', '/', '_' and '=' with dots between them.
func badKey(key string) (reason string, pos int) {
	if key == "" {
		return "it is empty", 0
	}
	return badTokens(key, false)
}

// badPattern says what is wrong with a pattern: a key in which any token may be '*', and the
// last one '>'.
func badPattern(pattern string) (reason string, pos int) {
	if pattern == "" {
		return "it is empty", 0
	}
	if pattern == AllKeys {
		return "", 0
	}
	keys, all := strings.CutSuffix(pattern, "."+AllKeys)
	if all && keys == "" {
		return "it begins with a dot", 0
	}
	return badTokens(keys, true)
}

func badTokens(key string, wildcards bool) (reason string, pos int) {
	start := 0 // of the token
	for i := 0; i <= len(key); i++ {
		switch {
		case i == len(key) || key[i] == '.':
			if i == start {
				return emptyToken(start, len(key)), i
			}
			start = i + 1
		case wildcards && key[i] == '*' && i == start && (i+1 == len(key) || key[i+1] == '.'):
		case !keyByte(key[i]):
			return "it has a character other than letters, digits, '-', '/', '_', '=' and '.'", i
		}
	}
	return "", 0
}

func emptyToken(start, length int) string {
	switch start {
	case 0:
		return "it begins with a dot"
	case length:
		return "it ends with a dot"
	default:
		return "it has two dots in a row"
	}
}

func keyByte(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' ||
		c == '-' || c == '/' || c == '_' || c == '='
}

// apart leaves out patterns that others cover, because a server refuses them. Patterns that
// merely have keys in common stay.
func apart(patterns []string) []string {
	var left []string
	for i, p := range patterns {
		covered := false
		for j, other := range patterns {
			if i != j && covers(other, p) && (!covers(p, other) || j < i) {
				covered = true
			}
		}
		if !covered {
			left = append(left, p)
		}
	}
	return left
}

// covers reports whether every key that matches narrow matches wide.
func covers(wide, narrow string) bool {
	return protocol.Match(wide, narrow) && (!strings.HasSuffix(narrow, AllKeys) || strings.HasSuffix(wide, AllKeys))
}
