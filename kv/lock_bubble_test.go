package kv_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/kv"
)

// locks is a bucket that can have locks.
func locks() kv.Config { return kv.Config{Bucket: "L", LimitMarkerTTL: 5 * time.Second} }

// mutex returns the lock "job" of a client's.
func (s *scene) mutex(js jetstream.JetStream, opts ...kv.LockOpt) *kv.Mutex {
	s.Helper()
	return must.Get(kv.NewMutex(must.Get(kv.Open(s.ctx(), js, "L"))(s), "job", opts...))(s)
}

func TestALockHasOneHolder(t *testing.T) {
	inScene(t, locks(), func(s *scene) {
		a, b := s.client("a"), s.client("b")
		first, second := s.mutex(a, kv.LockValue([]byte("ann"))), s.mutex(b)
		held := must.Get(first.Lock(s.ctx()))(s)
		_, err := second.TryLock(s.ctx())
		is(s, err, kv.ErrLockHeld)
		got := make(chan *kv.Lease)
		go func() { got <- must.Get(second.Lock(s.ctx()))(s) }()
		time.Sleep(10 * time.Minute)
		if n := node(a, "lock-L"); !held.Held() || n.State != "held" || time.Until(held.Until()) < 5*time.Second {
			t.Errorf("it is held: %v, until %v; %+v", held.Held(), held.Until(), n)
		}
		if n := node(b, "lock-L"); n.State != "waiting" || n.Reason != `held by "ann"` {
			t.Errorf("the other one is %+v", n)
		}
		if tries, _ := node(b, "lock-L").Counter("tries"); tries != 1 {
			t.Errorf("it has tried %d times", tries)
		}
		must.Do(s, held.Unlock(s.ctx()))
		must.Do(s, held.Unlock(s.ctx()))
		began := time.Now()
		next := <-got
		if waited := time.Since(began); waited > 100*time.Millisecond {
			t.Errorf("the next one had to wait for %v", waited)
		}
		is(s, context.Cause(held.Context()), kv.ErrUnlocked)
		if held.Held() || !next.Held() || next.Token() <= held.Token() {
			t.Errorf("token %d, then %d", held.Token(), next.Token())
		}
		must.Do(s, next.Unlock(s.ctx()))
		time.Sleep(10 * time.Second)
		if n := node(a, "lock-"); n.Name != "" {
			t.Errorf("it is still there: %+v", n)
		}
		if status := must.Get(must.Get(kv.Open(s.ctx(), a, "L"))(s).Status(s.ctx()))(s); status.Values() != 0 {
			t.Errorf("%d messages are left", status.Values())
		}
	})
}

func TestWhoCannotBeHeardLosesALockBeforeAnotherGetsIt(t *testing.T) {
	inScene(t, locks(), func(s *scene) {
		a := s.client("a")
		held := must.Get(s.mutex(a).Lock(s.ctx()))(s)
		got := make(chan *kv.Lease)
		go func() { got <- must.Get(s.mutex(s.client("b")).Lock(s.ctx()))(s) }()
		time.Sleep(time.Minute)
		began := time.Now()
		s.b.Inject("for 1m link(a,s1) blackhole")
		<-held.Context().Done()
		lost := time.Since(began)
		is(s, context.Cause(held.Context()), kv.ErrLockLost)
		is(s, context.Cause(held.Context()), api.ErrTimeout)
		select {
		case <-got:
			t.Error("another one has it already")
		default:
		}
		next := <-got
		if since := time.Since(began); lost > 12*time.Second || since < lost+2*time.Second || since > 16*time.Second {
			t.Errorf("it is lost behind %v, and got behind %v", lost, since)
		}
		if n := node(a, "lock-L"); n.State != "lost" || n.Level != api.Down {
			t.Errorf("it is %+v", n)
		}
		is(s, held.Unlock(s.ctx()), kv.ErrLockLost)
		is(s, held.Unlock(s.ctx()), kv.ErrLockLost)
		must.Do(s, next.Unlock(s.ctx()))
	})
}

func TestALockThatIsTakenAwayIsLostAtOnce(t *testing.T) {
	for name, take := range map[string]func(*scene, kv.Store) error{
		"deleted":     func(s *scene, store kv.Store) error { return store.Delete(s.ctx(), "job") },
		"purged":      func(s *scene, store kv.Store) error { return store.Purge(s.ctx(), "job") },
		"overwritten": func(s *scene, store kv.Store) error { _, err := store.Put(s.ctx(), "job", nil); return err },
	} {
		t.Run(name, func(t *testing.T) {
			inScene(t, locks(), func(s *scene) {
				held := must.Get(s.mutex(s.client("a")).Lock(s.ctx()))(s)
				time.Sleep(time.Second)
				must.Do(s, take(s, s.open("b", "L")))
				synctest.Wait()
				is(s, context.Cause(held.Context()), kv.ErrLockLost)
				is(s, context.Cause(held.Context()), kv.ErrKeyWrongLastSequence)
			})
		})
	}
}

