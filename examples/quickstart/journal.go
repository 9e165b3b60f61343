package main

import (
	"context"
	"fmt"
	"sync"

	"github.com/troupe-go/troupe/api"
)

// journal keeps the events of the connection, so that a step can count them and wait for
// them.
type journal struct {
	mu     sync.Mutex
	events []api.Event
	news   chan struct{} // closed and replaced with each event
}

func newJournal() *journal { return &journal{news: make(chan struct{})} }

// add is the connection's OnEvent callback.
func (j *journal) add(e api.Event) {
	j.mu.Lock()
	defer j.mu.Unlock()
	j.events = append(j.events, e)
	close(j.news)
	j.news = make(chan struct{})
}

// now returns the place where the next event will be.
func (j *journal) now() int {
	j.mu.Lock()
	defer j.mu.Unlock()
	return len(j.events)
}

// find returns the events of a kind since a place, and a channel that the next event
// closes.
func (j *journal) find(kind api.EventKind, since int) (found []api.Event, news <-chan struct{}) {
	j.mu.Lock()
	defer j.mu.Unlock()
	for _, e := range j.events[since:] {
		if e.Kind == kind {
			found = append(found, e)
		}
	}
	return found, j.news
}

// awaitOne waits for an event of one of the kinds since a place.
func (j *journal) awaitOne(ctx context.Context, since int, kinds ...api.EventKind) error {
	for {
		_, news := j.find(kinds[0], since) // before looking, so that no event is missed
		for _, kind := range kinds {
			if found, _ := j.find(kind, since); len(found) > 0 {
				return nil
			}
		}
		select {
		case <-news:
		case <-ctx.Done():
			return fmt.Errorf("waited in vain for one of the events %v", kinds)
		}
	}
}

// await waits for the first event of a kind since a place.
func (j *journal) await(ctx context.Context, kind api.EventKind, since int) (api.Event, error) {
	for {
		found, news := j.find(kind, since)
		if len(found) > 0 {
			return found[0], nil
		}
		select {
		case <-news:
		case <-ctx.Done():
			return api.Event{}, fmt.Errorf("waited in vain for the event %v", kind)
		}
	}
}
