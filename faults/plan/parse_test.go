package plan_test

import (
	"errors"
	"math"
	"strings"
	"testing"
	"time"

	"github.com/troupe-go/troupe/faults/plan"
	"github.com/troupe-go/troupe/protocol"
)

func TestParseReadsEachForm(t *testing.T) {
	link := plan.Link("client", "s2")
	cases := []struct {
		text string
		want plan.Rule
	}{
		{"at 12s for 3s link(client, s2) blackhole(out)", plan.Rule{Target: link, At: 12 * time.Second, For: 3 * time.Second,
			Fault: plan.Fault{Kind: plan.Blackhole, Dir: plan.Out}}},
		{"when op(HMSG) index(3) reset", plan.Rule{When: plan.When{Op: protocol.OpHMsg, Index: 3}, Fault: plan.Fault{Kind: plan.Reset}}},
		{`when op(MSG) subject("orders.>") every(10) prob(0.5) drop`, plan.Rule{
			When:  plan.When{Op: protocol.OpMsg, Subject: "orders.>", Every: 10, Prob: 0.5},
			Fault: plan.Fault{Kind: plan.Drop}}},
		{"when bytes(100) conn(2) reset(in)", plan.Rule{When: plan.When{Bytes: 100, Conn: 2}, Fault: plan.Fault{Kind: plan.Reset, Dir: plan.In}}},
		{"for 5s server(s1) kill", plan.Rule{Target: plan.Server("s1"), For: 5 * time.Second, Fault: plan.Fault{Kind: plan.Kill}}},
		{"when index(3) actor(reader) panic", plan.Rule{Target: plan.Actor("reader"), When: plan.When{Index: 3}, Fault: plan.Fault{Kind: plan.Panic}}},
		{"actor(*) delay(10ms)", plan.Rule{Target: plan.Actor(plan.Any), Fault: plan.Fault{Kind: plan.Delay, Duration: 10 * time.Millisecond}}},
		{"latency(20ms, 5ms, in)", plan.Rule{Fault: plan.Fault{Kind: plan.Latency, Duration: 20 * time.Millisecond, Jitter: 5 * time.Millisecond, Dir: plan.In}}},
		{"latency(20ms, out)", plan.Rule{Fault: plan.Fault{Kind: plan.Latency, Duration: 20 * time.Millisecond, Dir: plan.Out}}},
		{"latency(20ms)", plan.Rule{Fault: plan.Fault{Kind: plan.Latency, Duration: 20 * time.Millisecond}}},
		{"bandwidth(1024)", plan.Rule{Fault: plan.Fault{Kind: plan.Bandwidth, Size: 1024}}},
		{"slice(1, in)", plan.Rule{Fault: plan.Fault{Kind: plan.Slice, Size: 1, Dir: plan.In}}},
		{"coalesce(1.5ms)", plan.Rule{Fault: plan.Fault{Kind: plan.Coalesce, Duration: 1500 * time.Microsecond}}},
		{"halfopen", plan.Rule{Fault: plan.Fault{Kind: plan.HalfOpen}}},
		{"corrupt(1e-06)", plan.Rule{Fault: plan.Fault{Kind: plan.Corrupt, Prob: 1e-6}}},
		{"slowclose(3s)", plan.Rule{Fault: plan.Fault{Kind: plan.SlowClose, Duration: 3 * time.Second}}},
		{"link(*, s2) refuse", plan.Rule{Target: plan.Link(plan.Any, "s2"), Fault: plan.Fault{Kind: plan.Refuse}}},
		{"limit(3)", plan.Rule{Fault: plan.Fault{Kind: plan.Limit, Size: 3}}},
		{"fin(in)", plan.Rule{Fault: plan.Fault{Kind: plan.Fin, Dir: plan.In}}},
		{"when op(PUB) replay(10, in)", plan.Rule{When: plan.When{Op: protocol.OpPub}, Fault: plan.Fault{Kind: plan.Replay, Size: 10, Dir: plan.In}}},
		{`inject("-ERR 'x'\r\n", in)`, plan.Rule{Fault: plan.Fault{Kind: plan.Inject, Text: "-ERR 'x'\r\n", Dir: plan.In}}},
		{"when op(PONG) delay(1s, in)", plan.Rule{When: plan.When{Op: protocol.OpPong}, Fault: plan.Fault{Kind: plan.Delay, Duration: time.Second, Dir: plan.In}}},
		{"when op(-ERR) duplicate", plan.Rule{When: plan.When{Op: protocol.OpErr}, Fault: plan.Fault{Kind: plan.Duplicate}}},
		{`when op(+OK) rewrite("\x00\xff")`, plan.Rule{When: plan.When{Op: protocol.OpOK}, Fault: plan.Fault{Kind: plan.Rewrite, Text: "\x00\xff"}}},
		{"at 1m server(s1) restart", plan.Rule{At: time.Minute, Target: plan.Server("s1"), Fault: plan.Fault{Kind: plan.Restart}}},
		{"for 1h server(*) pause", plan.Rule{For: time.Hour, Target: plan.Server(plan.Any), Fault: plan.Fault{Kind: plan.Pause}}},
		{"server(s1) lameduck", plan.Rule{Target: plan.Server("s1"), Fault: plan.Fault{Kind: plan.LameDuck}}},
		{`server("s 1") kick`, plan.Rule{Target: plan.Server("s 1"), Fault: plan.Fault{Kind: plan.Kick}}},
		{"at 100us reset", plan.Rule{At: 100 * time.Microsecond, Fault: plan.Fault{Kind: plan.Reset}}},
	}
	seen := map[plan.Kind]bool{}
	for _, c := range cases {
		got, err := plan.ParseRule(c.text)
		if err != nil || got != c.want {
			t.Errorf("%s: read as %+v, %v", c.text, got, err)
		}
		if printed := c.want.String(); printed != c.text {
			t.Errorf("%s: printed as %s", c.text, printed)
		}
		seen[c.want.Fault.Kind] = true
	}
	for _, k := range plan.Kinds() {
		if !seen[k] {
			t.Errorf("no case has %s", k)
		}
	}
}

