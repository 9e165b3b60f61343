package kv

import (
	"container/heap"
	"time"
)

// cacheexpiry.go - which key expires next, where the server does not report it. It is pure.

// expiring is a revision of a key that expires at some time.
type expiring struct {
	key      string
	revision uint64
	at       time.Time
	place    int // in the queue
}

// expiry has the keys of a cache that expire without a marker. Its zero value has none.
type expiry struct {
	queue expiryQueue
	of    map[string]*expiring
}

// set sets when a key expires; the zero time is never.
func (x *expiry) set(key string, revision uint64, at time.Time) {
	e := x.of[key]
	switch {
	case e == nil && at.IsZero():
	case e == nil:
		if x.of == nil {
			x.of = make(map[string]*expiring)
		}
		e = &expiring{key: key, revision: revision, at: at}
		x.of[key] = e
		heap.Push(&x.queue, e)
	case at.IsZero():
		delete(x.of, key)
		heap.Remove(&x.queue, e.place)
	default:
		e.revision, e.at = revision, at
		heap.Fix(&x.queue, e.place)
	}
}

// next returns what expires next; nil for nothing.
func (x *expiry) next() *expiring {
	if len(x.queue) == 0 {
		return nil
	}
	return x.queue[0]
}

// expiryQueue implements heap.Interface: the earliest is first.
type expiryQueue []*expiring

func (q expiryQueue) Len() int           { return len(q) }
func (q expiryQueue) Less(i, j int) bool { return q[i].at.Before(q[j].at) }
func (q expiryQueue) Swap(i, j int) {
	q[i], q[j] = q[j], q[i]
	q[i].place, q[j].place = i, j
}
func (q *expiryQueue) Push(x any) {
	e := x.(*expiring)
	e.place = len(*q)
	*q = append(*q, e)
}
func (q *expiryQueue) Pop() any {
	last := len(*q) - 1
	e := (*q)[last]
	(*q)[last] = nil
	*q = (*q)[:last]
	return e
}
