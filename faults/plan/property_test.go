package plan_test

import (
	"strings"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/troupe-go/troupe/faults/plan"
	"github.com/troupe-go/troupe/protocol"
)

// anyRule draws a rule whose fields are plausible individually, so that a good share of
// the rules is valid.
func anyRule(t *rapid.T) plan.Rule {
	maybe := func(name string) bool { return rapid.IntRange(0, 3).Draw(t, name) == 0 }
	duration := func(name string) time.Duration {
		return time.Duration(rapid.Int64Range(1, int64(plan.DurationMax)).Draw(t, name))
	}
	var r plan.Rule
	f := &r.Fault
	f.Kind = rapid.SampledFrom(plan.Kinds()).Draw(t, "kind")
	r.Target = anyTarget(t)
	if maybe("at") {
		r.At = duration("at")
	}
	if maybe("for") {
		r.For = duration("for")
	}
	if f.Kind.NeedsOp() || maybe("op") {
		r.When.Op = protocol.Op(rapid.IntRange(0, int(protocol.OpUnsub)).Draw(t, "op"))
	}
	if maybe("subject") {
		r.When.Subject = rapid.SampledFrom([]string{"a", "a.*", "a.>", "\"\xff\\", "ä.b"}).Draw(t, "subject")
	}
	r.When.Index = rapid.SampledFrom([]int{0, 0, 0, 1, 7}).Draw(t, "index")
	r.When.Every = rapid.SampledFrom([]int{0, 0, 0, 1, 7}).Draw(t, "every")
	if maybe("when prob") {
		r.When.Prob = rapid.Float64Range(0, 1).Draw(t, "when prob")
	}
	r.When.Bytes = rapid.SampledFrom([]int64{0, 0, 0, 1, 1 << 40}).Draw(t, "bytes")
	r.When.Conn = rapid.SampledFrom([]int{0, 0, 0, 1, 7}).Draw(t, "conn")
	f.Dir = plan.Direction(rapid.IntRange(0, 2).Draw(t, "direction"))
	anyArguments(t, f)
	return r
}

func anyTarget(t *rapid.T) plan.Target {
	name := rapid.OneOf(rapid.SampledFrom([]string{"a", plan.Any, "127.0.0.1:4222", "in", "µ", "a b", "\x00\xff\"", "#"}), rapid.String())
	switch rapid.IntRange(0, 3).Draw(t, "target") {
	case 1:
		return plan.Link(name.Draw(t, "client"), name.Draw(t, "server"))
	case 2:
		return plan.Server(name.Draw(t, "server"))
	case 3:
		return plan.Actor(name.Draw(t, "actor"))
	}
	return plan.Target{}
}

// anyArguments sets those that the kind takes, found by asking Check.
func anyArguments(t *rapid.T, f *plan.Fault) {
	switch f.Kind {
	case plan.Latency:
		f.Duration = time.Duration(rapid.Int64Range(1, int64(time.Hour)).Draw(t, "duration"))
		f.Jitter = time.Duration(rapid.Int64Range(0, int64(f.Duration)).Draw(t, "jitter"))
	case plan.Coalesce, plan.SlowClose, plan.Delay:
		f.Duration = time.Duration(rapid.Int64Range(1, int64(time.Hour)).Draw(t, "duration"))
	case plan.Bandwidth, plan.Slice, plan.Limit:
		f.Size = rapid.Int64Range(1, 1<<63-1).Draw(t, "size")
	case plan.Replay:
		f.Size = rapid.Int64Range(1, plan.ReplayMax).Draw(t, "size")
	case plan.Corrupt:
		f.Prob = rapid.Float64Range(1e-300, 1).Draw(t, "prob")
	case plan.Inject, plan.Rewrite:
		f.Text = rapid.OneOf(rapid.String(), rapid.Map(rapid.SliceOf(rapid.Byte()), func(b []byte) string { return string(b) })).Draw(t, "text")
	}
}

// Whatever Check accepts reads back as it was, and prints as it did.
func TestWhatChecksReadsBack(t *testing.T) {
	accepted, kinds := 0, map[plan.Kind]bool{}
	rapid.Check(t, func(t *rapid.T) {
		var p plan.Plan
		for range 8 {
			if r := anyRule(t); r.Check() == nil {
				p.Rules = append(p.Rules, r)
				kinds[r.Fault.Kind] = true
				accepted++
			}
		}
		text := p.String()
		back, err := plan.Parse(text)
		if err != nil {
			t.Fatalf("%v, in:\n%s", err, text)
		}
		if len(back.Rules) != len(p.Rules) {
			t.Fatalf("%d rules came back as %d", len(p.Rules), len(back.Rules))
		}
		for i, r := range p.Rules {
			if one, err := plan.ParseRule(r.String()); back.Rules[i] != r || one != r || err != nil {
				t.Fatalf("%+v came back as %+v and %+v, %v, from %s", r, back.Rules[i], one, err, r)
			}
		}
		if again := back.String(); again != text {
			t.Fatalf("printed as\n%sand then as\n%s", text, again)
		}
		if strings.Count(text, "\n") != len(p.Rules) {
			t.Fatalf("not one line a rule:\n%s", text)
		}
	})
	if accepted < 20 || len(kinds) < 10 {
		t.Errorf("only %d rules of %d kinds were accepted: the draw is too wild", accepted, len(kinds))
	}
}
