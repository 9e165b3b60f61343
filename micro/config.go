package micro

import (
	"maps"
	"regexp"
	"strconv"
	"strings"

	"github.com/troupe-go/troupe/protocol"
)

// DefaultQueueGroup is the queue group of endpoints that do not set one.
const DefaultQueueGroup = "q"

// defaultEndpoint is the name of the endpoint that Config.Endpoint describes.
const defaultEndpoint = "default"

type (
	// ErrHandler is notified of the errors of a service.
	ErrHandler func(Service, *NATSError)

	// DoneHandler is notified that a service has stopped.
	DoneHandler func(Service)

	// StatsHandler returns the data of an endpoint in STATS. It must be quick, and its result
	// must be encodable as JSON.
	StatsHandler func(*Endpoint) any
)

// Config describes a service. AddService copies it.
type Config struct {
	// Name is the name of the service, which its instances share: letters, digits, dashes and
	// underscores.
	Name string `json:"name"`

	// Endpoint describes an endpoint named "default"; nil for none. AddEndpoint adds others.
	Endpoint *EndpointConfig `json:"endpoint"`

	// Version is a semantic version.
	Version string `json:"version"`

	// Description is for people.
	Description string `json:"description"`

	// Metadata annotates the service.
	Metadata map[string]string `json:"metadata,omitempty"`

	// QueueGroup is the queue group of endpoints and groups that do not set one. Empty:
	// DefaultQueueGroup.
	QueueGroup string `json:"queue_group"`

	// QueueGroupDisabled makes each instance get each request, except in endpoints and groups
	// that name a queue group.
	QueueGroupDisabled bool `json:"queue_group_disabled"`

	// StatsHandler returns the data of each endpoint in STATS. Nil: Endpoint.Metrics.
	StatsHandler StatsHandler

	// DoneHandler is called once, when the service has stopped, by Stop or with its connection,
	// and none of its handlers runs any more. It runs with the connection's other callbacks, or
	// in Stop itself if nothing is left to end.
	DoneHandler DoneHandler

	// ErrorHandler is notified of handlers that panic or return an error that is not a
	// ServiceError, and of problems of the service's subscriptions: a slow consumer, a missing
	// permission, the end. The service continues. It runs with the connection's other callbacks,
	// and may call anything. Errors of a StatsHandler are reported on the goroutine that asks
	// for STATS, that of Service.Stats or of the subscription, and so possibly at the same time
	// as others.
	ErrorHandler ErrHandler

	// Middleware wraps the handlers of all endpoints; the first is outermost. Not in nats.go.
	Middleware []Middleware

	// NumericCodes makes symbolic error codes be sent as numbers, as ADR-32 requires, with the
	// symbol in SymbolHeader. Numbers are looked up in this table, then among this package's
	// codes; others become 500. Nil sends codes as they are. Not in nats.go.
	NumericCodes map[string]int

	// APIPrefix replaces the "$SRV" of PING, INFO and STATS. Empty: APIPrefix. Not in nats.go.
	APIPrefix string

	// EndpointDefaults are options of all endpoints of the service. An endpoint's own options
	// override them, but metadata, middleware and WithEndpointDirect add up. Not in nats.go.
	EndpointDefaults []EndpointOpt
}

// EndpointConfig describes an endpoint.
type EndpointConfig struct {
	// Subject is the subject that the endpoint listens on. Empty: its name.
	Subject string

	// Handler answers the requests of the endpoint.
	Handler Handler

	// Metadata annotates the endpoint.
	Metadata map[string]string `json:"metadata,omitempty"`

	// QueueGroup is the queue group whose members share the requests. Empty: that of the
	// service.
	QueueGroup string `json:"queue_group"`

	// QueueGroupDisabled makes each instance get each request.
	QueueGroupDisabled bool `json:"queue_group_disabled"`
}

