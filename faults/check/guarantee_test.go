package check_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/troupe-go/troupe/faults/check"
)

// breach is a history that breaks one guarantee and nothing else.
type breach struct {
	name  string
	of    check.Guarantee
	count int
	says  string // what the first example holds
	blame check.Blame
	run   func(s *stage)
}

// publish publishes n values, acked at 1 to n.
func publish(p *check.Publisher, n int) []check.Publish {
	var all []check.Publish
	for i := range n {
		o := p.Publish(0)
		o.Acked(uint64(i + 1))
		all = append(all, o)
	}
	return all
}

// accept publishes n values of a core publisher.
func accept(p *check.Publisher, n int) []check.Publish {
	var all []check.Publish
	for range n {
		o := p.Publish(0)
		o.Accepted()
		all = append(all, o)
	}
	return all
}

// read shows values to a second path, at the sequences 1, 2, ...
func read(w *check.Witness, values ...check.Publish) {
	for i, v := range values {
		w.Saw(v.Payload(32), uint64(i+1))
	}
}

func aboutAcks() []breach {
	return []breach{
		{"an ack for nothing", check.G1, 1, "p-1 was acked at 2, and is not present", check.Unproven, func(s *stage) {
			v := publish(s.Publisher("p", "a"), 2)
			read(s.Witness("stream", "a"), v[0])
		}},
		{"the ack of another", check.G1, 1, "p-0 was acked at 2, where p-1 is stored", check.Client, func(s *stage) {
			p := s.Publisher("p", "a")
			first, second := p.Publish(0), p.Publish(0)
			first.Acked(2)
			second.Acked(2)
			s.Witness("stream", "a").Saw(second.Payload(0), 2)
		}},
		{"an ack with a wrong sequence", check.G1, 1, "p-0 was acked at 7, and is stored at 1", check.Client, func(s *stage) {
			o := s.Publisher("p", "a").Publish(0)
			s.Witness("stream", "a").Saw(o.Payload(0), 1)
			o.Acked(7)
		}},
		{"an ack with a wrong sequence, read later", check.G1, 1, "p-0 was acked at 7, and is stored at 1", check.Client, func(s *stage) {
			o := s.Publisher("p", "a").Publish(0)
			o.Acked(7)
			s.Witness("stream", "a").Saw(o.Payload(0), 1)
		}},
		{"the ack of another, which has one that is wrong itself", check.G1, 2, "p-0 was acked at 7, where p-1 is stored", check.Client, func(s *stage) {
			p := s.Publisher("p", "a")
			first, second := p.Publish(0), p.Publish(0)
			first.Acked(7)
			second.Acked(9)
			s.Witness("stream", "a").Saw(second.Payload(0), 7)
		}},
		{"flushed and gone", check.G1, 2, "p-0 was confirmed, and is not present", check.Unproven, func(s *stage) {
			p := s.Publisher("p", "a")
			w := s.Witness("observer", "a")
			accept(p, 2)
			p.Flush().Confirmed()
			w.Saw(accept(p, 1)[0].Payload(0), 0)
		}},
		{"flushed and gone, one more than reported", check.G1, 1, "p-1 was confirmed, and is not present", check.Unproven, func(s *stage) {
			p := s.Publisher("p", "a")
			s.Witness("observer", "a")
			accept(p, 2)
			p.Flush().Confirmed()
			p.Uncertain(1)
		}},
	}
}

