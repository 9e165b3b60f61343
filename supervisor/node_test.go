package supervisor

import (
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"
)

// troubledConnection is a tree with an example of everything.
func troubledConnection() Node {
	since := func(d time.Duration) time.Time { return epoch.Add(-d) }
	root := Node{
		Name: "conn-1", Kind: "connection", State: "reconnecting", Since: since(2 * time.Second), Level: Down, Taken: epoch,
		Children: []Node{
			{
				Name: "link", Kind: "link", State: "waiting", Since: since(420 * time.Millisecond), Level: Down, Restarts: 3,
				Reason: "dial nats://derek:s3cr3t@demo:4222:\nconnection refused",
				Children: []Node{
					{Name: "reader", Kind: "reader", State: "stopped"},
					{Name: "writer", Kind: "writer", State: "stopped"},
				},
			},
			{
				Name: "subscriptions", Kind: "supervisor", State: "running", Since: since(3 * time.Minute),
				Children: []Node{
					{Name: "orders.*", Kind: "dispatcher", State: "idle", Since: since(time.Minute), Counters: []Counter{{"delivered", 12}, {"dropped", 0}}},
					{
						Name: "audit.>", Kind: "dispatcher", State: "busy", Since: since(4 * time.Second), Level: Degraded, Restarts: 1,
						MailboxMsgs: 17, MailboxBytes: 2150, Reason: "slow consumer",
					},
				},
			},
			{Name: "requests", Kind: "requests", State: "running", Since: since(3 * time.Minute), MailboxMsgs: 2},
		},
	}
	return withPaths(root, "")
}

// withPaths fills in the paths of a tree.
func withPaths(n Node, above string) Node {
	n.Path = above + n.Name
	children := make([]Node, 0, len(n.Children))
	for _, c := range n.Children {
		children = append(children, withPaths(c, n.Path+"/"))
	}
	n.Children = children
	return n
}

func TestFindByPathAndByName(t *testing.T) {
	root := troubledConnection()
	tests := []struct{ path, want string }{
		{"conn-1", "conn-1"},
		{"conn-1/link", "link"},
		{"conn-1/link/reader", "reader"},
		{"link/reader", "reader"},
		{"subscriptions/audit.>", "audit.>"},
		{"requests", "requests"},
		{"reader", ""},
		{"link/", ""},
		{"/link", ""},
		{"", ""},
		{"conn-1/", ""},
		{"conn-1/link/reader/more", ""},
	}
	for _, test := range tests {
		n, ok := root.Find(test.path)
		if n.Name != test.want || ok != (test.want != "") {
			t.Errorf("%q: found %q (%v), want %q", test.path, n.Name, ok, test.want)
		}
	}
}

func TestFindWithSlashesInNames(t *testing.T) {
	root := Node{Name: "root", Children: []Node{
		{Name: "a", Children: []Node{{Name: "x", Kind: "first"}}},
		{Name: "a/b", Children: []Node{{Name: "c", Kind: "second"}}},
		{Name: "a", Children: []Node{{Name: "b/c", Kind: "third"}}},
	}}
	for path, want := range map[string]string{"a/x": "first", "a/b/c": "second"} {
		if n, ok := root.Find(path); !ok || n.Kind != want {
			t.Errorf("%q: found %q (%v), want %q", path, n.Kind, ok, want)
		}
	}
}

func TestANamelessNodeIsNotFoundByName(t *testing.T) {
	root := Node{Name: "root", Children: []Node{{}, {Name: "a", Children: []Node{{}}}}}
	for _, path := range []string{"", "/", "a/"} {
		if n, ok := root.Find(path); ok {
			t.Errorf("%q: found %+v", path, n)
		}
	}
}

