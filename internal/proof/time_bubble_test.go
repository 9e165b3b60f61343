package proof_test

import (
	"errors"
	"fmt"
	"go/ast"
	"go/parser"
	"go/token"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/nats-io/jwt/v2"
	"github.com/nats-io/nkeys"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/faults"
	"github.com/troupe-go/troupe/faults/fakeserver"
	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
)

// credentialsUntil are credentials for UserCredentialBytes that expire at the second.
func credentialsUntil(t testing.TB, second int64) []byte {
	t.Helper()
	account, user := must.Get(nkeys.CreateAccount())(t), must.Get(nkeys.CreateUser())(t)
	claims := jwt.NewUserClaims(must.Get(user.PublicKey())(t))
	claims.Expires = second
	signed := must.Get(claims.Encode(account))(t)
	return must.Get(jwt.FormatUserConfig(signed, must.Get(user.Seed())(t)))(t)
}

// expired checks that an attempt was given up before the server saw the credentials.
func expired(t testing.TB, err error, end time.Time) {
	t.Helper()
	kinds(t, err, api.ErrInvalidUserCredentials)
	bad := as[*api.UserCredentialsError](t, err)
	if want := end.UTC().Format(time.RFC3339); bad.Reason != "expired" || !strings.Contains(err.Error(), want) {
		t.Errorf("reason %q, %v, want one that names %s", bad.Reason, err, want)
	}
}

// TestT01WallClock: the wall clock is asked where a date is what counts, and nowhere
// else. A time of Go's carries the monotonic clock until it is made a number or put into
// a zone, so every place in the client that does that is listed here, with its reason.
// G2, G8: a step of the wall clock moves no timer. What a server says of its clock is in S14.
func TestT01WallClock(t *testing.T) {
	known := map[string]string{
		"actors/conn.go Unix":       "tells of the last PONG: StaleConnectionError.LastPong",
		"actors/link.go UnixNano":   "the same",
		"actors/reader.go UnixNano": "the same",
		"actors/handshake.go Unix":  "a deadline that is long over",
		"api/credentials.go Unix":   "when a JWT expires is a date",
		"api/credentials.go UTC":    "the same, for the error",
	}
	found := map[string]bool{}
	for _, dir := range []string{"actors", "api", "protocol", "supervisor"} {
		files := must.Get(filepath.Glob(filepath.Join("..", "..", dir, "*.go")))(t)
		if len(files) == 0 {
			t.Errorf("%s holds no files", dir)
		}
		for _, file := range files {
			if strings.HasSuffix(file, "_test.go") {
				continue
			}
			for _, use := range wallUses(t, file) {
				found[dir+"/"+filepath.Base(file)+" "+use] = true
			}
		}
	}
	for place := range found {
		if known[place] == "" {
			t.Errorf("%s: the wall clock comes in", place)
		}
	}
	if len(found) < len(known) {
		t.Errorf("only %v are left of %v", found, known)
	}
}

// wallUses returns which names of a file take the monotonic clock off a time, or make a
// time without one.
func wallUses(t *testing.T, path string) (uses []string) {
	t.Helper()
	methods := []string{"UTC", "Local", "Unix", "UnixNano", "UnixMicro", "UnixMilli", "AppendFormat"}
	functions := []string{"Parse", "ParseInLocation", "Date"}
	file := must.Get(parser.ParseFile(token.NewFileSet(), path, nil, parser.SkipObjectResolution))(t)
	ast.Inspect(file, func(n ast.Node) bool {
		s, ok := n.(*ast.SelectorExpr)
		if !ok {
			return true
		}
		of, _ := s.X.(*ast.Ident)
		if slices.Contains(methods, s.Sel.Name) || of != nil && of.Name == "time" && slices.Contains(functions, s.Sel.Name) {
			uses = append(uses, s.Sel.Name)
		}
		return true
	})
	return uses
}

