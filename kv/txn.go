package kv

import (
	"context"
	"errors"
	"fmt"
	"strconv"

	"github.com/nats-io/nuid"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/kind"
	"github.com/troupe-go/troupe/jetstream"
)

// txn.go - changes of several keys that are stored together or not at all.
//
//	Put, Update, … ──► open ── Commit ──► stored: revisions
//	                            │  │
//	                            │  └────► refused: nothing stored
//	                            └───────► unknown ── Resolve ──► stored, or unknown still

// Kinds of errors of transactions.
var (
	// ErrTransactionsDisabled: the bucket does not have Config.Transactions, or is a mirror.
	ErrTransactionsDisabled error = kind.New("troupe: bucket does not allow transactions", ErrKeyValue, jetstream.ErrAtomicPublishDisabled).In(kind.Input)
	// ErrTransactionTooLarge: the transaction needs more than TransactionMax messages.
	ErrTransactionTooLarge error = kind.New("troupe: transaction too large", ErrKeyValue, jetstream.ErrAtomicPublishTooLargeBatch).In(kind.Input)
	// ErrTransactionEmpty: the transaction writes nothing.
	ErrTransactionEmpty error = kind.New("troupe: transaction writes nothing", ErrKeyValue, jetstream.ErrEmptyBatch).In(kind.Input)
	// ErrTransactionEnded: Commit was called before. It is fatal for the transaction.
	ErrTransactionEnded error = kind.New("troupe: transaction has ended", ErrKeyValue, jetstream.ErrBatchClosed).In(kind.Closed)
	// ErrKeyTwice: the key is in the transaction already.
	ErrKeyTwice error = kind.New("troupe: key is in the transaction already", ErrKeyValue).In(kind.Input)
)

// TransactionMax is how many messages a transaction may have: one for each key that it writes,
// and more if it has more Expects than messages that can carry them.
const TransactionMax = jetstream.DefaultBatchMessagesMax

// Txn is a transaction: changes of several keys that Commit stores together if all of its
// expectations hold, and otherwise not at all. A reader that reads with one call sees all of it
// or nothing. Get one from Store.Txn for each transaction, and use it from one goroutine at a
// time.
//
// Nothing is sent before Commit, which also returns the error of an invalid step, such as an
// invalid key.
type Txn struct {
	s     *store
	id    string
	steps []txnStep
	keys  map[string]bool // as they are in the bucket
	msgs  []txnMsg        // what was committed, or tried
	err   error           // of a step, or how it ended; nil before a commit, and after one that succeeded
	last  uint64          // the last revision of what was stored; 0 for nothing
	ended bool
}

// Txn begins a transaction. Nothing is sent.
func (s *store) Txn() *Txn { return &Txn{s: s, id: nuid.Next(), keys: map[string]bool{}} }

// Put gives a key a value, whatever it had before.
func (t *Txn) Put(key string, value []byte) *Txn {
	return t.value(txnStep{op: "put", key: key}, value)
}

// Update gives a key a value if revision is the key's last one; 0 means a key without any.
func (t *Txn) Update(key string, value []byte, revision uint64) *Txn {
	return t.value(txnStep{op: "update", key: key, compares: true, expected: revision}, value)
}

// Create gives a value to a key that has none, or a marker. The options are those of
// Store.Create.
func (t *Txn) Create(key string, value []byte, opts ...CreateOpt) *Txn {
	step := txnStep{op: "create", key: key, compares: true, absent: true}
	o, err := applied(opts)
	if err != nil {
		return t.fail(t.s.failed(step.op, key, 0, err))
	}
	if o.ttl != 0 {
		step.header = api.Header{jetstream.MsgTTLHeader: {o.ttl.String()}}
	}
	return t.value(step, value)
}

// Delete stores a marker after the values of a key, as Store.Delete does.
func (t *Txn) Delete(key string, opts ...DeleteOpt) *Txn {
	return t.marker(txnStep{op: "delete", key: key, header: api.Header{operationHeader: {operationDelete}}}, opts)
}

