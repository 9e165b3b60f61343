// Package check judges a run: you record a history of unique values, and it reports for
// each guarantee whether it held, or what broke it. It does not depend on a client: it
// records values, times and counts, so any client can be judged, in any test.
//
//	your client ──── published, acked, delivered, closed … ───┐
//	                                                          ▼
//	                              second path ────────► History, about 10 bytes a value
//	      (another client, on a link without faults)          │
//	                                                          ├─► AckedKept … NoOrphans: nil, *Broken, *Void
//	                                                          └─► Report: tables to print
//
// A value is the name of its publisher and a counter, such as "shop-17". It is in the
// payload of exactly one message, so wherever it appears later it shows what happened to
// that message:
//
//	call ended as   present: once         twice        too late    not present
//	accepted        ok                    duplicated   reordered   uncertain
//	acked           ok                    duplicated   reordered   lost
//	unknown         recovered             duplicated   reordered   uncertain
//	rejected        unexpected            unexpected   unexpected  refused
//
// Present means seen on the second path, a [Witness]; for a publisher without one,
// delivered to anyone. A value that is present, but was not delivered to a consumer that
// has to get each, is also lost, by the client. A value that was acked and is not present
// is lost by the client if another value has the sequence of its ack, and by the server
// if it was present before or if its ack was seen on the wire; otherwise the blame is
// unproven.
//
// # Use
//
// Create a [History], record events as they happen, and validate at the end.
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
// *[Broken] with a count and examples, which errors.Is matches with the guarantee's
// ErrBroke error, or a *[Void] if the run has too little evidence for the guarantee: a
// run without traffic proves nothing. [History.Check] checks all guarantees for which the
// history has evidence.
//
// # Requirements for the test
//
// The clock is an argument of [New]; there is no other. Record a call before it is made
// and after it has returned, and a delivery as the first thing in the handler. A
// publisher is one ordered sequence of messages: use one for each goroutine, and for each
// subject. The second path must not run through the injected faults.
//
// The package does no I/O, starts nothing and keeps no payload. One lock guards a
// history. A record takes some hundred nanoseconds, most of it for the clock. Memory is 2
// bytes for each value, 8 more if it has a sequence, and a bit for each group that got
// it.
package check
