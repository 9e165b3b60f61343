package bare

import (
	"strings"
	"testing"

	"github.com/troupe-go/troupe/bench/internal/echo"
	"github.com/troupe-go/troupe/bench/internal/job"
	"github.com/troupe-go/troupe/bench/internal/stub"
	"github.com/troupe-go/troupe/faults/natsserver"
	"go.uber.org/goleak"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

func TestLimitsOfTheStub(t *testing.T) {
	s, err := stub.Start()
	if err != nil {
		t.Fatal(err)
	}
	defer s.Close()
	for name, j := range map[string]job.Job{
		"dispatch":          {Suite: job.Dispatch, Subs: 10, Size: 16, Count: 1000, Window: 10},
		"dispatch headers":  {Suite: job.Dispatch, Subs: 1, Size: 128, Headers: 3, Count: 1000, Window: 10},
		"publish":           {Suite: job.Publish, Size: 16, Count: 100_001},
		"publish headers":   {Suite: job.Publish, Size: 16, Headers: 3, Count: 1000},
		"publish big":       {Suite: job.Publish, Size: 2 << 20, Count: 3},
		"dispatch in parts": {Suite: job.Dispatch, Subs: 3, Size: 7, Count: 100_000, Window: 3},
	} {
		t.Run(name, func(t *testing.T) {
			j.Address = s.Address()
			r, err := Do(&j)
			if err != nil {
				t.Fatal(err)
			}
			if r.Figure <= 0 || r.Elapsed <= 0 {
				t.Errorf("result %+v", r)
			}
		})
	}
}

func TestLimitsOfARealServer(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{})
	conn, err := echo.Start(strings.TrimPrefix(s.URL(), "nats://"), job.EchoSubject)
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	for _, goroutines := range []int{1, 64} {
		j := job.Job{Suite: job.Request, Address: job.Address{URL: s.URL()}, Size: 16, Goroutines: goroutines, Count: 200, Warmup: 10}
		r, err := Do(&j)
		if err != nil {
			t.Fatal(err)
		}
		if r.Figure <= 0 || r.Percentiles["p50"] <= 0 || r.Percentiles["p99"] < r.Percentiles["p50"] {
			t.Errorf("%d at a time: %+v", goroutines, r)
		}
	}
}

func TestLimitsOfObjects(t *testing.T) {
	s := natsserver.Run(t, natsserver.Options{JetStream: true})
	for _, do := range []string{job.Put, job.Get} {
		for _, size := range []int{1, 100_000, 100_001, 9 << 20} {
			j := job.Job{Suite: job.Object, Do: do, Address: job.Address{URL: s.URL()}, Size: size, Chunk: 100_000, Count: 2, Warmup: 1}
			r, err := Do(&j)
			if err != nil {
				t.Fatal(err)
			}
			if r.Figure <= 0 {
				t.Errorf("%s of %d bytes: %+v", do, size, r)
			}
		}
	}
}

func TestThereIsNoLimitForOtherSuites(t *testing.T) {
	if Has(job.Memory) {
		t.Error("there is a limit for memory")
	}
	if _, err := Do(&job.Job{Suite: job.Memory}); err == nil {
		t.Error("memory is no error")
	}
}
