package main

import (
	"strings"
	"testing"
	"time"
)

func TestBooks(t *testing.T) {
	for _, test := range []struct {
		name   string
		change func(*ledger)
		want   string // part of the complaint; empty for books that balance
	}{
		{"some lost, all of them uncertain", func(*ledger) {}, ""},
		{"nothing lost", func(l *ledger) { l.delivered, l.calls = 100, 100 }, ""},
		{"nothing uncertain", func(l *ledger) { l.delivered, l.calls, l.uncertain, l.reported = 100, 100, 0, 0 }, ""},
		{"one delivered twice", func(l *ledger) { l.twice, l.calls = 1, 96 }, "1 messages were delivered twice"},
		{"a handler call too many", func(l *ledger) { l.calls = 96 }, "96 handler calls for 95 messages"},
		{"a silent loss", func(l *ledger) { l.delivered, l.calls = 92, 92 }, "8 messages were lost, and only 7 were uncertain"},
		{"an unreported doubt", func(l *ledger) { l.reported = 6 }, "7 messages were uncertain, and 6 reported"},
		{"nothing kept", func(l *ledger) { l.kept = 0 }, "no message waited in memory"},
		{"no reconnect", func(l *ledger) { l.reconnects = 0 }, "came back 0 times"},
		{"two reconnects", func(l *ledger) { l.reconnects = 2 }, "came back 2 times"},
	} {
		t.Run(test.name, func(t *testing.T) {
			l := ledger{published: 100, kept: 20, delivered: 95, calls: 95, uncertain: 7, reported: 7,
				reconnects: 1, down: time.Second}
			test.change(&l)
			err := l.check()
			if test.want == "" && err != nil {
				t.Errorf("complaint: %v", err)
			}
			if test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
				t.Errorf("complaint %v, want %q", err, test.want)
			}
		})
	}
}
