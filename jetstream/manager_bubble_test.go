package jetstream_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/nats.go"
	peer "github.com/nats-io/nats.go/jetstream"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
)

// managed runs f in a bubble with a server, and a JetStream of the client "c".
func managed(t *testing.T, f func(b *faults.Env, js jetstream.JetStream), options ...faults.Option) {
	t.Helper()
	faults.Bubble(t, func(b *faults.Env) {
		nc := must.Get(api.Connect(b.URL("s1"), api.System(b.System), api.SetCustomDialer(b.Dialer("c"))))(b.T)
		defer nc.Close()
		f(b, must.Get(jetstream.New(nc))(b.T))
	}, options...)
}

// peerOf returns the JetStream of nats.go on the same server.
func peerOf(b *faults.Env) (peer.JetStream, func()) {
	b.T.Helper()
	nc := must.Get(nats.Connect(b.URL("s1"), nats.SetCustomDialer(b.Dialer("peer"))))(b.T)
	return must.Get(peer.New(nc))(b.T), nc.Close
}

// is fails the test unless err belongs to all kinds.
func is(t testing.TB, err error, kinds ...error) {
	t.Helper()
	for _, kind := range kinds {
		if !errors.Is(err, kind) {
			t.Errorf("error %v is no %v", err, kind)
		}
	}
}

func TestAStreamsLife(t *testing.T) {
	managed(t, func(b *faults.Env, js jetstream.JetStream) {
		ctx := b.T.Context()
		_, err := js.Stream(ctx, "ORDERS")
		is(b.T, err, jetstream.ErrStreamNotFound, jetstream.ErrNotFound, jetstream.ErrAPI)
		cfg := jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.>"}, Storage: jetstream.MemoryStorage}
		_, err = js.UpdateStream(ctx, cfg)
		is(b.T, err, jetstream.ErrStreamNotFound)
		s := must.Get(js.CreateStream(ctx, cfg))(b.T)
		if info := s.CachedInfo(); !info.DidCreate || info.Config.Name != "ORDERS" || info.TimeStamp.IsZero() {
			b.T.Errorf("created: %+v", info)
		}
		must.Get(js.CreateStream(ctx, cfg))(b.T) // the same
		cfg.MaxMsgs = 5
		_, err = js.CreateStream(ctx, cfg)
		is(b.T, err, jetstream.ErrStreamNameAlreadyInUse)
		s = must.Get(js.UpdateStream(ctx, cfg))(b.T)
		if got := s.CachedInfo().Config.MaxMsgs; got != 5 {
			b.T.Errorf("updated: MaxMsgs %d", got)
		}
		_, err = js.CreateStream(ctx, jetstream.StreamConfig{Name: "OTHER", Subjects: []string{"orders.new"}})
		is(b.T, err, jetstream.ErrSubjectOverlap)
		must.Do(b.T, js.DeleteStream(ctx, "ORDERS"))
		is(b.T, js.DeleteStream(ctx, "ORDERS"), jetstream.ErrStreamNotFound)
		_, err = s.Info(ctx)
		is(b.T, err, jetstream.ErrStreamNotFound)
		s = must.Get(js.CreateOrUpdateStream(ctx, cfg))(b.T)
		must.Get(js.CreateOrUpdateStream(ctx, cfg))(b.T)
		var none context.Context // allowed, as with nats.go
		must.Get(s.Info(none))(b.T)
	})
}

func TestSubjectsOfStreams(t *testing.T) {
	managed(t, func(b *faults.Env, js jetstream.JetStream) {
		ctx := b.T.Context()
		for _, name := range []string{"A", "B"} {
			must.Get(js.CreateStream(ctx, jetstream.StreamConfig{Name: name, Subjects: []string{"x." + name}}))(b.T)
		}
		if name := must.Get(js.StreamNameBySubject(ctx, "x.B"))(b.T); name != "B" {
			b.T.Errorf("x.B is taken by %q", name)
		}
		_, err := js.StreamNameBySubject(ctx, "y")
		is(b.T, err, jetstream.ErrStreamNotFound)
		_, err = js.StreamNameBySubject(ctx, "x.*")
		ambiguous, ok := errors.AsType[*jetstream.AmbiguousSubjectError](err)
		if !ok || !slices.Equal(ambiguous.Streams, []string{"A", "B"}) {
			b.T.Errorf("x.* gave %v", err)
		}
		_, err = js.StreamNameBySubject(ctx, "x..y")
		is(b.T, err, jetstream.ErrInvalidSubject)
	})
}

