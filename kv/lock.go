package kv

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/troupe-go/troupe/jetstream"
)

// lock.go - what a program sees of locks.
//
//	Mutex ── Lock ──► Lease ── Context: ends when it is lost
//	                    ├───── Token: rises from holder to holder
//	                    └───── Unlock

const (
	// DefaultLockTTL is how long a lock outlives a holder that is not heard of.
	DefaultLockTTL = 15 * time.Second

	// lockTokenHeader says in a renewal what the token of the lock is.
	lockTokenHeader = "Lock-Token"
)

// Mutex is a lock that the clients of a bucket share: a key, which has a value while somebody
// holds it. It is safe for concurrent use, and each Lock of it is a client of its own.
//
// The key expires on the server when the holder does not renew it: the lock of a program
// that has died, or cannot be heard, is free after LockTTL at the latest. The holder stops
// counting on it before that, by a margin: see LockMargin for what that takes for granted.
type Mutex struct {
	s   *store
	key string
	o   lockOptions
	// campaign names the states in the tree: see Election.
	campaign bool
}

// LockOpt is an option of NewMutex and NewElection. A nil one is skipped.
type LockOpt func(*lockOptions) error

type lockOptions struct {
	ttl, margin time.Duration
	value       []byte
}

// LockTTL is how long the lock outlives its last renewal, in whole seconds: one at least.
// Default: DefaultLockTTL. It is renewed at each third of that.
func LockTTL(ttl time.Duration) LockOpt {
	return func(o *lockOptions) error {
		if ttl < ttlMin || ttl%time.Second != 0 {
			return refusedOption("LockTTL", ttl.String()+" is not a number of seconds")
		}
		o.ttl = ttl
		return nil
	}
}

// LockMargin is by how much the holder gives a lock up before the server does, if it is not
// renewed. Default: a fifth of LockTTL; at most half of it.
//
// Two holders at once are impossible as long as, within LockTTL, the clocks of the holder and of
// the servers do not differ by more than the margin in how fast they go, and those of the
// servers in what they show, if another one becomes leader; and as long as the holder stops within
// the margin when its Context ends. A program that does not run, as it waits for memory or
// its machine sleeps, stops for nothing: what must never be changed by two has to compare
// Lease.Token.
func LockMargin(margin time.Duration) LockOpt {
	return func(o *lockOptions) error {
		if margin <= 0 {
			return refusedOption("LockMargin", margin.String()+" is no margin")
		}
		o.margin = margin
		return nil
	}
}

// LockValue is the value that the key has while the lock is held, for others to see.
// Default: none.
func LockValue(value []byte) LockOpt {
	return func(o *lockOptions) error {
		o.value = value
		return nil
	}
}

// NewMutex returns the lock that a key is. The bucket needs Config.LimitMarkerTTL. Nothing is
// sent. Errors: ErrInvalidKey; ErrKeyTTLNotSupported; ErrInvalidOption, also for a Store that is not
// of this package, and a LockTTL that is longer than the bucket's TTL.
func NewMutex(s Store, key string, opts ...LockOpt) (*Mutex, error) {
	own, ok := s.(*store)
	if !ok {
		return nil, foreign("NewMutex")
	}
	if _, err := own.stored("lock", key); err != nil {
		return nil, err
	}
	o, err := applied(opts)
	if err != nil {
		return nil, own.failed("lock", key, 0, err)
	}
	if err := o.complete(own.stream.CachedInfo()); err != nil {
		return nil, own.failed("lock", key, 0, err)
	}
	return &Mutex{s: own, key: key, o: o}, nil
}

// complete fills in the defaults, and refuses what the bucket does not allow.
func (o *lockOptions) complete(info *jetstream.StreamInfo) error {
	if o.ttl == 0 {
		o.ttl = DefaultLockTTL
	}
	if o.margin == 0 {
		o.margin = o.ttl / 5
	}
	cfg := &info.Config
	switch {
	case o.margin > o.ttl/2:
		return refusedOption("LockMargin", "is more than half of LockTTL")
	case !cfg.AllowMsgTTL || cfg.SubjectDeleteMarkerTTL <= 0:
		return jetstream.ErrMsgTTLDisabled
	case cfg.MaxAge > 0 && cfg.MaxAge < o.ttl:
		return refusedOption("LockTTL", "is longer than the bucket keeps any key")
	}
	return nil
}