func TestParseReadsOtherSpellings(t *testing.T) {
	cases := []struct{ text, canonical string }{
		{"  link( \"client\" ,s2 )\tat 0s when conn(2) op(MSG) reset  # why", "when op(MSG) conn(2) link(client, s2) reset"},
		{"for 90m at 60s latency(100µs, 0s, both)", "at 1m for 1h30m latency(100us)"},
		{"bandwidth(64KiB)", "bandwidth(65536)"},
		{"limit(+03)", "limit(3)"},
		{"corrupt(.5)", "corrupt(0.5)"},
		{"when bytes(1GiB) reset\r\n", "when bytes(1073741824) reset"},
		{`inject("\u0041\101#")`, `inject("AA#")`},
	}
	for _, c := range cases {
		rule, err := plan.ParseRule(c.text)
		if err != nil || rule.String() != c.canonical {
			t.Errorf("%q: read as %s, %v, want %s", c.text, rule, err, c.canonical)
		}
	}
}

func TestParseReadsPlans(t *testing.T) {
	p, err := plan.Parse("# first\n\n  \t\nreset\r\n# second\nat 1s reset # twice")
	if want := "reset\nat 1s reset\n"; err != nil || p.String() != want || len(p.Rules) != 2 {
		t.Errorf("read %q, %v, want %q", p, err, want)
	}
	for _, text := range []string{"", "\n", "# nothing", "\r\n\r\n"} {
		if p, err := plan.Parse(text); err != nil || p.Rules != nil {
			t.Errorf("%q is not the empty plan: %v, %v", text, p, err)
		}
	}
	if text := (plan.Plan{}).String(); text != "" {
		t.Errorf("the empty plan is printed as %q", text)
	}
}

