package check_test

import (
	"errors"
	"fmt"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/troupe-go/troupe/faults/check"
)

// honest are histories that look odd and break nothing.
var honest = []struct {
	name string
	run  func(s *stage)
}{
	{"lost by the server after it was there", func(s *stage) {
		v := publish(s.Publisher("p", "a"), 2)
		w := s.Witness("stream", "a")
		read(w, v...)
		w.Again()
		read(w, v[0])
	}},
	{"lost by the server, whose ack was seen", func(s *stage) {
		v := publish(s.Publisher("p", "a"), 2)
		w := s.Witness("stream", "a")
		w.Acknowledged(1)
		w.Acknowledged(2)
		read(w, v[0])
	}},
	{"read twice", func(s *stage) {
		v := publish(s.Publisher("p", "a"), 2)
		w := s.Witness("stream", "a")
		read(w, v...)
		w.Again()
		read(w, v...)
	}},
	{"lost and reported", func(s *stage) {
		p := s.Publisher("p", "a")
		w := s.Witness("observer", "a")
		accept(p, 1)
		p.Flush().Unknown(errKnown)
		accept(p, 1)
		p.Flush().Confirmed()
		accept(p, 1)
		p.Uncertain(2)
		w.Saw(accept(p, 1)[0].Payload(0), 0)
		if lost := s.Report().Outcomes[check.Lost]; lost > 0 {
			panic("what was reported is not lost")
		}
	}},
	{"unknown, there or not", func(s *stage) {
		p := s.Publisher("p", "a")
		one, two := p.Publish(0), p.Publish(0)
		one.Unknown(errKnown)
		two.Unknown(errKnown)
		read(s.Witness("stream", "a"), one)
	}},
	{"rejected", func(s *stage) { s.Publisher("p", "a").Publish(time.Second).Rejected(errKnown) }},
	{"on time", func(s *stage) {
		o := s.Publisher("p", "a").Publish(time.Second)
		s.pass(time.Second)
		o.Acked(1)
	}},
	{"accepted, then confirmed late by a flush", func(s *stage) {
		o := s.Publisher("p", "a").Publish(time.Second)
		o.Accepted()
		s.pass(time.Hour)
		o.Acked(0)
	}},
	{"the ack of a retry", func(s *stage) {
		o := s.Publisher("p", "a").Publish(0)
		o.AckedDuplicate(1)
		read(s.Witness("stream", "a"), o)
	}},
	{"copies that were agreed to", func(s *stage) {
		p := s.Publisher("p", "a").Resends()
		v := accept(p, 1)
		read(s.Witness("observer", "a"), v[0], v[0])
		sub := s.Subscription("s", "a", check.AtMostOnce)
		sub.Delivered(v[0].Payload(0))
		sub.Delivered(v[0].Payload(0))
	}},
	{"no order asked for", func(s *stage) {
		v := accept(s.Publisher("p", "a").Unordered(), 2)
		sub := s.Subscription("s", "a", check.AtMostOnce)
		sub.Delivered(v[1].Payload(0))
		sub.Delivered(v[0].Payload(0))
	}},
	{"behind what left over another connection", func(s *stage) {
		p := s.Publisher("p", "a")
		v := accept(p, 2)
		p.NewConnection()
		p.NewConnection()
		v = append(v, accept(p, 2)...)
		read(s.Witness("observer", "a"), v[0], v[2], v[1], v[3])
	}},
	{"core messages that did not arrive", func(s *stage) {
		v := accept(s.Publisher("p", "a"), 3)
		read(s.Witness("observer", "a"), v...)
		s.Subscription("s", "a", check.AtMostOnce).Delivered(v[1].Payload(0))
	}},
	{"delivered while it ends", func(s *stage) {
		v := accept(s.Publisher("p", "a"), 2)
		sub := s.Subscription("s", "a", check.AtMostOnce)
		sub.Ending()
		s.pass(time.Second)
		sub.Delivered(v[0].Payload(0))
		sub.Delivered(v[1].Payload(0)) // its handler begins at the very moment of the end
		sub.Ended()
	}},
	{"consumers of one group", func(s *stage) {
		v := publish(s.Publisher("p", "a.b"), 3)
		read(s.Witness("stream", "a.*"), v...)
		g := s.Group("workers", "a.>", check.AtLeastOnce)
		one := g.Member("one")
		one.DeliveredSeq(v[0].Payload(0), 1)
		one.Ended()
		two := g.Member("two")
		two.DeliveredSeq(v[2].Payload(0), 3)
		two.DeliveredSeq(v[1].Payload(0), 2)
		two.DeliveredSeq(v[0].Payload(0), 1)
	}},
	{"ended before the last was published", func(s *stage) {
		p := s.Publisher("p", "a")
		v := publish(p, 1)
		c := s.Subscription("c", "a", check.AtLeastOnce)
		c.Delivered(v[0].Payload(0))
		c.Ending()
		p.Publish(0).Acked(2)
		s.Publisher("q", "a").Publish(0).Acked(3)
		c.Ended()
	}},
	{"cut off", func(s *stage) {
		publish(s.Publisher("p", "a"), 9)
		s.Subscription("c", "a", check.InOrder).Abandoned()
	}},
	{"a consumer that begins with what is new", func(s *stage) {
		p := s.Publisher("p", "a")
		publish(p, 1)
		c := s.Subscription("c", "a", check.InOrder)
		c.Active()
		o := p.Publish(0)
		o.Acked(2)
		c.DeliveredSeq(o.Payload(0), 2)
	}},
	{"a watcher that sees what was stored twice", func(s *stage) {
		v := publish(s.Publisher("p", "a").Resends(), 1)
		read(s.Witness("stream", "a"), v[0], v[0])
		c := s.Subscription("c", "a", check.InOrder)
		c.DeliveredSeq(v[0].Payload(0), 1)
		c.DeliveredSeq(v[0].Payload(0), 2)
	}},
	{"dials in turn", func(s *stage) {
		for range 9 {
			s.Dial("c", "s1").End(errKnown)
			s.Dial("c", "s2").End(errKnown)
			s.Dial("d", "s1").End(nil)
			s.pass(334 * time.Millisecond)
		}
		s.Recreated("w", "o")
		s.Recreated("w", "other")
		s.pass(time.Second)
		s.Recreated("w", "o")
	}},
	{"limits that were told", func(s *stage) {
		s.Sample("queue", 10, 10)
		s.LimitReached("queue", errKnown, 1)
		s.Leftovers("goroutines", 0)
		s.Objects("w", 1, []string{"one"})
		s.Objects("w", -1, nil)
		s.Contained()
	}},
	{"a drain that says what it left", func(s *stage) {
		c := s.Begin(check.Drain, "c", time.Second)
		c.Unfinished(3)
		s.pass(time.Second)
		c.End(errKnown)
	}},
	{"waits without a server", func(s *stage) {
		w, p := s.Work("move"), s.Publisher("p", "a")
		s.pass(time.Hour)
		w.Pending()
		o := p.Publish(0)
		s.pass(time.Hour)
		s.Healed()
		s.pass(time.Second)
		s.Healed() // it has been, all the time
		s.Impaired()
		s.pass(time.Hour)
		s.Healed()
		o.Acked(1)
		w.Progress()
		s.pass(time.Second)
		w.Done()
		s.pass(time.Hour)
	}},
	{"a call that fails, and nothing after it", func(s *stage) {
		s.Healed()
		s.Begin(check.Sync, "c", 0).End(errKnown)
		s.pass(time.Hour)
		s.Begin(check.Sync, "c", 0).End(nil)
	}},
	{"a pause after a success", func(s *stage) {
		s.Healed()
		p := s.Publisher("p", "a")
		publish(p, 1)
		s.pass(900 * time.Millisecond)
		o := p.Publish(0)
		s.pass(900 * time.Millisecond)
		o.Acked(2)
	}},
	{"two calls side by side", func(s *stage) {
		s.Healed()
		long := s.Begin(check.Request, "c", 0)
		for range 9 {
			s.pass(time.Second)
			s.Begin(check.Request, "c", 0).End(nil)
		}
		long.End(nil)
	}},
	{"a log that is the same", func(s *stage) {
		first := newStage(options())
		for i := range 10_000 {
			first.Log(fmt.Sprint(i))
			s.Log(fmt.Sprint(i))
		}
		s.Replays(first.Trace())
	}},
	{"a subscription that got all", func(s *stage) {
		s.Healed()
		v := accept(s.Publisher("p", "a"), 2)
		sub := s.Subscription("s", "a", check.AtMostOnce)
		sub.Pending()
		for _, o := range v {
			s.pass(time.Second)
			sub.Delivered(o.Payload(0))
		}
		sub.Done()
		s.pass(time.Hour)
		sub.Delivered(accept(s.Publisher("q", "a"), 1)[0].Payload(0))
		sub.Pending()
		sub.Ended()
		s.pass(time.Hour)
	}},
	{"one of a group is cut off", func(s *stage) {
		v := publish(s.Publisher("p", "a"), 1)
		g := s.Group("g", "a", check.AtLeastOnce)
		one, two := g.Member("one"), g.Member("two")
		one.Abandoned()
		two.Delivered(v[0].Payload(0))
	}},
	{"an ordered consumer without sequences", func(s *stage) {
		v := publish(s.Publisher("p", "a"), 1)
		s.Subscription("c", "a", check.InOrder).Delivered(v[0].Payload(0))
		s.Publisher("q", "b").Publish(0).Acked(0)
	}},
	{"stored under two sequences, the second of which was acked", func(s *stage) {
		p := s.Publisher("p", "a").Resends()
		o, other := p.Publish(0), p.Publish(0)
		w := s.Witness("stream", "a")
		w.Saw(o.Payload(0), 1)
		w.Saw(o.Payload(0), 2)
		o.Acked(2)
		other.Acked(4)
		w.Saw(other.Payload(0), 3)
		w.Saw(other.Payload(0), 4)
	}},
	{"interest in another order", func(s *stage) {
		a, b := check.Interest{Subject: "a"}, check.Interest{Subject: "b", Queue: "q"}
		s.Interest("c", []check.Interest{a, b, a}, []check.Interest{b, a, a})
	}},
}

