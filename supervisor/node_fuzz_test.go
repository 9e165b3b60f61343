package supervisor

import (
	"strings"
	"testing"
	"time"
)

// FuzzNode draws a tree made of arbitrary text and finds every node of it again. Each
// line of the text is a node, with its leading blanks as the depth.
func FuzzNode(f *testing.F) {
	f.Add("conn-1 connected\n link live\n  reader live\n subscriptions running\n  orders.* busy", "conn-1/link/reader")
	f.Add("a\n a/b\n  a\n a\n  b/a", "a/b/a")
	f.Add("x nats://me:hunter2@host \x1b[31m\n y \xff\xfe", "x/y")
	f.Add("\n\n \n  \n", "/")
	f.Fuzz(func(t *testing.T, text, path string) {
		const linesMax = 200 // comparing with the oracle is quadratic
		if strings.Count(text, "\n") > linesMax {
			return
		}
		root := decodeTree(text)
		checkPicture(t, root)
		checkFind(t, root)
		checkFind(t, withPaths(root, ""))
		root.Find(path)
		if err := Health(root); err != nil {
			checkLine(t, (err.(*HealthError)).Problems[0].String())
		}
		most := len(text) % 5
		if got := strings.Count(Picture{ChildrenMax: most, Now: epoch}.Draw(root), "\n"); got == 0 {
			t.Fatal("an empty picture")
		}
	})
}

// decodeTree reads a tree from a text. A node's parent is the last one that is less deep
// than itself.
func decodeTree(text string) Node {
	root := &Node{Name: "root"}
	path := []*Node{root} // the nodes from the root down to the last one read
	for _, line := range strings.Split(text, "\n") {
		name, state, _ := strings.Cut(strings.TrimLeft(line, " "), " ")
		depth := min(len(line)-len(strings.TrimLeft(line, " ")), len(path)-1)
		parent := path[depth]
		parent.Children = append(parent.Children, Node{
			Name: name, State: state, Reason: state, Level: Level(len(name) % 3), Restarts: len(state),
			MailboxMsgs: int64(len(line)) - 4, MailboxBytes: int64(len(line)) * 300, Since: epoch.Add(time.Duration(len(line)) * time.Hour),
		})
		// Appending may move the siblings, but never a node on the remaining path: the
		// nodes above are not appended to again.
		path = append(path[:depth+1], &parent.Children[len(parent.Children)-1])
	}
	return *root
}
