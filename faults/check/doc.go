// Package check judges a run: a history of unique values goes in, and for each
// guarantee comes out whether it held, or what broke it. It knows no client: what is
// recorded are values, times and counts, so any client can be judged, in any test.
//
//	your client ──── published, acked, delivered, closed … ───┐
//	                                                          ▼
//	                              second path ────────► History, about 10 bytes a value
//	      (a client of its own, on a line without faults)     │
//	                                                          ├─► AckedKept … NoOrphans: nil, *Broken, *Void
//	                                                          └─► Report: tables to print
//
// A value is the name of its publisher and a counter, such as "shop-17". It is in the
// payload of exactly one message, so wherever it turns up later it is clear what
// became of that message:
//
//	call ended as   there: once           twice        too late    not there
//	accepted        ok                    duplicated   reordered   uncertain
//	acked           ok                    duplicated   reordered   lost
//	unknown         recovered             duplicated   reordered   uncertain
//	rejected        unexpected            unexpected   unexpected  refused
//
// There means on the second path, a [Witness]; for a publisher without one, delivered
// to anybody. A value that is there, and did not come to a consumer that has to get
// each, is lost as well, by the client. One that was acked and is not there is lost by
// the client if another value holds the sequence of its ack, by the server if it was
// there before or if its ack passed on the wire, and otherwise nobody can tell.
//
// # Use
//
// Make a [History], record what happens as it happens, and ask at the end.
//
//	h := check.New(time.Now, check.Options{Minimum: 1000})
//	shop := h.Publisher("shop", "orders")
//	got := h.Subscription("till", "orders", check.AtMostOnce)
//
//	nc.Subscribe("orders", func(m *nats.Msg) { got.Delivered(m.Data) })
//
//	o := shop.Publish(time.Second)
//	if err := nc.Publish("orders", o.Payload(128)); err != nil {
//		o.Rejected(err)
//	} else {
//		o.Accepted()
//	}
//
//	if err := h.Check(); err != nil {
//		t.Error(err, h.Report())
//	}
//
// Each of the guarantees G1 to G16 has a validator with its name. It returns nil, or a
// *[Broken] that says how often, with examples, and that errors.Is recognises as the
// ErrBroke of the guarantee; or a *[Void] when the run showed too little of what the
// guarantee is about: a run without traffic proves nothing. [History.Check] asks all
// of those that the history can tell of.
//
// # What it asks of the test
//
// The clock is an argument of [New]; there is no other. Record a call before it is made
// and after it has returned, and a delivery as the first thing in the handler. A
// publisher is one order of messages: make one for each goroutine, and for each
// subject. The second path must not run through the faults that are injected.
//
// The package does no I/O, starts nothing and keeps no payload. One lock guards a
// history; a record costs some hundred nanoseconds, most of it the clock, and the
// memory is 2 bytes for each value, 8 more if it has a sequence, and a bit for each
// group that got it.
package check
