package main

import (
	"fmt"
	"time"
)

// ledger has the counts of an outage. Every published message is delivered or lost, and
// the lost ones are among those that the client reported as uncertain.
type ledger struct {
	published  int
	kept       int // waiting in memory when the server was started again
	delivered  int // different messages
	calls      int // handler calls
	twice      int
	uncertain  uint64 // as counted by the connection
	reported   uint64 // as reported by its events
	reconnects uint64
	down       time.Duration // from the kill until the connection was back
}

func (l *ledger) lost() int { return l.published - l.delivered }

// check returns what does not balance, or nil.
func (l *ledger) check() error {
	switch {
	case l.twice != 0 || l.calls != l.delivered:
		return fmt.Errorf("%d messages were delivered twice: %d handler calls for %d messages", l.twice, l.calls, l.delivered)
	case uint64(l.lost()) > l.uncertain:
		return fmt.Errorf("%d messages were lost, and only %d were uncertain", l.lost(), l.uncertain)
	case l.reported != l.uncertain:
		return fmt.Errorf("%d messages were uncertain, and %d reported", l.uncertain, l.reported)
	case l.kept == 0:
		return fmt.Errorf("no message waited in memory while there was no server")
	case l.reconnects != 1:
		return fmt.Errorf("the connection came back %d times, want once", l.reconnects)
	}
	return nil
}

// shown puts the books into words.
func (l *ledger) shown() shown {
	row := func(n int, text string) string { return fmt.Sprintf("%7s  %s", group(n), text) }
	return shown{
		line: fmt.Sprintf("amid %s messages, then restarted; connected again after %v",
			group(l.published), l.down.Round(time.Millisecond)),
		more: []string{
			row(l.published, "published, without one error"),
			row(l.kept, "of these waited in memory while there was no server, then were sent"),
			row(l.delivered, "delivered, none of them twice"),
			row(l.lost(), fmt.Sprintf("lost with the killed server; the client reported %s uncertain", group(l.uncertain))),
		},
	}
}
