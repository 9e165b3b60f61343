package kv_test

import (
	"context"
	"errors"
	"fmt"
	"strconv"
	"sync"
	"testing"
	"time"

	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/kv"
)

// patient waits longer than a busy machine takes to answer: what a commit has stored may be written
// over by others before its client asks what became of it, which it can then not know.
var patient = jetstream.WithDefaultTimeout(20 * time.Second)

// number returns the number that a key has.
func number(e kv.Entry) int {
	n, _ := strconv.Atoi(string(e.Value()))
	return n
}

// transfer moves one from an account to another, however often others come first.
func transfer(ctx context.Context, s kv.Store, from, to string) error {
	for {
		a, err1 := s.Get(ctx, from)
		b, err2 := s.Get(ctx, to)
		if err := errors.Join(err1, err2); ctx.Err() == nil && errors.Is(err, jetstream.ErrClusterNotAvailable) {
			continue // on a busy machine there are elections
		} else if err != nil {
			return err
		}
		_, err := s.Txn().
			Update(from, strconv.AppendInt(nil, int64(number(a)-1), 10), a.Revision()).
			Update(to, strconv.AppendInt(nil, int64(number(b)+1), 10), b.Revision()).
			Expect("open", 1).
			Commit(ctx)
		if !errors.Is(err, kv.ErrKeyWrongLastSequence) {
			return err
		}
	}
}

// sumStays has clients move money between accounts at once, while another adds all up.
func sumStays(t *testing.T, reader kv.Reader, stores []kv.Store, transfers int) {
	t.Helper()
	const accounts, each = 4, 100
	ctx := must.Within(t, 2*time.Minute)
	must.Get(stores[0].PutString(ctx, "open", "yes"))(t)
	for i := range accounts {
		must.Get(stores[0].PutString(ctx, fmt.Sprintf("account.%d", i), strconv.Itoa(each)))(t)
	}
	for there := 0; there < accounts; { // a replica may have them later
		there = 0
		for _, err := range reader.GetMany(ctx, "account.*") {
			must.Do(t, err)
			there++
		}
	}
	var all sync.WaitGroup
	for c, s := range stores {
		all.Go(func() {
			for i := range transfers {
				from, to := (c+i)%accounts, (c+2*i+1)%accounts
				if from == to {
					to = (to + 1) % accounts
				}
				if err := transfer(ctx, s, fmt.Sprintf("account.%d", from), fmt.Sprintf("account.%d", to)); err != nil {
					t.Error(err)
					return
				}
			}
		})
	}
	done := make(chan struct{})
	go func() {
		all.Wait()
		close(done)
	}()
	for sums := 0; ; sums++ {
		sum := 0
		for e, err := range reader.GetMany(ctx, "account.*") {
			must.Do(t, err)
			sum += number(e)
		}
		if sum != accounts*each {
			t.Errorf("the sum is %d", sum)
		}
		select {
		case <-done:
			return
		default:
		}
	}
}

// TestTransactionsOfManyClients: no client sees a part of one, and none is lost.
func TestTransactionsOfManyClients(t *testing.T) {
	server := natsserver.Run(t, natsserver.Options{JetStream: true})
	cfg := kv.Config{Bucket: "b", Transactions: true, Storage: jetstream.MemoryStorage}
	var stores []kv.Store
	for range 3 {
		js := must.Get(jetstream.New(connect(t, server), patient))(t)
		stores = append(stores, must.Get(kv.CreateOrUpdate(t.Context(), js, cfg))(t))
	}
	sumStays(t, stores[0], stores, 15)
}

// TestTransactionsOfAReplicatedBucket is the same where changes are under way between servers, and
// the leader cannot tell what they will come to.
func TestTransactionsOfAReplicatedBucket(t *testing.T) {
	cluster := natsserver.RunCluster(t, 3, natsserver.Options{JetStream: true})
	cfg := kv.Config{Bucket: "b", Transactions: true, Replicas: 3, Storage: jetstream.MemoryStorage}
	var stores []kv.Store
	var reader kv.Reader // all at once, from any replica
	for i, member := range cluster.Members() {
		js := must.Get(jetstream.New(connect(t, member), patient))(t)
		ctx := must.Within(t, time.Minute)
		if i == 0 {
			must.Get(kv.Create(ctx, js, cfg))(t)
		}
		// No update: of a stream that was just made a cluster now and then leaves one without an answer.
		s := must.Get(kv.Open(ctx, js, "b"))(t)
		stores = append(stores, must.Get(s.LeaderReads())(t))
		reader = s
	}
	sumStays(t, reader, stores, 6)
}
