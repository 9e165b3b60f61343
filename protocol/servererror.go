package protocol

import (
	"strconv"
	"strings"
)

// Reaction says what a connection has to do after an -ERR.
type Reaction uint8

// The reactions. Whether the server closes the socket is a separate question, which
// [ServerError].Closes answers.
const (
	ReactIgnoreReport   Reaction = iota // stay connected, report an event
	ReactReconnect                      // reconnect, this server included
	ReactReauthenticate                 // ask for the credentials again, then reconnect, within the policy for refusals
	ReactOtherServer                    // reconnect, to another server first, with a longer pause
	ReactDropServer                     // never try this address again; go on with the others
	ReactStop                           // reconnecting cannot help: our CONNECT is at fault
)

// String returns the reaction in plain words.
func (r Reaction) String() string {
	switch r {
	case ReactIgnoreReport:
		return "report"
	case ReactReconnect:
		return "reconnect"
	case ReactReauthenticate:
		return "reauthenticate"
	case ReactOtherServer:
		return "other server"
	case ReactDropServer:
		return "drop server"
	case ReactStop:
		return "stop"
	default:
		return "unknown"
	}
}

// ServerError is an -ERR of a server. It matches its Kind with errors.Is.
type ServerError struct {
	Kind     error    // kind of this package; ErrServer when the text is not known
	Text     string   // the server's text without quotes, an owned copy of at most ServerErrorTextMax bytes
	Op       Role     // what was refused: RolePublish, RoleSubscribe, RoleReply, RoleNone
	Subject  string   // subject that was refused, when the text names it
	Queue    string   // queue group of a refused subscription
	SID      uint64   // number of a subscription that was revoked; 0 when not named
	Reaction Reaction // what to do about it
	Closes   bool     // the server closes the socket after this
}

// Error returns the kind and the server's text.
func (e *ServerError) Error() string {
	if e.Text == "" {
		return kindText(e.Kind)
	}
	return kindText(e.Kind) + " (server: " + strconv.Quote(e.Text) + ")"
}

// Unwrap returns the kind.
func (e *ServerError) Unwrap() []error { return []error{e.Kind} }

// serverErrorRule says what a text means.
type serverErrorRule struct {
	text     string // in lower case
	prefix   bool   // more text may follow
	kind     error
	op       Role
	reaction Reaction
	closes   bool
}

// serverErrorRules lists what nats-server sends to clients. The first rule that
// applies wins.
var serverErrorRules = []serverErrorRule{
	{"authorization violation", true, ErrAuthorization, RoleNone, ReactReauthenticate, true},
	{"user authentication expired", true, ErrAuthExpired, RoleNone, ReactReauthenticate, true},
	{"user authentication revoked", true, ErrAuthRevoked, RoleNone, ReactReauthenticate, true},
	{"account authentication expired", true, ErrAccountAuthExpired, RoleNone, ReactReauthenticate, true},
	{"authentication timeout", false, ErrAuthTimeout, RoleNone, ReactReconnect, true},
	{"failed account registration", false, ErrAccountRegistration, RoleNone, ReactReconnect, true},

	{"maximum connections exceeded", false, ErrMaxConnectionsExceeded, RoleNone, ReactOtherServer, true},
	{"maximum account active connections exceeded", false, ErrMaxAccountConnectionsExceeded, RoleNone, ReactOtherServer, true},
	{"connection throttling is active", true, ErrConnectionThrottled, RoleNone, ReactOtherServer, true},

	{"permissions violation for publish with reply of ", true, ErrPermissionViolation, RoleReply, ReactIgnoreReport, false},
	{"permissions violation for publish to ", true, ErrPermissionViolation, RolePublish, ReactIgnoreReport, false},
	{"permissions violation for subscription to ", true, ErrPermissionViolation, RoleSubscribe, ReactIgnoreReport, false},
	{"permissions violation", true, ErrPermissionViolation, RoleNone, ReactIgnoreReport, false},
	{"maximum subscriptions exceeded", true, ErrMaxSubscriptionsExceeded, RoleSubscribe, ReactIgnoreReport, false},
	{"invalid subject", false, ErrBadSubject, RoleSubscribe, ReactIgnoreReport, false},
	{"invalid publish subject", false, ErrBadSubject, RolePublish, ReactIgnoreReport, false},

	{"maximum payload violation", false, ErrMaxPayload, RolePublish, ReactReconnect, true},
	{"maximum control line exceeded", true, ErrMaxControlLine, RoleNone, ReactReconnect, true},
	{"unknown protocol operation", false, ErrProtocol, RoleNone, ReactReconnect, true},
	{"stale connection", false, ErrStaleConnection, RoleNone, ReactReconnect, true},
	{"invalid client protocol", false, ErrProtocol, RoleNone, ReactStop, true},
	{"no responders requires headers support", false, ErrProtocol, RoleNone, ReactStop, true},
	{"secure connection - tls required", false, ErrSecureConnRequired, RoleNone, ReactReconnect, true},

	{"attempted to connect to route port", false, ErrWrongPort, RoleNone, ReactDropServer, true},
	{"attempted to connect to gateway port", false, ErrWrongPort, RoleNone, ReactDropServer, true},
	{"attempted to connect to leaf node port", false, ErrWrongPort, RoleNone, ReactDropServer, true},
}

