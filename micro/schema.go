package micro

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"reflect"
	"strings"
	"time"
)

// Metadata keys for the JSON schemas of the requests and responses of an endpoint.
const (
	// RequestSchemaKey has the schema of requests.
	RequestSchemaKey = "schema.request"
	// ResponseSchemaKey has the schema of responses.
	ResponseSchemaKey = "schema.response"
)

// WithEndpointSchema puts JSON schemas of requests and responses into the metadata of the
// endpoint; SchemaOf makes them of Go types. Empty for none. Requests are not checked against
// the schema; JSON checks them against a Go type. Errors: ErrConfigValidation for a schema that
// is not JSON.
func WithEndpointSchema(request, response string) EndpointOpt {
	return func(o *endpointOpts) error {
		for key, schema := range map[string]string{RequestSchemaKey: request, ResponseSchemaKey: response} {
			if schema == "" {
				continue
			}
			if !json.Valid([]byte(schema)) {
				return &ConfigError{Field: key, Value: schema, Reason: "is not JSON", Err: ErrConfigValidation}
			}
			if err := WithEndpointMetadataKey(key, schema)(o); err != nil {
				return err
			}
		}
		return nil
	}
}

// JSON makes a handler of a function with Go types for requests and responses. A request that is
// not valid JSON for In is answered with CodeValidation, and f is not called; the description
// says what is wrong without naming Go types. If In or *In has a method Validate() error, its
// error is also answered with CodeValidation, with its text as the description; it is not called
// on a nil pointer. The error of f is treated as that of a Func.
func JSON[In, Out any](f func(ctx context.Context, in In) (Out, error)) Func {
	return func(ctx context.Context, req Request) error {
		var in In
		if err := json.Unmarshal(req.Data(), &in); err != nil {
			return NewServiceError(CodeValidation, "the request cannot be read"+unread(err))
		}
		if v := validated(&in); v != nil {
			if err := v.Validate(); err != nil {
				return invalid(err)
			}
		}
		out, err := f(ctx, in)
		if err != nil {
			return err
		}
		return req.RespondJSON(out)
	}
}

// validated returns in as a value with a Validate method; nil if it has none.
func validated[In any](in *In) interface{ Validate() error } {
	if v, ok := any(in).(interface{ Validate() error }); ok {
		return v
	}
	if v := reflect.ValueOf(in).Elem(); v.Kind() == reflect.Pointer && v.IsNil() {
		return nil
	}
	v, _ := any(*in).(interface{ Validate() error })
	return v
}

// unread says why data is not JSON, or not of the type, without naming the type.
func unread(err error) string {
	if at, ok := errors.AsType[*json.SyntaxError](err); ok {
		return ": " + at.Error() // it is about the text only
	}
	if at, ok := errors.AsType[*json.UnmarshalTypeError](err); ok {
		what, _, _ := strings.Cut(at.Value, " ") // "number 300"
		return ": " + cmp.Or(at.Field, "it") + " cannot be of type " + what
	}
	return ""
}

// invalid makes a CodeValidation of an error, unless it is a *ServiceError.
func invalid(err error) error {
	if se, told := outcomeOf(context.Background(), err); told {
		return se
	}
	text := err.Error()
	if strings.TrimSpace(text) == "" {
		text = "the request is not valid"
	}
	return NewServiceError(CodeValidation, text)
}

// SchemaOf returns a JSON schema of what encoding/json makes of a type: arrays, strings,
// numbers, times, and objects with their properties. A property is required unless it is a
// pointer or has omitempty or omitzero. Unknown parts are left open: interfaces, types with
// their own MarshalJSON, and the inside of a type that contains itself.
func SchemaOf[T any]() string {
	schema := schemaOf(reflect.TypeFor[T](), map[reflect.Type]bool{})
	text, err := json.Marshal(schema)
	if err != nil {
		panic(fmt.Sprintf("micro: schema of %v: %v", reflect.TypeFor[T](), err)) // cannot happen: it is made of maps and strings
	}
	return string(text)
}

// schemaOf describes a type; inside are the structs that contain it.
func schemaOf(t reflect.Type, inside map[reflect.Type]bool) map[string]any {
	marshaler := reflect.TypeFor[json.Marshaler]()
	switch {
	case t == reflect.TypeFor[time.Time]():
		return map[string]any{"type": "string", "format": "date-time"}
	case t.Implements(marshaler) || reflect.PointerTo(t).Implements(marshaler):
		return map[string]any{}
	}
	switch t.Kind() {
	case reflect.Pointer:
		return schemaOf(t.Elem(), inside)
	case reflect.Bool:
		return map[string]any{"type": "boolean"}
	case reflect.String:
		return map[string]any{"type": "string"}
	case reflect.Float32, reflect.Float64:
		return map[string]any{"type": "number"}
	case reflect.Uint, reflect.Uint8, reflect.Uint16, reflect.Uint32, reflect.Uint64, reflect.Uintptr:
		return map[string]any{"type": "integer", "minimum": 0}
	case reflect.Int, reflect.Int8, reflect.Int16, reflect.Int32, reflect.Int64:
		return map[string]any{"type": "integer"}
	case reflect.Slice, reflect.Array:
		return arraySchema(t, inside)
	case reflect.Map:
		return map[string]any{"type": "object", "additionalProperties": schemaOf(t.Elem(), inside)}
	case reflect.Struct:
		return structSchema(t, inside)
	}
	return map[string]any{}
}

func arraySchema(t reflect.Type, inside map[reflect.Type]bool) map[string]any {
	if t.Kind() == reflect.Slice && t.Elem().Kind() == reflect.Uint8 {
		return map[string]any{"type": "string", "contentEncoding": "base64"}
	}
	return map[string]any{"type": "array", "items": schemaOf(t.Elem(), inside)}
}

func structSchema(t reflect.Type, inside map[reflect.Type]bool) map[string]any {
	if inside[t] {
		return map[string]any{"type": "object"}
	}
	inside[t] = true
	defer delete(inside, t)
	properties, required := map[string]any{}, []string{}
	for _, field := range reflect.VisibleFields(t) {
		name, options, _ := strings.Cut(field.Tag.Get("json"), ",")
		embedded := field.Anonymous && name == ""
		if !field.IsExported() || field.Tag.Get("json") == "-" || embedded && inlined(field.Type) || !reachable(t, field) {
			continue
		}
		if name == "" {
			name = field.Name
		}
		properties[name] = schemaOf(field.Type, inside)
		if field.Type.Kind() != reflect.Pointer && !strings.Contains(options, "omit") {
			required = append(required, name)
		}
	}
	schema := map[string]any{"type": "object", "properties": properties}
	if len(required) > 0 {
		schema["required"] = required
	}
	return schema
}

// inlined reports whether the fields of an embedded type become fields of the outer object.
func inlined(t reflect.Type) bool {
	if t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	return t.Kind() == reflect.Struct
}

// reachable reports whether a field is in the object itself, and not in a named inner one.
func reachable(t reflect.Type, field reflect.StructField) bool {
	for _, i := range field.Index[:len(field.Index)-1] {
		if t.Kind() == reflect.Pointer {
			t = t.Elem()
		}
		outer := t.Field(i)
		if name, _, _ := strings.Cut(outer.Tag.Get("json"), ","); name != "" {
			return false
		}
		t = outer.Type
	}
	return true
}
