package api_test

import (
	"strings"
	"testing"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/must"
)

func TestStatusOfAMessage(t *testing.T) {
	for block, want := range map[string]struct {
		code        int
		description string
	}{
		"NATS/1.0\r\nA: b\r\n\r\n":                      {},
		"NATS/1.0 503\r\n\r\n":                          {503, ""},
		"NATS/1.0 409 Consumer Deleted\r\nA: b\r\n\r\n": {409, "Consumer Deleted"},
		"NATS/1.0\r\nStatus: no number\r\n\r\n":         {},
	} {
		m := &api.Msg{Header: must.Get(api.DecodeHeadersMsg([]byte(block)))(t)}
		if m.Status() != want.code || m.Description() != want.description {
			t.Errorf("%q: %d %q", block, m.Status(), m.Description())
		}
	}
	var none *api.Msg
	if none.Status() != 0 || none.Description() != "" || new(api.Msg).Status() != 0 {
		t.Error("nothing has a status")
	}
	_, err := api.DecodeHeadersMsg([]byte("HTTP/1.0 200\r\n\r\n"))
	kinds(t, err, api.ErrBadHeaderMsg)
}

func TestSkipSubjectValidation(t *testing.T) {
	_, nc := both(t, api.SkipSubjectValidation())
	sub := must.Get(nc.SubscribeSync(">"))(t)
	for _, subject := range []string{"a.*", "a.>", "*"} {
		must.Do(t, nc.Publish(subject, nil))
		if m := must.Get(sub.NextMsgWithContext(must.Within(t, patience)))(t); m.Subject != subject {
			t.Errorf("published to %q, got %q", subject, m.Subject)
		}
	}
	for _, subject := range []string{"a..b", ".a", "a."} {
		must.Do(t, nc.Publish(subject, nil))
	}
	for _, subject := range []string{"", "a b", "a\r\nPUB b 0", "a\tb", strings.Repeat("a", 32<<10+1)} {
		kinds(t, nc.Publish(subject, nil), api.ErrBadSubject)
		_, err := nc.Request(subject, nil, patience)
		kinds(t, err, api.ErrBadSubject)
	}
	flushed(t, nc)
}

// TestDisconnectHandler is called while there is no DisconnectErrHandler.
func TestDisconnectHandler(t *testing.T) {
	calls := make(chan string, 10)
	told := func(what string) api.ConnHandler { return func(*api.Conn) { calls <- what } }
	_, nc := both(t, api.DisconnectHandler(told("first")), api.ReconnectHandler(told("again")))
	expect := func(want string) {
		t.Helper()
		must.Do(t, nc.ForceReconnect())
		if got := await(t, calls, want); got != want {
			t.Errorf("%s was called, want %s", got, want)
		}
		if got := await(t, calls, "the reconnect"); got != "again" {
			t.Errorf("%s was called, want the ReconnectHandler", got)
		}
	}
	expect("first")
	nc.SetDisconnectHandler(told("second"))
	expect("second")
	nc.SetDisconnectErrHandler(func(*api.Conn, error) { calls <- "third" })
	expect("third")
}
