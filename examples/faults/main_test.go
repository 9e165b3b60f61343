package main

import (
	"bytes"
	"strings"
	"testing"

	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestBothVerdicts(t *testing.T) {
	var out bytes.Buffer
	if err := run(&out, 1); err != nil {
		t.Fatalf("%v\n%s", err, &out)
	}
	got := map[string]string{}
	for line := range strings.Lines(out.String()) {
		if f := strings.Fields(line); len(f) == 4 {
			got[f[0]+" "+f[1]] = f[2] + ", " + f[3]
		}
	}
	for guarantee, want := range map[string]string{
		"G1 AckedKept":      "broken, held", // what a flush confirmed had gone with the old connection
		"G2 OneOutcome":     "held, held",
		"G3 NoSilentDup":    "held, held",
		"G4 Ordered":        "held, held",
		"G5 SubsRestored":   "held, held",
		"G6 AtMostOnceCore": "held, held",
		"G8 NoStall":        "broken, held", // an unknown error of the server ended the client
		"G12 NoCrash":       "held, held",
		"G13 CloseBounded":  "held, held",
		"G14 NoStorm":       "held, held",
		"G7 AtLeastOnceJS":  "", // there are no streams
		"G11 Typed":         "",
		"G15 Replay":        "",
	} {
		if got[guarantee] != want {
			t.Errorf("%s: %q, want %q", guarantee, got[guarantee], want)
		}
	}
	if t.Failed() {
		t.Log(out.String())
	}
}