func TestParseSaysWhereATextIsWrong(t *testing.T) {
	cases := []struct {
		text         string
		line, column int
		near, want   string
	}{
		{"reset\n\nat 5 reset", 3, 4, "5", "a duration such as 1.5s"},
		{"at", 1, 3, "end of line", "a duration"},
		{"at 1s", 1, 6, "end of line", "a clause or a fault"},
		{"explode", 1, 1, "explode", "at, for, when, a target or a fault"},
		{"at 1s at 2s reset", 1, 7, "at", "no second at"},
		{"link(a, b) server(c) reset", 1, 12, "server", "no second target"},
		{"when reset", 1, 6, "reset", "a condition: op, subject"},
		{"when index(3) index(4) op(MSG) reset", 1, 15, "index", "no second index"},
		{"when op(MESSAGE) reset", 1, 9, "MESSAGE", "an operation: INFO, MSG"},
		{"when op(none) reset", 1, 9, "none", "an operation"},
		{`when op("MSG") reset`, 1, 9, `"MSG"`, "an operation"},
		{"when op MSG reset", 1, 9, "MSG", "("},
		{"when op(MSG reset", 1, 13, "reset", ")"},
		{"when op(MSG) subject(orders) drop", 1, 22, "orders", "a string in double quotes"},
		{"when op(MSG) index(three) drop", 1, 20, "three", "a whole number"},
		{"when op(MSG) index(1.5) drop", 1, 20, "1.5", "a whole number"},
		{"when op(MSG) index(99999999999999999999) drop", 1, 20, "99999999999999999999", "fits into"},
		{"when bytes(9223372036854775808) reset", 1, 12, "9223372036854775808", "fits into 64 bits"},
		{"when bytes(9007199254740992KiB) reset", 1, 12, "9007199254740992KiB", "fits into 64 bits"},
		{"when bytes(1KB) reset", 1, 12, "1KB", "a whole number"},
		{"when bytes(KiB) reset", 1, 12, "KiB", "a whole number"},
		{"when op(MSG) prob(NaN) drop", 1, 19, "NaN", "a share such as 0.5"},
		{"when op(MSG) prob(+Inf) drop", 1, 19, "+Inf", "a share"},
		{"when op(MSG) prob(0x1p-2) drop", 1, 19, "0x1p-2", "a share"},
		{"when op(MSG) prob(1e999) drop", 1, 19, "1e999", "a share"},
		{"for 9999999999h blackhole", 1, 5, "9999999999h", "a duration such as 1.5s, up to 876000h"},
		{"link(a) reset", 1, 7, ")", "a comma and the name of the server"},
		{"link(, b) reset", 1, 6, ",", "a name"},
		{"link(µ, b) reset", 1, 6, "µ", "a name in double quotes"},
		{"reset in", 1, 7, "in", "the end of the line"},
		{"reset when op(PUB)", 1, 7, "when", "the end of the line, as the fault comes last"},
		{"bandwith(100)", 1, 1, "bandwith", "bandwidth, or another clause or fault"},
		{"RESET", 1, 1, "RESET", "reset, or another clause or fault"},
		{"at 1s half_open", 1, 7, "half_open", "halfopen, or another clause or fault"},
		{"sever(s1) kill", 1, 1, "sever", "server, or another clause or fault"},
		{"it 5s reset", 1, 1, "it", "at, for, when, a target or a fault"},
		{"reset()", 1, 7, ")", "an argument"},
		{"reset(in", 1, 9, "end of line", "a comma or )"},
		{"reset(up)", 1, 7, "up", "in, out or both"},
		{"reset(in, out)", 1, 11, "out", "no such argument"},
		{"server(a) kill(in)", 1, 16, "in", "no such argument"},
		{"latency", 1, 8, "end of line", "a duration"},
		{"latency(in)", 1, 9, "in", "a duration"},
		{"latency(1s, 2s, 3s)", 1, 17, "3s", "in, out or both"},
		{"bandwidth(fast)", 1, 11, "fast", "a whole number"},
		{"inject(PING)", 1, 8, "PING", "a string in double quotes"},
		{"inject(\"PING)", 1, 14, "end of line", "a closing quote"},
		{`inject("\q")`, 1, 8, `"\q"`, "a string with the escapes of Go"},
		{"inject(\"a\x00b\")", 1, 10, "\x00", `the escape \x00`},
		{"inject(\"a\xffb\")", 1, 10, "\xff", `the escape \xff`},
		{"inject(\"\x01\")", 1, 9, "\x01", `the escape \x01`},
		{"inject(\"\t\x7f\")", 1, 10, "\x7f", `the escape \x7f`},
		{"inject('x')", 1, 8, "'", "an argument"},
		{"inject(`x`)", 1, 8, "`", "an argument"},
		{"reset \x00", 1, 7, "\x00", "the end of the line"},
		{"\xff", 1, 1, "\xff", "at, for, when, a target or a fault"},
		{"\ufeffreset", 1, 1, "\ufeff", "at, for, when, a target or a fault"},
		{"reset\rreset", 1, 6, "\r", "the end of the line"},
		{"(", 1, 1, "(", "at, for, when"},
	}
	for _, c := range cases {
		_, err := plan.Parse(c.text)
		var wrong *plan.SyntaxError
		if !errors.As(err, &wrong) {
			t.Errorf("%q: %v", c.text, err)
			continue
		}
		if wrong.Line != c.line || wrong.Column != c.column || wrong.Near != c.near || !strings.Contains(wrong.Want, c.want) {
			t.Errorf("%q: %+v", c.text, wrong)
		}
	}
}

