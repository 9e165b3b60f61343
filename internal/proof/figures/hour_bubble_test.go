package figures_test

import (
	"cmp"
	"flag"
	"fmt"
	"slices"
	"sync/atomic"
	"testing"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults"
	"github.com/troupe-go/troupe/faults/plan"
	"github.com/troupe-go/troupe/internal/must"
)

// anHour is what goes wrong in an hour.
const anHour = `
	at 2m  for 30s link(client, s1) blackhole
	at 5m  for 10s server(s1) kill
	at 8m  for 1m  link(client, s1) latency(800ms, 200ms)
	at 12m when op(MSG) index(30) link(client, s1) reset
	at 15m for 2m  link(client, s1) slice(1)
	at 20m for 20s link(client, s1) halfopen
	at 25m for 1m  when op(PONG) every(2) link(client, s1) drop
	at 30m for 3m  link(client, s1) refuse
	at 30m1s link(client, s1) reset
	at 38m when index(3) actor(reader) panic
	at 40m when index(3) actor(writer) panic
	at 42m when index(3) actor(dispatcher) panic
	at 45m link(client, s1) inject("\x00\xff\r\n", in)
	at 50m server(s1) restart
	at 52m when op(PUB) index(10) link(client, s1) inject("-ERR 'Stale Connection'\r\n", in)
`

// TestAnHourInASecond lets a client publish to itself once a second and ask for an answer every
// ten, for an hour of virtual time, with a real server, while everything goes wrong. Whatever
// arrives does so once, and in order, except for what was reported as uncertain: the server may
// read that on a socket that was given up. At the end all is well. What is measured is how long
// it takes on the clock.
func TestAnHourInASecond(t *testing.T) {
	p, err := plan.Parse(anHour)
	must.Do(t, err)
	began := time.Now()
	var h hour
	faults.Bubble(t, func(b *faults.Env) { h.pass(b, p, time.Hour) })
	took := time.Since(began)
	for i, hits := range h.hits {
		if hits == 0 {
			t.Errorf("nothing came of: %s", p.Rules[i])
		}
	}
	record(t, figure{
		what: fmt.Sprintf("one virtual hour of a client, a real server and %d faults: real time", len(p.Rules)), goal: "< 1 s",
		measured: fmt.Sprintf("%s; %d of %d messages arrived, each once, and %d of %d requests were answered",
			rounded(took), h.got.Load(), h.sent, h.answers, h.requests),
		kept: took < time.Second,
	})
}

// harmless are the kinds of faults that change nothing in what arrives: with the others a
// message may come twice, or in another form, and no client could know.
func harmless() []plan.Kind {
	return slices.DeleteFunc(plan.Kinds(), func(k plan.Kind) bool {
		return slices.Contains([]plan.Kind{plan.Corrupt, plan.Replay, plan.Inject, plan.Duplicate, plan.Rewrite}, k)
	})
}

// seedCount is for longer searches.
var seedCount = flag.Int("seeds", 0, "how many plans are drawn; 0 is 10, or 500 with -full")

// TestAPlanForEachSeed lets ten minutes pass in the same way with each of many plans that
// are drawn from seeds.
func TestAPlanForEachSeed(t *testing.T) {
	const length = 10 * time.Minute
	seeds := cmp.Or(*seedCount, sized(500, 10))
	rules, kinds := 0, map[plan.Kind]bool{}
	began := time.Now()
	for seed := range uint64(seeds) {
		faults.Bubble(t, func(b *faults.Env) {
			b.Dialer("client")
			known := b.Stage.Known()
			p := plan.Random(seed, plan.Space{Links: []plan.Target{plan.Link("client", "s1")}, Servers: known.Servers, Actors: known.Actors,
				Length: length, Kinds: harmless()})
			var h hour
			h.pass(b, p, length)
			if b.T.Failed() {
				b.T.Fatalf("seed %d, with the plan\n%s", seed, p)
			}
			for i, hits := range h.hits {
				if hits > 0 {
					rules++
					kinds[p.Rules[i].Fault.Kind] = true
				}
			}
		}, faults.Seed(seed))
	}
	took := time.Since(began)
	times := int(time.Duration(seeds) * length / took)
	record(t, figure{
		what: fmt.Sprintf("%d seeds, a plan and ten virtual minutes each: virtual time ÷ real time", seeds), goal: "≥ 1000",
		measured: fmt.Sprintf("%d; %d rules of %d kinds had an effect, nothing arrived twice, only what was uncertain arrived late, and every client recovered", times, rules, len(kinds)),
		kept:     times >= 1000,
	})
}

// hour is what came of a stretch of time.
type hour struct {
	got                     atomic.Int64
	sent, answers, requests int
	hits                    []int // of each rule
}

func (h *hour) pass(b *faults.Env, p plan.Plan, length time.Duration) {
	t := b.T
	nc, err := api.Connect(b.URL("s1"), append(watchful(), api.NeverGiveUp(), api.System(b.System), api.SetCustomDialer(b.Dialer("client")))...)
	must.Do(t, err)
	defer nc.Close()
	last, late, seen := -1, 0, map[int]bool{}
	_, err = nc.Subscribe("tick", func(m *api.Msg) {
		var n int
		if _, err := fmt.Sscan(string(m.Data), &n); err != nil || seen[n] {
			t.Errorf("%q came twice", m.Data)
			return
		}
		if n < last {
			late++
		}
		last, seen[n] = max(n, last), true
		h.got.Add(1)
	})
	must.Do(t, err)
	_, err = nc.Subscribe("ask", func(m *api.Msg) { _ = m.Respond(m.Data) })
	must.Do(t, err)
	run, err := b.Play(p)
	must.Do(t, err)
	for begin := time.Now(); time.Since(begin) < length; h.sent++ {
		_ = nc.Publish("tick", fmt.Append(nil, h.sent))
		if h.sent%10 == 0 {
			h.requests++
			if _, err := nc.Request("ask", nil, 500*time.Millisecond); err == nil {
				h.answers++
			}
		}
		time.Sleep(time.Until(begin.Add(time.Duration(h.sent+1) * time.Second)))
	}
	h.hits = run.Hits()
	run.Stop()
	if err := run.Err(); err != nil {
		t.Error(err)
	}
	time.Sleep(10 * time.Second) // to be back, where something ended just now
	if _, err := nc.Request("ask", nil, time.Second); err != nil || !nc.IsConnected() {
		t.Errorf("at the end: %v, %v", nc.Status(), err)
	}
	nc.Close()
	if uncertain := nc.Stats().Uncertain; uint64(late) > uncertain {
		t.Errorf("%d messages came late, of which %d at most were uncertain", late, uncertain)
	}
}