// TestT01CredentialsExpireByTheWallClock: to the second, by our clock as by the
// server's, which ends the connection then. G11: the attempts say why they fail, and the
// connection is not given up.
func TestT01CredentialsExpireByTheWallClock(t *testing.T) {
	faults.Bubble(t, func(b *faults.Env) {
		t := b.T
		operator := must.Get(natsserver.NewOperator())(t)
		account := must.Get(operator.Account("A"))(t)
		b.Start("s1", natsserver.Options{Operator: operator})
		end := time.Now().Add(time.Hour)
		user := must.Get(account.User("ann", natsserver.Expires(time.Hour)))(t)
		option := api.UserCredentialBytes(must.Get(jwt.FormatUserConfig(user.JWT, []byte(user.Seed)))(t))
		events := newTape()
		nc := enter(b, "c", option, events.option())
		time.Sleep(time.Hour - time.Second)
		events.none(t, api.LinkLost)
		must.Do(t, enter(b, "late", option).Flush())
		lost := events.await(t, api.LinkLost, 1)
		kinds(t, lost.Cause, api.ErrAuthExpired)
		if d := lost.Time.Sub(end); d < 0 || d > time.Second {
			t.Errorf("lost %v behind the end", d)
		}
		for n := range 10 {
			expired(t, events.await(t, api.ConnectAttemptFailed, n+1).Cause, end)
		}
		if nc.IsClosed() {
			t.Errorf("given up: %v", nc.LastError())
		}
		_, err := api.Connect(b.URL("s1"), entry(b, "new", option)...)
		expired(t, err, end)
	}, faults.NoServer())
}

// TestT02SuspendPeerGone: the machine slept, and the server is gone. Where clocks stood
// still meanwhile, it is gone from one moment to the next in any phase of our timers;
// where they went on, all timers are due at once. G8: that is found out within one budget
// of PINGs after the resume, or seven seconds with work outstanding. G2: that work ends.
func TestT02SuspendPeerGone(t *testing.T) {
	const interval, budget = time.Minute, 3 * time.Minute // a PING behind two that are not answered
	options := []api.Option{api.PingInterval(interval), api.MaxPingsOutstanding(2)}
	gone := func(t *testing.T, events *tape, resumed time.Time, most time.Duration) {
		lost := events.await(t, api.LinkLost, 1)
		kinds(t, lost.Cause, api.ErrStaleConnection)
		if d := lost.Time.Sub(resumed); d < 0 || d > most {
			t.Errorf("found out %v after the resume, want up to %v", d, most)
		}
		events.await(t, api.LinkRestored, 2)
	}
	for phase := time.Duration(0); phase < interval; phase += 7 * time.Second {
		for _, works := range []bool{false, true} {
			kit(t, func(b *faults.Env) {
				must.Get(watching(b).nc.Subscribe("ask", func(*api.Msg) {}))(b.T)
				events := newTape()
				nc := enter(b, "c", append(options, events.option())...)
				time.Sleep(time.Hour + phase)
				inject(b, "c", "when conn(1) halfopen")
				resumed, most := time.Now(), budget
				if works {
					most = silence + time.Second // looks are a second apart, and one may be on its way
					_, err := nc.Request("ask", nil, time.Hour)
					kinds(b.T, err, api.ErrDisconnected, api.ErrStaleConnection)
				} else {
					time.Sleep(budget)
				}
				gone(b.T, events, resumed, most)
				must.Do(b.T, nc.Flush())
			})
		}
	}
	for _, asleep := range []time.Duration{time.Minute, 8 * time.Hour} {
		kit(t, func(b *faults.Env) {
			events := newTape()
			nc := enter(b, "c", append(options, events.option())...)
			time.Sleep(time.Hour + time.Second)
			suspended := time.Now()
			nap := b.Inject(fmt.Sprintf("when index(1) actor(heartbeat) delay(%v)\nlink(c, s1) when conn(1) halfopen", asleep))
			time.Sleep(asleep + interval + budget)
			if hits := nap.Hits(); hits[0] != 1 {
				b.T.Errorf("the client has not slept: %v", hits)
			}
			// It falls asleep with the next PING; the reader has nothing to read.
			gone(b.T, events, suspended.Add(asleep), interval+budget)
			must.Do(b.T, nc.Flush())
		})
	}
}

