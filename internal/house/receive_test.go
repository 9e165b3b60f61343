package house

import "testing"

func TestReceiveIsATableOfContents(t *testing.T) { none(t, checkReceive(module(t))) }

func TestReceiveBites(t *testing.T) {
	const fallback = "default: panic(m)"
	cases := []struct {
		name, body string
		want       []string
	}{
		{"a table", "switch m := m.(type) { case int: a.onInt(m); case string, bool: a.onText(); " + fallback + " }", nil},
		{"no default", "switch m.(type) { case int: a.onInt() }", []string{"needs a default"}},
		{"a default that goes on", "switch m.(type) { default: a.onOther() }", []string{"needs a default"}},
		{"a default that does more", "switch m.(type) { default: a.onOther(); panic(m) }", []string{"needs a default"}},
		{"two statements", "switch m.(type) { case int: a.b(); a.c(); " + fallback + " }", []string{"exactly one call"}},
		{"an assignment", "switch m.(type) { case int: a.n = 1; " + fallback + " }", []string{"exactly one call"}},
		{"a branch", "switch m.(type) { case int: if a.ok { a.b() }; " + fallback + " }", []string{"exactly one call"}},
		{"an empty case", "switch m.(type) { case int: ; " + fallback + " }", []string{"exactly one call"}},
		{"a panicking case", "switch m.(type) { case int: panic(1); " + fallback + " }", []string{"exactly one call"}},
		{"work before", "a.count(); switch m.(type) { " + fallback + " }", []string{"more than its type switch"}},
		{"a wrapped switch", "if a.ok { switch m.(type) { " + fallback + " } }", []string{"wraps its type switch"}},
		{"handing on", "a.next.Receive(m)", nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			text := "func (a *actor) Receive(m any) { " + c.body + " }"
			expect(t, checkReceive(sources(t, map[string]string{"actors/a.go": text})), c.want...)
		})
	}
}

func TestReceiveElsewhereIsFree(t *testing.T) {
	text := "func (a *actor) Receive(m any) { switch m.(type) { case int: } }"
	expect(t, checkReceive(sources(t, map[string]string{"api/a.go": text, "actors/a_test.go": text})))
}

func TestReceiveOfProtoactorMayHandOn(t *testing.T) {
	text := func(fallback string) string {
		return "import \"github.com/asynkron/protoactor-go/actor\"\n" +
			"func (a *host) Receive(c actor.Context) { switch m := c.Message().(type) { case *actor.Started: a.b(); default: " + fallback + " } }"
	}
	expect(t, checkReceive(sources(t, map[string]string{"actors/a.go": text("a.onMessage(m)")})))
	expect(t, checkReceive(sources(t, map[string]string{"actors/a.go": text("a.n++")})), "needs a default")
}
