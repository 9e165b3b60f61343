package kv

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/troupe-go/troupe/jetstream"
)

// TestConfigComesBack: what a bucket is made with is what its status says, with what servers
// add to it, and defaults are zero.
func TestConfigComesBack(t *testing.T) {
	text := rapid.StringMatching(`[a-z]{0,5}`)
	name := rapid.SampledFrom([]string{"a", "b", "KV_c", "d-e_1"})
	source := rapid.Custom(func(t *rapid.T) *jetstream.StreamSource {
		s := &jetstream.StreamSource{Name: name.Draw(t, "source"), OptStartSeq: rapid.Uint64Range(0, 3).Draw(t, "start")}
		s.Name = withoutPrefix(withPrefix(s.Name)) // both are the same
		if rapid.Bool().Draw(t, "external") {
			s.External = &jetstream.ExternalStream{APIPrefix: "$JS.hub.API"}
		}
		if rapid.Bool().Draw(t, "transforms") {
			s.Name = "EVENTS"
			s.SubjectTransforms = []jetstream.SubjectTransformConfig{{Source: "events.>", Destination: "$KV.b.>"}}
		}
		return s
	})
	rapid.Check(t, func(t *rapid.T) {
		c := Config{
			Bucket: "b", Description: text.Draw(t, "description"), MaxValueSize: rapid.Int32Range(0, 3).Draw(t, "size"),
			History: rapid.Uint8Range(1, MaxHistory).Draw(t, "history"), TTL: time.Duration(rapid.IntRange(0, 3).Draw(t, "ttl")) * time.Minute,
			MaxBytes: rapid.Int64Range(0, 3).Draw(t, "bytes"), Replicas: rapid.IntRange(1, 5).Draw(t, "replicas"),
			Compression: rapid.Bool().Draw(t, "compression"), LimitMarkerTTL: time.Duration(rapid.IntRange(0, 2).Draw(t, "marker")) * time.Minute,
		}
		if rapid.Bool().Draw(t, "metadata") {
			c.Metadata = map[string]string{"a": "b"}
		}
		switch rapid.IntRange(0, 2).Draw(t, "from") {
		case 1:
			m := *source.Draw(t, "mirror")
			if m.SubjectTransforms == nil {
				c.Mirror = &m
			}
		case 2:
			c.Sources = rapid.SliceOfN(source, 1, 3).Draw(t, "sources")
		}
		used, err := c.stream("create")
		if err != nil {
			t.Fatal(err)
		}
		used.Metadata = map[string]string{"_nats.level": "1"}
		for k, v := range c.Metadata {
			used.Metadata[k] = v
		}
		back := (&status{&jetstream.StreamInfo{Config: used}}).Config()
		if diff := cmp.Diff(c, back); diff != "" {
			t.Fatal(diff)
		}
	})
}

// TestPlaces: under which subjects keys are read and written.
func TestPlaces(t *testing.T) {
	external := &jetstream.ExternalStream{APIPrefix: "$JS.hub.API"}
	for _, test := range []struct {
		name   string
		config jetstream.StreamConfig
		prefix string
		want   place
	}{
		{"its own", jetstream.StreamConfig{Name: "KV_b"}, "", place{"$KV.b.", "$KV.b."}},
		{"behind a prefix", jetstream.StreamConfig{Name: "KV_b"}, "fromA.", place{"$KV.b.", "fromA.$KV.b."}},
		{"a mirror", jetstream.StreamConfig{Name: "KV_b", Mirror: &jetstream.StreamSource{Name: "KV_o"}}, "", place{"$KV.o.", "$KV.o."}},
		{"a mirror behind a prefix", jetstream.StreamConfig{Name: "KV_b", Mirror: &jetstream.StreamSource{Name: "KV_o"}}, "p.", place{"$KV.o.", "p.$KV.o."}},
		{"a mirror of a domain", jetstream.StreamConfig{Name: "KV_b", Mirror: &jetstream.StreamSource{Name: "KV_o", External: external}}, "p.",
			place{"$KV.o.", "$JS.hub.API.$KV.o."}},
		{"a mirror that transforms", jetstream.StreamConfig{Name: "KV_b", Mirror: &jetstream.StreamSource{Name: "KV_o",
			SubjectTransforms: []jetstream.SubjectTransformConfig{{Source: "$KV.o.>", Destination: "$KV.b.>"}}}}, "", place{"$KV.b.", "$KV.o."}},
		{"a mirror that transforms a part", jetstream.StreamConfig{Name: "KV_b", Mirror: &jetstream.StreamSource{Name: "KV_o",
			SubjectTransforms: []jetstream.SubjectTransformConfig{{Source: "$KV.o.a.>", Destination: "$KV.b.>"}}}}, "", place{"$KV.o.", "$KV.o."}},
	} {
		t.Run(test.name, func(t *testing.T) {
			if got := placeOf(&test.config, test.prefix); got != test.want {
				t.Errorf("%+v, want %+v", got, test.want)
			}
		})
	}
}
