package jetstream

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"slices"
	"strings"

	"github.com/troupe-go/troupe/api"
)

// AdvisoryKind names what happened, as the subjects of advisories do.
type AdvisoryKind string

// The kinds of advisories. Those about servers are published only in the system account.
const (
	AdvisoryStreamCreated      AdvisoryKind = "STREAM.CREATED" // StreamActionAdvisory
	AdvisoryStreamUpdated      AdvisoryKind = "STREAM.UPDATED" // StreamActionAdvisory
	AdvisoryStreamDeleted      AdvisoryKind = "STREAM.DELETED" // StreamActionAdvisory
	AdvisoryStreamLeader       AdvisoryKind = "STREAM.LEADER_ELECTED"
	AdvisoryStreamQuorumLost   AdvisoryKind = "STREAM.QUORUM_LOST"
	AdvisoryBatchAbandoned     AdvisoryKind = "STREAM.BATCH_ABANDONED"
	AdvisorySnapshotCreated    AdvisoryKind = "STREAM.SNAPSHOT_CREATE"
	AdvisorySnapshotCompleted  AdvisoryKind = "STREAM.SNAPSHOT_COMPLETE"
	AdvisoryRestoreCreated     AdvisoryKind = "STREAM.RESTORE_CREATE"
	AdvisoryRestoreCompleted   AdvisoryKind = "STREAM.RESTORE_COMPLETE"
	AdvisoryConsumerCreated    AdvisoryKind = "CONSUMER.CREATED" // ConsumerActionAdvisory
	AdvisoryConsumerDeleted    AdvisoryKind = "CONSUMER.DELETED" // ConsumerActionAdvisory
	AdvisoryConsumerPaused     AdvisoryKind = "CONSUMER.PAUSE"   // also when it is resumed
	AdvisoryConsumerLeader     AdvisoryKind = "CONSUMER.LEADER_ELECTED"
	AdvisoryConsumerQuorumLost AdvisoryKind = "CONSUMER.QUORUM_LOST"
	AdvisoryMaxDeliveries      AdvisoryKind = "CONSUMER.MAX_DELIVERIES"
	AdvisoryTerminated         AdvisoryKind = "CONSUMER.MSG_TERMINATED"
	AdvisoryNaked              AdvisoryKind = "CONSUMER.MSG_NAKED"
	AdvisoryPinned             AdvisoryKind = "CONSUMER.PINNED"
	AdvisoryUnpinned           AdvisoryKind = "CONSUMER.UNPINNED"
	AdvisoryAckMetric          AdvisoryKind = "CONSUMER.ACK" // AckMetric
	AdvisoryDomainLeader       AdvisoryKind = "DOMAIN.LEADER_ELECTED"
	AdvisoryOutOfStorage       AdvisoryKind = "SERVER.OUT_OF_STORAGE"
	AdvisoryServerRemoved      AdvisoryKind = "SERVER.REMOVED"
	AdvisoryMetaRescue         AdvisoryKind = "SERVER.META_RESCUE"
	AdvisoryAPILimit           AdvisoryKind = "API.LIMIT_REACHED"
	AdvisoryAPIAudit           AdvisoryKind = "API" // for every call; only if asked for
)

// isKind reports whether k is one of the kinds.
func isKind(k AdvisoryKind) bool {
	switch k {
	case AdvisoryStreamCreated, AdvisoryStreamUpdated, AdvisoryStreamDeleted, AdvisoryStreamLeader, AdvisoryStreamQuorumLost,
		AdvisoryBatchAbandoned, AdvisorySnapshotCreated, AdvisorySnapshotCompleted, AdvisoryRestoreCreated, AdvisoryRestoreCompleted,
		AdvisoryConsumerCreated, AdvisoryConsumerDeleted, AdvisoryConsumerPaused, AdvisoryConsumerLeader, AdvisoryConsumerQuorumLost,
		AdvisoryMaxDeliveries, AdvisoryTerminated, AdvisoryNaked, AdvisoryPinned, AdvisoryUnpinned, AdvisoryAckMetric,
		AdvisoryDomainLeader, AdvisoryOutOfStorage, AdvisoryServerRemoved, AdvisoryMetaRescue, AdvisoryAPILimit, AdvisoryAPIAudit:
		return true
	default:
		return false
	}
}

// DefaultEventPrefix is the prefix of the subjects of advisories and metrics.
const DefaultEventPrefix = "$JS.EVENT."

