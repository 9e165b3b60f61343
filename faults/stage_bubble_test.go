package faults_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"

	"github.com/troupe-go/troupe/faults"
	"github.com/troupe-go/troupe/faults/plan"
	"github.com/troupe-go/troupe/faults/wire"
)

// diary is a server that records what is done to it, and when.
type diary struct {
	mu    sync.Mutex
	began time.Time
	lines []string
	err   error // returned by all methods that return one
}

func newDiary() *diary { return &diary{began: time.Now()} }

func (d *diary) note(what string) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.lines = append(d.lines, fmt.Sprintf("%v %s", time.Since(d.began), what))
	return d.err
}

// read returns what was written, sorted by name for what happened at one time.
func (d *diary) read() []string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return slices.Clone(d.lines)
}

func (d *diary) Kill()                 { _ = d.note("kill") }
func (d *diary) Restart() error        { return d.note("restart") }
func (d *diary) Pause() error          { return d.note("pause") }
func (d *diary) Resume() error         { return d.note("resume") }
func (d *diary) KickAll() (int, error) { return 1, d.note("kick") }
func (d *diary) LameDuck() <-chan struct{} {
	_ = d.note("lameduck")
	return nil
}

// plain is a server that can do what it must and no more.
type plain struct{}

func (plain) Kill()          {}
func (plain) Restart() error { return nil }

// parsed reads a plan.
func parsed(t *testing.T, text string) plan.Plan {
	t.Helper()
	p, err := plan.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return p
}

// play begins a plan that can be played.
func play(t *testing.T, s *faults.Stage, text string) *faults.Run {
	t.Helper()
	r, err := s.Play(parsed(t, text))
	if err != nil {
		t.Fatal(err)
	}
	return r
}

// TestServersMeetTheirFateInTime: each kind of rule does, and undoes, what it says, to
// the nanosecond.
func TestServersMeetTheirFateInTime(t *testing.T) {
	for text, want := range map[string][]string{
		"server(s1) kill":                  {"0s kill"},
		"at 5s server(s1) kill":            {"5s kill"},
		"at 5s for 1m server(s1) kill":     {"5s kill", "1m5s restart"},
		"at 1ms server(s1) restart":        {"1ms restart"},
		"at 1s for 2s server(s1) pause":    {"1s pause", "3s resume"},
		"at 1s server(s1) pause":           {"1s pause"},
		"at 1s for 1h server(s1) lameduck": {"1s lameduck", "1h0m1s restart"},
		"at 1s server(s1) lameduck":        {"1s lameduck"},
		"at 1s server(*) kick":             {"1s kick"},
		"at 1s server(s2) kick":            nil,
		"at 1s server(s1) kick\nat 2s server(s1) kill\nfor 3s server(s1) pause": {"0s pause", "1s kick", "2s kill", "3s resume"},
	} {
		t.Run(text, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d := newDiary()
				stage := &faults.Stage{Servers: map[string]faults.Server{"s1": d, "s2": newDiary()}}
				r := play(t, stage, text)
				if err := r.Wait(t.Context()); err != nil {
					t.Error(err)
				}
				if diff := cmp.Diff(want, d.read()); diff != "" {
					t.Errorf("want -, got +:\n%s", diff)
				}
				r.Stop()
				if diff := cmp.Diff(want, d.read()); diff != "" {
					t.Errorf("after Stop: want -, got +:\n%s", diff)
				}
			})
		})
	}
}

// TestStopGivesBack what was taken away for a time, and begins nothing more.
func TestStopGivesBack(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d := newDiary()
		stage := &faults.Stage{Servers: map[string]faults.Server{"s1": d}}
		r := play(t, stage, "at 1s for 1h server(s1) pause\nat 2s server(s1) kill\nat 1m server(s1) kick")
		short, cancel := context.WithTimeout(t.Context(), 30*time.Second)
		defer cancel()
		if err := r.Wait(short); !errors.Is(err, context.DeadlineExceeded) {
			t.Error(err)
		}
		r.Stop()
		r.Stop()
		time.Sleep(2 * time.Hour)
		if diff := cmp.Diff([]string{"1s pause", "2s kill", "30s resume"}, d.read()); diff != "" {
			t.Errorf("want -, got +:\n%s", diff)
		}
		if diff := cmp.Diff([]int{1, 1, 0}, r.Hits()); diff != "" {
			t.Errorf("hits: want -, got +:\n%s", diff)
		}
		if err := r.Wait(t.Context()); err != nil {
			t.Error("a run that was stopped has not ended:", err)
		}
	})
}

// TestWhatServersHaveAgainstIt: errors of servers are reported, with the rule.
func TestWhatServersHaveAgainstIt(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		broken := errors.New("broken")
		d := newDiary()
		d.err = broken
		r := play(t, &faults.Stage{Servers: map[string]faults.Server{"s1": d}}, "server(s1) restart\nat 1s for 1s server(s1) pause\nserver(s1) kick")
		err := r.Wait(t.Context())
		if !errors.Is(err, broken) || strings.Count(err.Error(), "broken") != 4 || !strings.Contains(err.Error(), "server s1, rule server(s1) kick") {
			t.Error(err)
		}
		if r.Err() == nil || len(r.Plan().Rules) != 3 {
			t.Error(r.Err(), r.Plan())
		}
		r.Stop()
	})
}