func TestALockOutlivesWhatIsShort(t *testing.T) {
	for _, trouble := range []string{
		"link(a,s1) reset", "for 8s link(a,s1) blackhole", "for 6s server(s1) kill", "for 20s when op(HPUB) every(2) link(a,s1) drop",
		"for 20s when op(MSG) every(2) link(a,s1) drop", "actor(actor) panic", "when index(2) actor(actor) panic\nwhen index(5) actor(actor) panic\nwhen index(9) actor(actor) panic",
	} {
		t.Run(trouble, func(t *testing.T) {
			inScene(t, locks(), func(s *scene) {
				held := must.Get(s.mutex(s.client("a")).Lock(s.ctx()))(s)
				time.Sleep(3 * time.Second)
				s.b.Inject(trouble)
				time.Sleep(5 * time.Minute)
				if !held.Held() || held.Context().Err() != nil {
					t.Errorf("it is lost: %v", context.Cause(held.Context()))
				}
				must.Do(s, held.Unlock(s.ctx()))
				must.Do(s, must.Get(s.mutex(s.client("b")).TryLock(s.ctx()))(s).Unlock(s.ctx()))
			})
		})
	}
}

func TestWhoGivesUpHasNoLock(t *testing.T) {
	inScene(t, locks(), func(s *scene) {
		a, b := s.client("a"), s.client("b")
		held := must.Get(s.mutex(a).Lock(s.ctx()))(s)
		_, err := s.mutex(b).Lock(s.within(time.Minute))
		is(s, err, context.DeadlineExceeded)
		must.Do(s, held.Unlock(s.ctx()))
		time.Sleep(time.Second)
		ctx, cancel := context.WithCancel(s.ctx())
		s.b.Inject("for 2s link(b,s1) latency(2s)") // the lock comes too late
		go func() {
			time.Sleep(time.Second)
			cancel()
		}()
		_, err = s.mutex(b).Lock(ctx)
		is(s, err, context.Canceled)
		time.Sleep(10 * time.Second)
		must.Do(s, must.Get(s.mutex(a).TryLock(s.ctx()))(s).Unlock(s.ctx()))
		if n := node(b, "lock-"); n.Name != "" {
			t.Errorf("it is still there: %+v", n)
		}
	})
}

func TestALockEndsWithTheConnection(t *testing.T) {
	inScene(t, locks(), func(s *scene) {
		a, b := s.client("a"), s.client("b")
		held := must.Get(s.mutex(a).Lock(s.ctx()))(s)
		waits := make(chan error)
		go func() {
			_, err := s.mutex(b).Lock(s.ctx())
			waits <- err
		}()
		time.Sleep(time.Second)
		b.Conn().Close()
		is(s, <-waits, api.ErrConnectionClosed)
		a.Conn().Close()
		<-held.Context().Done()
		is(s, context.Cause(held.Context()), kv.ErrLockLost)
		is(s, context.Cause(held.Context()), api.ErrConnectionClosed)
		is(s, held.Unlock(s.ctx()), kv.ErrLockLost)
		_, err := s.mutex(s.client("c")).Lock(s.within(20 * time.Second))
		must.Do(s, err)
	})
}

func TestALockOverOldValues(t *testing.T) {
	cfg := locks()
	cfg.History = 5
	inScene(t, cfg, func(s *scene) {
		js := s.client("a")
		store := must.Get(kv.Open(s.ctx(), js, "L"))(s)
		must.Get(store.Put(s.ctx(), "job", []byte("old")))(s)
		must.Do(s, store.Delete(s.ctx(), "job"))
		held := must.Get(s.mutex(js).Lock(s.ctx()))(s)
		time.Sleep(time.Minute)
		if status := must.Get(store.Status(s.ctx()))(s); status.Values() != 1 {
			t.Errorf("there are %d values, and an old one would show up when the lock expires", status.Values())
		}
		js.Conn().Close()
		<-held.Context().Done()
		must.Get(s.mutex(s.client("b")).Lock(s.within(20 * time.Second)))(s)
	})
}

