package jetstream

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"
)

// Plan lists the changes that bring a stream or a consumer to the config that is asked for.
type Plan struct {
	Stream   string
	Consumer string // empty for a stream
	// Create is set if the stream or consumer does not exist. Then Changes is empty.
	Create bool
	// Changes are the fields that differ, in the order of the config.
	Changes []Change
}

// Change is a field of a config that differs from what is asked for.
type Change struct {
	Field    string // "MaxAge"
	From, To string // for people; JSON, except durations
	// Impossible says why a server does not make the change, so that the stream or consumer would
	// have to be created again; empty if it does.
	Impossible string
}

// String describes the change in one line.
func (c Change) String() string {
	text := fmt.Sprintf("%s: %s -> %s", c.Field, c.From, c.To)
	if c.Impossible != "" {
		text += " (impossible: " + c.Impossible + ")"
	}
	return text
}

// Nothing reports whether there is nothing to do.
func (p *Plan) Nothing() bool { return !p.Create && len(p.Changes) == 0 }

// Possible reports whether a server can make all of the changes.
func (p *Plan) Possible() bool {
	return !slices.ContainsFunc(p.Changes, func(c Change) bool { return c.Impossible != "" })
}

// String describes the plan for people: a line for the stream or consumer, and one for each
// change.
func (p *Plan) String() string {
	what := "update"
	switch {
	case p.Create:
		what = "create"
	case p.Nothing():
		what = "keep"
	case !p.Possible():
		what = "recreate"
	}
	lines := []string{about(what+" "+p.asset(), p.Stream, p.Consumer)}
	for _, c := range p.Changes {
		lines = append(lines, "  "+c.String())
	}
	return strings.Join(lines, "\n")
}

// asset returns what the plan is for: "stream" or "consumer".
func (p *Plan) asset() string {
	if p.Consumer != "" {
		return "consumer"
	}
	return "stream"
}

// ImmutableError says which changes are impossible: the stream or consumer would have to be
// created again. Nothing was changed.
type ImmutableError struct {
	Plan *Plan
}

// Error names what is impossible, and why.
func (e *ImmutableError) Error() string {
	var texts []string
	for _, c := range e.Plan.Changes {
		if c.Impossible != "" {
			texts = append(texts, c.String())
		}
	}
	return "troupe: " + about(e.Plan.asset(), e.Plan.Stream, e.Plan.Consumer) + " cannot be changed: " + strings.Join(texts, ", ")
}

// Unwrap returns ErrImmutable.
func (e *ImmutableError) Unwrap() error { return ErrImmutable }

// immutability says why a field does not change from one value to another, empty if it does.
type immutability func(field string, from, to reflect.Value) string

// differences compares the fields of two configs of the same type.
func differences(from, to any, immutable immutability) []Change {
	var all []Change
	a, b := reflect.ValueOf(from), reflect.ValueOf(to)
	for i := range a.NumField() {
		field := a.Type().Field(i).Name
		before, after := shown(a.Field(i)), shown(b.Field(i))
		if before == after {
			continue
		}
		all = append(all, Change{Field: field, From: before, To: after, Impossible: immutable(field, a.Field(i), b.Field(i))})
	}
	return all
}

// shown returns a value for people; equal values are shown alike.
func shown(v reflect.Value) string {
	if v.IsZero() || v.Kind() == reflect.Slice && v.Len() == 0 {
		v = reflect.Zero(v.Type())
	}
	if d, ok := v.Interface().(time.Duration); ok {
		return d.String()
	}
	text, err := json.Marshal(v.Interface())
	if err != nil {
		return fmt.Sprint(v.Interface())
	}
	return string(text)
}

// settled returns the config as the server would store it, given that it has the stream with the
// config used: with defaults, and with unset fields left as they are.
func (c StreamConfig) settled(used StreamConfig) StreamConfig {
	c = c.sent()
	for _, limit := range []*int64{&c.MaxMsgs, &c.MaxBytes, &c.MaxMsgsPerSubject} {
		if *limit <= 0 {
			*limit = -1
		}
	}
	if c.MaxMsgSize <= 0 {
		c.MaxMsgSize = -1
	}
	if c.MaxConsumers <= 0 {
		c.MaxConsumers = -1
	}
	c.Replicas = max(c.Replicas, 1)
	if c.Duplicates == 0 {
		c.Duplicates = used.Duplicates
		if c.MaxAge > 0 {
			c.Duplicates = min(c.Duplicates, c.MaxAge)
		}
	}
	if len(c.Subjects) == 0 && c.Mirror == nil && len(c.Sources) == 0 {
		c.Subjects = []string{c.Name}
	}
	c.Subjects = inOrderOf(c.Subjects, used.Subjects)
	if c.Placement == nil {
		c.Placement = used.Placement
	}
	if c.FirstSeq <= 1 {
		c.FirstSeq = used.FirstSeq
	}
	if c.Mirror != nil { // a server takes it from the mirror's origin
		c.MirrorDirect = c.MirrorDirect || used.MirrorDirect
	}
	c.Template = used.Template
	c.Metadata = withServers(c.Metadata, used.Metadata)
	return c.implied()
}

