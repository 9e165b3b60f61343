package actors

import (
	"errors"
	"math/rand/v2"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/troupe-go/troupe/protocol"
	"github.com/troupe-go/troupe/supervisor"
)

// server is one entry of the pool.
type server struct {
	url       *url.URL
	attempts  int       // losses and failed attempts since it last kept a link; sets the pace
	tries     int       // failed attempts to reconnect since the last success; limited
	due       time.Time // earliest next attempt
	rest      time.Time // until then it comes after the others
	connected bool      // there was a connection to it
	implicit  bool      // announced by a server
	tlsName   string    // host of the server that announced it, if it is known by an IP address only
	lastAuth  error     // last authorization error, until a success
	lastErr   error
}

// pool is the list of servers of one connection with the history of each. Only the link
// actor uses it.
type pool struct {
	servers []*server
	at      int // index of the server in use or tried last
	backoff supervisor.Backoff
	max     int // tries after which a server is dropped; negative: never
	tried   []ServerAttempt

	counting bool            // the first pass is over: failed attempts are tries
	mixing   bool            // put newly announced servers into random order
	taken    int             // servers taken since the last pause, see passOver
	passes   int             // pauses since a server last kept its link
	seen     map[string]bool // hosts that were ever in the pool
}

// hostsMax bounds the memory of hosts, and the servers that one INFO adds to the pool; a
// longer announcement is not credible anyway.
const hostsMax = 4096

// attemptsKept bounds what a NoServersError lists.
const attemptsKept = 32

func newPool(urls []*url.URL, backoff supervisor.Backoff, maxAttempts int) *pool {
	p := &pool{backoff: backoff, max: maxAttempts, at: -1, seen: map[string]bool{}}
	p.replace(urls)
	return p
}

// replace makes urls the servers of the pool. A server that is already in it keeps its
// history; the one in use stays in use.
func (p *pool) replace(urls []*url.URL) {
	var current *server
	if p.at >= 0 && p.at < len(p.servers) {
		current = p.servers[p.at]
	}
	known := make(map[string]*server, len(p.servers))
	for _, s := range p.servers {
		known[s.url.String()] = s
	}
	p.servers, p.at = nil, -1
	for _, u := range urls {
		s := known[u.String()]
		if s == nil {
			s = &server{url: u}
			known[u.String()] = s
		}
		if slices.Contains(p.servers, s) {
			continue
		}
		s.implicit = false
		p.note(u.Host)
		p.servers = append(p.servers, s)
		if s == current {
			p.at = len(p.servers) - 1
		}
	}
}

// note remembers a host and reports whether it is a new one.
func (p *pool) note(host string) bool {
	if p.seen[host] {
		return false
	}
	if len(p.seen) >= hostsMax {
		clear(p.seen)
	}
	p.seen[host] = true
	return true
}

// find returns the server with that address, nil when it is not in the pool.
func (p *pool) find(u *url.URL) *server {
	for _, s := range p.servers {
		if u != nil && s.url.String() == u.String() {
			return s
		}
	}
	return nil
}

// take moves to s, which is in the pool.
func (p *pool) take(s *server) { p.at = slices.Index(p.servers, s) }

// passOver reports whether as many servers as the pool has were tried since the last
// pause.
func (p *pool) passOver() bool { return p.taken >= len(p.servers) }

// paused begins a new pass.
func (p *pool) paused() { p.taken = 0 }

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
		if best < 0 || p.servers[k].turn(now).Before(p.servers[best].turn(now)) {
			best = k
		}
	}
	p.at = best
	s = p.servers[best]
	return s, max(0, s.due.Sub(now))
}

// other returns the server to move to from the one in use: the next one that may be tried
// now, or else the one that may be tried soonest, and how long to wait for that. It
// returns nil when there is no other.
func (p *pool) other(inUse *server, now time.Time) (best *server, wait time.Duration) {
	n := len(p.servers)
	for i := 1; i <= n; i++ {
		s := p.servers[(p.at+i+n)%n]
		if s == inUse {
			continue
		}
		if best == nil || s.turn(now).Before(best.turn(now)) {
			best = s
		}
	}
	if best == nil {
		return nil, 0
	}
	return best, max(0, best.due.Sub(now))
}

// turn orders servers: those that may be tried now, those of them that rest last, then
// the others by the time from which they may be tried.
func (s *server) turn(now time.Time) time.Time {
	switch {
	case s.due.After(now):
		return s.due
	case s.rest.After(now):
		return now
	default:
		return time.Time{}
	}
}

// leftRest is how long a server that was left because it is about to stop comes after the
// others. It delays no attempt: when a whole cluster is restarted, member by member, the
// servers that were left first are back first.
const leftRest = 10 * time.Second

// left records that a server was left because it is about to stop.
func (p *pool) left(s *server, now time.Time) { s.rest = now.Add(leftRest) }

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

// failed records a failed attempt.
func (p *pool) failed(s *server, err error, now time.Time) {
	if p.counting {
		s.tries++
	}
	p.lost(s, err, now)
}

// otherServerSteps is how many steps of the backoff are skipped for a server that is
// full: it works, but needs a longer pause.
const otherServerSteps = 4

// lost records the loss of a live link, which does not count as a try, as in nats.go.
func (p *pool) lost(s *server, err error, now time.Time) {
	s.attempts++
	s.lastErr = err
	step := s.attempts
	var refusal *protocol.ServerError
	if errors.As(err, &refusal) && refusal.Reaction == protocol.ReactOtherServer {
		step += otherServerSteps
	}
	s.due = now.Add(p.backoff.Delay(step, rand.Float64()))
	p.tried = append(p.tried, ServerAttempt{URL: redacted(s.url), Err: err, At: now})
	if len(p.tried) > attemptsKept {
		p.tried = p.tried[1:]
	}
}

// succeeded records a completed handshake.
func (p *pool) succeeded(s *server) {
	s.connected = true
	s.lastAuth = nil
	s.tries = 0
	p.tried = nil
	p.counting = true
}

// stable resets the failed attempts of a server that has kept its link.
func (p *pool) stable(s *server) {
	s.attempts = 0
	p.taken, p.passes = 0, 0
}

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
func (p *pool) spent(s *server) bool { return p.counting && p.max >= 0 && s.tries >= p.max }

// discover adds the addresses that a server announced, at most hostsMax, and returns how
// many were never seen before. Earlier announced servers that are no longer announced are
// removed, except the one in use.
func (p *pool) discover(hosts []string, scheme string, user *url.Userinfo) (added int) {
	if len(hosts) == 0 {
		return 0
	}
	hosts = hosts[:min(len(hosts), hostsMax)]
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
	kept := make([]*server, 0, len(p.servers)+len(announced))
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
			if p.note(h) {
				added++
			}
			u := &url.URL{Scheme: scheme, Host: h, User: user}
			p.servers = append(p.servers, &server{implicit: true, url: u, tlsName: inheritedName(u, current)})
		}
	}
	if fresh := p.servers[len(kept):]; p.mixing {
		// All clients of a server get the same list, and must not all go to its first
		// entry.
		rand.Shuffle(len(fresh), func(i, j int) { fresh[i], fresh[j] = fresh[j], fresh[i] })
	}
	for i, s := range p.servers {
		if s == current {
			p.at = i
		}
	}
	return added
}

// inheritedName is the name that the certificate of a server announced by IP address must
// have: that of the server which announced it.
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
