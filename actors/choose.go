package actors

import (
	"context"
	"fmt"
	"math/rand/v2"
	"net/url"
	"time"

	"github.com/troupe-go/troupe/internal/kind"
	"github.com/troupe-go/troupe/protocol"
	"github.com/troupe-go/troupe/supervisor"
)

// choose.go - which server is tried next, and when: the pool's own choice, or the
// program's.
//
//	open ─► pool ──────────────────────────────► waiting ─► dialing
//	  └───► choosing: the program is asked ──────┘
//	                  fails, or takes too long: the pool's choice

// ErrServerNotInPool: the program chose a server that is not in the connection's pool.
var ErrServerNotInPool error = kind.New("troupe: selected server is not in the pool").In(kind.Handler)

// Choice is what Config.Choose decides.
type Choice struct {
	URL  *url.URL      // of the server; nil leaves the choice to the pool
	Wait time.Duration // before the attempt; zero or less means at once
}

// Options that hold the callbacks.
const (
	optionChoose = "ReconnectToServerCB"
	optionDelay  = "CustomReconnectDelayCB"
)

// question is what the program is asked, with all that it may see.
type question struct {
	pool   []PoolEntry
	info   *protocol.Info
	passes int // number of the pause that is due; 0 for none
}

// answer is the program's choice.
type answer struct {
	choice   Choice
	paused   bool          // the program said how long to wait
	delay    time.Duration // before the pool's own choice
	problems []error       // each a *CallbackError
}

// mayAsk reports whether to ask the program now: only when reconnecting, and not while a
// callback of an earlier question has not returned.
func (c *Conn) mayAsk() bool {
	due := c.cfg.Choose != nil || c.cfg.Delay != nil && c.pool.passOver()
	return due && c.pool.counting && c.asking.Load() == 0
}

// ask lets the program choose, on a goroutine of its own.
func (l *link) ask(c *Context) {
	conn := l.conn
	q := question{pool: conn.Pool(), info: conn.info.Load()}
	if conn.cfg.Delay != nil && conn.pool.passOver() {
		q.passes = conn.pool.passes + 1
	}
	c.Become("choosing", "the program is asked for the next server")
	c.Go(func() any { return linkMsg(chosen{by: l, answer: conn.decide(&q)}) },
		func(cause error) any { return linkMsg(chosen{by: l, answer: answer{problems: []error{cause}}}) })
}

// decide calls the program's callbacks.
func (c *Conn) decide(q *question) (a answer) {
	if c.cfg.Choose != nil {
		choice, err := askInTime(c, optionChoose, func() Choice { return c.cfg.Choose(q.pool, q.info) })
		if err == nil && choice.URL != nil && !has(q.pool, choice.URL) {
			err = &CallbackError{Option: optionChoose, Err: fmt.Errorf("%w: %s", ErrServerNotInPool, redacted(choice.URL))}
		}
		if err == nil {
			a.choice = choice
		} else {
			a.problems = append(a.problems, err)
		}
	}
	if a.choice.URL == nil && q.passes > 0 && c.asking.Load() == 0 {
		delay, err := askInTime(c, optionDelay, func() time.Duration { return c.cfg.Delay(q.passes) })
		if err == nil {
			a.paused, a.delay = true, delay
		} else {
			a.problems = append(a.problems, err)
		}
	}
	return a
}

// askInTime calls a callback with the timeout of a handshake. The error is a
// *CallbackError.
func askInTime[T any](c *Conn, option string, callback func() T) (T, error) {
	ctx, cancel := context.WithTimeout(c.tree.ctx, c.cfg.Timeout)
	defer cancel()
	return Ask(ctx, option, func() (T, error) {
		c.asking.Add(1)
		defer c.asking.Add(-1)
		return callback(), nil
	})
}

func has(pool []PoolEntry, u *url.URL) bool {
	for _, e := range pool {
		if e.URL.String() == u.String() {
			return true
		}
	}
	return false
}

// onChosen continues with the program's choice, if it came in time.
func (l *link) onChosen(c *Context, m chosen) {
	if m.move != nil {
		l.onMoveChosen(c, m)
		return
	}
	if m.by != l || l.server != nil {
		return
	}
	conn, a := l.conn, m.answer
	l.report(c, a.problems)
	if s := conn.pool.find(a.choice.URL); s != nil {
		conn.pool.take(s)
		conn.pool.paused()
		l.pause(c, s, a.choice.Wait)
		return
	}
	s, wait := conn.pool.next(time.Now())
	if s == nil {
		l.giveUp(c)
	}
	if conn.cfg.Delay != nil && conn.pool.passOver() {
		conn.pool.paused()
		conn.pool.passes++
		wait = a.delay
		if !a.paused { // the callback failed: our own pause applies
			wait = conn.cfg.Backoff.Delay(conn.pool.passes, rand.Float64())
		}
	}
	conn.pool.taken++
	l.pause(c, s, wait)
}

// report publishes the problems of the program's callbacks.
func (l *link) report(c *Context, problems []error) {
	for _, err := range problems {
		l.conn.setLastError(err)
		l.conn.observe(Notice{Event: supervisor.Event{Kind: supervisor.ConnectAttemptFailed, Path: c.host.path, Cause: err}})
	}
}

// pause waits before the attempt at s.
func (l *link) pause(c *Context, s *server, wait time.Duration) {
	l.server = s
	if wait <= 0 {
		l.onDialDue(c)
		return
	}
	c.Become("waiting", fmt.Sprintf("next attempt at %s in %v", redacted(s.url), wait.Round(time.Millisecond)))
	l.wait = c.After(wait, linkMsg(dialDue{}))
}

// giveUp ends the connection: there is no server left.
func (l *link) giveUp(c *Context) {
	c.Fail(&giveUp{&NoServersError{Attempts: l.conn.pool.tried}})
}

// admitted reports whether the process may dial now. If not, the link waits until it may;
// nothing shortens a wait for the dial limit.
func (l *link) admitted(c *Context) bool {
	if l.reserved {
		return true
	}
	l.reserved = true
	wait := l.conn.sys.dialWait(time.Now())
	if wait <= 0 {
		return true
	}
	c.Become("waiting", fmt.Sprintf("limited by the dial rate of the process: %s in %v", redacted(l.server.url), wait.Round(time.Millisecond)))
	l.wait = nil
	c.After(wait, linkMsg(dialDue{}))
	return false
}

// SetPool replaces the servers. Those that stay keep their history, and the server in use
// stays in use. It returns ErrConnectionClosed when the connection is closed.
func (c *Conn) SetPool(urls []*url.URL) error {
	done := make(chan error, 1)
	if c.Status() == Closed || c.linkBox.must(repool{urls: urls, done: done}) != nil {
		return c.closedError()
	}
	if <-done != nil {
		return c.closedError()
	}
	return nil
}

// discard tells the waiting caller that there is no link any more.
func (m repool) discard() { m.done <- ErrActorStopped }

func (l *link) onRepool(c *Context, m repool) {
	l.conn.pool.replace(m.urls)
	l.conn.publishPool()
	m.done <- nil
	l.leaveFor(c) // from a server that is about to stop, if there was no other server so far
}
