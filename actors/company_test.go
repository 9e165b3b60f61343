package actors

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/supervisor"
)

// TestGroups: each is a node of its own, in an order that does not depend on which came
// first; names are unique within a group only.
func TestGroups(t *testing.T) {
	onStage(t, func(t *testing.T, s *stage) {
		idle := func(*Incarnation, any) {}
		for _, at := range []string{"watchers/x", "consumers/x", "/x", "consumers/y"} {
			spec := doing(idle)
			spec.Group, spec.Name, _ = strings.Cut(at, "/")
			spawnActor(t, s.c, spec)
			synctest.Wait()
		}
		var paths []string
		for n := range s.c.Tree().All() {
			if n.Kind == "actors" || n.Kind == "actor" {
				paths = append(paths, strings.TrimPrefix(n.Path, s.c.Name()+"/"))
			}
		}
		want := []string{"actors", "actors/x", "consumers", "consumers/x", "consumers/y", "watchers", "watchers/x"}
		if diff := cmp.Diff(want, paths); diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		for _, at := range []string{"consumers/x", "actors/x", "link/x", "requests/x", "callbacks/x", "subscriptions/x"} {
			spec := doing(idle)
			spec.Group, spec.Name, _ = strings.Cut(at, "/")
			if _, err := s.c.SpawnActor(spec); !errors.Is(err, ErrActorExists) {
				t.Errorf("%s: %v", at, err)
			}
		}
	})
}

// unknown is a message at which the supervisor of a group panics.
type unknown struct{}

func (unknown) isUsersMsg() {}

// TestAGroupIsRestartedAlone: a failure of its supervisor does not affect the actors of
// other groups.
func TestAGroupIsRestartedAlone(t *testing.T) {
	onStage(t, func(t *testing.T, s *stage) {
		var mu sync.Mutex
		lives := map[string]int{}
		spec := func(name, group string) ActorSpec {
			return ActorSpec{Name: name, Group: group, Policy: noDelay, New: func(i *Incarnation) Behavior {
				mu.Lock()
				defer mu.Unlock()
				lives[group+"/"+name]++
				return Behavior{Receive: func(any) { panic("no") }}
			}}
		}
		spawnActor(t, s.c, spec("a", ""))
		spawnActor(t, s.c, spec("b", "consumers"))
		dies := spawnActor(t, s.c, spec("c", "consumers"))
		synctest.Wait()
		must.Do(t, dies.user.group.box.must(unknown{}))
		pass(time.Second)
		mu.Lock()
		diff := cmp.Diff(map[string]int{"/a": 1, "consumers/b": 2, "consumers/c": 2}, lives)
		mu.Unlock()
		if diff != "" {
			t.Errorf("(-want +got):\n%s", diff)
		}
		gone := spec("d", "consumers")
		gone.Policy = supervisor.Policy{Directive: supervisor.Stop}
		must.Do(t, spawnActor(t, s.c, gone).Send(1))
		synctest.Wait()
		down := s.c.Tree().Unhealthy()
		if len(down) != 1 || down[0].Path != s.c.Name()+"/consumers/d" {
			t.Errorf("not well: %v", down)
		}
		if n, _ := s.c.Tree().Find("actors"); len(n.Children) != 1 {
			t.Errorf("below actors:\n%v", n)
		}
	})
}

// TestBecome: tree and health show state, level and reason, there is one event for each
// change, and the next incarnation begins without them.
func TestBecome(t *testing.T) {
	onStage(t, func(t *testing.T, s *stage) {
		var first atomic.Pointer[Incarnation]
		spec := ActorSpec{Name: "a", Policy: noDelay, New: func(i *Incarnation) Behavior {
			first.CompareAndSwap(nil, i)
			return Behavior{Receive: func(m any) {
				switch m := m.(type) {
				case standing:
					i.Become(m.state, m.level, m.reason)
				default:
					panic(m)
				}
			}}
		}, Progress: func() []supervisor.Counter { return []supervisor.Counter{{Name: "bytes", Value: 7}} }}
		ref := spawnActor(t, s.c, spec)
		say := func(state string, level supervisor.Level, reason string) supervisor.Node {
			must.Do(t, ref.Send(standing{state: state, level: level, reason: reason}))
			synctest.Wait()
			n, _ := s.c.Tree().Find("actors/a")
			return n
		}
		for range 2 {
			n := say("waiting", supervisor.Down, "no server")
			var unwell *supervisor.HealthError
			if !errors.As(s.c.Health(), &unwell) || len(unwell.Problems) != 1 || n.State != "waiting" || n.Level != supervisor.Down || n.Reason != "no server" {
				t.Errorf("%+v, %v", n, s.c.Health())
			}
		}
		if n := say("waiting", 99, "still none"); n.Level != supervisor.Down || n.Reason != "still none" {
			t.Errorf("%+v", n)
		}
		if n := say("", supervisor.Well, ""); n.State != "idle" || s.c.Health() != nil {
			t.Errorf("%+v, %v", n, s.c.Health())
		}
		say("waiting", supervisor.Degraded, "x")
		must.Do(t, ref.Send("die"))
		pass(time.Second)
		first.Load().Become("dead", supervisor.Down, "a ghost")
		n, _ := s.c.Tree().Find("actors/a")
		if n.State != "idle" || n.Level != supervisor.Well || n.Reason != "" {
			t.Errorf("after the restart: %+v", n)
		}
		if v, ok := n.Counter("bytes"); !ok || v != 7 || n.Counters[0].Name != "handled" {
			t.Errorf("counters: %v", n.Counters)
		}
		say("ready now", supervisor.Well, "")
		var told []string
		for _, e := range s.tape.all(func(e Notice) bool { return e.Kind == supervisor.StateChanged && e.Path == n.Path }) {
			told = append(told, fmt.Sprintf("%s>%s %s", e.Before, e.After, e.Message))
		}
		want := []string{"ready>waiting no server", "waiting>waiting still none", "waiting>ready ", "ready>waiting x", "ready>ready now "}
		if !slices.Equal(told, want) {
			t.Errorf("told %q, want %q", told, want)
		}
	})
}

// TestProgressThatPanics costs nothing but its own counters.
func TestProgressThatPanics(t *testing.T) {
	onStage(t, func(t *testing.T, s *stage) {
		spec := doing(func(*Incarnation, any) {})
		spec.Progress = func() []supervisor.Counter { panic("oops") }
		spawnActor(t, s.c, spec)
		synctest.Wait()
		n, ok := s.c.Tree().Find("actors/actor-1")
		if !ok || n.Level != supervisor.Degraded || !strings.Contains(n.Reason, "oops") || len(n.Counters) != 2 {
			t.Errorf("%+v", n)
		}
	})
}
