package micro

import (
	"maps"
	"regexp"
	"strconv"
	"strings"

	"github.com/troupe-go/troupe/protocol"
)

// DefaultQueueGroup is the queue group of endpoints for which nobody says otherwise.
const DefaultQueueGroup = "q"

// defaultEndpoint is the name of the endpoint that Config.Endpoint describes.
const defaultEndpoint = "default"

type (
	// ErrHandler is told what goes wrong with a service.
	ErrHandler func(Service, *NATSError)

	// DoneHandler is told that a service has stopped.
	DoneHandler func(Service)

	// StatsHandler returns what STATS says of an endpoint as its data. It has to be quick,
	// and its result to be one that can be written as JSON.
	StatsHandler func(*Endpoint) any
)

// Config describes a service. It is not kept.
type Config struct {
	// Name says what kind of service it is: letters, digits, dashes and underscores.
	Name string `json:"name"`

	// Endpoint describes an endpoint named "default"; nil for none. AddEndpoint makes others.
	Endpoint *EndpointConfig `json:"endpoint"`

	// Version is a semantic version.
	Version string `json:"version"`

	// Description is for people.
	Description string `json:"description"`

	// Metadata annotates the service.
	Metadata map[string]string `json:"metadata,omitempty"`

	// QueueGroup is that of endpoints and groups which name none. Empty: DefaultQueueGroup.
	QueueGroup string `json:"queue_group"`

	// QueueGroupDisabled has each instance get each request, where nothing below it names a
	// queue group.
	QueueGroupDisabled bool `json:"queue_group_disabled"`

	// StatsHandler makes the data that STATS shows of an endpoint. Nil: Endpoint.Metrics.
	StatsHandler StatsHandler

	// DoneHandler is called once, when the service has stopped and no handler of it runs any
	// more, whether by Stop or with its connection. It runs with the connection's other
	// callbacks, or in Stop itself when nothing is left to end.
	DoneHandler DoneHandler

	// ErrorHandler is told of handlers that panic or return an error that is no
	// ServiceError, and of what becomes of the service's subscriptions: a slow consumer, a
	// permission that lacks, the end. The service goes on. It runs with the connection's other
	// callbacks, and may call anything. What STATS cannot say it is told by who asks: on the
	// goroutine of Service.Stats, or of the subscription, and so at the same time as other things.
	ErrorHandler ErrHandler

	// Middleware is around the handlers of all endpoints, the first outermost. Not in nats.go.
	Middleware []Middleware

	// NumericCodes has symbolic codes of errors be sent as numbers, as ADR-32 wants them,
	// with the symbol in SymbolHeader: by this table, then by that of this package's
	// codes; 500 for others. Nil sends codes as they are. Not in nats.go.
	NumericCodes map[string]int

	// APIPrefix replaces the "$SRV" of PING, INFO and STATS. Empty: APIPrefix. Not in nats.go.
	APIPrefix string

	// EndpointDefaults are options of all endpoints of the service, before their own, which win;
	// of metadata, middleware and WithEndpointDirect there is both. Not in nats.go.
	EndpointDefaults []EndpointOpt
}

// EndpointConfig describes an endpoint.
type EndpointConfig struct {
	// Subject is what the endpoint listens to. Empty: its name.
	Subject string

	// Handler answers its requests.
	Handler Handler

	// Metadata annotates the endpoint.
	Metadata map[string]string `json:"metadata,omitempty"`

	// QueueGroup shares the requests with the other instances of the group. Empty: that of
	// the service.
	QueueGroup string `json:"queue_group"`

	// QueueGroupDisabled has each instance get each request.
	QueueGroupDisabled bool `json:"queue_group_disabled"`
}

// options returns what AddEndpoint takes for the same endpoint.
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

// check returns why no service can be made of the config.
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

// clone returns a config that shares nothing with the program's.
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
		return &ConfigError{Field: field, Value: name, Reason: "has other characters than letters, digits, dashes and underscores, or none", Err: ErrInvalidName}
	}
	return nil
}

// checkSubject accepts what can be subscribed to, and is not where services tell of themselves.
func (s *service) checkSubject(subject string) error {
	if strings.HasPrefix(subject+".", s.config.APIPrefix+".") {
		return &ConfigError{Field: "subject", Value: subject, Reason: "is where services tell of themselves", Err: ErrInvalidSubject}
	}
	if err := protocol.CheckSubscribeSubject(subject); err != nil {
		return &ConfigError{Field: "subject", Value: subject, Reason: plain(err), Err: ErrInvalidSubject}
	}
	return nil
}

// checkQueueGroup accepts none, and what could be a subject, as nats.go does.
func checkQueueGroup(queue string) error {
	if queue == "" {
		return nil
	}
	if err := protocol.CheckSubscribeSubject(queue); err != nil {
		return &ConfigError{Field: "queue group", Value: queue, Reason: plain(err), Err: ErrInvalidSubject}
	}
	return nil
}

// checkPrefix accepts none, and what requests can be sent below.
func checkPrefix(prefix string) error {
	if prefix == "" {
		return nil
	}
	if err := protocol.CheckPublishSubject(prefix); err != nil {
		return &ConfigError{Field: "api prefix", Value: prefix, Reason: plain(err), Err: ErrInvalidSubject}
	}
	return nil
}