func TestMessagesOfAStream(t *testing.T) {
	managed(t, func(b *faults.Env, js jetstream.JetStream) {
		for _, direct := range []bool{false, true} {
			ctx := b.T.Context()
			name := fmt.Sprintf("S%v", direct)
			s := must.Get(js.CreateStream(ctx, jetstream.StreamConfig{Name: name, Subjects: []string{name + ".>"}, AllowDirect: direct}))(b.T)
			for i := range 6 {
				m := api.NewMsg(fmt.Sprintf("%s.%d", name, i%2))
				m.Data, m.Header = fmt.Append(nil, i), api.Header{"Key": {"value"}}
				must.Get(js.Conn().RequestMsgWithContext(ctx, m))(b.T)
			}
			m := must.Get(s.GetMsg(ctx, 3))(b.T)
			if m.Subject != name+".0" || string(m.Data) != "2" || m.Sequence != 3 || m.Header.Get("Key") != "value" || m.Time.IsZero() {
				b.T.Errorf("message 3 is %+v", m)
			}
			if m := must.Get(s.GetMsg(ctx, 3, jetstream.WithGetMsgSubject(name+".1")))(b.T); m.Sequence != 4 {
				b.T.Errorf("the next of %s.1 is %d", name, m.Sequence)
			}
			if m := must.Get(s.GetLastMsgForSubject(ctx, name+".0"))(b.T); m.Sequence != 5 {
				b.T.Errorf("the last of %s.0 is %d", name, m.Sequence)
			}
			_, err := s.GetMsg(ctx, 99)
			is(b.T, err, jetstream.ErrMsgNotFound)
			_, err = s.GetLastMsgForSubject(ctx, name+".7")
			is(b.T, err, jetstream.ErrMsgNotFound)
			_, err = s.GetLastMsgForSubject(ctx, "a b")
			is(b.T, err, jetstream.ErrInvalidSubject)
			must.Do(b.T, s.DeleteMsg(ctx, 2))
			must.Do(b.T, s.SecureDeleteMsg(ctx, 3))
			is(b.T, s.DeleteMsg(ctx, 99), jetstream.ErrMsgDeleteUnsuccessful)
			info := must.Get(s.Info(ctx, jetstream.WithDeletedDetails(true), jetstream.WithSubjectFilter(">")))(b.T)
			if !slices.Equal(info.State.Deleted, []uint64{2, 3}) || len(info.State.Subjects) != 2 || info.State.NumSubjects != 2 {
				b.T.Errorf("state is %+v", info.State)
			}
			if s.CachedInfo().State.Subjects != nil {
				b.T.Error("subjects are cached")
			}
			if n := must.Get(s.PurgeCount(ctx, jetstream.WithPurgeSubject(name+".1"), jetstream.WithPurgeKeep(1)))(b.T); n != 1 {
				b.T.Errorf("purged %d", n)
			}
			must.Do(b.T, s.Purge(ctx))
			_, err = s.PurgeCount(ctx, jetstream.WithPurgeKeep(1), jetstream.WithPurgeSequence(3))
			is(b.T, err, jetstream.ErrInvalidOption)
		}
	})
}

// TestListsOfStreams has more of them than fit into a page.
func TestListsOfStreams(t *testing.T) {
	managed(t, func(b *faults.Env, js jetstream.JetStream) {
		ctx := b.T.Context()
		var want []string
		for i := range 300 {
			name := fmt.Sprintf("S%03d", i)
			want = append(want, name)
			must.Get(js.CreateStream(ctx, jetstream.StreamConfig{Name: name, Storage: jetstream.MemoryStorage}))(b.T)
		}
		var names, listed, fed []string
		for name, err := range js.AllStreamNames(ctx) {
			must.Do(b.T, err)
			names = append(names, name)
		}
		for info, err := range js.AllStreams(ctx) {
			must.Do(b.T, err)
			listed = append(listed, info.Config.Name)
		}
		lister := js.ListStreams(ctx)
		for info := range lister.Info() {
			fed = append(fed, info.Config.Name)
		}
		must.Do(b.T, lister.Err())
		for what, got := range map[string][]string{"names": names, "infos": listed, "lister": fed} {
			if diff := cmp.Diff(want, got); diff != "" {
				b.T.Errorf("%s: %s", what, diff)
			}
		}
		one := js.StreamNames(ctx, jetstream.WithStreamListSubject("S007"))
		if name, ok := <-one.Name(); !ok || name != "S007" {
			b.T.Errorf("filtered: %q", name)
		}
		bad := js.StreamNames(ctx, jetstream.WithStreamListSubject("a..b"))
		if _, ok := <-bad.Name(); ok {
			b.T.Error("a bad filter lists")
		}
		is(b.T, bad.Err(), jetstream.ErrInvalidSubject)
	})
}

