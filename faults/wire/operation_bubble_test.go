package wire_test

import (
	"fmt"
	"net"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/troupe-go/troupe/faults/plan"
	"github.com/troupe-go/troupe/faults/wire"
)

// msg returns a message with a text.
func msg(subject, text string) string {
	return fmt.Sprintf("MSG %s 1 %d\r\n%s\r\n", subject, len(text), text)
}

// TestFaultsOfOperations sends messages 0 to 5 on orders.0 to orders.5, each followed by
// a PING, with the stream cut in two at every place, and byte by byte.
func TestFaultsOfOperations(t *testing.T) {
	var all []string
	for i := range 6 {
		all = append(all, msg(fmt.Sprintf("orders.%d", i), fmt.Sprint("text", i)), "PING\r\n")
	}
	without := func(indexes ...int) string {
		kept := append([]string(nil), all...)
		for _, i := range indexes {
			kept[i] = ""
		}
		return strings.Join(kept, "")
	}
	with := func(index int, text string) string {
		kept := append([]string(nil), all...)
		kept[index] = text + kept[index]
		return strings.Join(kept, "")
	}
	whole := strings.Join(all, "")
	tests := []operations{
		{"when op(MSG) drop", strings.Repeat("PING\r\n", 6), 6},
		{"when op(PING) drop(in)", without(1, 3, 5, 7, 9, 11), 6},
		{"when op(PING) drop(out)", whole, 0},
		{"when op(MSG) index(3) drop", without(4), 1},
		{"when op(MSG) every(2) drop", without(2, 6, 10), 3},
		{`when op(MSG) subject("orders.3") drop`, without(6), 1},
		{`when op(MSG) subject("orders.*") index(2) drop`, without(2), 1},
		{`when op(MSG) subject("*") drop`, whole, 0},
		{"when op(MSG) conn(2) drop", whole, 0},
		{"when op(MSG) conn(1) index(1) drop", without(0), 1},
		{"when op(MSG) index(2) duplicate", with(2, all[2]), 1},
		{"when op(PING) index(6) duplicate", with(11, all[11]), 1},
		{`when op(MSG) index(1) rewrite("-ERR 'no'\r\n")`, "-ERR 'no'\r\n" + without(0), 1},
		{`when op(PING) index(2) inject("+OK\r\n")`, with(3, "+OK\r\n"), 1},
		{`when op(MSG) index(2) inject("INFO {}\r\n")`, with(2, "INFO {}\r\n"), 1},
		{`when bytes(1) inject("+OK\r\n", in)`, with(1, "+OK\r\n"), 1},
		{fmt.Sprintf(`when bytes(%d) inject("+OK\r\n", in)`, len(all[0])), with(1, "+OK\r\n"), 1},
		{"when op(MSG) index(2) replay(4)", with(2, "NG\r\n"), 1},
		{"when bytes(3) replay(2, in)", "MSG" + "SG" + whole[3:], 1},
	}
	for _, test := range tests {
		for cut := 0; cut < len(whole); cut += 1 + cut%3 {
			test.check(t, whole[:cut], whole[cut:])
		}
		test.check(t, strings.Split(whole, "")...)
	}
}

// operations is a rule, and the resulting stream.
type operations struct {
	rule, want string
	hits       int
}

func (o operations) check(t *testing.T, chunks ...string) {
	t.Helper()
	bubble(t, wire.Options{}, []string{o.rule}, func(r *rig) {
		for _, chunk := range chunks {
			r.say(chunk)
		}
		synctest.Wait()
		if diff := cmp.Diff(o.want, r.atClient.all()); diff != "" {
			t.Errorf("%s, first chunk of %d (-want +got):\n%s", o.rule, len(chunks[0]), diff)
		}
		if got := r.link.Injections()[0].Hits(); got != o.hits {
			t.Errorf("%s: %d hits, want %d", o.rule, got, o.hits)
		}
		if s := r.link.Stats().In; s.Frames != 12 || s.Unread != 0 {
			t.Errorf("%s: %+v", o.rule, s)
		}
	})
}

func TestDelayHoldsAnOperationAndWhatFollows(t *testing.T) {
	bubble(t, wire.Options{}, []string{"when op(PONG) index(2) delay(5s)"}, func(r *rig) {
		r.say("PONG\r\nPONG\r\nPONG\r\n")
		time.Sleep(time.Second)
		r.say("PING\r\n")
		r.send("PING\r\n")
		time.Sleep(time.Minute)
		r.atClient.expect(t, `0s "PONG\r\n"`, `5s "PONG\r\nPONG\r\n"`, `5s "PING\r\n"`)
		r.atServer.expect(t, `1s "PING\r\n"`)
	})
}

