package kv_test

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/errortest"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/kv"
)

// verdict is what an error has to say of itself.
type verdict struct {
	err      error
	category api.Category
	traits   string // "retry", "sent", both, or neither
	parents  []error
}

func (v verdict) check(t *testing.T) {
	t.Helper()
	errortest.Check(t, v.err, errortest.Want{Category: v.category, Traits: v.traits, Parents: v.parents})
}

func under(parents ...error) []error { return parents }

// kindAnswers lists every exported kind. A new one has to be added here: somebody has to
// think about what a program is to do.
var kindAnswers = map[string]verdict{
	"ErrBucketNotFound":             {kv.ErrBucketNotFound, api.CategoryNotFound, "", under(jetstream.ErrStreamNotFound, jetstream.ErrNotFound)},
	"ErrBucketExists":               {kv.ErrBucketExists, api.CategoryConflict, "", under(jetstream.ErrStreamNameAlreadyInUse)},
	"ErrInvalidBucketName":          {kv.ErrInvalidBucketName, api.CategoryInput, "", under(jetstream.ErrInvalidName)},
	"ErrBadBucket":                  {kv.ErrBadBucket, api.CategoryInput, "", under(jetstream.ErrJetStream)},
	"ErrConfigRequired":             {kv.ErrConfigRequired, api.CategoryInput, "", under(jetstream.ErrInvalidConfig)},
	"ErrKeyValueConfigRequired":     {kv.ErrKeyValueConfigRequired, api.CategoryInput, "", under(kv.ErrConfigRequired)},
	"ErrKeyValue":                   {kv.ErrKeyValue, api.CategoryServer, "sent", under(jetstream.ErrJetStream)},
	"ErrKeyNotFound":                {kv.ErrKeyNotFound, api.CategoryNotFound, "", under(kv.ErrKeyValue, jetstream.ErrNotFound)},
	"ErrKeyDeleted":                 {kv.ErrKeyDeleted, api.CategoryNotFound, "", under(kv.ErrKeyNotFound, kv.ErrKeyValue)},
	"ErrKeyWrongLastSequence":       {kv.ErrKeyWrongLastSequence, api.CategoryConflict, "", under(kv.ErrKeyValue, jetstream.ErrWrongLastSequence, jetstream.ErrBadRequest)},
	"ErrKeyRevisionMismatch":        {kv.ErrKeyRevisionMismatch, api.CategoryConflict, "", under(kv.ErrKeyWrongLastSequence)},
	"ErrKeyExists":                  {kv.ErrKeyExists, api.CategoryConflict, "", under(kv.ErrKeyWrongLastSequence, kv.ErrKeyValue)},
	"ErrInvalidKey":                 {kv.ErrInvalidKey, api.CategoryInput, "", under(kv.ErrKeyValue, api.ErrBadSubject)},
	"ErrValueTooLarge":              {kv.ErrValueTooLarge, api.CategoryInput, "", under(kv.ErrKeyValue)},
	"ErrKeyTTLNotSupported":         {kv.ErrKeyTTLNotSupported, api.CategoryInput, "", under(kv.ErrKeyValue, jetstream.ErrMsgTTLDisabled)},
	"ErrNoKeys":                     {kv.ErrNoKeys, api.CategoryNotFound, "", under(kv.ErrKeyValue)},
	"ErrNoKeysFound":                {kv.ErrNoKeysFound, api.CategoryNotFound, "", under(kv.ErrNoKeys)},
	"ErrKeyHistoryTooLarge":         {kv.ErrKeyHistoryTooLarge, api.CategoryInput, "", under(kv.ErrKeyValue, jetstream.ErrInvalidConfig)},
	"ErrHistoryTooLarge":            {kv.ErrHistoryTooLarge, api.CategoryInput, "", under(kv.ErrKeyHistoryTooLarge)},
	"ErrTTLOnDeleteNotSupported":    {kv.ErrTTLOnDeleteNotSupported, api.CategoryInput, "", under(kv.ErrKeyValue, jetstream.ErrInvalidOption)},
	"ErrLimitMarkerTTLNotSupported": {kv.ErrLimitMarkerTTLNotSupported, api.CategoryUnavailable, "", under(kv.ErrKeyValue, jetstream.ErrRequiredAPILevel)},
	"ErrSlowWatcher":                {kv.ErrSlowWatcher, api.CategoryLimit, "retry", under(jetstream.ErrJetStream)},
	"ErrKeyWatcherTimeout":          {kv.ErrKeyWatcherTimeout, api.CategoryTimeout, "retry", under(kv.ErrKeyValue, api.ErrTimeout)},
	"ErrLeaderReadsNotSupported":    {kv.ErrLeaderReadsNotSupported, api.CategoryInput, "", under(kv.ErrKeyValue)},

	"ErrCodec":                {kv.ErrCodec, api.CategoryInput, "", under(kv.ErrKeyValue)},
	"ErrKeyEncodeFailed":      {kv.ErrKeyEncodeFailed, api.CategoryInput, "", under(kv.ErrCodec, kv.ErrInvalidKey)},
	"ErrKeyDecodeFailed":      {kv.ErrKeyDecodeFailed, api.CategoryProtocol, "", under(kv.ErrCodec)},
	"ErrValueEncodeFailed":    {kv.ErrValueEncodeFailed, api.CategoryInput, "", under(kv.ErrCodec)},
	"ErrValueDecodeFailed":    {kv.ErrValueDecodeFailed, api.CategoryProtocol, "", under(kv.ErrCodec)},
	"ErrWildcardNotSupported": {kv.ErrWildcardNotSupported, api.CategoryInput, "", under(kv.ErrCodec, kv.ErrInvalidKey)},

	"ErrCacheLoading": {kv.ErrCacheLoading, api.CategoryUnavailable, "retry", under(kv.ErrKeyValue)},
	"ErrCacheClosed":  {kv.ErrCacheClosed, api.CategoryClosed, "", under(kv.ErrKeyValue)},
	"ErrCacheBehind":  {kv.ErrCacheBehind, api.CategoryTimeout, "sent", under(kv.ErrKeyValue)},
	"ErrNotCached":    {kv.ErrNotCached, api.CategoryInput, "", under(kv.ErrKeyValue)},

	"ErrLock":     {kv.ErrLock, api.CategoryConflict, "", under(kv.ErrKeyValue)},
	"ErrLockHeld": {kv.ErrLockHeld, api.CategoryConflict, "retry", under(kv.ErrLock)},
	"ErrLockLost": {kv.ErrLockLost, api.CategoryConflict, "", under(kv.ErrLock)},
	"ErrUnlocked": {kv.ErrUnlocked, api.CategoryClosed, "", under(kv.ErrLock)},
	"ErrNoLeader": {kv.ErrNoLeader, api.CategoryNotFound, "retry", under(kv.ErrLock)},

	"ErrCounterBucket":        {kv.ErrCounterBucket, api.CategoryInput, "", under(kv.ErrKeyValue, jetstream.ErrCounter)},
	"ErrNoCounterBucket":      {kv.ErrNoCounterBucket, api.CategoryInput, "", under(kv.ErrKeyValue, jetstream.ErrCounterNotEnabled)},
	"ErrSnapshotGone":         {kv.ErrSnapshotGone, api.CategoryNotFound, "retry", under(kv.ErrKeyValue)},
	"ErrSnapshotAhead":        {kv.ErrSnapshotAhead, api.CategoryNotFound, "retry", under(kv.ErrKeyValue)},
	"ErrTransactionsDisabled": {kv.ErrTransactionsDisabled, api.CategoryInput, "", under(kv.ErrKeyValue, jetstream.ErrAtomicPublishDisabled)},
	"ErrTransactionTooLarge":  {kv.ErrTransactionTooLarge, api.CategoryInput, "", under(kv.ErrKeyValue, jetstream.ErrAtomicPublishTooLargeBatch)},
	"ErrTransactionEmpty":     {kv.ErrTransactionEmpty, api.CategoryInput, "", under(kv.ErrKeyValue, jetstream.ErrEmptyBatch)},
	"ErrTransactionEnded":     {kv.ErrTransactionEnded, api.CategoryClosed, "", under(kv.ErrKeyValue, jetstream.ErrBatchClosed)},
	"ErrKeyTwice":             {kv.ErrKeyTwice, api.CategoryInput, "", under(kv.ErrKeyValue)},
}

