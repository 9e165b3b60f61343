package actors

import (
	"errors"
	"fmt"

	"github.com/troupe-go/troupe/protocol"
	"github.com/troupe-go/troupe/supervisor"
)

// AuthorizationError is a server's refusal of our credentials.
type AuthorizationError struct {
	URL    string // without credentials
	Reason string // the server's words
	During string // connect, reconnect, running, or move
	Err    error  // the attempt or the loss, with the *protocol.ServerError
}

// Error names server, moment and reason.
func (e *AuthorizationError) Error() string {
	return fmt.Sprintf("troupe: credentials refused by %s (%s): %s", e.URL, e.During, e.Reason)
}

// Unwrap returns the attempt or the loss, in which errors.Is finds the kind.
func (e *AuthorizationError) Unwrap() error { return e.Err }

// refusedBy turns err into an *AuthorizationError, and reports it, if a server refused
// the credentials; other errors are returned as they are.
func (l *link) refusedBy(s *server, during string, err error) error {
	var said *protocol.ServerError
	if !errors.As(err, &said) || !errors.Is(said, protocol.ErrAuthorization) {
		return err
	}
	refused := &AuthorizationError{URL: redacted(s.url), Reason: said.Text, During: during, Err: err}
	l.conn.setLastError(refused)
	l.conn.observe(Notice{Event: supervisor.Event{Kind: supervisor.AuthenticationFailed, Path: l.conn.name, Cause: refused}})
	return refused
}

// during names what the link is doing.
func (l *link) during() string {
	switch {
	case l.line != nil:
		return "running"
	case l.conn.everConnected.Load():
		return "reconnect"
	}
	return "connect"
}