func TestLocksThatCannotBe(t *testing.T) {
	inScene(t, kv.Config{Bucket: "B"}, func(s *scene) {
		_, err := kv.NewMutex(s.open("a", "B"), "job")
		is(s, err, kv.ErrKeyTTLNotSupported)
	})
	cfg := locks()
	cfg.TTL = 10 * time.Second
	inScene(t, cfg, func(s *scene) {
		store := s.open("a", "L")
		for name, opt := range map[string]kv.LockOpt{
			"shorter than a second": kv.LockTTL(time.Second / 2), "no seconds": kv.LockTTL(1500 * time.Millisecond),
			"longer than any key": kv.LockTTL(11 * time.Second), "no margin": kv.LockMargin(0), "all margin": kv.LockMargin(9 * time.Second),
		} {
			t.Run(name, func(t *testing.T) {
				_, err := kv.NewMutex(store, "job", kv.LockTTL(8*time.Second), nil, opt)
				is(t, err, jetstream.ErrInvalidOption)
			})
		}
		_, err := kv.NewMutex(store, "a b")
		is(s, err, kv.ErrInvalidKey)
		_, err = kv.NewMutex(struct{ kv.Store }{store}, "job")
		is(s, err, jetstream.ErrInvalidOption)
		_, err = kv.NewCache(s.ctx(), struct{ kv.Store }{store})
		is(s, err, jetstream.ErrInvalidOption)
	})
}

// hold is a time in which the lock was held.
type hold struct {
	who        string
	from, till time.Time
	token      uint64
}

// register has the holds of all clients, and finds two at once.
type register struct {
	mu    sync.Mutex
	holds []hold
}

// add adds one, and returns how many there are.
func (r *register) add(h hold) int {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.holds = append(r.holds, h)
	return len(r.holds)
}

// check compares each two of them.
func (r *register) check(t testing.TB, least int) {
	t.Helper()
	if len(r.holds) < least {
		t.Errorf("it was held %d times only", len(r.holds))
	}
	for i, a := range r.holds {
		for _, b := range r.holds[i+1:] {
			if a.from.Before(b.till) && b.from.Before(a.till) {
				t.Errorf("both at once: %v, %v", a, b)
			}
			if a.from.Before(b.from) != (a.token < b.token) {
				t.Errorf("the tokens do not rise: %v, %v", a, b)
			}
		}
	}
}

// works takes the lock again and again, until ctx ends.
func (r *register) works(s *scene, ctx context.Context, who string, rnd *rand.Rand) {
	m := s.mutex(s.client(who), kv.LockTTL(3*time.Second), kv.LockValue([]byte(who)))
	for ctx.Err() == nil {
		l, err := m.Lock(ctx)
		if err != nil {
			s.Log(who, err)
			time.Sleep(100 * time.Millisecond)
			continue // ctx ends, or the bucket cannot be reached
		}
		h := hold{who: who, from: time.Now(), token: l.Token()}
		timer := time.NewTimer(time.Duration(1+rnd.IntN(8000)) * time.Millisecond)
		select {
		case <-timer.C:
		case <-l.Context().Done():
			timer.Stop()
		}
		h.till = time.Now()
		r.add(h)
		_ = l.Unlock(s.within(time.Duration(rnd.IntN(5000)) * time.Millisecond))
	}
}

func TestNeverTwoHoldersAtOnce(t *testing.T) {
	for seed := range uint64(8) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			inScene(t, locks(), func(s *scene) {
				rnd := rand.New(rand.NewPCG(seed, 3))
				var r register
				var all sync.WaitGroup
				ctx := s.within(4 * time.Minute)
				clients := []string{"a", "b", "c"}
				for _, who := range clients {
					own := rand.New(rand.NewPCG(rnd.Uint64(), 5))
					all.Go(func() { r.works(s, ctx, who, own) })
				}
				for range 12 {
					time.Sleep(time.Duration(rnd.IntN(12)) * time.Second)
					who := clients[rnd.IntN(3)]
					long := 1 + rnd.IntN(7)
					run := s.b.Inject([]string{
						fmt.Sprintf("link(%s,s1) reset", who),
						fmt.Sprintf("for %ds link(%s,s1) blackhole", long, who),
						fmt.Sprintf("for %ds link(%s,s1) blackhole(in)", long, who),
						fmt.Sprintf("for %ds link(%s,s1) latency(%dms)", long, who, 300*long),
						fmt.Sprintf("for %ds server(s1) kill", long),
						fmt.Sprintf("for %ds actor(actor) delay(%dms)", long, 900*long),
						"actor(actor) panic\nwhen index(4) actor(actor) panic\nwhen index(5) actor(actor) panic",
						fmt.Sprintf("for %ds when op(MSG) every(3) link(%s,s1) drop", long, who),
					}[rnd.IntN(8)])
					time.AfterFunc(time.Duration(long)*time.Second, run.Stop)
				}
				all.Wait()
				r.check(t, 8)
			})
		})
	}
}

// TestALockThatWasGivenBackStaysSo, also for a second Unlock with a context that has ended.
func TestALockThatWasGivenBackStaysSo(t *testing.T) {
	inScene(t, locks(), func(s *scene) {
		held := must.Get(s.mutex(s.client("a")).Lock(s.ctx()))(s)
		must.Do(s, held.Unlock(s.ctx()))
		over, cancel := context.WithCancel(s.ctx())
		cancel()
		for range 200 {
			must.Do(s, held.Unlock(over))
		}
	})
}