// dataAnswers lists every type of errors, in its forms.
var dataAnswers = map[string][]verdict{
	"BucketError": {
		{&kv.BucketError{Op: "open", Store: "key-value", Bucket: "b", Kind: kv.ErrBucketNotFound}, api.CategoryNotFound, "", under(kv.ErrBucketNotFound)},
		{&kv.BucketError{Op: "open", Store: "key-value", Bucket: "b", Reason: "r", Kind: kv.ErrInvalidBucketName}, api.CategoryInput, "", under(kv.ErrInvalidBucketName)},
		{&kv.BucketError{Op: "open", Store: "key-value", Bucket: "b", Err: api.ErrTimeout}, api.CategoryTimeout, "retry sent", under(api.ErrTimeout)},
	},
	"KeyError": {
		{&kv.KeyError{Op: "get", Bucket: "b", Key: "k", Kind: kv.ErrKeyNotFound, Err: jetstream.ErrMsgNotFound}, api.CategoryNotFound, "", under(kv.ErrKeyNotFound, jetstream.ErrMsgNotFound)},
		{&kv.KeyError{Op: "get", Bucket: "b", Key: "k", Revision: 3, Reason: "r", Kind: kv.ErrInvalidKey}, api.CategoryInput, "", under(kv.ErrInvalidKey)},
		{&kv.KeyError{Op: "put", Bucket: "b", Key: "k", Err: &jetstream.PublishError{Subject: "s", Unknown: true, Err: api.ErrTimeout}}, api.CategoryTimeout, "retry sent", under(kv.ErrKeyValue, api.ErrTimeout, jetstream.ErrPublishUnknown)},
	},
	"KeyWrongLastSequenceError": {
		{&kv.KeyWrongLastSequenceError{Op: "update", Bucket: "b", Key: "k", Expected: 1, Actual: 2, HasActual: true, Kind: kv.ErrKeyWrongLastSequence}, api.CategoryConflict, "", under(kv.ErrKeyWrongLastSequence)},
		{&kv.KeyWrongLastSequenceError{Op: "create", Bucket: "b", Key: "k", Kind: kv.ErrKeyExists}, api.CategoryConflict, "", under(kv.ErrKeyExists)},
	},
	"CodecError": {
		{&kv.CodecError{Codec: "base64", Key: "k", Reason: "r"}, api.CategoryInput, "", under(kv.ErrCodec)},
		{&kv.CodecError{Codec: "base64", Reason: "r"}, api.CategoryInput, "", under(kv.ErrCodec)},
	},
}

func TestEveryErrorHasItsAnswers(t *testing.T) {
	kinds, data := errortest.Declared(t, ".")
	errortest.Compare(t, "kindAnswers", kinds, slices.Collect(maps.Keys(kindAnswers)))
	errortest.Compare(t, "dataAnswers", data, slices.Collect(maps.Keys(dataAnswers)))
	for name, v := range kindAnswers {
		t.Run(name, v.check)
	}
	for name, all := range dataAnswers {
		for _, v := range all {
			t.Run(name, func(t *testing.T) {
				v.check(t)
				if strings.Count(v.err.Error(), "troupe") != 1 {
					t.Errorf("its text is %q", v.err)
				}
			})
		}
	}
}