func aboutOutcomes() []breach {
	return []breach{
		{"no outcome", check.G2, 1, "p-0 has no outcome", check.Unproven, func(s *stage) {
			s.Publisher("p", "a").Publish(0)
		}},
		{"two outcomes", check.G2, 1, "p-0 ended twice: acked, then unknown", check.Unproven, func(s *stage) {
			o := s.Publisher("p", "a").Publish(0)
			o.Acked(1)
			o.Unknown(errKnown)
		}},
		{"accepted twice", check.G2, 1, "p-0 ended twice: accepted, then accepted", check.Unproven, func(s *stage) {
			o := s.Publisher("p", "a").Publish(0)
			o.Accepted()
			o.Accepted()
		}},
		{"late", check.G2, 1, "p-0 returned 1ns after its deadline", check.Unproven, func(s *stage) {
			o := s.Publisher("p", "a").Publish(time.Second)
			s.pass(time.Second + 1)
			o.Acked(1)
		}},
		{"unknown without a cause", check.G2, 1, "p-0 is unknown without a cause", check.Unproven, func(s *stage) {
			s.Publisher("p", "a").Publish(0).Unknown(nil)
		}},
		{"a flush without a cause", check.G2, 1, "p: a flush failed without a cause", check.Unproven, func(s *stage) {
			p := s.Publisher("p", "a")
			accept(p, 1)
			p.Flush().Unknown(nil)
		}},
		{"rejected and stored", check.G2, 1, "p-0 was rejected, and is present", check.Unproven, func(s *stage) {
			o := s.Publisher("p", "a").Publish(0)
			o.Rejected(errKnown)
			s.Witness("stream", "a").Saw(o.Payload(0), 1)
		}},
		{"rejected and delivered", check.G2, 1, "p-0 was rejected, and is present", check.Unproven, func(s *stage) {
			o := s.Publisher("p", "a").Publish(0)
			o.Rejected(errKnown)
			s.Subscription("s", "a", check.AtMostOnce).Delivered(o.Payload(0))
		}},
		{"accepted and silently lost", check.G2, 2, "p-0 was accepted, is not present, and was not reported", check.Unproven, func(s *stage) {
			p := s.Publisher("p", "a")
			w := s.Witness("observer", "a")
			v := accept(p, 4)
			p.Uncertain(1)
			w.Saw(v[3].Payload(0), 0)
		}},
		{"a request without an end", check.G2, 1, "c: request has not returned", check.Unproven, func(s *stage) {
			s.Begin(check.Request, "c", 0)
		}},
		{"a request that ends twice", check.G2, 1, "a request ended twice", check.Unproven, func(s *stage) {
			c := s.Begin(check.Request, "c", 0)
			c.End(nil)
			c.End(errKnown)
		}},
		{"a late ack of a consumer", check.G2, 1, "c: ack returned 5ms after its deadline", check.Unproven, func(s *stage) {
			c := s.Begin(check.Ack, "c", time.Second)
			s.pass(time.Second + 5*time.Millisecond)
			c.End(errKnown)
		}},
	}
}

func aboutCopiesAndOrder() []breach {
	return []breach{
		{"stored twice", check.G3, 1, "p-0 is present more than once", check.Unproven, func(s *stage) {
			v := publish(s.Publisher("p", "a"), 1)
			read(s.Witness("stream", "a"), v[0], v[0])
		}},
		{"stored twice, and delivered so", check.G3, 1, "p-0 is present more than once", check.Unproven, func(s *stage) {
			v := accept(s.Publisher("p", "a"), 1)
			read(s.Witness("observer", "a"), v[0], v[0])
			sub := s.Subscription("s", "a", check.AtMostOnce)
			sub.Delivered(v[0].Payload(0))
			sub.Delivered(v[0].Payload(0))
		}},
		{"sent, and never published", check.G3, 1, `"p-1" was seen on stream, never published`, check.Unproven, func(s *stage) {
			v := publish(s.Publisher("p", "a"), 1)
			w := s.Witness("stream", "a")
			read(w, v...)
			w.Saw([]byte("p-1"), 2)
			s.Subscription("s", "a", check.AtMostOnce).Delivered([]byte("p-1"))
		}},
		{"sent to another subject", check.G3, 1, `"q-0" was seen on stream, published to b`, check.Unproven, func(s *stage) {
			w := s.Witness("stream", "a")
			w.Saw([]byte(accept(s.Publisher("q", "b"), 1)[0].Value()), 1)
		}},

		{"stored out of order", check.G4, 1, "p-0 is present after one that was published later", check.Unproven, func(s *stage) {
			p := s.Publisher("p", "a")
			first, second := p.Publish(0), p.Publish(0)
			first.Acked(2)
			second.Acked(1)
			read(s.Witness("stream", "a"), second, first)
		}},
		{"out of order for all who saw it", check.G4, 1, "p-0 is present after one that was published later", check.Unproven, func(s *stage) {
			v := accept(s.Publisher("p", "a"), 2)
			w, sub := s.Witness("observer", "a"), s.Subscription("s", "a", check.AtMostOnce)
			for _, o := range []check.Publish{v[1], v[0]} {
				w.Saw(o.Payload(0), 0)
				sub.Delivered(o.Payload(0))
			}
		}},
		{"out of order without a second path", check.G4, 1, "p-0 was delivered after one that was published later", check.Unproven, func(s *stage) {
			v := accept(s.Publisher("p", "a"), 2)
			sub := s.Subscription("s", "a", check.AtMostOnce)
			sub.Delivered(v[1].Payload(0))
			sub.Delivered(v[0].Payload(0))
		}},
		{"out of order on an older connection", check.G4, 1, "p-0 is present after one", check.Unproven, func(s *stage) {
			p := s.Publisher("p", "a")
			v := accept(p, 2)
			p.NewConnection()
			v = append(v, accept(p, 1)...)
			read(s.Witness("observer", "a"), v[2], v[1], v[0])
		}},
	}
}

