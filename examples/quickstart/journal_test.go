package main

import (
	"context"
	"testing"
	"testing/synctest"
	"time"

	"github.com/troupe-go/troupe/api"
)

func TestJournalFindsWhatCameSince(t *testing.T) {
	j := newJournal()
	j.add(api.Event{Kind: api.LinkLost, Count: 1})
	since := j.now()
	j.add(api.Event{Kind: api.LinkLost, Count: 2})
	j.add(api.Event{Kind: api.LinkRestored, Count: 3})
	j.add(api.Event{Kind: api.LinkLost, Count: 4})
	found, _ := j.find(api.LinkLost, since)
	if len(found) != 2 || found[0].Count != 2 || found[1].Count != 4 {
		t.Errorf("found %v", found)
	}
	if e, err := j.await(t.Context(), api.LinkRestored, since); err != nil || e.Count != 3 {
		t.Errorf("awaited %v, %v", e, err)
	}
}

func TestJournalWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		j := newJournal()
		time.AfterFunc(time.Second, func() { j.add(api.Event{Kind: api.LinkLost}) })
		time.AfterFunc(2*time.Second, func() { j.add(api.Event{Kind: api.LinkRestored}) })
		began := time.Now()
		if _, err := j.await(t.Context(), api.LinkRestored, 0); err != nil || time.Since(began) != 2*time.Second {
			t.Errorf("%v after %v", err, time.Since(began))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		defer cancel()
		if e, err := j.await(ctx, api.LameDuck, 0); err == nil {
			t.Errorf("got %v, which never happened", e)
		}
	})
}
