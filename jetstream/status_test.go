package jetstream

import (
	"errors"
	"strings"
	"testing"

	"github.com/troupe-go/troupe/api"
)

// statusRows has, for each status of a server, the expected result for a pull or a direct get.
var statusRows = []struct {
	place   statusPlace
	status  string // as on the wire
	kind    error
	ends    bool
	pending bool
	shown   statusShown
	action  statusAction
}{
	{fromConsumer, "100 Idle Heartbeat", nil, false, false, statusHidden, statusAlive},
	{fromConsumer, "100 FlowControl Request", nil, false, false, statusHidden, statusFlow},
	{fromConsumer, "100 Of Tomorrow", nil, false, false, statusHidden, statusAlive},
	{fromConsumer, "400 Bad Request - Invalid Priority Group", ErrPullBadRequest, true, false, statusFailure, statusFinish},
	{fromConsumer, "400", ErrBadRequest, true, false, statusFailure, statusFinish},
	{fromConsumer, "404 No Messages", ErrNoMessages, true, false, statusHidden, statusGoOn},
	{fromConsumer, "408 Request Timeout", ErrFetchTimeout, true, true, statusHidden, statusGoOn},
	{fromConsumer, "408 Interest Expired", ErrFetchTimeout, true, true, statusHidden, statusGoOn},
	{fromConsumer, "408 Requests Pending", ErrFetchTimeout, true, false, statusHidden, statusGoOn},
	{fromConsumer, "409 Message Size Exceeds MaxBytes", ErrMaxBytesExceeded, true, true, statusHidden, statusGoOn},
	{fromConsumer, "409 Batch Completed", ErrBatchCompleted, true, true, statusHidden, statusGoOn},
	{fromConsumer, "409 Consumer Deleted", ErrConsumerDeleted, true, false, statusFailure, statusFinish},
	{fromConsumer, "409 Consumer is push based", ErrNotPullConsumer, true, false, statusFailure, statusFinish},
	{fromConsumer, "409 Exceeded MaxRequestBatch of 5", ErrMaxRequestBatch, true, false, statusWarning, statusWait},
	{fromConsumer, "409 Exceeded MaxRequestExpires of 1s", ErrMaxRequestExpires, true, false, statusWarning, statusWait},
	{fromConsumer, "409 Exceeded MaxRequestMaxBytes of 10", ErrMaxRequestMaxBytes, true, false, statusWarning, statusWait},
	{fromConsumer, "409 Exceeded MaxWaiting", ErrMaxWaiting, true, false, statusWarning, statusWait},
	{fromConsumer, "409 Leadership Change", ErrConsumerLeadershipChanged, true, false, statusWarning, statusAnew},
	{fromConsumer, "409 Server Shutdown", ErrServerShutdown, true, true, statusWarning, statusWait},
	{fromConsumer, "409 Something New", ErrAPI, true, false, statusWarning, statusWait},
	{fromConsumer, "412 Required Api Level", ErrRequiredAPILevel, true, false, statusFailure, statusFinish},
	{fromConsumer, "423 Nats-Wrong-Pin-Id", ErrPinIDMismatch, true, true, statusHidden, statusUnpin},
	{fromConsumer, "423 Nats-Pin-Id mismatch", ErrPinIDMismatch, true, false, statusHidden, statusUnpin},
	{fromConsumer, "423 Another Text", ErrPinIDMismatch, true, false, statusHidden, statusUnpin},
	{fromConsumer, "429 Too Many Requests", ErrTooManyRequests, true, false, statusWarning, statusWait},
	{fromConsumer, "500 Oh No", ErrServer, true, false, statusWarning, statusWait},
	{fromConsumer, "503", api.ErrNoResponders, true, false, statusWarning, statusWait},
	{fromConsumer, "503", ErrServiceUnavailable, true, false, statusWarning, statusWait},
	{fromDirect, "204 EOB", nil, true, false, statusHidden, statusFinish},
	{fromDirect, "204", nil, true, false, statusHidden, statusFinish},
	{fromDirect, "404 Message Not Found", ErrMsgNotFound, true, false, statusFailure, statusFinish},
	{fromDirect, "404 No Results", ErrMsgNotFound, true, false, statusFailure, statusFinish},
	{fromDirect, "408 Empty Request", ErrBadRequest, true, false, statusFailure, statusFinish},
	{fromDirect, "408 Malformed Request", ErrBadRequest, true, false, statusFailure, statusFinish},
	{fromDirect, "412 Required Api Level", ErrRequiredAPILevel, true, false, statusFailure, statusFinish},
	{fromDirect, "413 Too Many Results", ErrTooManyResults, true, false, statusFailure, statusFinish},
	{fromDirect, "429 Too Many Requests", ErrTooManyRequests, true, false, statusFailure, statusFinish},
	{fromDirect, "500 store is closed", ErrServer, true, false, statusFailure, statusFinish},
	{fromDirect, "503", api.ErrNoResponders, true, false, statusFailure, statusFinish},
	{fromDirect, "418 Of Tomorrow", ErrAPI, true, false, statusFailure, statusFinish},
}