func aboutDelivery() []breach {
	core := func(s *stage, n int) (*check.Subscription, []check.Publish) {
		return s.Subscription("s", "a", check.AtMostOnce), accept(s.Publisher("p", "a"), n)
	}
	return []breach{
		{"delivered twice", check.G6, 1, "p-0 was delivered more than once", check.Unproven, func(s *stage) {
			sub, v := core(s, 1)
			sub.Delivered(v[0].Payload(0))
			sub.Delivered(v[0].Payload(0))
		}},
		{"delivered to two of a queue group", check.G6, 1, "p-0 was delivered more than once", check.Unproven, func(s *stage) {
			v := accept(s.Publisher("p", "a"), 1)
			read(s.Witness("observer", "a"), v...)
			g := s.Group("g", "a", check.AtMostOnce)
			g.Member("one").Delivered(v[0].Payload(0))
			g.Member("two").Delivered(v[0].Payload(0))
		}},
		{"delivered out of the order that was there", check.G6, 1, "p-0 was delivered after one that is later on the second path", check.Unproven, func(s *stage) {
			sub, v := core(s, 2)
			read(s.Witness("observer", "a"), v...)
			sub.Delivered(v[1].Payload(0))
			sub.Delivered(v[0].Payload(0))
		}},
		{"delivered after the end, in the same instant", check.G6, 1, "s got p-0 0s after it had ended", check.Unproven, func(s *stage) {
			sub, v := core(s, 1)
			sub.Ended()
			sub.Delivered(v[0].Payload(0))
		}},
		{"delivered after the end", check.G6, 1, "s got p-0 1ms after it had ended", check.Unproven, func(s *stage) {
			sub, v := core(s, 1)
			sub.Ended()
			s.pass(time.Millisecond)
			sub.Delivered(v[0].Payload(0))
		}},
		{"delivered and never published", check.G6, 1, `s got "p-1", never published`, check.Unproven, func(s *stage) {
			sub, v := core(s, 1)
			sub.Delivered(v[0].Payload(0))
			sub.Delivered([]byte("p-1"))
		}},
		{"delivered and damaged", check.G6, 1, `, damaged`, check.Unproven, func(s *stage) {
			sub, v := core(s, 1)
			payload := v[0].Payload(64)
			sub.Delivered(payload[:63])
		}},
		{"delivered to the wrong subscription", check.G6, 1, "published to a", check.Unproven, func(s *stage) {
			_, v := core(s, 1)
			s.Subscription("other", "b", check.AtMostOnce).Delivered(v[0].Payload(0))
		}},
	}
}

