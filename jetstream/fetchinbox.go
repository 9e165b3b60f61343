package jetstream

import (
	"strconv"
	"strings"
	"sync/atomic"
	"time"

	"github.com/troupe-go/troupe/api"
)

// fetchinbox.go - the subscriptions that fetches of a consumer use one after another.
//
//	fetch ──► take ──► pulls ──┬─ the server has ended the pull ─────► idle ──► take, or ended
//	                           └─ anything else ─────────────────────────────► ended
//
// Messages do not say which pull they answer, so only a pull that the server has ended leaves its
// subscription to the next one. Concurrent fetches have one each. The first fetch of a consumer
// keeps none, because most programs that fetch once never do so again.

// fetchInboxIdle is how long a subscription is kept for the next fetch.
const fetchInboxIdle = 10 * time.Second

// fetchInbox is such a subscription. Its sole holder may change it.
type fetchInbox struct {
	c      *pullConsumer
	name   string // reply subject of the pulls, followed by a number
	sub    *api.Subscription
	pulls  uint64
	keep   bool                  // for the next fetch
	batch  atomic.Pointer[batch] // nil while it is idle
	expiry *time.Timer           // nil before it was idle
}

// enter gives a batch a subscription: one that is idle, or else a new one.
func (b *batch) enter() error {
	c := b.c
	if b.shares() {
		if in := c.idle.Swap(nil); in != nil {
			in.expiry.Stop()
			if in.sub.IsValid() {
				in.admit(b)
				return nil
			}
		}
	}
	nc := c.js.nc
	in := &fetchInbox{c: c, name: nc.NewInbox(), keep: c.fetched.Swap(true) && b.shares()}
	sub, err := nc.Subscribe(in.name+".*", in.onMsg, api.PendingLimits(max(api.DefaultSubPendingMsgsLimit, 2*b.opts.batch), -1))
	if err != nil {
		return err
	}
	in.sub = sub
	in.admit(b)
	return nil
}

// shares reports whether later batches may use the subscription: batches of an ordered consumer
// have a consumer each, and large ones have larger buffers.
func (b *batch) shares() bool {
	return b.opts.ordered == nil && 2*b.opts.batch <= api.DefaultSubPendingMsgsLimit
}

// admit gives the subscription to a batch.
func (in *fetchInbox) admit(b *batch) {
	in.pulls++
	b.in, b.reply = in, in.name+"."+strconv.FormatUint(in.pulls, 10)
	in.batch.Store(b)
}

// onMsg handles messages. A late status of an earlier pull is dropped.
func (in *fetchInbox) onMsg(m *api.Msg) {
	b := in.batch.Load()
	if b == nil || isStatus(m) && m.Subject != b.reply && strings.HasPrefix(m.Subject, in.name) {
		return
	}
	b.onMsg(m)
}

// leave ends the batch's use of its subscription. Errors mean that the subscription has ended
// with the connection, or is about to.
func (b *batch) leave(why FetchEnd) {
	switch why {
	case FetchExpired, FetchCanceled, FetchDisconnected, FetchSilent:
		_ = b.in.sub.Drain() // messages that have arrived are given back
		return
	case FetchComplete:
		if b.came < b.opts.batch { // all bytes have arrived, but the server's status has not
			break
		}
		b.in.rest()
		return
	case FetchNoMessages, FetchFull:
		b.in.rest()
		return
	}
	_ = b.in.sub.Unsubscribe()
}

// rest keeps the subscription for the next fetch, if it may be kept and no other is.
func (in *fetchInbox) rest() {
	if !in.keep {
		_ = in.sub.Unsubscribe() // as in leave
		return
	}
	in.batch.Store(nil)
	if in.expiry == nil {
		in.expiry = time.AfterFunc(fetchInboxIdle, in.expire)
	} else {
		in.expiry.Reset(fetchInboxIdle)
	}
	if !in.c.idle.CompareAndSwap(nil, in) {
		in.expiry.Stop()
		_ = in.sub.Unsubscribe() // as in leave
	}
}

// expire ends a subscription that no fetch has taken.
func (in *fetchInbox) expire() {
	if in.c.idle.CompareAndSwap(in, nil) {
		_ = in.sub.Unsubscribe() // as in leave
	}
}
