package examples

import (
	"context"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// takesMax bounds the run of one program, also on a busy machine.
const takesMax = time.Minute

// TestEveryExampleFromOutside builds all of them and runs each without arguments.
func TestEveryExampleFromOutside(t *testing.T) {
	dir := t.TempDir()
	if text, err := exec.CommandContext(t.Context(), "go", "build", "-buildvcs=false", "-o", dir+string(filepath.Separator), "./...").CombinedOutput(); err != nil {
		t.Fatalf("go build: %v\n%s", err, text)
	}
	programs, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	documentation, err := os.ReadFile("doc.go")
	if err != nil {
		t.Fatal(err)
	}
	if listed := strings.Count(string(documentation), "go run ./examples/"); listed != len(programs) {
		t.Errorf("doc.go lists %d examples, there are %d", listed, len(programs))
	}
	for _, program := range programs {
		name := strings.TrimSuffix(program.Name(), ".exe")
		t.Run(name, func(t *testing.T) {
			ctx, cancel := context.WithTimeout(t.Context(), takesMax)
			defer cancel()
			text, err := exec.CommandContext(ctx, filepath.Join(dir, program.Name())).CombinedOutput()
			if err != nil || !strings.HasSuffix(string(text), "\n"+name+": ok\n") {
				t.Errorf("%v\n%s", err, text)
			}
			if !strings.Contains(string(documentation), "go run ./examples/"+name+" ") {
				t.Errorf("doc.go does not list %s", name)
			}
		})
	}
}