func TestParseRuleTakesOneRule(t *testing.T) {
	for _, text := range []string{"", "  ", "# nothing", "reset\nreset"} {
		var wrong *plan.SyntaxError
		if rule, err := plan.ParseRule(text); !errors.As(err, &wrong) || rule != (plan.Rule{}) {
			t.Errorf("%q: %v, %v", text, rule, err)
		}
	}
	_, err := plan.ParseRule("at 5 reset")
	if want := `plan: line 1, column 4: found "5", want a duration such as 1.5s, up to 876000h`; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

// What a field can't be, alone or with the others, is refused with its name, in text
// and in a rule that was put together by hand.
func TestCheckSaysWhatDoesNotFit(t *testing.T) {
	cases := []struct{ text, field, value, want string }{
		{"at -5s reset", "at", "-5s", "0s to 876000h0m0s"},
		{"at 900000h reset", "at", "900000h0m0s", "0s to 876000h0m0s"},
		{"for -1ns blackhole", "for", "-1ns", "0s to"},
		{"for 0s blackhole", "for", "zero", "a value other than zero"},
		{"for 3s reset", "for", "3s", "none: reset has no length"},
		{"for 3s server(s1) kick", "for", "3s", "none: kick has no length"},
		{"for 3s actor(reader) panic", "for", "3s", "none: panic has no length"},
		{"when op(MSG) prob(1.5) drop", "prob", "1.5", "above 0, up to 1"},
		{"when op(MSG) prob(-0.5) drop", "prob", "-0.5", "above 0, up to 1"},
		{"when op(MSG) prob(0) drop", "prob", "zero", "a value other than zero"},
		{"corrupt(0)", "prob", "0", "above 0"},
		{"corrupt(2)", "prob", "2", "up to 1"},
		{"when op(MSG) index(0) drop", "index", "zero", "a value other than zero"},
		{"when op(MSG) index(-3) drop", "index", "-3", "0 or more"},
		{"when op(MSG) every(0) drop", "every", "zero", "a value other than zero"},
		{"when op(MSG) every(-1) drop", "every", "-1", "0 or more"},
		{"when bytes(0) reset", "bytes", "zero", "a value other than zero"},
		{"when bytes(-1KiB) reset", "bytes", "-1024", "0 or more"},
		{"when conn(0) reset", "conn", "zero", "a value other than zero"},
		{"when conn(-1) reset", "conn", "-1", "0 or more"},
		{"bandwidth(0)", "size", "0", "1 or more"},
		{"slice(-1)", "size", "-1", "1 or more"},
		{"replay(1048577)", "size", "1048577", "1 to 1048576"},
		{"coalesce(0s)", "duration", "0s", "1ns to"},
		{"slowclose(-1s)", "duration", "-1s", "1ns to"},
		{"latency(1ms, 2ms)", "jitter", "2ms", "0s to 1ms"},
		{`inject("")`, "text", "of 0 bytes", "1 to 4194304 bytes"},
		{"drop", "op", "none", "an operation"},
		{"when bytes(3) duplicate", "op", "none", "an operation"},
		{"link(a, b) delay(1s)", "op", "none", "an operation"},
		{"when op(MSG) index(1) every(2) drop", "every", "2", "none with index"},
		{"when op(MSG) bytes(2) reset", "bytes", "2", "none with op"},
		{"when index(3) reset", "index", "3", "none without op or bytes"},
		{"when every(3) blackhole", "every", "3", "none without op or bytes"},
		{"when prob(0.5) conn(1) reset", "prob", "0.5", "none without op or bytes"},
		{`when op(MSG) subject("") drop`, "subject", "zero", "a value other than zero"},
		{`when op(MSG) subject("a..b") drop`, "subject", `"a..b"`, "a subject"},
		{`when op(MSG) subject("a b") drop`, "subject", `"a b"`, "a subject"},
		{`when op(PING) subject("a") drop`, "subject", `"a"`, "none without op(MSG)"},
		{`when subject("a") reset`, "subject", `"a"`, "none without op(MSG)"},
		{"when op(MSG) drop(out)", "direction", "out", "in, or none: MSG passes no other way"},
		{"when op(PUB) delay(1s, in)", "direction", "in", "out, or none: PUB passes no other way"},
		{"when op(INFO) reset(out)", "direction", "out", "in, or none"},
		{"reset(in)", "direction", "in", "none without op or bytes"},
		{"actor(reader) delay(1s, in)", "direction", "in", "none here"},
		{"kill", "target", "missing", "server(name) for kill"},
		{"panic", "target", "missing", "actor(kind) for panic"},
		{"link(a, b) kill", "target", "link(a, b)", "server(name) for kill"},
		{"server(s1) reset", "target", "server(s1)", "link(client, server) for reset"},
		{"server(s1) delay(1s)", "target", "server(s1)", "link(client, server) or actor(kind) for delay"},
		{`server("") kill`, "server", `""`, "a name of 1 to 1024 bytes"},
		{`link("", b) reset`, "client", `""`, "a name"},
		{"when op(MSG) server(s1) kill", "when", "op(MSG)", "none for a server"},
		{"when op(MSG) actor(reader) panic", "op", "MSG", "none for an actor"},
		{"when bytes(3) actor(reader) panic", "bytes", "3", "none for an actor"},
		{"when conn(3) actor(reader) panic", "conn", "3", "none for an actor"},
		{"when conn(3) refuse", "when", "conn(3)", "none for refuse"},
		{"when op(PUB) limit(3)", "when", "op(PUB)", "none for limit"},
	}
	for _, c := range cases {
		_, err := plan.Parse("\n" + c.text)
		var wrong *plan.RangeError
		if !errors.As(err, &wrong) {
			t.Errorf("%s: %v", c.text, err)
			continue
		}
		if wrong.Line != 2 || wrong.Field != c.field || wrong.Value != c.value || !strings.Contains(wrong.Want, c.want) {
			t.Errorf("%s: %+v", c.text, wrong)
		}
	}
	_, err := plan.Parse("\nfor 3s reset")
	if want := "plan: line 2: for is 3s, want none: reset has no length, in: for 3s reset"; err == nil || err.Error() != want {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestCheckSaysWhatNoTextHolds(t *testing.T) {
	reset := plan.Fault{Kind: plan.Reset}
	cases := []struct {
		name  string
		rule  plan.Rule
		field string
	}{
		{"nothing", plan.Rule{}, "fault"},
		{"no kind", plan.Rule{Fault: plan.Fault{Kind: 200}}, "fault"},
		{"a gap between kinds", plan.Rule{Fault: plan.Fault{Kind: 20}}, "fault"},
		{"no target", plan.Rule{Fault: reset, Target: plan.Target{Kind: 9}}, "target"},
		{"a link with an actor", plan.Rule{Fault: reset, Target: plan.Target{Kind: plan.TargetLink, Client: "a", Server: "b", Actor: "c"}}, "actor"},
		{"a name without a kind", plan.Rule{Fault: reset, Target: plan.Target{Server: "b"}}, "server"},
		{"a long name", plan.Rule{Fault: reset, Target: plan.Link("a", strings.Repeat("b", plan.NameMax+1))}, "server"},
		{"no operation", plan.Rule{Fault: reset, When: plan.When{Op: 200}}, "op"},
		{"not a number", plan.Rule{Fault: reset, When: plan.When{Op: protocol.OpMsg, Prob: math.NaN()}}, "prob"},
		{"not a number for a fault", plan.Rule{Fault: plan.Fault{Kind: plan.Corrupt, Prob: math.NaN()}}, "prob"},
		{"no direction", plan.Rule{Fault: plan.Fault{Kind: plan.Blackhole, Dir: 7}}, "direction"},
		{"a direction of kill", plan.Rule{Target: plan.Server("a"), Fault: plan.Fault{Kind: plan.Kill, Dir: plan.In}}, "direction"},
		{"a duration too many", plan.Rule{Fault: plan.Fault{Kind: plan.Reset, Duration: 1}}, "duration"},
		{"a jitter too many", plan.Rule{Fault: plan.Fault{Kind: plan.Coalesce, Duration: 1, Jitter: 1}}, "jitter"},
		{"a size too many", plan.Rule{Fault: plan.Fault{Kind: plan.Reset, Size: 1}}, "size"},
		{"a share too many", plan.Rule{Fault: plan.Fault{Kind: plan.Reset, Prob: 1}}, "prob"},
		{"a text too many", plan.Rule{Fault: plan.Fault{Kind: plan.Reset, Text: "x"}}, "text"},
		{"a long text", plan.Rule{Fault: plan.Fault{Kind: plan.Inject, Text: strings.Repeat("x", plan.TextMax+1)}}, "text"},
		{"a long subject", plan.Rule{Fault: reset, When: plan.When{Op: protocol.OpPub, Subject: strings.Repeat("x", 1<<20)}}, "subject"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			var wrong *plan.RangeError
			err := (plan.Plan{Rules: []plan.Rule{{Fault: reset}, c.rule}}).Check()
			if !errors.As(err, &wrong) || wrong.Field != c.field || wrong.Line != 0 || len(err.Error()) > 1000 {
				t.Errorf("%v", err)
			}
			_ = c.rule.String() // whatever it holds
		})
	}
}

func TestParseIsBounded(t *testing.T) {
	rules := strings.Repeat("reset\n", plan.RulesMax)
	if p, err := plan.Parse(rules + "# and a comment\n"); err != nil || len(p.Rules) != plan.RulesMax {
		t.Errorf("%d rules: %v", plan.RulesMax, err)
	}
	long := strings.Repeat("x", plan.TextMax)
	if rule, err := plan.ParseRule(`inject("` + long + `")`); err != nil || rule.Fault.Text != long {
		t.Errorf("a text of %d bytes: %v", len(long), err)
	}
	cases := []struct{ name, text string }{
		{"too many rules", rules + "reset"},
		{"a long text", `inject("x` + long + `")`},
		{"a line without end", strings.Repeat("a", 20<<20)},
		{"an endless string", `inject("` + strings.Repeat("\\", 1<<20)},
		{"an endless comment", "#" + strings.Repeat(" ", 20<<20)},
		{"many brackets", strings.Repeat("(", 1<<20)},
		{"many conditions", "when " + strings.Repeat("index(1) ", 1<<20)},
		{"many arguments", "latency(" + strings.Repeat("1s,", 1<<20) + "1s)"},
		{"many blanks", strings.Repeat(" ", 1<<20) + "x"},
	}
	for _, c := range cases {
		_, err := plan.Parse(c.text)
		if err == nil || len(err.Error()) > 1000 {
			t.Errorf("%s: %.1000v", c.name, err)
		}
	}
}
