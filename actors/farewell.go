package actors

import (
	"context"
	"sync"
	"time"
)

// farewell.go - last publishes of components that work on a connection.
//
//	Close ─► each of them, while it can still publish ─► their publishes are written ─► the end

// lastWordsMax is how long a Close whose ctx is done waits for the last publishes, and
// then again for them to be written.
const lastWordsMax = 100 * time.Millisecond

// farewells are the functions to call. The zero value is ready.
type farewells struct {
	saying sync.Mutex // held while they run: another Close waits

	mu  sync.Mutex
	all map[*func(context.Context)]struct{}
}

// BeforeClose registers f to be called once when the connection is about to close, by
// Close or at the end of a drain, and has a link. f may publish, and must return when its
// ctx is done: that is within closeFlush, within lastWordsMax if the ctx of Close is
// done, and at once for a Close from inside a handler. It runs on a goroutine of its own.
// forget cancels the call.
func (c *Conn) BeforeClose(f func(ctx context.Context)) (forget func()) {
	w := &c.farewells
	w.mu.Lock()
	defer w.mu.Unlock()
	if w.all == nil {
		w.all = make(map[*func(context.Context)]struct{})
	}
	w.all[&f] = struct{}{}
	return func() {
		w.mu.Lock()
		defer w.mu.Unlock()
		delete(w.all, &f)
	}
}

// take returns all functions and forgets them.
func (w *farewells) take() (all []func(context.Context)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	for f := range w.all {
		all = append(all, *f)
	}
	w.all = nil
	return all
}

// lastWords calls all functions. It returns the context for writing what they published.
func (c *Conn) lastWords(ctx context.Context) (context.Context, context.CancelFunc) {
	c.farewells.saying.Lock()
	defer c.farewells.saying.Unlock()
	all := c.farewells.take()
	if len(all) == 0 || c.line.Load() == nil {
		return ctx, func() {}
	}
	late := ctx.Err() != nil
	if late {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(context.WithoutCancel(ctx), lastWordsMax)
		defer cancel()
	}
	inner, cancel := context.WithTimeout(ctx, closeFlush)
	defer cancel()
	if c.ancestors() > 0 {
		cancel()
	}
	over := make(chan struct{})
	var said sync.WaitGroup
	for _, f := range all {
		said.Go(func() { f(inner) })
	}
	go func() {
		said.Wait()
		close(over)
	}()
	select {
	case <-over:
	case <-time.After(closeFlush): // one of them is stuck in a publish, which the end of the connection ends
	}
	if !late {
		return ctx, func() {}
	}
	return context.WithTimeout(context.WithoutCancel(ctx), lastWordsMax)
}