// TestWhatCannotBePlayed is reported with a typed error, and nothing has begun.
func TestWhatCannotBePlayed(t *testing.T) {
	faults.Bubble(t, func(b *faults.Env) {
		b.Dialer("client")
		b.Servers["plain"] = plain{}
		d := newDiary()
		b.Servers["d"] = d
		first := "server(d) kill\nlink(client, s1) reset\nactor(reader) panic\n"
		for _, rule := range []string{"link(nobody, s1) reset", "server(s9) kill", "actor(stranger) panic"} {
			var unknown *plan.UnknownTargetError
			if _, err := b.Play(parsed(t, first+rule)); !errors.As(err, &unknown) {
				t.Errorf("%s: %v", rule, err)
			}
		}
		for _, rule := range []string{"server(plain) pause", "server(*) kick", "for 1s server(plain) lameduck"} {
			var unable *faults.UnableError
			if _, err := b.Play(parsed(t, first+rule)); !errors.As(err, &unable) || unable.Server != "plain" || !strings.Contains(err.Error(), rule) {
				t.Errorf("%s: %v", rule, err)
			}
		}
		nonsense := parsed(t, first)
		nonsense.Rules = append(nonsense.Rules, plan.Rule{At: -1})
		var wrong *plan.RangeError
		if _, err := b.Play(nonsense); !errors.As(err, &wrong) {
			t.Error(err)
		}
		synctest.Wait()
		if n := len(b.Link("client", "s1").Injections()); n > 0 || len(d.read()) > 0 {
			t.Errorf("%d rules were injected, and the server saw %v", n, d.read())
		}
	})
}

// TestALinkThatRefusesARule: the rules that were added before it are lifted.
func TestALinkThatRefusesARule(t *testing.T) {
	open, gone := wire.New(plan.Link("c", "s1"), wire.Options{}), wire.New(plan.Link("c", "s2"), wire.Options{})
	defer open.Close()
	gone.Close()
	stage := &faults.Stage{Links: []*wire.Link{open, gone}}
	if _, err := stage.Play(parsed(t, "latency(1s)")); !errors.Is(err, wire.ErrClosed) {
		t.Error(err)
	}
	if n := len(open.Injections()); n > 0 {
		t.Errorf("%d rules are left", n)
	}
}

// TestRulesReachLinksAndServers with a different kind of client: faults happen, end, and
// are counted.
func TestRulesReachLinksAndServers(t *testing.T) {
	faults.Bubble(t, func(b *faults.Env) {
		nc := other(b, "client", "s1")
		lost, back := make(chan error, 10), make(chan struct{}, 10)
		nc.SetDisconnectErrHandler(func(_ *nats.Conn, err error) { lost <- err })
		nc.SetReconnectHandler(func(*nats.Conn) { back <- struct{}{} })
		began := time.Now()
		run := b.Inject("at 1s link(client, *) reset\nat 10s for 30s server(s1) kill\nat 10s for 40s refuse\nat 5m link(*, s1) latency(250ms)")
		<-lost
		if passed := time.Since(began); passed != time.Second {
			t.Errorf("reset after %v", passed)
		}
		<-back
		<-lost
		if passed := time.Since(began); passed < 10*time.Second || passed > 11*time.Second {
			t.Errorf("killed after %v", passed)
		}
		<-back
		if passed := time.Since(began); passed < 50*time.Second || passed > 53*time.Second {
			t.Errorf("back after %v", passed)
		}
		if err := run.Wait(b.T.Context()); err != nil {
			t.Error(err)
		}
		if rtt, err := nc.RTT(); err != nil || rtt < 500*time.Millisecond {
			t.Errorf("round trip %v, %v", rtt, err)
		}
		run.Stop()
		if rtt, err := nc.RTT(); err != nil || rtt > 100*time.Millisecond {
			t.Errorf("round trip %v, %v after Stop", rtt, err)
		}
		if hits := run.Hits(); hits[0] != 1 || hits[1] != 1 || hits[2] < 1 || hits[3] != 1 {
			t.Errorf("hits %v", hits)
		}
	})
}

// TestARunThatIsOverIsNotWaitedFor, whatever the context says.
func TestARunThatIsOverIsNotWaitedFor(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		r := play(t, &faults.Stage{Servers: map[string]faults.Server{"s1": newDiary()}}, "server(s1) kick")
		defer r.Stop()
		if err := r.Wait(t.Context()); err != nil {
			t.Fatal(err)
		}
		over, cancel := context.WithCancel(t.Context())
		cancel()
		for range 200 {
			if err := r.Wait(over); err != nil {
				t.Fatal(err)
			}
		}
	})
}