// TestAListerThatIsLeft ends by itself: the bubble fails if its goroutine stays.
func TestAListerThatIsLeft(t *testing.T) {
	managed(t, func(b *faults.Env, js jetstream.JetStream) {
		for i := range 300 {
			must.Get(js.CreateStream(b.T.Context(), jetstream.StreamConfig{Name: fmt.Sprintf("S%03d", i), Storage: jetstream.MemoryStorage}))(b.T)
		}
		lister := js.ListStreams(context.Background())
		<-lister.Info()
		time.Sleep(6 * time.Second)
		for range lister.Info() { // what was in the channel
		}
		is(b.T, lister.Err(), api.ErrTimeout)
		ctx, cancel := context.WithTimeout(context.Background(), time.Hour)
		lister = js.ListStreams(ctx)
		<-lister.Info()
		time.Sleep(6 * time.Second)
		cancel()
		for range lister.Info() {
		}
		is(b.T, lister.Err(), context.Canceled)
	})
}

func TestConsumersOfAStream(t *testing.T) {
	managed(t, func(b *faults.Env, js jetstream.JetStream) {
		ctx := b.T.Context()
		s := must.Get(js.CreateStream(ctx, jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}}))(b.T)
		cfg := jetstream.ConsumerConfig{Durable: "pull", FilterSubject: "s.a"}
		_, err := s.UpdateConsumer(ctx, cfg)
		is(b.T, err, jetstream.ErrConsumerDoesNotExist)
		must.Get(s.CreateConsumer(ctx, cfg))(b.T)
		c := must.Get(s.CreateConsumer(ctx, cfg))(b.T)
		cfg.Description = "changed"
		_, err = s.CreateConsumer(ctx, cfg)
		is(b.T, err, jetstream.ErrConsumerExists)
		must.Get(s.CreateOrUpdateConsumer(ctx, cfg))(b.T)
		if info := must.Get(c.Info(ctx))(b.T); info.Config.Description != "changed" || c.CachedInfo().Config.Description != "changed" {
			b.T.Errorf("info is %+v", info)
		}
		made := must.Get(s.CreateConsumer(ctx, jetstream.ConsumerConfig{FilterSubjects: []string{"s.a", "s.b"}}))(b.T)
		if name := made.CachedInfo().Name; len(name) != 8 {
			b.T.Errorf("the name made up is %q", name)
		}
		push := jetstream.ConsumerConfig{Name: "push", DeliverSubject: "to.me", IdleHeartbeat: time.Second, FlowControl: true}
		must.Get(s.CreatePushConsumer(ctx, push))(b.T)
		must.Get(s.PushConsumer(ctx, "push"))(b.T)
		_, err = s.Consumer(ctx, "push")
		is(b.T, err, jetstream.ErrNotPullConsumer)
		_, err = s.PushConsumer(ctx, "pull")
		is(b.T, err, jetstream.ErrNotPushConsumer)
		_, err = s.CreateConsumer(ctx, push)
		is(b.T, err, jetstream.ErrNotPullConsumer)
		_, err = s.CreatePushConsumer(ctx, cfg)
		is(b.T, err, jetstream.ErrNotPushConsumer)
		_, err = s.Consumer(ctx, "none")
		is(b.T, err, jetstream.ErrConsumerNotFound)
		_, err = js.Consumer(ctx, "none", "none")
		is(b.T, err, jetstream.ErrStreamNotFound)
		names := s.ConsumerNames(ctx)
		count := 0
		for range names.Name() {
			count++
		}
		infos := s.ListConsumers(ctx)
		for range infos.Info() {
			count++
		}
		if count != 6 || names.Err() != nil || infos.Err() != nil {
			b.T.Errorf("listed %d: %v, %v", count, names.Err(), infos.Err())
		}
		must.Do(b.T, s.DeleteConsumer(ctx, "pull"))
		is(b.T, s.DeleteConsumer(ctx, "pull"), jetstream.ErrConsumerNotFound)
	})
}

