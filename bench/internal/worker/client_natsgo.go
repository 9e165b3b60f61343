//go:build !troupe

package main

import (
	"context"
	"errors"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"
	"github.com/nats-io/nats.go/micro"

	"github.com/troupe-go/troupe/bench/internal/job"
)

// The client under test is nats.go.
type (
	// Conn is a connection.
	Conn = nats.Conn
	// Msg is a message.
	Msg = nats.Msg
	// Header holds a message's headers.
	Header = nats.Header
	// Subscription is a subscription.
	Subscription = nats.Subscription
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
	Bucket = jetstream.KeyValue
	// Objects is a bucket of objects.
	Objects = jetstream.ObjectStore
	// ObjectMeta describes an object.
	ObjectMeta = jetstream.ObjectMeta
	// ObjectOptions configure how an object is stored.
	ObjectOptions = jetstream.ObjectMetaOptions
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
	return nats.Connect(url, nats.Name("bench"), nats.MaxReconnects(-1),
		nats.ReconnectWait(time.Millisecond), nats.ReconnectJitter(0, 0))
}

// subscribe subscribes; nats.go always gives ownership of the message, so borrowed has no
// effect.
func subscribe(nc *Conn, subject string, handler func(*Msg), _ delivery) (*Subscription, error) {
	return nc.Subscribe(subject, handler)
}

// forMany sets what a stream needs for publishBest and readAll.
func forMany(config *StreamConfig) { config.AllowDirect = true }

// publishBest is publishStream: there is no faster way.
func publishBest(ctx context.Context, js JetStream, j *job.Job, count int) error {
	return publishStream(ctx, js, j, count)
}

// readAll reads one message after the other, which is the only way without a consumer.
func readAll(ctx context.Context, js JetStream, name string, count int) (int, error) {
	s, err := js.Stream(ctx, name)
	if err != nil {
		return 0, err
	}
	for i := range count {
		if _, err := s.GetMsg(ctx, uint64(i+1)); err != nil {
			return i, err
		}
	}
	return count, nil
}

// keyBucket creates a bucket of keys in memory.
func keyBucket(ctx context.Context, js JetStream, name string) (Bucket, error) {
	return js.CreateKeyValue(ctx, jetstream.KeyValueConfig{Bucket: name, Storage: inMemory})
}

// dropKeys removes a bucket of keys.
func dropKeys(ctx context.Context, js JetStream, name string) error {
	return js.DeleteKeyValue(ctx, name)
}

// objectBucket creates a bucket of objects in files.
func objectBucket(ctx context.Context, js JetStream, name string) (Objects, error) {
	return js.CreateObjectStore(ctx, jetstream.ObjectStoreConfig{Bucket: name, Storage: inFiles})
}

// dropObjects removes a bucket of objects.
func dropObjects(ctx context.Context, js JetStream, name string) error {
	return js.DeleteObjectStore(ctx, name)
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
