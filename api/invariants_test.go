//go:build invariants

package api

import (
	"bytes"
	"testing"
)

// TestKeptBorrowedMessagesAreFound: a test that keeps a borrowed message notices.
func TestKeptBorrowedMessagesAreFound(t *testing.T) {
	m := message(16, 1)
	at := cursorAt(t, 1, m)
	var data []byte
	var subject string
	var header Header
	sub := &Subscription{Subject: m.Subject, handler: func(m *Msg) { data, subject, header = m.Data, m.Subject, m.Header }}
	c := sub.borrowedConsumer()
	c.Call(c.Build(&at, 1) - 1)
	if bytes.Equal(data, m.Data) || data[0] != poisonByte || subject[0] != poisonByte || len(header) != 0 {
		t.Errorf("kept %q, %q, %v", subject, data, header)
	}
}