// AdvisoryOpt is an option of Advisories and DeadLetters. A nil one is skipped.
type AdvisoryOpt func(*advisoryOptions) error

type advisoryOptions struct {
	prefix           string
	kinds            []AdvisoryKind // none for all but AdvisoryAPIAudit
	stream, consumer string         // empty for any
}

// AdvisoryKinds asks for those kinds only. Default: all but AdvisoryAPIAudit. ErrInvalidOption
// without a kind, and for an unknown one.
func AdvisoryKinds(kinds ...AdvisoryKind) AdvisoryOpt {
	return func(o *advisoryOptions) error {
		if len(kinds) == 0 {
			return &OptionError{Option: "AdvisoryKinds", Reason: "names none"}
		}
		for _, k := range kinds {
			if !isKind(k) {
				return &OptionError{Option: "AdvisoryKinds", Reason: "has the unknown " + string(k)}
			}
		}
		o.kinds = slices.Clone(kinds)
		return nil
	}
}

// AdvisoriesOfStream asks only for advisories about one stream and its consumers. Default: any.
// ErrInvalidStreamName.
func AdvisoriesOfStream(stream string) AdvisoryOpt {
	return func(o *advisoryOptions) error {
		o.stream = stream
		return checkStreamName(stream)
	}
}

// AdvisoriesOfConsumer asks only for advisories about one consumer. Default: any.
// ErrInvalidStreamName, ErrInvalidConsumerName.
func AdvisoriesOfConsumer(stream, consumer string) AdvisoryOpt {
	return func(o *advisoryOptions) error {
		o.stream, o.consumer = stream, consumer
		return checkNames(stream, consumer)
	}
}

// AdvisoryPrefix replaces DefaultEventPrefix as the start of their subjects, for an account that
// imports them elsewhere. The trailing dot may be left out. ErrInvalidOption if it is empty or
// not a valid subject.
func AdvisoryPrefix(prefix string) AdvisoryOpt {
	return func(o *advisoryOptions) error {
		prefix = strings.TrimSuffix(prefix, ".")
		if reason := badPrefix(prefix); reason != "" {
			return &OptionError{Option: "AdvisoryPrefix", Reason: reason}
		}
		o.prefix = prefix + "."
		return nil
	}
}

// subjects returns what to subscribe to.
func (o *advisoryOptions) subjects() []string {
	kinds := o.kinds
	if len(kinds) == 0 { // also kinds added later
		kinds = []AdvisoryKind{"STREAM.*", "CONSUMER.*", AdvisoryAckMetric, "DOMAIN.*", "SERVER.*", "API.*"}
	}
	var all []string
	for _, k := range kinds {
		if subject := o.subject(k); subject != "" {
			all = append(all, subject)
		}
	}
	return all
}

// subject returns the subject of a kind, empty if the kind does not concern what is asked for.
func (o *advisoryOptions) subject(k AdvisoryKind) string {
	begin := o.prefix + "ADVISORY." + string(k)
	group, _, _ := strings.Cut(string(k), ".")
	switch {
	case k == AdvisoryAckMetric:
		return o.prefix + "METRIC.CONSUMER.ACK." + orAny(o.stream) + "." + orAny(o.consumer)
	case group == "CONSUMER":
		return begin + "." + orAny(o.stream) + "." + orAny(o.consumer)
	case group == "STREAM" && o.consumer == "":
		return begin + "." + orAny(o.stream)
	case group != "STREAM" && o.stream == "":
		return begin
	default:
		return ""
	}
}

func orAny(name string) string {
	if name == "" {
		return "*"
	}
	return name
}

// DecodeAdvisory reads an advisory or a metric, for example from a stream that stores them. An
// unknown type becomes an UnknownAdvisory. ErrInvalidJetStreamResponse for data that is not an
// advisory.
func DecodeAdvisory(data []byte) (Advisory, error) {
	var head AdvisoryHead
	if err := json.Unmarshal(data, &head); err != nil {
		return nil, &ResponseError{Err: err}
	}
	if head.Type == "" {
		return nil, &ResponseError{Err: errNoType}
	}
	a := newAdvisory(head.Type[strings.LastIndexByte(head.Type, '.')+1:])
	if err := json.Unmarshal(data, a); err != nil {
		return nil, &ResponseError{Err: err}
	}
	if unknown, ok := a.(*UnknownAdvisory); ok {
		unknown.Data = slices.Clone(data)
	}
	return a, nil
}