// Purge removes the values of a key and leaves a marker, as Store.Purge does.
func (t *Txn) Purge(key string, opts ...DeleteOpt) *Txn {
	h := api.Header{operationHeader: {operationPurge}, jetstream.MsgRollup: {jetstream.MsgRollupSubject}}
	return t.marker(txnStep{op: "purge", key: key, header: h}, opts)
}

// Expect makes Commit fail unless revision is the last one of a key that the transaction does
// not write; 0 means a key without any.
//
// A server compares revisions only when it stores a message, and those of one key with each. So
// an Expect is carried by the message of a Put, Delete or Purge that has no expectation of its
// own. For each Expect beyond those, a message that the transaction chooses is stored once more:
// its key then has the same value twice in its history, watchers see it twice, and its revision
// is the later one.
func (t *Txn) Expect(key string, revision uint64) *Txn {
	return t.step(txnStep{op: "expect", key: key, compares: true, expected: revision})
}

// ExpectAbsent is Expect for a key that has no value: it never had one, was deleted or purged,
// or has expired.
func (t *Txn) ExpectAbsent(key string) *Txn {
	return t.step(txnStep{op: "expect absent", key: key, compares: true, absent: true})
}

// value adds a step that gives a key a value.
func (t *Txn) value(step txnStep, value []byte) *Txn {
	in, err := t.s.encoded(step.op, step.key, value)
	if err != nil {
		return t.fail(err)
	}
	step.data, step.writes = in, true
	return t.step(step)
}

// marker adds a step that leaves a marker.
func (t *Txn) marker(step txnStep, opts []DeleteOpt) *Txn {
	o, err := applied(opts)
	switch {
	case err != nil:
		return t.fail(t.s.failed(step.op, step.key, 0, err))
	case o.ttl != 0 && step.op == "delete":
		return t.fail(&KeyError{Op: step.op, Bucket: t.s.bucket, Key: step.key, Kind: ErrTTLOnDeleteNotSupported})
	case o.ttl != 0:
		step.header[jetstream.MsgTTLHeader] = []string{o.ttl.String()}
	}
	step.writes, step.compares, step.expected = true, o.revision != 0, o.revision
	return t.step(step)
}

func (t *Txn) step(step txnStep) *Txn {
	in, err := t.s.stored(step.op, step.key)
	switch {
	case err != nil:
		return t.fail(err)
	case t.ended:
		return t
	case t.keys[in]:
		return t.fail(&KeyError{Op: step.op, Bucket: t.s.bucket, Key: step.key, Kind: ErrKeyTwice})
	}
	step.in, t.keys[in] = in, true
	t.steps = append(t.steps, step)
	return t
}

// fail keeps the first error of a step.
func (t *Txn) fail(err error) *Txn {
	if t.err == nil && !t.ended {
		t.err = err
	}
	return t
}

// Commit stores the changes, and returns the revisions of the keys that were written. It retries
// where that is safe: when another change is under way, or the link is lost.
//
// Errors: with that of the first invalid step, ErrTransactionsDisabled, ErrTransactionEmpty,
// ErrTransactionTooLarge and ErrTransactionEnded, nothing was sent. With a
// *KeyWrongLastSequenceError, which names the first key that is not as expected, nothing was
// stored. Others are a *BucketError around a *jetstream.BatchError; if it is a
// jetstream.ErrPublishUnknown, either all of it was stored or nothing: see Resolve.
func (t *Txn) Commit(ctx context.Context) (map[string]uint64, error) {
	if t.ended {
		return nil, t.s.txnError(ErrTransactionEnded, nil, "")
	}
	if t.err == nil {
		t.err = t.ready(ctx)
	}
	t.ended = true
	if t.err != nil {
		return nil, t.err
	}
	ctx, cancel := t.s.bound(ctx)
	defer cancel()
	t.last, t.err = t.publish(ctx)
	if errors.Is(t.err, jetstream.ErrPublishUnknown) {
		return t.Resolve(ctx)
	}
	return t.revisions()
}

func (t *Txn) revisions() (map[string]uint64, error) {
	if t.err != nil {
		return nil, t.err
	}
	return revisionsOf(t.steps, t.msgs, t.last), nil
}

