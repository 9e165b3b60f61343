package protocol

import (
	"context"
	"errors"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// serverTexts is every text that nats-server 2.15 sends to a client, with what it
// means.
var serverTexts = []struct {
	text string
	want ServerError
}{
	{"Authorization Violation", ServerError{Kind: ErrAuthorization, Reaction: ReactReauthenticate, Closes: true}},
	{"Authentication Timeout", ServerError{Kind: ErrAuthTimeout, Reaction: ReactReconnect, Closes: true}},
	{"User Authentication Expired", ServerError{Kind: ErrAuthExpired, Reaction: ReactReauthenticate, Closes: true}},
	{"User Authentication Revoked", ServerError{Kind: ErrAuthRevoked, Reaction: ReactReauthenticate, Closes: true}},
	{"Account Authentication Expired", ServerError{Kind: ErrAccountAuthExpired, Reaction: ReactReauthenticate, Closes: true}},
	{"maximum connections exceeded", ServerError{Kind: ErrMaxConnectionsExceeded, Reaction: ReactOtherServer, Closes: true}},
	{"maximum account active connections exceeded",
		ServerError{Kind: ErrMaxAccountConnectionsExceeded, Reaction: ReactOtherServer, Closes: true}},
	{"Connection throttling is active. Please try again later.",
		ServerError{Kind: ErrConnectionThrottled, Reaction: ReactOtherServer, Closes: true}},
	{"maximum subscriptions exceeded", ServerError{Kind: ErrMaxSubscriptionsExceeded, Op: RoleSubscribe}},
	{`Permissions Violation for Publish to "Foo.bar"`, ServerError{Kind: ErrPermissionViolation, Op: RolePublish, Subject: "Foo.bar"}},
	{`Permissions Violation for Subscription to "Foo.>"`, ServerError{Kind: ErrPermissionViolation, Op: RoleSubscribe, Subject: "Foo.>"}},
	{`Permissions Violation for Subscription to "foo" using queue "Q1"`,
		ServerError{Kind: ErrPermissionViolation, Op: RoleSubscribe, Subject: "foo", Queue: "Q1"}},
	{`Permissions Violation for Subscription to "foo" (sid "17")`,
		ServerError{Kind: ErrPermissionViolation, Op: RoleSubscribe, Subject: "foo", SID: 17}},
	{`Permissions Violation for Subscription to "foo" using queue "Q" (sid "17")`,
		ServerError{Kind: ErrPermissionViolation, Op: RoleSubscribe, Subject: "foo", Queue: "Q", SID: 17}},
	{`Permissions Violation for Subscription to "a.b.c", too many tokens`,
		ServerError{Kind: ErrPermissionViolation, Op: RoleSubscribe, Subject: "a.b.c"}},
	{`Permissions Violation for Publish with Reply of "$JS.ACK.x"`,
		ServerError{Kind: ErrPermissionViolation, Op: RoleReply, Subject: "$JS.ACK.x"}},
	{"Invalid Subject", ServerError{Kind: ErrBadSubject, Op: RoleSubscribe}},
	{"Invalid Publish Subject", ServerError{Kind: ErrBadSubject, Op: RolePublish}},
	{"Maximum Payload Violation", ServerError{Kind: ErrMaxPayload, Op: RolePublish, Reaction: ReactReconnect, Closes: true}},
	{"maximum control line exceeded", ServerError{Kind: ErrMaxControlLine, Reaction: ReactReconnect, Closes: true}},
	{"Unknown Protocol Operation", ServerError{Kind: ErrProtocol, Reaction: ReactReconnect, Closes: true}},
	{"invalid client protocol", ServerError{Kind: ErrProtocol, Reaction: ReactStop, Closes: true}},
	{"no responders requires headers support", ServerError{Kind: ErrProtocol, Reaction: ReactStop, Closes: true}},
	{"Stale Connection", ServerError{Kind: ErrStaleConnection, Reaction: ReactReconnect, Closes: true}},
	{"Secure Connection - TLS Required", ServerError{Kind: ErrSecureConnRequired, Reaction: ReactReconnect, Closes: true}},
	{"attempted to connect to route port", ServerError{Kind: ErrWrongPort, Reaction: ReactDropServer, Closes: true}},
	{"attempted to connect to gateway port", ServerError{Kind: ErrWrongPort, Reaction: ReactDropServer, Closes: true}},
	{"attempted to connect to leaf node port", ServerError{Kind: ErrWrongPort, Reaction: ReactDropServer, Closes: true}},
	{"Failed Account Registration", ServerError{Kind: ErrAccountRegistration, Reaction: ReactReconnect, Closes: true}},

	// Texts beyond the list.
	{"", ServerError{Kind: ErrServer}},
	{"Something New", ServerError{Kind: ErrServer}},
	{"Invalid Subjects", ServerError{Kind: ErrServer}},
	{"Permissions Violation", ServerError{Kind: ErrPermissionViolation}},
	{"Permissions Violation for Something", ServerError{Kind: ErrPermissionViolation}},
	{`Permissions Violation for Publish to "foo`, ServerError{Kind: ErrPermissionViolation, Op: RolePublish}},
	{"Permissions Violation for Publish to foo", ServerError{Kind: ErrPermissionViolation, Op: RolePublish}},
	{"Permissions Violation for Publish to `foo`", ServerError{Kind: ErrPermissionViolation, Op: RolePublish}},
	{`Permissions Violation for Publish to "a\"b\\c\x01\u00e4"`,
		ServerError{Kind: ErrPermissionViolation, Op: RolePublish, Subject: "a\"b\\c\x01ä"}},
	{`Permissions Violation for Subscription to "foo" using queue "Q`,
		ServerError{Kind: ErrPermissionViolation, Op: RoleSubscribe, Subject: "foo"}},
	{`Permissions Violation for Subscription to "foo" (sid "x")`,
		ServerError{Kind: ErrPermissionViolation, Op: RoleSubscribe, Subject: "foo"}},
}

func TestEveryServerTextIsClassified(t *testing.T) {
	forms := map[string]func(string) string{
		"as sent":     func(s string) string { return "'" + s + "'" },
		"bare":        func(s string) string { return s },
		"with blanks": func(s string) string { return " \t'" + s + "' \r\n" },
	}
	for _, c := range serverTexts {
		for form, of := range forms {
			want := c.want
			want.Text = c.text
			got := ClassifyServerError([]byte(of(c.text)))
			if diff := cmp.Diff(&want, got, sameServerError); diff != "" {
				t.Errorf("%q %s (-want +got):\n%s", c.text, form, diff)
			}
			if !errors.Is(got, got.Kind) {
				t.Errorf("%q: is not its kind", c.text)
			}
		}
	}
}

var sameServerError = cmp.Comparer(func(a, b *ServerError) bool { return *a == *b })

func TestTextsAreClassifiedWhateverTheirCase(t *testing.T) {
	for _, c := range serverTexts {
		for _, text := range []string{strings.ToLower(c.text), strings.ToUpper(c.text)} {
			got := ClassifyServerError([]byte("'" + text + "'"))
			if got.Kind != ClassifyServerError([]byte("'"+c.text+"'")).Kind || got.Text != text {
				t.Errorf("%q: %+v", text, got)
			}
		}
	}
}

func TestServerErrorsAreReadFromTheWire(t *testing.T) {
	stream := AppendErr(nil, `Permissions Violation for Publish to "it's"`)
	var f Frame
	if n, err := NewServerParser(Limits{}).Next(stream, &f); n != len(stream) || err != nil {
		t.Fatalf("%d, %v", n, err)
	}
	got := ClassifyServerError(f.Arg.Of(stream))
	clear(stream)
	if got.Subject != "it's" || got.Op != RolePublish || !errors.Is(got, ErrPermissionViolation) {
		t.Errorf("got %+v", got)
	}
	want := `troupe: permissions violation (server: "Permissions Violation for Publish to \"it's\"")`
	if got.Error() != want {
		t.Errorf("got  %s\nwant %s", got.Error(), want)
	}
	if text := ClassifyServerError(nil).Error(); text != "troupe: server error" {
		t.Errorf("got %q", text)
	}
}

func TestKindsHaveTheirParents(t *testing.T) {
	for _, c := range []struct {
		kind  error
		is    []error
		isNot []error
	}{
		{ErrNotNATS, []error{ErrProtocol}, []error{ErrUnknownOp}},
		{ErrUnknownOp, []error{ErrProtocol}, nil},
		{ErrBadArguments, []error{ErrProtocol}, nil},
		{ErrBadFrameEnd, []error{ErrProtocol}, nil},
		{ErrMaxControlLine, []error{ErrProtocol}, nil},
		{ErrMaxHeader, []error{ErrProtocol}, nil},
		{ErrNoInfoReceived, []error{ErrProtocol}, nil},
		{ErrBadHeaderMsg, []error{ErrProtocol}, nil},
		{ErrJSONParse, []error{ErrProtocol}, nil},
		{ErrWrongPort, []error{ErrProtocol}, nil},
		{ErrBadQueueName, []error{ErrBadSubject}, nil},
		{ErrTimeout, []error{context.DeadlineExceeded}, []error{context.Canceled}},
		{ErrAuthExpired, []error{ErrAuthorization}, []error{ErrAuthRevoked}},
		{ErrAuthRevoked, []error{ErrAuthorization}, nil},
		{ErrAccountAuthExpired, []error{ErrAuthorization}, nil},
		{ErrAuthTimeout, []error{ErrAuthorization, ErrTimeout, context.DeadlineExceeded}, nil},
		{ErrAccountRegistration, nil, []error{ErrAuthorization}},
		{ErrConnectionThrottled, []error{ErrMaxConnectionsExceeded}, nil},
		{ErrMaxAccountConnectionsExceeded, nil, []error{ErrMaxConnectionsExceeded}},
		{ErrMaxPayload, nil, []error{ErrProtocol}},
		{ErrServer, nil, []error{ErrProtocol}},
	} {
		for _, parent := range c.is {
			if !errors.Is(c.kind, parent) {
				t.Errorf("%v is not %v", c.kind, parent)
			}
		}
		for _, other := range c.isNot {
			if errors.Is(c.kind, other) {
				t.Errorf("%v is %v", c.kind, other)
			}
		}
	}
	var timeout interface{ Timeout() bool }
	if !errors.As(ErrAuthTimeout, &timeout) || !timeout.Timeout() {
		t.Error("a timeout does not say so")
	}
}

func TestReactionNames(t *testing.T) {
	seen := map[string]bool{}
	for r := ReactIgnoreReport; r <= ReactStop; r++ {
		if name := r.String(); name == "unknown" || seen[name] {
			t.Errorf("reaction %d is called %q", r, name)
		} else {
			seen[name] = true
		}
	}
	if Reaction(99).String() != "unknown" {
		t.Errorf("got %q", Reaction(99))
	}
}

// TestTheTextOfAServerErrorIsBounded, and so are the details read from it.
func TestTheTextOfAServerErrorIsBounded(t *testing.T) {
	const front = `Permissions Violation for Publish to "`
	for length, want := range map[int]int{ServerErrorTextMax - 1: ServerErrorTextMax - 1, ServerErrorTextMax: ServerErrorTextMax, ServerErrorTextMax + 1: ServerErrorTextMax, 10 * ServerErrorTextMax: ServerErrorTextMax} {
		subject := strings.Repeat("s", length-len(front)-1)
		got := ClassifyServerError([]byte(front + subject + `"`))
		if len(got.Text) != want || got.Kind != ErrPermissionViolation {
			t.Errorf("of %d bytes %d are kept: %v", length, len(got.Text), got.Kind)
		}
		if whole := length <= ServerErrorTextMax; (got.Subject == subject) != whole || (got.Subject == "") == whole {
			t.Errorf("%d bytes: the subject has %d of %d", length, len(got.Subject), len(subject))
		}
	}
}
