package jetstream

import (
	"strconv"

	"github.com/troupe-go/troupe/internal/kind"
)

// Kinds of what is found before anything is sent.
var (
	// ErrInvalidConfig: the config of a stream or a consumer, or a name, cannot be used.
	// See ConfigError.
	ErrInvalidConfig error = kind.New("troupe: invalid config", ErrJetStream).In(kind.Input)
	// ErrUnknownValue: a value is none of its type's, or a word of the server stands for
	// none. It is an ErrInvalidConfig.
	ErrUnknownValue error = kind.New("troupe: unknown value", ErrInvalidConfig).In(kind.Input)
)

// ConfigError says what of a stream or a consumer cannot be. Nothing was sent. It is an
// ErrInvalidConfig, and the kind that a server's refusal for the same reason has.
type ConfigError struct {
	Asset  string // "stream" or "consumer"
	Name   string // of the stream or the consumer; may be empty
	Field  string // of the config: "MaxAge"
	Reason string // "is less than 100ms"
	Kind   error  // what a server would say; nil if it is only an ErrInvalidConfig
}

// Error says it in one line.
func (e *ConfigError) Error() string {
	return "troupe: invalid config of " + e.Asset + " " + strconv.Quote(e.Name) + ": " + e.Field + " " + e.Reason
}

// Unwrap returns what the error belongs to.
func (e *ConfigError) Unwrap() []error {
	if e.Kind == nil {
		return []error{ErrInvalidConfig}
	}
	return []error{ErrInvalidConfig, e.Kind}
}

// rule is something that must not be.
type rule struct {
	broken bool
	field  string
	reason string
	kind   error // nil for none of its own
}

// firstBroken returns what the first broken rule says; nil if all hold.
func firstBroken(asset, name string, rules []rule) error {
	for _, r := range rules {
		if r.broken {
			return &ConfigError{Asset: asset, Name: name, Field: r.field, Reason: r.reason, Kind: r.kind}
		}
	}
	return nil
}

// firstError returns the first error that is one.
func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