func TestControlOfAConsumer(t *testing.T) {
	managed(t, func(b *faults.Env, js jetstream.JetStream) {
		ctx := b.T.Context()
		s := must.Get(js.CreateStream(ctx, jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}}))(b.T)
		must.Get(js.Conn().Request("s.a", nil, time.Second))(b.T)
		must.Get(js.Conn().Request("s.a", nil, time.Second))(b.T)
		must.Get(s.CreateConsumer(ctx, jetstream.ConsumerConfig{Durable: "c"}))(b.T)
		until := time.Now().Add(time.Hour)
		paused := must.Get(s.PauseConsumer(ctx, "c", until))(b.T)
		if !paused.Paused || !paused.PauseUntil.Equal(until) || paused.PauseRemaining <= 59*time.Minute {
			b.T.Errorf("paused: %+v", paused)
		}
		if resumed := must.Get(s.ResumeConsumer(ctx, "c"))(b.T); resumed.Paused {
			b.T.Errorf("resumed: %+v", resumed)
		}
		reset := must.Get(s.ResetConsumer(ctx, "c"))(b.T)
		if reset.ResetSeq != 1 || reset.Name != "c" {
			b.T.Errorf("reset: %+v", reset)
		}
		if reset := must.Get(s.ResetConsumerToSequence(ctx, "c", 2))(b.T); reset.ResetSeq != 2 {
			b.T.Errorf("reset to 2: %+v", reset)
		}
		_, err := s.ResetConsumerToSequence(ctx, "c", 0)
		is(b.T, err, jetstream.ErrInvalidOption)
		must.Get(s.CreateConsumer(ctx, jetstream.ConsumerConfig{Durable: "new", DeliverPolicy: jetstream.DeliverNewPolicy}))(b.T)
		_, err = s.ResetConsumerToSequence(ctx, "new", 1)
		is(b.T, err, jetstream.ErrConsumerInvalidReset)
		is(b.T, s.UnpinConsumer(ctx, "c", "g"), jetstream.ErrPriorityGroup)
		is(b.T, s.UnpinConsumer(ctx, "c", "not a group"), jetstream.ErrInvalidOption)
		must.Get(s.CreateConsumer(ctx, jetstream.ConsumerConfig{Durable: "p", PriorityPolicy: jetstream.PriorityPolicyPinned, PriorityGroups: []string{"g"}}))(b.T)
		must.Do(b.T, s.UnpinConsumer(ctx, "p", "g"))
		_, err = s.PauseConsumer(ctx, "none", until)
		is(b.T, err, jetstream.ErrConsumerNotFound)
		_, err = s.ResetConsumer(ctx, "none")
		is(b.T, err, jetstream.ErrConsumerNotFound)
	})
}

// TestStreamsAreThePeers: each client reads what the other creates, field by field.
func TestStreamsAreThePeers(t *testing.T) {
	managed(t, func(b *faults.Env, js jetstream.JetStream) {
		other, done := peerOf(b)
		defer done()
		ctx := b.T.Context()
		ours := must.Get(js.CreateStream(ctx, jetstream.StreamConfig{
			Name: "OURS", Subjects: []string{"ours.>"}, Retention: jetstream.InterestPolicy, Discard: jetstream.DiscardNew, MaxAge: time.Hour,
			Compression: jetstream.S2Compression, FirstSeq: 7, AllowMsgTTL: true, AllowBatchPublish: true, AllowAtomicPublish: true,
			RePublish: &jetstream.RePublish{Source: ">", Destination: "re.>"}, Metadata: map[string]string{"k": "v"},
			ConsumerLimits: jetstream.StreamConsumerLimits{MaxAckPending: 5}, SubjectDeleteMarkerTTL: time.Minute,
		}))(b.T)
		theirs := must.Get(other.CreateStream(ctx, peer.StreamConfig{
			Name: "THEIRS", Subjects: []string{"theirs.>"}, PersistMode: peer.AsyncPersistMode, AllowMsgSchedules: true, AllowDirect: true,
			Sources: []*peer.StreamSource{}, SubjectTransform: &peer.SubjectTransformConfig{Source: "theirs.*", Destination: "theirs.new.{{wildcard(1)}}"},
		}))(b.T)
		read := must.Get(other.Stream(ctx, "OURS"))(b.T)
		if diff := sameJSON(b.T, ours.CachedInfo().Config, read.CachedInfo().Config); diff != "" {
			b.T.Errorf("the peer reads another config: %s", diff)
		}
		back := must.Get(js.Stream(ctx, "THEIRS"))(b.T)
		if diff := sameJSON(b.T, theirs.CachedInfo().Config, back.CachedInfo().Config); diff != "" {
			b.T.Errorf("we read another config: %s", diff)
		}
		must.Get(js.UpdateStream(ctx, back.CachedInfo().Config))(b.T) // as it came
		must.Get(js.UpdateStream(ctx, ours.CachedInfo().Config))(b.T)
		ownConsumer := must.Get(ours.CreateConsumer(ctx, jetstream.ConsumerConfig{
			Durable: "c", AckPolicy: jetstream.AckAllPolicy, BackOff: []time.Duration{time.Second, time.Minute}, MaxDeliver: 3, MaxAckPending: 3,
			DeliverPolicy: jetstream.DeliverLastPerSubjectPolicy, FilterSubjects: []string{"ours.a", "ours.b"}, SampleFrequency: "50%",
			ReplayPolicy: jetstream.ReplayOriginalPolicy, PriorityPolicy: jetstream.PriorityPolicyPrioritized, PriorityGroups: []string{"g"},
		}))(b.T)
		readConsumer := must.Get(read.Consumer(ctx, "c"))(b.T)
		if diff := sameJSON(b.T, ownConsumer.CachedInfo().Config, readConsumer.CachedInfo().Config); diff != "" {
			b.T.Errorf("the peer reads another consumer: %s", diff)
		}
		must.Get(ours.UpdateConsumer(ctx, ownConsumer.CachedInfo().Config))(b.T) // as it came
	})
}

