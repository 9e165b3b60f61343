package jetstream

// ConsumeContext controls what Consume has started. It is safe for concurrent use, also from
// within its handlers.
type ConsumeContext interface {
	// Stop ends it at once. Queued messages are discarded, and Stop does not wait for a running
	// handler; no further call of the handler begins. Later calls do nothing.
	Stop()
	// Drain ends it once the messages that have arrived are handled; it does not wait for that.
	// Later calls do nothing.
	Drain()
	// Closed returns a channel that is closed when it has ended: no handler runs any more.
	Closed() <-chan struct{}
}

// ConsumeErrHandlerFunc is the underlying function type of ConsumeErrHandler.
type ConsumeErrHandlerFunc func(consumeCtx ConsumeContext, err error)

// ConsumeErrHandler is an option of Consume: it receives every error, whether consuming continues
// or ends. It is called with one error at a time, concurrently with the message handler, and may
// call anything.
type ConsumeErrHandler ConsumeErrHandlerFunc
