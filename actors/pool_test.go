package actors

import (
	"errors"
	"fmt"
	"net/url"
	"slices"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/troupe-go/troupe/protocol"
	"github.com/troupe-go/troupe/supervisor"
)

var poolStart = time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)

// poolOf is a pool of servers s0, s1, … in this order.
func poolOf(n, attemptsMax int) *pool {
	var urls []*url.URL
	for i := range n {
		urls = append(urls, &url.URL{Scheme: "nats", Host: fmt.Sprintf("s%d", i)})
	}
	return newPool(urls, supervisor.Backoff{Initial: time.Second, Max: time.Minute}, attemptsMax)
}

func (p *pool) hosts() (all []string) {
	for _, s := range p.servers {
		all = append(all, s.url.Host)
	}
	return all
}

// TestPoolGoesRound: each server once before any for the second time.
func TestPoolGoesRound(t *testing.T) {
	for n := 1; n <= 10; n++ {
		p := poolOf(n, -1)
		var order []string
		for range n {
			s, wait := p.next(poolStart)
			if wait != 0 {
				t.Errorf("%d servers: the first round waits %v", n, wait)
			}
			order = append(order, s.url.Host)
			p.failed(s, errKilled, poolStart)
		}
		if diff := cmp.Diff(p.hosts(), order); diff != "" {
			t.Errorf("%d servers: order (-want +got):\n%s", n, diff)
		}
		if !p.allTried() {
			t.Errorf("%d servers: not all tried after one round", n)
		}
	}
}

// TestNoServerStarves: whatever subset can be reached, one of its servers is tried before
// any other server is tried for the third time.
func TestNoServerStarves(t *testing.T) {
	const n = 5
	for good := 1; good < 1<<n; good++ {
		p := poolOf(n, -1)
		now := poolStart
		tries := map[*server]int{}
		for {
			s, wait := p.next(now)
			now = now.Add(wait)
			if good&(1<<slices.Index(p.servers, s)) != 0 {
				break
			}
			p.failed(s, errKilled, now)
			if tries[s]++; tries[s] > 2 {
				t.Fatalf("reachable %05b: %s was tried %d times before any of them", good, s.url.Host, tries[s])
			}
		}
	}
}

// TestAttemptsMax: with a limit of k a server that was lost is tried k times.
func TestAttemptsMax(t *testing.T) {
	for limit, attempts := range map[int]int{0: 0, 1: 1, 2: 2, 60: 60} {
		p := poolOf(1, limit)
		s, _ := p.next(poolStart)
		p.succeeded(s)
		p.lost(s, errKilled, poolStart)
		tried := 0
		for !p.spent(s) {
			tried++
			p.failed(s, errKilled, poolStart)
		}
		if tried != attempts {
			t.Errorf("limit %d: %d attempts", limit, tried)
		}
	}
	p := poolOf(1, -1)
	p.counting = true
	if p.spent(&server{tries: 1 << 30}) {
		t.Error("no limit was reached")
	}
}

// TestPoolDiscovers keeps what was configured and what is in use.
func TestPoolDiscovers(t *testing.T) {
	p := poolOf(2, -1)
	current, _ := p.next(poolStart)
	user := url.UserPassword("u", "p")
	steps := []struct {
		hosts []string
		added int
		want  []string
	}{
		{[]string{"s0", "d1", "d2", "d1", "", " "}, 2, []string{"s0", "s1", "d1", "d2"}},
		{nil, 0, []string{"s0", "s1", "d1", "d2"}},
		{[]string{"d2", "d3"}, 1, []string{"s0", "s1", "d2", "d3"}},
		{[]string{"s1"}, 0, []string{"s0", "s1"}},
	}
	for i, step := range steps {
		if n := p.discover(step.hosts, "tls", user); n != step.added {
			t.Errorf("step %d: %d added, want %d", i, n, step.added)
		}
		if diff := cmp.Diff(step.want, p.hosts()); diff != "" {
			t.Errorf("step %d (-want +got):\n%s", i, diff)
		}
		if p.servers[p.at] != current {
			t.Errorf("step %d: the pool lost the server in use", i)
		}
		for _, s := range p.servers[2:] {
			if !s.implicit || s.url.Scheme != "tls" || s.url.User != user {
				t.Errorf("step %d: %+v", i, s.url)
			}
		}
	}
	p.discover([]string{"d9"}, "nats", nil)
	p.at = 2 // d9 is in use now, and is no longer announced
	p.discover([]string{"s0"}, "nats", nil)
	if p.servers[p.at].url.Host != "d9" {
		t.Error("the server in use was dropped")
	}
}

