package micro

import (
	"fmt"

	"github.com/troupe-go/troupe/protocol"
)

// Verb is what a service can be asked about itself.
type Verb int64

// The verbs.
const (
	// PingVerb asks who is there.
	PingVerb Verb = iota
	// StatsVerb asks for numbers.
	StatsVerb
	// InfoVerb asks what there is to be called.
	InfoVerb
)

// verbs are all of them.
var verbs = [...]Verb{PingVerb, StatsVerb, InfoVerb}

// String returns the verb as it stands in subjects, empty for another number.
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

// APIPrefix is the first token of the subjects on which services tell of themselves.
const APIPrefix = "$SRV"

// Types of the answers, in their field type.
const (
	InfoResponseType  = "io.nats.micro.v1.info_response"
	PingResponseType  = "io.nats.micro.v1.ping_response"
	StatsResponseType = "io.nats.micro.v1.stats_response"
)

// ControlSubject returns where a verb is asked: of all services with neither name nor id, of
// all instances of one with its name, of one instance with both. Errors:
// ErrVerbNotSupported; ErrServiceNameRequired for an id without a name; ErrInvalidName for
// a name or an id that no service has.
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
		return "", &ConfigError{Field: "id", Value: id, Reason: "cannot stand in a subject", Err: ErrInvalidName}
	}
	return subject, nil
}

// ServiceIdentity says which instance of which service it is.
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

// EndpointInfo says where an endpoint is called.
type EndpointInfo struct {
	Name       string            `json:"name"`
	Subject    string            `json:"subject"`
	QueueGroup string            `json:"queue_group"`
	Metadata   map[string]string `json:"metadata"`
}
