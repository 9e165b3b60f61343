package kv

import (
	"context"
	"errors"
	"strconv"
	"time"

	"github.com/troupe-go/troupe/jetstream"
)

// lock.go - the public side of locks.
//
//	Mutex ── Lock ──► Lease ── Context: ends when it is lost
//	                    ├───── Token: rises from holder to holder
//	                    └───── Unlock

const (
	// DefaultLockTTL is how long a lock outlives a holder that cannot reach the bucket.
	DefaultLockTTL = 15 * time.Second

	// lockTokenHeader carries the token of the lock in a renewal.
	lockTokenHeader = "Lock-Token"
)

// Mutex is a lock that the clients of a bucket share: a key that has a value while the lock is
// held. It is safe for concurrent use, and each Lock competes with all others, also of the same
// Mutex.
//
// The key expires on the server unless the holder renews it: the lock of a program that died, or
// lost its connection, is free after LockTTL at the latest. The holder gives it up earlier, by a
// margin: see LockMargin for the assumptions behind that.
type Mutex struct {
	s   *store
	key string
	o   lockOptions
	// campaign selects the names of states in the tree: see Election.
	campaign bool
}

// LockOpt is an option of NewMutex and NewElection. A nil one is skipped.
type LockOpt func(*lockOptions) error

type lockOptions struct {
	ttl, margin time.Duration
	value       []byte
}

// LockTTL is how long the lock outlives its last renewal, in whole seconds, at least one.
// Default: DefaultLockTTL, 15 s. The lock is renewed every third of it.
func LockTTL(ttl time.Duration) LockOpt {
	return func(o *lockOptions) error {
		if ttl < ttlMin || ttl%time.Second != 0 {
			return refusedOption("LockTTL", ttl.String()+" is not a number of seconds")
		}
		o.ttl = ttl
		return nil
	}
}

// LockMargin is how long before the server the holder gives up a lock that could not be renewed.
// Default: a fifth of LockTTL; at most half of it.
//
// There are never two holders at once if, within LockTTL, the clocks of the holder and the
// servers do not drift apart by more than the margin; if the clocks of the servers agree to
// within the margin when the leader changes; and if the holder stops within the margin when its
// Context ends. A program that is suspended, because it waits for memory or its machine sleeps,
// cannot stop in time: a resource that two holders must never change has to compare Lease.Token.
func LockMargin(margin time.Duration) LockOpt {
	return func(o *lockOptions) error {
		if margin <= 0 {
			return refusedOption("LockMargin", margin.String()+" is not a margin")
		}
		o.margin = margin
		return nil
	}
}

// LockValue is the value that the key has while the lock is held; other clients can read it.
// Default: none.
func LockValue(value []byte) LockOpt {
	return func(o *lockOptions) error {
		o.value = value
		return nil
	}
}

// NewMutex returns the lock of a key. The bucket needs Config.LimitMarkerTTL. Nothing is sent.
// Errors: ErrInvalidKey; ErrKeyTTLNotSupported; ErrInvalidOption, also for a Store that is not
// of this package, and for a LockTTL that is longer than the bucket's TTL.
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

// complete sets the defaults, and refuses what the bucket does not allow.
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

// Lock waits until the lock is free, and takes it. When the lock becomes free, all waiters are
// notified and try within a short random delay, which is shorter for those that were too late
// before. Lock waits until ctx ends; with a nil ctx, for ever. Lease.Context has the values of
// ctx, but does not end with it.
//
// Errors, each a *KeyError: the cause of the end of ctx; ErrKeyTTLNotSupported,
// ErrBucketNotFound, and any other error that waiting does not cure; api.ErrConnectionClosed.
// After a jetstream.ErrPublishUnknown, or the end of ctx, the lock may stay taken for LockTTL
// without a holder.
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

// Context returns a context that ends when the lock is unlocked or lost: as soon as that is
// noticed, and before another client can get the lock. Its cause is an ErrUnlocked or an
// ErrLockLost.
func (l *Lease) Context() context.Context { return l.ctx }

// Key returns the key of the lock.
func (l *Lease) Key() string { return l.m.key }

// Token returns a number that is higher than that of every earlier holder of this lock. A
// resource that remembers the highest token it has seen, and refuses lower ones, is safe from a
// holder that has not noticed yet that it lost the lock.
func (l *Lease) Token() uint64 {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.machine.token
}

// Held reports whether the lock is held now. It reads the clock, so it is right even where
// Context is late because the program did not run for a while.
func (l *Lease) Held() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.machine.holds(time.Now())
}

// Until returns when the lock will be lost unless it is renewed; a time in the past, or zero, if
// it is not held.
func (l *Lease) Until() time.Time {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.machine.deadline()
}

// Unlock gives the lock back: Context ends at once, then the key is deleted if it still has the
// lease's own revision. It may be called again. Errors: ErrLockLost if the lock was lost before;
// the cause of the end of ctx, after which deletion is retried until the lock expires by itself.
func (l *Lease) Unlock(ctx context.Context) error {
	ctx, cancel := l.m.s.bound(ctx)
	defer cancel()
	if err := l.unlock(); err != nil {
		return err
	}
	select {
	case <-l.gone: // even if ctx has ended
	default:
		select {
		case <-l.gone:
		case <-ctx.Done():
			return l.m.failed("unlock", context.Cause(ctx))
		}
	}
	return l.unlocked()
}

// token reads the token of a lock from its entry.
func (e *entry) token() uint64 {
	if token, err := strconv.ParseUint(e.header.Get(lockTokenHeader), 10, 64); err == nil {
		return token
	}
	return e.revision
}