// ready checks the transaction, and plans its messages.
func (t *Txn) ready(ctx context.Context) error {
	cfg := t.s.config(ctx, func(c *jetstream.StreamConfig) bool { return c.AllowAtomicPublish })
	t.msgs = planTxn(t.steps)
	switch {
	case cfg.AllowMsgCounter:
		return t.s.txnError(ErrCounterBucket, nil, "")
	case !cfg.AllowAtomicPublish:
		return t.s.txnError(ErrTransactionsDisabled, nil, "")
	case len(t.msgs) == 0:
		return t.s.txnError(ErrTransactionEmpty, nil, "")
	case len(t.msgs) > TransactionMax:
		return t.s.txnError(ErrTransactionTooLarge, nil, fmt.Sprintf("it has %d messages, at most %d go together", len(t.msgs), TransactionMax))
	}
	return nil
}

// config returns the config of the bucket's stream. If the cached one does not allow what is
// needed, it asks the server, because the config may have changed.
func (s *store) config(ctx context.Context, allows func(*jetstream.StreamConfig) bool) *jetstream.StreamConfig {
	if known := &s.stream.CachedInfo().Config; allows(known) {
		return known
	}
	ctx, cancel := s.bound(ctx)
	defer cancel()
	_, _ = s.stream.Info(ctx) // without an answer the cached config stays
	return &s.stream.CachedInfo().Config
}

// txnError returns an error about a transaction as a whole.
func (s *store) txnError(kind, err error, reason string) error {
	e := stores.Error("transaction in", s.bucket, kind, reason)
	e.Err = err
	return e
}

// publish tries until the transaction is stored or fails for good. It returns the last revision.
func (t *Txn) publish(ctx context.Context) (uint64, error) {
	pause := createPause
	for try := 0; ; try++ {
		ack, err := t.once(ctx)
		if err == nil {
			return ack.Sequence, nil
		}
		wrong, ok := errors.AsType[*jetstream.WrongLastSequenceError](err)
		if !ok || errors.Is(err, jetstream.ErrPublishUnknown) {
			return 0, t.failed(err)
		}
		j, err := t.judge(ctx, wrong)
		switch {
		case err != nil:
			return 0, err
		case j.moved && try < createTriesMax:
		case try == createTriesMax || !sleep(ctx, pause):
			return 0, t.conflict(t.firstCompared(), nil, wrong)
		default:
			pause = min(2*pause, createPauseMax)
		}
	}
}

// once publishes the batch. It is sent again only while the bucket certainly remembers the ids
// of its messages.
func (t *Txn) once(ctx context.Context) (*jetstream.PubAck, error) {
	cfg := t.s.stream.CachedInfo().Config
	if cfg.Duplicates > 0 {
		limited, cancel := context.WithTimeout(ctx, cfg.Duplicates*3/4)
		defer cancel()
		ctx = limited
	}
	batch := make([]*api.Msg, len(t.msgs))
	for i, m := range t.msgs {
		batch[i] = m.message(t.steps, t.s.place, t.msgID(i))
	}
	return jetstream.PublishMsgBatch(ctx, t.s.js, batch, jetstream.BatchForStream(cfg))
}

// msgID returns the id of the i-th message.
func (t *Txn) msgID(i int) string { return t.id + "." + strconv.Itoa(i) }

// failed returns the error of the transaction for that of its batch.
func (t *Txn) failed(err error) error {
	if wrong, ok := errors.AsType[*jetstream.BatchMsgError](err); ok && wrong.Seq <= len(t.msgs) {
		step := &t.steps[t.msgs[wrong.Seq-1].step]
		return t.s.failed(step.op, step.key, 0, err)
	}
	if batch, ok := errors.AsType[*jetstream.BatchError](err); ok && batch.Outcome == jetstream.BatchUnknown {
		return t.s.txnError(jetstream.ErrPublishUnknown, err, "")
	}
	if errors.Is(err, jetstream.ErrAtomicPublishDisabled) {
		return t.s.txnError(ErrTransactionsDisabled, err, "")
	}
	return t.s.txnError(nil, err, "")
}

