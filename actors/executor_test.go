package actors

import (
	"runtime"
	"sync"
	"testing"
	"testing/synctest"
	"time"
)

// tasks makes n queued mailboxes, linked for submitAll, whose turn calls f.
func tasks(e *executor, n int, f func(i int)) (first, last *mailbox) {
	for i := range n {
		m, in, _ := bareMailbox(10, nil)
		in.on = func(any) { f(i) }
		m.schedule = e.submit
		m.control.push("go")
		m.state = runQueued
		if first == nil {
			first = m
		} else {
			last.nextRunnable = m
		}
		last = m
	}
	return first, last
}

// TestExecutorRunsEachOnce, more than there are runners, submitted together.
func TestExecutorRunsEachOnce(t *testing.T) {
	e := newExecutor()
	e.retain()
	const n = 5000
	var all sync.WaitGroup
	all.Add(n)
	var mu sync.Mutex
	seen := make([]int, n)
	first, last := tasks(e, n, func(i int) {
		mu.Lock()
		seen[i]++
		mu.Unlock()
		all.Done()
	})
	e.submitAll(first, last, n)
	all.Wait()
	e.release()
	e.settle(time.Minute)
	for i, times := range seen {
		if times != 1 {
			t.Fatalf("mailbox %d ran %d times", i, times)
		}
	}
	if e.runners != 0 || len(e.all) != 0 {
		t.Errorf("%d runners are left", e.runners)
	}
}

// TestABlockedRunnerIsReplaced after stallAfter, once for each that blocks, and the extra
// runners leave when they are no longer needed.
func TestABlockedRunnerIsReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newExecutor()
		e.retain()
		release := make(chan struct{})
		blocked := 10 * e.base
		var entered []time.Duration
		var mu sync.Mutex
		start := time.Now()
		first, last := tasks(e, blocked, func(int) {
			mu.Lock()
			entered = append(entered, time.Since(start))
			mu.Unlock()
			<-release
		})
		e.submitAll(first, last, blocked)
		time.Sleep(time.Second)
		mu.Lock()
		defer mu.Unlock()
		if len(entered) != blocked {
			t.Fatalf("%d of %d have begun", len(entered), blocked)
		}
		for i, at := range entered {
			if most := time.Duration(max(0, i-e.base+2)) * stallAfter; at > most {
				t.Errorf("number %d began after %v, at most %v expected", i, at, most)
			}
		}
		done := make(chan struct{})
		one, _ := tasks(e, 1, func(int) { close(done) })
		asked := time.Now()
		e.submit(one)
		<-done
		if took := time.Since(asked); took > 2*stallAfter {
			t.Errorf("a neighbour of %d blocked ones waited %v", blocked, took)
		}
		close(release)
		synctest.Wait()
		if e.runners > e.base {
			t.Errorf("%d runners stay, want at most %d", e.runners, e.base)
		}
		e.release()
		e.settle(time.Minute)
	})
}

// TestExecutorSettlesWithinItsBound while a handler goes on.
func TestExecutorSettlesWithinItsBound(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		e := newExecutor()
		e.retain()
		release := make(chan struct{})
		one, _ := tasks(e, 1, func(int) { <-release })
		e.submit(one)
		synctest.Wait()
		e.release()
		start := time.Now()
		e.settle(time.Second)
		if took := time.Since(start); took != time.Second {
			t.Errorf("settled after %v", took)
		}
		close(release)
		e.settle(time.Second)
		if took := time.Since(start); took != time.Second || e.runners != 0 {
			t.Errorf("%d runners after %v", e.runners, took)
		}
	})
}

// TestExecutorAfterGoexit replaces the runner that was ended.
func TestExecutorAfterGoexit(t *testing.T) {
	e := newExecutor()
	e.retain()
	const n = 50
	var all sync.WaitGroup
	all.Add(n)
	first, last := tasks(e, n, func(int) {
		all.Done()
		runtime.Goexit()
	})
	e.submitAll(first, last, n)
	all.Wait()
	done := make(chan struct{})
	one, _ := tasks(e, 1, func(int) { close(done) })
	e.submit(one)
	<-done
	e.release()
	e.settle(time.Minute)
	if e.runners != 0 {
		t.Errorf("%d runners are left", e.runners)
	}
}

// TestExecutorKnowsItsOwn: a goroutine can ask which mailbox it runs.
func TestExecutorKnowsItsOwn(t *testing.T) {
	e := newExecutor()
	e.retain()
	if e.current() != nil {
		t.Error("the test runs a mailbox")
	}
	got := make(chan *mailbox, 2)
	one, _ := tasks(e, 1, func(int) {
		got <- e.current()
		go func() { got <- e.current() }()
	})
	e.submit(one)
	if m := <-got; m != one {
		t.Errorf("in its turn: %p, want %p", m, one)
	}
	if m := <-got; m != nil {
		t.Errorf("in a goroutine of its own: %p", m)
	}
	e.release()
	e.settle(time.Minute)
}

// TestExecutorWithoutUsers still runs what it is given, and keeps no runner.
func TestExecutorWithoutUsers(t *testing.T) {
	e := newExecutor()
	done := make(chan struct{})
	one, _ := tasks(e, 1, func(int) { close(done) })
	e.submit(one)
	<-done
	e.settle(time.Minute)
	if e.runners != 0 || len(e.idle) != 0 {
		t.Errorf("%d runners stay without a user", e.runners)
	}
}