// TestALastingFaultBeginsAtTheOperation, for the connection concerned, and lasts from
// then on.
func TestALastingFaultBeginsAtTheOperation(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		l := wire.New(plan.Target{}, wire.Options{})
		i := inject(t, l, "for 3s when op(PUB) index(2) blackhole")
		a, b := connect(t, l, net.Pipe), connect(t, l, net.Pipe)
		b.send("PUB a 0\r\n\r\n")
		time.Sleep(time.Second)
		a.send("PING\r\nPUB a 0\r\n\r\nPING\r\n")
		a.say("PONG\r\n")
		b.send("PING\r\n")
		time.Sleep(time.Minute)
		a.atServer.expect(t, `1s "PING\r\n"`, `4s "PUB a 0\r\n\r\nPING\r\n"`)
		a.atClient.expect(t, `1s "PONG\r\n"`)
		b.atServer.expect(t, `0s "PUB a 0\r\n\r\n"`, `1s "PING\r\n"`)
		if i.Hits() != 1 {
			t.Errorf("%d hits", i.Hits())
		}
	})
}

// TestAnOperationOfOneSideSetsOffAFaultOfTheOther direction.
func TestAnOperationOfOneSideSetsOffAFaultOfTheOther(t *testing.T) {
	rules := []string{`when op(SUB) inject("-ERR 'no'\r\n", in)`, "when op(UNSUB) blackhole(in)", "when op(PUB) replay(6, in)"}
	bubble(t, wire.Options{}, rules, func(r *rig) {
		r.say("PONG\r\n")
		synctest.Wait()
		r.send("SUB a 1\r\n")
		synctest.Wait()
		r.send("PUB a 0\r\n\r\n")
		synctest.Wait()
		r.send("UNSUB 1\r\nPING\r\n")
		synctest.Wait()
		r.say("+OK\r\n")
		synctest.Wait()
		if got, want := r.atServer.all(), "SUB a 1\r\nPUB a 0\r\n\r\nUNSUB 1\r\nPING\r\n"; got != want {
			t.Errorf("the server reads %q", got)
		}
		if got := r.atClient.all(); got != "PONG\r\n-ERR 'no'\r\n"+"'no'\r\n" {
			t.Errorf("the client reads %q", got)
		}
	})
}

func TestTheShareOfMatchesIsDrawnFromTheSeed(t *testing.T) {
	outcomes := map[string]bool{}
	for _, seed := range []uint64{1, 1, 2} {
		bubble(t, wire.Options{Seed: seed}, []string{"when op(PING) prob(0.25) drop"}, func(r *rig) {
			for i := range 1000 {
				r.send("PING\r\n" + fmt.Sprintf("PUB %d 0\r\n\r\n", i))
			}
			synctest.Wait()
			if hits := r.link.Injections()[0].Hits(); hits < 200 || hits > 300 {
				t.Errorf("%d hits of 1000", hits)
			}
			outcomes[r.atServer.all()] = true
		})
	}
	if len(outcomes) != 2 {
		t.Errorf("two seeds gave %d outcomes", len(outcomes))
	}
}

// TestRulesCountForThemselves: what one drops the other has seen all the same.
func TestRulesCountForThemselves(t *testing.T) {
	rules := []string{"when op(PING) every(2) drop", "when op(PING) every(3) duplicate", "when op(PING) index(6) rewrite(\"PONG\\r\\n\")"}
	bubble(t, wire.Options{}, rules, func(r *rig) {
		for range 6 {
			r.send("PING\r\n")
		}
		synctest.Wait()
		if got, want := r.atServer.all(), strings.Repeat("PING\r\n", 4); got != want {
			t.Errorf("there came %q", got)
		}
		for k, want := range []int{3, 1, 0} {
			if got := r.link.Injections()[k].Hits(); got != want {
				t.Errorf("%s: %d hits, want %d", rules[k], got, want)
			}
		}
	})
}

// TestWhatIsBehindAResetSetsNothingOff.
func TestWhatIsBehindAResetSetsNothingOff(t *testing.T) {
	bubble(t, wire.Options{}, []string{"when op(PING) reset", "when op(PUB) drop", "when bytes(7) replay(1, out)"}, func(r *rig) {
		r.send("PING\r\nPUB a 0\r\n\r\n")
		<-r.over
		for k, want := range []int{1, 0, 0} {
			if got := r.link.Injections()[k].Hits(); got != want {
				t.Errorf("%v: %d hits", r.link.Injections()[k], got)
			}
		}
	})
}

// TestWhatIsDroppedCountsAsBytes that have passed: the source has sent them.
func TestWhatIsDroppedCountsAsBytes(t *testing.T) {
	bubble(t, wire.Options{}, []string{"when op(PING) drop(out)", "when bytes(13) reset(out)"}, func(r *rig) {
		r.send("PING\r\nPING\r\nPONG\r\n")
		<-r.over
		synctest.Wait()
		r.atServer.expect(t, `0s "P"`)
	})
}

