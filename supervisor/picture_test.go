package supervisor

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

func TestThePictureOfATree(t *testing.T) {
	want := strings.TrimPrefix(`
conn-1             reconnecting  2s     down
├── link           waiting       420ms  down  restarts 3  dial nats://***@demo:4222: connection refused
│   ├── reader     stopped
│   └── writer     stopped
├── subscriptions  running       3m0s
│   ├── orders.*   idle          1m0s
│   └── audit.>    busy          4s     degraded  restarts 1  mailbox 17 (2.1 KiB)  slow consumer
└── requests       running       3m0s   mailbox 2
`, "\n")
	if diff := cmp.Diff(want, Picture{}.Draw(troubledConnection())); diff != "" {
		t.Errorf("wrong picture (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(want, troubledConnection().String()); diff != "" {
		t.Errorf("String draws another picture (-want +got):\n%s", diff)
	}
}

func TestThePictureAtAnotherTime(t *testing.T) {
	n := Node{Name: "conn-1", State: "connected", Since: epoch.Add(-time.Second)}
	tests := []struct {
		name  string
		taken time.Time
		now   time.Time
		want  string
	}{
		{"without a time, the clock is shown", time.Time{}, time.Time{}, "conn-1  connected  since 11:59:59\n"},
		{"the time of the snapshot", epoch, time.Time{}, "conn-1  connected  1s\n"},
		{"the time asked for goes first", epoch, epoch.Add(time.Minute), "conn-1  connected  1m1s\n"},
		{"a clock that went back", epoch.Add(-time.Hour), time.Time{}, "conn-1  connected  0s\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			n.Taken = test.taken
			if got := (Picture{Now: test.now}).Draw(n); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestThePictureOfLittle(t *testing.T) {
	tests := []struct {
		name string
		node Node
		want string
	}{
		{"nothing", Node{}, "-\n"},
		{"a path in place of a name", Node{Path: "conn-1"}, "conn-1\n"},
		{"no state, but a reason", Node{Name: "conn-1", Reason: "why not"}, "conn-1  why not\n"},
		{"bytes alone", Node{Name: "a", MailboxBytes: 1}, "a  mailbox 0 (1 B)\n"},
		{"a name that holds a line end", Node{Name: "a\nb"}, "a b\n"},
		{"a level nobody knows", Node{Name: "a", Level: 9}, "a  level(9)\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if got := test.node.String(); got != test.want {
				t.Errorf("got %q, want %q", got, test.want)
			}
		})
	}
}

func TestAPictureLeavesOutTheWellFirst(t *testing.T) {
	many := Node{Name: "subscriptions"}
	for _, name := range strings.Split("abcdefgh", "") {
		child := Node{Name: name}
		switch name {
		case "d":
			child.Level = Degraded
		case "g": // well itself, but not below
			child.Children = []Node{{Name: "worker", Level: Down}}
		}
		many.Children = append(many.Children, child)
	}
	tests := []struct {
		name string
		most int
		want string
	}{
		{"none of the unwell fits twice", 1, "subscriptions\n├── d          degraded\n└── … 7 more   1 of them not well\n"},
		{"the unwell fit", 2, "subscriptions\n├── d           degraded\n├── g\n│   └── worker  down\n└── … 6 more\n"},
		{"and one more", 3, "subscriptions\n├── a\n├── d           degraded\n├── g\n│   └── worker  down\n└── … 5 more\n"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, Picture{ChildrenMax: test.most}.Draw(many)); diff != "" {
				t.Errorf("wrong picture (-want +got):\n%s", diff)
			}
		})
	}
	for _, all := range []int{0, -1, 8, 9} {
		if got := (Picture{ChildrenMax: all}).Draw(many); got != many.String() {
			t.Errorf("with room for %d of 8 children, some are left out:\n%s", all, got)
		}
	}
}

func TestAPictureHasOneLineForEachNode(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		checkPicture(t, anyTree(3).Draw(t, "tree"))
	})
}

// checkPicture fails unless there is one printable line for each node, indented
// by its depth.
func checkPicture(t failer, root Node) {
	t.Helper()
	var depths []int
	root.Walk(func(_ Node, depth int) bool { depths = append(depths, depth); return true })
	lines := strings.Split(strings.TrimSuffix(root.String(), "\n"), "\n")
	if len(lines) != len(depths) {
		t.Fatalf("%d lines for %d nodes:\n%s", len(lines), len(depths), root)
	}
	for i, line := range lines {
		checkLine(t, line)
		if runes := []rune(line); depths[i] > 0 && (len(runes) < 4*depths[i] || !strings.Contains("├└", string(runes[4*depths[i]-4]))) {
			t.Fatalf("line %d is not at depth %d:\n%s", i+1, depths[i], root)
		}
	}
}
