//go:build troupe

package main

import (
	"context"
	"errors"
	"time"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/bench/internal/job"
	"github.com/troupe-go/troupe/bench/internal/stub"
	"github.com/troupe-go/troupe/jetstream"
	"github.com/troupe-go/troupe/kv"
	"github.com/troupe-go/troupe/micro"
	"github.com/troupe-go/troupe/objectstore"
)

// The client under test is troupe.
type (
	// Conn is a connection.
	Conn = api.Conn
	// Msg is a message.
	Msg = api.Msg
	// Header holds a message's headers.
	Header = api.Header
	// Subscription is a subscription.
	Subscription = api.Subscription
	// JetStream publishes to streams.
	JetStream = jetstream.JetStream
	// StreamConfig describes a stream.
	StreamConfig = jetstream.StreamConfig
	// Stream is a stream.
	Stream = jetstream.Stream
	// Consumer is a consumer that is pulled from.
	Consumer = jetstream.Consumer
	// ConsumerConfig describes a consumer.
	ConsumerConfig = jetstream.ConsumerConfig
	// OrderedConsumerConfig describes an ordered consumer.
	OrderedConsumerConfig = jetstream.OrderedConsumerConfig
	// StreamMsg is a message of a stream.
	StreamMsg = jetstream.Msg
	// Bucket is a bucket of keys.
	Bucket = kv.Store
	// Objects is a bucket of objects.
	Objects = objectstore.Store
	// ObjectMeta describes an object.
	ObjectMeta = objectstore.Meta
	// ObjectOptions configure how an object is stored.
	ObjectOptions = objectstore.MetaOptions
	// ServiceRequest is a request to a service.
	ServiceRequest = micro.Request
)

// Whether a consumer wants acknowledgements.
const (
	withAcks    = jetstream.AckExplicitPolicy
	withoutAcks = jetstream.AckNonePolicy
)

// Where a stream is.
const (
	inMemory = jetstream.MemoryStorage
	inFiles  = jetstream.FileStorage
)

// isStalled reports whether the window of messages without an acknowledgement is full.
func isStalled(err error) bool { return errors.Is(err, jetstream.ErrTooManyStalledMsgs) }

func streams(nc *Conn) (JetStream, error) { return jetstream.New(nc) }

// connect connects with the options that both clients get: they reconnect without
// waiting.
func connect(url string) (*Conn, error) {
	return api.Connect(url, api.Name("bench"), api.MaxReconnects(-1),
		api.ReconnectWait(time.Millisecond), api.ReconnectJitter(0, 0))
}

// subscribe subscribes with the given delivery.
func subscribe(nc *Conn, subject string, handler func(*Msg), d delivery) (*Subscription, error) {
	if d == borrowed {
		return nc.Subscribe(subject, handler, api.Borrow())
	}
	return nc.Subscribe(subject, handler)
}

// forMany sets what a stream needs for publishBest and readAll.
func forMany(config *StreamConfig) { config.AllowDirect, config.AllowBatchPublish = true, true }

// publishBest publishes without an acknowledgement for each message.
func publishBest(ctx context.Context, js JetStream, j *job.Job, count int) error {
	p, err := jetstream.NewFastPublisher(js)
	if err != nil {
		return err
	}
	subject, payload := job.Subject(0), stub.Payload(j.Size)
	for range count {
		if _, err := p.Add(ctx, subject, payload); err != nil {
			return err
		}
	}
	_, err = p.Close(ctx)
	return err
}

// readAll reads the stream in pages.
func readAll(ctx context.Context, js JetStream, name string, count int) (int, error) {
	msgs, err := jetstream.GetBatch(ctx, js, name, count)
	if err != nil {
		return 0, err
	}
	got := 0
	for _, err := range msgs {
		if err != nil {
			return got, err
		}
		got++
	}
	return got, nil
}

// keyBucket creates a bucket of keys in memory.
func keyBucket(ctx context.Context, js JetStream, name string) (Bucket, error) {
	return kv.Create(ctx, js, kv.Config{Bucket: name, Storage: inMemory})
}

// dropKeys removes a bucket of keys.
func dropKeys(ctx context.Context, js JetStream, name string) error { return kv.Delete(ctx, js, name) }

// objectBucket creates a bucket of objects in files.
func objectBucket(ctx context.Context, js JetStream, name string) (Objects, error) {
	return objectstore.Create(ctx, js, objectstore.Config{Bucket: name, Storage: inFiles})
}

// dropObjects removes a bucket of objects.
func dropObjects(ctx context.Context, js JetStream, name string) error {
	return objectstore.Delete(ctx, js, name)
}

// serve adds a service with one endpoint.
func serve(nc *Conn, subject string, handler func(ServiceRequest)) error {
	svc, err := micro.AddService(nc, micro.Config{Name: "bench", Version: "1.0.0"})
	if err != nil {
		return err
	}
	return svc.AddEndpoint("echo", micro.HandlerFunc(handler), micro.WithEndpointSubject(subject))
}

// respondWith adds headers to a response.
func respondWith(header map[string][]string) micro.RespondOpt { return micro.WithHeaders(header) }
