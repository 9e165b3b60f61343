package wire_test

import (
	"errors"
	"io"
	"math/bits"
	"net"
	"strings"
	"syscall"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/faults/plan"
	"github.com/troupe-go/troupe/faults/wire"
)

func TestWithoutRulesBytesPassAtOnce(t *testing.T) {
	bubble(t, wire.Options{}, nil, func(r *rig) {
		r.send("PING\r\n")
		r.say("PONG\r\n")
		r.send("not a frame")
		synctest.Wait()
		r.atServer.expect(t, `0s "PING\r\n"`, `0s "not a frame"`)
		r.atClient.expect(t, `0s "PONG\r\n"`)
	})
}

// TestLatencyIsADelayLine: each chunk is late by the same time, whatever is under way.
func TestLatencyIsADelayLine(t *testing.T) {
	bubble(t, wire.Options{}, []string{"latency(100ms, out)"}, func(r *rig) {
		for range 3 {
			r.send("PING\r\n")
			time.Sleep(10 * time.Millisecond)
		}
		r.say("PONG\r\n")
		time.Sleep(time.Second)
		r.atServer.expect(t, `100ms "PING\r\n"`, `110ms "PING\r\n"`, `120ms "PING\r\n"`)
		r.atClient.expect(t, `30ms "PONG\r\n"`)
	})
}

func TestLatenciesAddUpAndEndOneByOne(t *testing.T) {
	bubble(t, wire.Options{}, []string{"latency(100ms)", "for 1s latency(50ms)"}, func(r *rig) {
		r.send("a")
		time.Sleep(time.Second)
		r.send("b")
		time.Sleep(time.Second)
		r.atServer.expect(t, `150ms "a"`, `1.1s "b"`)
	})
}

// TestLiftedLatencyLetsPassWhatIsUnderWay: a link that is healed is healed at once.
func TestLiftedLatencyLetsPassWhatIsUnderWay(t *testing.T) {
	bubble(t, wire.Options{}, []string{"latency(1h)"}, func(r *rig) {
		r.send("a")
		time.Sleep(time.Second)
		r.link.Clear()
		synctest.Wait()
		r.atServer.expect(t, `1s "a"`)
	})
}

func TestJitterKeepsOrderAndIsDrawnFromTheSeed(t *testing.T) {
	logs := map[string]bool{}
	for _, seed := range []uint64{1, 1, 2} {
		bubble(t, wire.Options{Seed: seed}, []string{"latency(100ms, 50ms)"}, func(r *rig) {
			for i := range 20 {
				r.send(string(rune('a' + i)))
				time.Sleep(time.Millisecond)
			}
			time.Sleep(time.Second)
			if got := r.atServer.all(); got != "abcdefghijklmnopqrst" {
				t.Errorf("there came %q", got)
			}
			late := map[time.Duration]bool{}
			for _, a := range r.atServer.list() {
				late[a.at] = true
				if a.at < 50*time.Millisecond || a.at > 170*time.Millisecond {
					t.Errorf("%q came after %v", a.data, a.at)
				}
			}
			if len(late) < 4 {
				t.Errorf("there is no jitter: %s", r.atServer.log())
			}
			logs[r.atServer.log()] = true
		})
	}
	if len(logs) != 2 {
		t.Errorf("two seeds gave %d outcomes", len(logs))
	}
}

func TestBandwidthIsExact(t *testing.T) {
	bubble(t, wire.Options{}, []string{"bandwidth(1000, out)"}, func(r *rig) {
		r.send(strings.Repeat("x", 505))
		time.Sleep(time.Second)
		if got := len(r.atServer.all()); got != 505 {
			t.Errorf("%d bytes came", got)
		}
		all := r.atServer.list()
		first, last := all[0], all[len(all)-1]
		if first != (arrival{10 * time.Millisecond, "xxxxxxxxxx"}) || last != (arrival{505 * time.Millisecond, "xxxxx"}) {
			t.Errorf("first %v, last %v", first, last)
		}
		r.send("y")
		time.Sleep(time.Second)
		if last := r.atServer.list()[len(all)]; last != (arrival{1001 * time.Millisecond, "y"}) {
			t.Errorf("after a pause there came %v", last)
		}
	})
}

func TestAThirdOfASecondIsNotRounded(t *testing.T) {
	bubble(t, wire.Options{}, []string{"bandwidth(3)"}, func(r *rig) {
		r.send("123456")
		time.Sleep(3 * time.Second)
		r.atServer.expect(t, `333.333333ms "1"`, `666.666666ms "2"`, `1s "3"`, `1.333333333s "4"`, `1.666666666s "5"`, `2s "6"`)
	})
}

