package actors

import (
	"math/rand/v2"
	"net"
	"net/url"
	"strings"
	"time"

	"github.com/troupe-go/troupe/supervisor"
)

// server is one entry of the pool.
type server struct {
	url       *url.URL
	attempts  int       // failed attempts since the last success
	due       time.Time // earliest next attempt
	connected bool      // has been connected to
	implicit  bool      // learnt from a server
	tlsName   string    // host of who told of it, if it is known by an address alone
	lastAuth  error     // last authorization error, until a success
	lastErr   error
}

// pool is the list of servers of one connection and the memory of how each
// fared. The link actor is the only one that touches it.
type pool struct {
	servers []*server
	at      int // index of the server in use or tried last
	backoff supervisor.Backoff
	max     int // failed attempts after which a server is dropped; negative: never
	tried   []ServerAttempt
}

// attemptsKept bounds what a NoServersError lists.
const attemptsKept = 32

func newPool(urls []*url.URL, shuffle bool, backoff supervisor.Backoff, maxAttempts int) *pool {
	p := &pool{backoff: backoff, max: maxAttempts, at: -1}
	for _, u := range urls {
		p.servers = append(p.servers, &server{url: u})
	}
	if shuffle {
		rand.Shuffle(len(p.servers), func(i, j int) { p.servers[i], p.servers[j] = p.servers[j], p.servers[i] })
	}
	return p
}

// next moves to the server that may be tried first and returns how long to
// wait before trying it. It returns nil when the pool is empty.
func (p *pool) next(now time.Time) (s *server, wait time.Duration) {
	n := len(p.servers)
	if n == 0 {
		return nil, 0
	}
	best := -1
	for i := 1; i <= n; i++ {
		k := (p.at + i + n) % n
		if best < 0 || p.servers[k].due.Before(p.servers[best].due) {
			best = k
		}
		if !p.servers[k].due.After(now) {
			best = k
			break
		}
	}
	p.at = best
	s = p.servers[best]
	return s, max(0, s.due.Sub(now))
}

// peek returns how long next would wait, without moving.
func (p *pool) peek(now time.Time) (s *server, wait time.Duration) {
	at := p.at
	defer func() { p.at = at }()
	return p.next(now)
}

// allTried reports whether every server has failed at least once.
func (p *pool) allTried() bool {
	for _, s := range p.servers {
		if s.attempts == 0 {
			return false
		}
	}
	return true
}

// failed notes a failed attempt or a lost link.
func (p *pool) failed(s *server, err error, now time.Time) {
	s.attempts++
	s.lastErr = err
	s.due = now.Add(p.backoff.Delay(s.attempts, rand.Float64()))
	p.tried = append(p.tried, ServerAttempt{URL: redacted(s.url), Err: err, At: now})
	if len(p.tried) > attemptsKept {
		p.tried = p.tried[1:]
	}
}

// succeeded notes a completed handshake.
func (p *pool) succeeded(s *server) {
	s.connected = true
	s.lastAuth = nil
	p.tried = nil
}

// stable forgets the failed attempts of a server that has kept its link.
func (p *pool) stable(s *server) { s.attempts = 0 }

// drop takes out a server that has used up its attempts.
func (p *pool) drop(s *server) {
	for i, have := range p.servers {
		if have != s {
			continue
		}
		p.servers = append(p.servers[:i], p.servers[i+1:]...)
		if p.at >= i {
			p.at--
		}
		return
	}
}

// spent reports whether s has no attempts left.
func (p *pool) spent(s *server) bool { return p.max >= 0 && s.attempts > p.max }

// discover takes over the addresses a server announced and returns how many
// are new. Servers that were learnt and are announced no more go, except the
// one in use.
func (p *pool) discover(hosts []string, scheme string, user *url.Userinfo) (added int) {
	if len(hosts) == 0 {
		return 0
	}
	announced := make(map[string]bool, len(hosts))
	for _, h := range hosts {
		if strings.TrimSpace(h) != "" {
			announced[h] = true
		}
	}
	var current *server
	if p.at >= 0 && p.at < len(p.servers) {
		current = p.servers[p.at]
	}
	kept := p.servers[:0]
	for _, s := range p.servers {
		if s.implicit && s != current && !announced[s.url.Host] {
			continue
		}
		delete(announced, s.url.Host)
		kept = append(kept, s)
	}
	p.servers = kept
	for _, h := range hosts {
		if announced[h] {
			delete(announced, h)
			added++
			u := &url.URL{Scheme: scheme, Host: h, User: user}
			p.servers = append(p.servers, &server{implicit: true, url: u, tlsName: inheritedName(u, current)})
		}
	}
	for i, s := range p.servers {
		if s == current {
			p.at = i
		}
	}
	return added
}

// inheritedName is the name that the certificate of a server announced by its
// IP address has to carry: that of the server which announced it.
func inheritedName(u *url.URL, by *server) string {
	if by == nil || net.ParseIP(u.Hostname()) == nil {
		return ""
	}
	if by.tlsName != "" {
		return by.tlsName
	}
	if name := by.url.Hostname(); net.ParseIP(name) == nil {
		return name
	}
	return ""
}

// redacted is the server's address without credentials.
func redacted(u *url.URL) string {
	if u == nil {
		return ""
	}
	return u.Scheme + "://" + u.Host
}
