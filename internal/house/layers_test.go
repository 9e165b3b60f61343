package house

import (
	"strings"
	"testing"
)

func TestEveryPackageStandsInALayer(t *testing.T) { none(t, checkListed(module(t))) }

func TestImportsPointDownwards(t *testing.T) { none(t, checkLayers(module(t))) }

func TestImportsFollowTheRules(t *testing.T) { none(t, checkImportRules(module(t))) }

func TestKindLiesBelowEverything(t *testing.T) { none(t, checkStandardOnly(module(t))) }

func TestUnlistedPackageIsFound(t *testing.T) {
	found := checkListed(sources(t, map[string]string{
		"actors/deep/a.go": "",
		"api/a.go":         "",
		"util/a.go":        "",
	}))
	expect(t, found, "util: is in no layer: add the package to layers")
}

// importing is a source that imports one package of the module.
func importing(dir string) string { return `import _ "` + modulePath + "/" + dir + `"` }

func TestLayersBite(t *testing.T) {
	cases := []struct {
		name, from, to string
		wrong          bool
	}{
		{"downwards", "api/a.go", "protocol", false},
		{"upwards", "protocol/a.go", "supervisor", true},
		{"upwards from a test", "protocol/a_test.go", "api", true},
		{"itself from an external test", "api/a_test.go", "api", false},
		{"inside one entry", "actors/deep/a.go", "actors", false},
		{"sideways", "kv/a.go", "objectstore", true},
		{"faults from a test", "protocol/a_test.go", "faults/natsserver", false},
		{"faults upwards", "faults/natsserver/a.go", "api", true},
		{"faults to actors", "faults/natsserver/a.go", "actors", false},
		{"an example", "examples/quickstart/a.go", "faults/natsserver", false},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			found := checkLayers(sources(t, map[string]string{c.from: importing(c.to)}))
			var want []string
			if c.wrong {
				want = []string{"imports " + c.to + ", which is not on a lower line"}
			}
			expect(t, found, want...)
		})
	}
}

func TestImportRulesBite(t *testing.T) {
	cases := []struct {
		name, from, target string
		wrong              bool
	}{
		{"protoactor in actors", "actors/a.go", "github.com/asynkron/protoactor-go/actor", false},
		{"protoactor below actors", "actors/deep/a.go", "github.com/asynkron/protoactor-go/actor", false},
		{"protoactor in api", "api/a.go", "github.com/asynkron/protoactor-go/actor", true},
		{"protoactor in a test of api", "api/a_test.go", "github.com/asynkron/protoactor-go/actor", false},
		{"nats.go in api", "api/a.go", "github.com/nats-io/nats.go", true},
		{"a package of nats.go in kv", "kv/a.go", "github.com/nats-io/nats.go/jetstream", true},
		{"nats.go in a test", "protocol/a_test.go", "github.com/nats-io/nats.go", false},
		{"nats.go in bench", "bench/peer/a.go", "github.com/nats-io/nats.go", false},
		{"another module of that maker", "api/a.go", "github.com/nats-io/nkeys", false},
		{"nats-server in faults", "faults/natsserver/a.go", "github.com/nats-io/nats-server/v2/server", false},
		{"nats-server in actors", "actors/a.go", "github.com/nats-io/nats-server/v2/server", true},
		{"goleak in actors", "actors/a.go", "go.uber.org/goleak", true},
		{"faults in api", "api/a.go", modulePath + "/faults/natsserver", true},
		{"house", "api/a_test.go", modulePath + "/internal/house", true},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			found := checkImportRules(sources(t, map[string]string{c.from: `import _ "` + c.target + `"`}))
			var want []string
			if c.wrong {
				want = []string{"may not import " + c.target}
			}
			expect(t, found, want...)
		})
	}
}

func TestStandardOnlyBites(t *testing.T) {
	found := checkStandardOnly(sources(t, map[string]string{
		"internal/kind/a.go":      `import "errors"; import "github.com/google/go-cmp/cmp"`,
		"internal/kind/b.go":      importing("protocol"),
		"internal/kind/c_test.go": importing("internal/kind"),
		"protocol/a.go":           `import "go.uber.org/zap"`,
	}))
	expect(t, found, "go-cmp", "protocol")
}

func TestLayersNameEachPackageOnce(t *testing.T) {
	seen := map[string]bool{}
	for _, entries := range layers {
		for _, entry := range entries {
			base := strings.TrimSuffix(entry, "/...")
			if seen[base] {
				t.Errorf("%s stands twice", base)
			}
			seen[base] = true
		}
	}
}