// TestFiltersWithWildcards: permissions see the filter in the subject of the call.
func TestFiltersWithWildcards(t *testing.T) {
	managed(t, func(b *faults.Env, js jetstream.JetStream) {
		ctx := b.T.Context()
		must.Get(js.CreateStream(ctx, jetstream.StreamConfig{Name: "S", Subjects: []string{"s.>"}}))(b.T)
		for i, filter := range []string{"s.*", "s.*.a", "s.a.>", ">"} {
			name := fmt.Sprint("c", i)
			seen := must.Get(js.Conn().SubscribeSync("$JS.API.CONSUMER.CREATE.S." + name + ".>"))(b.T)
			c := must.Get(js.CreateConsumer(ctx, "S", jetstream.ConsumerConfig{Durable: name, FilterSubject: filter}))(b.T)
			call := must.Get(seen.NextMsg(time.Second))(b.T)
			if c.CachedInfo().Config.FilterSubject != filter || !strings.HasSuffix(call.Subject, "."+filter) {
				b.T.Errorf("%q is asked for with %s and becomes %q", filter, call.Subject, c.CachedInfo().Config.FilterSubject)
			}
		}
		err := js.Conn().Publish("s.*", nil)
		is(b.T, err, api.ErrBadSubject)
	})
}

func TestPedanticServers(t *testing.T) {
	managed(t, func(b *faults.Env, js jetstream.JetStream) {
		strict := must.Get(jetstream.New(js.Conn(), jetstream.WithPedantic()))(b.T)
		cfg := jetstream.StreamConfig{Name: "S", MaxMsgs: -5}
		_, err := strict.CreateStream(b.T.Context(), cfg)
		is(b.T, err, jetstream.ErrPedantic)
		s := must.Get(js.CreateStream(b.T.Context(), cfg))(b.T)
		_, err = strict.CreateConsumer(b.T.Context(), "S", jetstream.ConsumerConfig{MaxDeliver: -5})
		is(b.T, err, jetstream.ErrPedantic)
		must.Get(s.CreateConsumer(b.T.Context(), jetstream.ConsumerConfig{MaxDeliver: -5}))(b.T)
	})
}

func TestAccountInfo(t *testing.T) {
	managed(t, func(b *faults.Env, js jetstream.JetStream) {
		must.Get(js.CreateStream(b.T.Context(), jetstream.StreamConfig{Name: "S"}))(b.T)
		info := must.Get(js.AccountInfo(b.T.Context()))(b.T)
		if info.Streams != 1 || info.API.Level < 1 || info.Limits.MaxStreams != -1 {
			b.T.Errorf("account: %+v", info)
		}
	})
	managed(t, func(b *faults.Env, js jetstream.JetStream) {
		_, err := js.AccountInfo(b.T.Context())
		is(b.T, err, jetstream.ErrJetStreamNotEnabled)
		_, err = js.Stream(b.T.Context(), "S")
		is(b.T, err, jetstream.ErrServiceUnavailable)
	}, faults.ServerOptions(natsserver.Options{}))
}
