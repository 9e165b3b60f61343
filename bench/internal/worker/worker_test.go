package main

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/troupe-go/troupe/bench/internal/echo"
	"github.com/troupe-go/troupe/bench/internal/job"
	"github.com/troupe-go/troupe/bench/internal/stub"
	"github.com/troupe-go/troupe/faults/natsserver"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// newStub returns the address of a stub that lives as long as the test.
func newStub(t *testing.T) job.Address {
	t.Helper()
	s, err := stub.Start()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s.Address()
}

// done does a job and checks what holds for all of them.
func done(t *testing.T, j *job.Job) *job.Result {
	t.Helper()
	r, err := suites[j.Suite](j)
	if err != nil {
		t.Fatal(err)
	}
	if r.Figure <= 0 || r.Dropped != 0 || r.Elapsed <= 0 {
		t.Errorf("result %+v", r)
	}
	return r
}

func TestSuitesAgainstTheStub(t *testing.T) {
	for name, j := range map[string]job.Job{
		"dispatch to one":       {Suite: job.Dispatch, Subs: 1, Size: 16, Count: 10_000, Warmup: 1000, Window: 1000},
		"dispatch in one burst": {Suite: job.Dispatch, Subs: 1, Size: 16, Count: 1000, Warmup: 1000, Window: 1000},
		"dispatch to many":      {Suite: job.Dispatch, Subs: 100, Size: 16, Count: 10_000, Warmup: 1000, Window: 1000},
		"dispatch with headers": {Suite: job.Dispatch, Subs: 3, Size: 128, Headers: 3, Count: 900, Warmup: 300, Window: 300},
		"dispatch borrowed":     {Suite: job.Dispatch, Subs: 2, Size: 16, Count: 1000, Warmup: 100, Window: 100, Borrowed: true},
		"publish":               {Suite: job.Publish, Size: 16, Goroutines: 1, Count: 1000, Warmup: 10},
		"publish by many":       {Suite: job.Publish, Size: 16, Goroutines: 7, Count: 1000, Warmup: 3},
		"publish with headers":  {Suite: job.Publish, Size: 128, Headers: 3, Goroutines: 2, Count: 1000, Warmup: 3},
		"subscribe":             {Suite: job.Subscribe, Subs: 100, Count: 100, Warmup: 10},
	} {
		t.Run(name, func(t *testing.T) {
			j.Address = newStub(t)
			done(t, &j)
		})
	}
}

func TestMemoryIsThatOfTheSubscriptions(t *testing.T) {
	r := done(t, &job.Job{Suite: job.Memory, Address: newStub(t), Subs: 2000, Count: 2000})
	if r.Figure < 100 || r.Figure > 10_000 {
		t.Errorf("an idle subscription holds %.0f bytes", r.Figure)
	}
	if _, ok := r.Extra["goroutines per subscription"]; !ok {
		t.Error("no goroutines are reported")
	}
}

func TestReconnectFindsTheSubscriptionsAgain(t *testing.T) {
	r := done(t, &job.Job{Suite: job.Reconnect, Address: newStub(t), Subs: 500, Count: 2})
	if after := r.Extra["ms after accept"]; after <= 0 || after > r.Figure/1e6 {
		t.Errorf("%v ms after accepting, %v ms in all", after, r.Figure/1e6)
	}
}

func TestIsolationComparesWithTheBusyOneAlone(t *testing.T) {
	r := done(t, &job.Job{Suite: job.Isolation, Address: newStub(t), Size: 16, Count: 800, Warmup: 80})
	if r.Extra["p99 alone µs"] <= 0 || r.Extra["p99 beside/alone"] <= 0 {
		t.Errorf("further figures %v", r.Extra)
	}
}

func TestRequestsAgainstARealServer(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{})
	conn, err := echo.Start(strings.TrimPrefix(s.URL(), "nats://"), job.EchoSubject)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, goroutines := range []int{1, 8} {
		r := done(t, &job.Job{Suite: job.Request, Address: job.Address{URL: s.URL()}, Size: 16, Goroutines: goroutines, Count: 400, Warmup: 8})
		if r.Percentiles["p50"] <= 0 || r.Percentiles["p99"] < r.Percentiles["p50"] {
			t.Errorf("percentiles %v", r.Percentiles)
		}
	}
}

func TestAProfileIsWritten(t *testing.T) {
	path := filepath.Join(t.TempDir(), "run")
	done(t, &job.Job{Suite: job.Publish, Address: newStub(t), Size: 16, Goroutines: 1, Count: 1000, Warmup: 1, Profile: path})
	for _, ending := range []string{".cpu.pprof", ".allocs.pprof"} {
		if _, err := os.Stat(path + ending); err != nil {
			t.Error(err)
		}
	}
}

func TestWhatIsNotWhatWasSentCounts(t *testing.T) {
	ty := &tally{size: 2, subs: 10, header: stub.HeaderName(0)}
	handle := ty.handler(&slot{quota: 100})
	right := Header{}
	right.Set(stub.HeaderName(0), stub.HeaderValue)
	handle(&Msg{Data: []byte("ok"), Header: right})
	if n := ty.wrong.Load(); n != 0 {
		t.Errorf("%d wrong messages after a right one", n)
	}
	handle(&Msg{Data: []byte("long"), Header: right})
	handle(&Msg{Data: []byte("ok")})
	if n := ty.wrong.Load(); n != 2 {
		t.Errorf("%d wrong messages, want 2: another size, no header", n)
	}
}

func TestASuiteWithoutAServerFails(t *testing.T) {
	address := newStub(t)
	for name, do := range suites {
		_, err := do(&job.Job{Suite: name, Subs: 1, Goroutines: 1, Count: 1, Window: 1, Address: job.Address{URL: "nats://127.0.0.1:1", Control: address.Control}})
		if err == nil {
			t.Errorf("%s without a server is no error", name)
		}
	}
}

func TestStreamsOfARealServer(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{JetStream: true})
	for _, j := range []job.Job{{}, {File: true}, {Wait: true}, {File: true, Wait: true},
		{Pull: job.Consume}, {Pull: job.Consume, Acks: true}, {Pull: job.Fetch, Acks: true}, {Best: true}, {Read: true}} {
		j.Suite, j.Address = job.Stream, job.Address{URL: s.URL()}
		j.Size, j.Count, j.Warmup = 128, 500, 10
		done(t, &j)
	}
}

func TestBucketsOfARealServer(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{JetStream: true})
	for _, j := range []job.Job{
		{Do: job.Get, Count: 64, Goroutines: 1}, {Do: job.Put, Count: 64, Goroutines: 8}, {Do: job.Update, Count: 64, Goroutines: 1},
		{Do: job.Keys, Count: 20}, {Do: job.Watch, Count: 60, Warmup: 6, Subs: 3},
	} {
		j.Suite, j.Address, j.Size, j.Keys = job.KeyValue, job.Address{URL: s.URL()}, 128, 10
		done(t, &j)
	}
	for _, do := range []string{job.Put, job.Get} {
		done(t, &job.Job{Suite: job.Object, Do: do, Address: job.Address{URL: s.URL()}, Size: 1 << 20, Chunk: 1 << 16, Count: 2, Warmup: 1})
	}
}

func TestServiceOnARealServer(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{})
	for _, j := range []job.Job{{Size: 16, Goroutines: 1}, {Size: 16, Goroutines: 8}, {Size: 128, Headers: 3, Goroutines: 8}} {
		j.Suite, j.Address, j.Count, j.Warmup = job.Service, job.Address{URL: s.URL()}, 64, 8
		done(t, &j)
	}
}
