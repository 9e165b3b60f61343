package actors

import "sync/atomic"

// pageSubs is how many subscriptions a page of the table holds.
const pageSubs = 256

// page holds subscriptions of consecutive numbers.
type page struct {
	subs [pageSubs]atomic.Pointer[Sub]
	live int // guarded by the writer's lock
}

// table finds subscriptions by number. The reader looks up without a lock;
// writers hold the outbox's lock, so that the table and the SUB frames that
// were sent agree.
//
//	sid ─► pages[sid/256] ─► subs[sid%256]
//
// Numbers are never used twice. A page is dropped when its last subscription is gone, so
// many short-lived subscriptions cost 8 bytes for every 256 of them. A map would cost the
// reader a hash per message.
type table struct {
	pages atomic.Pointer[[]atomic.Pointer[page]]
	last  uint64 // highest number given out; 0 is never used
	count int
}

// get returns the subscription of that number, nil when there is none.
func (t *table) get(sid uint64) *Sub {
	pages := t.pages.Load()
	if pages == nil || sid/pageSubs >= uint64(len(*pages)) {
		return nil
	}
	p := (*pages)[sid/pageSubs].Load()
	if p == nil {
		return nil
	}
	return p.subs[sid%pageSubs].Load()
}

// add gives s the next number and puts it in.
func (t *table) add(s *Sub) {
	t.last++
	s.sid = t.last
	t.count++
	at := int(s.sid / pageSubs)
	pages := t.pages.Load()
	if pages == nil || at >= len(*pages) {
		pages = t.grow(pages, at)
	}
	p := (*pages)[at].Load()
	if p == nil {
		p = new(page)
		(*pages)[at].Store(p)
	}
	p.live++
	p.subs[s.sid%pageSubs].Store(s)
}

// grow replaces the list of pages by one with room for page number at.
func (t *table) grow(old *[]atomic.Pointer[page], at int) *[]atomic.Pointer[page] {
	pages := make([]atomic.Pointer[page], max(8, 2*at))
	if old != nil {
		for i := range *old {
			pages[i].Store((*old)[i].Load())
		}
	}
	t.pages.Store(&pages)
	return &pages
}

// remove takes s out and reports whether it was in.
func (t *table) remove(s *Sub) bool {
	if t.get(s.sid) != s {
		return false
	}
	at := s.sid / pageSubs
	p := (*t.pages.Load())[at].Load()
	p.subs[s.sid%pageSubs].Store(nil)
	p.live--
	if p.live == 0 {
		(*t.pages.Load())[at].Store(nil)
	}
	t.count--
	return true
}

// all calls f for each subscription, in the order of subscribing.
func (t *table) all(f func(*Sub)) {
	pages := t.pages.Load()
	if pages == nil {
		return
	}
	for i := range *pages {
		p := (*pages)[i].Load()
		if p == nil {
			continue
		}
		for j := range p.subs {
			if s := p.subs[j].Load(); s != nil {
				f(s)
			}
		}
	}
}
