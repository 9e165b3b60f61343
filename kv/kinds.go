package kv

import (
	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/kind"
)

// Kinds returns the kinds of errors of this package that are about one of the categories; for
// no category, all of them. The slice is the caller's.
func Kinds(about ...api.Category) []error {
	return kind.About(about, []error{
		ErrCacheLoading, ErrCacheClosed, ErrCacheBehind, ErrNotCached, ErrCodec, ErrKeyEncodeFailed,
		ErrKeyDecodeFailed, ErrValueEncodeFailed, ErrValueDecodeFailed, ErrWildcardNotSupported, ErrCounterBucket,
		ErrNoCounterBucket, ErrBucketNotFound, ErrBucketExists, ErrInvalidBucketName, ErrBadBucket,
		ErrConfigRequired, ErrKeyValue, ErrKeyNotFound, ErrKeyDeleted, ErrKeyWrongLastSequence, ErrKeyExists,
		ErrInvalidKey, ErrValueTooLarge, ErrKeyTTLNotSupported, ErrNoKeys, ErrKeyHistoryTooLarge, ErrSlowWatcher,
		ErrKeyWatcherTimeout, ErrTTLOnDeleteNotSupported, ErrLimitMarkerTTLNotSupported, ErrLock, ErrLockHeld,
		ErrLockLost, ErrUnlocked, ErrNoLeader, ErrSnapshotGone, ErrSnapshotAhead, ErrTransactionsDisabled,
		ErrTransactionTooLarge, ErrTransactionEmpty, ErrTransactionEnded, ErrKeyTwice, ErrLeaderReadsNotSupported,
	})
}
