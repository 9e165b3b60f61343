package kv

import (
	"regexp"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/troupe-go/troupe/protocol"
)

// Keys and patterns as they are documented.
var (
	keyRegexp     = regexp.MustCompile(`\A[-/_=\.a-zA-Z0-9]+\z`)
	patternRegexp = regexp.MustCompile(`\A[-/_=\.a-zA-Z0-9*]*[>]?\z`)
)

func dotsInPlace(key string) bool {
	return key != "" && key[0] != '.' && key[len(key)-1] != '.' && !strings.Contains(key, "..")
}

func documentedKey(key string) bool { return dotsInPlace(key) && keyRegexp.MatchString(key) }

// documentedPattern is stricter than the regexp where that takes what no subject is: a
// wildcard is a token of its own.
func documentedPattern(pattern string) bool {
	if !dotsInPlace(pattern) || !patternRegexp.MatchString(pattern) {
		return false
	}
	for token := range strings.SplitSeq(pattern, ".") {
		if len(token) > 1 && strings.ContainsAny(token, "*>") {
			return false
		}
	}
	return true
}

func checkKey(t *testing.T, key string) {
	t.Helper()
	reason, pos := badKey(key)
	if (reason == "") != documentedKey(key) {
		t.Errorf("key %q: %q", key, reason)
	}
	if pos < 0 || pos > len(key) || reason == "" && pos != 0 {
		t.Errorf("key %q: position %d", key, pos)
	}
	if reason == "" && protocol.CheckPublishSubject("$KV.b."+key) != nil {
		t.Errorf("key %q is no subject", key)
	}
	reason, pos = badPattern(key)
	if (reason == "") != documentedPattern(key) {
		t.Errorf("pattern %q: %q", key, reason)
	}
	if pos < 0 || pos > len(key) {
		t.Errorf("pattern %q: position %d", key, pos)
	}
	if reason == "" && protocol.CheckSubscribeSubject("$KV.b."+key) != nil {
		t.Errorf("pattern %q is no subject", key)
	}
}

var someKeys = []string{
	"", ".", "a", "a.b", ".a", "a.", "a..b", "a b", "a:b", "a\r\n", "*", ">", "a.*", "*.a", "a.>", "a>", "a*", ">.a", "a.>.b", "*>",
	"-/_=", "é", "a\x00", "$KV", "a.b.c.*.>", ".>", "a..>", strings.Repeat("a", 1000), "_kv", "a.*b",
}

func TestKeysAreAsDocumented(t *testing.T) {
	for _, key := range someKeys {
		checkKey(t, key)
	}
}

func FuzzKeys(f *testing.F) {
	for _, key := range someKeys {
		f.Add(key)
	}
	f.Fuzz(checkKey)
}

// TestReasonsSayWhere looks at the position of what is wrong with a key.
func TestReasonsSayWhere(t *testing.T) {
	for _, test := range []struct {
		key, reason string
		pos         int
	}{
		{"", "it is empty", 0},
		{"a b", "it has a character other than letters, digits, '-', '/', '_', '=' and '.'", 1},
		{"a.b:c", "it has a character other than letters, digits, '-', '/', '_', '=' and '.'", 3},
		{".a", "it begins with a dot", 0},
		{"a.", "it ends with a dot", 2},
		{"a..b", "it has two dots in a row", 2},
	} {
		if reason, pos := badKey(test.key); reason != test.reason || pos != test.pos {
			t.Errorf("%q: %q at %d", test.key, reason, pos)
		}
	}
}

// TestPatternsThatOthersCover compares apart with what keys match.
func TestPatternsThatOthersCover(t *testing.T) {
	token := rapid.SampledFrom([]string{"a", "b", "*"})
	pattern := rapid.Custom(func(t *rapid.T) string {
		tokens := rapid.SliceOfN(token, 0, 3).Draw(t, "tokens")
		if len(tokens) == 0 || rapid.Bool().Draw(t, "all") {
			tokens = append(tokens, ">")
		}
		return strings.Join(tokens, ".")
	})
	key := rapid.Custom(func(t *rapid.T) string {
		return strings.Join(rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "c"}), 1, 5).Draw(t, "tokens"), ".")
	})
	match := func(patterns []string, key string) bool {
		for _, p := range patterns {
			if protocol.Match(p, key) {
				return true
			}
		}
		return false
	}
	rapid.Check(t, func(t *rapid.T) {
		all := rapid.SliceOfN(pattern, 1, 5).Draw(t, "patterns")
		left := apart(all)
		for i, p := range left {
			for j, q := range left {
				if i != j && covers(p, q) {
					t.Fatalf("%v: %s covers %s", left, p, q)
				}
			}
		}
		for range 20 {
			k := key.Draw(t, "key")
			if match(all, k) != match(left, k) {
				t.Fatalf("%v became %v: %s", all, left, k)
			}
		}
	})
}
