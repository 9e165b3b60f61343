package micro

import (
	"fmt"

	"github.com/troupe-go/troupe/protocol"
)

// Verb is a discovery request that every service answers.
type Verb int64

// The verbs.
const (
	// PingVerb asks which instances there are.
	PingVerb Verb = iota
	// StatsVerb asks for statistics.
	StatsVerb
	// InfoVerb asks for the endpoints.
	InfoVerb
)

// verbs are all verbs.
var verbs = [...]Verb{PingVerb, StatsVerb, InfoVerb}

// String returns the verb as it is in subjects; empty for an unknown verb.
func (v Verb) String() string {
	switch v {
	case PingVerb:
		return "PING"
	case StatsVerb:
		return "STATS"
	case InfoVerb:
		return "INFO"
	default:
		return ""
	}
}

// APIPrefix is the first token of the subjects of PING, INFO and STATS.
const APIPrefix = "$SRV"

// Values of the type field of the answers.
const (
	InfoResponseType  = "io.nats.micro.v1.info_response"
	PingResponseType  = "io.nats.micro.v1.ping_response"
	StatsResponseType = "io.nats.micro.v1.stats_response"
)

// ControlSubject returns the subject of a verb: for all services without a name and an id, for
// all instances of a service with its name, for one instance with both. Errors:
// ErrVerbNotSupported; ErrServiceNameRequired for an id without a name; ErrInvalidName for an
// invalid name or id.
func ControlSubject(verb Verb, name, id string) (string, error) {
	return controlSubject(APIPrefix, verb, name, id)
}

func controlSubject(prefix string, verb Verb, name, id string) (string, error) {
	subject := prefix + "." + verb.String()
	switch {
	case verb.String() == "":
		return "", fmt.Errorf("%w: %d", ErrVerbNotSupported, verb)
	case name == "" && id != "":
		return "", ErrServiceNameRequired
	case name == "":
		return subject, nil
	}
	if err := checkName("service name", name); err != nil {
		return "", err
	}
	subject += "." + name
	if id == "" {
		return subject, nil
	}
	if subject += "." + id; protocol.CheckPublishSubject(subject) != nil {
		return "", &ConfigError{Field: "id", Value: id, Reason: "is not valid in a subject", Err: ErrInvalidName}
	}
	return subject, nil
}

// ServiceIdentity identifies an instance of a service.
type ServiceIdentity struct {
	Name     string            `json:"name"`
	ID       string            `json:"id"`
	Version  string            `json:"version"`
	Metadata map[string]string `json:"metadata"`
}

// Ping is the answer to PING.
type Ping struct {
	ServiceIdentity
	Type string `json:"type"`
}

// Info is the answer to INFO.
type Info struct {
	ServiceIdentity
	Type        string         `json:"type"`
	Description string         `json:"description"`
	Endpoints   []EndpointInfo `json:"endpoints"`
}

// EndpointInfo describes an endpoint.
type EndpointInfo struct {
	Name       string            `json:"name"`
	Subject    string            `json:"subject"`
	QueueGroup string            `json:"queue_group"`
	Metadata   map[string]string `json:"metadata"`
}
