package jetstream

// ConsumeContext is a consuming that Consume has begun. It is safe for concurrent use, and
// from anywhere: the handlers that it calls included.
type ConsumeContext interface {
	// Stop ends it at once. What waits is discarded, and a handler that is running is not
	// waited for; no other call of the handler begins. Later calls do nothing.
	Stop()
	// Drain ends it when what has come has been handled; it does not wait for that. Later
	// calls do nothing.
	Drain()
	// Closed returns a channel that is closed when it has ended: no handler runs any more.
	Closed() <-chan struct{}
}

// ConsumeErrHandlerFunc is what ConsumeErrHandler is made of.
type ConsumeErrHandlerFunc func(consumeCtx ConsumeContext, err error)

// ConsumeErrHandler is an option of Consume: it is told what goes wrong, whether
// consuming goes on or ends with it. It is called with one error at a time, apart from the
// message handler, and may call anything.
type ConsumeErrHandler ConsumeErrHandlerFunc
