package main

import (
	"bytes"
	"errors"
	"net"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"github.com/nats-io/nats-server/v2/server"
	"go.uber.org/goleak"

	"github.com/troupe-go/troupe/faults/natsserver"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, goleak.IgnoreAnyFunction(natsserver.StoreClock))
}

// What is promised about the output.
const (
	linesMax   = 60
	columnsMax = 100
	takesMax   = 15 * time.Second
)

// checkOutput checks the form of what was printed without a terminal.
func checkOutput(t *testing.T, text string) (last string) {
	t.Helper()
	if strings.ContainsAny(text, "\x1b\r") {
		t.Errorf("escape codes without a terminal:\n%q", text)
	}
	all := strings.Split(strings.TrimSuffix(text, "\n"), "\n")
	if len(all) > linesMax {
		t.Errorf("%d lines, want at most %d", len(all), linesMax)
	}
	for _, line := range all {
		if strings.HasPrefix(line, "quickstart: FAILED: ") {
			continue // a reason is not cut off
		}
		if n := utf8.RuneCountInString(line); n > columnsMax {
			t.Errorf("%d columns, want at most %d: %s", n, columnsMax, line)
		}
	}
	if t.Failed() {
		t.Logf("the output:\n%s", text)
	}
	return all[len(all)-1]
}

// contains checks that every part is in text.
func contains(t *testing.T, text string, parts ...string) {
	t.Helper()
	for _, part := range parts {
		if !strings.Contains(text, part) {
			t.Errorf("%q is missing in\n%s", part, text)
		}
	}
}

// steadyParts are the parts of the output that do not depend on time or luck.
var steadyParts = []string{
	"ok  publish/subscribe  1,000 messages published, 1,000 received, in order\n",
	"ok  queue group        3,000 jobs = ",
	"ok  request/reply      200 questions one by one, 200 right answers, ",
	"ok  no responders      a request to nobody failed after ",
	"ok  panic              a handler panicked on message 4 of 10: 1 restart, the other 9 handled\n",
	`"order 4 is upside down"`,
	"ok  slow subscriber    10,000 sent = 1,000 delivered + 9,000 dropped for want of room, as reported\n",
	"a fast one beside it got all 10,000 while the slow one stood still\n",
	"restarts 1  quickstart.",
	"ok  service            2 instances found in ",
	", 100 calls, 100 right answers\n",
	"half of 7 fails as its handler says: \"ODD: 7 has no half\"\n",
	"30 calls at once, with room for 10: 10 answered, 20 shed as OVERLOADED\n",
}

func TestTheWholeProgramme(t *testing.T) {
	var out, complaints bytes.Buffer
	code := run(nil, &out, &complaints)
	if last := checkOutput(t, out.String()); code != 0 || last != "quickstart: ok" || complaints.Len() > 0 {
		t.Fatalf("exit %d, last line %q, complaints %q\n%s", code, last, &complaints, &out)
	}
	contains(t, out.String(), steadyParts...)
	contains(t, out.String(), "ok  server killed      amid 100,000 messages, then restarted; connected again after ",
		" delivered, none of them twice\n", "started inside this program", "The same actors now",
		"ok  stream             ORDERS on 3 servers, its consumer led by server", " s  suspect: ",
		"3,000 published with ids = 3,000 stored = 3,000 handled: the books balance\n",
		"ok  key-value watch    2,000 keys created = 2,000 seen by a watcher, each once and in order,\n",
		"ok  object             8 MiB in 64 chunks put and got back in ", "it was cut off 4 times (resumed at the next chunk: ")
}

