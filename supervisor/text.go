package supervisor

import (
	"fmt"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"
)

// Limits of the texts for humans, in runes. Longer ones are cut and end in "…".
const (
	pathRunesMax   = 256
	stateRunesMax  = 48
	reasonRunesMax = 240
	nameRunesMax   = 96
)

// tokenBytesMin is the least length of a word that may be a seed, which has 58
// characters, or a JWT, which has hundreds.
const tokenBytesMin = 40

// hidden stands in place of a secret.
const hidden = "***"

// oneLine makes a text fit for one line of a log or a terminal: secrets are
// replaced, control characters and line ends become blanks, and at most
// runesMax runes are left.
func oneLine(text string, runesMax int) string {
	if plain(text, runesMax) {
		return text
	}
	// Bounding the input first keeps the cost independent of the length of a server's or
	// a panic's text; the longest rune has four bytes.
	const slack = 4096 // room for secrets, which shorten the text
	cut := false
	if most := runesMax*utf8.UTFMax + slack; len(text) > most {
		text, cut = text[:most], true
	}
	text = redact(text)
	var s strings.Builder
	runes := 0
	for i, r := range text {
		if runes == runesMax-1 && (cut || utf8.RuneCountInString(text[i:]) > 1) {
			s.WriteRune('…')
			break
		}
		s.WriteRune(printable(r))
		runes++
	}
	return s.String()
}

// plain is a fast check for texts that need no change, as nearly all names and states:
// printable ASCII, short, and no part of a URL.
func plain(text string, runesMax int) bool {
	if len(text) > runesMax || len(text) >= tokenBytesMin {
		return false
	}
	for i := range len(text) {
		if c := text[i]; c < ' ' || c > '~' || c == '@' {
			return false
		}
	}
	return true
}

// printable returns r, or a blank for what would break a line or a terminal.
func printable(r rune) rune {
	if unicode.IsPrint(r) {
		return r
	}
	return ' '
}

// redact replaces what looks like a secret: the user information of URLs, nkey
// seeds and JWTs. It errs on the side of hiding too much.
func redact(text string) string {
	return hideTokens(hideUserInfo(text))
}

// hideUserInfo turns "nats://user:pass@host" into "nats://***@host". A password may hold
// any character in a URL that did not parse, so the user information ends at the last @
// before a blank, a quote or the next URL.
func hideUserInfo(text string) string {
	const mark = "://"
	at := strings.Index(text, mark)
	if at < 0 || !strings.Contains(text[at:], "@") {
		return text
	}
	var s strings.Builder
	for at >= 0 {
		at += len(mark)
		s.WriteString(text[:at])
		text = text[at:]
		at = strings.Index(text, mark)
		end := len(text)
		if at >= 0 {
			end = at
		}
		if i := strings.IndexFunc(text[:end], endsURL); i >= 0 {
			end = i
		}
		if i := strings.LastIndexByte(text[:end], '@'); i >= 0 {
			s.WriteString(hidden)
			text = text[i:]
			at = strings.Index(text, mark)
		}
	}
	s.WriteString(text)
	return s.String()
}

// endsURL reports whether a URL in a text ends before r.
func endsURL(r rune) bool { return unicode.IsSpace(r) || r == '"' || r == '\'' }

// hideTokens replaces words that have the shape of an nkey seed or a JWT.
func hideTokens(text string) string {
	text = replaceWords(text, seedRune, func(word string) bool { return word[0] == 'S' })
	return replaceWords(text, jwtRune, func(word string) bool { return strings.Contains(word, "eyJ") })
}

// replaceWords hides words that secret recognises. A word is a run of at least
// tokenBytesMin runes for which member is true, all of them ASCII.
func replaceWords(text string, member func(rune) bool, secret func(word string) bool) string {
	var s strings.Builder
	for len(text) >= tokenBytesMin {
		start := strings.IndexFunc(text, member)
		if start < 0 {
			break
		}
		s.WriteString(text[:start])
		text = text[start:]
		end := strings.IndexFunc(text, func(r rune) bool { return !member(r) })
		if end < 0 {
			end = len(text)
		}
		if end >= tokenBytesMin && secret(text[:end]) {
			s.WriteString(hidden)
		} else {
			s.WriteString(text[:end])
		}
		text = text[end:]
	}
	s.WriteString(text)
	return s.String()
}

// seedRune reports whether r may be part of an nkey seed, which is base32.
func seedRune(r rune) bool { return r >= 'A' && r <= 'Z' || r >= '2' && r <= '7' }

// jwtRune reports whether r may be part of a JWT, which is base64url and dots.
func jwtRune(r rune) bool {
	return seedRune(r) || r >= 'a' && r <= 'z' || r >= '0' && r <= '9' || r == '-' || r == '_' || r == '.'
}

// orNone returns the text, or a dash for an empty one.
func orNone(text string) string {
	if text == "" {
		return "-"
	}
	return text
}

// bytesText returns a size with its unit, as in "2.1 KiB".
func bytesText(n uint64) string {
	const unit = 1024
	if n < unit {
		return fmt.Sprintf("%d B", n)
	}
	value, prefix := float64(n)/unit, 0
	for value >= unit && prefix < 5 {
		value /= unit
		prefix++
	}
	return fmt.Sprintf("%.1f %ciB", value, "KMGTPE"[prefix])
}

// durationText returns a duration with no more digits than a reader wants.
func durationText(d time.Duration) string {
	d = max(d, 0)
	switch {
	case d < time.Millisecond:
		return d.Round(time.Microsecond).String()
	case d < 10*time.Second:
		return d.Round(time.Millisecond).String()
	case d < time.Minute:
		return d.Round(100 * time.Millisecond).String()
	default:
		return d.Truncate(time.Second).String()
	}
}
