package kv_test

import (
	"testing"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/errortest"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/kv"
)

// kindAnswers lists every exported kind. A new one must be added here, so that its author
// decides what a program should do about it.
var kindAnswers = map[string]errortest.Verdict{
	"ErrBucketNotFound":             errortest.Says(kv.ErrBucketNotFound, api.CategoryNotFound, "", jetstream.ErrStreamNotFound, jetstream.ErrNotFound),
	"ErrBucketExists":               errortest.Says(kv.ErrBucketExists, api.CategoryConflict, "", jetstream.ErrStreamNameAlreadyInUse),
	"ErrInvalidBucketName":          errortest.Says(kv.ErrInvalidBucketName, api.CategoryInput, "", jetstream.ErrInvalidName),
	"ErrBadBucket":                  errortest.Says(kv.ErrBadBucket, api.CategoryInput, "", jetstream.ErrJetStream),
	"ErrConfigRequired":             errortest.Says(kv.ErrConfigRequired, api.CategoryInput, "", jetstream.ErrInvalidConfig),
	"ErrKeyValue":                   errortest.Says(kv.ErrKeyValue, api.CategoryServer, "sent", jetstream.ErrJetStream),
	"ErrKeyNotFound":                errortest.Says(kv.ErrKeyNotFound, api.CategoryNotFound, "", kv.ErrKeyValue, jetstream.ErrNotFound),
	"ErrKeyDeleted":                 errortest.Says(kv.ErrKeyDeleted, api.CategoryNotFound, "", kv.ErrKeyNotFound, kv.ErrKeyValue),
	"ErrKeyWrongLastSequence":       errortest.Says(kv.ErrKeyWrongLastSequence, api.CategoryConflict, "", kv.ErrKeyValue, jetstream.ErrWrongLastSequence, jetstream.ErrBadRequest),
	"ErrKeyExists":                  errortest.Says(kv.ErrKeyExists, api.CategoryConflict, "", kv.ErrKeyWrongLastSequence, kv.ErrKeyValue),
	"ErrInvalidKey":                 errortest.Says(kv.ErrInvalidKey, api.CategoryInput, "", kv.ErrKeyValue, api.ErrBadSubject),
	"ErrValueTooLarge":              errortest.Says(kv.ErrValueTooLarge, api.CategoryInput, "", kv.ErrKeyValue),
	"ErrKeyTTLNotSupported":         errortest.Says(kv.ErrKeyTTLNotSupported, api.CategoryInput, "", kv.ErrKeyValue, jetstream.ErrMsgTTLDisabled),
	"ErrNoKeys":                     errortest.Says(kv.ErrNoKeys, api.CategoryNotFound, "", kv.ErrKeyValue),
	"ErrKeyHistoryTooLarge":         errortest.Says(kv.ErrKeyHistoryTooLarge, api.CategoryInput, "", kv.ErrKeyValue, jetstream.ErrInvalidConfig),
	"ErrTTLOnDeleteNotSupported":    errortest.Says(kv.ErrTTLOnDeleteNotSupported, api.CategoryInput, "", kv.ErrKeyValue, jetstream.ErrInvalidOption),
	"ErrLimitMarkerTTLNotSupported": errortest.Says(kv.ErrLimitMarkerTTLNotSupported, api.CategoryUnavailable, "", kv.ErrKeyValue, jetstream.ErrRequiredAPILevel),
	"ErrSlowWatcher":                errortest.Says(kv.ErrSlowWatcher, api.CategoryLimit, "retry", jetstream.ErrJetStream),
	"ErrKeyWatcherTimeout":          errortest.Says(kv.ErrKeyWatcherTimeout, api.CategoryTimeout, "retry", kv.ErrKeyValue, api.ErrTimeout),
	"ErrLeaderReadsNotSupported":    errortest.Says(kv.ErrLeaderReadsNotSupported, api.CategoryInput, "", kv.ErrKeyValue),

	"ErrCodec":                errortest.Says(kv.ErrCodec, api.CategoryInput, "", kv.ErrKeyValue),
	"ErrKeyEncodeFailed":      errortest.Says(kv.ErrKeyEncodeFailed, api.CategoryInput, "", kv.ErrCodec, kv.ErrInvalidKey),
	"ErrKeyDecodeFailed":      errortest.Says(kv.ErrKeyDecodeFailed, api.CategoryProtocol, "", kv.ErrCodec),
	"ErrValueEncodeFailed":    errortest.Says(kv.ErrValueEncodeFailed, api.CategoryInput, "", kv.ErrCodec),
	"ErrValueDecodeFailed":    errortest.Says(kv.ErrValueDecodeFailed, api.CategoryProtocol, "", kv.ErrCodec),
	"ErrWildcardNotSupported": errortest.Says(kv.ErrWildcardNotSupported, api.CategoryInput, "", kv.ErrCodec, kv.ErrInvalidKey),

	"ErrCacheLoading": errortest.Says(kv.ErrCacheLoading, api.CategoryUnavailable, "retry", kv.ErrKeyValue),
	"ErrCacheClosed":  errortest.Says(kv.ErrCacheClosed, api.CategoryClosed, "", kv.ErrKeyValue),
	"ErrCacheBehind":  errortest.Says(kv.ErrCacheBehind, api.CategoryTimeout, "sent", kv.ErrKeyValue),
	"ErrNotCached":    errortest.Says(kv.ErrNotCached, api.CategoryInput, "", kv.ErrKeyValue),

	"ErrLock":     errortest.Says(kv.ErrLock, api.CategoryConflict, "", kv.ErrKeyValue),
	"ErrLockHeld": errortest.Says(kv.ErrLockHeld, api.CategoryConflict, "retry", kv.ErrLock),
	"ErrLockLost": errortest.Says(kv.ErrLockLost, api.CategoryConflict, "", kv.ErrLock),
	"ErrUnlocked": errortest.Says(kv.ErrUnlocked, api.CategoryClosed, "", kv.ErrLock),
	"ErrNoLeader": errortest.Says(kv.ErrNoLeader, api.CategoryNotFound, "retry", kv.ErrLock),

	"ErrCounterBucket":        errortest.Says(kv.ErrCounterBucket, api.CategoryInput, "", kv.ErrKeyValue, jetstream.ErrCounter),
	"ErrNoCounterBucket":      errortest.Says(kv.ErrNoCounterBucket, api.CategoryInput, "", kv.ErrKeyValue, jetstream.ErrCounterNotEnabled),
	"ErrSnapshotGone":         errortest.Says(kv.ErrSnapshotGone, api.CategoryNotFound, "retry", kv.ErrKeyValue),
	"ErrSnapshotAhead":        errortest.Says(kv.ErrSnapshotAhead, api.CategoryNotFound, "retry", kv.ErrKeyValue),
	"ErrTransactionsDisabled": errortest.Says(kv.ErrTransactionsDisabled, api.CategoryInput, "", kv.ErrKeyValue, jetstream.ErrAtomicPublishDisabled),
	"ErrTransactionTooLarge":  errortest.Says(kv.ErrTransactionTooLarge, api.CategoryInput, "", kv.ErrKeyValue, jetstream.ErrAtomicPublishTooLargeBatch),
	"ErrTransactionEmpty":     errortest.Says(kv.ErrTransactionEmpty, api.CategoryInput, "", kv.ErrKeyValue, jetstream.ErrEmptyBatch),
	"ErrTransactionEnded":     errortest.Says(kv.ErrTransactionEnded, api.CategoryClosed, "", kv.ErrKeyValue, jetstream.ErrBatchClosed),
	"ErrKeyTwice":             errortest.Says(kv.ErrKeyTwice, api.CategoryInput, "", kv.ErrKeyValue),
}

