package protocol

import (
	"errors"
	"strings"
	"testing"
)

func TestSubjectRules(t *testing.T) {
	for _, c := range []struct {
		subject      string
		publish      string // reason, empty when allowed
		pos          int
		subscribe    string
		subscribePos int // where it differs
	}{
		{"foo", "", 0, "", 0},
		{"foo.bar.baz", "", 0, "", 0},
		{"a", "", 0, "", 0},
		{"$SYS.REQ", "", 0, "", 0},
		{"größe", "", 0, "", 0},
		{"foo*", "", 0, "", 0},
		{"*foo", "", 0, "", 0},
		{"f>o.b*r", "", 0, "", 0},
		{"foo.>>", "", 0, "", 0},
		{"**", "", 0, "", 0},
		{"", ReasonEmpty, 0, ReasonEmpty, 0},
		{".", ReasonEmptyToken, 0, ReasonEmptyToken, 0},
		{".a", ReasonEmptyToken, 0, ReasonEmptyToken, 0},
		{"a.", ReasonEmptyToken, 2, ReasonEmptyToken, 0},
		{"a..b", ReasonEmptyToken, 2, ReasonEmptyToken, 0},
		{" ", ReasonBlank, 0, ReasonBlank, 0},
		{"a b", ReasonBlank, 1, ReasonBlank, 0},
		{"a\tb", ReasonBlank, 1, ReasonBlank, 0},
		{"a\r\nPUB x 0", ReasonBlank, 1, ReasonBlank, 0},
		{"a.b\n", ReasonBlank, 3, ReasonBlank, 0},
		{"a\x00", ReasonBlank, 1, ReasonBlank, 0},
		{"a\fb", ReasonBlank, 1, ReasonBlank, 0},
		{"*", ReasonWildcard, 0, "", 0},
		{">", ReasonWildcard, 0, "", 0},
		{"a.*", ReasonWildcard, 2, "", 0},
		{"a.*.b", ReasonWildcard, 2, "", 0},
		{"*.*.>", ReasonWildcard, 0, "", 0},
		{"a.>", ReasonWildcard, 2, "", 0},
		{"a.>.b", ReasonWildcard, 2, ReasonNotLast, 2},
		{strings.Repeat("a", SubjectMax), "", 0, "", 0},
		{strings.Repeat("a", SubjectMax+1), ReasonTooLong, SubjectMax, ReasonTooLong, SubjectMax},
		{">.>", ReasonWildcard, 0, ReasonNotLast, 0},
		{">.", ReasonWildcard, 0, ReasonNotLast, 0},
		{"*.", ReasonWildcard, 0, ReasonEmptyToken, 2},
	} {
		want := BadSubjectError{Subject: c.subject, Reason: c.publish, Pos: c.pos, Role: RolePublish}
		checkSubject(t, want, CheckPublishSubject(c.subject))
		want.Role = RoleReply
		checkSubject(t, want, CheckReplySubject(c.subject))
		want.Role, want.Reason = RoleSubscribe, c.subscribe
		if c.subscribe != c.publish { // found later, where the wildcard may not be
			want.Pos = c.subscribePos
		}
		checkSubject(t, want, CheckSubscribeSubject(c.subject))
	}
}

// checkSubject compares an error with the wanted one; an empty reason means no error.
func checkSubject(t *testing.T, want BadSubjectError, err error) {
	t.Helper()
	var bad *BadSubjectError
	if !errors.As(err, &bad) {
		if want.Reason != "" || err != nil {
			t.Errorf("got %v, want %+v", err, want)
		}
		return
	}
	if *bad != want {
		t.Errorf("got %+v, want %+v", bad, want)
	}
	if !errors.Is(err, ErrBadSubject) || errors.Is(err, ErrBadQueueName) {
		t.Errorf("%v has the wrong kind", err)
	}
}