// TestPoolHoldsTogether does everything in any order: next returns a server of
// the pool with the shortest wait, and an empty pool says so.
func TestPoolHoldsTogether(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := poolOf(rapid.IntRange(0, 4).Draw(t, "servers"), rapid.IntRange(-1, 3).Draw(t, "attempts"))
		now := poolStart
		pick := func(t *rapid.T) *server {
			if len(p.servers) == 0 {
				return nil
			}
			return p.servers[rapid.IntRange(0, len(p.servers)-1).Draw(t, "which")]
		}
		t.Repeat(map[string]func(*rapid.T){
			"next": func(t *rapid.T) {
				peeked, peekWait := p.peek(now)
				s, wait := p.next(now)
				if s != peeked || wait != peekWait {
					t.Fatalf("peek saw %v in %v, next %v in %v", peeked, peekWait, s, wait)
				}
				if s == nil {
					if len(p.servers) > 0 {
						t.Fatal("found none")
					}
					return
				}
				for _, other := range p.servers {
					if max(0, other.due.Sub(now)) < wait {
						t.Fatalf("%s waits %v, %s would wait %v", s.url.Host, wait, other.url.Host, other.due.Sub(now))
					}
				}
				now = now.Add(wait)
			},
			"fail": func(t *rapid.T) {
				if s := pick(t); s != nil {
					p.failed(s, errors.New("x"), now)
					if p.spent(s) {
						p.drop(s)
					}
				}
			},
			"succeed": func(t *rapid.T) {
				if s := pick(t); s != nil {
					p.succeeded(s)
					p.stable(s)
				}
			},
			"drop": func(t *rapid.T) {
				if s := pick(t); s != nil {
					p.drop(s)
					p.drop(s) // a second time changes nothing
				}
			},
			"discover": func(t *rapid.T) {
				p.discover(rapid.SliceOfN(rapid.StringMatching(`d[0-5]`), 0, 6).Draw(t, "hosts"), "nats", nil)
			},
			"wait": func(t *rapid.T) {
				now = now.Add(time.Duration(rapid.IntRange(0, 100).Draw(t, "seconds")) * time.Second)
			},
			"": func(t *rapid.T) {
				if len(p.tried) > attemptsKept {
					t.Fatalf("%d attempts kept", len(p.tried))
				}
				if p.at < -1 || p.at > len(p.servers) {
					t.Fatalf("at %d of %d", p.at, len(p.servers))
				}
				seen := map[*server]bool{}
				for _, s := range p.servers {
					if seen[s] {
						t.Fatalf("%s is in twice", s.url.Host)
					}
					seen[s] = true
				}
			},
		})
	})
}

// TestRedactedAddresses show no secrets.
func TestRedactedAddresses(t *testing.T) {
	u, err := url.Parse("tls://user:secret@host:4222/path?token=secret")
	if err != nil {
		t.Fatal(err)
	}
	if got := redacted(u); got != "tls://host:4222" {
		t.Errorf("got %q", got)
	}
	if redacted(nil) != "" {
		t.Error("of no address")
	}
}

