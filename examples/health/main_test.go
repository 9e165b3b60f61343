package main

import (
	"bytes"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestTheEndpointTurnsRedAndGreenAgain(t *testing.T) {
	var out bytes.Buffer
	if err := run(&out); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	rest := out.String()
	for _, next := range []string{
		"GET /health: 200 well, connected to health\n",
		"the server was killed\n",
		"GET /health: 503 troupe: unhealthy: ",
		"├── requests ",
		"└── link ",
		"the server was started again\n",
		"GET /health: 200 well, connected to health\n",
	} {
		_, after, found := strings.Cut(rest, next)
		if !found {
			t.Fatalf("%q is missing, or stands too early, in\n%s", next, &out)
		}
		rest = after
	}
}
