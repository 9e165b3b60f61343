package natsserver

import (
	"fmt"
	"sync"

	"github.com/nats-io/nats-server/v2/server"
)

// logger forwards the server's log to Options.Log. The server reports only in its log why
// it could not start, so the first fatal line is kept.
type logger struct {
	forward func(level, line string) // Options.Log, may be nil

	mu    sync.Mutex
	fatal string // first fatal line, guarded by mu
}

var _ server.Logger = (*logger)(nil)

// fatalLine returns the first fatal line, or "".
func (l *logger) fatalLine() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.fatal
}

func (l *logger) line(level, format string, v []any) {
	if l.forward != nil {
		l.forward(level, fmt.Sprintf(format, v...))
	}
}

// Noticef forwards a line of level "notice".
func (l *logger) Noticef(format string, v ...any) { l.line("notice", format, v) }

// Warnf forwards a line of level "warn".
func (l *logger) Warnf(format string, v ...any) { l.line("warn", format, v) }

// Errorf forwards a line of level "error".
func (l *logger) Errorf(format string, v ...any) { l.line("error", format, v) }

// Debugf forwards a line of level "debug".
func (l *logger) Debugf(format string, v ...any) { l.line("debug", format, v) }

// Tracef forwards a line of level "trace".
func (l *logger) Tracef(format string, v ...any) { l.line("trace", format, v) }

// Fatalf keeps the first line and forwards it with level "fatal". Unlike the
// server's own logger it does not end the process.
func (l *logger) Fatalf(format string, v ...any) {
	l.mu.Lock()
	if l.fatal == "" {
		l.fatal = fmt.Sprintf(format, v...)
	}
	l.mu.Unlock()
	l.line("fatal", format, v)
}
