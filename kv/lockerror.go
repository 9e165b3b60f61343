package kv

import (
	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/kind"
)

// Kinds of errors of locks and elections. They come in a *KeyError.
var (
	// ErrLock: everything that goes wrong with locks.
	ErrLock error = kind.New("troupe: lock", ErrKeyValue).In(kind.Conflict)
	// ErrLockHeld: another client has the lock, and the call does not wait.
	ErrLockHeld error = kind.New("troupe: lock is held by another", ErrLock).In(kind.Conflict, kind.Retry)
	// ErrLockLost: the lock was lost without an Unlock: it could not be renewed in time, its key
	// was changed, or the connection ended. It is fatal for the lock.
	ErrLockLost error = kind.New("troupe: lock was lost", ErrLock)
	// ErrUnlocked: the lock was unlocked. It is fatal for the lock.
	ErrUnlocked error = kind.New("troupe: lock was unlocked", ErrLock).In(kind.Closed)
	// ErrNoLeader: no leader is elected.
	ErrNoLeader error = kind.New("troupe: there is no leader", ErrLock).In(kind.NotFound, kind.Retry)
)

// Reasons why a lock is lost.
var (
	errLockTime  = kind.New("it was not renewed in time", api.ErrTimeout)
	errLockGone  = kind.New("its key was deleted, or given another value", ErrKeyWrongLastSequence)
	errLockLinks = kind.New("its actor has ended", api.ErrConnectionClosed)
)