func TestHonestHistoriesAreClean(t *testing.T) {
	for _, c := range honest {
		t.Run(c.name, func(t *testing.T) {
			s := newStage(options())
			c.run(s)
			if found := brokenOf(t, s.History); len(found) > 0 {
				t.Errorf("found %v", found)
			}
			s.Publisher("last", "z").Publish(0).Accepted() // so that the run is not void
			if err := s.Check(); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestOutcomeOfEachValue(t *testing.T) {
	s := newStage(options())
	p := s.Publisher("p", "a")
	w := s.Witness("stream", "a")
	c := s.Subscription("c", "a", check.AtLeastOnce)
	c.Delivered([]byte("nobody's"))
	next := func(end func(check.Publish)) check.Publish {
		o := p.Publish(0)
		end(o)
		return o
	}
	ack := func(seq uint64) func(check.Publish) { return func(o check.Publish) { o.Acked(seq) } }
	unknown := func(o check.Publish) { o.Unknown(errKnown) }
	reject := func(o check.Publish) { o.Rejected(errKnown) }
	show := func(v ...check.Publish) {
		for _, o := range v {
			w.Saw(o.Payload(0), 0)
			c.Delivered(o.Payload(0))
		}
	}
	show(next(ack(1)), next(ack(2)), next(check.Publish.Accepted)) // three are ok
	show(next(unknown), p.Publish(0))                              // two recovered, one of them without an outcome
	next(unknown)                                                  // three uncertain
	next(check.Publish.Accepted)
	p.Publish(0)
	next(reject)       // one refused
	show(next(reject)) // and one unexpected
	twice := next(ack(6))
	show(twice, twice) // one duplicated
	second, first := next(ack(7)), next(ack(8))
	show(first, second)                // one reordered, one ok
	w.Saw(next(ack(9)).Payload(0), 9)  // lost by the client
	w.Saw(next(unknown).Payload(0), 0) // as well
	next(ack(9))                       // lost by the client: acked where another is
	next(ack(10))                      // lost; unproven by whom
	w.Acknowledged(11)
	next(ack(11)) // lost by the server
	r := s.Report()
	want := map[check.Outcome]int{check.OK: 4, check.Recovered: 2, check.Uncertain: 3, check.Refused: 1,
		check.Unexpected: 1, check.Duplicated: 1, check.Reordered: 1, check.Lost: 5}
	if diff := cmp.Diff(want, r.Outcomes); diff != "" {
		t.Error(diff)
	}
	if diff := cmp.Diff(map[check.Blame]int{check.Client: 3, check.Server: 1, check.Unproven: 1}, r.Lost); diff != "" {
		t.Error(diff)
	}
	if r.Strange != 1 || r.Values != 18 {
		t.Errorf("%d strange, %d values", r.Strange, r.Values)
	}
}

func TestWithoutASecondPathThereMeansDelivered(t *testing.T) {
	s := newStage(options())
	p := s.Publisher("p", "a")
	sub := s.Subscription("s", "*", check.AtMostOnce)
	for range 3 {
		o := p.Publish(0)
		o.Accepted()
		sub.Delivered(o.Payload(0))
	}
	accept(p, 2)
	p.Publish(0).Acked(0)
	r := s.Report()
	want := map[check.Outcome]int{check.OK: 3, check.Uncertain: 2, check.Lost: 1}
	if diff := cmp.Diff(want, r.Outcomes); diff != "" {
		t.Error(diff)
	}
	row := check.ReaderRow{Name: "s", Subject: "*", Promise: check.AtMostOnce, Meant: 6, Missed: 3, Delivered: 3}
	if diff := cmp.Diff([]check.ReaderRow{row}, r.Readers); diff != "" {
		t.Error(diff)
	}
}

func TestAFlushConfirmsWhatAnEarlierOneCouldNot(t *testing.T) {
	s := newStage(options())
	p := s.Publisher("p", "a")
	s.Witness("observer", "a")
	slow := p.Publish(0)
	accept(p, 1)
	p.Flush().Confirmed() // the first call has not returned
	slow.Accepted()
	p.Flush().Confirmed()
	if b := brokenOf(t, s.History)[check.G1]; b == nil || b.Count != 2 { // both were confirmed, and are gone
		t.Error(b)
	}
}

func TestErrorsSayWhatToKnow(t *testing.T) {
	s := newStage(check.Options{Minimum: 3, Examples: 1})
	if err := check.OneOutcome(s.History); err == nil || err.Error() != "check: OneOutcome (G2) is void: 0 of at least 3 calls" {
		t.Error(err)
	}
	if err := s.Check(); err == nil || err.Error() != "check: the run is void: 0 of at least 3 published values" {
		t.Error(err)
	}
	publish(s.Publisher("p", "a"), 2)
	s.Subscription("c", "a", check.AtLeastOnce)
	if err := s.Validate(check.G7); err == nil || err.Error() != "check: AtLeastOnceJS (G7) is broken, count 2: p-0 was never delivered to c (the client's)" {
		t.Error(err)
	}
	if err := s.Validate(check.G7, check.G8); !errors.Is(err, check.ErrBrokeAtLeastOnceJS) || !errors.Is(err, check.ErrVoid) {
		t.Error(err)
	}
}

func TestAnEmptyHistoryIsVoid(t *testing.T) {
	s := newStage(check.Options{})
	for g, validate := range validators {
		var void *check.Void
		if err := validate(s.History); !errors.Is(err, check.ErrVoid) || !errors.As(err, &void) || void.Guarantee != g || void.Want != 1 {
			t.Errorf("%v: %v", g, err)
		}
	}
	if err := s.Check(); !errors.Is(err, check.ErrVoid) {
		t.Error(err)
	}
	if err := s.Validate(0); !errors.Is(err, check.ErrVoid) {
		t.Error(err)
	}
	if err := s.Validate(17); !errors.Is(err, check.ErrVoid) {
		t.Error(err)
	}
	if err := s.Validate(); err != nil {
		t.Error(err)
	}
}

func TestTooLittleTrafficIsVoid(t *testing.T) {
	for _, c := range []struct {
		values int
		void   bool
	}{{9, true}, {10, false}, {11, false}} {
		s := newStage(check.Options{Minimum: 10})
		v := publish(s.Publisher("p", "a"), c.values)
		w, core := s.Witness("stream", "a"), s.Subscription("s", "a", check.AtMostOnce)
		js := s.Subscription("c", "a", check.InOrder)
		read(w, v...)
		for i, o := range v {
			core.Delivered(o.Payload(0))
			js.DeliveredSeq(o.Payload(0), uint64(i+1))
		}
		for _, g := range []check.Guarantee{check.G1, check.G2, check.G3, check.G4, check.G6, check.G7} {
			if err := s.Validate(g); errors.Is(err, check.ErrVoid) != c.void {
				t.Errorf("%d values, %v: %v", c.values, g, err)
			}
		}
		if err := s.Check(); errors.Is(err, check.ErrVoid) != c.void {
			t.Errorf("%d values: %v", c.values, err)
		}
	}
}

// TestASubscriptionThatGotNothingIsVoid: to lose all is within at most once, but a run
// in which it happens says nothing about the rest.
func TestASubscriptionThatGotNothingIsVoid(t *testing.T) {
	s := newStage(check.Options{})
	v := accept(s.Publisher("p", "a"), 2)
	got, none := s.Subscription("got", "a", check.AtMostOnce), s.Subscription("none", "a", check.AtMostOnce)
	s.Subscription("elsewhere", "b", check.AtMostOnce)
	got.Delivered(v[0].Payload(0))
	var void *check.Void
	if err := s.Check(); !errors.As(err, &void) || void.Guarantee != check.G6 || void.Need != "deliveries to none" {
		t.Errorf("without a delivery: %v", err)
	}
	none.Delivered(v[1].Payload(0))
	if err := s.Check(); err != nil {
		t.Error(err)
	}
}

func TestWhatIsBrokenIsNotVoid(t *testing.T) {
	s := newStage(check.Options{Minimum: 1000})
	s.Publisher("p", "a").Publish(0)
	if err := check.OneOutcome(s.History); !errors.Is(err, check.ErrBrokeOneOutcome) {
		t.Error(err)
	}
	if err := s.Check(); !errors.Is(err, check.ErrBrokeOneOutcome) || !errors.Is(err, check.ErrVoid) {
		t.Error(err)
	}
}

func TestExamplesAreBoundedAndCountsAreNot(t *testing.T) {
	s := newStage(check.Options{Examples: 2})
	v := publish(s.Publisher("p", "a"), 3000)
	sub := s.Subscription("s", "a", check.AtMostOnce)
	for i := range 2000 {
		sub.Delivered(fmt.Appendf(nil, "nobody's %d", i))
	}
	sub.Ended()
	s.pass(1)
	for _, o := range v {
		sub.Delivered(o.Payload(0))
	}
	for range 7 {
		s.Publisher(fmt.Sprint("q", len(s.Report().Publishers)), "b").Publish(0)
	}
	found := brokenOf(t, s.History)
	if b := found[check.G6]; b.Count != 5000 || len(b.Examples) != 2 {
		t.Errorf("%d, %d examples", b.Count, len(b.Examples))
	}
	if b := found[check.G2]; b.Count != 7 || len(b.Examples) != 2 {
		t.Errorf("%d, %d examples", b.Count, len(b.Examples))
	}
}

func TestSilentLossesAreAllCounted(t *testing.T) {
	s := newStage(check.Options{Examples: 2})
	p := s.Publisher("p", "a")
	s.Witness("observer", "a")
	accept(p, 100)
	p.Uncertain(10)
	if b := brokenOf(t, s.History)[check.G2]; b.Count != 90 || len(b.Examples) != 2 {
		t.Errorf("%d, %d examples", b.Count, len(b.Examples))
	}
}

func TestDamageMayBeTolerated(t *testing.T) {
	s := newStage(check.Options{Damaged: check.Tolerated})
	v := accept(s.Publisher("p", "a"), 2)
	sub := s.Subscription("s", "a", check.AtMostOnce)
	payload := v[0].Payload(100)
	payload[50] ^= 1
	sub.Delivered(payload)
	s.Witness("observer", "a").Saw(payload, 0)
	sub.Delivered(v[1].Payload(100))
	if found := brokenOf(t, s.History); len(found) > 1 || found[check.G2] == nil { // the others are not there
		t.Error(found)
	}
	if r := s.Report(); r.Damaged != 2 || r.Strange != 0 || !strings.Contains(r.String(), "also: 0 never published, 2 damaged") {
		t.Errorf("%d damaged, %d strange\n%v", r.Damaged, r.Strange, r)
	}
}

func TestPublisherNames(t *testing.T) {
	s := newStage(options())
	s.Publisher("p", "a")
	for _, name := range []string{"", "p", "a b", "a\n"} {
		func() {
			defer func() {
				if cause := fmt.Sprint(recover()); !strings.Contains(cause, "the name is taken, empty, or holds blanks") {
					t.Errorf("%q: %s", name, cause)
				}
			}()
			s.Publisher(name, "b")
		}()
	}
	s.Publisher("q-1", "a") // a name may hold hyphens
	o := s.Publisher("q-1-1", "a").Publish(0)
	o.Accepted()
	sub := s.Subscription("s", "a", check.AtMostOnce)
	sub.Delivered([]byte(o.Value()))
	if found := brokenOf(t, s.History); len(found) != 0 {
		t.Error(found)
	}
}

func TestRecordingFromManyGoroutines(t *testing.T) {
	h := check.New(time.Now, check.Options{Minimum: 4000})
	w := h.Witness("observer", ">")
	sub := h.Subscription("s", ">", check.AtMostOnce)
	var all sync.WaitGroup
	for i := range 8 {
		p := h.Publisher(fmt.Sprint("p", i), "a")
		all.Go(func() {
			for range 500 {
				o := p.Publish(time.Minute)
				o.Accepted()
				w.Saw(o.Payload(64), 0)
				sub.Delivered(o.Payload(64))
				_ = h.Report()
			}
		})
	}
	all.Wait()
	if err := h.Check(); err != nil {
		t.Error(err)
	}
	if r := h.Report(); r.Outcomes[check.OK] != 4000 {
		t.Error(r)
	}
}