// ClassifyServerError says what the text of an -ERR means, with or without the quotes
// around it. Case and surrounding blanks do not matter. An unknown text gives
// [ErrServer] and [ReactIgnoreReport]: if the server closes the socket, the client
// notices anyway; if not, no connection is lost to a warning of a newer server. A text
// is cut at [ServerErrorTextMax].
func ClassifyServerError(text []byte) *ServerError {
	text = text[:min(len(text), ServerErrorTextMax)]
	e := &ServerError{Kind: ErrServer, Text: unquoteErr(string(text))}
	lower := lowerASCII(e.Text)
	for i := range serverErrorRules {
		rule := &serverErrorRules[i]
		if lower != rule.text && !(rule.prefix && strings.HasPrefix(lower, rule.text)) {
			continue
		}
		e.Kind, e.Op, e.Reaction, e.Closes = rule.kind, rule.op, rule.reaction, rule.closes
		if rule.kind == ErrPermissionViolation {
			e.readDetails(e.Text[len(rule.text):])
		}
		break
	}
	return e
}

// unquoteErr drops blanks, then one quote on either side.
func unquoteErr(s string) string {
	s = strings.TrimSpace(s)
	s = strings.TrimPrefix(s, "'")
	return strings.TrimSuffix(s, "'")
}

// lowerASCII lowers ASCII letters only. Unlike strings.ToLower it keeps every byte in
// its place, so offsets in the result are valid in s.
func lowerASCII(s string) string {
	b := []byte(s)
	for i, c := range b {
		if 'A' <= c && c <= 'Z' {
			b[i] = c + ('a' - 'A')
		}
	}
	return string(b)
}

// readDetails reads what follows a permission text: "subject", [using queue "queue"],
// [(sid "7")], [, too many tokens]. The strings are quoted as Go quotes them. Details
// that cannot be read stay empty; Text has them anyway.
func (e *ServerError) readDetails(s string) {
	var ok bool
	if e.Subject, s, ok = cutQuoted(s); !ok {
		return
	}
	if rest, found := strings.CutPrefix(s, " using queue "); found {
		if e.Queue, s, ok = cutQuoted(rest); !ok {
			return
		}
	}
	if rest, found := strings.CutPrefix(s, " (sid "); found {
		sid, _, _ := cutQuoted(rest)
		e.SID, _ = number([]byte(sid))
	}
}

// cutQuoted reads the quoted string at the front of s.
func cutQuoted(s string) (value, rest string, ok bool) {
	quoted, err := strconv.QuotedPrefix(s)
	if err != nil || quoted[0] != '"' {
		return "", s, false
	}
	value, err = strconv.Unquote(quoted)
	return value, s[len(quoted):], err == nil
}