// TestT03ClientPause: the client stands still, from a second to ten, again and again, with bytes
// of the server waiting, and for longer than its PINGs have. G8: no false alarm, since what
// waits is read before anybody judges; G6: all of it comes, in order. When nothing waits, as the
// server is gone, the same pauses do not hide that.
func TestT03ClientPause(t *testing.T) {
	const interval = 500 * time.Millisecond
	for _, pause := range []time.Duration{time.Second, 3 * time.Second, 10 * time.Second} {
		kit(t, func(b *faults.Env) {
			t := b.T
			witness, events, got := watching(b).nc, newTape(), &notes[string]{}
			nc := enter(b, "c", events.option(), api.PingInterval(interval), api.MaxPingsOutstanding(1))
			must.Get(nc.Subscribe("a", texts(got)))(t)
			must.Do(t, nc.Flush())
			for round := range 10 {
				stopped := b.Inject(fmt.Sprintf("when index(1) actor(reader) delay(%v)", pause))
				for i := range 20 {
					must.Do(t, witness.Publish("a", []byte(numeral(20*round+i+1))))
					must.Do(t, nc.Publish("b", nil))
					time.Sleep(pause / 20)
				}
				time.Sleep(pause)
				if hits := stopped.Hits(); hits[0] != 1 {
					t.Errorf("the reader has not stood still: %v", hits)
				}
				stopped.Stop()
			}
			settled(t, nc, time.Second)
			events.none(t, api.LinkLost)
			if diff := cmp.Diff(numbers(200), got.read()); diff != "" {
				t.Errorf("messages after pauses of %v (-want +got):\n%s", pause, diff)
			}
			began := time.Now()
			inject(b, "c", "when conn(1) halfopen")
			time.Sleep(pause)
			kinds(t, events.await(t, api.LinkLost, 1).Cause, api.ErrStaleConnection)
			if d := events.of(api.LinkLost)[0].Time.Sub(began); d > 3*interval {
				t.Errorf("a server that is gone is found out after %v", d)
			}
		})
	}
}

// TestT04OneProcessor: one goroutine runs at a time. G8: under load nothing stands still,
// and nobody is taken for dead; G6: nothing is lost or out of order.
func TestT04OneProcessor(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	clients, messages := 8, sized(2000, 2000, 200)
	kit(t, func(b *faults.Env) {
		t := b.T
		var all sync.WaitGroup
		for i := range clients {
			events, got := newTape(), &notes[string]{}
			nc := enter(b, fmt.Sprint("c", i), events.option(), api.PingInterval(time.Second), api.MaxPingsOutstanding(1))
			own := fmt.Sprint("own.", i)
			must.Get(nc.Subscribe(own, texts(got)))(t)
			must.Get(nc.QueueSubscribe("ask", "q", func(m *api.Msg) { _ = m.Respond(m.Data) }))(t)
			must.Do(t, nc.Flush())
			all.Go(func() {
				if err := errors.Join(busy(nc, own, messages), nc.Flush()); err != nil {
					t.Errorf("client %d: %v", i, err)
				}
			})
			defer func() {
				events.none(t, api.LinkLost)
				if diff := cmp.Diff(numbers(messages), got.read()); diff != "" {
					t.Errorf("client %d (-want +got):\n%s", i, diff)
				}
			}()
		}
		all.Wait()
		synctest.Wait()
	})
}

// busy publishes numbers, and asks now and then.
func busy(nc *api.Conn, subject string, messages int) (err error) {
	for k, n := range numbers(messages) {
		err = errors.Join(err, nc.Publish(subject, []byte(n)))
		if k%50 == 0 {
			_, failed := nc.Request("ask", nil, time.Second)
			err = errors.Join(err, failed)
		}
	}
	return err
}

// TestT04Starved is the same on sockets, with goroutines that never give the processor
// away, so that each of ours runs once in a while only.
func TestT04Starved(t *testing.T) {
	defer runtime.GOMAXPROCS(runtime.GOMAXPROCS(1))
	s := natsserver.Run(t, natsserver.Options{})
	events := newTape()
	nc := must.Get(api.Connect(s.URL(), events.option(), api.Timeout(patience)))(t)
	defer nc.Close()
	must.Get(nc.Subscribe("ask", func(m *api.Msg) { _ = m.Respond(m.Data) }))(t)
	var over atomic.Bool
	var spinners sync.WaitGroup
	for range 2 {
		spinners.Go(func() {
			for !over.Load() { // nothing in here lets others run
			}
		})
	}
	defer spinners.Wait()
	defer over.Store(true)
	for range 3 {
		if _, err := nc.Request("ask", nil, patience); err != nil {
			t.Error(err)
		}
	}
	events.none(t, api.LinkLost)
}