// judge finds out which key is not as expected.
func (t *Txn) judge(ctx context.Context, wrong *jetstream.WrongLastSequenceError) (judged, error) {
	lasts, err := t.lasts(ctx)
	if err != nil {
		return judged{}, err
	}
	j := judgeTxn(t.steps, lasts)
	if j.conflict != none {
		has := lasts[j.conflict]
		if has == nil {
			has = &found{}
		}
		return j, t.conflict(j.conflict, has, wrong)
	}
	return j, nil
}

// lasts reads from the leader the last revisions of the keys that have expectations.
func (t *Txn) lasts(ctx context.Context) ([]*found, error) {
	var keys []string
	var of []int
	for i := range t.steps {
		if t.steps[i].compares {
			keys, of = append(keys, t.s.read+t.steps[i].in), append(of, i)
		}
	}
	all := make([]*found, len(t.steps))
	for i, r := range t.s.leaderLasts(ctx, keys) {
		switch {
		case r.err != nil:
			step := &t.steps[of[i]]
			return nil, t.s.failed(step.op, step.key, 0, r.err)
		case r.msg != nil:
			op, _ := operation(r.msg.Header)
			all[of[i]] = &found{revision: r.msg.Sequence, op: op}
		}
	}
	return all, nil
}

// firstCompared returns the first step that has an expectation.
func (t *Txn) firstCompared() int {
	for i := range t.steps {
		if t.steps[i].compares {
			return i
		}
	}
	return 0
}

// conflict returns the error for the step whose key is not as expected. has is nil if the key's
// revision is not known, because another change of it is under way.
func (t *Txn) conflict(step int, has *found, wrong *jetstream.WrongLastSequenceError) error {
	s := &t.steps[step]
	e := &KeyWrongLastSequenceError{
		Op: s.op, Bucket: t.s.bucket, Key: s.key, Expected: s.expected, Kind: ErrKeyWrongLastSequence, Err: wrong,
	}
	if has != nil {
		e.Actual, e.HasActual = has.revision, true
	}
	if s.absent {
		e.Kind, e.Expected = ErrKeyExists, 0
	}
	return e
}

// Resolve finds out whether a transaction was stored when Commit could not tell: it looks for
// its messages in the history of the keys. If it finds one it returns the revisions, as it does
// for any transaction that was stored. If there are none, because nothing was stored or all of
// it has been overwritten since, it returns the error of Commit again. It returns
// ErrTransactionEnded before Commit.
func (t *Txn) Resolve(ctx context.Context) (map[string]uint64, error) {
	switch {
	case !t.ended:
		return nil, t.s.txnError(ErrTransactionEnded, nil, "it has not been committed")
	case !errors.Is(t.err, jetstream.ErrPublishUnknown):
		return t.revisions()
	}
	ctx, cancel := t.s.bound(ctx)
	defer cancel()
	if last := t.find(ctx); last != 0 {
		t.last, t.err = last, nil
	}
	return t.revisions()
}

// find looks for messages of the transaction, and returns the revision of its last one; 0 if
// there are none.
func (t *Txn) find(ctx context.Context) uint64 {
	var keys []string
	for _, m := range t.msgs {
		keys = append(keys, t.s.read+t.steps[m.step].in)
	}
	for i, r := range t.s.leaderLasts(ctx, keys) {
		if r.msg != nil && r.msg.Header.Get(jetstream.MsgIDHeader) == t.msgID(i) {
			return r.msg.Sequence + uint64(len(t.msgs)-1-i)
		}
	}
	for i, key := range keys {
		if seq := t.inHistory(ctx, key, t.msgID(i)); seq != 0 {
			return seq + uint64(len(t.msgs)-1-i)
		}
	}
	return 0
}

// inHistory returns the sequence of the message on a subject that has that id; 0 if none has.
func (t *Txn) inHistory(ctx context.Context, subject, id string) uint64 {
	if t.s.stream.CachedInfo().Config.MaxMsgsPerSubject == 1 {
		return 0
	}
	msgs, err := jetstream.GetBatch(ctx, t.s.js, t.s.stream.CachedInfo().Config.Name, 0, jetstream.GetBatchSubject(subject))
	if err != nil {
		return 0
	}
	for m, err := range msgs {
		if err == nil && m.Header.Get(jetstream.MsgIDHeader) == id {
			return m.Sequence
		}
	}
	return 0
}