// Lock waits until the lock is free, and takes it. Those that wait are told when it becomes free, and
// try within a moment, one after the other; who was too late before, sooner. It waits as long as
// ctx allows; nil is for ever. What ctx has is in Lease.Context, which does not end with it.
//
// Errors, each a *KeyError: the cause of the end of ctx; ErrKeyTTLNotSupported, ErrBucketNotFound,
// and whatever else no patience helps against; api.ErrConnectionClosed. If it fails with
// a jetstream.ErrPublishUnknown, or as ctx ends, the lock may be taken by nobody for LockTTL.
func (m *Mutex) Lock(ctx context.Context) (*Lease, error) { return m.lock(ctx, false) }

// TryLock takes the lock if it is free. Errors: those of Lock; ErrLockHeld.
func (m *Mutex) TryLock(ctx context.Context) (*Lease, error) {
	ctx, cancel := m.s.bound(ctx)
	defer cancel()
	return m.lock(ctx, true)
}

func (m *Mutex) lock(ctx context.Context, once bool) (*Lease, error) {
	if ctx == nil {
		ctx = context.Background()
	}
	if err := ctx.Err(); err != nil {
		return nil, m.failed("lock", context.Cause(ctx))
	}
	l, err := m.spawn(ctx, once)
	if err != nil {
		return nil, m.failed("lock", err)
	}
	select {
	case <-l.decided:
	case <-ctx.Done():
		l.giveUp()
		return nil, m.failed("lock", context.Cause(ctx))
	}
	if err := l.refused(); err != nil {
		return nil, err
	}
	return l, nil
}

// failed makes an error about the key.
func (m *Mutex) failed(op string, err error) error {
	if wrong, ok := errors.AsType[*KeyWrongLastSequenceError](err); ok {
		return &KeyError{Op: op, Bucket: m.s.bucket, Key: m.key, Revision: wrong.Actual, Kind: ErrLockHeld, Err: err}
	}
	if failed, ok := errors.AsType[*KeyError](err); ok {
		return failed
	}
	return m.s.failed(op, m.key, 0, err)
}

// Context returns a context that ends when the lock is given back, or lost: at once when that is
// noticed, and before another one can get it. Its cause is an ErrUnlocked, or an ErrLockLost.
func (l *Lease) Context() context.Context { return l.ctx }

// Key returns the key of the lock.
func (l *Lease) Key() string { return l.m.key }

// Token returns a number that is higher than that of everybody who has held this lock before. Who
// keeps the highest token it has seen, and refuses lower ones, is safe from a holder that does not
// know yet that it is none.
func (l *Lease) Token() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.machine.token
}

// Held reports whether the lock is held now. It looks at the clock, and so it is right where
// Context is late: when the program did not run for a while.
func (l *Lease) Held() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.machine.holds(time.Now())
}

// Until returns when the lock is lost if it is not renewed; in the past, or zero, if it is not held.
func (l *Lease) Until() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.machine.deadline()
}

// Unlock gives the lock back: Context ends at once, then the key is deleted, if it is still its own
// revision. It may be called again. Errors: an ErrLockLost if it was lost before; the cause
// of the end of ctx, and then it is tried until the lock expires by itself.
func (l *Lease) Unlock(ctx context.Context) error {
	ctx, cancel := l.m.s.bound(ctx)
	defer cancel()
	if err := l.unlock(); err != nil {
		return err
	}
	select {
	case <-l.gone:
		return l.unlocked()
	case <-ctx.Done():
		return l.m.failed("unlock", context.Cause(ctx))
	}
}

// token reads the token of a lock from its entry.
func (e *entry) token() uint64 {
	if token, err := strconv.ParseUint(e.header.Get(lockTokenHeader), 10, 64); err == nil {
		return token
	}
	return e.revision
}