// TestT05ManyDeadlinesAtOneInstant: a hundred thousand requests, a fifth of them without
// -full, whose time is over in one moment, and as many timers of an actor. G2: each has its one outcome, then and not
// later; G8: what others do in that moment is not held up, and the connection stays.
func TestT05ManyDeadlinesAtOneInstant(t *testing.T) {
	count := sized(100_000, 20_000, 2_000)
	kit(t, func(b *faults.Env) {
		t := b.T
		s := watching(b).nc
		must.Get(s.Subscribe("silent", func(*api.Msg) {}, api.PendingLimits(-1, -1)))(t)
		must.Get(s.Subscribe("ask", func(m *api.Msg) { _ = m.Respond(nil) }))(t)
		must.Do(t, s.Flush())
		events := newTape()
		nc, other := enter(b, "c", events.option()), enter(b, "other")
		var fired, late, timedOut atomic.Int64
		instant := time.Now().Add(time.Minute)
		spec := doing(func(c *api.ActorContext, m any) {
			if m == "begin" {
				for range count {
					c.After(time.Until(instant), "due")
				}
				return
			}
			fired.Add(1)
			if !time.Now().Equal(instant) {
				late.Add(1)
			}
		})
		spec.MailboxMax = count + 1
		must.Do(t, must.Get(nc.Spawn(spec))(t).Send("begin"))
		var all sync.WaitGroup
		for range count {
			all.Go(func() {
				_, err := nc.Request("silent", nil, time.Until(instant))
				if errors.Is(err, api.ErrTimeout) && api.MaybeSent(err) {
					timedOut.Add(1)
				}
				if !time.Now().Equal(instant) {
					late.Add(1)
				}
			})
		}
		time.Sleep(time.Until(instant))
		for _, c := range []*api.Conn{nc, other} {
			took(t, 0, "a request in that moment", func() { must.Get(c.Request("ask", nil, time.Second))(t) })
		}
		all.Wait()
		synctest.Wait()
		if int(timedOut.Load()) != count || int(fired.Load()) != count || late.Load() > 0 {
			t.Errorf("%d requests timed out, %d timers fired, want %d; %d were late", timedOut.Load(), fired.Load(), count, late.Load())
		}
		events.none(t, api.LinkLost)
		settled(t, nc, time.Minute)
	})
}

// TestT06Dates: seconds that no longer fit into 31, 32 or 33 bits. What the core reads of dates
// is when a JWT expires. It is good until the second before, on each side of the years 2038 and
// 2106; PINGs continue over such a border as always (G8), and the times of events can be written
// down and read to the nanosecond.
func TestT06Dates(t *testing.T) {
	for _, border := range []int64{1<<31 - 1, 1 << 31, 1<<32 - 1, 1 << 32, 1<<33 + 1} {
		onFake(t, fakeserver.Options{}, func(b *faults.Env, _ *fakeserver.Server) {
			t := b.T
			end := time.Unix(border, 0)
			time.Sleep(time.Until(end.Add(-time.Hour - time.Nanosecond)))
			option := api.UserCredentialBytes(credentialsUntil(t, border))
			events := newTape()
			nc := enter(b, "c", option, events.option(), api.PingInterval(time.Second), api.MaxPingsOutstanding(1))
			time.Sleep(time.Hour)
			must.Do(t, enter(b, "in time", option).Flush()) // a nanosecond before
			time.Sleep(time.Nanosecond)
			_, err := api.Connect(b.URL("s1"), entry(b, "late", option)...)
			expired(t, err, end)
			time.Sleep(time.Hour)
			must.Do(t, nc.Flush())
			events.none(t, api.LinkLost)
			for _, e := range nc.EventLog() {
				text := e.Time.Format(time.RFC3339Nano)
				if back := must.Get(time.Parse(time.RFC3339Nano, text))(t); !back.Equal(e.Time) || e.Time.Before(end.Add(-2*time.Hour)) {
					t.Errorf("%v is written as %s", e.Time, text)
				}
			}
			for _, never := range []int64{0, 1 << 40, 1<<53 + 1, 1<<63 - 1} {
				must.Do(t, enter(b, "far", api.UserCredentialBytes(credentialsUntil(t, never))).Flush())
			}
		})
	}
}