func aboutStreams() []breach {
	stream := func(s *stage, promise check.Promise, n int) (*check.Subscription, []check.Publish) {
		v := publish(s.Publisher("p", "a"), n)
		read(s.Witness("stream", "a"), v...)
		return s.Subscription("c", "a", promise), v
	}
	return []breach{
		{"never came", check.G7, 1, "p-1 was never delivered to c", check.Client, func(s *stage) {
			c, v := stream(s, check.AtLeastOnce, 3)
			c.DeliveredSeq(v[0].Payload(0), 1)
			c.DeliveredSeq(v[2].Payload(0), 3)
			c.DeliveredSeq(v[2].Payload(0), 3) // again: that is allowed
		}},
		{"acked, and never came, without a second path", check.G7, 1, "p-0 was never delivered to c", check.Client, func(s *stage) {
			publish(s.Publisher("p", "a"), 1)
			s.Subscription("c", "a", check.AtLeastOnce)
		}},
		{"unknown, there, and never came", check.G7, 1, "p-0 was never delivered to c", check.Client, func(s *stage) {
			o := s.Publisher("p", "a").Publish(0)
			o.Unknown(errKnown)
			read(s.Witness("stream", "a"), o)
			s.Subscription("c", "a", check.AtLeastOnce)
		}},
		{"missed by who took over", check.G7, 1, "p-1 was never delivered to g", check.Client, func(s *stage) {
			p := s.Publisher("p", "a")
			g := s.Group("g", "a", check.AtLeastOnce)
			one := g.Member("one")
			one.Ended()
			v := publish(p, 2)
			g.Member("two").Delivered(v[0].Payload(0))
		}},
		{"came again after its ack", check.G7, 1, "c got p-0 again after the server had confirmed its ack", check.Unproven, func(s *stage) {
			c, v := stream(s, check.AtLeastOnce, 1)
			c.DeliveredSeq(v[0].Payload(0), 1)
			c.Acked(v[0].Payload(0))
			c.DeliveredSeq(v[0].Payload(0), 1)
		}},
		{"a gap", check.G7, 1, "p-1 was never delivered to c", check.Client, func(s *stage) {
			c, v := stream(s, check.InOrder, 3)
			c.DeliveredSeq(v[0].Payload(0), 1)
			c.DeliveredSeq(v[2].Payload(0), 3)
		}},
		{"a repeat", check.G7, 1, "c got p-0 at sequence 1 after 1", check.Unproven, func(s *stage) {
			c, v := stream(s, check.InOrder, 1)
			c.DeliveredSeq(v[0].Payload(0), 1)
			c.DeliveredSeq(v[0].Payload(0), 1)
		}},
		{"a step back", check.G7, 1, "c got p-0 at sequence 1 after 2", check.Unproven, func(s *stage) {
			c, v := stream(s, check.InOrder, 2)
			c.DeliveredSeq(v[1].Payload(0), 2)
			c.DeliveredSeq(v[0].Payload(0), 1)
		}},
		{"a repeat without sequences", check.G7, 1, "c got p-0 again", check.Unproven, func(s *stage) {
			c, v := stream(s, check.InOrder, 1)
			c.Delivered(v[0].Payload(0))
			c.Delivered(v[0].Payload(0))
		}},
		{"a step back without sequences", check.G7, 1, "c got p-0 after one that was published later", check.Unproven, func(s *stage) {
			c, v := stream(s, check.InOrder, 2)
			c.Delivered(v[1].Payload(0))
			c.Delivered(v[0].Payload(0))
		}},
		{"a consumer's delivery after the end", check.G7, 1, "c got p-0 1s after it had ended", check.Unproven, func(s *stage) {
			c, v := stream(s, check.AtLeastOnce, 1)
			c.Ended()
			s.pass(time.Second)
			c.DeliveredSeq(v[0].Payload(0), 1)
		}},
		{"a consumer's delivery of nothing published", check.G7, 1, `c got "q-0", never published`, check.Unproven, func(s *stage) {
			c, v := stream(s, check.AtLeastOnce, 1)
			c.DeliveredSeq(v[0].Payload(0), 1)
			c.DeliveredSeq([]byte("q-0"), 2)
		}},
	}
}

