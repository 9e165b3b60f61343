package supervisor

import (
	"strconv"
	"strings"
	"time"
	"unicode/utf8"
)

// Picture says how a tree is drawn; its zero value draws all of it.
type Picture struct {
	// Now is the time up to which durations are counted. Zero is Node.Taken; if
	// that is zero too, the time of Node.Since is shown instead of a duration.
	Now time.Time
	// ChildrenMax bounds how many children of one node are drawn; one more line counts
	// the rest. Children that are not well, or have a descendant that is not, take
	// precedence. Zero or less draws all.
	ChildrenMax int
}

// String draws the tree, one line per node:
//
//	conn-1          connected   12s
//	├── link        live        3s     restarts 2
//	│   └── reader  live        3s
//	└── orders      busy        1.2s   degraded  mailbox 17 (2.1 KiB)  slow consumer
//
// The columns are name, state and time in it; then, only where there is something to say,
// the level, restarts, mailbox and reason. Control characters and secrets are removed
// from names and reasons as in Event.String.
func (n Node) String() string { return Picture{}.Draw(n) }

// Draw draws the tree; see Node.String for the form.
func (p Picture) Draw(n Node) string {
	if p.Now.IsZero() {
		p.Now = n.Taken
	}
	rows := p.appendRows(nil, &n, "", "")
	var width [pictureColumns]int
	for i := range rows {
		for c, cell := range rows[i].cells {
			width[c] = max(width[c], utf8.RuneCountInString(cell))
		}
	}
	var s strings.Builder
	for i := range rows {
		rows[i].write(&s, &width)
	}
	return s.String()
}

// pictureColumns is the number of aligned columns: name, state, time.
const pictureColumns = 3

// row is one line of a picture.
type row struct {
	cells [pictureColumns]string
	extra string // not aligned
}

// write appends the line, without blanks at its end.
func (r *row) write(s *strings.Builder, width *[pictureColumns]int) {
	const gap = 2
	pending := 0 // blanks owed before the next text
	for c, cell := range r.cells {
		if cell != "" {
			s.WriteString(strings.Repeat(" ", pending))
			s.WriteString(cell)
			pending = 0
		}
		if width[c] > 0 { // an empty column takes no room
			pending += width[c] - utf8.RuneCountInString(cell) + gap
		}
	}
	if r.extra != "" {
		s.WriteString(strings.Repeat(" ", pending))
		s.WriteString(r.extra)
	}
	s.WriteByte('\n')
}

// appendRows appends the lines of n and of the tree below it. first is drawn before its
// name, rest before the names of its children.
func (p Picture) appendRows(rows []row, n *Node, first, rest string) []row {
	rows = append(rows, row{
		cells: [pictureColumns]string{first + n.title(), oneLine(n.State, stateRunesMax), p.timeText(n)},
		extra: n.extra(),
	})
	drawn, left := p.choose(n.Children)
	for i, c := range drawn {
		branch, below := "├── ", "│   "
		if i == len(drawn)-1 && left.count == 0 {
			branch, below = "└── ", "    "
		}
		rows = p.appendRows(rows, c, rest+branch, rest+below)
	}
	if left.count > 0 {
		rows = append(rows, left.row(rest+"└── "))
	}
	return rows
}

// leftOut counts children that are not drawn.
type leftOut struct{ count, unwell int }

// row returns the line that says how many there are.
func (l leftOut) row(first string) row {
	r := row{cells: [pictureColumns]string{first + "… " + strconv.Itoa(l.count) + " more"}}
	if l.unwell > 0 {
		r.extra = strconv.Itoa(l.unwell) + " of them not well"
	}
	return r
}

// choose returns the children to draw, in their order, and counts the others.
func (p Picture) choose(children []Node) (drawn []*Node, left leftOut) {
	most := len(children)
	if p.ChildrenMax > 0 {
		most = min(most, p.ChildrenMax)
	}
	unwell := make([]bool, len(children))
	unwellCount := 0
	for i := range children {
		unwell[i] = most < len(children) && !wellBelow(&children[i])
		if unwell[i] {
			unwellCount++
		}
	}
	// The unwell get room first; the well get what remains, in their order.
	unwellRoom := min(unwellCount, most)
	wellRoom := most - unwellRoom
	for i := range children {
		room := &wellRoom
		if unwell[i] {
			room = &unwellRoom
		}
		if *room > 0 {
			*room--
			drawn = append(drawn, &children[i])
			continue
		}
		left.count++
		if unwell[i] {
			left.unwell++
		}
	}
	return drawn, left
}

// wellBelow reports whether n and every node below it is well.
func wellBelow(n *Node) bool {
	return walk(n, 0, func(m *Node, _ int) bool { return m.Level == Well })
}

// title returns the name or, without one, a substitute.
func (n *Node) title() string {
	name := n.Name
	if name == "" {
		name = n.Path
	}
	return oneLine(orNone(name), nameRunesMax)
}

// timeText says how long, or since when, n has been in its state.
func (p Picture) timeText(n *Node) string {
	switch {
	case n.Since.IsZero():
		return ""
	case p.Now.IsZero():
		return "since " + n.Since.Format(time.TimeOnly)
	default:
		return durationText(n.age(p.Now))
	}
}

// extra returns the columns that most nodes do not have.
func (n *Node) extra() string {
	var parts []string
	if n.Level != Well {
		parts = append(parts, n.Level.String())
	}
	if n.Restarts != 0 {
		parts = append(parts, "restarts "+strconv.Itoa(n.Restarts))
	}
	if n.MailboxMsgs != 0 || n.MailboxBytes != 0 {
		mailbox := "mailbox " + strconv.FormatInt(n.MailboxMsgs, 10)
		if n.MailboxBytes > 0 {
			mailbox += " (" + bytesText(uint64(n.MailboxBytes)) + ")"
		}
		parts = append(parts, mailbox)
	}
	if n.Reason != "" {
		parts = append(parts, oneLine(n.Reason, reasonRunesMax))
	}
	return strings.Join(parts, "  ")
}
