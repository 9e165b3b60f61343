package actors

import (
	"fmt"
	"strings"
	"testing"
	"testing/synctest"
	"time"
)

// pass lets virtual time pass, so that everything that is due happens.
func pass(d time.Duration) { time.Sleep(d) }

// stage is a connection to a peer, in a bubble.
type stage struct {
	c     *Conn
	p     *peer
	tape  *eventTape
	ready chan *peer
}

func onStage(t *testing.T, play func(t *testing.T, s *stage)) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		cfg := config(t)
		cfg.PingInterval = 0
		s := &stage{tape: record(&cfg), ready: make(chan *peer, 10)}
		peers(t, &cfg, playing(s.ready))
		s.c = connect(t, cfg)
		s.p = <-s.ready
		play(t, s)
	})
}

// drained takes everything out of ch.
func drained(ch chan string) (all []string) {
	for len(ch) > 0 {
		all = append(all, <-ch)
	}
	return all
}

// messages returns n MSG frames for subscription sid with payloads 0, 1, …
func messages(sid, n int) string {
	var all strings.Builder
	for i := range n {
		p := decimal(uint64(i))
		fmt.Fprintf(&all, "MSG x %d %d\r\n%s\r\n", sid, len(p), p)
	}
	return all.String()
}
