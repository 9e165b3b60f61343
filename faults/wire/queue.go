package wire

import (
	"bytes"
	"slices"
	"time"
)

// itemsMax bounds the number of items in a queue, in addition to their bytes, as an item
// costs more than a byte.
const itemsMax = 16 << 10

// itemKind is the kind of an item.
type itemKind uint8

const (
	itemData  itemKind = iota
	itemFault          // a rule was triggered here
	itemPause          // what follows waits for a while
	itemFin            // the end of the stream
	itemReset          // the end by a reset
	itemGone           // the end, unnoticed by the other side
)

// item is one thing that passes in its turn.
type item struct {
	kind     itemKind
	lent     bool       // data is part of the reader's buffer
	foreign  bool       // data is not from the source, so it has no offset in its stream
	gathered bool       // data was gathered by coalesce
	by       *Injection // itemFault
	pause    time.Duration
	data     []byte
	offset   int64     // of data in the stream of the source; otherwise the position of the item
	at       time.Time // when it arrived
}

// queue holds what arrived and was not forwarded yet. The zero value is empty.
type queue struct {
	items []item
	first int // index of the front in items
	bytes int // of all their data
}

// front returns the first item, nil if there is none. It is valid until the queue
// changes.
func (q *queue) front() *item {
	if q.first == len(q.items) {
		return nil
	}
	return &q.items[q.first]
}

// length returns the number of items.
func (q *queue) length() int { return len(q.items) - q.first }

// push adds an item at the end. Data that continues the last item is joined to it.
func (q *queue) push(it item) {
	q.bytes += len(it.data)
	if n := len(q.items); n > q.first && q.items[n-1].join(it) {
		return
	}
	q.items = append(q.items, it)
}

// pushFront adds an item at the front.
func (q *queue) pushFront(it item) {
	q.bytes += len(it.data)
	q.items = slices.Insert(q.items, q.first, it)
}

// join appends o to it, if o follows directly and arrived at the same time.
func (it *item) join(o item) bool {
	if it.kind != itemData || o.kind != itemData || it.gathered || it.lent != o.lent || it.foreign || o.foreign ||
		it.offset+int64(len(it.data)) != o.offset || !it.at.Equal(o.at) {
		return false
	}
	if it.lent {
		// Both lie in one buffer, one after the other, or bytes between them were
		// dropped.
		n := len(it.data)
		if cap(it.data) < n+len(o.data) || &it.data[:n+1][n] != &o.data[0] {
			return false
		}
		it.data = it.data[:n+len(o.data)]
		return true
	}
	it.data = append(it.data, o.data...)
	return true
}

// pop takes the first item.
func (q *queue) pop() item {
	it := q.items[q.first]
	q.items[q.first] = item{}
	q.first++
	q.bytes -= len(it.data)
	switch {
	case q.first == len(q.items):
		q.items, q.first = q.items[:0], 0
	case q.first > 64 && q.first > len(q.items)/2:
		q.items, q.first = slices.Delete(q.items, 0, q.first), 0
	}
	return it
}

// cut takes n bytes of the first item, which has more than that.
func (q *queue) cut(n int) (data []byte, offset int64) {
	it := &q.items[q.first]
	data, offset = it.data[:n:n], it.offset
	it.data = it.data[n:]
	it.offset += int64(n)
	q.bytes -= n
	return data, offset
}

// own copies lent data.
func (q *queue) own() {
	for k := range q.items[q.first:] {
		it := &q.items[q.first+k]
		if it.lent {
			it.data, it.lent = bytes.Clone(it.data), false
		}
	}
}