func TestSliceBoundsEachWrite(t *testing.T) {
	bubble(t, wire.Options{}, []string{"slice(4)", "slice(3)", "slice(5)"}, func(r *rig) {
		r.send("PING\r\nPON")
		synctest.Wait()
		r.atServer.expect(t, `0s "PIN"`, `0s "G\r\n"`, `0s "PON"`)
	})
}

func TestCoalesceGathers(t *testing.T) {
	bubble(t, wire.Options{}, []string{"coalesce(10ms)"}, func(r *rig) {
		for _, s := range []string{"a", "b", "c", "d"} {
			r.send(s)
			time.Sleep(4 * time.Millisecond)
		}
		time.Sleep(time.Second)
		r.atServer.expect(t, `10ms "abc"`, `22ms "d"`)
	})
}

func TestBlackholeHoldsUntilItEnds(t *testing.T) {
	bubble(t, wire.Options{}, []string{"at 1s for 3s blackhole(out)"}, func(r *rig) {
		r.send("a")
		time.Sleep(2 * time.Second)
		r.send("b")
		r.say("c")
		time.Sleep(time.Second)
		r.send("d")
		time.Sleep(2 * time.Second)
		r.atServer.expect(t, `0s "a"`, `4s "b"`, `4s "d"`)
		r.atClient.expect(t, `2s "c"`)
	})
}

// TestTheWindowFills: held bytes are bounded, and then the writer blocks.
func TestTheWindowFills(t *testing.T) {
	const window = 1000
	bubble(t, wire.Options{Window: window}, []string{"blackhole"}, func(r *rig) {
		r.client.SetWriteDeadline(time.Now().Add(time.Hour))
		n, err := r.client.Write(make([]byte, 10*window))
		if n != window || err == nil {
			t.Errorf("%d bytes were taken, then %v", n, err)
		}
		if held := r.link.Stats().Out.Held; held != window {
			t.Errorf("%d bytes are held", held)
		}
		r.link.Clear()
		r.client.SetWriteDeadline(time.Time{})
		r.send("more")
		synctest.Wait()
		if got := len(r.atServer.all()); got != window+4 {
			t.Errorf("%d bytes came", got)
		}
	})
}

// TestManySmallChunksAreBounded: an item costs more than its bytes.
func TestManySmallChunksAreBounded(t *testing.T) {
	bubble(t, wire.Options{}, []string{"latency(1h)"}, func(r *rig) {
		taken := 0
		for ; taken < 50_000; taken++ {
			r.client.SetWriteDeadline(time.Now().Add(time.Second))
			if _, err := r.client.Write([]byte("x")); err != nil {
				break
			}
			time.Sleep(time.Nanosecond)
		}
		if taken < 10_000 || taken > 20_000 {
			t.Errorf("%d chunks were held", taken)
		}
	})
}

func TestHalfOpenSwallowsAndEndsInAReset(t *testing.T) {
	bubble(t, wire.Options{}, []string{"at 1s for 3s halfopen"}, func(r *rig) {
		r.send("a")
		time.Sleep(2 * time.Second)
		r.send("b")
		r.say("c")
		time.Sleep(time.Second)
		if _, err := r.atClient.end(); err != nil {
			t.Errorf("ended before its time: %v", err)
		}
		time.Sleep(2 * time.Second)
		r.atServer.expect(t, `0s "a"`)
		r.atClient.expect(t)
		for _, tp := range []*tape{r.atClient, r.atServer} {
			if at, err := tp.end(); err == nil || at != 4*time.Second {
				t.Errorf("ended by %v after %v", err, at)
			}
		}
		if s := r.link.Stats(); s.Resets != 1 || s.Open != 0 {
			t.Errorf("%+v", s)
		}
	})
}

// TestNobodyHearsOfAnEndOnAHalfOpenConnection: neither FIN nor anything else passes.
func TestNobodyHearsOfAnEndOnAHalfOpenConnection(t *testing.T) {
	bubble(t, wire.Options{}, []string{"halfopen(out)"}, func(r *rig) {
		r.client.Close()
		time.Sleep(time.Hour)
		if _, err := r.atServer.end(); err != nil {
			t.Errorf("the server heard: %v", err)
		}
		r.server.Close()
		<-r.over
	})
}