func aboutInterest() []breach {
	want := []check.Interest{{Subject: "a"}, {Subject: "b", Queue: "q"}, {Subject: "c", Max: 3}}
	return []breach{
		{"forgotten", check.G5, 1, "c: b in group q is missing", check.Unproven, func(s *stage) { s.Interest("c", want, append(want[:1:1], want[2])) }},
		{"doubled", check.G5, 1, "c: the server has a, which is unwanted or a duplicate", check.Unproven, func(s *stage) { s.Interest("c", want, append(want[:3:3], want[0])) }},
		{"one of two is forgotten", check.G5, 1, "c: a is missing", check.Unproven, func(s *stage) {
			s.Interest("c", []check.Interest{{Subject: "a"}, {Subject: "a"}}, []check.Interest{{Subject: "a"}})
		}},
		{"another maximum", check.G5, 2, "c: c for 3 more is missing", check.Unproven, func(s *stage) {
			s.Interest("c", want, append(want[:2:2], check.Interest{Subject: "c", Max: 4}))
		}},
	}
}

func aboutProgress() []breach {
	return []breach{
		{"work that waits", check.G8, 1, "move made no progress for 1.000000001s", check.Unproven, func(s *stage) {
			w := s.Work("move")
			s.Healed()
			w.Pending()
			s.pass(time.Second + 1)
			w.Done()
		}},
		{"work that still waits", check.G8, 1, "move made no progress for 2s", check.Unproven, func(s *stage) {
			w := s.Work("move")
			w.Pending()
			s.pass(time.Hour)
			s.Healed()
			w.Progress()
			s.pass(2 * time.Second)
		}},
		{"a wait through which the servers were well", check.G8, 1, "move made no progress for 1.2s", check.Unproven, func(s *stage) {
			w := s.Work("move")
			s.Healed()
			w.Pending()
			s.pass(600 * time.Millisecond)
			s.Healed()
			s.pass(600 * time.Millisecond)
		}},
		{"a subscription that waits", check.G8, 1, "s made no progress for 3s", check.Unproven, func(s *stage) {
			s.Healed()
			sub := s.Subscription("s", "a", check.AtMostOnce)
			sub.Pending()
			s.pass(3 * time.Second)
			s.Impaired()
		}},
		{"a publisher that fails again and again", check.G8, 1, "p made no progress for 1.5s", check.Unproven, func(s *stage) {
			s.Healed()
			p := s.Publisher("p", "a")
			for range 4 {
				o := p.Publish(0)
				s.pass(500 * time.Millisecond)
				o.Unknown(errKnown)
			}
		}},
		{"requests that fail again and again", check.G8, 1, "calls of c made no progress for 1.5s", check.Unproven, func(s *stage) {
			s.Healed()
			for range 3 {
				c := s.Begin(check.Request, "c", 0)
				s.pass(500 * time.Millisecond)
				c.End(errKnown)
			}
		}},
	}
}

