package kv

import (
	"testing"
	"time"

	"pgregory.net/rapid"
)

// keyModel is a server with one key, and the network to it.
type keyModel struct {
	now      time.Time
	revision uint64
	owner    int // 0 for none
	expires  time.Time
	last     uint64 // revision of the key, a marker's too
	clients  []*lockModel
}

// lockModel is a client of it.
type lockModel struct {
	id      int
	m       lockMachine
	flights []*flight
}

// flight is a change on its way.
type flight struct {
	act      lockAct
	expected uint64
	sent     time.Time
	arrived  bool
	told     bool // the machine knows what became of it
	result   lockResult
}

// tick has time pass.
func (k *keyModel) tick(d time.Duration) {
	k.now = k.now.Add(d)
	if k.owner != 0 && !k.now.Before(k.expires) {
		k.revision++
		k.owner, k.last = 0, k.revision
	}
}

// arrive has a change reach the server.
func (k *keyModel) arrive(c *lockModel, f *flight) {
	f.arrived = true
	f.result = lockResult{outcome: lockTaken, sent: f.sent, revision: k.last}
	if f.act == lockTry && k.owner != 0 || f.act != lockTry && f.expected != k.last {
		return
	}
	k.revision++
	k.last = k.revision
	f.result.outcome, f.result.revision = lockStored, k.revision
	k.owner = 0
	if f.act != lockRelease {
		k.owner, k.expires = c.id, k.now.Add(c.m.ttl)
	}
}

// step has a client do what its machine wants.
func (k *keyModel) step(c *lockModel) {
	act, _ := c.m.next(k.now)
	if act != lockNothing {
		c.flights = append(c.flights, &flight{act: act, expected: c.m.releases(), sent: k.now})
	}
}

// works has a change go its way, with pauses between its stations.
func (k *keyModel) works(c *lockModel, sends, comes time.Duration) {
	k.step(c)
	k.tick(sends)
	if n := len(c.flights); n > 0 && !c.flights[n-1].arrived {
		k.arrive(c, c.flights[n-1])
	}
	k.tick(comes)
	k.tell(c, false)
}

// tell has a client hear what became of its last change; trouble that nobody knows.
func (k *keyModel) tell(c *lockModel, trouble bool) {
	if len(c.flights) == 0 {
		return
	}
	f := c.flights[len(c.flights)-1]
	if f.told || !f.arrived && !trouble {
		return
	}
	f.told = true
	r := f.result
	if trouble {
		r = lockResult{outcome: lockTrouble, err: errLockTime}
	}
	r.sent, r.chance = f.sent, 0.5
	if r.outcome != lockStored && r.err == nil {
		r.err = errLockGone
	}
	c.m.done(k.now, f.act, r)
}

func TestALockMachineNeverHoldsWhatAnotherHas(t *testing.T) {
	for range 5 {
		rapid.Check(t, neverTwo)
	}
}

// neverTwo has three clients do anything, in any order.
func neverTwo(t *rapid.T) {
	k := &keyModel{now: time.Unix(1000, 0)}
	for id := range 3 {
		c := &lockModel{id: id + 1}
		c.m = lockMachine{ttl: 10 * time.Second, margin: 2 * time.Second}
		k.clients = append(k.clients, c)
	}
	any := rapid.Custom(func(t *rapid.T) *lockModel { return k.clients[rapid.IntRange(0, 2).Draw(t, "client")] })
	t.Repeat(map[string]func(*rapid.T){
		"": func(t *rapid.T) {
			holders := 0
			for _, c := range k.clients {
				if c.m.holds(k.now) {
					if holders++; k.owner != c.id {
						t.Fatalf("client %d holds what %d has", c.id, k.owner)
					}
				}
			}
			if holders > 1 {
				t.Fatalf("%d hold it", holders)
			}
		},
		"pass": func(t *rapid.T) { k.tick(time.Duration(rapid.IntRange(1, 4000).Draw(t, "ms")) * time.Millisecond) },
		"works": func(t *rapid.T) {
			pause := rapid.IntRange(0, 9000)
			k.works(any.Draw(t, "who"), time.Duration(pause.Draw(t, "sends"))*time.Millisecond/3, time.Duration(pause.Draw(t, "comes"))*time.Millisecond)
		},
		"step":    func(t *rapid.T) { k.step(any.Draw(t, "who")) },
		"hear":    func(t *rapid.T) { k.tell(any.Draw(t, "who"), false) },
		"trouble": func(t *rapid.T) { k.tell(any.Draw(t, "who"), true) },
		"arrive": func(t *rapid.T) { // late, too: what nobody waits for any more
			c := any.Draw(t, "who")
			for _, f := range c.flights {
				if !f.arrived {
					k.arrive(c, f)
					return
				}
			}
		},
		"see": func(t *rapid.T) {
			c := any.Draw(t, "who")
			if k.last > c.m.seen.revision {
				c.m.see(k.now, lockSeen{revision: k.last, held: k.owner != 0, mine: k.owner == c.id}, 0.5)
			}
		},
		"absent": func(t *rapid.T) {
			if c := any.Draw(t, "who"); k.owner == 0 {
				c.m.absent(k.now, 0.5)
			}
		},
		"unlock": func(t *rapid.T) {
			c := any.Draw(t, "who")
			c.m.unlock(k.now)
			if c.m.phase == lockEnded {
				c.m = lockMachine{ttl: c.m.ttl, margin: c.m.margin}
				c.flights = nil
			}
		},
	})
}

func TestTheClockThatSaysMoreCounts(t *testing.T) {
	from := time.Now()
	for _, row := range []struct {
		name string
		to   time.Time
		want time.Duration
	}{
		{"both", from.Add(3 * time.Second), 3 * time.Second},
		{"the machine has slept", from.Round(0).Add(time.Hour), time.Hour},
		{"nothing has passed", from, 0},
	} {
		if got := lapse(from, row.to); got != row.want {
			t.Errorf("%s: %v, want %v", row.name, got, row.want)
		}
	}
}
