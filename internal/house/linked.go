package house

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"slices"
	"strings"
)

// linkRoots are the modules that api and the packages below it may import directly.
var linkRoots = []string{
	"github.com/asynkron/protoactor-go", // the actor tree
	"github.com/coder/websocket",        // websocket
	"github.com/klauspost/compress",     // compression
	"github.com/nats-io/nkeys",          // keys, credentials
	"github.com/nats-io/nuid",           // unique ids
	"github.com/sony/gobreaker/v2",      // circuit breakers
	"go.uber.org/zap",                   // logging
	"golang.org/x/sys",                  // state of a socket in the kernel; protoactor's metrics link it anyway
}

// linkClosure is what the roots import in turn, sorted within its groups. It may grow with an
// update of a root, but not with code of ours.
var linkClosure = []string{
	// protoactor-go: collections, ids, its own logging
	"github.com/Workiva/go-datastructures",
	"github.com/emirpasic/gods",
	"github.com/google/uuid",
	"github.com/lithammer/shortuuid/v4",
	"github.com/lmittmann/tint",
	"github.com/orcaman/concurrent-map",
	"github.com/twmb/murmur3",

	// protoactor-go: messages
	"github.com/golang/protobuf",
	"google.golang.org/protobuf",

	// protoactor-go: metrics, which are linked and switched off
	"github.com/beorn7/perks",
	"github.com/cespare/xxhash/v2",
	"github.com/go-logr/logr",
	"github.com/go-logr/stdr",
	"github.com/matttproud/golang_protobuf_extensions",
	"github.com/prometheus/client_golang",
	"github.com/prometheus/client_model",
	"github.com/prometheus/common",
	"github.com/prometheus/procfs",
	"go.opentelemetry.io/otel",
	"go.opentelemetry.io/otel/exporters/prometheus",
	"go.opentelemetry.io/otel/metric",
	"go.opentelemetry.io/otel/sdk",
	"go.opentelemetry.io/otel/sdk/metric",
	"go.opentelemetry.io/otel/trace",

	// nkeys: curve25519 and blake2b
	"golang.org/x/crypto",

	// zap
	"go.uber.org/multierr",
}

// linkNever must not appear in either list above: it is for tests and programs.
var linkNever = []string{
	"github.com/HdrHistogram/hdrhistogram-go",
	"github.com/google/go-cmp",
	"github.com/nats-io/jwt/v2",
	"github.com/nats-io/nats-server/v2",
	"github.com/nats-io/nats.go",
	"github.com/schollz/progressbar/v3",
	"go.uber.org/goleak",
	"pgregory.net/rapid",
}

// dependency is one package of a program, as go list prints it.
type dependency struct {
	ImportPath string
	Dir        string
	Standard   bool
	Export     string // file of what the compiler exported, if asked for
	Imports    []string
	Module     *struct{ Path string }
	Error      *struct{ Err string }
}

// own reports whether the package belongs to this module.
func (d dependency) own() bool { return d.Module != nil && d.Module.Path == modulePath }

// listDependencies runs go list -deps for packages, which flags may precede, in the module at
// root; an empty goos is the current system.
func listDependencies(root, goos string, pkgs ...string) ([]dependency, error) {
	fields := "-json=ImportPath,Dir,Standard,Export,Imports,Module,Error"
	list := exec.Command("go", append([]string{"list", "-e", "-deps", fields}, pkgs...)...)
	list.Dir = root
	list.Env = append(os.Environ(), "GOOS="+goos, "CGO_ENABLED=0")
	var complaint strings.Builder
	list.Stderr = &complaint
	out, err := list.Output()
	if err != nil {
		return nil, fmt.Errorf("list what %v links on %s: %w: %s", pkgs, goos, err, complaint.String())
	}
	return decodeDependencies(strings.NewReader(string(out)))
}

func decodeDependencies(r io.Reader) ([]dependency, error) {
	var all []dependency
	for decoder := json.NewDecoder(r); ; {
		var d dependency
		err := decoder.Decode(&d)
		if errors.Is(err, io.EOF) {
			return all, nil
		}
		if err != nil {
			return nil, fmt.Errorf("read what go list prints: %w", err)
		}
		all = append(all, d)
	}
}

// checkLinked finds modules outside the lists that a program importing api would link, and
// packages of ours that import modules other than the roots.
func checkLinked(all []dependency) []finding {
	var found []finding
	moduleOf := map[string]string{}
	for _, d := range all {
		if d.Error != nil {
			found = append(found, finding{where: d.ImportPath, what: d.Error.Err})
		}
		if d.Module != nil {
			moduleOf[d.ImportPath] = d.Module.Path
		}
	}
	reported := map[string]bool{}
	for _, d := range all {
		module := moduleOf[d.ImportPath]
		if module == "" || d.own() || linkable(module) || reported[module] {
			continue
		}
		reported[module] = true
		found = append(found, finding{where: module, what: "would be linked by every program that imports api; " + chain(all, d.ImportPath)})
	}
	for _, d := range all {
		if d.own() {
			found = append(found, pastRoots(d, moduleOf)...)
		}
	}
	return found
}

func linkable(module string) bool {
	return !slices.Contains(linkNever, module) && (slices.Contains(linkRoots, module) || slices.Contains(linkClosure, module))
}

// pastRoots finds direct imports of modules that are not roots.
func pastRoots(d dependency, moduleOf map[string]string) []finding {
	var found []finding
	for _, target := range d.Imports {
		module := moduleOf[target]
		if module == "" || module == modulePath || slices.Contains(linkRoots, module) {
			continue
		}
		found = append(found, finding{where: d.ImportPath, what: "imports " + target + ", and " + module + " is not one of linkRoots"})
	}
	return found
}

// chain says which package imports target, for the message.
func chain(all []dependency, target string) string {
	for _, d := range all {
		if slices.Contains(d.Imports, target) {
			return d.ImportPath + " imports " + target
		}
	}
	return target + " is listed by itself"
}
