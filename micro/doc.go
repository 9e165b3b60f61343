// Package micro makes services of a connection: endpoints that answer requests, that tools
// and other programs find, and that say how they are. Names, signatures and what goes over
// the wire are those of nats.go v1.55, so that services and clients of both work together.
//
//	svc, err := micro.AddService(nc, micro.Config{Name: "Sums", Version: "1.0.0"})
//	err = svc.AddGroup("sums").AddEndpoint("add", micro.Func(add))
//	report, err := svc.StopContext(ctx)
//
// A service is an actor in the tree of its connection, and so is each of its endpoints,
// with a state, the reason for it and its counts:
//
//	              connection-1
//	              ├── consumers
//	AddService ─► │   └── Sums-VO4X…             the service
//	AddEndpoint ► │       ├── add                requests, errors, in flight, since when and why
//	              │       └── mean
//	request ────► ├── subscriptions              hand requests to handlers: the workers of the
//	              │                              endpoints, and the nine of PING, INFO, STATS
//	reply ◄────── └── link
//
// # A request
//
// What a handler answers goes to who asked. A handler of type Func answers with what it
// returns: a *ServiceError, anywhere in the tree of the error, is sent as it is; of any
// other error the requester gets a 500 without its text, and Config.ErrorHandler the rest.
// So it is when a handler panics, and the endpoint goes on with the next request. No request
// is answered twice.
//
// docs/MICRO.md tells what becomes of a request, what an endpoint does about trouble, and
// what can be chosen; docs/ERRORS.md tells when each error comes and what it is fatal for.
// Kinds lists the kinds.
package micro
