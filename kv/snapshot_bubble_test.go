package kv_test

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/kv"
)

// lagging is a bucket, and a stream with what a lagging replica of it has.
type lagging struct {
	*world
	bucket kv.Store
	lag    jetstream.JetStream // stores what the replica has
}

// withReplica runs f with a bucket "b" and its replica, both empty.
func withReplica(t *testing.T, f func(l *lagging)) {
	t.Helper()
	inBubble(t, func(w *world) {
		l := &lagging{world: w, bucket: w.made(kv.Config{Bucket: "b", History: 3}), lag: w.js}
		must.Get(w.js.CreateStream(w.t.Context(), jetstream.StreamConfig{
			Name: "LAG", Subjects: []string{"L.>"}, AllowDirect: true, Storage: jetstream.MemoryStorage, MaxMsgsPerSubject: 3,
			SubjectTransform: &jetstream.SubjectTransformConfig{Source: "L.>", Destination: "$KV.b.>"},
		}))(w.t)
		f(l)
	})
}

// puts stores values of keys, "key=value", which the replica has or not.
func (l *lagging) puts(has bool, entries ...string) (revision uint64) {
	l.t.Helper()
	for _, e := range entries {
		key, value, _ := strings.Cut(e, "=")
		revision = must.Get(l.bucket.PutString(l.t.Context(), key, value))(l.t)
		if has {
			must.Get(l.lag.Publish(l.t.Context(), "L."+key, []byte(value)))(l.t)
		}
	}
	return revision
}

// opened returns the bucket as a client has it of whose direct gets the replica answers those that
// lags says, by their number from 0 on, and the leader the others.
func (l *lagging) opened(name string, lags func(n int) bool) kv.Store {
	l.t.Helper()
	nc := must.Get(api.Connect(l.URL("s1"), api.System(l.System), api.SetCustomDialer(l.Dialer(name)), api.SyncQueueLen(8)))(l.t)
	l.t.Cleanup(nc.Close)
	n := 0
	must.Get(nc.Subscribe(name+".>", func(m *api.Msg) {
		call := strings.TrimPrefix(m.Subject, name+".")
		if strings.HasPrefix(call, "DIRECT.GET.KV_b") {
			if lags(n) {
				call = strings.Replace(call, "KV_b", "LAG", 1)
			}
			n++
		}
		must.Do(l.t, nc.PublishMsg(&api.Msg{Subject: "$JS.API." + call, Reply: m.Reply, Header: m.Header, Data: m.Data}))
	}))(l.t)
	js := must.Get(jetstream.NewWithAPIPrefix(nc, name))(l.t)
	return must.Get(kv.Open(l.t.Context(), js, "b"))(l.t)
}

// TestSnapshotOfReplicasThatLag: whichever replica answers which request, a snapshot is of its
// revision, or says that it cannot be.
func TestSnapshotOfReplicasThatLag(t *testing.T) {
	withReplica(t, func(l *lagging) {
		l.puts(true, "a=1", "old=1", "c=1", "d=1", "e=1", "f=1", "trimmed=1")
		l.puts(false, "c=2", "old=2", "new=1", "a=2")
		at := l.puts(false, "g=1")
		l.puts(false, "c=3", "a=3", "trimmed=2", "trimmed=3")
		must.Get(l.bucket.Create(l.t.Context(), "late", []byte("1")))(l.t)
		want := []string{"a=2", "c=2", "d=1", "e=1", "f=1", "g=1", "new=1", "old=2", "trimmed=1"}
		for name, lags := range map[string]func(n int) bool{
			"none":     func(int) bool { return false },
			"first":    func(n int) bool { return n == 0 },
			"second":   func(n int) bool { return n == 1 },
			"third":    func(n int) bool { return n == 2 },
			"odd":      func(n int) bool { return n%2 == 1 },
			"even":     func(n int) bool { return n%2 == 0 },
			"unlucky":  func(n int) bool { return n%3 != 0 },
			"from-two": func(n int) bool { return n > 1 },
			"all":      func(int) bool { return true },
		} {
			s := l.opened(name, lags)
			for _, keys := range [][]string{{"new"}, {"old"}, {"a", "c"}, {">"}} {
				got, err := read(s.Snapshot(l.t.Context(), keys, kv.SnapshotAt(at)))
				slices.Sort(got)
				here := slices.DeleteFunc(slices.Clone(want), func(e string) bool {
					key, _, _ := strings.Cut(e, "=")
					return keys[0] != ">" && !slices.Contains(keys, key)
				})
				if errors.Is(err, kv.ErrSnapshotAhead) && (name == "all" || name == "from-two") {
					continue
				}
				if err != nil || !slices.Equal(got, here) {
					l.t.Errorf("%s: %v: %v, %v, want %v", name, keys, got, err, here)
				}
			}
		}
	})
}

// TestSnapshotOfNowFromSeveralReplicas: the replica that answers first says which revision it
// is, and answers of those that lag are not used.
func TestSnapshotOfNowFromSeveralReplicas(t *testing.T) {
	withReplica(t, func(l *lagging) {
		var old, want []string
		for i := range 9 {
			old = append(old, fmt.Sprintf("k%d=old", i))
			want = append(want, fmt.Sprintf("k%d=new", i))
		}
		l.puts(true, old...)
		l.puts(true, "k0=new", "k1=new", "k2=new", "k3=new", "k4=new", "k5=new", "k7=older")
		l.puts(false, "k6=new", "k7=new", "k8=new")
		s := l.opened("later", func(n int) bool { return n > 0 && n < 5 })
		reads(l.t, "all", s.Snapshot(l.t.Context(), nil), want...)
		reads(l.t, "some", l.opened("pages", func(n int) bool { return n%2 == 1 }).Snapshot(l.t.Context(), []string{"*"}), want...)
	})
}
