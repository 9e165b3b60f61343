package main

import (
	"bytes"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestOnlyTheClientWithEverythingGetsIn(t *testing.T) {
	t.Setenv("TMPDIR", t.TempDir())
	var out bytes.Buffer
	if err := run(&out); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	for _, want := range []string{
		"connected to \"our server\" with TLS 1.3\n",
		"a user of the account A",
		"sent and received over TLS: a secret\n",
		"without the authority: TLS failed at the stage \"verify\"\n",
		"without the certificate: TLS failed at the stage ",
		"without the credentials: refused with Authorization Violation\n",
	} {
		if !strings.Contains(out.String(), want) {
			t.Errorf("%q is missing in\n%s", want, &out)
		}
	}
}
