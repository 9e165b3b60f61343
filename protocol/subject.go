package protocol

import (
	"strconv"
	"strings"
)

// Role says what a subject or name was to be used for.
type Role uint8

// The roles. RoleNone means that it is not known or does not matter.
const (
	RoleNone Role = iota
	RolePublish
	RoleReply
	RoleSubscribe
	RoleQueue
)

// String returns the role in lower case: none, publish, reply, subscribe, queue.
func (r Role) String() string {
	switch r {
	case RolePublish:
		return "publish"
	case RoleReply:
		return "reply"
	case RoleSubscribe:
		return "subscribe"
	case RoleQueue:
		return "queue"
	default:
		return "none"
	}
}

// Reasons of a [BadSubjectError].
const (
	ReasonEmpty      = "empty"
	ReasonBlank      = "blank or control character"
	ReasonEmptyToken = "empty token"
	ReasonWildcard   = "wildcard not allowed here"
	ReasonNotLast    = "'>' before the last token"
	ReasonTooLong    = "longer than 32 KiB"
)

// SubjectMax bounds a subject or queue name, in bytes. Servers accept lines of 4 KiB by
// default, and close the connection after a longer one; this leaves room for servers
// that are configured to accept more, and for a reply subject next to it.
const SubjectMax = 32 << 10

// BadSubjectError says why a subject or queue name cannot be used. It matches
// [ErrBadSubject], and [ErrBadQueueName] when Role is RoleQueue. Nothing was
// sent.
type BadSubjectError struct {
	Subject string // as given
	Reason  string // one of the Reason constants
	Pos     int    // byte offset of the first violation in Subject
	Role    Role   // what it was to be used for
}

// Error quotes the subject and names the reason, the position and the role.
func (e *BadSubjectError) Error() string {
	return e.kind().Error() + " " + strconv.Quote(e.Subject) + " (" + e.Role.String() + "): " +
		e.Reason + " at byte " + strconv.Itoa(e.Pos)
}

// Unwrap returns the kind.
func (e *BadSubjectError) Unwrap() []error { return []error{e.kind()} }

func (e *BadSubjectError) kind() error {
	if e.Role == RoleQueue {
		return ErrBadQueueName
	}
	return ErrBadSubject
}

// CheckPublishSubject returns nil when s can be published to: not empty, no control
// character or blank, no empty token, no wildcard token. Otherwise it returns a
// *[BadSubjectError]. It allocates nothing but the error.
func CheckPublishSubject(s string) error { return checkLiteral(s, RolePublish) }

// CheckReplySubject is CheckPublishSubject for a reply subject, to which the receiver
// publishes.
func CheckReplySubject(s string) error { return checkLiteral(s, RoleReply) }

// CheckFrameSubject is a CheckPublishSubject that refuses only what would break a
// frame: an empty subject, control characters, blanks and excessive length.
func CheckFrameSubject(s string) error {
	switch blank := strings.IndexFunc(s, func(c rune) bool { return c <= ' ' }); {
	case s == "":
		return &BadSubjectError{Subject: s, Reason: ReasonEmpty, Role: RolePublish}
	case len(s) > SubjectMax:
		return &BadSubjectError{Subject: s, Reason: ReasonTooLong, Pos: SubjectMax, Role: RolePublish}
	case blank >= 0:
		return &BadSubjectError{Subject: s, Reason: ReasonBlank, Pos: blank, Role: RolePublish}
	}
	return nil
}

// CheckSubscribeSubject returns nil when s can be subscribed to: as
// CheckPublishSubject, but a token may be "*", and the last one ">".
func CheckSubscribeSubject(s string) error {
	pos, reason := scanSubject(s, true)
	if reason == "" {
		return nil
	}
	return &BadSubjectError{Subject: s, Reason: reason, Pos: pos, Role: RoleSubscribe}
}

// CheckQueue returns nil when s is empty, which means no queue group, or can name
// one: no control character or blank. Dots and wildcards have no meaning in it.
func CheckQueue(s string) error {
	if len(s) > SubjectMax {
		return &BadSubjectError{Subject: s, Reason: ReasonTooLong, Pos: SubjectMax, Role: RoleQueue}
	}
	for i := range len(s) {
		if s[i] <= ' ' {
			return &BadSubjectError{Subject: s, Reason: ReasonBlank, Pos: i, Role: RoleQueue}
		}
	}
	return nil
}

func checkLiteral(s string, role Role) error {
	pos, reason := scanSubject(s, false)
	if reason == "" {
		return nil
	}
	return &BadSubjectError{Subject: s, Reason: reason, Pos: pos, Role: role}
}

// notable marks the bytes that a subject's check has to look at; a single table look-up
// is faster for all others than several comparisons.
var notable = func() (table [256]bool) {
	for c := range ' ' + 1 {
		table[c] = true
	}
	table['.'], table['*'], table['>'] = true, true, true
	return table
}()

// scanSubject finds the first violation in s; reason is empty when there is none.
func scanSubject(s string, wildcards bool) (pos int, reason string) {
	if s == "" {
		return 0, ReasonEmpty
	}
	if len(s) > SubjectMax {
		return SubjectMax, ReasonTooLong
	}
	token := 0 // where the current token starts
	for i := 0; i < len(s); i++ {
		c := s[i]
		if !notable[c] {
			continue
		}
		switch {
		case c == '.':
			if i == token {
				return i, ReasonEmptyToken
			}
			token = i + 1
		case c <= ' ':
			return i, ReasonBlank
		case i == token && (i+1 == len(s) || s[i+1] == '.'):
			if !wildcards {
				return i, ReasonWildcard
			}
			if c == '>' && i+1 < len(s) {
				return i, ReasonNotLast
			}
		}
	}
	if token == len(s) {
		return len(s), ReasonEmptyToken
	}
	return 0, ""
}

// HasWildcard reports whether a token of the subject is "*" or ">".
func HasWildcard(s string) bool {
	for i := range len(s) {
		if (s[i] == '*' || s[i] == '>') && (i == 0 || s[i-1] == '.') && (i+1 == len(s) || s[i+1] == '.') {
			return true
		}
	}
	return false
}

// Match reports whether a literal subject belongs to a pattern: "*" stands for
// one token, ">" as the last token for one or more. Neither matches an empty
// token.
func Match(pattern, subject string) bool {
	for {
		p, patternRest, patternMore := strings.Cut(pattern, ".")
		s, subjectRest, subjectMore := strings.Cut(subject, ".")
		switch {
		case s == "":
			return false
		case p == ">" && !patternMore:
			return !hasEmptyToken(subject)
		case p != "*" && p != s:
			return false
		case patternMore != subjectMore:
			return false
		case !patternMore:
			return true
		}
		pattern, subject = patternRest, subjectRest
	}
}

// hasEmptyToken reports whether s is empty, begins or ends with a dot, or contains two in
// a row.
func hasEmptyToken(s string) bool {
	return s == "" || s[0] == '.' || s[len(s)-1] == '.' || strings.Contains(s, "..")
}

// TokenCount returns the number of tokens, 0 for the empty subject.
func TokenCount(subject string) int {
	if subject == "" {
		return 0
	}
	return strings.Count(subject, ".") + 1
}

// TokenAt returns the i-th token, counted from 0, and "" when there is none. It
// shares memory with the subject.
func TokenAt(subject string, i int) string {
	for ; i > 0; i-- {
		dot := strings.IndexByte(subject, '.')
		if dot < 0 {
			return ""
		}
		subject = subject[dot+1:]
	}
	if i < 0 {
		return ""
	}
	token, _, _ := strings.Cut(subject, ".")
	return token
}
