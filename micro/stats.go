package micro

import (
	"encoding/json"
	"sync"
	"sync/atomic"
	"time"
)

// Stats is the answer to STATS.
type Stats struct {
	ServiceIdentity
	Type      string           `json:"type"`
	Started   time.Time        `json:"started"` // or reset
	Endpoints []*EndpointStats `json:"endpoints"`
}

// EndpointStats are the statistics of one endpoint since its start or the last Reset.
type EndpointStats struct {
	Name                  string          `json:"name"`
	Subject               string          `json:"subject"`
	QueueGroup            string          `json:"queue_group"`
	NumRequests           int             `json:"num_requests"`            // requests whose handler has returned
	NumErrors             int             `json:"num_errors"`              // error responses, failures, and slow-consumer episodes
	LastError             string          `json:"last_error"`              // "code:description" of one that was sent
	ProcessingTime        time.Duration   `json:"processing_time"`         // in handlers, ns
	AverageProcessingTime time.Duration   `json:"average_processing_time"` // for one request, ns
	Data                  json.RawMessage `json:"data,omitempty"`          // what the StatsHandler returned, or Metrics without one
	Metrics               *Metrics        `json:"metrics,omitempty"`       // if Data is that of a StatsHandler; nil otherwise. Not in nats.go
}

// Metrics are the statistics of an endpoint beyond EndpointStats. They are EndpointStats.Data,
// or EndpointStats.Metrics if there is a StatsHandler.
type Metrics struct {
	// InFlight is how many requests are in handlers now.
	InFlight int `json:"in_flight"`
	// Waiting is how many requests wait for a handler now.
	Waiting int `json:"waiting"`
	// Shed is how many requests no handler got, because there was no room or the endpoint ended
	// first.
	Shed int `json:"shed"`
	// Untold is how many of those got no answer, because too many waited for one or the
	// connection could not send it.
	Untold int `json:"untold"`
	// Expired is how many requests were not handled because their deadline had passed.
	Expired int `json:"expired"`
	// Panics is how many calls of handlers panicked, or ended their goroutine.
	Panics int `json:"panics"`
	// Latency is how long handlers took.
	Latency Latency `json:"latency"`
}

// counts are the counters of an endpoint. The zero value is ready.
type counts struct {
	requests atomic.Uint64
	errors   atomic.Uint64
	busy     atomic.Int64 // ns
	inFlight atomic.Int64
	panics   atomic.Uint64
	shed     atomic.Uint64
	untold   atomic.Uint64
	expired  atomic.Uint64
	latency  histogram

	mu   sync.Mutex
	last string // error; guarded by mu
}

// failed counts an error.
func (c *counts) failed(last string) {
	c.errors.Add(1)
	c.mu.Lock()
	c.last = last
	c.mu.Unlock()
}

// handled counts a request, and how long its handler took. The request comes last: all of it is
// known of one that is counted.
func (c *counts) handled(took time.Duration) {
	c.busy.Add(int64(took))
	c.latency.add(took)
	c.requests.Add(1)
}

// reset sets the counters to zero, except for requests in flight.
func (c *counts) reset() {
	c.requests.Store(0)
	c.errors.Store(0)
	c.busy.Store(0)
	c.panics.Store(0)
	c.shed.Store(0)
	c.untold.Store(0)
	c.expired.Store(0)
	c.latency.reset()
	c.mu.Lock()
	c.last = ""
	c.mu.Unlock()
}

// show writes the counters into s.
func (c *counts) show(s *EndpointStats) {
	s.NumRequests, s.NumErrors = int(c.requests.Load()), int(c.errors.Load())
	s.ProcessingTime = time.Duration(c.busy.Load())
	if s.NumRequests > 0 {
		s.AverageProcessingTime = s.ProcessingTime / time.Duration(s.NumRequests)
	}
	c.mu.Lock()
	s.LastError = c.last
	c.mu.Unlock()
}