var errNoType error = born("it has no type", ErrInvalidJetStreamResponse)

// AdvisoryReader reads what servers publish about their streams and consumers.
type AdvisoryReader interface {
	// Advisories yields the advisories from now on, until ctx is done or the loop is left; it can
	// be ranged over once. Servers do not store them: what happens while there is no connection
	// is missed, unless a stream stores the subjects; see DecodeAdvisory. With a domain it yields
	// only those of its servers.
	//
	// The sequence yields an error, and continues, for an advisory that cannot be decoded
	// (ErrInvalidJetStreamResponse) and when some were lost because the loop was too slow
	// (api.ErrSlowConsumer). It ends with any other error: the connection was closed. Errors of
	// the call: those of the options, and of api.Conn.SubscribeSync.
	Advisories(ctx context.Context, opts ...AdvisoryOpt) (iter.Seq2[Advisory, error], error)

	DeadLetterReader
}

// Advisories implements AdvisoryReader.
func (js *jetStream) Advisories(ctx context.Context, opts ...AdvisoryOpt) (iter.Seq2[Advisory, error], error) {
	o := advisoryOptions{prefix: DefaultEventPrefix}
	for _, opt := range opts {
		if opt == nil {
			continue
		}
		if err := opt(&o); err != nil {
			return nil, err
		}
	}
	subjects := o.subjects()
	if len(subjects) == 0 {
		return nil, &OptionError{Option: "AdvisoryKinds", Reason: "has no kind that concerns a stream or a consumer"}
	}
	feed, err := js.subscribeAll(orBackground(ctx), subjects)
	if err != nil {
		return nil, err
	}
	return feed.advisories, nil
}

// feed reads several subscriptions at once.
type feed struct {
	ctx    context.Context
	cancel context.CancelFunc
	domain string // empty for any
	subs   []*api.Subscription
}

// subscribeAll subscribes to the subjects. The subscriptions end with ctx at the latest.
func (js *jetStream) subscribeAll(ctx context.Context, subjects []string) (*feed, error) {
	f := &feed{domain: js.opts.Domain}
	f.ctx, f.cancel = context.WithCancel(ctx)
	for _, subject := range subjects {
		sub, err := js.nc.SubscribeSync(subject, api.OnRefused(api.Stop))
		if err != nil {
			f.unsubscribe()
			f.cancel()
			return nil, err
		}
		f.subs = append(f.subs, sub)
	}
	context.AfterFunc(f.ctx, f.unsubscribe)
	return f, nil
}

func (f *feed) unsubscribe() {
	for _, sub := range f.subs {
		_ = sub.Unsubscribe() // it has ended, or its connection has
	}
}

// arrival is what one of the subscriptions gave.
type arrival struct {
	sub *api.Subscription
	m   *api.Msg
	err error
}

// advisories yields what comes.
func (f *feed) advisories(yield func(Advisory, error) bool) {
	defer f.cancel()
	arrivals := make(chan arrival)
	for _, sub := range f.subs {
		go f.read(sub, arrivals)
	}
	for {
		select {
		case <-f.ctx.Done():
			return
		case got := <-arrivals:
			if !f.hand(got, yield) {
				return
			}
		}
	}
}

// read passes on what a subscription delivers, until it ends or ctx is done.
func (f *feed) read(sub *api.Subscription, arrivals chan<- arrival) {
	for {
		m, err := sub.NextMsgWithContext(f.ctx)
		select {
		case <-f.ctx.Done():
			return
		case arrivals <- arrival{sub, m, err}:
		}
		if err != nil && !goesOn(sub, err) {
			return
		}
	}
}

// goesOn reports whether a subscription may deliver more after an error.
func goesOn(sub *api.Subscription, err error) bool {
	return errors.Is(err, api.ErrSlowConsumer) && sub.IsValid()
}

// hand yields one arrival. It reports false when that was the last.
func (f *feed) hand(got arrival, yield func(Advisory, error) bool) bool {
	if got.err != nil {
		return yield(nil, got.err) && goesOn(got.sub, got.err)
	}
	a, err := DecodeAdvisory(got.m.Data)
	if err != nil {
		return yield(nil, err)
	}
	if f.domain != "" && a.Head().Domain != f.domain {
		return true
	}
	return yield(a, nil)
}
