package api_test

import (
	"bytes"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/troupe-go/troupe/faults/natsserver"
	"github.com/troupe-go/troupe/internal/must"
)

// The import of the programs in testdata/porting, and what it is replaced with.
const (
	importOfPeer = `"github.com/nats-io/nats.go"`
	importOfOurs = `nats "github.com/troupe-go/troupe/api"`
)

// build compiles the programs of testdata/porting with their import replaced, and
// returns the file.
func build(t *testing.T, replacement string) string {
	t.Helper()
	dir := t.TempDir()
	sources := must.Get(filepath.Glob(filepath.Join("testdata", "porting", "*.go")))(t)
	args := []string{"build", "-buildvcs=false", "-o", filepath.Join(dir, "program.exe")} // the ending matters on Windows only
	for _, source := range sources {
		text := string(must.Get(os.ReadFile(source))(t))
		if strings.Count(text, importOfPeer) != 1 {
			t.Fatalf("%s does not import nats.go", source)
		}
		copied := filepath.Join(dir, filepath.Base(source))
		must.Do(t, os.WriteFile(copied, []byte(strings.Replace(text, importOfPeer, replacement, 1)), 0o600))
		args = append(args, copied)
	}
	if text, err := exec.CommandContext(t.Context(), "go", args...).CombinedOutput(); err != nil {
		t.Fatalf("with the import %s: %v\n%s", replacement, err, text)
	}
	return args[3]
}

// TestProgramsOfNatsGo runs programs that were written for nats.go, once with it and once,
// with only the import replaced, with troupe: they print the same, except for intended
// differences.
func TestProgramsOfNatsGo(t *testing.T) {
	programs := [2]string{build(t, importOfPeer), build(t, importOfOurs)}
	s := natsserver.Run(t, natsserver.Options{Name: "porting"})
	guarded := natsserver.Run(t, natsserver.Options{Name: "guarded", User: "ann", Password: "secret"})
	for name, url := range map[string]string{
		"pubsub": s.URL(), "request": s.URL(), "workers": s.URL(), "drain": s.URL(), "headers": s.URL(), "status": s.URL(),
		"options": guarded.URL(),
	} {
		t.Run(name, func(t *testing.T) {
			theirs, ours := printed(t, programs[0], name, url), printed(t, programs[1], name, url)
			if diff := cmp.Diff(theirs, ours); diff != "" {
				t.Errorf("nats.go prints what stands after -, troupe what stands after +\n%s", diff)
			}
		})
	}
	t.Run("differences", func(t *testing.T) {
		var want [2]string
		for _, d := range differences {
			want[0] += d.what + ": " + d.theirs + "\n"
			want[1] += d.what + ": " + d.ours + "\n"
		}
		for i, program := range programs {
			if diff := cmp.Diff(want[i]+"done\n", printed(t, program, "differences", s.URL())); diff != "" {
				t.Errorf("%s (- wanted, + printed)\n%s", [2]string{"nats.go", "troupe"}[i], diff)
			}
		}
	})
}

// printed returns what a program prints.
func printed(t *testing.T, program, name, url string) string {
	t.Helper()
	command := exec.CommandContext(must.Within(t, patience), program, name, url)
	var complaints bytes.Buffer
	command.Stderr = &complaints
	out, err := command.Output()
	if err != nil || !strings.HasSuffix(string(out), "done\n") {
		t.Fatalf("%v %s\n%s", err, &complaints, out)
	}
	return string(out)
}

// differences are what testdata/porting/differences.go prints. docs/PORTING.md
// gives the reasons.
var differences = []struct{ what, theirs, ours string }{
	{"an error compared with ==", "== true, errors.Is true", "== false, errors.Is true"},
	{"the text of an error", "nats:", "troupe:"},
	{"an error without ErrorHandler", "printed true", "printed false"},
	{"a refused connection", "ErrNoServers true, ECONNREFUSED false", "ErrNoServers true, ECONNREFUSED true"},
	{"a request without time", "ErrTimeout true, ErrBadTimeout false", "ErrTimeout false, ErrBadTimeout true"},
	{"a publish to a.*", "no error", "ErrBadSubject"},
	{"a publish to a..b", "no error", "ErrBadSubject"},
	{"a line end in a header", `comes as "a  B: c"`, "refused"},
	{"blanks around a header's value", `comes as "a"`, `comes as "a "`},
	{"an empty list of values", "panics", `""`},
	{"NextMsg of a channel's", "no error", "ErrSyncSubRequired"},
	{"AutoUnsubscribe(-1)", "no error, valid false", "ErrInvalidArg, valid true"},
	{"the end of a connection for its subscriptions' listeners", "is not told", "is told"},
	{"the DrainTimeout of bare Options", "0s", "30s"},
	{"an empty server pool", "no error", "ErrInvalidArg"},
	{"one server listed twice", "2", "1"},
	{"headers before the first connect", "ErrHeadersNotSupported", "no error"},
	{"a drain without server", "ErrConnectionReconnecting true, closed true", "ErrConnectionReconnecting true, closed false"},
	{"a lost link and its requests", "ErrDisconnected false, ErrTimeout true", "ErrDisconnected true, ErrTimeout false"},
	{"a lost link and its flushes", "ErrDisconnected false, ErrConnectionClosed true", "ErrDisconnected true, ErrConnectionClosed false"},
	{"the cause of an end without reconnect", "nil true", "nil false"},
	{"a subscription that the server refuses", "ErrBadSubject false, connected false", "ErrBadSubject true, connected true"},
	{"an unknown error of a server", "closes the connection", "is reported"},
}
