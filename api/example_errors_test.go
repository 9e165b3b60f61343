package api_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/api"
)

// A request is repeated if that may help and nobody can have acted on it yet.
func ExampleRetryable() {
	s := startServer()
	defer s.Shutdown()
	nc := connect(s)
	defer nc.Close()

	reserve := func() (err error) {
		for attempt := range 3 {
			if _, err = nc.Request("seats.reserve", []byte("12A"), time.Second); err == nil {
				return nil
			}
			if !api.Retryable(err) || api.MaybeSent(err) {
				return err
			}
			if attempt == 0 { // the service starts late
				_, _ = nc.Subscribe("seats.reserve", func(m *api.Msg) { _ = m.Respond(nil) })
			}
		}
		return err
	}
	fmt.Println(reserve())
	// Output: <nil>
}

// A category can label a metric, and says who can do something about the error.
func ExampleCategoryOf() {
	s := startServer()
	defer s.Shutdown()
	nc := connect(s)
	defer nc.Close()

	failures := map[api.Category]int{}
	_, nobody := nc.Request("nobody", nil, time.Second)
	for _, err := range []error{nil, nobody, nc.Publish("no subject", nil), errors.New("of another library")} {
		failures[api.CategoryOf(err)]++
	}
	fmt.Println(failures[api.CategoryUnavailable], failures[api.CategoryInput], failures[api.CategoryUnknown])
	// Output: 1 1 1
}