func TestWalkGoesParentsFirst(t *testing.T) {
	var got []string
	finished := troubledConnection().Walk(func(n Node, depth int) bool {
		got = append(got, strings.Repeat(">", depth)+n.Name)
		return true
	})
	want := []string{"conn-1", ">link", ">>reader", ">>writer", ">subscriptions", ">>orders.*", ">>audit.>", ">requests"}
	if diff := cmp.Diff(want, got); diff != "" || !finished {
		t.Errorf("finished: %v; wrong order (-want +got):\n%s", finished, diff)
	}
}

func TestWalkEndsWhenTold(t *testing.T) {
	for stop := 1; stop <= 8; stop++ {
		visited := 0
		if troubledConnection().Walk(func(Node, int) bool { visited++; return visited < stop }) {
			t.Errorf("stopped at node %d, but it came to the end", stop)
		}
		if visited != stop {
			t.Errorf("visited %d nodes, want %d", visited, stop)
		}
		visited = 0
		for range troubledConnection().All() {
			if visited++; visited == stop {
				break
			}
		}
		if visited != stop {
			t.Errorf("ranged over %d nodes, want %d", visited, stop)
		}
	}
}

func TestCountersByName(t *testing.T) {
	n, _ := troubledConnection().Find("subscriptions/orders.*")
	if v, ok := n.Counter("delivered"); v != 12 || !ok {
		t.Errorf("delivered is %d (%v), want 12", v, ok)
	}
	if v, ok := n.Counter("dropped"); v != 0 || !ok {
		t.Errorf("dropped is %d (%v), want 0", v, ok)
	}
	if v, ok := n.Counter("nothing"); v != 0 || ok {
		t.Errorf("a counter that is not there is %d (%v)", v, ok)
	}
}

// anyTree draws a small tree whose names collide, are empty or hold slashes.
func anyTree(depth int) *rapid.Generator[Node] {
	return rapid.Custom(func(t *rapid.T) Node {
		n := Node{
			Name:         rapid.SampledFrom([]string{"", "a", "b", "a/b", "/", "ä\n"}).Draw(t, "name"),
			State:        rapid.String().Draw(t, "state"),
			Reason:       rapid.String().Draw(t, "reason"),
			Level:        Level(rapid.IntRange(0, 3).Draw(t, "level")),
			Restarts:     rapid.Int().Draw(t, "restarts"),
			MailboxMsgs:  rapid.Int64().Draw(t, "messages"),
			MailboxBytes: rapid.Int64().Draw(t, "bytes"),
			Since:        time.Unix(rapid.Int64().Draw(t, "since"), 0),
		}
		if depth > 0 {
			n.Children = rapid.SliceOfN(anyTree(depth-1), 0, 4).Draw(t, "children")
		}
		return n
	})
}

func TestEveryNodeIsFoundByItsNames(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		root := anyTree(3).Draw(t, "tree")
		checkFind(t, root)
		checkFind(t, withPaths(root, ""))
	})
}

// checkFind compares Find with a list of every path that leads to a node.
func checkFind(t failer, root Node) {
	t.Helper()
	first := map[string]string{} // path -> Kind of the first node it leads to
	note := func(path string, n Node) {
		if _, ok := first[path]; !ok {
			first[path] = n.Kind
		}
	}
	var collect func(n *Node, prefix string)
	count := 0
	collect = func(n *Node, prefix string) {
		n.Kind = strconv.Itoa(count)
		count++
		note(n.Path, *n)
		for i := range n.Children {
			c := &n.Children[i]
			c.Kind = strconv.Itoa(count)
			note(prefix+c.Name, *c)
			collect(c, prefix+c.Name+"/")
		}
	}
	collect(&root, "")
	for path, want := range first {
		got, ok := root.Find(path)
		// Paths with empty names in them are not specified.
		if strings.Contains("/"+path+"/", "//") {
			continue
		}
		if !ok || got.Kind != want {
			t.Fatalf("%q leads to node %q (%v), want %q of\n%v", path, got.Kind, ok, want, root)
		}
	}
	if _, ok := root.Find("no/such/path"); ok {
		t.Fatalf("a path that leads nowhere was found in\n%v", root)
	}
}