// TestDiscoveredServersAreMixed unless their order is to be kept, and the others
// stay where they are.
func TestDiscoveredServersAreMixed(t *testing.T) {
	hosts := []string{"d1", "d2", "d3", "d4"}
	firsts := map[string]bool{}
	for range 200 {
		p := poolOf(2, -1)
		p.mixing = true
		p.next(poolStart)
		p.discover(hosts, "nats", nil)
		if all := p.hosts(); all[0] != "s0" || all[1] != "s1" || len(all) != 6 {
			t.Fatalf("pool %v", all)
		}
		firsts[p.hosts()[2]] = true
	}
	if len(firsts) != len(hosts) {
		t.Errorf("only %v came first", firsts)
	}
}

// TestServersAreNewOnce: a server that was removed and announced again is not a
// discovery.
func TestServersAreNewOnce(t *testing.T) {
	p := poolOf(1, -1)
	p.next(poolStart)
	for i, step := range []struct {
		hosts []string
		added int
	}{{[]string{"s0", "d1"}, 1}, {[]string{"d2"}, 1}, {[]string{"d1", "d2"}, 0}, {[]string{"d1", "d3"}, 1}} {
		if n := p.discover(step.hosts, "nats", nil); n != step.added {
			t.Errorf("step %d: %d new, want %d", i, n, step.added)
		}
	}
	for i := range 3 * hostsMax {
		p.note(fmt.Sprint(i))
	}
	if len(p.seen) > hostsMax {
		t.Errorf("%d hosts are remembered", len(p.seen))
	}
	for _, announced := range []int{hostsMax - 1, hostsMax, hostsMax + 1, 3 * hostsMax} {
		hosts := make([]string, announced)
		for i := range hosts {
			hosts[i] = fmt.Sprint("h", announced, "-", i)
		}
		p := poolOf(1, -1)
		p.next(poolStart)
		if added, want := p.discover(hosts, "nats", nil), min(announced, hostsMax); added != want || len(p.servers) != want+1 {
			t.Errorf("of %d announced servers %d are new, %d in the pool", announced, added, len(p.servers))
		}
	}
}

// TestFullServersWaitLonger than those that cannot be reached.
func TestFullServersWaitLonger(t *testing.T) {
	full := protocol.ClassifyServerError([]byte("'maximum connections exceeded'"))
	longest := func(err error) (d time.Duration) {
		for range 200 {
			p := poolOf(1, -1)
			p.failed(p.servers[0], err, poolStart)
			d = max(d, p.servers[0].due.Sub(poolStart))
		}
		return d
	}
	if away, busy := longest(errKilled), longest(full); away > time.Second || busy < 4*time.Second {
		t.Errorf("away: up to %v, full: up to %v", away, busy)
	}
}

// TestServersThatWereLeftComeLast, and are taken at once when there is no other.
func TestServersThatWereLeftComeLast(t *testing.T) {
	p, now := poolOf(3, -1), poolStart
	a, b, c := p.servers[0], p.servers[1], p.servers[2]
	expect := func(what string, want *server) {
		t.Helper()
		p.take(a)
		if s, wait := p.other(a, now); s != want || wait != 0 {
			t.Errorf("%s: to %v in %v", what, s.url, wait)
		}
		if s, wait := p.next(now); s != want || wait != 0 {
			t.Errorf("%s: next is %v in %v", what, s.url, wait)
		}
	}
	expect("nothing is known", b)
	p.left(b, now)
	expect("one was left", c)
	p.left(c, now)
	p.left(a, now)
	expect("all were left", b)
	p.lost(b, errKilled, now)
	expect("one was left, one has failed", c)
	p.lost(c, errKilled, now)
	p.lost(a, errKilled, now)
	if _, wait := p.other(a, now); wait <= 0 {
		t.Error("a server that has just failed is tried at once")
	}
	now = now.Add(leftRest)
	p.stable(b)
	p.left(c, now)
	expect("the rest is over", b)
}
