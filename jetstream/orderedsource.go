package jetstream

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"time"
)

// orderedsource.go - the underlying consumers of an ordered consumer, one after another.
//
//	attempt ──► name noted ──► stream read ──► created ──► begin
//	                 │
//	                 └─ of an older one: the janitor removes its consumer, see orderedjanitor.go

// orderedInactive is the default of OrderedConsumerConfig.InactiveThreshold.
const orderedInactive = 5 * time.Minute

// orderedNamesMax limits the names that are remembered until their consumers are gone: a link
// that is lost repeatedly adds several a second, and no consumer can be removed meanwhile. The
// server removes older ones after InactiveThreshold.
const orderedNamesMax = 1024

// orderedSource creates the underlying consumers. Safe for concurrent use; attempts are made one
// at a time.
type orderedSource struct {
	js     *jetStream
	stream string
	cfg    OrderedConsumerConfig
	prefix string

	mu      sync.Mutex
	cursor  orderedCursor
	policy  DeliverPolicy   // where to begin if there is no place: from the config, or from restart
	created time.Time       // of the stream of the previous consumer; zero if not known
	restart *orderedRestart // of the current use; nil for none
	serial  uint64
	names   []string // of consumers that may exist, oldest first
	making  string   // the name among them whose consumer is being created; empty for none
	handle  *pullConsumer
	fresh   bool // handle has not been used yet
	closed  bool // no consumer is created until the next use begins

	cleaning bool // a janitor is running
}

// current returns the current consumer.
func (s *orderedSource) current() *pullConsumer {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.handle
}

// take returns a consumer that is still unused, nil if there is none.
func (s *orderedSource) take() *pullConsumer {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.fresh {
		return nil
	}
	s.fresh = false
	return s.handle
}

// renew tries once to create the next consumer and makes it the current generation. alive is the
// last sign of life of the previous one, zero if that does not matter. After an error it may be
// called again.
func (s *orderedSource) renew(ctx context.Context, alive time.Time) (*Renewal, error) {
	defer s.clean()
	facts, name := s.next()
	if !alive.IsZero() {
		facts.silence = time.Since(alive)
	}
	r := &Renewal{Last: facts.place.seq, facts: facts}
	err := s.look(ctx, r)
	if err == nil {
		r.Consumer, err = s.js.putConsumer(ctx, s.stream, s.config(name, r), consumerCreate)
	}
	return r, s.made(name, r, err)
}

// next ends the current generation, and names the next consumer. It returns the facts that
// determine it.
func (s *orderedSource) next() (facts orderedFacts, name string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.cursor.end(s.cursor.consumer)
	s.serial++
	name = fmt.Sprintf("%s_%d", s.prefix, s.serial)
	s.names = append(s.names, name)
	if len(s.names) > orderedNamesMax {
		s.names = slices.Delete(s.names, 0, len(s.names)-orderedNamesMax)
	}
	s.making = name
	return orderedFacts{place: s.cursor.place, created: s.created, policy: s.policy, restart: s.restart}, name
}

// made begins the next generation, unless there was an error, which it returns.
func (s *orderedSource) made(name string, r *Renewal, err error) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.making = ""
	if err == nil && r.Consumer.Delivered.Consumer > 0 {
		err = ErrConsumerExists // and another client uses it
	}
	if errors.Is(err, ErrConsumerExists) {
		s.forgetLocked(name)
	} else if s.closed {
		err = cmp.Or(err, error(ErrMsgIteratorClosed))
	}
	if err != nil {
		return err
	}
	switch {
	case r.Anew:
		s.cursor.restart()
		s.policy = r.facts.restart.policy
	case r.regressed() != nil:
		s.cursor.rebase(r.Consumer.Delivered.Stream)
	}
	if r.Stream != nil {
		s.created = r.Stream.Created
	}
	if s.pins() {
		s.cursor.pin(r.Consumer.Delivered.Stream, r.Consumer.Created)
	}
	s.cursor.begin(name)
	s.handle, s.fresh = newPullConsumer(s.js, r.Consumer), true
	return nil
}

