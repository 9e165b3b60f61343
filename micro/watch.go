package micro

import (
	"context"
	"errors"
	"iter"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/troupe-go/troupe/api"
)

// watch.go - follows services as they appear, change and disappear.
//
//	INFO, periodically ─► roster ─► changes
//
// Services do not announce themselves: only those that are there when INFO is sent are seen.

// ChangeKind is the kind of a change of an instance.
type ChangeKind uint8

// The kinds of changes.
const (
	// InstanceAppeared: it answers, and was not known before.
	InstanceAppeared ChangeKind = iota + 1
	// InstanceChanged: its Info changed, for example by another endpoint.
	InstanceChanged
	// InstanceGone: it has not answered several times in a row.
	InstanceGone
)

// String returns the kind in lower case.
func (k ChangeKind) String() string {
	switch k {
	case InstanceAppeared:
		return "appeared"
	case InstanceChanged:
		return "changed"
	case InstanceGone:
		return "gone"
	}
	return "change?"
}

// Change is a change of one instance.
type Change struct {
	Kind ChangeKind
	// Info is the answer of the instance; of one that is gone, its last answer.
	Info Info
	// Before is its answer before the change; the zero Info unless Kind is InstanceChanged.
	Before Info
}

// WatchOpt is an option of Watch. A nil one is skipped.
type WatchOpt func(*watchOpts) error

// watchOpts collects the options of one Watch.
type watchOpts struct {
	every  time.Duration
	misses int
}

// Defaults of Watch.
const (
	// DefaultWatchEvery is how often services are asked.
	DefaultWatchEvery = 5 * time.Second
	// DefaultWatchMisses is how often in a row an instance must not answer to be gone.
	DefaultWatchMisses = 2
)

// WatchEvery sets how often services are asked. Default: DefaultWatchEvery. Errors:
// ErrConfigValidation unless positive.
func WatchEvery(every time.Duration) WatchOpt {
	return func(o *watchOpts) error {
		if every <= 0 {
			return &ConfigError{Field: "watch interval", Value: every.String(), Reason: "is not above zero", Err: ErrConfigValidation}
		}
		o.every = every
		return nil
	}
}

// WatchMisses sets how often in a row an instance must not answer to be gone. Default:
// DefaultWatchMisses. Errors: ErrConfigValidation if n is less than 1.
func WatchMisses(n int) WatchOpt {
	return func(o *watchOpts) error {
		if n < 1 {
			return &ConfigError{Field: "watch misses", Reason: "are less than 1", Err: ErrConfigValidation}
		}
		o.misses = n
		return nil
	}
}

// Watch yields the changes of the instances of a service, or of all services if name is empty:
// first the instances that are there, then each change; those found together are sorted by id.
// It asks periodically, on the goroutine of the loop, until ctx is done or the loop ends, and
// leaves nothing running.
//
// The error of one round is yielded with a zero Change, and the sequence continues; no instance
// is reported gone because of it. The sequence ends with ctx, and after api.ErrConnectionClosed,
// ErrInvalidName, api.ErrInvalidContext, and errors of options.
func (c *Client) Watch(ctx context.Context, name string, opts ...WatchOpt) iter.Seq2[Change, error] {
	return func(yield func(Change, error) bool) {
		o := watchOpts{every: DefaultWatchEvery, misses: DefaultWatchMisses}
		if err := o.check(ctx, name, opts); err != nil {
			yield(Change{}, err)
			return
		}
		pause := time.NewTimer(o.every)
		defer pause.Stop()
		for r := (roster{misses: o.misses}); c.lookAround(ctx, name, &r, yield); {
			pause.Reset(o.every)
			select {
			case <-pause.C:
			case <-ctx.Done():
				return
			}
		}
	}
}

// check applies the options, and returns an error for invalid arguments.
func (o *watchOpts) check(ctx context.Context, name string, opts []WatchOpt) error {
	if ctx == nil {
		return api.ErrInvalidContext
	}
	if name != "" {
		if err := checkName("service name", name); err != nil {
			return err
		}
	}
	for _, opt := range opts {
		if opt == nil {
			continue
		}
		if err := opt(o); err != nil {
			return err
		}
	}
	return nil
}

// lookAround asks once and yields the changes. It returns false at the end.
func (c *Client) lookAround(ctx context.Context, name string, r *roster, yield func(Change, error) bool) bool {
	round, cancel := context.WithTimeout(ctx, c.nc.Opts.Timeout)
	infos, err := c.Info(round, name, "")
	cancel()
	if ctx.Err() != nil {
		return false
	}
	for _, change := range r.round(infos, err == nil) {
		if !yield(change, nil) {
			return false
		}
	}
	if err == nil {
		return true
	}
	return yield(Change{}, err) && !errors.Is(err, api.ErrConnectionClosed)
}

// roster is the known instances. It is pure: rounds in, changes out.
type roster struct {
	misses int // number of misses after which an instance is gone
	known  map[string]*sighting
}

// sighting is what is known of an instance.
type sighting struct {
	info   Info
	missed int // rounds in a row
}

// round takes one round of answers, and returns the changes, sorted by id. Only a complete round
// shows which instances are missing.
func (r *roster) round(infos []Info, complete bool) (changes []Change) {
	if r.known == nil {
		r.known = map[string]*sighting{}
	}
	seen := map[string]bool{}
	for _, info := range infos {
		seen[info.ID] = true
		known := r.known[info.ID]
		switch {
		case known == nil:
			changes = append(changes, Change{Kind: InstanceAppeared, Info: info})
		case !reflect.DeepEqual(known.info, info):
			changes = append(changes, Change{Kind: InstanceChanged, Info: info, Before: known.info})
		}
		r.known[info.ID] = &sighting{info: info}
	}
	for id, known := range r.known {
		if seen[id] || !complete {
			continue
		}
		if known.missed++; known.missed >= r.misses {
			changes = append(changes, Change{Kind: InstanceGone, Info: known.info})
			delete(r.known, id)
		}
	}
	slices.SortFunc(changes, func(a, b Change) int { return strings.Compare(a.Info.ID, b.Info.ID) })
	return changes
}