// options returns the options of AddEndpoint for the same endpoint.
func (c *EndpointConfig) options() []EndpointOpt {
	options := []EndpointOpt{WithEndpointSubject(c.Subject), WithEndpointQueueGroup(c.QueueGroup)}
	if c.Metadata != nil {
		options = append(options, WithEndpointMetadata(c.Metadata))
	}
	if c.QueueGroupDisabled {
		options = append(options, WithEndpointQueueGroupDisabled())
	}
	return options
}

var (
	nameGrammar = regexp.MustCompile(`^[A-Za-z0-9\-_]+$`)
	// versionGrammar is that of semver.org: core, pre-release, build.
	versionGrammar = regexp.MustCompile(`^` + number + `\.` + number + `\.` + number +
		`(?:-` + prerelease + `(?:\.` + prerelease + `)*)?(?:\+[0-9A-Za-z-]+(?:\.[0-9A-Za-z-]+)*)?$`)
)

const (
	number     = `(?:0|[1-9]\d*)`
	prerelease = `(?:0|[1-9]\d*|\d*[A-Za-z-][0-9A-Za-z-]*)`
)

// check returns an error if the config is not valid.
func (c *Config) check() error {
	if err := checkName("service name", c.Name); err != nil {
		return err
	}
	if !versionGrammar.MatchString(c.Version) {
		return &ConfigError{Field: "version", Value: c.Version, Reason: "is not a semantic version", Err: ErrInvalidVersion}
	}
	if err := checkPrefix(c.APIPrefix); err != nil {
		return err
	}
	for symbol, code := range c.NumericCodes {
		if err := NewServiceErrorCode(code, symbol).Validate(); err != nil || code <= 0 {
			return &ConfigError{Field: "numeric code", Value: symbol + "=" + strconv.Itoa(code), Reason: "is not above zero, or has no symbol", Err: ErrConfigValidation}
		}
	}
	if err := checkMiddleware(c.Middleware); err != nil {
		return err
	}
	return checkQueueGroup(c.QueueGroup)
}

// clone returns a config that shares nothing with that of the program.
func (c Config) clone() Config {
	if c.Metadata = maps.Clone(c.Metadata); c.Metadata == nil {
		c.Metadata = map[string]string{}
	}
	c.NumericCodes = maps.Clone(c.NumericCodes)
	if c.APIPrefix == "" {
		c.APIPrefix = APIPrefix
	}
	return c
}

func checkName(field, name string) error {
	if !nameGrammar.MatchString(name) {
		return &ConfigError{Field: field, Value: name, Reason: "is empty, or has characters other than letters, digits, dashes and underscores", Err: ErrInvalidName}
	}
	return nil
}

// checkSubject accepts a subject that can be subscribed to and is not below the API prefix.
func (s *service) checkSubject(subject string) error {
	if strings.HasPrefix(subject+".", s.config.APIPrefix+".") {
		return &ConfigError{Field: "subject", Value: subject, Reason: "is reserved for PING, INFO and STATS", Err: ErrInvalidSubject}
	}
	if err := protocol.CheckSubscribeSubject(subject); err != nil {
		return &ConfigError{Field: "subject", Value: subject, Reason: plain(err), Err: ErrInvalidSubject}
	}
	return nil
}

// checkQueueGroup accepts an empty name, and one that would be a valid subject, as nats.go does.
func checkQueueGroup(queue string) error {
	if queue == "" {
		return nil
	}
	if err := protocol.CheckSubscribeSubject(queue); err != nil {
		return &ConfigError{Field: "queue group", Value: queue, Reason: plain(err), Err: ErrInvalidSubject}
	}
	return nil
}

// checkPrefix accepts an empty prefix, and one that requests can be sent below.
func checkPrefix(prefix string) error {
	if prefix == "" {
		return nil
	}
	if err := protocol.CheckPublishSubject(prefix); err != nil {
		return &ConfigError{Field: "api prefix", Value: prefix, Reason: plain(err), Err: ErrInvalidSubject}
	}
	return nil
}