// TestARuleThatComesInTheMiddleMeetsWhatBegins: the frame that is passing is spared,
// at each byte at which the rule can come.
func TestARuleThatComesInTheMiddleMeetsWhatBegins(t *testing.T) {
	first, second := msg("a", "one"), msg("b", "two")
	for k := 0; k <= len(first)+len(second); k++ {
		bubble(t, wire.Options{}, nil, func(r *rig) {
			stream := first + second
			r.say(stream[:k])
			synctest.Wait()
			i := inject(t, r.link, "when op(MSG) drop")
			r.say(stream[k:])
			synctest.Wait()
			want := first
			switch {
			case k == 0:
				want = ""
			case k > len(first):
				want = stream
			}
			if got := r.atClient.all(); got != want {
				t.Errorf("after %d bytes: %q", k, got)
			}
			if n := strings.Count(stream, "MSG") - strings.Count(want, "MSG"); i.Hits() != n {
				t.Errorf("after %d bytes: %d hits, want %d", k, i.Hits(), n)
			}
		})
	}
}

// TestLiftingReleasesWhatIsHeld: the beginning of a line to which a rule may apply.
func TestLiftingReleasesWhatIsHeld(t *testing.T) {
	bubble(t, wire.Options{}, []string{"when op(PING) drop"}, func(r *rig) {
		r.send("PING\r\nPI")
		synctest.Wait()
		r.atServer.expect(t)
		r.link.Clear()
		synctest.Wait()
		r.atServer.expect(t, `0s "PI"`)
		r.send("NG\r\nPING\r\n")
		synctest.Wait()
		if got := r.atServer.all(); got != "PING\r\nPING\r\n" {
			t.Errorf("there came %q", got)
		}
	})
	bubble(t, wire.Options{}, []string{"when op(PING) drop"}, func(r *rig) {
		r.send("PI")
		r.client.Close()
		<-r.atServer.done
		if got := r.atServer.all(); got != "PI" {
			t.Errorf("at the end there came %q", got)
		}
	})
}

// TestWhatIsNoNATSPassesAsBytes: and the counts say so.
func TestWhatIsNoNATSPassesAsBytes(t *testing.T) {
	tests := []struct{ name, stream string }{
		{"TLS", "\x16\x03\x01\x02\x00\x01\x00\x01PING\r\n"},
		{"HTTP", "GET / HTTP/1.1\r\n\r\n"},
		{"frames, then zeros", "PING\r\n\x00\x00\x00"},
		{"a wrong length", "PUB a 2\r\nabcd\r\nPING\r\n"},
		{"a negative length", "PUB a -1\r\n\r\n"},
		{"a line without end", "SUB " + strings.Repeat("x", 100_000)},
		{"a wrong end", "PUB a 2\r\nab\r\rPING\r\n"},
	}
	for _, test := range tests {
		for _, step := range []int{1, 3, 1 << 20} {
			bubble(t, wire.Options{}, []string{"when op(PUB) drop", "when op(PING) delay(1h)"}[:1], func(r *rig) {
				for rest := test.stream; rest != ""; rest = rest[min(step, len(rest)):] {
					r.send(rest[:min(step, len(rest))])
				}
				synctest.Wait()
				want := test.stream
				if strings.HasPrefix(want, "PUB a 2") {
					want = strings.TrimPrefix(want, "PUB a 2\r\nab") // known by then to be a PUB
				}
				if got := r.atServer.all(); !strings.HasSuffix(got, want[len(want)-3:]) || len(got) > len(test.stream) {
					t.Errorf("%s by %d: %q", test.name, step, got)
				}
				if !strings.HasPrefix(test.stream, "PUB a 2") && r.atServer.all() != test.stream {
					t.Errorf("%s by %d: %q", test.name, step, r.atServer.all())
				}
				if n := r.link.Stats().Out.Unread; n != 1 {
					t.Errorf("%s by %d: %d streams unread", test.name, step, n)
				}
			})
		}
	}
}

// TestAHugeMessageIsNotHeld: rules decide by the control line, the payload passes as it
// arrives.
func TestAHugeMessageIsNotHeld(t *testing.T) {
	const window = 1 << 10
	rules := []string{"when op(PUB) index(2) drop", "when op(PUB) duplicate"}
	bubble(t, wire.Options{Window: window}, rules, func(r *rig) {
		payload := strings.Repeat("x", 100*window)
		for range 2 {
			r.send(fmt.Sprintf("PUB a %d\r\n", len(payload)))
			r.send(payload[:10*window])
			synctest.Wait()
			r.send(payload[10*window:] + "\r\n")
		}
		r.send("PING\r\n")
		synctest.Wait()
		got := r.atServer.all()
		if len(got) != len(payload)+len("PUB a 102400\r\n\r\nPING\r\n") || !strings.HasSuffix(got, "x\r\nPING\r\n") {
			t.Errorf("%d bytes came", len(got))
		}
		if drops, copies := r.link.Injections()[0].Hits(), r.link.Injections()[1].Hits(); drops != 1 || copies != 0 {
			t.Errorf("%d dropped, %d duplicated", drops, copies)
		}
	})
}
