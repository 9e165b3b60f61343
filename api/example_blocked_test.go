package api_test

import (
	"errors"
	"fmt"
	"time"

	"github.com/troupe-go/troupe/api"
)

// A call that takes too long is given up, and the messages after it are handled.
func ExampleOnBlocked() {
	s := startServer()
	defer s.Shutdown()
	nc := connect(s)
	defer nc.Close()

	blocked, release := make(chan error), make(chan struct{})
	nc.SetErrorHandler(func(_ *api.Conn, _ *api.Subscription, err error) { blocked <- err })
	handled := make(chan string)
	_, err := nc.Subscribe("jobs", func(m *api.Msg) {
		if string(m.Data) == "endless" {
			<-release
			return
		}
		handled <- string(m.Data)
	}, api.OnBlocked(50*time.Millisecond, api.Restart))
	if err != nil {
		fmt.Println(err)
		return
	}
	_ = nc.Publish("jobs", []byte("endless"))
	_ = nc.Publish("jobs", []byte("the next"))

	fmt.Println(errors.Is(<-blocked, api.ErrHandlerBlocked))
	fmt.Println(<-handled)
	close(release)
	// Output:
	// true
	// the next
}
