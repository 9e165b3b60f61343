package supervisor

import (
	"encoding/json"
	"testing"
)

func TestTheNamesOfDirectivesAreStable(t *testing.T) {
	want := map[Directive]string{
		Unset: "unset", Resume: "resume", Restart: "restart", Stop: "stop", Escalate: "escalate", Crash: "crash",
		200: "directive(200)",
	}
	for d, name := range want {
		if d.String() != name {
			t.Errorf("directive %d is called %q, want %q", uint8(d), d, name)
		}
	}
}

func TestNamesAppearInJSON(t *testing.T) {
	got, err := json.Marshal(struct {
		D Directive
		S Scope
		L Level
		K EventKind
	}{Restart, RestForOne, Degraded, LinkLost})
	if want := `{"D":"restart","S":"rest-for-one","L":"degraded","K":"LinkLost"}`; err != nil || string(got) != want {
		t.Errorf("got %s (%v), want %s", got, err, want)
	}
}