// The program itself, with the race detector if the tests have it.
func TestTheProgramFromOutside(t *testing.T) {
	binary := filepath.Join(t.TempDir(), "quickstart.exe") // the ending matters on Windows only
	build := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", raceFlag, "-o", binary, ".")
	if text, err := build.CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, text)
	}
	t.Run("without arguments", func(t *testing.T) {
		program := exec.CommandContext(t.Context(), binary)
		text, err := program.CombinedOutput()
		// On a machine that others keep busy it may take much longer than it computes.
		if took := program.ProcessState.UserTime() + program.ProcessState.SystemTime(); took > takesMax {
			t.Errorf("it computed for %v, want at most %v", took, takesMax)
		}
		if last := checkOutput(t, string(text)); err != nil || last != "quickstart: ok" {
			t.Fatalf("%v, last line %q\n%s", err, last, text)
		}
	})
	t.Run("with a wrong address", func(t *testing.T) {
		text, err := exec.CommandContext(t.Context(), binary, "-url", "http://127.0.0.1").CombinedOutput()
		var exit *exec.ExitError
		if !errors.As(err, &exit) || exit.ExitCode() != 2 {
			t.Fatalf("%v, want exit code 2\n%s", err, text)
		}
		contains(t, string(text), "-url is not the address of a NATS server")
	})
}

func TestWithSomebodyElsesServer(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{User: "ann", Password: "secret"})
	var out, complaints bytes.Buffer
	url := strings.Replace(s.URL(), "://", "://ann:secret@", 1)
	code := run([]string{"-url", url}, &out, &complaints)
	if last := checkOutput(t, out.String()); code != 0 || last != "quickstart: ok" {
		t.Fatalf("exit %d, last line %q, complaints %q\n%s", code, last, &complaints, &out)
	}
	contains(t, out.String(), steadyParts...)
	contains(t, out.String(), ", yours, at nats://ann:xxxxx@",
		"-   server killed      left out: the server at -url is not ours to kill\n", "-   leader killed      left out")
	if strings.Contains(out.String(), "secret") {
		t.Errorf("the password is shown:\n%s", &out)
	}
	if !s.Running() {
		t.Error("the server was killed")
	}
}

// A server that allows no publishing makes the first counts wrong.
func TestWrongCountsFail(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{Edit: func(o *server.Options) {
		o.Users = []*server.User{{Username: "mute", Password: "m", Permissions: &server.Permissions{
			Publish: &server.SubjectPermission{Deny: []string{"quickstart.>"}},
		}}}
	}})
	var out, complaints bytes.Buffer
	code := run([]string{"-url", strings.Replace(s.URL(), "://", "://mute:m@", 1)}, &out, &complaints)
	last := checkOutput(t, out.String())
	if code != 1 || !strings.HasPrefix(last, "quickstart: FAILED: publish/subscribe: 1000 published, 0 received") {
		t.Fatalf("exit %d, last line %q, complaints %q", code, last, &complaints)
	}
	contains(t, out.String(), "no  publish/subscribe  failed\n")
}

func TestBadArguments(t *testing.T) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	nobody := listener.Addr().String()
	if err := listener.Close(); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		name string
		args []string
		code int
		want string
	}{
		{"unknown flag", []string{"-x"}, 2, "flag provided but not defined: -x"},
		{"an argument", []string{"nats://127.0.0.1"}, 2, `"nats://127.0.0.1" is not a flag`},
		{"flag without value", []string{"-url"}, 2, "flag needs an argument: -url"},
		{"another protocol", []string{"-url", "http://127.0.0.1"}, 2, "-url is not the address of a NATS server"},
		{"bad port", []string{"-url", "nats://127.0.0.1:port"}, 2, "-url is not the address of a NATS server"},
		{"nobody there", []string{"-url", "nats://" + nobody}, 2, "no connection to a NATS server at -url"},
		{"help", []string{"-help"}, 0, "use the NATS server at this address"},
	} {
		t.Run(test.name, func(t *testing.T) {
			var out, complaints bytes.Buffer
			if code := run(test.args, &out, &complaints); code != test.code {
				t.Errorf("exit %d, want %d", code, test.code)
			}
			contains(t, complaints.String(), test.want)
			if out.Len() > 0 {
				t.Errorf("it printed %q", &out)
			}
		})
	}
}
