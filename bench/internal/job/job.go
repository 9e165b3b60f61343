package job

import "strconv"

// Suites of the benchmark: what a worker does with its client.
const (
	Dispatch  = "dispatch"
	Publish   = "publish"
	Request   = "request"
	Memory    = "memory"
	Subscribe = "subscribe"
	Reconnect = "reconnect"
	Isolation = "isolation"
	Stream    = "stream"
	KeyValue  = "kv"
	Object    = "object"
	Service   = "service"
)

// Operations on a bucket of either kind.
const (
	Get    = "get"
	Put    = "put"
	Update = "update" // put, compared by revision
	Watch  = "watch"  // from several watchers
	Keys   = "keys"   // list them
)

// Ways to get messages from a stream.
const (
	Consume = "consume" // with a handler
	Fetch   = "fetch"   // batches, one after the other
	Ordered = "ordered" // with a handler, from an ordered consumer
)

// Address is the first line that a stub or a server prints.
type Address struct {
	// URL is where clients connect: nats://127.0.0.1:port.
	URL string `json:"url"`
	// Control is host:port of the stub's control listener, empty for a server.
	Control string `json:"control,omitempty"`
}

// Job is one run of one client: connect, warm up, be timed.
type Job struct {
	Suite   string  `json:"suite"`
	Address Address `json:"address"`

	// Size is the payload of a message in bytes, Headers its number of headers.
	Size    int `json:"size"`
	Headers int `json:"headers,omitempty"`
	// Subs is the number of subscriptions.
	Subs int `json:"subs,omitempty"`
	// Goroutines publish or request at the same time.
	Goroutines int `json:"goroutines,omitempty"`
	// Count is the number of operations in the timed part, a multiple of Window if that
	// is not 0. Warmup is how many precede it; the same holds for it.
	Count  int `json:"count"`
	Warmup int `json:"warmup"`
	// Window is the number of messages after which a receiver grants the stub another
	// window; at most two are under way. A multiple of Subs.
	Window int `json:"window,omitempty"`
	// Borrowed asks for delivery without ownership, if the client supports it.
	Borrowed bool `json:"borrowed,omitempty"`
	// File stores the stream of the job in files instead of memory, and Wait publishes
	// one message after the other.
	File bool `json:"file,omitempty"`
	Wait bool `json:"wait,omitempty"`
	// Pull has messages pulled from the stream, in one of the ways above, instead of
	// published; Acks has each of them acknowledged.
	Pull string `json:"pull,omitempty"`
	Acks bool   `json:"acks,omitempty"`
	// Best uses the client's fastest way to publish many messages, and Read reads the
	// messages of the stream, without a consumer, instead of publishing.
	Best bool `json:"best,omitempty"`
	Read bool `json:"read,omitempty"`
	// Do is the operation on a bucket of keys or of objects. Keys is how many keys it
	// has, and Chunk the size of an object's chunks.
	Do    string `json:"do,omitempty"`
	Keys  int    `json:"keys,omitempty"`
	Chunk int    `json:"chunk,omitempty"`
	// Profile is the path, without extension, of the profiles to write; empty for none.
	Profile string `json:"profile,omitempty"`
}

// Result is what one run measured.
type Result struct {
	// Figure is what the row compares; lower is better. Its unit is that of the row: ns
	// per operation, ns of a percentile, or bytes per subscription.
	Figure float64 `json:"figure"`
	// CPU, Allocs and Bytes are costs per operation: processor ns of the client's
	// process (user and system), heap allocations, heap bytes.
	CPU    float64 `json:"cpu_ns"`
	Allocs float64 `json:"allocs"`
	Bytes  float64 `json:"bytes"`
	// Dropped is the number of lost messages. They void the figure.
	Dropped int `json:"dropped,omitempty"`
	// Elapsed is the length of the timed part in ns.
	Elapsed int64 `json:"elapsed_ns"`
	// Percentiles of the latency in ns, by name (p50 ... p99.99).
	Percentiles map[string]int64 `json:"percentiles,omitempty"`
	// Extra holds further figures by name, such as goroutines per subscription.
	Extra map[string]float64 `json:"extra,omitempty"`
}

// EchoSubject is the subject of the responder in the request suite.
const EchoSubject = "bench.echo"

// Subject returns the subject of the i-th subscription, from 0, and of publishing.
func Subject(i int) string { return "bench." + strconv.Itoa(i) }
