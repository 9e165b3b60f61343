// Package jetstream is the JetStream part of the client: streams, publishing and
// consumers, on a connection of package api.
//
//	js, err := jetstream.New(nc)
//	stream, err := js.CreateStream(ctx, jetstream.StreamConfig{Name: "ORDERS", Subjects: []string{"orders.>"}})
//	ack, err := js.Publish(ctx, "orders.new", data)
//	consumer, err := stream.CreateOrUpdateConsumer(ctx, jetstream.ConsumerConfig{Durable: "billing"})
//	consuming, err := consumer.Consume(func(m jetstream.Msg) { …; m.Ack() })
//
// Names, signatures and defaults are those of nats.go v1.55. Internally each running consumer and
// each publisher is an actor in the tree of its connection, with a state, the reason for that
// state and its progress:
//
//	JetStream ──────► connection-1
//	                  ├── consumers
//	Consume ────────► │   ├── ORDERS.billing-…   asks for messages, watches heartbeats, recovers
//	PublishAsync ───► │   └── publisher-…        messages without acknowledgement
//	handlers ◄─────── ├── subscriptions          deliver messages
//	calls ──────────► └── requests               API calls and their answers
//
// # What is where
//
// JetStream creates, finds, lists and removes streams and consumers (StreamManager,
// StreamConsumerManager), brings them to the configuration that a program needs (Ensurer),
// publishes (Publisher), and reads advisories and dead letters (AdvisoryReader,
// DeadLetterReader). A Consumer delivers messages: Consume, ConsumeFunc, Messages,
// FetchWithContext; OrderedConsumer delivers a whole stream in order; PushConsumer what a server
// pushes. NewBatchPublisher and PublishMsgBatch publish all or nothing; NewFastPublisher
// publishes without an acknowledgement for each message. GetBatch and GetLastMsgsFor read a
// stream without a consumer. Schedules and GetCounter are for streams with AllowMsgSchedules and
// AllowMsgCounter. NewSystemManager is for the system account.
//
// docs/JETSTREAM.md describes the life of a message, how a consumer reacts to failures, and the
// choices that a program has.
//
// # Errors
//
// Every error is an ErrJetStream or one of package api. A refusal by the server is an *APIError,
// whose code determines its kind; see ErrorCode. api.Retryable, api.MaybeSent and api.CategoryOf
// say how to handle any error. Kinds lists the kinds; docs/ERRORS.md says when each occurs and
// what it is fatal for.
package jetstream
