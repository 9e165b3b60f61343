package jetstream

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"math/big"

	"github.com/troupe-go/troupe/api"
	"github.com/troupe-go/troupe/internal/kind"
)

// counter.go - numbers that a stream adds up: one for each subject, of any size.

// Kinds of errors of counters that this package raises. For refusals of servers see ErrCounter.
var (
	// ErrCounterNotEnabled: the stream does not have AllowMsgCounter.
	ErrCounterNotEnabled error = kind.New("troupe: counters are not enabled on the stream", ErrCounter).In(kind.Server)
	// ErrInvalidCounterValue: the increment is nil, or what is stored is not a counter.
	ErrInvalidCounterValue error = kind.New("troupe: invalid counter value", ErrCounter).In(kind.Input)
	// ErrNoCounterForSubject: nothing was ever added to the counter of the subject.
	ErrNoCounterForSubject error = kind.New("troupe: no counter for subject", ErrMsgNotFound)
)

// counterSourcesHeader holds the parts of a counter that come from other streams.
const counterSourcesHeader = "Nats-Counter-Sources"

// CounterSources are the parts of a counter that come from other streams: by stream, and by the
// subject there.
type CounterSources map[string]map[string]*big.Int

// CounterEntry is a counter as stored.
type CounterEntry struct {
	// Subject of the counter.
	Subject string
	// Value is the total.
	Value *big.Int
	// Sources are what the total is made of, if it comes from other streams; nil otherwise.
	Sources CounterSources
	// Incr is the last increment; nil if that is not known.
	Incr *big.Int
	// Sequence of the last increment in the stream.
	Sequence uint64
}

// Counter adds and reads numbers in a stream with AllowMsgCounter. It is safe for
// concurrent use.
type Counter interface {
	// Add adds value to the counter of a subject and returns the new total. Zero and negative
	// values are allowed. Errors: ErrInvalidCounterValue for nil; those of JetStream.Publish. An
	// addition whose answer is lost may have been stored; with WithMsgID it can be retried.
	Add(ctx context.Context, subject string, value *big.Int, opts ...PublishOpt) (*big.Int, error)
	// AddInt is Add for an int64.
	AddInt(ctx context.Context, subject string, value int64, opts ...PublishOpt) (*big.Int, error)
	// Load returns the total of a subject. ErrNoCounterForSubject if nothing was added.
	Load(ctx context.Context, subject string) (*big.Int, error)
	// Get is Load with everything that is stored with the total.
	Get(ctx context.Context, subject string) (*CounterEntry, error)
	// GetMultiple yields the counters of all subjects, which may have wildcards, as of
	// one moment. Subjects without a counter are left out; if there are none at all the error is
	// ErrNoCounterForSubject. Otherwise the errors are those of GetLastMsgsFor.
	GetMultiple(ctx context.Context, subjects []string) iter.Seq2[*CounterEntry, error]
}

// GetCounter returns the counters of a stream. Errors: ErrStreamNotFound;
// ErrCounterNotEnabled without AllowMsgCounter; ErrDirectAccessRequired without AllowDirect.
func GetCounter(ctx context.Context, js JetStream, stream string) (Counter, error) {
	s, err := js.Stream(ctx, stream)
	if err != nil {
		return nil, err
	}
	return NewCounterFromStream(js, s)
}

// NewCounterFromStream is GetCounter for a stream handle that the caller has. Nothing is sent.
func NewCounterFromStream(js JetStream, stream Stream) (Counter, error) {
	own, err := ownJetStream(js)
	if err != nil {
		return nil, err
	}
	if stream == nil {
		return nil, &OptionError{Option: "stream", Reason: "is nil"}
	}
	config := stream.CachedInfo().Config
	switch {
	case !config.AllowMsgCounter:
		return nil, ErrCounterNotEnabled
	case !config.AllowDirect:
		return nil, ErrDirectAccessRequired
	}
	return &counter{js: own, stream: config.Name}, nil
}

// counter implements Counter.
type counter struct {
	js     *jetStream
	stream string
}