// dataAnswers lists every type of errors, in its forms.
var dataAnswers = map[string][]errortest.Verdict{
	"BucketError": {
		errortest.Says(&kv.BucketError{Op: "open", Store: "key-value", Bucket: "settings", Kind: kv.ErrBucketNotFound}, api.CategoryNotFound, "", kv.ErrBucketNotFound),
		errortest.Says(&kv.BucketError{Op: "open", Store: "key-value", Bucket: "my settings", Reason: "the name has a blank", Kind: kv.ErrInvalidBucketName}, api.CategoryInput, "", kv.ErrInvalidBucketName),
		errortest.Says(&kv.BucketError{Op: "open", Store: "key-value", Bucket: "settings", Err: api.ErrTimeout}, api.CategoryTimeout, "retry sent", api.ErrTimeout),
	},
	"KeyError": {
		errortest.Says(&kv.KeyError{Op: "get", Bucket: "settings", Key: "app.theme", Kind: kv.ErrKeyNotFound, Err: jetstream.ErrMsgNotFound}, api.CategoryNotFound, "", kv.ErrKeyNotFound, jetstream.ErrMsgNotFound),
		errortest.Says(&kv.KeyError{Op: "get", Bucket: "settings", Key: "app..theme", Revision: 3, Reason: "empty token", Pos: 4, Kind: kv.ErrInvalidKey}, api.CategoryInput, "", kv.ErrInvalidKey),
		errortest.Says(&kv.KeyError{Op: "put", Bucket: "settings", Key: "app.theme", Err: &jetstream.PublishError{Subject: "$KV.settings.app.theme", Unknown: true, Err: api.ErrTimeout}}, api.CategoryTimeout, "retry sent", kv.ErrKeyValue, api.ErrTimeout, jetstream.ErrPublishUnknown),
	},
	"KeyWrongLastSequenceError": {
		errortest.Says(&kv.KeyWrongLastSequenceError{Op: "update", Bucket: "settings", Key: "app.theme", Expected: 1, Actual: 2, HasActual: true, Kind: kv.ErrKeyWrongLastSequence}, api.CategoryConflict, "", kv.ErrKeyWrongLastSequence),
		errortest.Says(&kv.KeyWrongLastSequenceError{Op: "create", Bucket: "settings", Key: "app.theme", Actual: 7, HasActual: true, Kind: kv.ErrKeyExists}, api.CategoryConflict, "", kv.ErrKeyExists),
	},
	"CodecError": {
		errortest.Says(&kv.CodecError{Codec: "base64", Key: "app..theme", Reason: "a token is empty"}, api.CategoryInput, "", kv.ErrCodec),
		errortest.Says(&kv.CodecError{Codec: "base64", Reason: "a value is not base64"}, api.CategoryInput, "", kv.ErrCodec),
	},
}

func TestEveryErrorHasItsAnswers(t *testing.T) {
	errortest.List{Package: "kv", Kinds: kindAnswers, All: kv.Kinds, Data: dataAnswers}.Check(t)
}
