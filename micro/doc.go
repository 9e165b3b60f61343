// Package micro provides services: endpoints that answer requests, that tools and other programs
// can discover, and that report their statistics. Names, signatures and the wire format are
// those of nats.go v1.55, so that services and clients of both libraries work together.
//
//	svc, err := micro.AddService(nc, micro.Config{Name: "Sums", Version: "1.0.0"})
//	err = svc.AddGroup("sums").AddEndpoint("add", micro.Func(add))
//	report, err := svc.StopContext(ctx)
//
// A service is an actor in the tree of its connection, and so is each of its endpoints, with a
// state, the reason for it, and counters:
//
//	              connection-1
//	              ├── consumers
//	AddService ─► │   └── Sums-VO4X…             the service
//	AddEndpoint ► │       ├── add                requests, errors, in flight, since when and why
//	              │       └── mean
//	request ────► ├── subscriptions              pass requests to handlers: the workers of the
//	              │                              endpoints, and the nine of PING, INFO, STATS
//	reply ◄────── └── link
//
// # A request
//
// The answer of a handler goes to the requester. A handler of type Func answers with what it
// returns: a *ServiceError, anywhere in the tree of the error, is sent as it is; for any other
// error the requester gets a 500 without its text, and Config.ErrorHandler gets the error. The
// same holds for a panic, after which the endpoint continues with the next request. No request
// is answered twice.
//
// docs/MICRO.md describes the outcomes of a request, how an endpoint handles failures, and the
// choices that there are; docs/ERRORS.md says when each error occurs and what it is fatal for.
// Kinds lists the kinds.
package micro
