package main

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
)

// workerPackage is compiled once for each client.
const workerPackage = "github.com/troupe-go/troupe/bench/internal/worker"

// workers are the paths of the compiled workers.
type workers struct{ peer, troupe string }

// buildWorkers compiles the workers into a temporary directory, which remove deletes.
// With self both are nats.go's.
func buildWorkers(ctx context.Context, self bool) (w workers, remove func(), err error) {
	dir, err := os.MkdirTemp("", "troupe-bench-")
	if err != nil {
		return w, nil, err
	}
	// What cannot be removed stays in the system's temporary directory.
	remove = func() { _ = os.RemoveAll(dir) }
	if w.peer, err = buildWorker(ctx, dir, "natsgo"); err != nil {
		remove()
		return w, nil, err
	}
	if self {
		w.troupe = w.peer
		return w, remove, nil
	}
	if w.troupe, err = buildWorker(ctx, dir, "troupe"); err != nil {
		remove()
		return w, nil, err
	}
	return w, remove, nil
}

// buildWorker compiles the worker with a build tag.
func buildWorker(ctx context.Context, dir, tag string) (string, error) {
	path := filepath.Join(dir, "worker-"+tag)
	if runtime.GOOS == "windows" {
		path += ".exe"
	}
	out, err := exec.CommandContext(ctx, "go", "build", "-tags", tag, "-o", path, workerPackage).CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("compile the worker for %s (in the module's directory?): %w\n%s", tag, err, out)
	}
	return path, nil
}
