package main

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/kv"
)

const (
	settingsCount = 2_000
	settingsKill  = 800 // the server is killed when that many are stored
)

// watched is what a watcher has seen of the settings.
type watched struct {
	values, ready int
	last          uint64 // revision
}

// errWatched says that everything was seen; it ends the watcher.
var errWatched = errors.New("all is seen")

// see handles an event.
func (w *watched) see(e kv.Event) error {
	switch e.Kind {
	case kv.EventReady:
		w.ready++
	case kv.EventValue:
		if revision := e.Entry.Revision(); revision != w.last+1 {
			return fmt.Errorf("revision %d arrived after %d", revision, w.last)
		}
		w.last++
		w.values++
	default:
		return fmt.Errorf("unexpected %v", e.Kind)
	}
	if w.values == settingsCount {
		return errWatched
	}
	return nil
}

// follow watches until everything was seen.
func (w *watched) follow(ctx context.Context, store kv.Store) error {
	for e, err := range store.Events(ctx, nil) {
		if err == nil {
			err = w.see(e)
		}
		if errors.Is(err, errWatched) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("after %d values: %w", w.values, err)
		}
	}
	return fmt.Errorf("the watcher ended after %d values", w.values)
}

// showWatch watches a bucket while its server is killed and started again.
func showWatch(ctx context.Context, s *stage) (shown, error) {
	if s.server == nil {
		return shown{omit: true, line: "left out: it takes a server of our own to kill"}, nil
	}
	s.vault = &vault{events: newJournal()}
	if err := s.vault.open(); err != nil {
		return shown{}, err
	}
	store, err := kv.Create(ctx, s.vault.js, kv.Config{Bucket: "settings"})
	if err != nil {
		return shown{}, err
	}
	w, seen := &watched{}, make(chan error, 1)
	go func() { seen <- w.follow(ctx, store) }()
	down, err := s.vault.set(ctx, store)
	if err != nil {
		return shown{}, err
	}
	if err := <-seen; err != nil { // ends with ctx
		return shown{}, err
	}
	if w.ready != 1 {
		return shown{}, fmt.Errorf("the watcher was ready %d times, want once", w.ready)
	}
	return shown{
		line: fmt.Sprintf("%s keys created = %s seen by a watcher, each once and in order,", group(settingsCount), group(w.values)),
		more: []string{fmt.Sprintf("though the server was killed amid them; the next key was stored after %v", down.Round(time.Millisecond))},
	}, nil
}

// set creates the settings, and kills the server meanwhile. Each is stored once, even if
// its acknowledgement is lost. It returns how long the create took during which the
// server was killed.
func (v *vault) set(ctx context.Context, store kv.Store) (down time.Duration, err error) {
	var again <-chan error
	for i := range settingsCount {
		began := time.Now()
		if i == settingsKill {
			again = v.kill(ctx)
		}
		if _, err := store.Create(ctx, fmt.Sprintf("app.%d", i), number(i)); err != nil {
			return 0, err
		}
		if i == settingsKill {
			down = time.Since(began)
		}
	}
	return down, <-again
}