func aboutTheRest() []breach {
	return []breach{
		{"over the limit", check.G9, 1, "queue: 11, and the limit is 10", check.Unproven, func(s *stage) { s.Sample("queue", 11, 10) }},
		{"a limit without an error", check.G9, 1, "queue: the limit was reached without an error", check.Unproven, func(s *stage) { s.LimitReached("queue", nil, 1) }},
		{"a limit without a count", check.G9, 1, "queue: the limit was reached, and nothing was counted", check.Unproven, func(s *stage) { s.LimitReached("queue", errKnown, 0) }},
		{"left over", check.G10, 1, "2 goroutines after the end", check.Unproven, func(s *stage) { s.Leftovers("goroutines", 2) }},
		{"an unknown error", check.G11, 1, "p: undocumented error *errors.errorString: what", check.Unproven, func(s *stage) {
			s.Publisher("p", "a").Publish(0).Unknown(errors.New("what"))
		}},
		{"an unknown error of a callback", check.G11, 1, "callback: undocumented error", check.Unproven, func(s *stage) { s.Failed("callback", errors.New("what")) }},
		{"crashed", check.G12, 1, "c crashed: nil map", check.Unproven, func(s *stage) { s.Crashed("c", "nil map") }},

		{"a late close", check.G13, 1, "c: close returned 1ms after its deadline", check.Unproven, func(s *stage) {
			c := s.Begin(check.Close, "c", time.Second)
			s.pass(time.Second + time.Millisecond)
			c.End(nil)
		}},
		{"a close that hangs", check.G13, 1, "c: close has not returned", check.Unproven, func(s *stage) { s.Begin(check.Close, "c", time.Second) }},
		{"a drain that says nothing", check.G13, 1, "c: drain left 3 unfinished and did not report it", check.Unproven, func(s *stage) {
			c := s.Begin(check.Drain, "c", 0)
			c.Unfinished(3)
			c.End(nil)
		}},
		{"two dials at a time", check.G14, 1, "c has 2 dials under way", check.Unproven, func(s *stage) {
			one, two := s.Dial("c", "s1"), s.Dial("c", "s2")
			one.End(nil)
			two.End(nil)
		}},
		{"dials in a hurry", check.G14, 1, "c dials s1 4 times within 999ms", check.Unproven, func(s *stage) {
			for range 4 {
				s.Dial("c", "s1").End(errKnown)
				s.pass(333 * time.Millisecond)
			}
		}},
		{"recreated in a hurry", check.G14, 2, "w recreates o 2 times within 0s", check.Unproven, func(s *stage) {
			for range 3 {
				s.Recreated("w", "o")
			}
		}},
		{"another log", check.G15, 1, "the runs differ after line 1, at line 2 at the latest", check.Unproven, func(s *stage) {
			first := newStage(options())
			for _, line := range []string{"a", "b", "c"} {
				first.Log(line)
			}
			s.Replays(first.Trace())
			for _, line := range []string{"a", "x", "c"} {
				s.Log(line)
			}
		}},
		{"orphans", check.G16, 2, "w left two behind: 3 exist, 1 allowed", check.Unproven, func(s *stage) {
			s.Objects("w", 1, []string{"one", "two", "three"})
		}},
	}
}

func breaches() []breach {
	return slices.Concat(aboutAcks(), aboutOutcomes(), aboutCopiesAndOrder(), aboutDelivery(), aboutStreams(),
		aboutInterest(), aboutProgress(), aboutTheRest())
}

func TestEachValidatorFindsItsOwnAndNothingElse(t *testing.T) {
	shown := map[check.Guarantee]bool{}
	for _, c := range breaches() {
		shown[c.of] = true
		t.Run(fmt.Sprintf("%v/%s", c.of, c.name), func(t *testing.T) {
			s := newStage(options())
			c.run(s)
			found := brokenOf(t, s.History)
			broken := found[c.of]
			if broken == nil || len(found) != 1 {
				t.Fatalf("found %v", found)
			}
			if broken.Count != c.count || len(broken.Examples) != c.count {
				t.Errorf("count %d, %d examples, want %d", broken.Count, len(broken.Examples), c.count)
			}
			if e := broken.Examples[0]; !strings.Contains(e.What, c.says) || e.Blame != c.blame {
				t.Errorf("%q, %v; want %q, %v", e.What, e.Blame, c.says, c.blame)
			}
			if !strings.Contains(broken.Error(), c.of.String()) || !strings.Contains(broken.Error(), c.says) {
				t.Error(broken)
			}
			if err := s.Check(); !errors.Is(err, sentinels[c.of]) {
				t.Errorf("Check returned %v", err)
			}
		})
	}
	for g := range validators {
		if !shown[g] {
			t.Errorf("no history breaks %v", g)
		}
	}
}