// pins reports whether the policy would mean another place each time.
func (s *orderedSource) pins() bool {
	switch s.policy {
	case DeliverNewPolicy, DeliverLastPolicy, DeliverByStartTimePolicy:
		return true
	}
	return false
}

// look compares the place with the stream. A consumer that begins after the end of a stream would
// wait for sequences that mean other messages. Without a place, clients that keep a copy still
// need to know whether the stream is another one.
func (s *orderedSource) look(ctx context.Context, r *Renewal) (err error) {
	if r.Last == 0 && r.facts.restart == nil {
		return nil
	}
	r.Stream, err = s.js.streamInfo(ctx, request{op: "stream info", subject: "STREAM.INFO." + s.stream, stream: s.stream})
	if err != nil {
		return err
	}
	r.Gap = r.facts.gap(r.Stream)
	r.Anew = r.Gap != GapNone && r.facts.restart != nil
	return nil
}

// config is that of the next consumer.
func (s *orderedSource) config(name string, r *Renewal) ConsumerConfig {
	cfg := ConsumerConfig{
		Name: name, AckPolicy: AckNonePolicy, Replicas: 1, MemoryStorage: true, InactiveThreshold: s.cfg.InactiveThreshold,
		ReplayPolicy: s.cfg.ReplayPolicy, HeadersOnly: s.cfg.HeadersOnly, Metadata: s.cfg.Metadata,
		DeliverPolicy: r.facts.policy, FilterSubjects: s.cfg.FilterSubjects,
	}
	if cfg.InactiveThreshold == 0 {
		cfg.InactiveThreshold = orderedInactive
	}
	regressed := r.regressed()
	switch {
	case r.Anew:
		cfg.DeliverPolicy = r.facts.restart.policy
	case regressed != nil:
		cfg.DeliverPolicy, cfg.OptStartTime = DeliverByStartTimePolicy, &regressed.Resume
	case r.facts.place.known:
		cfg.DeliverPolicy, cfg.OptStartSeq = DeliverByStartSequencePolicy, r.Last+1
	case cfg.DeliverPolicy == DeliverByStartSequencePolicy:
		cfg.OptStartSeq = s.cfg.OptStartSeq
	case cfg.DeliverPolicy == DeliverByStartTimePolicy:
		cfg.OptStartTime = s.cfg.OptStartTime
	}
	if cfg.DeliverPolicy == DeliverLastPerSubjectPolicy && len(cfg.FilterSubjects) == 0 {
		cfg.FilterSubjects = []string{">"}
	}
	if len(cfg.FilterSubjects) == 1 {
		cfg.FilterSubject, cfg.FilterSubjects = cfg.FilterSubjects[0], nil
	}
	return cfg
}

// oldLocked returns the names of consumers that are no longer used.
func (s *orderedSource) oldLocked() []string {
	return slices.DeleteFunc(slices.Clone(s.names), func(name string) bool { return name == s.cursor.consumer || name == s.making })
}

func (s *orderedSource) forgetLocked(name string) {
	s.names = slices.DeleteFunc(s.names, func(other string) bool { return other == name })
}

// close ends the generation and removes all consumers, without waiting: the requests are sent at
// once, as the connection may be closed next.
func (s *orderedSource) close() {
	s.mu.Lock()
	s.cursor.end(s.cursor.consumer)
	s.fresh, s.closed = false, true
	names := s.oldLocked()
	s.mu.Unlock()
	for _, name := range names {
		_ = s.js.nc.PublishRequest(s.js.subject("CONSUMER.DELETE."+s.stream+"."+name), s.js.nc.NewInbox(), nil)
	}
	s.clean()
}

// admit decides how to treat a delivery.
func (s *orderedSource) admit(meta *MsgMetadata) orderedVerdict {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cursor.accept(meta)
}

// behind reports whether the current consumer has delivered more than has arrived.
func (s *orderedSource) behind(delivered uint64) bool {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.cursor.behind(s.cursor.consumer, delivered)
}
