package jetstream

import (
	"strconv"

	"github.com/troupe-go/troupe/internal/kind"
)

// Kinds of errors that are found before anything is sent.
var (
	// ErrInvalidConfig: the config of a stream or a consumer, or a name, cannot be used.
	// See ConfigError.
	ErrInvalidConfig error = kind.New("troupe: invalid config", ErrJetStream).In(kind.Input)
	// ErrUnknownValue: a value is not one that its type defines, or the server sent an unknown
	// word for it. It is an ErrInvalidConfig.
	ErrUnknownValue error = kind.New("troupe: unknown value", ErrInvalidConfig).In(kind.Input)
)

// ConfigError says which field of a stream's or consumer's config is invalid, and why. Nothing
// was sent. It is an ErrInvalidConfig, and of the kind that a server's refusal for the same
// reason has.
type ConfigError struct {
	Asset  string // "stream" or "consumer"
	Name   string // of the stream or the consumer; may be empty
	Field  string // of the config: "MaxAge"
	Reason string // "is less than 100ms"
	Kind   error  // of a server's refusal; nil if it is only an ErrInvalidConfig
}

// Error describes it in one line.
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

// rule is a condition that must not hold.
type rule struct {
	broken bool
	field  string
	reason string
	kind   error // nil for none of its own
}

// firstBroken returns the error of the first broken rule; nil if there is none.
func firstBroken(asset, name string, rules []rule) error {
	for _, r := range rules {
		if r.broken {
			return &ConfigError{Asset: asset, Name: name, Field: r.field, Reason: r.reason, Kind: r.kind}
		}
	}
	return nil
}

// firstError returns the first error that is not nil.
func firstError(errs ...error) error {
	for _, err := range errs {
		if err != nil {
			return err
		}
	}
	return nil
}
