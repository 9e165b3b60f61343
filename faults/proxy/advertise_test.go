package proxy

import (
	"strings"
	"testing"
)

func TestOnlyConnectURLsAreReplaced(t *testing.T) {
	upper := func(s string) string {
		if s == "drop:1" {
			return ""
		}
		return strings.ToUpper(s)
	}
	for _, test := range []struct{ line, want string }{
		{"INFO {\"connect_urls\":[\"a:1\",\"drop:1\"],\"x\":{\"y\":1e400}}\r\n", "INFO {\"connect_urls\":[\"A:1\"],\"x\":{\"y\":1e400}}\r\n"},
		{"INFO {\"connect_urls\":[\"drop:1\"]}\r\n", "INFO {\"connect_urls\":[]}\r\n"},
		{"INFO {\"port\":1}\r\n", "INFO {\"port\":1}\r\n"},
		{"INFO {\"connect_urls\":3}\r\n", "INFO {\"connect_urls\":3}\r\n"},
		{"INFO {broken\r\n", "INFO {broken\r\n"},
		{"INFO\r\n", "INFO\r\n"},
	} {
		if got := string(advertise([]byte(test.line), upper)); got != test.want {
			t.Errorf("%q became %q", test.line, got)
		}
	}
}