// implied sets what other fields imply.
func (c StreamConfig) implied() StreamConfig {
	if c.SubjectDeleteMarkerTTL > 0 {
		c.AllowMsgTTL = true
	}
	if c.SubjectDeleteMarkerTTL > 0 || c.AllowMsgSchedules {
		c.AllowRollup, c.DenyPurge = true, false
	}
	if c.Sealed {
		c.MaxAge, c.Discard = 0, DiscardNew
		c.DenyDelete, c.DenyPurge, c.AllowRollup = true, true, false
	}
	return c
}

// settled returns the config as the server would store it, given that it has the consumer with
// the config used: with defaults, and with unset fields left as they are.
func (c ConsumerConfig) settled(used ConsumerConfig) ConsumerConfig {
	c.Name = c.name()
	if c.MaxDeliver <= 0 {
		c.MaxDeliver = -1
	}
	if len(c.BackOff) > 0 {
		c.AckWait = c.BackOff[0]
	}
	if c.AckPolicy == AckFlowControlPolicy {
		c.FlowControl, c.IdleHeartbeat = true, used.IdleHeartbeat
	}
	keep(&c.AckWait, used.AckWait)
	keep(&c.MaxWaiting, used.MaxWaiting)
	keep(&c.MaxAckPending, used.MaxAckPending)
	keep(&c.MaxRequestBatch, used.MaxRequestBatch)
	keep(&c.InactiveThreshold, used.InactiveThreshold)
	keep(&c.PinnedTTL, used.PinnedTTL)
	keep(&c.PauseUntil, used.PauseUntil)
	if c.OptStartTime != nil && used.OptStartTime != nil && c.OptStartTime.Equal(*used.OptStartTime) {
		c.OptStartTime = used.OptStartTime
	}
	c.FilterSubjects = inOrderOf(c.FilterSubjects, used.FilterSubjects)
	c.Metadata = withServers(c.Metadata, used.Metadata)
	return c
}

// keep leaves a field that is not asked for as it is.
func keep[T comparable](asked *T, used T) {
	var zero T
	if *asked == zero {
		*asked = used
	}
}

// inOrderOf returns names in the order of others, if they are the same.
func inOrderOf(names, others []string) []string {
	if len(names) == len(others) && slices.Equal(slices.Sorted(slices.Values(names)), slices.Sorted(slices.Values(others))) {
		return others
	}
	return names
}

// serverMetadata is the prefix of keys that belong to servers.
const serverMetadata = "_nats."

// withServers returns the requested metadata together with that of the server.
func withServers(asked, used map[string]string) map[string]string {
	all := maps.Clone(asked)
	for key, value := range used {
		if !strings.HasPrefix(key, serverMetadata) {
			continue
		}
		if all == nil {
			all = map[string]string{}
		}
		all[key] = value
	}
	return all
}

// streamImmutable says why a stream's field cannot change.
func streamImmutable(field string, from, to reflect.Value) string {
	switch field {
	case "Storage", "AllowMsgCounter", "PersistMode", "FirstSeq":
		return "it is decided when the stream is created"
	case "Retention":
		if from.Interface() == WorkQueuePolicy || to.Interface() == WorkQueuePolicy {
			return "whether it is a work queue is decided when the stream is created"
		}
	case "Mirror":
		if !to.IsNil() {
			return "a mirror can only be promoted"
		}
	case "Sealed", "DenyDelete", "DenyPurge", "AllowMsgTTL", "AllowMsgSchedules":
		if from.Bool() {
			return "it cannot be undone"
		}
	}
	return ""
}

// consumerImmutable says why a consumer's field cannot change.
func consumerImmutable(field string, from, to reflect.Value) string {
	switch field {
	case "DeliverPolicy", "OptStartSeq", "OptStartTime", "AckPolicy", "ReplayPolicy", "MaxWaiting", "MemoryStorage",
		"FlowControl", "IdleHeartbeat", "Durable":
		return "it is decided when the consumer is created"
	case "DeliverSubject":
		if from.IsZero() || to.IsZero() {
			return "a consumer is either a pull or a push consumer"
		}
	}
	return ""
}
