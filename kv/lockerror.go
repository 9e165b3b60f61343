package kv

import (
	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/kind"
)

// Kinds of errors of locks and elections. They come in a *KeyError.
var (
	// ErrLock: everything that goes wrong with locks.
	ErrLock error = kind.New("lock", ErrKeyValue).In(kind.Conflict)
	// ErrLockHeld: somebody has the lock, and the call does not wait.
	ErrLockHeld error = kind.New("lock is held by another", ErrLock).In(kind.Conflict, kind.Retry)
	// ErrLockLost: the lock was held, and is not any more, though nobody has unlocked it: it
	// could not be renewed in time, or its key was changed, or the connection has ended. It is
	// fatal for the lock.
	ErrLockLost error = kind.New("lock was lost", ErrLock)
	// ErrUnlocked: the lock was given back. It is fatal for the lock.
	ErrUnlocked error = kind.New("lock was unlocked", ErrLock).In(kind.Closed)
	// ErrNoLeader: nobody is elected.
	ErrNoLeader error = kind.New("there is no leader", ErrLock).In(kind.NotFound, kind.Retry)
)

// Why a lock is lost.
var (
	errLockTime  = kind.New("it was not renewed in time", api.ErrTimeout)
	errLockGone  = kind.New("its key was deleted, or given another value", ErrKeyWrongLastSequence)
	errLockLinks = kind.New("its actor has ended", api.ErrConnectionClosed)
)