func (c *counter) AddInt(ctx context.Context, subject string, value int64, opts ...PublishOpt) (*big.Int, error) {
	return c.Add(ctx, subject, big.NewInt(value), opts...)
}

func (c *counter) Add(ctx context.Context, subject string, value *big.Int, opts ...PublishOpt) (*big.Int, error) {
	if value == nil {
		return nil, ErrInvalidCounterValue
	}
	ack, err := c.js.PublishMsg(ctx, &api.Msg{Subject: subject, Header: api.Header{incrementHeader: {signed(value)}}}, opts...)
	if err != nil {
		return nil, err
	}
	total, ok := new(big.Int).SetString(ack.Value, 10)
	if !ok {
		return nil, &ResponseError{Err: ErrInvalidCounterValue}
	}
	return total, nil
}

func (c *counter) Load(ctx context.Context, subject string) (*big.Int, error) {
	e, err := c.Get(ctx, subject)
	if err != nil {
		return nil, err
	}
	return e.Value, nil
}

func (c *counter) Get(ctx context.Context, subject string) (*CounterEntry, error) {
	if err := checkSubject(subject); err != nil {
		return nil, err
	}
	m, err := c.js.directGet(ctx, c.stream, directRequest{LastFor: subject})
	if err != nil {
		return nil, noCounter(err)
	}
	return counterEntry(m)
}

// noCounter turns the error for a subject without messages into ErrNoCounterForSubject.
func noCounter(err error) error {
	if errors.Is(err, ErrMsgNotFound) {
		return ErrNoCounterForSubject
	}
	return err
}

func (c *counter) GetMultiple(ctx context.Context, subjects []string) iter.Seq2[*CounterEntry, error] {
	return func(yield func(*CounterEntry, error) bool) {
		msgs, err := GetLastMsgsFor(ctx, c.js, c.stream, subjects)
		if err != nil {
			yield(nil, err)
			return
		}
		for m, err := range msgs {
			var e *CounterEntry
			if err == nil {
				e, err = counterEntry(m)
			}
			if err != nil {
				yield(nil, noCounter(err))
				return
			}
			if !yield(e, nil) {
				return
			}
		}
	}
}

// DecodeCounter reads a counter from a message of a stream with AllowMsgCounter, however the
// message was read. ErrInvalidCounterValue if it holds no counter.
func DecodeCounter(m *RawStreamMsg) (*CounterEntry, error) {
	if m == nil {
		return nil, ErrInvalidCounterValue
	}
	return counterEntry(m)
}

// counterEntry reads a stored counter.
func counterEntry(m *RawStreamMsg) (*CounterEntry, error) {
	var stored struct {
		Value string `json:"val"`
	}
	if err := json.Unmarshal(m.Data, &stored); err != nil {
		return nil, &ResponseError{Err: errors.Join(ErrInvalidCounterValue, err)}
	}
	e := &CounterEntry{Subject: m.Subject, Sequence: m.Sequence}
	var ok bool
	if e.Value, ok = new(big.Int).SetString(stored.Value, 10); !ok {
		return nil, &ResponseError{Err: ErrInvalidCounterValue}
	}
	if incr := m.Header.Get(incrementHeader); incr != "" {
		if e.Incr, ok = new(big.Int).SetString(incr, 10); !ok {
			return nil, &ResponseError{Err: ErrInvalidCounterValue}
		}
	}
	var err error
	e.Sources, err = counterSources(m.Header.Get(counterSourcesHeader))
	return e, err
}

// counterSources reads the parts of a counter, nil for an empty text.
func counterSources(text string) (CounterSources, error) {
	if text == "" {
		return nil, nil
	}
	var parts map[string]map[string]string
	if err := json.Unmarshal([]byte(text), &parts); err != nil {
		return nil, &ResponseError{Err: errors.Join(ErrInvalidCounterValue, err)}
	}
	sources := CounterSources{}
	for stream, values := range parts {
		sources[stream] = map[string]*big.Int{}
		for subject, value := range values {
			n, ok := new(big.Int).SetString(value, 10)
			if !ok {
				return nil, &ResponseError{Err: ErrInvalidCounterValue}
			}
			sources[stream][subject] = n
		}
	}
	return sources, nil
}
