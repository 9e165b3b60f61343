package check_test

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/troupe-go/troupe/faults/check"
)

func TestReportAsText(t *testing.T) {
	s := newStage(options())
	p, q := s.Publisher("shop", "orders.eu"), s.Publisher("bank", "money")
	v := publish(p, 3)
	accept(q, 2)
	q.Uncertain(2)
	w := s.Witness("stream", "orders.*")
	read(w, v[0], v[1])
	till := s.Subscription("till", "orders.>", check.AtLeastOnce)
	till.DeliveredSeq(v[0].Payload(0), 1)
	till.DeliveredSeq(v[0].Payload(0), 1)
	till.DeliveredSeq([]byte("stranger"), 9)
	c := s.Begin(check.Request, "c", 0)
	s.pass(250 * time.Millisecond)
	c.End(nil)
	s.Begin(check.Request, "c", 0).End(errKnown)
	s.Sample("queue", 7, 10)
	s.Sample("queue", 3, 10)
	want := []string{
		"publisher  subject    values  ok  recovered  uncertain  refused  lost  duplicated  reordered  unexpected",
		"shop       orders.eu  3       1   0          0          0        2     0           0          0",
		"bank       money      2       0   0          2          0        0     0           0          0",
		"all                   5       1   0          2          0        2     0           0          0",
		"lost: 1 the client's, 0 the server's, 1 unproven",
		"also: 1 never published, 0 damaged",
		"",
		"reader  subject   promise        meant  missed  delivered  repeated  strange",
		"till    orders.>  at least once  2      1       3          1         1",
		"",
		"call     good  failed  longest",
		"request  1     1       250ms",
		"",
		"sample  highest  limit",
		"queue   7        10",
		"",
		"guarantee                  verdict  seen  broken  first",
		"G1         AckedKept       broken   3     1       shop-2 was acked at 3, and is not present",
		"G2         OneOutcome      held     7     0",
		"G3         NoSilentDup     held     2     0",
		"G4         Ordered         held     2     0",
		"G5         SubsRestored    void     0     0",
		"G6         AtMostOnceCore  void     0     0",
		"G7         AtLeastOnceJS   broken   3     2       shop-1 was never delivered to till (the client's)",
		"G8         NoStall         void     0     0",
		"G9         Bounded         held     2     0",
		"G10        NoLeak          void     0     0",
		"G11        Typed           held     1     0",
		"G12        NoCrash         held     8     0",
		"G13        CloseBounded    void     0     0",
		"G14        NoStorm         void     0     0",
		"G15        Replay          void     0     0",
		"G16        NoOrphans       void     0     0",
	}
	r := s.Report()
	var got []string
	for line := range strings.Lines(r.String()) {
		got = append(got, strings.TrimSuffix(line, "\n"))
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	for i, line := range []string{"G1 AckedKept: broken, 1 times, first: shop-2 was acked at 3, and is not present", "G2 OneOutcome: held"} {
		if got := r.Guarantees[i].String(); got != line {
			t.Errorf("%q, want %q", got, line)
		}
	}
	if r.Took != 250*time.Millisecond || r.Publishers[1].Reported != 2 {
		t.Error(r.Took, r.Publishers[1].Reported)
	}
}

func TestReportOfNothing(t *testing.T) {
	text := newStage(options()).Report().String()
	if strings.Contains(text, "reader") || strings.Contains(text, "call") || strings.Count(text, "void") != 16 {
		t.Error(text)
	}
}

func TestReportsAreCopies(t *testing.T) {
	s := newStage(options())
	p := s.Publisher("p", "a")
	accept(p, 1)
	before := s.Report()
	text := before.String()
	accept(p, 5)
	s.Log("line")
	if before.String() != text || s.Report().Values != 6 || s.Report().Trace.Lines != 1 {
		t.Error(s.Report())
	}
}

func TestNamesOfAll(t *testing.T) {
	seen := map[string]bool{}
	names := []string{check.AtMostOnce.String(), check.AtLeastOnce.String(), check.InOrder.String(),
		check.Client.String(), check.Server.String(), check.Unproven.String(),
		check.Held.String(), check.Failed.String(), check.Unjudged.String()}
	for o := check.OK; o <= check.Unexpected; o++ {
		names = append(names, o.String())
	}
	for o := check.Request; o <= check.Drain; o++ {
		names = append(names, o.String())
	}
	for _, g := range check.All() {
		names = append(names, g.String())
	}
	for _, name := range names {
		if name == "" || name == "unknown" || seen[name] {
			t.Errorf("%q is empty or there twice", name)
		}
		seen[name] = true
	}
	for _, name := range []string{check.Guarantee(99).String(), check.Outcome(99).String(), check.Operation(99).String()} {
		if name != "unknown" {
			t.Error(name)
		}
	}
}