// flipped returns at which bits a and b differ.
func flipped(a, b string) (at []int) {
	for i := range a {
		for d := a[i] ^ b[i]; d != 0; d &= d - 1 {
			at = append(at, 8*i+bits.TrailingZeros8(d))
		}
	}
	return at
}

func TestCorruptionDoesNotDependOnChunks(t *testing.T) {
	data := strings.Repeat("MSG a 1 5\r\nhello\r\n", 300)
	outcome := func(seed uint64, rules []string, step int) string {
		var got string
		bubble(t, wire.Options{Seed: seed}, append(rules, "corrupt(0.01, in)"), func(r *rig) {
			for rest := data; len(rest) > 0; rest = rest[min(step, len(rest)):] {
				r.say(rest[:min(step, len(rest))])
			}
			time.Sleep(time.Minute)
			got = r.atClient.all()
			flips := flipped(data, got)
			if n := len(flips); n < 20 || n > 120 {
				t.Errorf("%d bits of %d bytes are flipped", n, len(data))
			}
			all := r.link.Injections()
			if hits := all[len(all)-1].Hits(); hits != len(flips) {
				t.Errorf("%d hits, %d flips", hits, len(flips))
			}
		})
		return got
	}
	first := outcome(1, nil, len(data))
	// In some cases the rule is the second one, so all get the same number.
	if outcome(1, nil, 1) != first || outcome(1, nil, 7) != first {
		t.Error("chunks change the corruption")
	}
	if outcome(2, nil, 7) == first {
		t.Error("the seed does not change the corruption")
	}
	delayed := outcome(1, []string{"latency(1s)"}, 7)
	if gathered := outcome(1, []string{"coalesce(1s)"}, 5); gathered != delayed {
		t.Error("gathering changes the corruption")
	}
	if sliced := outcome(1, []string{"slice(3)"}, 11); sliced != delayed {
		t.Error("slices change the corruption")
	}
}

func TestCertainCorruptionFlipsOneBitOfEachByte(t *testing.T) {
	data := strings.Repeat("x", 1000)
	bubble(t, wire.Options{}, []string{"corrupt(1)"}, func(r *rig) {
		r.send(data)
		synctest.Wait()
		flips := flipped(data, r.atServer.all())
		seen := map[int]int{}
		for k, bit := range flips {
			if bit/8 != k {
				t.Fatalf("flip %d is at byte %d", k, bit/8)
			}
			seen[bit%8]++
		}
		if len(flips) != len(data) || len(seen) != 8 {
			t.Errorf("%d flips, at %v", len(flips), seen)
		}
	})
}

func TestSlowCloseTellsTheEndLater(t *testing.T) {
	bubble(t, wire.Options{}, []string{"slowclose(5s)"}, func(r *rig) {
		r.send("a")
		r.client.Close()
		time.Sleep(time.Minute)
		r.atServer.expect(t, `0s "a"`)
		if at, err := r.atServer.end(); err != io.EOF || at != 5*time.Second {
			t.Errorf("ended by %v after %v", err, at)
		}
	})
}

func TestRefuseAndLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		name := plan.Link("client", "s1")
		l := wire.New(name, wire.Options{})
		if err := l.Admit(); err != nil {
			t.Errorf("refused without a rule: %v", err)
		}
		limit := inject(t, l, "limit(1)")
		if err := l.Admit(); err != nil {
			t.Errorf("the first is refused: %v", err)
		}
		first := connect(t, l, net.Pipe)
		synctest.Wait()
		var refused *wire.RefusedError
		if err := l.Admit(); !errors.As(err, &refused) || refused.Link != name || refused.Rule != limit.Rule() ||
			!errors.Is(err, syscall.ECONNREFUSED) {
			t.Errorf("the second: %v", err)
		}
		late := connect(t, l, net.Pipe) // as one that has overtaken another
		<-late.over
		first.client.Close()
		first.server.Close()
		<-first.over
		if err := l.Admit(); err != nil {
			t.Errorf("refused below the limit: %v", err)
		}
		l.Clear()
		refuse := inject(t, l, "at 1s for 1s refuse")
		for i, want := range []bool{true, false, true} {
			if err := l.Admit(); (err == nil) != want {
				t.Errorf("after %d.5 s: %v", i, err)
			}
			time.Sleep(time.Second + 100*time.Millisecond)
		}
		if limit.Hits() != 2 || refuse.Hits() != 1 || l.Stats().Refused != 3 {
			t.Errorf("%d and %d hits, %+v", limit.Hits(), refuse.Hits(), l.Stats())
		}
	})
}
