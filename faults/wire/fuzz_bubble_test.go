package wire_test

import (
	"bytes"
	"math/rand/v2"
	"net"
	"slices"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/faults/plan"
	"github.com/troupe-go/troupe/faults/wire"
	"github.com/troupe-go/troupe/protocol"
)

// harmless reports whether all bytes pass under a rule in their order, and within a
// day, even one by one.
func harmless(r plan.Rule) bool {
	if r.Fault.Duration > time.Second || r.For > time.Hour || r.At > time.Hour {
		return false
	}
	switch r.Fault.Kind {
	case plan.Latency, plan.Bandwidth, plan.Slice, plan.Coalesce, plan.SlowClose, plan.Delay:
		return true
	case plan.Blackhole:
		return r.For > 0 && r.When == plan.When{}
	}
	return false
}

// FuzzRelay sends arbitrary bytes, those of the server after a zero byte, cut in any way,
// under any rules. Nothing panics and nothing is left over; without rules, or with
// harmless ones, the output equals the input.
func FuzzRelay(f *testing.F) {
	out := "CONNECT {}\r\nPING\r\nSUB a 1\r\nPUB a 5\r\nhello\r\nHPUB a 12 13\r\nNATS/1.0\r\n\r\nx\r\nUNSUB 1\r\n"
	in := "INFO {}\r\nPONG\r\nMSG a 1 5\r\nhello\r\nHMSG a 1 12 13\r\nNATS/1.0\r\n\r\nx\r\n-ERR 'no'\r\n+OK\r\n"
	rules := []string{"", "latency(10ms, 5ms)\nslice(3)", "bandwidth(100)\ncoalesce(1s)", "when op(MSG) drop\nwhen op(PUB) duplicate",
		"at 1s for 1s halfopen", "for 2s blackhole(in)\nwhen bytes(20) reset", "corrupt(0.1)\nreplay(9)",
		"when op(HMSG) rewrite(\"PING\\r\\n\")\nwhen op(PING) inject(\"PONG\\r\\n\", in)", "when op(PONG) fin\nslowclose(1s)",
		"for 1s when op(PUB) every(2) blackhole\nwhen op(SUB) prob(0.5) delay(1s)"}
	for i, r := range rules {
		f.Add([]byte(out+"\x00"+in), r, uint64(i))
	}
	f.Fuzz(func(t *testing.T, both []byte, text string, seed uint64) {
		p, err := plan.Parse(text)
		if err != nil || len(p.Rules) > 8 {
			p = plan.Plan{}
		}
		out, in, _ := bytes.Cut(both, []byte{0})
		if len(both) > 4<<10 {
			return // each byte may cost an hour of virtual time, in steps
		}
		synctest.Test(t, func(t *testing.T) { fuzzRelay(t, [2][]byte{out, in}, p, seed) })
	})
}

func fuzzRelay(t *testing.T, streams [2][]byte, p plan.Plan, seed uint64) {
	l := wire.New(plan.Target{}, wire.Options{Seed: seed, Window: 1 + int(seed%5000)})
	whole := true
	for _, rule := range p.Rules {
		if _, err := l.Add(rule); err == nil {
			whole = whole && harmless(rule)
		}
	}
	r := connect(t, l, net.Pipe)
	random := rand.New(rand.NewPCG(seed, 1))
	ends := []net.Conn{r.client, r.server}
	for _, end := range ends {
		end.SetWriteDeadline(time.Now().Add(24 * time.Hour))
	}
	done := make(chan struct{}, 2)
	for k, stream := range streams {
		var chunks [][]byte
		for rest := stream; len(rest) > 0; {
			n := 1 + random.IntN(len(rest))
			if random.IntN(2) == 0 {
				n = 1 + random.IntN(min(5, len(rest)))
			}
			chunks, rest = append(chunks, rest[:n]), rest[n:]
		}
		go func() {
			defer func() { done <- struct{}{} }()
			for i, chunk := range chunks {
				if _, err := ends[k].Write(chunk); err != nil {
					return
				}
				if (seed+uint64(i))%3 == 0 {
					time.Sleep(time.Millisecond)
				}
			}
		}()
	}
	<-done
	<-done
	if whole {
		time.Sleep(48 * time.Hour)
		for k, tp := range []*tape{r.atServer, r.atClient} {
			if got := tp.all(); got != string(streams[k]) && !heldBack(streams[k], got, p) {
				t.Errorf("%q went in, %q came out, under\n%v", streams[k], got, p)
			}
		}
	}
	l.Clear()
	l.Close()
	<-r.over
	if s := l.Stats(); s.Open != 0 {
		t.Errorf("%+v", s)
	}
}

// heldBack reports whether the missing bytes are the beginning of a line that never ends,
// which rules with an operation hold back.
func heldBack(stream []byte, got string, p plan.Plan) bool {
	byOp := slices.ContainsFunc(p.Rules, func(r plan.Rule) bool { return r.When.Op != protocol.OpNone })
	rest, ok := bytes.CutPrefix(stream, []byte(got))
	return byOp && ok && !bytes.Contains(rest, []byte("\n"))
}
