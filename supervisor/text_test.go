package supervisor

import (
	"math"
	"strings"
	"testing"
	"time"
	"unicode"
	"unicode/utf8"

	"pgregory.net/rapid"
)

// failer is what the test handles of testing and rapid have in common.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

// checkLine fails unless the text is one printable line of bounded length.
func checkLine(t failer, line string) {
	t.Helper()
	if bad := strings.IndexFunc(line, func(r rune) bool { return !unicode.IsPrint(r) }); bad >= 0 {
		t.Fatalf("character %d of the line %q cannot be printed", bad, line)
	}
	if n := utf8.RuneCountInString(line); n > 1000 {
		t.Fatalf("the line has %d characters", n)
	}
}

const (
	seed = "SUAOTTMYU2GEDGT65IPCBMYXUXLMJLE3AYVBPBR5VFYNLMOAR6NPDWWP2Q"
	jwt  = "eyJ0eXAiOiJKV1QiLCJhbGciOiJlZDI1NTE5LW5rZXkifQ.eyJqdGkiOiJXWVdWWUQifQ.c2lnbmF0dXJl-_"
)

func TestSecretsAreHidden(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"nothing to hide", "dial tcp 10.0.0.1:4222: connection refused", "dial tcp 10.0.0.1:4222: connection refused"},
		{"an address without user", "nats://demo:4222", "nats://demo:4222"},
		{"user and password", "nats://derek:s3cr3t@demo:4222 refused", "nats://***@demo:4222 refused"},
		{"a token", "tls://t0ken@demo", "tls://***@demo"},
		{"a password that holds a slash", "nats://derek:a/b@demo", "nats://***@demo"},
		{"a password that holds an at sign", "nats://derek:a@b@demo", "nats://***@demo"},
		{"several addresses", "nats://a:b@one,nats://c:d@two, ws://three", "nats://***@one,nats://***@two, ws://three"},
		{"in quotes", `parse "nats://a:b@%zz": invalid, mail me@home`, `parse "nats://***@%zz": invalid, mail me@home`},
		{"a mail address is no secret", "ask ops@example.com about nats://demo", "ask ops@example.com about nats://demo"},
		{"a mail address after a blank", "nats://demo ask ops@example.com", "nats://demo ask ops@example.com"},
		{"a seed", "bad seed " + seed + "!", "bad seed ***!"},
		{"a seed behind a dash", "seed-" + seed, "seed-***"},
		{"a public key is no secret", "user U" + seed[1:], "user U" + seed[1:]},
		{"a JWT", "jwt=" + jwt + ", expired", "jwt=***, expired"},
		{"several", seed + " " + jwt + " " + seed, "*** *** ***"},
		{"a long word is no secret", strings.Repeat("word", 20), strings.Repeat("word", 20)},
		{"a mark without an address", "://@", "://***@"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := oneLine(test.text, 500); got != test.want {
				t.Errorf("got  %s\nwant %s", got, test.want)
			}
		})
	}
}

func TestAPasswordIsHiddenWhereverItStands(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		const password = "hunter2"
		before := rapid.String().Draw(t, "before")
		after := rapid.String().Draw(t, "after")
		if strings.Contains(before+after, password) {
			return
		}
		line := oneLine(before+" nats://me:"+password+"@host "+after, 500)
		if strings.Contains(line, password) {
			t.Fatalf("the password is in %q", line)
		}
	})
}

func TestLinesAreCutAtTheirLimit(t *testing.T) {
	tests := []struct{ name, text, want string }{
		{"shorter", "1234", "1234"},
		{"as long", "12345", "12345"},
		{"longer", "123456", "1234…"},
		{"runes count, not bytes", "äöüßé", "äöüßé"},
		{"and one more", "äöüßéñ", "äöüß…"},
		{"line ends become blanks", "a\r\nb\t", "a  b "},
		{"so do escapes and what is no text", "a\x1b[\xff", "a [\ufffd"},
		{"a megabyte", strings.Repeat("x", 1<<20), "xxxx…"},
		{"nothing", "", ""},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := oneLine(test.text, 5); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestEveryTextBecomesOneLine(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		most := rapid.IntRange(1, 300).Draw(t, "limit")
		text := rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })).Draw(t, "text")
		line := oneLine(text, most)
		checkLine(t, line)
		if n := utf8.RuneCountInString(line); n > most {
			t.Fatalf("%d runes, at most %d are allowed", n, most)
		}
	})
}

func TestSizesInWords(t *testing.T) {
	for n, want := range map[uint64]string{
		0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 2150: "2.1 KiB", 1 << 20: "1.0 MiB", 1 << 40: "1.0 TiB", math.MaxUint64: "16.0 EiB",
	} {
		if got := bytesText(n); got != want {
			t.Errorf("%d bytes read %q, want %q", n, got, want)
		}
	}
}

func TestDurationsInWords(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Second: "0s", 0: "0s", 1234: "1µs", 420 * time.Millisecond: "420ms", 1_234_567_890: "1.235s",
		12_345 * time.Millisecond: "12.3s", 3*time.Hour + 59*time.Second + 999*time.Millisecond: "3h0m59s",
	} {
		if got := durationText(d); got != want {
			t.Errorf("%d ns read %q, want %q", d, got, want)
		}
	}
}
