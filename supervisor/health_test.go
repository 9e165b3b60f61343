package supervisor

import (
	"errors"
	"fmt"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestAWellTreeIsHealthy(t *testing.T) {
	if err := Health(Node{Name: "conn-1", State: "closed", Children: []Node{{State: "stopped", Reason: "asked to"}}}); err != nil {
		t.Errorf("nothing is wrong, but: %v", err)
	}
}

func TestEachUnwellActorIsListed(t *testing.T) {
	err := fmt.Errorf("check: %w", Health(troubledConnection()))
	found, ok := errors.AsType[*HealthError](err)
	if !ok || !errors.Is(err, ErrUnhealthy) {
		t.Fatalf("got %v, want a *HealthError", err)
	}
	want := []Problem{
		{Path: "conn-1", State: "reconnecting", Level: Down, For: 2 * time.Second},
		{
			Path: "conn-1/link", State: "waiting", Level: Down, For: 420 * time.Millisecond,
			Reason: "dial nats://derek:s3cr3t@demo:4222:\nconnection refused",
		},
		{Path: "conn-1/subscriptions/audit.>", State: "busy", Level: Degraded, For: 4 * time.Second, Reason: "slow consumer"},
	}
	if diff := cmp.Diff(want, found.Problems); diff != "" {
		t.Errorf("wrong problems (-want +got):\n%s", diff)
	}
	if found.Worst() != Down {
		t.Errorf("the worst is %v, want down", found.Worst())
	}
	text := "troupe: unhealthy: conn-1 is reconnecting for 2s; conn-1/link is waiting for 420ms " +
		"(dial nats://***@demo:4222: connection refused); conn-1/subscriptions/audit.> is busy for 4s (slow consumer)"
	if found.Error() != text {
		t.Errorf("got  %s\nwant %s", found, text)
	}
}

func TestALongListIsCutInTheTextOnly(t *testing.T) {
	root := Node{}
	for range 7 {
		root.Children = append(root.Children, Node{Name: "a", Level: Degraded})
	}
	found, _ := errors.AsType[*HealthError](Health(root))
	if want := "troupe: unhealthy: a is -; a is -; a is -; a is -; a is -; and 2 more"; found.Error() != want {
		t.Errorf("got  %s\nwant %s", found, want)
	}
	if len(found.Problems) != 7 || found.Worst() != Degraded {
		t.Errorf("%d problems, the worst is %v; want 7, degraded", len(found.Problems), found.Worst())
	}
}

func TestHealthAgreesWithTheTree(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		root := anyTree(3).Draw(t, "tree")
		unwell := 0
		for n := range root.All() {
			if n.Level != Well {
				unwell++
			}
		}
		found, ok := errors.AsType[*HealthError](Health(root))
		if ok != (unwell > 0) || ok && len(found.Problems) != unwell || len(root.Unhealthy()) != unwell {
			t.Fatalf("%d nodes are not well, but: %v", unwell, found)
		}
		if ok {
			checkHealthText(t, found)
		}
	})
}

// checkHealthText fails unless the text is one printable line.
func checkHealthText(t *rapid.T, found *HealthError) {
	for _, p := range found.Problems {
		checkLine(t, p.String())
	}
}

func TestAProblemFromTheFutureHasNoDuration(t *testing.T) {
	found, _ := errors.AsType[*HealthError](Health(Node{Level: Down, Taken: epoch, Since: epoch.Add(time.Hour)}))
	if found == nil || found.Problems[0].For != 0 {
		t.Errorf("got %+v", found)
	}
}

func TestUnhealthyNodesComeAlone(t *testing.T) {
	found := troubledConnection().Unhealthy()
	if len(found) != 3 || found[0].Name != "conn-1" || found[0].Children != nil {
		t.Errorf("got %d nodes, the first with %d children: want three without", len(found), len(found[0].Children))
	}
}

func TestTheNamesOfLevelsAreStable(t *testing.T) {
	for level, want := range map[Level]string{Well: "well", Degraded: "degraded", Down: "down", 8: "level(8)"} {
		if level.String() != want {
			t.Errorf("level %d is called %q, want %q", uint8(level), level, want)
		}
	}
}