// statusMsg is a status as it arrives.
func statusMsg(t testing.TB, line string, fields ...string) *api.Msg {
	t.Helper()
	code, text, _ := strings.Cut(line, " ")
	m := &api.Msg{Header: api.Header{"Status": {code}}}
	if text != "" {
		m.Header.Set("Description", text)
	}
	for i := 0; i+1 < len(fields); i += 2 {
		m.Header.Set(fields[i], fields[i+1])
	}
	return m
}

func TestEveryStatusHasItsMeaning(t *testing.T) {
	used := map[statusMeaning]bool{}
	for _, row := range statusRows {
		for _, line := range []string{row.status, strings.ToUpper(row.status), strings.ToLower(row.status)} {
			m := statusMsg(t, line)
			if !isStatus(m) {
				t.Fatalf("%q is no status", line)
			}
			got := meaningOf(row.place, m.Status(), m.Description())
			used[got] = true
			if !errors.Is(got.kind, row.kind) || (got.kind == nil) != (row.kind == nil) {
				t.Errorf("%q is %v, want %v", line, got.kind, row.kind)
			}
			if got.ends != row.ends || got.pending != row.pending || got.shown != row.shown || got.action != row.action {
				t.Errorf("%q means %+v, want %+v", line, got, row)
			}
		}
	}
	for _, rule := range statusMeanings {
		if !used[rule] {
			t.Errorf("no row for %+v", rule)
		}
	}
}

func TestMessagesAreNoStatuses(t *testing.T) {
	for name, m := range map[string]*api.Msg{
		"nothing":    {},
		"a payload":  {Header: api.Header{"Status": {"409"}}, Data: []byte("x")},
		"a header":   {Header: api.Header{"A": {"b"}}},
		"no number":  {Header: api.Header{"Status": {"fine"}}},
		"empty":      {Header: api.Header{"Status": {""}}},
		"no payload": {Header: api.Header{"Nats-Msg-Id": {"1"}}},
	} {
		if isStatus(m) {
			t.Errorf("%s is a status", name)
		}
	}
}

func TestStatusSaysWhatIsPending(t *testing.T) {
	for _, c := range []struct {
		msgs, bytes         string
		wantMsgs, wantBytes int
	}{
		{"3", "400", 3, 400},
		{"", "", 0, 0},
		{"-1", "-5", 0, 0},
		{"x", "99999999999999999999999", 0, 0},
	} {
		e := statusFetchError(statusMsg(t, "408 Request Timeout", pendingMessagesHeader, c.msgs, pendingBytesHeader, c.bytes))
		if e.PendingMsgs != c.wantMsgs || e.PendingBytes != c.wantBytes {
			t.Errorf("%q and %q are %d and %d", c.msgs, c.bytes, e.PendingMsgs, e.PendingBytes)
		}
		if e.Status != 408 || e.Description != "Request Timeout" || !errors.Is(e, ErrFetchTimeout) || !errors.Is(e, api.ErrTimeout) {
			t.Errorf("the error is %v", e)
		}
	}
}

// FuzzStatusMeaning: whatever a peer sends has a meaning, and ends no pull twice.
func FuzzStatusMeaning(f *testing.F) {
	for _, row := range statusRows {
		m := statusMsg(f, row.status)
		f.Add(m.Status(), m.Description(), "1")
	}
	f.Fuzz(func(t *testing.T, code int, text, count string) {
		for _, place := range []statusPlace{fromConsumer, fromDirect} {
			m := meaningOf(place, code, text)
			if m.kind == nil && code != 100 && code != 204 {
				t.Errorf("%d %q is no error", code, text)
			}
			if m.kind != nil && !m.ends || m.pending && !m.ends {
				t.Errorf("%d %q means %+v", code, text, m)
			}
		}
		if msgs, _ := pendingIn(api.Header{pendingMessagesHeader: {count}}); msgs < 0 {
			t.Errorf("%q is %d", count, msgs)
		}
	})
}
