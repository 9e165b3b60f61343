package plan

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf8"
)

// tokenKind is a kind of token; the single characters stand for themselves.
type tokenKind byte

const (
	tokenEnd    tokenKind = 0 // the end of the line, or a comment
	tokenWord   tokenKind = 'w'
	tokenString tokenKind = 's'
	tokenOpen   tokenKind = '('
	tokenClose  tokenKind = ')'
	tokenComma  tokenKind = ','
	tokenBad    tokenKind = 'b' // not a token
)

const endOfLine = "end of line"

// token is a piece of a line.
type token struct {
	kind  tokenKind
	pos   int    // offset in the line
	text  string // as written
	value string // the unquoted value of a string
	want  string // of a bad part of a string, what is expected there
}

// near is what an error quotes of it.
func (t token) near() string {
	if t.kind == tokenEnd {
		return endOfLine
	}
	return brief(t.text)
}

// scanner cuts a line into tokens.
type scanner struct {
	line string
	pos  int
}

func (s *scanner) next() token {
	for s.pos < len(s.line) && (s.line[s.pos] == ' ' || s.line[s.pos] == '\t') {
		s.pos++
	}
	start := s.pos
	if start == len(s.line) || s.line[start] == '#' {
		return token{kind: tokenEnd, pos: start}
	}
	switch c := s.line[start]; {
	case c == '(', c == ')', c == ',':
		s.pos++
		return token{kind: tokenKind(c), pos: start, text: s.line[start:s.pos]}
	case c == '"':
		return s.quoted()
	}
	if n := wordLength(s.line[start:]); n > 0 {
		s.pos += n
		return token{kind: tokenWord, pos: start, text: s.line[start:s.pos]}
	}
	_, n := utf8.DecodeRuneInString(s.line[start:])
	s.pos += n
	return token{kind: tokenBad, pos: start, text: s.line[start:s.pos]}
}

// wordLength returns the length of the word at the start of s. Both micro signs count as
// word characters, as durations contain them.
func wordLength(s string) int {
	n := 0
	for n < len(s) {
		switch {
		case wordByte(s[n]):
			n++
		case strings.HasPrefix(s[n:], "µ"), strings.HasPrefix(s[n:], "μ"):
			n += 2
		default:
			return n
		}
	}
	return n
}

// quoted reads a string. It refuses what Go would accept and silently change, bytes that
// are not UTF-8, and characters that an editor would not show.
func (s *scanner) quoted() token {
	start, rest := s.pos, s.line[s.pos:]
	s.pos = len(s.line)
	for i, c := range rest {
		bad := ""
		switch {
		case c == utf8.RuneError && !strings.HasPrefix(rest[i:], "\uFFFD"):
			bad = rest[i : i+1]
		case c < ' ' && c != '\t', c == '\x7f':
			bad = rest[i : i+1]
		}
		if bad != "" {
			return token{kind: tokenBad, pos: start + i, text: bad, want: fmt.Sprintf(`the escape \x%02x`, bad[0])}
		}
		if c == '"' && i > 0 && !escaped(rest[:i]) {
			s.pos = start + i + 1
			return unquoted(start, rest[:i+1])
		}
	}
	return token{kind: tokenEnd, pos: len(s.line), want: "a closing quote"}
}

// escaped reports whether the character after s is escaped: s ends in an odd number of
// backslashes.
func escaped(s string) bool {
	return (len(s)-len(strings.TrimRight(s, `\`)))%2 == 1
}

func unquoted(pos int, text string) token {
	value, err := strconv.Unquote(text)
	if err != nil {
		return token{kind: tokenBad, pos: pos, text: text, want: "a string with the escapes of Go"}
	}
	return token{kind: tokenString, pos: pos, text: text, value: value}
}