func TestQueueRules(t *testing.T) {
	for _, good := range []string{"", "workers", "a.b", "a..b", "*", ">", "größe"} {
		if err := CheckQueue(good); err != nil {
			t.Errorf("%q: %v", good, err)
		}
	}
	for _, bad := range injections {
		err := CheckQueue(bad)
		if !errors.Is(err, ErrBadQueueName) || !errors.Is(err, ErrBadSubject) {
			t.Errorf("%q: %v", bad, err)
		}
	}
	want := `troupe: invalid queue name "a b" (queue): blank or control character at byte 1`
	if err := CheckQueue("a b"); err.Error() != want {
		t.Errorf("got  %v\nwant %s", err, want)
	}
}

func TestChecksAllocateNothing(t *testing.T) {
	allocs := testing.AllocsPerRun(100, func() {
		if CheckPublishSubject("foo.bar") != nil || CheckSubscribeSubject("foo.*.>") != nil || CheckQueue("q") != nil ||
			!Match("foo.*.>", "foo.bar.baz") || TokenAt("foo.bar", 1) != "bar" {
			t.Fatal("wrong answer")
		}
	})
	if allocs != 0 {
		t.Errorf("%v allocations", allocs)
	}
}

func TestMatch(t *testing.T) {
	for _, c := range []struct {
		pattern, subject string
		want             bool
	}{
		{"foo", "foo", true},
		{"foo", "bar", false},
		{"foo", "foo.bar", false},
		{"foo.bar", "foo", false},
		{"foo.*", "foo.bar", true},
		{"foo.*", "foo", false},
		{"foo.*", "foo.bar.baz", false},
		{"*.bar", "foo.bar", true},
		{"*", "foo", true},
		{"*", "foo.bar", false},
		{"foo.>", "foo.bar", true},
		{"foo.>", "foo.bar.baz", true},
		{"foo.>", "foo", false},
		{">", "foo", true},
		{">", "foo.bar.baz", true},
		{"foo.*.baz", "foo.bar.baz", true},
		{"foo.*.baz", "foo.bar.bar", false},
		{"*.*.>", "a.b.c.d", true},
		{"*.*.>", "a.b", false},
		{"f*", "foo", false},
		{"f*", "f*", true},
		{">.a", "b.a", false},
		{">", "", false},
		{"*", "", false},
		{"", "", false},
		{"foo.>", "foo.", false},
		{"foo.>", "foo..bar", false},
		{"foo.*", "foo.", false},
		{"foo.>", "foo.bar.", false},
	} {
		if got := Match(c.pattern, c.subject); got != c.want {
			t.Errorf("pattern %q, subject %q: got %v", c.pattern, c.subject, got)
		}
	}
}

func TestTokens(t *testing.T) {
	for _, c := range []struct {
		subject string
		tokens  []string
	}{{"", nil}, {"a", []string{"a"}}, {"a.bc.d", []string{"a", "bc", "d"}}, {"a..b", []string{"a", "", "b"}}} {
		if got := TokenCount(c.subject); got != len(c.tokens) {
			t.Errorf("%q: %d tokens", c.subject, got)
		}
		for i, want := range c.tokens {
			if got := TokenAt(c.subject, i); got != want {
				t.Errorf("%q: token %d is %q, want %q", c.subject, i, got, want)
			}
		}
		if TokenAt(c.subject, -1) != "" || TokenAt(c.subject, len(c.tokens)) != "" {
			t.Errorf("%q: has tokens outside of it", c.subject)
		}
	}
}

func TestHasWildcard(t *testing.T) {
	for subject, want := range map[string]bool{
		"": false, "a.b": false, "a*": false, "*a.b": false, "*": true, ">": true, "a.*": true, "*.a": true, "a.*.b": true, "a.>": true, "a>": false,
	} {
		if HasWildcard(subject) != want {
			t.Errorf("%q: got %v", subject, !want)
		}
	}
}

func TestRoleNames(t *testing.T) {
	names := []string{}
	for role := RoleNone; role <= RoleQueue; role++ {
		names = append(names, role.String())
	}
	if got := strings.Join(names, " "); got != "none publish reply subscribe queue" {
		t.Errorf("got %s", got)
	}
}
