// Package jetstream is the JetStream part of the client: streams, publishing and
// consumers, on a connection of package api.
//
//	js, err := jetstream.New(nc)
//	stream, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.>"}})
//	ack, err := js.Publish(ctx, "orders.new", data)
//	consumer, err := stream.CreateOrUpdateConsumer(ctx, jetstream.ConsumerConfig{Durable: "billing"})
//	consuming, err := consumer.Consume(func(m jetstream.Msg) { …; m.Ack() })
//
// Names, signatures and defaults are those of nats.go v1.55. Behind them each
// running consumer and each publisher is an actor in the tree of its connection,
// with a state, the reason for it and its progress:
//
//	JetStream ──────► connection-1
//	                  ├── consumers
//	Consume ────────► │   ├── ORDERS.billing-…   asks for messages, watches heartbeats, recovers
//	PublishAsync ───► │   └── publisher-…        what waits for its acknowledgement
//	handlers ◄─────── ├── subscriptions          deliver what was asked for
//	calls ──────────► └── requests               each call of the API, and its answer
//
// # What is where
//
// JetStream makes, finds, lists and removes streams and consumers (StreamManager,
// StreamConsumerManager), makes them what a program needs (Ensurer), publishes (Publisher),
// and reads advisories and dead letters (AdvisoryReader). A Consumer hands messages on: Consume, ConsumeFunc, Messages,
// FetchWithContext; OrderedConsumer all of a stream in order; PushConsumer what a server
// pushes. NewBatchPublisher and PublishMsgBatch publish all or nothing, NewFastPublisher
// without an acknowledgement for each message. GetBatch and GetLastMsgsFor read a stream
// without a consumer. Schedules and GetCounter are for streams with AllowMsgSchedules and
// AllowMsgCounter. NewSystemManager is for the system account.
//
// docs/JETSTREAM.md tells what becomes of a message, what a consumer does about
// trouble, and what can be chosen.
//
// # Errors
//
// Every error is an ErrJetStream or one of package api. An answer of the server
// that refuses is an *APIError, which belongs to the kind that its code names; see
// ErrorCode. api.Retryable, api.MaybeSent and api.CategoryOf say what to do about any.
// Kinds lists the kinds, docs/ERRORS.md tells when each comes and what it is fatal for.
package jetstream
