package jetstream

import (
	"context"
	"errors"
	"iter"
	"maps"
	"slices"
)

// pager.go - reads a list of the API page by page.
//
//	        offset 0            offset 255            offset 510
//	page 1  a b c ... m   page 2  m n o ... y   page 3  y z
//	                              ^ the last name again: none before it was removed
//
// A list is sorted by name and addressed by offset, so every name that is removed between two
// pages shifts those after it. Each page therefore begins with the last name of the one before.
// If it begins with a later one, names in between may have been skipped: the pager steps back,
// and skips what it already had.

// pageStuckMax is how many pages in a row may bring nothing new although more is announced.
const pageStuckMax = 8

// listPage is a page of a list: of streams or consumers, by name or with their infos.
type listPage[T any] struct {
	Total     int               `json:"total"`
	Streams   []T               `json:"streams"`
	Consumers []T               `json:"consumers"`
	Missing   []string          `json:"missing"`
	Offline   map[string]string `json:"offline"`
}

// items returns what is in the page.
func (p *listPage[T]) items() []T {
	if len(p.Streams) > 0 {
		return p.Streams
	}
	return p.Consumers
}

// pager reads one list.
type pager[T any] struct {
	js   *jetStream
	r    request                // but for its body
	body func(offset int) any   // of the page that begins there
	name func(T) (string, bool) // of an item; false for one that is to be skipped

	offset  int    // where the next page begins
	cursor  string // the last name that arrived; empty for none
	listed  int
	largest int // the most names that a page has had
	stuck   int
	missing []string
	offline map[string]string
}

// all yields the list. It ends at the first error, which it yields, too.
func (p pager[T]) all(ctx context.Context) iter.Seq2[T, error] {
	return func(yield func(T, error) bool) {
		run := p // each range has its own state
		err := run.each(orBackground(ctx), func(item T) bool { return yield(item, nil) })
		if err != nil && !errors.Is(err, errStopped) {
			var none T
			yield(none, err)
		}
	}
}

// orBackground returns a context for a nil one.
func orBackground(ctx context.Context) context.Context {
	if ctx == nil {
		return context.Background()
	}
	return ctx
}

// each calls take with every item until it returns false, which is an errStopped.
func (p *pager[T]) each(ctx context.Context, take func(T) bool) error {
	for {
		page, err := p.page(ctx)
		if err != nil {
			return p.failed(err)
		}
		more, err := p.add(page, take)
		if err != nil {
			return err
		}
		if !more {
			break
		}
		if p.stuck >= pageStuckMax {
			return p.failed(p.js.callError(p.r, &ResponseError{Err: errStuck}))
		}
	}
	if len(p.missing) == 0 {
		return nil
	}
	return &IncompleteError{Op: p.r.op, Stream: p.r.stream, Listed: p.listed, Missing: p.missing, Offline: p.offline}
}

// failed says that a page is missing, and how many names came before it.
func (p *pager[T]) failed(err error) error {
	if p.cursor == "" {
		return err
	}
	return &IncompleteError{
		Op: p.r.op, Stream: p.r.stream, Listed: p.listed, Missing: p.missing, Offline: p.offline, Err: err,
	}
}

// page asks for the next page.
func (p *pager[T]) page(ctx context.Context) (*listPage[T], error) {
	r := p.r
	r.body = p.body(p.offset)
	once, cancel := context.WithTimeout(ctx, p.js.opts.DefaultTimeout)
	defer cancel()
	page, err := call[listPage[T]](once, p.js, r)
	if err != nil {
		return nil, err
	}
	return &page, nil
}

// add passes on what is new in a page, and reports whether there is more.
func (p *pager[T]) add(page *listPage[T], take func(T) bool) (more bool, err error) {
	byName, names := p.named(page)
	p.largest = max(p.largest, len(names))
	if p.offset > 0 && (len(names) == 0 || names[0] > p.cursor) { // some before the cursor were removed
		p.offset = max(0, p.offset-p.largest)
		return true, nil
	}
	fresh := 0
	for _, name := range names {
		if name <= p.cursor {
			continue
		}
		fresh++
		p.cursor = name
		if slices.Contains(page.Missing, name) {
			p.miss(name, page.Offline[name])
		}
		item, ok := byName[name]
		if !ok {
			continue
		}
		p.listed++
		if !take(item) {
			return false, errStopped
		}
	}
	p.stuck++
	if fresh > 0 {
		p.stuck = 0
	}
	end := p.offset + len(names)
	p.offset = end
	if len(names) > 1 {
		p.offset-- // the next page begins with the last name
	}
	return end < page.Total, nil
}

// miss notes a name for which no server sent details.
func (p *pager[T]) miss(name, reason string) {
	p.missing = append(p.missing, name)
	if reason == "" {
		return
	}
	if p.offline == nil {
		p.offline = map[string]string{}
	}
	p.offline[name] = reason
}

// named returns the items of a page by name, and all its names in order, including those for
// which no server sent details.
func (p *pager[T]) named(page *listPage[T]) (byName map[string]T, names []string) {
	items := page.items()
	byName = make(map[string]T, len(items))
	all := make(map[string]bool, len(items)+len(page.Missing))
	for _, item := range items {
		if name, ok := p.name(item); ok {
			byName[name], all[name] = item, true
		}
	}
	for _, name := range page.Missing {
		all[name] = true
	}
	return byName, slices.Sorted(maps.Keys(all))
}
