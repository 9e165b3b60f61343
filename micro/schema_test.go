package micro_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/troupe-go/troupe/internal/must"
	"github.com/troupe-go/troupe/micro"
)

type inner struct {
	A int `json:"a"`
	B string
}

type everything struct {
	inner
	Named    inner `json:"named"`
	Text     string
	Flag     bool              `json:"flag,omitempty"`
	Ratio    float64           `json:"ratio,omitzero"`
	Count    uint8             `json:"count"`
	Bytes    []byte            `json:"bytes"`
	Items    []inner           `json:"items"`
	Fixed    [2]int            `json:"fixed"`
	Names    map[string]string `json:"names"`
	At       time.Time         `json:"at"`
	Maybe    *string           `json:"maybe"`
	Anything any               `json:"anything"`
	Own      ownJSON           `json:"own"`
	Next     *everything       `json:"next"`
	Hidden   int               `json:"-"`
	private  int
}

type ownJSON struct{ X int }

func (ownJSON) MarshalJSON() ([]byte, error) { return []byte("1"), nil }

type tagged struct {
	inner `json:"in"`
}

func TestSchemaOf(t *testing.T) {
	_ = everything{}.private
	for want, got := range map[string]string{
		`{"type":"integer"}`: micro.SchemaOf[int](),
		`{"type":"string"}`:  micro.SchemaOf[*string](),
		`{}`:                 micro.SchemaOf[any](),
		`{"properties":{"B":{"type":"string"},"Text":{"type":"string"},"a":{"type":"integer"},"anything":{},` +
			`"at":{"format":"date-time","type":"string"},"bytes":{"contentEncoding":"base64","type":"string"},"count":{"minimum":0,"type":"integer"},` +
			`"fixed":{"items":{"type":"integer"},"type":"array"},"flag":{"type":"boolean"},` +
			`"items":{"items":{"properties":{"B":{"type":"string"},"a":{"type":"integer"}},"required":["a","B"],"type":"object"},"type":"array"},` +
			`"maybe":{"type":"string"},"named":{"properties":{"B":{"type":"string"},"a":{"type":"integer"}},"required":["a","B"],"type":"object"},` +
			`"names":{"additionalProperties":{"type":"string"},"type":"object"},"next":{"type":"object"},"own":{},"ratio":{"type":"number"}},` +
			`"required":["a","B","named","Text","count","bytes","items","fixed","names","at","anything","own"],"type":"object"}`: micro.SchemaOf[everything](),
		`{"properties":{},"type":"object"}`: micro.SchemaOf[struct{}](),
	} {
		if got != want {
			t.Errorf("got  %s\nwant %s", got, want)
		}
	}
	_ = tagged{}
}

// sum is what the endpoint of the test is asked.
type sum struct{ A, B int }

// Validate is asked before the handler.
func (s *sum) Validate() error {
	switch {
	case s.A < 0:
		return errors.New("A is negative")
	case s.B < 0:
		return micro.NewServiceErrorCode(422, "B is negative")
	}
	return nil
}

func TestJSON(t *testing.T) {
	inBubble(t, micro.Config{}, func(p *place) {
		p.add("sum", micro.JSON(func(_ context.Context, in sum) (map[string]int, error) {
			if in.A == 99 {
				return nil, micro.NewServiceErrorCode(404, "no 99")
			}
			return map[string]int{"sum": in.A + in.B}, nil
		}), micro.WithEndpointSchema(micro.SchemaOf[sum](), micro.SchemaOf[map[string]int]()))
		for data, want := range map[string]string{
			`{"A":1,"B":2}`:  `{"sum":3}`,
			`{"A":99}`:       "404: no 99",
			`{"A":-1}`:       "VALIDATION_ERROR: A is negative",
			`{"B":-1}`:       "422: B is negative",
			`{`:              "VALIDATION_ERROR: the request cannot be read: unexpected end of JSON input",
			`{"A":"a\nb:c"}`: "VALIDATION_ERROR: the request cannot be read: A cannot be of type string",
			`{"A":1.5}`:      "VALIDATION_ERROR: the request cannot be read: A cannot be of type number",
			`[]`:             "VALIDATION_ERROR: the request cannot be read: it cannot be of type array",
		} {
			if got := sprint(p.ask("sum", data, time.Minute)); got != want {
				t.Errorf("%s: %s", data, got)
			}
		}
		p.add("pointer", micro.JSON(func(_ context.Context, in *sum) (bool, error) { return in == nil, nil }))
		p.add("time", micro.JSON(func(_ context.Context, in time.Time) (bool, error) { return true, nil }))
		for _, c := range [][3]string{
			{"pointer", `{"A":1}`, "false"}, {"pointer", `{"A":-1}`, "VALIDATION_ERROR: A is negative"}, {"pointer", "null", "true"},
			{"time", `"now"`, "VALIDATION_ERROR: the request cannot be read"}, // the text of a type's own is not for strangers
		} {
			if got := sprint(p.ask(c[0], c[1], time.Minute)); got != c[2] {
				t.Errorf("%v: %s", c, got)
			}
		}
		infos := must.Get(p.client.Info(p.t.Context(), "Test", ""))(t)
		metadata := infos[0].Endpoints[0].Metadata
		if metadata[micro.RequestSchemaKey] != micro.SchemaOf[sum]() || metadata[micro.ResponseSchemaKey] != `{"additionalProperties":{"type":"integer"},"type":"object"}` {
			t.Errorf("%v", metadata)
		}
		if err := p.svc.AddEndpoint("bad", echo, micro.WithEndpointSchema("{", "")); !errors.Is(err, micro.ErrConfigValidation) {
			t.Errorf("%v", err)
		}
		p.expectErrors()
	})
}
