package actors

import (
	"slices"
	"strings"
	"testing"
)

// FuzzToken parses arbitrary reply subjects of a server. Whatever is accepted as a token
// is one in its canonical form.
func FuzzToken(f *testing.F) {
	for _, subject := range []string{"", "0", "_INBOX.abc.000000000000", "_INBOX.abc.0001zzzzzzzz", "000000000000", "zzzzzzzzzzzz", "------------",
		"_INBOX.abc.00000000000*", "0000000000.0", "\x00\xff0000000000"} {
		f.Add([]byte(subject))
	}
	f.Fuzz(func(t *testing.T, subject []byte) {
		index, use, ok := parseToken(subject)
		if !ok {
			return
		}
		if index >= slotsMax || use >= 1<<48 {
			t.Fatalf("%q is place %d, use %d", subject, index, use)
		}
		var token [tokenLen]byte
		for i := 3; i >= 0; i-- {
			token[i] = tokenDigits[index&63]
			index >>= 6
		}
		for i := tokenLen - 1; i >= 4; i-- {
			token[i] = tokenDigits[use&63]
			use >>= 6
		}
		if !strings.HasSuffix(string(subject), string(token[:])) {
			t.Fatalf("%q is read as %q", subject, token)
		}
	})
}

// FuzzDiscover gives a pool list after list of servers, as INFOs announce them, while
// servers are taken and dropped. The pool holds its own servers and those of the last
// list, each once, and knows which one is in use.
func FuzzDiscover(f *testing.F) {
	for _, lists := range []string{"", "a:1", "a:1,b:2;b:2;", "a:1,a:1, ,;s0:4222;[::1]:1", "\x00,\xff,%zz;;a", strings.Repeat("x:1,", 50), "a;b;c;d;e;f;g"} {
		f.Add(lists, uint8(0))
		f.Add(lists, uint8(37))
	}
	f.Fuzz(func(t *testing.T, lists string, moves uint8) {
		p := poolOf(2, -1)
		own := []string{p.servers[0].url.Host, p.servers[1].url.Host}
		now := poolStart
		for list := range strings.SplitSeq(lists, ";") {
			s, _ := p.next(now)
			if moves&1 != 0 && s.implicit {
				p.drop(s)
				s, _ = p.next(now)
			}
			moves = moves>>1 | moves<<7
			hosts := strings.Split(list, ",")
			p.discover(hosts, "nats", nil)
			if p.at < 0 || p.at >= len(p.servers) || p.servers[p.at] != s {
				t.Fatalf("%q: the server in use is %d of %d", list, p.at, len(p.servers))
			}
			seen := map[string]bool{}
			for _, s := range p.servers {
				host := s.url.Host
				if seen[host] || strings.TrimSpace(host) == "" {
					t.Fatalf("%q: %q is there twice, or nobody", list, host)
				}
				seen[host] = true
				if s.implicit != !slices.Contains(own, host) {
					t.Fatalf("%q: %q is implicit: %v", list, host, s.implicit)
				}
			}
			for _, host := range append(own, hosts...) {
				if strings.TrimSpace(host) != "" && !seen[host] {
					t.Fatalf("%q: %q is not there", list, host)
				}
			}
			if len(p.seen) > hostsMax {
				t.Fatalf("%d hosts are remembered", len(p.seen))
			}
		}
	})
}
