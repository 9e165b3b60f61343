package wire

import (
	"bytes"
	"slices"
	"time"
)

// itemsMax bounds the items of a queue beside its bytes, as an item costs more than a
// byte.
const itemsMax = 16 << 10

// itemKind says what an item of a queue is.
type itemKind uint8

const (
	itemData  itemKind = iota
	itemFault          // a rule was set off here
	itemPause          // what follows waits for a while
	itemFin            // the end of the stream
	itemReset          // its end by a reset
	itemGone           // its end, of which the other side hears nothing
)

// item is one thing that passes in its turn.
type item struct {
	kind     itemKind
	lent     bool       // data is a part of the reader's buffer
	foreign  bool       // data did not come from the source: it has no place in its stream
	gathered bool       // data is all that was gathered
	by       *Injection // itemFault
	pause    time.Duration
	data     []byte
	offset   int64     // of data in the stream of the source; otherwise where the item stands
	at       time.Time // when it came
}

// queue holds what came and was not handed on yet. The zero value is empty.
type queue struct {
	items []item
	first int // of items that are there
	bytes int // of all their data
}

// front returns the first item, nil if there is none. It is valid until the queue is
// changed.
func (q *queue) front() *item {
	if q.first == len(q.items) {
		return nil
	}
	return &q.items[q.first]
}

// length returns the number of items.
func (q *queue) length() int { return len(q.items) - q.first }

// push adds an item at the end. Data that goes on where the last item ends becomes a
// part of that.
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

// join makes o a part of it, if it comes directly behind and at the same time.
func (it *item) join(o item) bool {
	if it.kind != itemData || o.kind != itemData || it.gathered || it.lent != o.lent || it.foreign || o.foreign ||
		it.offset+int64(len(it.data)) != o.offset || !it.at.Equal(o.at) {
		return false
	}
	if it.lent {
		// Both lie in one buffer, one behind the other, or bytes between them were left out.
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

// own copies what is lent.
func (q *queue) own() {
	for k := range q.items[q.first:] {
		it := &q.items[q.first+k]
		if it.lent {
			it.data, it.lent = bytes.Clone(it.data), false
		}
	}
}
